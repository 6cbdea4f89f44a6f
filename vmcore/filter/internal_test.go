package filter

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestBitmap(t *testing.T) {
	const n = 1000
	r := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		b, want := newBitmap(n), map[uint64]bool{}
		for range 20 {
			start := r.Uint64N(n)
			end := start + r.Uint64N(n-start)
			if r.IntN(3) > 0 {
				b.setRange(start, end)
			} else {
				b.clearRange(start, end)
			}
			for pfn := start; pfn < end; pfn++ {
				want[pfn] = b.has(pfn)
			}
		}
		set := uint64(0)
		for pfn := range uint64(n) {
			if b.has(pfn) != want[pfn] {
				t.Fatalf("page %d: %v", pfn, b.has(pfn))
			}
			if b.has(pfn) {
				set++
			}
		}
		if b.count() != set {
			t.Errorf("count %d, want %d", b.count(), set)
		}
		seen, next := uint64(0), uint64(0)
		for pfn, n := range b.runs(7) {
			if n == 0 || n > 7 || pfn < next {
				t.Fatalf("run of %d at %d, after %d", n, pfn, next)
			}
			for at := pfn; at < pfn+n; at++ {
				if !b.has(at) {
					t.Fatalf("page %d is in a run and not set", at)
				}
			}
			seen, next = seen+n, pfn+n
		}
		if seen != set {
			t.Errorf("runs have %d pages of %d", seen, set)
		}
	}
}

// expand makes a schedule by the standard's own words, FIPS 197 5.2.
func expand(key []byte) []byte {
	s, nk := sbox(), len(key)/4
	w := make([][4]byte, 4*(nk+7))
	for i := range w {
		if i < nk {
			w[i] = [4]byte(key[4*i:])
			continue
		}
		t := w[i-1]
		if i%nk == 0 {
			t = [4]byte{s[t[1]], s[t[2]], s[t[3]], s[t[0]]}
			c := byte(1)
			for range i/nk - 1 {
				c = c<<1 ^ c>>7*0x1b
			}
			t[0] ^= c
		} else if nk > 6 && i%nk == 4 {
			t = [4]byte{s[t[0]], s[t[1]], s[t[2]], s[t[3]]}
		}
		for j := range t {
			w[i][j] = w[i-nk][j] ^ t[j]
		}
	}
	return slices.Concat(slices.Collect(func(yield func([]byte) bool) {
		for i := range w {
			if !yield(w[i][:]) {
				return
			}
		}
	})...)
}

func TestSchedules(t *testing.T) {
	// FIPS 197, appendix A.1: the last words of a schedule.
	key, _ := hex.DecodeString("2b7e151628aed2a6abf7158809cf4f3c")
	if got := hex.EncodeToString(expand(key)[160:]); got != "d014f9a8c9ee2589e13f0cc8b6630ca6" {
		t.Fatalf("the test's own schedule ends in %s", got)
	}
	if s := sbox(); s[0x53] != 0xed || s[0xff] != 0x16 {
		t.Fatal("the substitution is wrong")
	}
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{16, 24, 32} {
		mem := make([]byte, 4*4096)
		for i := range mem[:2048] {
			mem[i] = byte(r.Uint32())
		}
		key := make([]byte, n)
		for i := range key {
			key[i] = byte(r.Uint32())
		}
		const at = 4096 - 64 // over the end of a page
		copy(mem[at:], expand(key))
		copy(mem[9000:], key) // a copy, at a multiple of eight
		var keys keySet
		for off, s := range schedulesIn(mem) {
			if off != at || !bytes.Equal(s.key, key) || s.size != aesContext {
				t.Errorf("%d bits: a schedule of %d bits at %d", n*8, len(s.key)*8, off)
			}
			keys.add(s.key)
			keys.add(s.key)
		}
		if len(keys.list) != 1 {
			t.Fatalf("%d bits: %d keys found", n*8, len(keys.list))
		}
		keys.freeze()
		page := mem[8192:12288]
		keys.overwrite(page)
		if bytes.Contains(page, key) || keys.copies.Load() != 1 || keys.bytes.Load() != uint64(n) {
			t.Errorf("%d bits: %d copies overwritten", n*8, keys.copies.Load())
		}
		if !bytes.Contains(page, []byte("REDACTEDREDACTED")) {
			t.Error("the pattern is not there")
		}
		// One bit off is no schedule.
		mem[at+100] ^= 1
		for off := range schedulesIn(mem) {
			t.Errorf("a damaged schedule was found at %d", off)
		}
	}
}

func TestMerge(t *testing.T) {
	got := merge([]span{{10, 20}, {0, 5}, {5, 8}, {15, 30}, {40, 41}})
	if want := []span{{0, 8}, {10, 30}, {40, 41}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// unlzo is a decompressor of LZO1X by the format's description, so that the
// compressor is not judged by the library alone.
func unlzo(p []byte) (out []byte) {
	at := 0
	next := func() int { at++; return int(p[at-1]) }
	literals := func(n int) { out = append(out, p[at:at+n]...); at += n }
	length := func(n, bits int) int {
		if n &= 1<<bits - 1; n > 0 {
			return n
		}
		n = 1<<bits - 1
		for p[at] == 0 {
			n += 255
			at++
		}
		return n + next()
	}
	state := 0
	if p[0] > 17 {
		n := next() - 17
		literals(n)
		state = min(n, 4)
	}
	for {
		op := next()
		var back, n int
		switch {
		case op >= 64: // M2
			back, n = next()<<3+op>>2&7+1, op>>5+1
			state = op & 3
		case op >= 32:
			n = length(op, 5) + 2
			d := next() | next()<<8
			back, state = d>>2+1, d&3
		case op >= 16:
			n = length(op, 3) + 2
			d := next() | next()<<8
			back, state = op>>3&1<<14+d>>2+0x4000, d&3
			if back == 0x4000 {
				return out
			}
		case state == 0:
			literals(length(op, 4) + 3)
			state = 4
			continue
		default:
			panic("a match that the compressor does not write")
		}
		for range n {
			out = append(out, out[len(out)-back])
		}
		literals(state)
	}
}

func FuzzLZO(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte("abcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabc"))
	f.Add(bytes.Repeat([]byte{0}, 4096))
	noise := make([]byte, 300)
	for i := range noise {
		noise[i] = bits.Reverse8(uint8(i)) ^ uint8(i*i)
	}
	f.Add(append(noise, noise...))
	f.Add(binary.LittleEndian.AppendUint64(bytes.Repeat(noise[:9], 2000), 7))
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) > 1<<16 {
			return
		}
		if got := unlzo((&lzo{}).compress(nil, p)); !bytes.Equal(got, p) {
			t.Errorf("%d bytes became %d others", len(p), len(got))
		}
	})
}
