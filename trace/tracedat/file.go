// Package tracedat reads recordings of trace-cmd: trace.dat of version 6 and 7,
// uncompressed or with zstd or zlib, of either byte order, with instances.
//
// [Open] reads what a file says about itself; [Buffer.Each] then hands out the
// events of all CPUs in the order of time. It holds one page, or one compressed
// chunk, per CPU, whatever the file's size, and allocates nothing per event.
// Events are filtered by number before the CPUs are merged.
//
// A file that is truncated gives what is there: [File.Problems] and [Loss] say
// what is not.
package tracedat

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"ringside/trace/event"
)

// File is a recording.
type File struct {
	Catalog *event.Catalog
	// Buffers are the ring buffers that were recorded: the top one, whose name
	// is empty, and those of instances.
	Buffers []Buffer
	// Compression is "none", "zstd" or "zlib".
	Compression string
	Uname       string
	// CPUs is how many CPUs were recorded.
	CPUs int
	// CPUStats is what the kernel counted for each CPU, as text.
	CPUStats []string
	// Latency says that this is what a latency tracer printed: Text instead of
	// events.
	Latency bool
	Text    string
	// TraceID is the number of the session; of a host, Guests are those of the
	// guests that were recorded with it.
	TraceID uint64
	Guests  []Guest
	// Problems say what could not be read.
	Problems []string

	r       io.ReaderAt
	size    int64
	formats []*event.Format // by number, as far as they were asked for
	clock   clock
}

// Buffer is one ring buffer.
type Buffer struct {
	Name     string
	Clock    string
	PageSize int
	CPUs     []CPU

	file *File
}

// CPU is where a CPU's events are.
type CPU struct {
	CPU    int
	Offset int64
	Size   int64

	compressed bool
}

// Numbers of options, as in trace-cmd's file format.
const (
	optDone = iota
	optDate
	optCPUStat
	optBuffer
	optTraceClock
	optUname
	_
	optOffset
	optCPUCount     = 8
	optTraceID      = 11
	optTimeShift    = 12
	optGuest        = 13
	optTSC2NSEC     = 14
	optHeaderInfo   = 16
	optFtraceEvents = 17
	optEventFormats = 18
	optKallsyms     = 19
	optPrintk       = 20
	optCmdlines     = 21
	optBufferText   = 22
)

const (
	maxCPUs     = 1 << 16
	maxSections = 1 << 12
	maxChunk    = 64 << 20
	maxOption   = 16 << 20
	maxPage     = 16 << 20
	maxText     = 64 << 20
)

// Open reads the descriptions of a recording of a given size.
func Open(r io.ReaderAt, size int64) (*File, error) {
	c, s, err := event.ReadHeaderAt(r, size)
	if c == nil {
		return nil, fmt.Errorf("trace.dat: %w", err)
	}
	f := &File{Catalog: c, Compression: "none", r: r, size: size}
	if err == nil {
		if c.Version == "7" {
			err = f.sections(s)
		} else {
			err = f.linear(s)
		}
	}
	if err != nil {
		f.problem("%v: the rest of the descriptions is lost", err)
	}
	for _, p := range c.Problems {
		f.problem("%v", p)
	}
	for i := range f.Buffers {
		b := &f.Buffers[i]
		b.file = f
		for _, c := range b.CPUs { // not every recording says how many there were
			f.CPUs = max(f.CPUs, min(c.CPU+1, maxCPUs))
		}
		if b.Clock == "" {
			b.Clock = f.clock.name
		}
		for j := range b.CPUs {
			c := &b.CPUs[j]
			if c.Offset < 0 || c.Size < 0 || c.Offset > size || c.Size > size-c.Offset {
				missing := c.Size
				if c.Offset >= 0 && c.Offset <= size {
					missing -= size - c.Offset
				} else {
					c.Offset = size
				}
				if missing > 0 {
					f.problem("buffer %q, CPU %d: %d bytes are not in the file", b.Name, c.CPU, missing)
				}
				c.Size = size - c.Offset
			}
		}
	}
	if len(f.Buffers) == 0 && !f.Latency {
		f.problem("the file ends before it says where its events are")
	}
	return f, nil
}

func (f *File) problem(format string, args ...any) {
	if len(f.Problems) < 100 {
		f.Problems = append(f.Problems, fmt.Sprintf(format, args...))
	}
}

// source reads from an offset on.
func (f *File) source(off int64) (*event.Source, error) {
	if off < 0 || off >= f.size {
		return nil, fmt.Errorf("offset %d is outside of the file of %d bytes", off, f.size)
	}
	return event.NewSourceAt(f.r, off, f.size, f.Catalog.Layout), nil
}

// linear reads what follows the tables of version 6.
func (f *File) linear(s *event.Source) error {
	cpus, err := s.U32()
	if err != nil || cpus > maxCPUs {
		return errors.Join(fmt.Errorf("number of CPUs: %d", cpus), err)
	}
	f.CPUs = int(cpus)
	tag, err := s.Bytes(10)
	if err != nil {
		return fmt.Errorf("options: %w", err)
	}
	var instances []Buffer
	var offsets []int64
	if strings.HasPrefix(string(tag), "options") {
		for {
			id, err := s.U16()
			if err != nil {
				return fmt.Errorf("options: %w", err)
			}
			if id == optDone {
				break
			}
			data, err := f.option(s)
			if err != nil {
				return err
			}
			if id != optBuffer {
				f.describe(id, data)
				continue
			}
			o := event.NewSource(bytes.NewReader(data), f.Catalog.Layout)
			off, err := o.U64()
			name, err2 := o.String()
			if err := errors.Join(err, err2); err != nil {
				return fmt.Errorf("option of an instance: %w", err)
			}
			if len(instances) >= maxSections {
				return errors.New("too many instances")
			}
			instances = append(instances, Buffer{Name: name})
			offsets = append(offsets, int64(off))
		}
		if tag, err = s.Bytes(10); err != nil {
			return fmt.Errorf("kind of recording: %w", err)
		}
	}
	if strings.HasPrefix(string(tag), "latency") {
		f.Latency = true
		text, err := s.Rest(maxText)
		f.Text = string(text)
		return err
	}
	top, err := f.table(s, int(cpus))
	if err != nil {
		return err
	}
	f.Buffers = append(f.Buffers, Buffer{PageSize: f.Catalog.PageSize, CPUs: top})
	for i, b := range instances {
		o, err := f.source(offsets[i])
		if err != nil {
			f.problem("instance %q: %v", b.Name, err)
			continue
		}
		if _, err := o.Bytes(10); err == nil {
			b.CPUs, err = f.table(o, int(cpus))
			if err != nil {
				f.problem("instance %q: %v", b.Name, err)
				continue
			}
		}
		b.PageSize = f.Catalog.PageSize
		f.Buffers = append(f.Buffers, b)
	}
	return nil
}

func (f *File) table(s *event.Source, n int) ([]CPU, error) {
	var cpus []CPU
	for i := range n {
		off, err := s.U64()
		size, err2 := s.U64()
		if err := errors.Join(err, err2); err != nil {
			return cpus, fmt.Errorf("table of CPUs: %w", err)
		}
		cpus = append(cpus, CPU{CPU: i, Offset: int64(off), Size: int64(size)})
	}
	return cpus, nil
}

func (f *File) option(s *event.Source) ([]byte, error) {
	n, err := s.U32()
	if err != nil || n > maxOption {
		return nil, errors.Join(fmt.Errorf("option of %d bytes", n), err)
	}
	return s.Bytes(uint64(n))
}

// describe reads an option that both versions have.
func (f *File) describe(id uint16, data []byte) {
	s := event.NewSource(bytes.NewReader(data), f.Catalog.Layout)
	switch id {
	case optUname:
		f.Uname = strings.TrimRight(string(data), "\x00")
	case optCPUStat:
		f.CPUStats = append(f.CPUStats, strings.TrimRight(string(data), "\x00"))
	case optCPUCount:
		if n, err := s.U32(); err == nil {
			f.CPUs = int(min(n, maxCPUs))
		}
	case optTraceClock:
		f.clock.name = currentClock(string(data))
	case optDate, optOffset, optTSC2NSEC, optTimeShift:
		if err := f.clock.describe(id, data, f.Catalog.Layout); err != nil {
			f.problem("option %d: %v", id, err)
		}
	case optTraceID:
		f.TraceID, _ = s.U64()
	case optGuest:
		if g, err := readGuest(s); err == nil && len(f.Guests) < maxSections {
			f.Guests = append(f.Guests, g)
		}
	}
}

// sections reads what version 7 has: options that point to sections.
func (f *File) sections(s *event.Source) error {
	var err error
	if f.Compression, err = s.String(); err != nil {
		return fmt.Errorf("compression: %w", err)
	}
	if _, err = s.String(); err != nil {
		return fmt.Errorf("version of the compression: %w", err)
	}
	next, err := s.U64()
	if err != nil {
		return fmt.Errorf("offset of the options: %w", err)
	}
	for seen := 0; next != 0; seen++ {
		if seen == maxSections {
			return errors.New("options point to each other without an end")
		}
		body, err := f.section(int64(next), optDone)
		if err != nil {
			return fmt.Errorf("options at %d: %w", next, err)
		}
		next = 0
		o := event.NewSource(bytes.NewReader(body), f.Catalog.Layout)
		for next == 0 {
			id, err := o.U16()
			if err != nil {
				return nil //nolint:nilerr // the last options may end without saying so
			}
			data, err := f.option(o)
			if err != nil {
				return err
			}
			if id == optDone {
				next, _ = event.NewSource(bytes.NewReader(data), f.Catalog.Layout).U64()
				break
			}
			f.pointed(id, data)
		}
	}
	return nil
}

// section reads a section's body; options have the number of DONE.
func (f *File) section(off int64, want uint16) ([]byte, error) {
	s, err := f.source(off)
	if err != nil {
		return nil, err
	}
	id, err := s.U16()
	flags, err2 := s.U16()
	_, err3 := s.U32()
	size, err4 := s.U64()
	if err := errors.Join(err, err2, err3, err4); err != nil {
		return nil, err
	}
	if id != want {
		return nil, fmt.Errorf("section %d where %d was expected", id, want)
	}
	if flags&1 == 0 {
		return s.Bytes(size)
	}
	csize, err := s.U32()
	usize, err2 := s.U32()
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	packed, err := s.Bytes(uint64(csize))
	if err != nil {
		return nil, err
	}
	u, err := newUnpacker(f.Compression)
	if err != nil {
		return nil, err
	}
	defer u.close()
	return u.unpack(nil, packed, usize)
}

// pointed reads an option of version 7, and the section it points to.
func (f *File) pointed(id uint16, data []byte) {
	if id != optBuffer && (id < optHeaderInfo || id > optBufferText) {
		f.describe(id, data)
		return
	}
	o := event.NewSource(bytes.NewReader(data), f.Catalog.Layout)
	off, err := o.U64()
	if err != nil {
		f.problem("option %d: %v", id, err)
		return
	}
	if id == optBuffer {
		if err := f.buffer(o, int64(off)); err != nil {
			f.problem("option of a buffer: %v", err)
		}
		return
	}
	if id == optKallsyms {
		// Megabytes that most uses do not need.
		f.Catalog.AddSymbolsLater(func() string {
			body, err := f.section(int64(off), id)
			if err != nil {
				f.problem("section %d at %d: %v", id, off, err)
			}
			return string(body[min(4, len(body)):])
		})
		return
	}
	body, err := f.section(int64(off), id)
	if err != nil {
		f.problem("section %d at %d: %v", id, off, err)
		return
	}
	s := event.NewSource(bytes.NewReader(body), f.Catalog.Layout)
	switch id {
	case optHeaderInfo:
		err = f.Catalog.ReadHeaderInfo(s)
	case optFtraceEvents:
		err = f.Catalog.ReadFtraceFormats(s)
	case optEventFormats:
		err = f.Catalog.ReadEventFormats(s)
	case optPrintk:
		f.Catalog.AddPrintk(string(body[min(4, len(body)):]))
	case optCmdlines:
		f.Catalog.AddComms(string(body[min(8, len(body)):]))
	case optBufferText:
		f.Latency, f.Text = true, string(body)
	}
	if err != nil {
		f.problem("section %d at %d: %v", id, off, err)
	}
}

func (f *File) buffer(o *event.Source, off int64) error {
	name, err := o.String()
	clock, err2 := o.String()
	page, err3 := o.U32()
	n, err4 := o.U32()
	if err := errors.Join(err, err2, err3, err4); err != nil {
		return err
	}
	s, err := f.source(off)
	if err != nil {
		return err
	}
	_, err = s.U16()
	flags, err2 := s.U16()
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	b := Buffer{Name: name, Clock: clock, PageSize: int(page)}
	for range min(n, maxCPUs) {
		cpu, err := o.U32()
		at, err2 := o.U64()
		size, err3 := o.U64()
		if err := errors.Join(err, err2, err3); err != nil {
			return err
		}
		b.CPUs = append(b.CPUs, CPU{CPU: int(cpu), Offset: int64(at), Size: int64(size), compressed: flags&1 != 0})
	}
	f.Buffers = append(f.Buffers, b)
	return nil
}
