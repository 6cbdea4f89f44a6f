package event

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Catalog is what a recording says about its events. It holds some thousands of
// formats and some hundred thousand symbols, few of which are ever asked for:
// they are read when they are. A Catalog is for one goroutine.
type Catalog struct {
	Layout   Layout
	PageSize int
	// Version of the header: "6", or "0.6" within perf.data.
	Version string

	formats map[int]*Format
	pending map[int]pending // formats that nobody has asked for
	symbols []symbol
	// kallsyms gives the texts that have not been made into symbols.
	kallsyms []func() string
	printk   map[uint64]string
	comms    map[int]string
	// Problems are formats that could not be read.
	Problems []error
}

// pending is a format that has not been read.
type pending struct {
	Head
	text string
}

// Head is what an event is called.
type Head struct {
	System string
	Name   string
	ID     int
}

type symbol struct {
	address uint64
	name    string
	module  string // " [name]", or empty
}

const (
	maxTotal   = 1 << 28 // bytes of all tables of a header
	maxFormats = 1 << 16 // an event's ID has 16 bits
)

// NewCatalog returns an empty catalog.
func NewCatalog(layout Layout) *Catalog {
	return &Catalog{Layout: layout, formats: map[int]*Format{}, pending: map[int]pending{}, printk: map[uint64]string{}, comms: map[int]string{}}
}

// AddFormat takes a format into the catalog. A bad one is kept as a problem: its
// events are counted without being understood.
func (c *Catalog) AddFormat(system, text string) {
	h, err := parseHead(system, text)
	if err != nil {
		c.problem(system, err)
		return
	}
	delete(c.formats, h.ID)
	c.pending[h.ID] = pending{h, text}
}

func (c *Catalog) problem(system string, err error) {
	if len(c.Problems) < 100 {
		c.Problems = append(c.Problems, fmt.Errorf("system %q: %w", system, err))
	}
}

// ByID returns the format of an event's number, nil for none.
func (c *Catalog) ByID(id int) *Format {
	if p, ok := c.pending[id]; ok {
		delete(c.pending, id)
		f, err := ParseFormat(p.System, p.text, c.Layout)
		if err != nil {
			c.problem(p.System, err)
			return nil
		}
		c.formats[id] = f
	}
	return c.formats[id]
}

// Format returns an event's format by name, nil for none.
func (c *Catalog) Format(system, name string) *Format {
	for _, f := range c.formats {
		if f.Name == name && f.System == system {
			return f
		}
	}
	for id, p := range c.pending {
		if p.Name == name && p.System == system {
			return c.ByID(id)
		}
	}
	return nil
}

// Formats returns all formats, sorted by ID.
func (c *Catalog) Formats() []*Format {
	var list []*Format
	for _, h := range c.Heads() {
		if f := c.ByID(h.ID); f != nil {
			list = append(list, f)
		}
	}
	return list
}

// Heads returns what all events are called, sorted by ID, without reading their
// formats.
func (c *Catalog) Heads() []Head {
	list := make([]Head, 0, len(c.formats)+len(c.pending))
	for _, f := range c.formats {
		list = append(list, Head{f.System, f.Name, f.ID})
	}
	for _, p := range c.pending {
		list = append(list, p.Head)
	}
	slices.SortFunc(list, func(a, b Head) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// AddSymbols takes the text of /proc/kallsyms.
func (c *Catalog) AddSymbols(text string) {
	c.AddSymbolsLater(func() string { return text })
}

// AddSymbolsLater takes what gives that text when it is needed.
func (c *Catalog) AddSymbolsLater(text func() string) { c.kallsyms = append(c.kallsyms, text) }

// readSymbols makes symbols of what AddSymbols took.
func (c *Catalog) readSymbols() {
	for _, text := range c.kallsyms {
		c.readKallsyms(text())
	}
	c.kallsyms = nil
	slices.SortStableFunc(c.symbols, func(a, b symbol) int { return cmp.Compare(a.address, b.address) })
}

func (c *Catalog) readKallsyms(text string) {
	for line := range strings.Lines(text) {
		addr, rest, _ := strings.Cut(line, " ")
		kind, name, _ := strings.Cut(rest, " ")
		name, module, found := strings.Cut(strings.TrimSpace(name), "\t")
		if found {
			module = " " + module
		}
		// An absolute symbol is the offset of a per-CPU variable; "$x" marks a
		// change of the instruction set.
		if kind == "A" || kind == "a" || strings.HasPrefix(name, "$") {
			continue
		}
		if at, err := strconv.ParseUint(addr, 16, 64); err == nil && name != "" {
			c.symbols = append(c.symbols, symbol{at, name, module})
		}
	}
}

// Symbol returns the function that an address is in, with its module, and how
// far.
func (c *Catalog) Symbol(addr uint64) (name string, offset uint64, ok bool) {
	s := c.symbol(addr)
	if s == nil {
		return "", 0, false
	}
	return s.name + s.module, addr - s.address, true
}

// Function is Symbol without the module.
func (c *Catalog) Function(addr uint64) (name string, offset uint64, ok bool) {
	s := c.symbol(addr)
	if s == nil {
		return "", 0, false
	}
	return s.name, addr - s.address, true
}

func (c *Catalog) symbol(addr uint64) *symbol {
	if len(c.kallsyms) > 0 {
		c.readSymbols()
	}
	i, exact := slices.BinarySearchFunc(c.symbols, addr, func(s symbol, a uint64) int { return cmp.Compare(s.address, a) })
	if !exact {
		i--
	}
	if i < 0 || c.symbols[i].address == 0 {
		return nil
	}
	return &c.symbols[i]
}

// Address returns where a function is.
func (c *Catalog) Address(name string) (uint64, bool) {
	if len(c.kallsyms) > 0 {
		c.readSymbols()
	}
	for _, s := range c.symbols {
		if s.name == name {
			return s.address, true
		}
	}
	return 0, false
}

// AddPrintk reads the table of printk formats: "0xaddress : "text"".
func (c *Catalog) AddPrintk(text string) {
	for line := range strings.Lines(text) {
		addr, s, ok := strings.Cut(strings.TrimSpace(line), ":")
		at, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(addr), "0x"), 16, 64)
		if !ok || err != nil {
			continue
		}
		s = strings.TrimSpace(s)
		s = strings.TrimSuffix(strings.TrimPrefix(s, `"`), `"`)
		c.printk[at] = strings.TrimSuffix(s, `\n`)
	}
}

// Printk returns the string at an address of the kernel's printk table.
func (c *Catalog) Printk(addr uint64) (string, bool) {
	s, ok := c.printk[addr]
	return s, ok
}

// AddComms reads saved_cmdlines: "pid name" by line.
func (c *Catalog) AddComms(text string) {
	for line := range strings.Lines(text) {
		id, comm, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if pid, err := strconv.Atoi(id); ok && err == nil {
			if _, known := c.comms[pid]; !known {
				c.comms[pid] = comm
			}
		}
	}
}

// Knows says whether the recording saved a task's name.
func (c *Catalog) Knows(pid int) bool {
	_, ok := c.comms[pid]
	return ok || pid == 0
}

// Comm returns a task's name as the recording saved it.
func (c *Catalog) Comm(pid int) string {
	if pid == 0 {
		return "<idle>"
	}
	if comm, ok := c.comms[pid]; ok {
		return comm
	}
	return "<...>"
}

// Source reads the parts of a header one by one, bounded by what one header
// may hold in all.
type Source struct {
	r     io.Reader
	order binary.ByteOrder
	left  int64
	off   int64
}

// NewSource returns a Source over r.
func NewSource(r io.Reader, layout Layout) *Source {
	return &Source{r: r, order: layout.order(), left: maxTotal}
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
func ReadHeader(r io.Reader) (*Catalog, *Source, error) {
	s := NewSource(r, Layout{})
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
	symbols, err := s.blob32()
	c.AddSymbols(string(symbols))
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
