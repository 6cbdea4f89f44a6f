package vmcore

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
)

// liar is a dump some bytes of which are others than they were.
type liar struct {
	r       io.ReaderAt
	changes map[int64]byte
}

func (l liar) ReadAt(p []byte, off int64) (int, error) {
	n, err := l.r.ReadAt(p, off)
	for at, b := range l.changes {
		if at >= off && at < off+int64(n) {
			p[at-off] = b
		}
	}
	return n, err
}

// hostileTriage triages a dump that may hold anything: it must end, without a
// panic of ours, in bounded time.
func hostileTriage(t testing.TB, r io.ReaderAt, size int64, reached map[kernel.Rung]int) {
	t.Helper()
	d, err := dump.Open([]dump.Input{{Name: "hostile", R: r, Size: size}}, dump.Options{})
	if err != nil {
		return
	}
	hostileKernel(t, d, kernel.Options{}, reached)
}

func hostileKernel(t testing.TB, d *dump.File, o kernel.Options, reached map[kernel.Rung]int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	k, err := kernel.Open(ctx, d, o)
	if err != nil {
		if ctx.Err() != nil {
			t.Fatal("it does not end")
		}
		return
	}
	doc, err := Triage(ctx, k, Options{})
	if err != nil {
		t.Fatalf("it does not end: %v", err)
	}
	reached[k.Rung()]++
	if len(doc.Findings) == 0 {
		t.Error("a document without a finding")
	}
	for _, s := range doc.Sections.Status {
		if strings.Contains(s.Error, "a mistake in ringside") {
			t.Errorf("section %s: %s", s.Section, s.Error)
		}
	}
}

// TestHostile changes bytes and words of real dumps, and cuts them off.
func TestHostile(t *testing.T) {
	rounds := 16
	if testing.Short() {
		rounds = 10
	}
	rng, reached := rand.New(rand.NewPCG(4, 4)), map[kernel.Rung]int{}
	for _, name := range []string{"oops.kdump-lzo-d31", "oops612.kdump-zstd-d31"} {
		f, err := os.Open(corpusDump(t, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		for round := range rounds {
			l := liar{f, map[int64]byte{}}
			size := st.Size()
			near := []int64{8192, 1 << 17, 1 << 20, size}[round%4] // headers, bitmaps, descriptors, pages
			for range 1 + rng.IntN(64) {
				l.changes[rng.Int64N(min(near, size))] = byte(rng.Uint32())
			}
			if round%10 == 9 {
				size = rng.Int64N(size)
			}
			hostileTriage(t, l, size, reached)
		}
	}
	mustReach(t, reached)
}

// memoryLiar is the memory of a dump as plain RAM, some words of which are
// others than they were: lists run in circles there, and page tables lie.
type memoryLiar struct {
	d    *dump.File
	seed uint64
	rate float64 // of words that are changed
}

func (m *memoryLiar) ReadAt(p []byte, off int64) (int, error) {
	for done := 0; done < len(p); {
		at := uint64(off) + uint64(done)
		n := min(len(p)-done, 4096-int(at%4096))
		page, err := m.d.Page(at >> 12)
		if err != nil {
			clear(p[done : done+n])
		} else {
			own := m.lie(page, at>>12)
			copy(p[done:done+n], own[at%4096:])
		}
		done += n
	}
	return len(p), nil
}

// lie changes words of a page, the same ones whenever it is read.
func (m *memoryLiar) lie(page []byte, pfn uint64) []byte {
	rng := rand.New(rand.NewPCG(m.seed, pfn))
	own := append([]byte(nil), page...)
	for n := rng.ExpFloat64() * m.rate * 512; n > 1; n-- {
		i := rng.IntN(511)*8 + 8
		switch rng.IntN(4) {
		case 0:
			binary.LittleEndian.PutUint64(own[i:], rng.Uint64())
		case 1:
			copy(own[i:i+8], own[i-8:i])
		case 2:
			own[i] ^= 1 << rng.IntN(8)
		case 3:
			clear(own[i : i+8])
		}
	}
	return own
}

// TestHostileMemory lies in the memory itself, from a little to much.
func TestHostileMemory(t *testing.T) {
	rounds, reached := uint64(8), map[kernel.Rung]int{}
	if testing.Short() {
		rounds = 3
	}
	for _, name := range []string{"hang.kdump-zlib-d31", "oops612.kdump-zstd-d31"} {
		k := openPath(t, corpusDump(t, name))
		ranges := k.Dump.Ranges()
		size := int64(ranges[len(ranges)-1].End)
		info := k.Dump.VMCoreInfo()
		for seed := range rounds {
			m := &memoryLiar{d: k.Dump, seed: seed, rate: []float64{0.001, 0.003, 0.01, 0.05}[seed%4]}
			d, err := dump.Open([]dump.Input{{Name: "hostile", R: m, Size: size}}, dump.Options{Raw: true})
			if err != nil {
				t.Fatal(err)
			}
			hostileKernel(t, d, kernel.Options{VMCoreInfo: info}, reached)
		}
	}
	mustReach(t, reached)
}

// mustReach fails a test whose lies all end it at the door.
func mustReach(t *testing.T, reached map[kernel.Rung]int) {
	t.Helper()
	t.Logf("rungs reached: %v", reached)
	if reached[kernel.RungBTF] == 0 || len(reached) < 2 {
		t.Error("all dumps ended on the same rung: what is above it was not tried")
	}
}
