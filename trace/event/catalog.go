package event

import (
	"cmp"
	"fmt"
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
	for i > 0 && c.symbols[i-1].address == c.symbols[i].address {
		i-- // of several names for one address the kernel takes the first
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
