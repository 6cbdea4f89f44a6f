package dump

import (
	"encoding/binary"
	"math/bits"
)

const (
	chunkBytes = 4096
	chunkPages = chunkBytes * 8
	chunkShift = 15
	rankPages  = 512
	rankShift  = 9
)

// bitmap is the second bitmap of a KDUMP file, which pages it holds, with the
// number of set bits before every 512th of them: that is what a page's
// descriptor is found by.
type bitmap struct {
	first  uint64 // number of the first chunk
	chunks []*chunk
	count  uint64
	// cut is the first page of which the file no longer tells.
	cut uint64
}

// chunk is 32768 pages. Those without any page are nil.
type chunk struct {
	before uint64
	rank   [chunkPages / rankPages]uint16
	bits   []byte
}

// readBitmap reads the bits of pages [start, end) of a bitmap at off; the others
// count as clear.
func readBitmap(src *source, off int64, start, end uint64) (*bitmap, error) {
	b := &bitmap{first: start >> chunkShift, cut: end}
	err := eachChunk(src, off, start, end, func(first uint64, words []byte) {
		c := &chunk{before: b.count, bits: words}
		n := 0
		for i := range c.rank {
			c.rank[i] = uint16(n)
			for w := i * (rankPages / 8); w < (i+1)*(rankPages/8); w += 8 {
				n += bits.OnesCount64(binary.LittleEndian.Uint64(words[w:]))
			}
		}
		if n == 0 {
			c = nil
		}
		b.chunks = append(b.chunks, c)
		b.count += uint64(n)
	}, &b.cut)
	return b, err
}

// eachChunk yields the bits of [start, end) in chunks, with those outside
// cleared. Where the file ends early, cut is set to the first page that is not
// told of, and the error says why.
func eachChunk(src *source, off int64, start, end uint64, yield func(first uint64, words []byte), cut *uint64) error {
	const slabChunks = 64
	if start >= end {
		return nil
	}
	last := (end - 1) >> chunkShift
	for at := start >> chunkShift; at <= last; at += slabChunks {
		n := min(slabChunks, last-at+1)
		from := at * chunkBytes
		want := min(n*chunkBytes, (end+7)/8-from)
		slab, err := src.prefix(off+int64(from), want)
		got := uint64(len(slab))
		if pad := n*chunkBytes - got; pad > 0 {
			slab = append(slab, make([]byte, pad)...)
		}
		if err != nil {
			n = (got + chunkBytes - 1) / chunkBytes
			*cut = max(start, min(end, (from+got)*8))
		}
		for i := range n {
			words := slab[i*chunkBytes : (i+1)*chunkBytes : (i+1)*chunkBytes]
			first := (at + i) << chunkShift
			if first < start {
				clearBits(words, 0, start-first)
			}
			if first+chunkPages > end {
				clearBits(words, end-first, chunkPages)
			}
			yield(first, words)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// clearBits clears bits [from, to).
func clearBits(b []byte, from, to uint64) {
	for ; from < to && from%8 != 0; from++ {
		b[from/8] &^= 1 << (from % 8)
	}
	for ; from+8 <= to; from += 8 {
		b[from/8] = 0
	}
	for ; from < to; from++ {
		b[from/8] &^= 1 << (from % 8)
	}
}

// index returns how many set bits there are before a page, and whether its own
// is set.
func (b *bitmap) index(pfn uint64) (uint64, bool) {
	i := pfn>>chunkShift - b.first
	if i >= uint64(len(b.chunks)) || b.chunks[i] == nil {
		return 0, false
	}
	c := b.chunks[i]
	in := pfn % chunkPages
	if c.bits[in/8]&(1<<(in%8)) == 0 {
		return 0, false
	}
	n := c.before + uint64(c.rank[in>>rankShift])
	w := in >> rankShift * (rankPages / 8)
	for ; w+8 <= in/64*8; w += 8 {
		n += uint64(bits.OnesCount64(binary.LittleEndian.Uint64(c.bits[w:])))
	}
	word := binary.LittleEndian.Uint64(c.bits[w:])
	return n + uint64(bits.OnesCount64(word&(1<<(in%64)-1))), true
}

// maxRanges bounds what a bitmap of alternating bits becomes.
const maxRanges = 1 << 16

// rangeList collects ascending ranges. When there are too many, those with the
// smallest gaps between them are merged.
type rangeList struct {
	list   []Range
	gap    uint64
	merged bool
}

func (l *rangeList) add(start, end uint64) {
	if n := len(l.list); n > 0 && start-l.list[n-1].End <= l.gap {
		l.list[n-1].End = end
		return
	}
	l.list = append(l.list, Range{start, end})
	for len(l.list) >= maxRanges {
		l.merged = true
		l.gap = max(1, l.gap*2)
		out := l.list[:1]
		for _, r := range l.list[1:] {
			if last := &out[len(out)-1]; r.Start-last.End <= l.gap {
				last.End = r.End
			} else {
				out = append(out, r)
			}
		}
		l.list = out
	}
}

// addBits adds the set bits of a chunk that begins with page first.
func (l *rangeList) addBits(first uint64, words []byte) (count uint64) {
	var run uint64 // the first page of a run that is not over, plus one
	for w := 0; w < len(words); w += 8 {
		v := binary.LittleEndian.Uint64(words[w:])
		base := first + uint64(w)*8
		count += uint64(bits.OnesCount64(v))
		switch {
		case v == 0 && run == 0, v == ^uint64(0) && run != 0:
			continue
		}
		for at := uint64(0); at < 64; {
			if run == 0 {
				at += uint64(bits.TrailingZeros64(v >> at))
				if at >= 64 {
					break
				}
				run = base + at + 1
			}
			at += uint64(bits.TrailingZeros64(^(v >> at)))
			if at >= 64 {
				break
			}
			l.add(run-1, base+at)
			run = 0
		}
	}
	if run != 0 {
		l.add(run-1, first+uint64(len(words))*8)
	}
	return count
}
