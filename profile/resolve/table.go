package resolve

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ianlancetaylor/demangle"
)

// A sym is a symbol. Its name is in one of the table's texts, from nameAt to the
// first control character: names are read when somebody asks for them, because
// of the many that an object has a recording touches few.
type sym struct {
	addr, end uint64
	nameAt    uint32
	order     uint32 // in which it came
	text      uint8
	bind      binding
	plt       bool
}

// binding is how a symbol may be chosen.
type binding uint8

const (
	local binding = iota
	global
	weak
)

// A table is the symbols of an object by address, one for an address.
type table struct {
	syms  []sym
	texts [][]byte
}

// name is a symbol's name as it is written in its table.
func (t *table) name(s *sym) string {
	b := t.texts[s.text]
	if uint64(s.nameAt) >= uint64(len(b)) {
		return ""
	}
	b = b[s.nameAt:]
	for i, c := range b {
		if c < ' ' {
			return string(b[:i])
		}
	}
	return string(b)
}

// pretty is a symbol's name as frames have it.
func (t *table) pretty(s *sym) string {
	name := pretty(t.name(s))
	if s.plt {
		name += "@plt"
	}
	return name
}

// pretty is a name as a person writes it.
func pretty(name string) string {
	if !strings.HasPrefix(name, "_Z") && !strings.HasPrefix(name, "_R") && !strings.HasPrefix(name, "__Z") {
		return name
	}
	return demangle.Filter(name, demangle.NoParams)
}

// find returns the symbol at an address.
func (t *table) find(addr uint64) (*sym, bool) {
	lo, hi := 0, len(t.syms)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if t.syms[mid].addr <= addr {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 || addr >= t.syms[lo-1].end {
		return nil, false
	}
	return &t.syms[lo-1], true
}

// settle sorts symbols, gives those without a size an end and leaves one for an
// address. module says, of those of the kernel, whether one is of a module: those
// lie far from the rest.
func (t *table) settle(module func(*sym) bool) {
	for i := range t.syms {
		t.syms[i].order = uint32(i)
	}
	slices.SortFunc(t.syms, func(a, b sym) int {
		if a.addr != b.addr {
			return cmp.Compare(a.addr, b.addr)
		}
		return cmp.Compare(a.order, b.order)
	})
	for i := range t.syms {
		s := &t.syms[i]
		if s.end != s.addr {
			continue
		}
		switch {
		case i+1 == len(t.syms):
			s.end = (s.addr+4095)&^4095 + 4096
		case module != nil && module(s) != module(&t.syms[i+1]):
			s.end = (s.end + 4096 + 4095) &^ 4095
		default:
			s.end = t.syms[i+1].addr
		}
		s.end = max(s.end, s.addr) // at the end of the address space
	}
	out := t.syms[:0]
	for _, s := range t.syms {
		n := len(out)
		if n == 0 || out[n-1].addr != s.addr {
			out = append(out, s)
			continue
		}
		if !t.better(&out[n-1], &s) {
			out[n-1] = s
		}
	}
	t.syms = out
}

// better says whether of two symbols at one address the first gives it the name.
func (t *table) better(a, b *sym) bool {
	if sa, sb := a.end > a.addr, b.end > b.addr; sa != sb {
		return sa
	}
	if a.bind != b.bind {
		if a.bind == weak || b.bind == weak {
			return b.bind == weak
		}
		return a.bind == global
	}
	na, nb := t.name(a), t.name(b)
	if ua, ub := underscores(na), underscores(nb); ua != ub {
		return ua < ub
	}
	if len(na) != len(nb) {
		return len(na) > len(nb)
	}
	return !strings.HasPrefix(na, "SyS") && !strings.HasPrefix(na, "compat_SyS")
}

func underscores(s string) int { return len(s) - len(strings.TrimLeft(s, "_")) }
