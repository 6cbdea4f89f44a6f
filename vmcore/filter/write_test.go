package filter_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"ringside/vmcore/dump"
	"ringside/vmcore/filter"
	"ringside/vmcore/kernel"
)

const pageSize = 4096

// file is a file in memory that is written anywhere.
type file struct{ b []byte }

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	if n := int(off) + len(p); n > len(f.b) {
		f.b = append(f.b, make([]byte, n-len(f.b))...)
	}
	return copy(f.b[off:], p), nil
}

func open(tb testing.TB, b []byte, o dump.Options) *kernel.Kernel {
	tb.Helper()
	f, err := dump.Open([]dump.Input{{Name: "dump", R: bytes.NewReader(b), Size: int64(len(b))}}, o)
	if err != nil {
		tb.Fatal(err)
	}
	k, err := kernel.Open(tb.Context(), f, kernel.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// ram is memory of pages of all sorts: zeros, noise, text, and those between.
func ram(pages int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, pages*pageSize)
	for i := range pages {
		p := b[i*pageSize : (i+1)*pageSize]
		switch i % 5 {
		case 1:
			for j := range p {
				p[j] = byte(r.Uint32())
			}
		case 2:
			copy(p, bytes.Repeat(fmt.Appendf(nil, "page %d of memory, ", i), pageSize/16))
		case 3:
			for j := 0; j < len(p); j += 8 + r.IntN(64) {
				p[j] = byte(r.Uint32())
			}
		case 4:
			p[r.IntN(len(p))] = 1
		}
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	const pages, base = 300, 0x100000
	mem := ram(pages)
	for _, c := range []filter.Compression{filter.None, filter.Zlib, filter.LZO, filter.Snappy, filter.Zstd} {
		for _, flattened := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s flattened=%v", c, flattened), func(t *testing.T) {
				k := open(t, mem, dump.Options{Raw: true, Base: base})
				var out []byte
				var done uint64
				o := filter.Options{Level: filter.Zero, Compression: c, Workers: 3, Progress: func(n, all uint64) { done = n }}
				var report *filter.Report
				var err error
				if flattened {
					var stream bytes.Buffer
					w := filter.NewFlattened(&stream)
					if report, err = filter.Filter(t.Context(), k, w, o); err == nil {
						err = w.Close()
					}
					out = stream.Bytes()
				} else {
					var f file
					report, err = filter.Filter(t.Context(), k, &f, o)
					out = f.b
					if report != nil && report.BytesOut != int64(len(out)) {
						t.Errorf("the report says %d bytes, and there are %d", report.BytesOut, len(out))
					}
				}
				if err != nil {
					t.Fatal(err)
				}
				if done != pages {
					t.Errorf("%d of %d pages were told of", done, pages)
				}
				// One page of zeros is written, the others share it.
				want := []filter.Left{{Kind: filter.KindZero, Pages: pages/5 - 1}}
				if !slices.Equal(report.LeftOut, want) || report.Written != pages-pages/5+1 {
					t.Errorf("%d written, left out %v, want %v", report.Written, report.LeftOut, want)
				}
				again := open(t, out, dump.Options{})
				info := again.Dump.Info()
				if info.Flattened != flattened || info.DumpLevel != 1 || info.PagesPresent != pages {
					t.Errorf("read back: %+v", info)
				}
				got := make([]byte, len(mem))
				if err := again.Dump.ReadPhys(got, base); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, mem) {
					t.Error("the memory differs")
				}
				var gap *dump.Gap
				if err := again.Dump.ReadPhys(got[:8], base-8); !errors.As(err, &gap) || gap.Why != dump.WhyAbsent {
					t.Errorf("below RAM: %v", err)
				}
			})
		}
	}
}

// TestLost copies a dump that ends early: what is missing is not taken for
// zeros, and the copy says that it is incomplete.
func TestLost(t *testing.T) {
	var whole file
	if _, err := filter.Filter(t.Context(), open(t, ram(200), dump.Options{Raw: true}), &whole, filter.Options{Compression: filter.None}); err != nil {
		t.Fatal(err)
	}
	var out file
	report, err := filter.Filter(t.Context(), open(t, whole.b[:len(whole.b)/2], dump.Options{}), &out, filter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if report.Unreadable == 0 || report.Unreadable+report.Written+report.LeftOut[0].Pages != 200 {
		t.Errorf("%+v", report)
	}
	k := open(t, out.b, dump.Options{})
	if !k.Dump.Info().Incomplete {
		t.Error("the copy does not say that it is incomplete")
	}
	var gap *dump.Gap
	if _, err := k.Dump.Page(198); !errors.As(err, &gap) || gap.Why != dump.WhyLost {
		t.Errorf("a page that was lost: %v", err)
	}
}

// failing fails after some writes.
type failing struct{ left int }

var errFull = errors.New("no space left on device")

func (f *failing) WriteAt(p []byte, _ int64) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestFullDisk(t *testing.T) {
	k := open(t, ram(3000), dump.Options{Raw: true})
	for writes := range 5 {
		if _, err := filter.Filter(t.Context(), k, &failing{writes}, filter.Options{Compression: filter.None}); !errors.Is(err, errFull) {
			t.Errorf("after %d writes: %v", writes, err)
		}
	}
	flat := filter.NewFlattened(io.MultiWriter(writer(func([]byte) (int, error) { return 0, errFull })))
	if _, err := filter.Filter(t.Context(), k, flat, filter.Options{}); !errors.Is(err, errFull) {
		t.Errorf("flattened: %v", err)
	}
	if err := flat.Close(); !errors.Is(err, errFull) {
		t.Errorf("closing what failed: %v", err)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// TestRefused has what must not be tried.
func TestRefused(t *testing.T) {
	k := open(t, ram(20), dump.Options{Raw: true})
	for _, o := range []filter.Options{{Level: 32}, {Level: -1}, {Compression: "rar"}, {Level: filter.Free}} {
		var out file
		if _, err := filter.Filter(t.Context(), k, &out, o); err == nil || len(out.b) > 0 {
			t.Errorf("%+v: error %v, %d bytes written", o, err, len(out.b))
		}
	}
	var out file
	if _, err := filter.Redact(t.Context(), k, &out, filter.RedactOptions{}); err == nil || len(out.b) > 0 {
		t.Errorf("redacted what cannot be read: error %v, %d bytes written", err, len(out.b))
	}
}

// FuzzRoundTrip writes memory and reads it back.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("\x00"), uint8(0), uint8(1))
	f.Add(ram(2)[pageSize:], uint8(1), uint8(2))
	f.Add(bytes.Repeat([]byte("abcdefgh"), 700), uint8(2), uint8(3))
	f.Fuzz(func(t *testing.T, seed []byte, method, repeat uint8) {
		if len(seed) == 0 || len(seed) > 4*pageSize {
			return
		}
		mem := bytes.Repeat(seed, 1+int(repeat))
		mem = append(mem, make([]byte, (pageSize-len(mem)%pageSize)%pageSize)...)
		c := []filter.Compression{filter.None, filter.Zlib, filter.LZO, filter.Snappy, filter.Zstd}[method%5]
		var out file
		if _, err := filter.Filter(t.Context(), open(t, mem, dump.Options{Raw: true}), &out, filter.Options{Compression: c}); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(mem))
		if err := open(t, out.b, dump.Options{}).Dump.ReadPhys(got, 0); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, mem) {
			t.Error("the memory differs")
		}
	})
}
