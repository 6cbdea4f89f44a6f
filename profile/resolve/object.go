package resolve

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/ianlancetaylor/demangle"
	"github.com/ulikunitz/xz"
)

// An object is a file that was mapped, with its functions.
type object struct {
	path    string
	module  string // how frames call it
	buildID string
	opened  bool
	loads   []load
	table   table
	frames  map[uint64]frameRef
}

// A load says where a part of the file is in memory.
type load struct{ off, addr, size uint64 }

// address returns where the byte at an offset in the file is, as the symbols
// count.
func (o *object) address(off uint64) uint64 {
	for _, l := range o.loads {
		if off >= l.off && off-l.off < l.size {
			return off - l.off + l.addr
		}
	}
	return off
}

// A table is the functions of an object, by address.
type table struct {
	syms []sym
}

type sym struct {
	addr, end    uint64
	name, module string
}

// find returns the function at an address.
func (t *table) find(addr uint64) (*sym, bool) {
	i, ok := slices.BinarySearchFunc(t.syms, addr, func(s sym, a uint64) int {
		switch {
		case s.addr < a:
			return -1
		case s.addr > a:
			return 1
		}
		return 0
	})
	if !ok {
		i--
	}
	if i < 0 || addr >= t.syms[i].end {
		return nil, false
	}
	return &t.syms[i], true
}

// candidate is a symbol that may give its address a name.
type candidate struct {
	addr, size   uint64
	limit        uint64 // where its section ends, 0 where that is not known
	name, module string
	weak, global bool
	order        int // in its table
}

func underscores(s string) int { return len(s) - len(strings.TrimLeft(s, "_")) }

// better says which of two symbols at one address gives it the name.
func better(a, b candidate) int {
	for _, c := range []struct{ a, b bool }{{a.size > 0, b.size > 0}, {!a.weak, !b.weak}, {a.global, b.global}} {
		if c.a != c.b {
			if c.a {
				return -1
			}
			return 1
		}
	}
	if d := underscores(a.name) - underscores(b.name); d != 0 {
		return d
	}
	if d := len(b.name) - len(a.name); d != 0 {
		return d
	}
	return a.order - b.order
}

// newTable sorts candidates and keeps one name for an address.
func newTable(list []candidate) table {
	slices.SortFunc(list, func(a, b candidate) int {
		if a.addr != b.addr {
			if a.addr < b.addr {
				return -1
			}
			return 1
		}
		return better(a, b)
	})
	var t table
	t.syms = make([]sym, 0, len(list))
	limits := make([]uint64, 0, len(list))
	for _, c := range list {
		if n := len(t.syms); n > 0 && t.syms[n-1].addr == c.addr {
			continue
		}
		t.syms = append(t.syms, sym{c.addr, c.addr + c.size, c.name, c.module})
		limits = append(limits, c.limit)
	}
	for i := range t.syms {
		s := &t.syms[i]
		if s.end != s.addr {
			continue
		}
		s.end = (s.addr + 4096) &^ 4095
		if i+1 < len(t.syms) {
			s.end = t.syms[i+1].addr
		}
		if limits[i] > s.addr {
			s.end = min(s.end, limits[i])
		}
	}
	return t
}

// A KernelSymbol is a line of /proc/kallsyms: its type is nm's letter.
type KernelSymbol struct {
	Addr         uint64
	Type         byte
	Name, Module string
}

// NewKernel makes a table of the kernel's functions. Where several have one
// address, the one that perf would choose gives it the name.
func NewKernel(all iter.Seq[KernelSymbol]) Kernel {
	var list []candidate
	for s := range all {
		switch s.Type {
		case 't', 'T', 'w', 'W':
			list = append(list, candidate{
				addr: s.Addr, name: s.Name, module: s.Module, order: len(list),
				weak: s.Type == 'w' || s.Type == 'W', global: s.Type == 'T',
			})
		}
	}
	return kernelTable{newTable(list)}
}

type kernelTable struct{ t table }

func (k kernelTable) Find(addr uint64) (name, module string, ok bool) {
	if s, ok := k.t.find(addr); ok {
		return s.name, s.module, true
	}
	return "", "", false
}

// maxEmbedded bounds what .gnu_debugdata may expand to.
const maxEmbedded = 256 << 20

// readELF reads the functions of a file: its symbol table, the one for dynamic
// linking, and the one that is embedded (.gnu_debugdata).
func readELF(r io.ReaderAt) (loads []load, t table, err error) {
	// The library panics on some broken files.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("its ELF headers are broken: %v", p)
		}
	}()
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, table{}, err
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 {
			loads = append(loads, load{p.Off, p.Vaddr, p.Filesz})
		}
	}
	list := functions(f)
	if s := f.Section(".gnu_debugdata"); s != nil {
		if more, err := embedded(s); err == nil {
			list = append(list, more...)
		}
	}
	return loads, newTable(list), nil
}

// functions reads both symbol tables.
func functions(f *elf.File) []candidate {
	var list []candidate
	add := func(syms []elf.Symbol, err error) {
		if err != nil {
			return // it has no such table
		}
		for _, s := range syms {
			kind := elf.ST_TYPE(s.Info)
			if s.Section == elf.SHN_UNDEF || s.Name == "" || kind != elf.STT_FUNC && kind != elf.STT_GNU_IFUNC && kind != elf.STT_NOTYPE {
				continue
			}
			if kind == elf.STT_NOTYPE {
				// Labels of assembler code are functions; markers of data and
				// mapping symbols are not.
				if int(s.Section) >= len(f.Sections) || f.Sections[s.Section].Flags&elf.SHF_EXECINSTR == 0 || strings.HasPrefix(s.Name, "$") || strings.HasPrefix(s.Name, ".L") {
					continue
				}
			}
			bind := elf.ST_BIND(s.Info)
			name, _, _ := strings.Cut(s.Name, "@")
			var limit uint64
			if int(s.Section) < len(f.Sections) {
				limit = f.Sections[s.Section].Addr + f.Sections[s.Section].Size
			}
			list = append(list, candidate{order: len(list), limit: limit, addr: s.Value, size: s.Size, name: pretty(name), weak: bind == elf.STB_WEAK, global: bind == elf.STB_GLOBAL})
		}
	}
	add(f.Symbols())
	add(f.DynamicSymbols())
	return list
}

// pretty is a name as a person writes it.
func pretty(name string) string {
	if !strings.HasPrefix(name, "_Z") && !strings.HasPrefix(name, "_R") && !strings.HasPrefix(name, "__Z") {
		return name
	}
	return demangle.Filter(name, demangle.NoParams)
}

// embedded reads the symbol table that distributions put into stripped files.
func embedded(s *elf.Section) ([]candidate, error) {
	packed, err := s.Data()
	if err != nil {
		return nil, err
	}
	x, err := xz.ReaderConfig{DictCap: 64 << 20}.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if n, err := io.Copy(&b, io.LimitReader(x, maxEmbedded+1)); err != nil {
		return nil, err
	} else if n > maxEmbedded {
		return nil, errors.New(".gnu_debugdata is too large")
	}
	f, err := elf.NewFile(bytes.NewReader(b.Bytes()))
	if err != nil {
		return nil, err
	}
	return functions(f), nil
}

// elfBuildID reads the build ID of a file, hexadecimal.
func elfBuildID(r io.ReaderAt) (id string) {
	defer func() {
		if recover() != nil {
			id = ""
		}
	}()
	f, err := elf.NewFile(r)
	if err != nil {
		return ""
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_NOTE || p.Filesz > 1<<20 {
			continue
		}
		b := make([]byte, p.Filesz)
		if _, err := p.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
			continue
		}
		for len(b) >= 12 {
			name, desc := uint64(f.ByteOrder.Uint32(b)), uint64(f.ByteOrder.Uint32(b[4:]))
			at := 12 + (name+3)&^3
			end := at + (desc+3)&^3
			if end > uint64(len(b)) {
				break
			}
			if f.ByteOrder.Uint32(b[8:]) == 3 && bytes.HasPrefix(b[12:], []byte("GNU\x00")) {
				return fmt.Sprintf("%x", b[at:at+desc])
			}
			b = b[end:]
		}
	}
	return ""
}
