package dump

import (
	"cmp"
	"container/heap"
	"slices"
)

// A span is a range of addresses and where in the file its content begins.
type span struct {
	start, end uint64
	off        int64
	kind       kind
	// rank decides where spans overlap: the lower one is read.
	rank uint32
}

// kind says whether a span's content is there. The order is that in which one
// is preferred to another.
type kind uint8

const (
	kindData kind = iota
	kindTruncated
	kindExcluded
)

func (k kind) why() Why {
	if k == kindTruncated {
		return WhyTruncated
	}
	return WhyExcluded
}

// overlay sorts spans and cuts them so that none overlaps another: of those
// that cover an address, the one with the lowest rank is left.
func overlay(in []span) []span {
	if !slices.IsSortedFunc(in, byStart) {
		slices.SortFunc(in, byStart)
	}
	disjoint := true
	for i := 1; i < len(in) && disjoint; i++ {
		disjoint = in[i-1].end <= in[i].start
	}
	if disjoint {
		out := in[:0]
		for _, s := range in {
			out = join(out, s)
		}
		return slices.Clip(out)
	}
	var out []span
	var open spanHeap
	var pos uint64
	for i := 0; i < len(in) || len(open) > 0; {
		if len(open) == 0 {
			pos = in[i].start
		}
		for ; i < len(in) && in[i].start <= pos; i++ {
			heap.Push(&open, in[i])
		}
		for len(open) > 0 && open[0].end <= pos {
			heap.Pop(&open)
		}
		if len(open) == 0 {
			continue
		}
		cut := open[0]
		// The next one to begin may be preferred to it.
		if i < len(in) {
			cut.end = min(cut.end, in[i].start)
		}
		cut.off += int64(pos - cut.start)
		cut.start = pos
		out = join(out, cut)
		pos = cut.end
	}
	return out
}

func byStart(a, b span) int { return cmp.Compare(a.start, b.start) }

// join appends a span, to the last one where it goes on with it.
func join(out []span, s span) []span {
	if s.start >= s.end {
		return out
	}
	if n := len(out); n > 0 {
		last := &out[n-1]
		if last.end == s.start && last.kind == s.kind &&
			(s.kind != kindData || last.off+int64(last.end-last.start) == s.off) {
			last.end = s.end
			return out
		}
	}
	return append(out, s)
}

// find returns the index of the first span that ends after an address.
func find(spans []span, addr uint64) int {
	lo, hi := 0, len(spans)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if spans[mid].end > addr {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// spanHeap has the span to be read on top.
type spanHeap []span

func (h spanHeap) Len() int           { return len(h) }
func (h spanHeap) Less(i, j int) bool { return h[i].rank < h[j].rank }
func (h spanHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *spanHeap) Push(x any)        { *h = append(*h, x.(span)) }
func (h *spanHeap) Pop() any {
	old := *h
	n := len(old) - 1
	x := old[n]
	*h = old[:n]
	return x
}
