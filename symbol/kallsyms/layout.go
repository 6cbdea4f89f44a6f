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

// addrs reads the addresses as a layout has them.
func (t *Tables) addrs(l Layout, order binary.ByteOrder) []uint64 {
	addr := make([]uint64, t.NumSyms)
	for i := range addr {
		if l == Absolute {
			addr[i] = order.Uint64(t.Offsets[8*i:])
			continue
		}
		off := order.Uint32(t.Offsets[4*i:])
		signed := uint64(int64(int32(off)))
		switch {
		case l == PlaceRelative:
			addr[i] = t.OffsetsAddr + uint64(4*i) + signed
		case l == BaseRelative:
			addr[i] = t.RelativeBase + uint64(off)
		case int32(off) >= 0:
			addr[i] = uint64(off)
		default:
			addr[i] = t.RelativeBase - 1 - signed
		}
	}
	return addr
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

// order says how much of the table lies in order, in a thousandth: the kernel's
// build sorts symbols by address. What is in its upper half of memory is, but a
// few, and what is elsewhere (per-CPU variables, absolute ones) is not text.
func inOrder(addr []uint64, lost []bool) int {
	if len(addr) < 2 {
		return 1000
	}
	good := 0
	last := uint64(0)
	for i, a := range addr {
		if lost == nil || !lost[i] {
			if a >= last && a>>63 != 0 {
				good++
			}
			last = a
		} else {
			good++
		}
	}
	return good * 1000 / len(addr)
}

// place reads the addresses in the layout that fits best.
func (x *Table) place(t *Tables, order binary.ByteOrder, check func(string, uint64) int) error {
	x.lose(t)
	const wrong = -1 << 30
	best := wrong
	for _, l := range t.candidates() {
		addr := t.addrs(l, order)
		score := inOrder(addr, x.lost)
		if check != nil {
			for i, a := range addr {
				if name := x.name(i); name != "" && (x.lost == nil || !x.lost[i]) {
					score += 1000 * check(name, a)
				}
			}
		}
		if score > best {
			best, x.addr, x.layout = score, addr, l
		}
	}
	if best == wrong {
		return errors.New("kallsyms: neither kallsyms_relative_base nor the address of kallsyms_offsets is known: give one of them")
	}
	if best < 500 {
		return fmt.Errorf("kallsyms: addresses do not lie in order in any known layout (best is %s): the table is damaged or was read from the wrong place", x.layout)
	}
	x.sort()
	return nil
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
