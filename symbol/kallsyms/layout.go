package kallsyms

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Layout is the way in which addresses are stored.
type Layout int

// The layouts, with the kernels of x86_64 and arm64 that have had them. Others
// kept older ones for longer.
const (
	// Absolute: kallsyms_addresses has them as they are. Before 4.6, and until
	// 6.10 where the kernel's image is larger than 4 GiB or not relocatable.
	Absolute Layout = iota + 1
	// BaseRelative: kallsyms_offsets + kallsyms_relative_base. arm64 4.6 to 6.19,
	// x86_64 6.15 to 6.19.
	BaseRelative
	// AbsolutePercpu: offsets that are not negative are addresses (of per-CPU
	// variables, which are linked at 0), negative ones are base - 1 - offset.
	// x86_64 4.6 to 6.14.
	AbsolutePercpu
	// PlaceRelative: distances from where they are stored. Since 7.0.
	PlaceRelative
)

func (l Layout) String() string {
	switch l {
	case Absolute:
		return "absolute"
	case BaseRelative:
		return "base-relative"
	case AbsolutePercpu:
		return "absolute per-CPU"
	case PlaceRelative:
		return "place-relative"
	}
	return fmt.Sprintf("layout %d", int(l))
}

// offsets reads the numbers as they are stored; those of 4 bytes with their sign.
func (t *Tables) offsets(order binary.ByteOrder) []uint64 {
	off := make([]uint64, t.NumSyms)
	switch wide := len(t.Offsets) >= 8*t.NumSyms; {
	case wide:
		for i := range off {
			off[i] = order.Uint64(t.Offsets[8*i:])
		}
	case order == binary.LittleEndian:
		// Known to the compiler, which makes one load of it.
		for i := range off {
			off[i] = uint64(int64(int32(binary.LittleEndian.Uint32(t.Offsets[4*i:]))))
		}
	default:
		for i := range off {
			off[i] = uint64(int64(int32(order.Uint32(t.Offsets[4*i:]))))
		}
	}
	return off
}

// addr makes an address of the i-th offset.
func (t *Tables) addr(l Layout, i int, off uint64) uint64 {
	switch {
	case l == PlaceRelative:
		return t.OffsetsAddr + uint64(4*i) + off
	case l == BaseRelative:
		return t.RelativeBase + uint64(uint32(off))
	case l == AbsolutePercpu && int64(off) < 0:
		return t.RelativeBase - 1 - off
	}
	return off
}

// candidates are the layouts that the sizes allow.
func (t *Tables) candidates() []Layout {
	if len(t.Offsets) >= 8*t.NumSyms {
		return []Layout{Absolute}
	}
	var c []Layout
	if t.RelativeBase != 0 {
		c = append(c, BaseRelative, AbsolutePercpu)
	}
	if t.OffsetsAddr != 0 {
		c = append(c, PlaceRelative)
	}
	return c
}

// inOrder says how much of the table lies in order in a layout, in a thousandth,
// looking at every step-th symbol: the kernel's build sorts them by address. What
// is in the upper half of memory is text and data, which is nearly all.
func (t *Tables) inOrder(l Layout, off []uint64, lost []bool, step int) int {
	good, n := 0, 0
	last := uint64(0)
	for i := 0; i < len(off); i += step {
		if lost != nil && lost[i] {
			continue
		}
		a := t.addr(l, i, off[i])
		if a >= last && a>>63 != 0 {
			good++
		}
		last = a
		n++
	}
	return good * 1000 / max(n, 1)
}

// place reads the addresses in the layout that fits best.
func (x *Table) place(t *Tables, order binary.ByteOrder, check func(string, uint64) int) error {
	x.lose(t)
	const wrong = -1 << 30
	best := wrong
	off := t.offsets(order)
	candidates := t.candidates()
	for _, l := range candidates {
		// Most layouts make nonsense of most tables, which shows soon.
		score := t.inOrder(l, off, x.lost, 64)
		if score >= enough {
			score = t.inOrder(l, off, x.lost, 1)
			score += 1000 * x.votes(t, l, off, check)
		}
		if score > best {
			best, x.layout = score, l
		}
	}
	if best == wrong {
		return errors.New("kallsyms: neither kallsyms_relative_base nor the address of kallsyms_offsets is known: give one of them")
	}
	if best < enough {
		if t.inOrder(x.layout, off, x.lost, 1) >= enough {
			return fmt.Errorf("kallsyms: addresses are not those that are known from elsewhere in any layout (best is %s): the tables are another kernel's", x.layout)
		}
		return fmt.Errorf("kallsyms: addresses do not lie in order in any layout (best is %s): the table is damaged or was read from the wrong place", x.layout)
	}
	for i := range off {
		off[i] = t.addr(x.layout, i, off[i])
	}
	x.addr = off
	x.sort()
	return nil
}

// enough of a table that is in order, in a thousandth. Of random numbers it would
// be half.
const enough = 700

func (x *Table) votes(t *Tables, l Layout, off []uint64, check func(string, uint64) int) (sum int) {
	if check == nil {
		return 0
	}
	for i := range off {
		if x.whole(i) {
			sum += check(x.name(i), t.addr(l, i, off[i]))
		}
	}
	return sum
}

// lose finds the pages of offsets that are missing. A few symbols in a row may
// have an offset of 0, those at the base, but not half a page of them.
func (x *Table) lose(t *Tables) {
	const many = 512
	size := 4
	if len(t.Offsets) >= 8*t.NumSyms {
		size = 8
	}
	missing := 0
	for i := 0; i < t.NumSyms; i++ {
		n := i
		for n < t.NumSyms && isZero(t.Offsets[size*n:size*n+size]) {
			n++
		}
		if n-i < many {
			i = max(i, n)
			continue
		}
		if x.lost == nil {
			x.lost = make([]bool, t.NumSyms)
		}
		for missing += n - i; i < n; i++ {
			x.lost[i] = true
		}
	}
	if missing > 0 {
		x.notes = append(x.notes, fmt.Sprintf("kallsyms: %d of %d addresses are on pages that are missing", missing, t.NumSyms))
	}
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// sort makes the order by address where the table does not lie in it.
func (x *Table) sort() {
	straight := x.lost == nil && slices.IsSorted(x.addr)
	for i := 0; straight && i < len(x.addr); i++ {
		straight = x.begin[i] != x.begin[i+1]
	}
	if straight {
		return
	}
	x.sorted = make([]uint32, 0, len(x.addr))
	for i := range x.addr {
		if x.whole(i) {
			x.sorted = append(x.sorted, uint32(i))
		}
	}
	slices.SortStableFunc(x.sorted, func(a, b uint32) int {
		switch {
		case x.addr[a] < x.addr[b]:
			return -1
		case x.addr[a] > x.addr[b]:
			return 1
		}
		return 0
	})
}
