package orc

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Table is the unwind table of the kernel or of one module. It keeps the bytes
// that it was made of, and may be asked from many goroutines at once.
type Table struct {
	ips, entries []byte
	base         uint64
	version      Version
	n            int
	// order lists the entries by address where they do not lie so.
	order []uint32
	notes []string
}

// New makes a table of the two arrays. The address of the first one is needed
// because distances are stored from there. Arrays of different lengths are read
// as far as both go.
func New(ips, entries []byte, ipBase uint64, v Version) (*Table, error) {
	if v < V1 || v > V4 {
		return nil, fmt.Errorf("orc: version %d is unknown: versions 1 to 4 are", v)
	}
	t := &Table{ips: ips, entries: entries, base: ipBase, version: v}
	t.n = min(len(ips)/4, len(entries)/entrySize)
	if t.n == 0 {
		return nil, errors.New("orc: the unwind table is empty")
	}
	if len(ips)/4 != len(entries)/entrySize {
		t.notes = append(t.notes, fmt.Sprintf("orc: %d addresses but %d entries, the table is cut or wrong", len(ips)/4, len(entries)/entrySize))
	}
	missing, sorted := 0, true
	last := uint64(0)
	place := ipBase
	for b := ips[:4*t.n]; len(b) >= 4; b = b[4:] {
		distance := binary.LittleEndian.Uint32(b)
		pc := place + uint64(int64(int32(distance)))
		place += 4
		if distance == 0 {
			missing++
			continue
		}
		if pc < last {
			sorted = false
		}
		last = pc
	}
	if missing == t.n {
		return nil, errors.New("orc: all addresses are zero: the pages of the unwind table are missing")
	}
	if missing > 0 {
		t.notes = append(t.notes, fmt.Sprintf("orc: %d of %d entries are on pages that are missing", missing, t.n))
	}
	if missing > 0 || !sorted {
		t.sort()
	}
	return t, nil
}

// sort makes the index of a table that does not lie in order: a module's before
// its first use, one with holes, one that lies.
func (t *Table) sort() {
	t.order = make([]uint32, 0, t.n)
	for i := range t.n {
		// No code is inside of the table, so no distance is 0.
		if binary.LittleEndian.Uint32(t.ips[4*i:]) != 0 {
			t.order = append(t.order, uint32(i))
		}
	}
	slices.SortFunc(t.order, func(a, b uint32) int {
		if c := cmp.Compare(t.pc(int(a)), t.pc(int(b))); c != 0 {
			return c
		}
		// As the kernel sorts: the end of one section's code may be the beginning
		// of another's, and then it is the beginning that counts.
		wa, wb := t.weak(int(a)), t.weak(int(b))
		switch {
		case wa && !wb:
			return -1
		case wb && !wa:
			return 1
		}
		return cmp.Compare(a, b)
	})
}

func (t *Table) weak(i int) bool { return t.entry(i).Type == TypeUndefined }

// pc is the address that entry i begins at.
func (t *Table) pc(i int) uint64 {
	return t.base + uint64(4*i) + uint64(int64(int32(binary.LittleEndian.Uint32(t.ips[4*i:]))))
}

func (t *Table) entry(i int) Entry { return t.version.decode(t.entries[entrySize*i:]) }

// at translates a place in the order of addresses.
func (t *Table) at(i int) int {
	if t.order != nil {
		return int(t.order[i])
	}
	return i
}

// Len is the number of entries that can be found.
func (t *Table) Len() int {
	if t.order != nil {
		return len(t.order)
	}
	return t.n
}

// Version is the one that the table was read as.
func (t *Table) Version() Version { return t.version }

// Notes says what of the table could not be read, empty where all could.
func (t *Table) Notes() []string { return t.notes }

// Find returns the rule for an address: of the last entry that begins at or
// before it. For a return address, that is the address less one: a call may be
// the last instruction of its function.
func (t *Table) Find(pc uint64) (Entry, bool) {
	if lo, hi := t.Range(); pc < lo || pc >= hi {
		return Entry{}, false
	}
	// The first entry that begins after it is in [low, high].
	low, high := 1, t.Len()
	for low < high {
		if mid := int(uint(low+high) / 2); t.pc(t.at(mid)) > pc {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return t.entry(t.at(low - 1)), true
}

// Range returns the first address that the table speaks of, and the one after
// the last. The last entry of a table marks the end of the code before it.
func (t *Table) Range() (lo, hi uint64) {
	return t.pc(t.at(0)), t.pc(t.at(t.Len()-1)) + 1
}

// All yields the entries by address.
func (t *Table) All() func(yield func(pc uint64, e Entry) bool) {
	return func(yield func(uint64, Entry) bool) {
		for i := range t.Len() {
			if !yield(t.pc(t.at(i)), t.entry(t.at(i))) {
				return
			}
		}
	}
}
