package filter

import (
	"encoding/binary"
	"math/bits"
)

// lzo compresses into the LZO1X format, which is the only one of the KDUMP
// format's that there is no library to write. It looks for matches of four bytes
// in one table, as LZO1X-1 does.
type lzo struct {
	table [1 << lzoBits]uint32 // the position after that of four bytes, by their hash
}

const (
	lzoBits = 12
	// lzoFar is the farthest match that is looked for: beyond, the format has one
	// more way to write a match, which pages have no use for.
	lzoFar  = 0x4000
	lzoNear = 0x800 // a short match up to here takes two bytes
)

// compress appends what src becomes.
func (z *lzo) compress(dst, src []byte) []byte {
	clear(z.table[:])
	start, literal := len(dst), 0
	for i := 0; i+4 <= len(src); {
		word := binary.LittleEndian.Uint32(src[i:])
		slot := &z.table[word*0x9e3779b1>>(32-lzoBits)]
		before := int(*slot) - 1
		*slot = uint32(i + 1)
		if before < 0 || i-before > lzoFar || binary.LittleEndian.Uint32(src[before:]) != word {
			i += 1 + (i-literal)>>5 // less and less hope where nothing matches
			continue
		}
		n := 4 + matching(src[before+4:], src[i+4:])
		dst = lzoLiterals(dst, start, src[literal:i])
		dst = lzoMatch(dst, i-before, n)
		i += n
		literal = i
	}
	dst = lzoLiterals(dst, start, src[literal:])
	return append(dst, 0x11, 0, 0)
}

// matching returns how many bytes are the same at the beginning of both; b is
// the shorter.
func matching(a, b []byte) (n int) {
	for ; n+8 <= len(b); n += 8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
	}
	for n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// lzoLiterals appends bytes that stand for themselves. Up to three of them are
// counted in the match before.
func lzoLiterals(dst []byte, start int, p []byte) []byte {
	switch n := len(p); {
	case n == 0:
		return dst
	case len(dst) == start && n <= 238:
		dst = append(dst, byte(17+n))
	case n <= 3:
		dst[len(dst)-2] |= byte(n)
	case n <= 18:
		dst = append(dst, byte(n-3))
	default:
		dst = lzoLength(append(dst, 0), n-18)
	}
	return append(dst, p...)
}

// lzoMatch appends a copy of n bytes from so far back.
func lzoMatch(dst []byte, back, n int) []byte {
	back--
	if n <= 8 && back < lzoNear {
		return append(dst, byte((n-1)<<5|back&7<<2), byte(back>>3))
	}
	if n <= 33 {
		dst = append(dst, byte(0x20|(n-2)))
	} else {
		dst = lzoLength(append(dst, 0x20), n-33)
	}
	return append(dst, byte(back&63<<2), byte(back>>6))
}

// lzoLength appends a length that did not fit: zeros for 255 each, and the rest.
func lzoLength(dst []byte, n int) []byte {
	for ; n > 255; n -= 255 {
		dst = append(dst, 0)
	}
	return append(dst, byte(n))
}
