package symbol

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"iter"
	"slices"
	"sort"
	"strings"
	"sync"
)

// Symbol is a name and the addresses that belong to it.
type Symbol struct {
	Name    string
	Address uint64
	// Size is the distance to the next symbol, which is what the kernel prints
	// behind the slash; 0 where no symbol follows.
	Size   uint64
	Module string
	Type   byte // as nm prints it: 't', 'T', 'd', ...
}

// Table is a set of symbols, immutable once made, for use by any number of
// goroutines. It is compact: a kernel has 200,000 of them.
type Table struct {
	entries []tableEntry // by address, the preferred name first
	blob    []byte       // names, each ended by a zero byte
	modules []string     // entry.module; 0 is the kernel
	limits  []uint64     // addresses where a region ends, sorted

	names sync.Once
	seed  maphash.Seed
	heads []int32 // hash of name → first entry, -1 for none
	next  []int32 // entry → next entry of the same hash
}

type tableEntry struct {
	addr   uint64
	name   uint32
	module uint16
	kind   byte
	rank   byte // among symbols at one address, the lowest is preferred
}

// newTable sorts the entries.
func newTable(entries []tableEntry, blob []byte, modules []string, limits []uint64) *Table {
	slices.SortFunc(entries, func(a, b tableEntry) int {
		if a.addr != b.addr {
			return cmp.Compare(a.addr, b.addr)
		}
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.name, b.name), cmp.Compare(a.module, b.module), cmp.Compare(a.kind, b.kind))
	})
	slices.Sort(limits)
	return &Table{entries: entries, blob: blob, modules: modules, limits: limits}
}

// Len returns how many symbols there are.
func (t *Table) Len() int { return len(t.entries) }

// All yields the symbols by address.
func (t *Table) All() iter.Seq[Symbol] {
	return func(yield func(Symbol) bool) {
		for i := range t.entries {
			if !yield(t.symbol(i)) {
				return
			}
		}
	}
}

func (t *Table) nameOf(i int) []byte {
	name := t.blob[t.entries[i].name:]
	if n := bytes.IndexByte(name, 0); n >= 0 {
		name = name[:n]
	}
	return name
}

func (t *Table) symbol(i int) Symbol {
	e := &t.entries[i]
	return Symbol{Name: string(t.nameOf(i)), Address: e.addr, Size: t.size(i), Module: t.modules[e.module], Type: e.kind}
}

// size returns the distance from entry i to the next address with a symbol or
// to the end of its region.
func (t *Table) size(i int) uint64 {
	addr := t.entries[i].addr
	end := addr
	// Aliases are few; a run of thousands at one address must not cost that
	// much each time.
	for k := i + 1; k < len(t.entries) && k < i+16; k++ {
		if t.entries[k].addr > addr {
			end = t.entries[k].addr
			break
		}
	}
	if end == addr {
		if k := t.after(addr); k < len(t.entries) {
			end = t.entries[k].addr
		}
	}
	k := sort.Search(len(t.limits), func(k int) bool { return t.limits[k] > addr })
	if k < len(t.limits) && (end == addr || t.limits[k] < end) {
		end = t.limits[k]
	}
	return end - addr
}

// after returns the first entry whose address is greater than addr.
func (t *Table) after(addr uint64) int {
	return sort.Search(len(t.entries), func(i int) bool { return t.entries[i].addr > addr })
}

// Lookup returns the symbol that addr belongs to.
func (t *Table) Lookup(addr uint64) (Symbol, bool) {
	i := t.after(addr) - 1
	if i < 0 {
		return Symbol{}, false
	}
	// The first of the names at that address is the preferred one.
	first := t.entries[i].addr
	i = sort.Search(i, func(k int) bool { return t.entries[k].addr >= first })
	s := t.symbol(i)
	if addr-s.Address >= s.Size && (s.Size > 0 || len(t.limits) > 0) {
		return Symbol{}, false // behind the end of a region
	}
	return s, true
}

// Named returns the symbols of a name, by address.
func (t *Table) Named(name string) []Symbol {
	t.names.Do(t.index)
	if len(t.heads) == 0 {
		return nil
	}
	var list []Symbol
	for i := t.heads[t.slot([]byte(name))]; i >= 0; i = t.next[i] {
		if string(t.nameOf(int(i))) == name {
			list = append(list, t.symbol(int(i)))
		}
	}
	return list
}

func (t *Table) slot(name []byte) uint64 {
	return maphash.Bytes(t.seed, name) & uint64(len(t.heads)-1)
}

// index builds the chains of [Table.Named].
func (t *Table) index() {
	if len(t.entries) == 0 {
		return
	}
	size := 1
	for size < len(t.entries) {
		size *= 2
	}
	t.seed = maphash.MakeSeed()
	t.heads = slices.Repeat([]int32{-1}, size)
	t.next = make([]int32, len(t.entries))
	for i := range slices.Backward(t.entries) {
		h := t.slot(t.nameOf(i))
		t.next[i], t.heads[h] = t.heads[h], int32(i)
	}
}

// Find returns the symbols that a printed "name+offset/size [module]" can mean:
// of several with that name those of that size; all of them where none or
// several have it. A size of 0 is unknown.
func (t *Table) Find(name string, size uint64, module string) []Symbol {
	list := slices.DeleteFunc(t.Named(name), func(s Symbol) bool {
		return len(t.modules) > 1 && s.Module != module
	})
	if len(list) > 1 && size != 0 {
		fitting := slices.DeleteFunc(slices.Clone(list), func(s Symbol) bool { return s.Size != size })
		if len(fitting) > 0 {
			return fitting
		}
	}
	return list
}

// KernelOffset returns how far the running kernel was moved by address space
// randomisation: the distance between a symbol in its kallsyms and in the
// linked kernel.
func KernelOffset(running, linked *Table) (uint64, bool) {
	for _, name := range []string{"_stext", "_text", "_etext"} {
		a, b := running.Find(name, 0, ""), linked.Find(name, 0, "")
		if len(a) == 1 && len(b) == 1 {
			return a[0].Address - b[0].Address, true
		}
	}
	return 0, false
}

// isMarker reports names that the kernel leaves out of its own table: local
// labels and the marks that assemblers put between code and data.
func isMarker(name []byte) bool {
	return len(name) == 0 || name[0] == '$' || bytes.HasPrefix(name, []byte(".L")) ||
		bytes.HasPrefix(name, []byte("L0\x01")) || bytes.HasPrefix(name, []byte("__crc_"))
}

// ModuleName returns the name that the kernel gives to a module file:
// "snd-hda-intel.ko.xz" is snd_hda_intel.
func ModuleName(file string) string {
	base := file[strings.LastIndexByte(file, '/')+1:]
	if i := strings.Index(base, ".ko"); i > 0 {
		base = base[:i]
	}
	return strings.ReplaceAll(base, "-", "_")
}
