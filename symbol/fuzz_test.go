package symbol_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringside/symbol"
)

func FuzzTextTable(f *testing.F) {
	for _, s := range []string{systemMap, kallsyms, "", "0 T a", "0000000000000000 T _stext\n", "ffffffffffffffff T a\nffffffffffffffff T b\n", "1 t x\t[]\n", "1 t \x00\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, read := range []func() (*symbol.Table, error){
			func() (*symbol.Table, error) { return symbol.ReadSystemMap(bytes.NewReader(b)) },
			func() (*symbol.Table, error) { return symbol.ReadKallsyms(bytes.NewReader(b)) },
		} {
			table, err := read()
			if table == nil {
				if err == nil {
					t.Fatal("neither a table nor an error")
				}
				continue
			}
			last := uint64(0)
			for s := range table.All() {
				if s.Address < last {
					t.Fatalf("%#x comes after %#x", s.Address, last)
				}
				last = s.Address
				if got, ok := table.Lookup(s.Address); !ok || got.Address != s.Address {
					t.Fatalf("Lookup(%#x) = %+v, %v", s.Address, got, ok)
				}
				found := false
				for _, n := range table.Named(s.Name) {
					found = found || n == s
				}
				if !found {
					t.Fatalf("%+v is not found by its name", s)
				}
				if table.Len() > 1000 {
					break // each name may be the same
				}
			}
		}
	})
}

// FuzzOpen changes a few bytes of small files and asks for everything. The
// fuzzer's own mutations of whole files seldom get past the headers.
func FuzzOpen(f *testing.F) {
	names := []string{"kernel.elf", "kernel-noaranges.elf", "demo.ko", "demo-arm64.ko"}
	files := make([][]byte, len(names))
	for i, name := range names {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		files[i] = b
		f.Add(uint8(i), uint32(0), []byte{}, uint32(0), []byte{})
	}
	// Each section header gets a wild size; so do the first bytes of each
	// debug section.
	for off := 0; off < len(files[0]); off += 512 {
		f.Add(uint8(0), uint32(off), []byte{0xff, 0xff, 0xff, 0xff, 0x7f}, uint32(off+64), []byte{0x80, 0x80})
		f.Add(uint8(2), uint32(off/2), []byte{0xff, 0xff, 0xff, 0xff}, uint32(off/2+32), []byte{1})
	}
	f.Fuzz(func(t *testing.T, which uint8, at uint32, change []byte, at2 uint32, change2 []byte) {
		if len(change) > 64 || len(change2) > 64 {
			return
		}
		b := bytes.Clone(files[int(which)%len(files)])
		copy(b[int(at)%len(b):], change)
		copy(b[int(at2)%len(b):], change2)
		askAll(t, b)
	})
}

// FuzzWhole takes any bytes for an ELF file.
func FuzzWhole(f *testing.F) {
	for _, name := range []string{"demo.ko", "kernel-noaranges.elf"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, b []byte) { askAll(t, b) })
}

// askAll asks a file everything that can be asked. What it answers may be wrong,
// but it answers, without a panic, in bounded time.
func askAll(t *testing.T, b []byte) {
	f, err := symbol.Open("fuzz", bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return
	}
	table, err := f.Symbols()
	if err == nil {
		n := 0
		for s := range table.All() {
			lines, _ := f.Lines(s.Address)
			for i, l := range lines {
				if l.Inline != (i < len(lines)-1) {
					t.Fatalf("line %d of %d: inline is %v", i, len(lines), l.Inline)
				}
			}
			if n++; n == 32 {
				break
			}
		}
	} else if table != nil {
		t.Fatal("a table with an error")
	}
	for _, a := range []uint64{0xffffffff81000024, 0xffffffff81000062, 0x10004, 0x11000, 0} {
		_, _ = f.Lines(a)
	}
	r := &symbol.Resolver{Files: []*symbol.File{f}}
	_, _ = r.Resolve(t.Context(), symbol.Query{Name: "middle", Offset: 4, Module: f.Identity().Module})
	if id, err := symbol.BuildID(bytes.NewReader(b)); err == nil && id != f.Identity().BuildID {
		t.Fatalf("two build IDs: %q and %q", id, f.Identity().BuildID)
	}
}

// A file whose sections claim to be huge, or to expand to much, costs nothing.
func TestHostileSections(t *testing.T) {
	b, err := os.ReadFile("testdata/kernel.elf")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func([]byte)
	}{
		{"all section sizes", func(b []byte) {
			at := int(le64(b[40:]))
			for ; at+64 <= len(b); at += 64 {
				put64(b[at+32:], 1<<62)
			}
		}},
		{"all section offsets", func(b []byte) {
			for at := int(le64(b[40:])); at+64 <= len(b); at += 64 {
				put64(b[at+24:], ^uint64(0)-100)
			}
		}},
		{"all sections compressed", func(b []byte) {
			for at := int(le64(b[40:])); at+64 <= len(b); at += 64 {
				put64(b[at+8:], le64(b[at+8:])|1<<11)
				off, size := le64(b[at+24:]), le64(b[at+32:])
				if off+24 < uint64(len(b)) && size > 24 {
					copy(b[off:], []byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0})
				}
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := bytes.Clone(b)
			tt.change(c)
			f, err := symbol.Open("hostile", bytes.NewReader(c), int64(len(c)))
			if err != nil {
				return // refused
			}
			if lines, err := f.Lines(0xffffffff81000024); err == nil {
				t.Errorf("it answers %v", lines)
			} else if strings.Contains(err.Error(), "confuses") {
				t.Errorf("it panicked inside: %v", err)
			}
		})
	}
}

func le64(b []byte) uint64 {
	var v uint64
	for i := range 8 {
		v |= uint64(b[i]) << (8 * i)
	}
	return v
}

func put64(b []byte, v uint64) {
	for i := range 8 {
		b[i] = byte(v >> (8 * i))
	}
}
