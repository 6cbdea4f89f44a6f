package kallsyms

import "encoding/binary"

// perMark is the number of symbols between two entries of kallsyms_markers,
// which are offsets into kallsyms_names.
const perMark = 256

// A compressed name has at least a length and one byte, and on average far less
// than the 128 that a mark's stretch is checked against.
const (
	minStretch = 2 * perMark
	maxStretch = 128 * perMark
)

func marksOf(numSyms int) int { return (numSyms + perMark - 1) / perMark }

// findMarks finds kallsyms_markers behind the names, which are known to go on
// for at least from bytes, with the first marks as known. It returns nil where
// they are not found.
func findMarks(names []byte, from int, known []uint32, numSyms int, order binary.ByteOrder) []uint32 {
	n := marksOf(numSyms)
	for at := (from + 3) &^ 3; at+4*n <= len(names); at += 4 {
		if n > 1 && isMarks(names[at:], n, known, order) && int(order.Uint32(names[at+4*n-4:])) < at {
			marks := make([]uint32, n)
			for i := range marks {
				marks[i] = order.Uint32(names[at+4*i:])
			}
			return marks
		}
	}
	return nil
}

// isMarks says whether n marks are at the beginning of b.
func isMarks(b []byte, n int, known []uint32, order binary.ByteOrder) bool {
	last := uint32(0)
	for i := range n {
		m := order.Uint32(b[4*i:])
		switch {
		case i == 0 && m != 0,
			i > 0 && (m < last+minStretch || m > last+maxStretch),
			i < len(known) && m != known[i]:
			return false
		}
		last = m
	}
	return true
}
