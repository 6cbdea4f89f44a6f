package kallsyms

import (
	"hash/maphash"
	"iter"
	"slices"
	"sort"
	"strings"
)

// Layout is the one that the addresses were read in.
func (x *Table) Layout() Layout { return x.layout }

// Notes says what of the tables could not be read, empty where all could.
func (x *Table) Notes() []string { return x.notes }

// Len is the number of symbols, those that could not be read included.
func (x *Table) Len() int { return len(x.addr) }

func (x *Table) name(i int) string {
	if b, e := x.begin[i], x.begin[i+1]; b < e {
		return x.arena[b+1 : e]
	}
	return ""
}

// whole says whether a symbol has both a name and an address.
func (x *Table) whole(i int) bool {
	return x.begin[i] != x.begin[i+1] && (x.lost == nil || !x.lost[i])
}

func (x *Table) symbol(i int) Symbol {
	return Symbol{Name: x.name(i), Addr: x.addr[i], Type: x.arena[x.begin[i]]}
}

// nameIndex finds symbols by name: chains of symbols with the same hash, each
// step the number of a symbol plus one, 0 at the end.
type nameIndex struct {
	seed  maphash.Seed
	heads []uint32
	next  []uint32
}

func (x *Table) names() *nameIndex {
	x.indexOnce.Do(func() {
		n := 64
		for n < len(x.addr) {
			n *= 2
		}
		x.index = nameIndex{seed: maphash.MakeSeed(), heads: make([]uint32, n), next: make([]uint32, len(x.addr))}
		// From the last to the first, so that chains go upward.
		for i := len(x.addr) - 1; i >= 0; i-- {
			if !x.whole(i) {
				continue
			}
			h := &x.index.heads[maphash.String(x.index.seed, x.name(i))&uint64(n-1)]
			x.index.next[i], *h = *h, uint32(i+1)
		}
	})
	return &x.index
}

// each yields the symbols of a name by number.
func (x *Table) each(name string) iter.Seq[int] {
	return func(yield func(int) bool) {
		n := x.names()
		for at := n.heads[maphash.String(n.seed, name)&uint64(len(n.heads)-1)]; at != 0; at = n.next[at-1] {
			if i := int(at - 1); x.name(i) == name && !yield(i) {
				return
			}
		}
	}
}

// Lookup returns the address of a symbol: of several with the name, the lowest
// that is global, or else the lowest.
func (x *Table) Lookup(name string) (addr uint64, ok bool) {
	for i := range x.each(name) {
		if c := x.arena[x.begin[i]]; c >= 'A' && c <= 'Z' {
			return x.addr[i], true
		}
		if !ok {
			addr, ok = x.addr[i], true
		}
	}
	return addr, ok
}

// Symbols returns the symbols of a name; static functions often share one.
func (x *Table) Symbols(name string) []Symbol {
	var all []Symbol
	for i := range x.each(name) {
		all = append(all, x.symbol(i))
	}
	return all
}

// maxSymbol is the largest symbol that is believed where the next is far away:
// between per-CPU variables at 0 and the kernel's text is nothing.
const maxSymbol = 1 << 26

// at translates a place in the order of addresses.
func (x *Table) at(i int) int {
	if x.sorted != nil {
		return int(x.sorted[i])
	}
	return i
}

func (x *Table) placed() int {
	if x.sorted != nil {
		return len(x.sorted)
	}
	return len(x.addr)
}

// Find returns the symbol that an address is in, and how far. Of several at one
// address it is the first, as in the kernel's own messages. An address at or
// behind the last symbol, which is the kernel's end, is in none.
func (x *Table) Find(addr uint64) (s Symbol, offset uint64, ok bool) {
	n := x.placed()
	i := sort.Search(n, func(i int) bool { return x.addr[x.at(i)] > addr })
	if i == 0 || (i == n && addr != x.addr[x.at(n-1)]) {
		return Symbol{}, 0, false
	}
	start := x.addr[x.at(i-1)]
	if addr-start >= maxSymbol {
		return Symbol{}, 0, false
	}
	i = sort.Search(i, func(i int) bool { return x.addr[x.at(i)] >= start })
	return x.symbol(x.at(i)), addr - start, true
}

// Size is how far it is to the next symbol, 0 where that is unknown. Padding
// behind the symbol is counted with it, as the kernel does.
func (x *Table) Size(s Symbol) uint64 {
	n := x.placed()
	i := sort.Search(n, func(i int) bool { return x.addr[x.at(i)] > s.Addr })
	if i == n {
		return 0
	}
	size := x.addr[x.at(i)] - s.Addr
	if size >= maxSymbol {
		return 0
	}
	return size
}

// All yields the symbols by address.
func (x *Table) All() iter.Seq[Symbol] {
	return func(yield func(Symbol) bool) {
		for i := range x.placed() {
			if j := x.at(i); x.whole(j) && !yield(x.symbol(j)) {
				return
			}
		}
	}
}

// Complete lists the names with a prefix, each once, in order.
func (x *Table) Complete(prefix string) []string {
	var names []string
	for i := range x.addr {
		if name := x.name(i); x.whole(i) && strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
