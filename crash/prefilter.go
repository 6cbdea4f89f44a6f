package crash

import (
	"encoding/binary"
	"slices"
)

// Nearly every line of a log is no headline. The two indexes here decide that
// in a few nanoseconds: headIndex by the first four bytes of the line, for the
// formats that begin with a text; needleIndex by skipping through the line, for
// the few that begin with a name that can be anything.

const headBytes = 4

// noFormat stands in a headIndex for a part of a report that is no headline.
const noFormat = -1

// headIndex finds formats by how a line starts.
type headIndex struct {
	filter [1 << 14 / 64]uint64 // bloom filter over hashed first bytes
	byKey  map[uint32][]int     // format indexes in table order
}

type headBuilder map[uint32][]int

func (b headBuilder) add(head string, format int) {
	key := binary.LittleEndian.Uint32([]byte(head[:headBytes]))
	if !slices.Contains(b[key], format) {
		b[key] = append(b[key], format)
	}
}

func (b headBuilder) build() headIndex {
	ix := headIndex{byKey: b}
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
	for key := range b {
		h := headHash(key)
		ix.filter[h/64] |= 1 << (h % 64)
	}
	return ix
}

func headHash(key uint32) uint32 { return key * 2654435761 >> 18 }

// maybe reports whether a format or a part of a report may start like text.
func (ix *headIndex) maybe(text []byte) bool {
	if len(text) < headBytes {
		return false
	}
	h := headHash(binary.LittleEndian.Uint32(text))
	return ix.filter[h/64]&(1<<(h%64)) != 0
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
const minNeedle = 9

type needle struct {
	text   string
	format int
}

// needleIndex finds literals anywhere in a line, after Wu and Manber: shift
// tells for each pair of bytes how far the end of the nearest needle can be, so
// that most of the line is never looked at.
type needleIndex struct {
	shift   [1 << 12]uint8
	needles []needle
}

func pairHash(a, b byte) uint16 { return (uint16(a)*67 + uint16(b)*131) & (1<<12 - 1) }

func buildNeedles(needles []needle) needleIndex {
	ix := needleIndex{needles: needles}
	for i := range ix.shift {
		ix.shift[i] = minNeedle - 1
	}
	for _, n := range needles {
		for i := 0; i+1 < minNeedle; i++ {
			h := pairHash(n.text[i], n.text[i+1])
			ix.shift[h] = min(ix.shift[h], uint8(minNeedle-2-i))
		}
	}
	return ix
}

// next returns the first offset in text, at or after from, at which a needle
// stands, or -1.
func (ix *needleIndex) next(text []byte, from int) int {
	for i := from + minNeedle - 1; i < len(text); {
		if s := ix.shift[pairHash(text[i-1], text[i])]; s > 0 {
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
