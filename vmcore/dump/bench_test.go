package dump_test

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"ringside/vmcore/dump"
)

var benched = []struct{ name, file string }{
	{"zlib", "hang.kdump-zlib-d31"},
	{"lzo", "oops.kdump-lzo-d31"},
	{"zstd", "oops612.kdump-zstd-d31"},
	{"flattened", "sysrq.kdump-zlib-d31.flat"},
}

func BenchmarkOpen(b *testing.B) {
	for _, c := range benched {
		b.Run(c.name, func(b *testing.B) {
			path := filepath.Join(corpus(b), c.file)
			b.ReportAllocs()
			for b.Loop() {
				openFiles(b, dump.Options{}, path)
			}
		})
	}
}

// BenchmarkPage reads pages that are not in the cache.
func BenchmarkPage(b *testing.B) {
	for _, c := range benched {
		path := filepath.Join(corpus(b), c.file)
		f := openFiles(b, dump.Options{Cache: 1}, path)
		var pfns []uint64
		for _, r := range f.Ranges() {
			for pfn := r.Start >> 12; pfn < r.End>>12; pfn++ {
				if f.Present(pfn) {
					pfns = append(pfns, pfn)
				}
			}
		}
		read := func(b *testing.B) {
			b.SetBytes(4096)
			i := 0
			for b.Loop() {
				if _, err := f.Page(pfns[i%len(pfns)]); err != nil {
					b.Fatal(err)
				}
				i++
			}
		}
		b.Run(c.name+"/sequential", read)
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(pfns), func(i, j int) { pfns[i], pfns[j] = pfns[j], pfns[i] })
		b.Run(c.name+"/random", read)
	}
}

// BenchmarkCached reads eight bytes of a page that is in the cache.
func BenchmarkCached(b *testing.B) {
	f := openFiles(b, dump.Options{}, filepath.Join(corpus(b), benched[0].file))
	var addr uint64
	for !f.Present(addr >> 12) {
		addr += 4096
	}
	b.RunParallel(func(p *testing.PB) {
		var word [8]byte
		for p.Next() {
			if err := f.ReadPhys(word[:], addr); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
