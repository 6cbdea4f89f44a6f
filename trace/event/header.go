package event

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Source reads the parts of a header one by one, bounded by what one header
// may hold in all.
type Source struct {
	r     io.Reader
	order binary.ByteOrder
	left  int64
	off   int64

	// Of a source that can be read at any offset: what has megabytes and is seldom
	// needed is left for later.
	at   io.ReaderAt
	base int64
	end  int64
}

// NewSource returns a Source over r.
func NewSource(r io.Reader, layout Layout) *Source {
	return &Source{r: r, order: layout.order(), left: maxTotal}
}

// NewSourceAt returns a Source over what a file has between two offsets.
func NewSourceAt(r io.ReaderAt, from, to int64, layout Layout) *Source {
	s := NewSource(nil, layout)
	s.at, s.base, s.end = r, from, to
	s.seek()
	return s
}

// seek continues at s.off.
func (s *Source) seek() {
	from := s.base + s.off
	s.r = bufio.NewReader(io.NewSectionReader(s.at, from, s.end-from))
}

// later passes a part of n bytes and returns what reads it when it is needed. A part
// that cannot be read later, or is not all there, is read at once.
func (s *Source) later(n uint64) (func() string, error) {
	if s.at == nil || n > uint64(s.left) || n > uint64(max(0, s.end-s.base-s.off)) {
		b, err := s.Bytes(n)
		return func() string { return string(b) }, err
	}
	at, from := s.at, s.base+s.off
	s.off += int64(n)
	s.left -= int64(n)
	s.seek()
	return func() string {
		var b strings.Builder
		// What cannot be read any more has no symbols.
		_, _ = io.Copy(&b, io.NewSectionReader(at, from, int64(n)))
		return b.String()
	}, nil
}

// Offset is the number of bytes read.
func (s *Source) Offset() int64 { return s.off }

// Bytes reads n bytes. Memory grows with what is there, not with what is said.
func (s *Source) Bytes(n uint64) ([]byte, error) {
	if n > uint64(s.left) {
		return nil, fmt.Errorf("offset %d: a part of %d bytes is more than a header may hold", s.off, n)
	}
	var b []byte
	for got := 0; got < int(n); {
		b = slices.Grow(b, int(min(n-uint64(got), max(64<<10, 8*uint64(got)))))[:got]
		more, err := io.ReadFull(s.r, b[got:min(cap(b), int(n))])
		got += more
		b = b[:got]
		s.off += int64(more)
		s.left -= int64(more)
		if err != nil {
			return b, fmt.Errorf("offset %d: %w", s.off, errors.Join(io.ErrUnexpectedEOF, err))
		}
	}
	return b, nil
}

// Rest reads what is left, most bytes of it at the most.
func (s *Source) Rest(most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(s.r, min(most, s.left)))
	s.off += int64(len(b))
	s.left -= int64(len(b))
	return b, err
}

// String reads up to a NUL.
func (s *Source) String() (string, error) {
	var out []byte
	for len(out) < 4096 {
		b, err := s.Bytes(1)
		if err != nil {
			return "", err
		}
		if b[0] == 0 {
			return string(out), nil
		}
		out = append(out, b[0])
	}
	return "", fmt.Errorf("offset %d: a name of more than 4096 bytes", s.off)
}

// U16 reads a number of two bytes; so do U32 and U64 with more.
func (s *Source) U16() (uint16, error) {
	b, err := s.Bytes(2)
	if err != nil {
		return 0, err
	}
	return s.order.Uint16(b), nil
}

// U32 reads a number of four bytes.
func (s *Source) U32() (uint32, error) {
	b, err := s.Bytes(4)
	if err != nil {
		return 0, err
	}
	return s.order.Uint32(b), nil
}

// U64 reads a number of eight bytes.
func (s *Source) U64() (uint64, error) {
	b, err := s.Bytes(8)
	if err != nil {
		return 0, err
	}
	return s.order.Uint64(b), nil
}

// Magic begins every trace.dat and the tracing data of a perf.data.
const Magic = "\x17\x08\x44tracing"

// ReadTracingData reads the header of a trace.dat up to version 6, which
// perf.data embeds as its tracing data. What was read before an error is in the
// catalog, which is nil only where nothing was.
func ReadTracingData(r io.Reader) (*Catalog, error) {
	c, _, err := ReadHeader(bufio.NewReader(r))
	return c, err
}

// ReadHeader is ReadTracingData that also returns where the header ends. For
// version 7 it ends after the page size: what follows are sections.
func ReadHeader(r io.Reader) (*Catalog, *Source, error) { return readHeader(NewSource(r, Layout{})) }

// ReadHeaderAt is ReadHeader of a file of a given size. It passes the symbols, which
// are read when one is asked for.
func ReadHeaderAt(r io.ReaderAt, size int64) (*Catalog, *Source, error) {
	return readHeader(NewSourceAt(r, 0, size, Layout{}))
}

func readHeader(s *Source) (*Catalog, *Source, error) {
	magic, err := s.Bytes(uint64(len(Magic)))
	if err != nil || string(magic) != Magic {
		return nil, nil, errors.Join(errors.New("no tracing data: it does not begin with 17 08 44 \"tracing\""), err)
	}
	version, err := s.String()
	if err != nil {
		return nil, nil, fmt.Errorf("tracing data: version: %w", err)
	}
	head, err := s.Bytes(2)
	if err != nil {
		return nil, nil, fmt.Errorf("tracing data: byte order: %w", err)
	}
	layout := Layout{BigEndian: head[0] != 0, LongSize: int(head[1])}
	if layout.LongSize != 4 && layout.LongSize != 8 {
		return nil, nil, fmt.Errorf("tracing data: a long of %d bytes", layout.LongSize)
	}
	s.order = layout.order()
	c := NewCatalog(layout)
	c.Version = version
	page, err := s.U32()
	if err != nil {
		return nil, nil, fmt.Errorf("tracing data: page size: %w", err)
	}
	c.PageSize = int(page)
	if version == "7" {
		return c, s, nil
	}
	if err := c.readTables(s); err != nil {
		return c, s, fmt.Errorf("tracing data: %w", err)
	}
	return c, s, nil
}

func (c *Catalog) readTables(s *Source) error {
	if err := c.ReadHeaderInfo(s); err != nil {
		return err
	}
	if err := c.ReadFtraceFormats(s); err != nil {
		return err
	}
	if err := c.ReadEventFormats(s); err != nil {
		return err
	}
	n, err := s.U32()
	if err != nil {
		return fmt.Errorf("kallsyms: %w", err)
	}
	symbols, err := s.later(uint64(n))
	c.AddSymbolsLater(symbols)
	if err != nil {
		return fmt.Errorf("kallsyms: %w", err)
	}
	printk, err := s.blob32()
	c.AddPrintk(string(printk))
	if err != nil {
		return fmt.Errorf("printk formats: %w", err)
	}
	if c.Version == "0.5" {
		return nil
	}
	comms, err := s.blob64()
	c.AddComms(string(comms))
	if err != nil {
		return fmt.Errorf("names of tasks: %w", err)
	}
	return nil
}

func (s *Source) blob32() ([]byte, error) {
	n, err := s.U32()
	if err != nil {
		return nil, err
	}
	return s.Bytes(uint64(n))
}

func (s *Source) blob64() ([]byte, error) {
	n, err := s.U64()
	if err != nil {
		return nil, err
	}
	return s.Bytes(n)
}

// ReadHeaderInfo reads the layout of pages and of event headers. They have been
// the same since ring buffers are recorded, so only their presence is checked.
func (c *Catalog) ReadHeaderInfo(s *Source) error {
	for _, want := range []string{"header_page", "header_event"} {
		name, err := s.String()
		if err != nil || name != want {
			return errors.Join(fmt.Errorf("offset %d: want %q, found %q", s.off, want, name), err)
		}
		if _, err := s.blob64(); err != nil {
			return fmt.Errorf("%s: %w", want, err)
		}
	}
	return nil
}

// ReadFtraceFormats reads the formats of ftrace's own events.
func (c *Catalog) ReadFtraceFormats(s *Source) error { return c.readFormats(s, "ftrace") }

func (c *Catalog) readFormats(s *Source, system string) error {
	n, err := s.U32()
	if err != nil || n > maxFormats {
		return errors.Join(fmt.Errorf("system %q: %d formats", system, n), err)
	}
	for range n {
		text, err := s.blob64()
		if err != nil {
			return fmt.Errorf("formats of system %q: %w", system, err)
		}
		c.AddFormat(system, string(text))
	}
	return nil
}

// ReadEventFormats reads the formats of all systems.
func (c *Catalog) ReadEventFormats(s *Source) error {
	n, err := s.U32()
	if err != nil || n > maxFormats {
		return errors.Join(fmt.Errorf("%d systems of events", n), err)
	}
	for range n {
		system, err := s.String()
		if err != nil {
			return fmt.Errorf("system of events: %w", err)
		}
		if err := c.readFormats(s, system); err != nil {
			return err
		}
	}
	return nil
}
