package shell

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ringside/vmcore"
	"ringside/vmcore/object"
)

func memoryCommands() []command {
	return []command{
		{[]string{"rd"}, "[-8|-16|-32|-64] [-p] [-s] [-a] ADDRESS [COUNT]", "memory: -p physical, -s with symbols, -a as text", false, (*call).rd},
		{[]string{"sym"}, "ADDRESS|SYMBOL… | -q TEXT", "symbols and addresses; -q those that have the text in them", false, (*call).sym},
		{[]string{"dis"}, "[-r|-f] ADDRESS|SYMBOL [COUNT]", "instructions; -r from the function's beginning to there, -f from there to its end", false, (*call).dis},
		{[]string{"vtop"}, "ADDRESS…", "the physical address, and what is there", false, (*call).vtop},
		{[]string{"search"}, "[-c] [-m MASK] VALUE|TEXT", "where in memory a value is; -c a text; -m without the bits of MASK", false, (*call).search},
		{[]string{"kmem"}, "[-i|-s|-f|-v] [ADDRESS…]", "memory: -i where it was, -s slab caches, -f free blocks, -v vmalloc; or what an address points to", true, (*call).kmem},
	}
}

// address returns what a word names: a symbol, a number as crash prints it, or
// the value of an expression; of a structure or an array it is where that is.
func (c *call) address(word string) (uint64, error) {
	base, plus, offset := strings.Cut(word, "+")
	if a, ok := c.s.symbol(base); ok {
		if !offset {
			return a, nil
		}
		if n, err := strconv.ParseUint(plus, 0, 64); err == nil {
			return a + n, nil
		}
	}
	if a, err := strconv.ParseUint(word, 16, 64); err == nil && len(word) >= 6 {
		return a, nil
	}
	n, err := compile(c.s.k, word)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", word, err)
	}
	v, err := n.eval(c.env())
	if err != nil {
		return 0, fmt.Errorf("%s: %w", word, err)
	}
	x, err := v.load()
	switch {
	case err != nil && v.kind == kindPlace:
		return v.place.Addr(), nil
	case err != nil:
		return 0, fmt.Errorf("%s: %w", word, err)
	case x.kind != kindNumber:
		return 0, fmt.Errorf("%s: an address is expected", word)
	}
	return x.n, nil
}

// maxRead bounds what one rd prints.
const maxRead = 1 << 20

// rd prints memory.
func (c *call) rd() (result, error) {
	width := 8
	for bits, n := range map[string]int{"-8": 1, "-16": 2, "-32": 4, "-64": 8} {
		if c.option(bits) {
			width = n
		}
	}
	phys, symbols, text := c.option("-p"), c.option("-s", "-S"), c.option("-a")
	if err := c.only("rd"); err != nil {
		return result{}, err
	}
	if len(c.args) == 0 {
		return result{}, errors.New("rd: an address is expected")
	}
	at, err := c.address(c.args[0])
	if err != nil {
		return result{}, err
	}
	count := 1
	if len(c.args) > 1 {
		n, err := strconv.ParseInt(c.args[1], 0, 32)
		if err != nil || n < 1 || n*int64(width) > maxRead {
			return result{}, fmt.Errorf("rd: %s is no count of up to %d bytes", c.args[1], maxRead)
		}
		count = int(n)
	} else if text {
		s, err := c.w.CString(at, 4096)
		return result{text: fmt.Sprintf("%016x:  %s\n", at, cellText(s))}, err
	}
	p := make([]byte, count*width)
	read := c.w.Read
	if phys {
		read = c.s.k.Dump.ReadPhys
	}
	if err := read(p, at); err != nil {
		return result{}, err
	}
	if text {
		return result{text: fmt.Sprintf("%016x:  %s\n", at, ascii(p))}, nil
	}
	return result{text: c.hexDump(p, at, width, symbols)}, nil
}

func (c *call) order() binary.ByteOrder { return c.s.k.Order }

// number reads an integer of the kernel's byte order.
func (c *call) number(p []byte) uint64 {
	switch o := c.order(); len(p) {
	case 1:
		return uint64(p[0])
	case 2:
		return uint64(o.Uint16(p))
	case 4:
		return uint64(o.Uint32(p))
	default:
		return o.Uint64(p)
	}
}

// hexDump writes memory as words, with their text or their symbols beside them.
func (c *call) hexDump(p []byte, at uint64, width int, symbols bool) string {
	var b strings.Builder
	for line := range slices.Chunk(p, 16) {
		fmt.Fprintf(&b, "%016x: ", at)
		for word := range slices.Chunk(line, width) {
			n := c.number(word)
			text := fmt.Sprintf(" %0*x", width*2, n)
			if symbols && width == 8 {
				if loc, ok := c.s.k.Locate(n); ok && loc.Symbol != "" {
					text = fmt.Sprintf(" %-16s", loc)
				}
			}
			b.WriteString(text)
		}
		if !symbols {
			pad := (16 - len(line)) / width * (width*2 + 1)
			b.WriteString(strings.Repeat(" ", pad) + "   " + ascii(line))
		}
		b.WriteByte('\n')
		at += uint64(len(line))
	}
	return b.String()
}

// ascii writes what of memory is text.
func ascii(p []byte) string {
	out := slices.Clone(p)
	for i, c := range out {
		if c < ' ' || c > '~' {
			out[i] = '.'
		}
	}
	return string(out)
}

// maxSymbols bounds what sym -q finds.
const maxSymbols = 1000

// sym turns addresses into symbols, and symbols into addresses.
func (c *call) sym() (result, error) {
	t := &table{cols: []string{"addr", "symbol", "module", "size"}}
	add := func(a uint64) {
		loc, ok := c.s.k.Locate(a)
		r := row{cells: []any{object.Addr(a), nil, nil, nil}}
		if ok {
			r.cells = []any{object.Addr(a), loc.String(), loc.Module, loc.Size}
		}
		t.rows = append(t.rows, r)
	}
	if part, has, err := c.setting("-q"); err != nil || has {
		if table := c.s.k.Symbols(); table != nil {
			for s := range table.All() {
				if strings.Contains(s.Name, part) && len(t.rows) < maxSymbols {
					t.rows = append(t.rows, row{cells: []any{object.Addr(s.Addr), s.Name, "", table.Size(s)}})
				}
			}
		}
		for _, m := range c.s.k.Modules() {
			m.EachSymbol(func(name string, addr, size uint64) {
				if strings.Contains(name, part) && len(t.rows) < maxSymbols {
					t.rows = append(t.rows, row{cells: []any{object.Addr(addr), name, m.Name, size}})
				}
			})
		}
		return result{table: t}, err
	}
	if len(c.args) == 0 {
		return result{}, errors.New("sym: addresses or symbols are expected")
	}
	for _, word := range c.args {
		a, err := c.address(word)
		if err != nil {
			return result{}, err
		}
		add(a)
	}
	return result{table: t}, nil
}

// vtop translates addresses.
func (c *call) vtop() (result, error) {
	if len(c.args) == 0 {
		return result{}, errors.New("vtop: an address is expected")
	}
	t := &table{cols: []string{"virtual", "physical", "what"}}
	var about *object.Pointers
	if c.s.k.Types != nil {
		about = object.NewPointers(c.w)
	}
	for _, word := range c.args {
		a, err := c.address(word)
		if err != nil {
			return result{}, err
		}
		phys, err := c.s.k.Translate(a)
		if err != nil {
			return result{}, fmt.Errorf("%#x: %w", a, err)
		}
		what := ""
		if about != nil {
			what = about.Describe(a).Text
		}
		t.rows = append(t.rows, row{cells: []any{object.Addr(a), object.Addr(phys), what}})
	}
	return result{table: t}, nil
}

// Bounds of search.
const (
	maxHits      = 1000
	maxDescribed = 50
)

// search looks for a value in all of the memory that the dump has.
func (c *call) search() (result, error) {
	text := c.option("-c")
	masked, _, err := c.setting("-m")
	if err != nil {
		return result{}, err
	}
	if err := c.only("search"); err != nil {
		return result{}, err
	}
	if len(c.args) == 0 {
		return result{}, errors.New("search: a value is expected, or a text after -c")
	}
	var mask, want uint64
	var needle []byte
	if text {
		needle = []byte(strings.Trim(strings.Join(c.args, " "), `"'`))
	} else if want, err = c.address(c.args[0]); err != nil {
		return result{}, err
	}
	if masked != "" {
		if mask, err = strconv.ParseUint(masked, 0, 64); err != nil {
			return result{}, fmt.Errorf("search -m %s: a number is expected", masked)
		}
	}
	t := &table{cols: []string{"physical", "addr", "what"}}
	d := c.s.k.Dump
	about, base := c.directMap()
	hit := func(phys uint64) bool {
		var addr any
		what := ""
		if base != 0 {
			addr = object.Addr(base + phys)
			if len(t.rows) < maxDescribed {
				what = about.Describe(base + phys).Text
			}
		}
		t.rows = append(t.rows, row{cells: []any{object.Addr(phys), addr, what}})
		return len(t.rows) < maxHits
	}
	shift := c.s.k.PageShift()
	for _, r := range d.Ranges() {
		for pfn := r.Start >> shift; pfn < (r.End+1<<shift-1)>>shift; pfn++ {
			if err := c.ctx.Err(); err != nil {
				return result{table: t}, err
			}
			if !d.Present(pfn) {
				continue
			}
			page, err := d.Page(pfn)
			if err != nil {
				continue // one damaged page hides no other
			}
			for at := range c.inPage(page, needle, want, mask) {
				if !hit(pfn<<shift + uint64(at)) {
					return result{table: t}, nil
				}
			}
		}
	}
	return result{table: t}, nil
}

// inPage finds a text or a word in a page.
func (c *call) inPage(page, needle []byte, want, mask uint64) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		if needle != nil {
			for at := 0; ; at++ {
				i := bytes.Index(page[at:], needle)
				if i < 0 || !yield(at+i) {
					return
				}
				at += i
			}
		}
		order := c.order()
		for at := 0; at+8 <= len(page); at += 8 {
			if order.Uint64(page[at:])&^mask == want&^mask && !yield(at) {
				return
			}
		}
	}
}

// directMap returns where physical memory is mapped, 0 where that is not known.
func (c *call) directMap() (*object.Pointers, uint64) {
	at, ok := c.s.symbol("page_offset_base")
	if !ok || c.s.k.Types == nil {
		return nil, 0
	}
	base, err := c.w.Pointer(at)
	if err != nil {
		return nil, 0
	}
	return object.NewPointers(c.w), base
}

// kmem says where the memory is.
func (c *call) kmem() (result, error) {
	switch {
	case c.option("-i"):
		m := object.MemoryOf(c.w)
		t := &table{cols: []string{"name", "bytes", "size"}}
		for _, x := range m.Counters {
			t.rows = append(t.rows, row{cells: []any{x.Name, x.Bytes, vmcore.Size(x.Bytes)}})
		}
		return result{table: t}, nil
	case c.option("-s"):
		return result{table: tableOf(c.w, object.Slabs(c.w), "struct kmem_cache")}, nil
	case c.option("-f"):
		return c.freeBlocks()
	case c.option("-v"):
		return result{table: tableOf(c.w, object.VmallocAreas(c.w), "")}, nil
	}
	if err := c.only("kmem"); err != nil {
		return result{}, err
	}
	if len(c.args) == 0 {
		return result{}, errors.New("kmem: one of -i, -s, -f, -v or an address is expected")
	}
	about := object.NewPointers(c.w)
	t := &table{cols: []string{"addr", "class", "what"}}
	for _, word := range c.args {
		a, err := c.address(word)
		if err != nil {
			return result{}, err
		}
		p := about.Describe(a)
		t.rows = append(t.rows, row{cells: []any{object.Addr(a), p.Class, p.Text}})
	}
	return result{table: t}, nil
}

// freeBlocks lists the free blocks of each zone by their order.
func (c *call) freeBlocks() (result, error) {
	t := &table{cols: []string{"node", "zone", "free", "min", "order", "blocks", "pages"}}
	for _, n := range object.MemoryOf(c.w).Nodes {
		for _, z := range n.Zones {
			for order, blocks := range z.Buddy {
				t.rows = append(t.rows, row{cells: []any{int64(n.ID), z.Name, z.Free, z.Min, int64(order), blocks, blocks << min(order, 63)}})
			}
		}
	}
	return result{table: t}, nil
}
