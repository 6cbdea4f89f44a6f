package equiv

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// A Counter makes the print of a change out of the versions of its files. It is for one
// goroutine, and keeps its memory from one change to the next.
type Counter struct {
	net  net
	seed maphash.Seed
	// A table of the lines of a file by their hashes, open addressing.
	slots []slot
	used  []uint32
	// What apart has found, and looks at.
	parts        []part
	keysA, keysB []lineKey
	// Touched is called, where it is set, with each line that differs and the content that
	// it is in: the new one for an added line, the old one for a removed one.
	Touched func(content []byte, offset int)
}

type slot struct {
	hash  uint64
	count int32
	off   uint32 // of one of the lines, in the old content or, behind it, in the new one
}

// NewCounter gives a counter.
func NewCounter() *Counter { return &Counter{seed: maphash.MakeSeed()} }

// Binary tells whether a file is none of text, by git's rule: a zero byte in its first
// 8,000.
func Binary(content []byte) bool {
	return bytes.IndexByte(content[:min(len(content), 8000)], 0) >= 0
}

// File adds what changes from one version of a file to the next; nil is a file that is not
// there. Files that are none of text count as one line with their content's hash.
func (c *Counter) File(before, after []byte) {
	if Binary(before) || Binary(after) {
		if before != nil {
			c.net.add(maphashFree(before), -1)
		}
		if after != nil {
			c.net.add(maphashFree(after), 1)
		}
		return
	}
	a, b := trim(before, after)
	if len(a) == 0 || len(b) == 0 {
		c.all(before, a, -1)
		c.all(after, b, 1)
		return
	}
	parts, lines := c.apart(a, b), 0
	for _, p := range parts {
		lines += bytes.Count(a[p.a0:p.a1], newline) + bytes.Count(b[p.b0:p.b1], newline) + 2
	}
	c.reset(lines)
	for _, p := range parts {
		c.count(b[p.b0:p.b1], uint32(len(a)+p.b0), 1)
	}
	for _, p := range parts {
		c.count(a[p.a0:p.a1], uint32(p.a0), -1)
	}
	offA, offB := cap(before)-cap(a), cap(after)-cap(b)
	for _, i := range c.used {
		s := &c.slots[i]
		if s.count == 0 {
			continue
		}
		text, whole, at := a, before, int(s.off)
		off := offA + at
		if at >= len(a) {
			text, whole, at = b, after, at-len(a)
			off = offB + at
		}
		line := text[at:]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line = line[:end]
		}
		if h, ok := lineHash(line); ok {
			c.net.add(h, s.count)
			if c.Touched != nil {
				c.Touched(whole, off)
			}
		}
	}
}

var newline = []byte{'\n'}

// all counts each line of a text.
func (c *Counter) all(whole, text []byte, by int32) {
	base := cap(whole) - cap(text)
	for at := 0; at < len(text); {
		line := text[at:]
		next := len(text)
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line, next = line[:end], at+end+1
		}
		if h, ok := lineHash(line); ok {
			c.net.add(h, by)
			if c.Touched != nil {
				c.Touched(whole, base+at)
			}
		}
		at = next
	}
}

func (c *Counter) reset(lines int) {
	size := 64
	for size < lines*2 {
		size *= 2
	}
	if len(c.slots) < size {
		c.slots = make([]slot, size)
		c.used = c.used[:0]
		return
	}
	for _, i := range c.used {
		c.slots[i] = slot{}
	}
	c.used = c.used[:0]
}

// count puts the lines of a text into the table.
func (c *Counter) count(text []byte, base uint32, by int32) {
	mask := uint32(len(c.slots) - 1)
	for at := 0; at < len(text); {
		line := text[at:]
		next := len(text)
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line, next = line[:end], at+end+1
		}
		h := maphash.Bytes(c.seed, line) | 1
		i := uint32(h>>32) & mask
		for c.slots[i].hash != h && c.slots[i].hash != 0 {
			i = (i + 1) & mask
		}
		s := &c.slots[i]
		if s.hash == 0 {
			s.hash, s.off = h, base+uint32(at)
			c.used = append(c.used, i)
		}
		s.count += by
		if (by > 0) == (s.count > 0) {
			s.off = base + uint32(at)
		}
		at = next
	}
}

// Print gives the print of all files that were added, and starts the next.
func (c *Counter) Print() Print { return c.net.print() }

// trim takes away the lines that two texts have in common at their beginning and their
// end.
func trim(a, b []byte) ([]byte, []byte) {
	n := commonPrefix(a, b)
	if n == len(a) && n == len(b) {
		return nil, nil
	}
	n = bytes.LastIndexByte(a[:n], '\n') + 1
	a, b = a[n:], b[n:]
	n = commonSuffix(a, b)
	if !startsLine(a, len(a)-n) || !startsLine(b, len(b)-n) {
		// What stands before the first newline is the end of a line that differs.
		cut := bytes.IndexByte(a[len(a)-n:], '\n')
		if cut < 0 {
			return a, b
		}
		n -= cut + 1
	}
	return a[:len(a)-n], b[:len(b)-n]
}

// startsLine tells whether a line begins at an offset.
func startsLine(b []byte, at int) bool { return at == 0 || b[at-1] == '\n' }

const step = 256

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for i+step <= n && bytes.Equal(a[i:i+step], b[i:i+step]) {
		i += step
	}
	for i+8 <= n {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
		i += 8
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

func commonSuffix(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for i+step <= n && bytes.Equal(a[len(a)-i-step:len(a)-i], b[len(b)-i-step:len(b)-i]) {
		i += step
	}
	for i+8 <= n {
		if x := binary.LittleEndian.Uint64(a[len(a)-i-8:]) ^ binary.LittleEndian.Uint64(b[len(b)-i-8:]); x != 0 {
			return i + bits.LeadingZeros64(x)/8
		}
		i += 8
	}
	for i < n && a[len(a)-i-1] == b[len(b)-i-1] {
		i++
	}
	return i
}

// maphashFree hashes a content the same way in every process.
func maphashFree(b []byte) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, c := range b {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return mix(h)
}
