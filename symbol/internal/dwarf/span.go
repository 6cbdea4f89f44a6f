package dwarf

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
)

// Span says which unit describes a range of addresses.
type Span struct {
	Range
	Unit uint64 // offset in .debug_info
}

// Aranges reads .debug_aranges: what the compiler says about which unit holds
// which addresses. It may know some units only, or none.
func (d *Data) Aranges() ([]Span, error) {
	s := d.s.Aranges
	if s == nil || s.Size() == 0 {
		return nil, nil
	}
	b, err := read(s, ".debug_aranges", 0, s.Size())
	if err != nil {
		return nil, err
	}
	var spans []Span
	for pos := 0; pos < len(b); {
		c := &cursor{b: b[pos:], order: d.s.Order}
		n, is64 := c.length()
		if c.err != nil || n > uint64(c.left()) {
			return sorted(spans), fmt.Errorf("%w: .debug_aranges at %#x claims %d bytes", ErrFormat, pos, n)
		}
		next := pos + c.pos + int(n)
		c.b = c.b[:c.pos+int(n)]
		version := c.u16()
		unit := c.offset(is64)
		size, segment := int(c.u8()), c.u8()
		if c.err != nil || version != 2 || size != 4 && size != 8 || segment != 0 {
			return sorted(spans), fmt.Errorf("%w: .debug_aranges at %#x", ErrFormat, pos)
		}
		// Tuples are aligned to their size, counted from the set's start.
		if r := c.pos % (2 * size); r != 0 {
			c.skip(uint64(2*size - r))
		}
		for c.left() >= 2*size {
			lo, n := c.word(size), c.word(size)
			if n > 0 && lo+n > lo {
				spans = append(spans, Span{Range{lo, lo + n}, unit})
			}
		}
		pos = next
	}
	return sorted(spans), nil
}

// Index asks each unit itself which addresses it holds. It reads one entry of
// each, or the surface of a unit whose first entry does not say. Units that
// cannot be read are left out and counted.
func (d *Data) Index() (spans []Span, unread int, err error) {
	if d.s.Info == nil {
		return nil, 0, nil
	}
	for off := uint64(0); off < d.s.Info.Size(); {
		h, err := d.headerAt(off)
		if err != nil {
			if h.end <= off {
				return sorted(spans), unread, err
			}
			unread++
			off = h.end
			continue
		}
		off = h.end
		if h.kind == unitType || h.kind == unitSplitType {
			continue
		}
		u, err := d.open(h.off)
		if err != nil {
			unread++
			continue
		}
		ranges, err := u.extent(u.root.low, u.root.high, u.root.ranges)
		if err == nil && len(ranges) == 0 && !u.root.ranges.set() && u.root.tag == tagCompileUnit {
			if err = u.scan(); err == nil {
				for _, f := range u.functions {
					ranges = append(ranges, f.ranges...)
				}
			}
		}
		if err != nil {
			unread++
			continue
		}
		for _, r := range ranges {
			spans = append(spans, Span{r, h.off})
		}
	}
	return sorted(spans), unread, nil
}

func sorted(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.Low, b.Low), cmp.Compare(a.High, b.High), cmp.Compare(a.Unit, b.Unit))
	})
	return slices.Compact(spans)
}

// Find returns the span of sorted spans that holds pc.
func Find(spans []Span, pc uint64) (Span, bool) {
	n := sort.Search(len(spans), func(i int) bool { return spans[i].Low > pc })
	// Spans do not overlap in what compilers write; a damaged file may have a
	// short one inside a long one.
	for i := n - 1; i >= 0 && i >= n-16; i-- {
		if spans[i].contains(pc) {
			return spans[i], true
		}
	}
	return Span{}, false
}
