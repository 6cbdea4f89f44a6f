package equiv

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// A part is where two texts differ: lines of the one, and what stands there in the other.
type part struct{ a0, a1, b0, b1 int }

// lookahead is how many lines of either text are searched for where they meet again.
const lookahead = 48

// apart finds the parts in which two texts differ. They need not be the smallest: what is in
// no part is the same in both, line by line, and so adds nothing to what a change adds or
// removes. That is found by comparing, which is several times faster than hashing lines.
func (c *Counter) apart(a, b []byte) []part {
	c.parts = c.parts[:0]
	i, j := 0, 0
	for {
		n := commonPrefix(a[i:], b[j:])
		if i+n < len(a) || j+n < len(b) {
			n = bytes.LastIndexByte(a[i:i+n], '\n') + 1
		}
		i, j = i+n, j+n
		if i == len(a) && j == len(b) {
			return c.parts
		}
		x, y, ok := c.meet(a[i:], b[j:])
		if !ok {
			c.parts = append(c.parts, part{i, len(a), j, len(b)})
			return c.parts
		}
		c.parts = append(c.parts, part{i, i + x, j, j + y})
		i, j = i+x, j+y
	}
}

// A lineKey is a line's end, and what tells most lines apart.
type lineKey struct {
	end int // behind its newline
	key uint64
}

// nextKey adds the key of the next line of a text, if it has one.
func nextKey(keys []lineKey, text []byte) ([]lineKey, bool) {
	at := 0
	if len(keys) > 0 {
		at = keys[len(keys)-1].end
	}
	n := bytes.IndexByte(text[at:], '\n')
	if n < 0 {
		return keys, false
	}
	line := text[at : at+n]
	key := uint64(n)
	if n >= 8 {
		key ^= bits.RotateLeft64(binary.LittleEndian.Uint64(line), 32) + binary.LittleEndian.Uint64(line[n-8:])
	}
	return append(keys, lineKey{at + n + 1, key}), true
}

// meet finds where two texts that begin with different lines have the same one again. Lines
// that are too short to mean something, a bracket or nothing, do not count.
func (c *Counter) meet(a, b []byte) (x, y int, ok bool) {
	c.keysA, c.keysB = c.keysA[:0], c.keysB[:0]
	moreA, moreB := true, true
	for d := range 2 * lookahead {
		if moreA && d < lookahead {
			c.keysA, moreA = nextKey(c.keysA, a)
		}
		if moreB && d < lookahead {
			c.keysB, moreB = nextKey(c.keysB, b)
		}
		for i := max(0, d-len(c.keysB)+1); i <= d && i < len(c.keysA); i++ {
			ka, kb := &c.keysA[i], &c.keysB[d-i]
			if ka.key != kb.key {
				continue
			}
			x, y = 0, 0
			if i > 0 {
				x = c.keysA[i-1].end
			}
			if d > i {
				y = c.keysB[d-i-1].end
			}
			if ka.end-x > 8 && bytes.Equal(a[x:ka.end], b[y:kb.end]) {
				return x, y, true
			}
		}
	}
	return 0, 0, false
}
