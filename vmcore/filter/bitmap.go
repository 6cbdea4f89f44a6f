package filter

import (
	"encoding/binary"
	"iter"
	"math/bits"
)

// bitmap is a set of page frame numbers.
type bitmap []byte

func newBitmap(pages uint64) bitmap { return make(bitmap, (pages+63)/64*8) }

func (b bitmap) has(pfn uint64) bool {
	return pfn/8 < uint64(len(b)) && b[pfn/8]&(1<<(pfn%8)) != 0
}

func (b bitmap) set(pfn uint64) {
	if pfn/8 < uint64(len(b)) {
		b[pfn/8] |= 1 << (pfn % 8)
	}
}

func (b bitmap) clear(pfn uint64) {
	if pfn/8 < uint64(len(b)) {
		b[pfn/8] &^= 1 << (pfn % 8)
	}
}

// setRange adds [start, end).
func (b bitmap) setRange(start, end uint64) {
	end = min(end, uint64(len(b))*8)
	for ; start < end && start%8 != 0; start++ {
		b.set(start)
	}
	for ; start+8 <= end; start += 8 {
		b[start/8] = 0xff
	}
	for ; start < end; start++ {
		b.set(start)
	}
}

// clearRange takes [start, end) out and returns how many were in it.
func (b bitmap) clearRange(start, end uint64) (n uint64) {
	for pfn := start; pfn < min(end, uint64(len(b))*8); pfn++ {
		if b.has(pfn) {
			b.clear(pfn)
			n++
		}
	}
	return n
}

func (b bitmap) count() (n uint64) {
	for i := 0; i < len(b); i += 8 {
		n += uint64(bits.OnesCount64(binary.LittleEndian.Uint64(b[i:])))
	}
	return n
}

// runs goes through rows of at most limit pages.
func (b bitmap) runs(limit uint64) iter.Seq2[uint64, uint64] {
	return func(yield func(pfn, n uint64) bool) {
		start, n := uint64(0), uint64(0)
		for i := 0; i < len(b); i += 8 {
			word := binary.LittleEndian.Uint64(b[i:])
			if word == 0 && n == 0 {
				continue
			}
			for bit := range uint64(64) {
				if word>>bit&1 == 0 {
					if n > 0 && !yield(start, n) {
						return
					}
					n = 0
					continue
				}
				if n == 0 {
					start = uint64(i)*8 + bit
				}
				if n++; n == limit {
					if !yield(start, n) {
						return
					}
					n = 0
				}
			}
		}
		if n > 0 {
			yield(start, n)
		}
	}
}
