package crash

import (
	"encoding/binary"
	"slices"
)

// Nearly every line of a log is no headline. The two indexes here decide that
// in a few nanoseconds: headIndex by the first four bytes of the line, for the
// formats that begin with a text; needleIndex by skipping through the line, for
// the few that begin with a name that can be anything.

const (
	headBytes = 4 // what a head must have at least
	longBytes = 8 // what most heads have
)

// noFormat stands in a headIndex for a part of a report that is no headline.
const noFormat = -1

// bloom is a set of hashes that may claim to hold what it does not.
type bloom [1 << 13 / 64]uint64

func (f *bloom) add(h uint32)      { f[h/64] |= 1 << (h % 64) }
func (f *bloom) has(h uint32) bool { return f[h/64]&(1<<(h%64)) != 0 }

func hash4(key uint32) uint32 { return key * 2654435761 >> 19 }
func hash8(key uint64) uint32 { return uint32(key * 0x9e3779b97f4a7c15 >> 51) }

// headIndex finds formats by how a line starts.
type headIndex struct {
	any   bloom            // first four bytes of every head
	short bloom            // the same for heads of less than eight bytes
	long  bloom            // first eight bytes of the others
	byKey map[uint32][]int // format indexes by first four bytes, in table order
}

type headBuilder struct{ ix *headIndex }

func newHeadBuilder() headBuilder { return headBuilder{&headIndex{byKey: map[uint32][]int{}}} }

func (b headBuilder) add(head string, format int) {
	key := binary.LittleEndian.Uint32([]byte(head[:headBytes]))
	b.ix.any.add(hash4(key))
	if len(head) >= longBytes {
		b.ix.long.add(hash8(binary.LittleEndian.Uint64([]byte(head[:longBytes]))))
	} else {
		b.ix.short.add(hash4(key))
	}
	if !slices.Contains(b.ix.byKey[key], format) {
		b.ix.byKey[key] = append(b.ix.byKey[key], format)
	}
}

func (b headBuilder) build() *headIndex {
	for _, s := range structureTable {
		if len(s.text) >= headBytes {
			b.add(s.text, noFormat)
		}
	}
	for _, p := range pcPrefixes {
		if len(p.text) >= headBytes {
			b.add(p.text, noFormat)
		}
	}
	return b.ix
}

// maybe reports whether a format or a part of a report may start like text.
func (ix *headIndex) maybe(text []byte) bool {
	if len(text) < headBytes {
		return false
	}
	h := hash4(binary.LittleEndian.Uint32(text))
	if !ix.any.has(h) {
		return false
	}
	return ix.short.has(h) || len(text) >= longBytes && ix.long.has(hash8(binary.LittleEndian.Uint64(text)))
}

// candidates returns the formats that text could be, by its first bytes.
func (ix *headIndex) candidates(text []byte) []int {
	if !ix.maybe(text) {
		return nil
	}
	return ix.byKey[binary.LittleEndian.Uint32(text)]
}

// minNeedle is the shortest literal that needleIndex looks for. The longer it
// is, the farther each probe skips.
const minNeedle = 14

type needle struct {
	text   string
	format int
}

// needleIndex finds literals anywhere in a line, after Wu and Manber: shift
// tells for each pair of bytes how far the end of the nearest needle can be, so
// that most of the line is never looked at.
type needleIndex struct {
	shift   [1 << 14]uint8 // by pairOf
	needles []needle
}

// pairOf is an index for two bytes; kernel text is ASCII, so that it is exact.
func pairOf(a, b byte) int { return int(a&0x7f)<<7 | int(b&0x7f) }

func buildNeedles(needles []needle) needleIndex {
	ix := needleIndex{needles: needles}
	for i := range ix.shift {
		ix.shift[i] = minNeedle - 1
	}
	for _, n := range needles {
		for i := 0; i+1 < minNeedle; i++ {
			h := pairOf(n.text[i], n.text[i+1])
			ix.shift[h] = min(ix.shift[h], uint8(minNeedle-2-i))
		}
	}
	return ix
}

// next returns the first offset in text, at or after from, at which a needle
// stands, or -1.
func (ix *needleIndex) next(text []byte, from int) int {
	for i := from + minNeedle - 1; i < len(text); {
		if s := ix.shift[pairOf(text[i-1], text[i])]; s > 0 {
			i += int(s)
			continue
		}
		at := i - minNeedle + 1
		for n := range ix.needles {
			if ix.at(text, at, n) {
				return at
			}
		}
		i++
	}
	return -1
}

// at reports whether needle n stands at offset i of text.
func (ix *needleIndex) at(text []byte, i, n int) bool {
	s := ix.needles[n].text
	return len(text)-i >= len(s) && string(text[i:i+len(s)]) == s
}
