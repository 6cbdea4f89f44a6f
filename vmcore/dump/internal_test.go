package dump

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// What overlay cuts is what looking at each address would give.
func TestOverlay(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		const size = 64
		var in []span
		type content struct {
			off  int64
			kind kind
			rank uint32
		}
		want := make([]*content, size)
		for i := range rnd.IntN(12) {
			s := span{start: rnd.Uint64N(size), kind: kind(rnd.IntN(3)), off: int64(i * 1000)}
			s.end = s.start + rnd.Uint64N(size-s.start)
			s.rank = uint32(s.kind)<<30 | uint32(i)
			in = append(in, s)
			for a := s.start; a < s.end; a++ {
				if want[a] == nil || s.rank < want[a].rank {
					want[a] = &content{s.off + int64(a-s.start), s.kind, s.rank}
				}
			}
		}
		out := overlay(slices.Clone(in))
		pos := uint64(0)
		for a := range uint64(size) {
			i := find(out, a)
			covered := i < len(out) && out[i].start <= a
			if covered != (want[a] != nil) {
				t.Fatalf("%v: address %d is covered: %v", in, a, covered)
			}
			if covered && (out[i].kind != want[a].kind || out[i].kind == kindData && out[i].off+int64(a-out[i].start) != want[a].off) {
				t.Fatalf("%v: address %d is %+v, want %+v", in, a, out[i], want[a])
			}
		}
		for _, s := range out {
			if s.start < pos || s.end <= s.start {
				t.Fatalf("%v: spans overlap: %v", in, out)
			}
			pos = s.end
		}
	}
}

// Ranks and ranges of a bitmap are what counting its bits gives.
func TestBitmap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 2))
	file := make([]byte, 100+3*chunkBytes+77)
	for i := 100; i < len(file); i++ {
		switch i / 600 % 3 {
		case 0:
			file[i] = byte(rnd.Uint32())
		case 1:
			file[i] = 0xff
		}
	}
	src := &source{r: bytes.NewReader(file), size: int64(len(file))}
	bit := func(i uint64) bool { return file[100+i/8]&(1<<(i%8)) != 0 }
	frames := uint64(len(file)-100)*8 - 5
	for _, r := range [][2]uint64{{0, frames}, {1, 2}, {777, 40_001}, {32_768, 65_536}, {65_530, frames}, {9, 9}} {
		b, err := readBitmap(src, 100, r[0], r[1])
		if err != nil {
			t.Fatal(err)
		}
		n := uint64(0)
		for i := range frames + 100 {
			want := i >= r[0] && i < r[1] && bit(i)
			got, ok := b.index(i)
			if ok != want || ok && got != n {
				t.Fatalf("%v: bit %d is %v with %d before it, want %v with %d", r, i, ok, got, want, n)
			}
			if want {
				n++
			}
		}
		if b.count != n {
			t.Errorf("%v: %d bits, want %d", r, b.count, n)
		}
	}

	var l rangeList
	cut, count := frames, uint64(0)
	if err := eachChunk(src, 100, 0, frames, func(first uint64, words []byte) { count += l.addBits(first, words) }, &cut); err != nil {
		t.Fatal(err)
	}
	pos, n := uint64(0), uint64(0)
	for _, r := range l.list {
		for ; pos < r.Start; pos++ {
			if bit(pos) {
				t.Fatalf("bit %d is in no range", pos)
			}
		}
		for ; pos < r.End; pos++ {
			if !bit(pos) {
				t.Fatalf("bit %d is in a range", pos)
			}
			n++
		}
	}
	if n != count {
		t.Errorf("ranges of %d bits, want %d", n, count)
	}

	// Of a bitmap that ends early it is known where.
	src.size = 100 + 5000
	b, err := readBitmap(src, 100, 0, frames)
	if err == nil || b.cut != 5000*8 {
		t.Errorf("cut at %d: %v", b.cut, err)
	}
	if _, ok := b.index(4990 * 8); ok != bit(4990*8) {
		t.Error("the bits before the end are lost")
	}
}

func TestRangeListIsBounded(t *testing.T) {
	var l rangeList
	for i := range uint64(1_000_000) {
		l.add(3*i, 3*i+1)
	}
	if len(l.list) > maxRanges || !l.merged || l.list[0].Start != 0 || l.list[len(l.list)-1].End != 3*999_999+1 {
		t.Errorf("%d ranges", len(l.list))
	}
}

// The cache holds what it may and no more, whoever asks.
func TestPageCache(t *testing.T) {
	c := newPageCache(256*4096, 4096)
	var wg sync.WaitGroup
	for g := range uint64(4) {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(g, 0))
			for range 20_000 {
				pfn := rnd.Uint64N(1000)
				p := c.get(pfn)
				if p == nil {
					p = &cachedPage{pfn: pfn, data: []byte{byte(pfn)}}
					c.put(p)
				}
				if p.pfn != pfn || p.data[0] != byte(pfn) {
					t.Errorf("page %d is that of %d", pfn, p.pfn)
					return
				}
			}
		})
	}
	wg.Wait()
	n := 0
	for i := range c.sets {
		for j := range c.sets[i].places {
			if c.sets[i].places[j].Load() != nil {
				n++
			}
		}
	}
	if n > 256 || n < 200 {
		t.Errorf("%d pages in a cache of 256", n)
	}
	// A page that is in use outlives a scan of others.
	c = newPageCache(64*4096, 4096)
	kept := &cachedPage{pfn: 7}
	c.put(kept)
	for pfn := uint64(1000); pfn < 1200; pfn++ {
		c.get(7)
		c.put(&cachedPage{pfn: pfn})
	}
	if c.get(7) != kept {
		t.Error("a page in use was put out")
	}
}
