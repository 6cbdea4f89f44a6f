package kallsyms

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"ringside/symbol/internal/testkernel"
)

// Real kernels: the tables are found in the image without being told where they
// are, and say what System.map or the table of exported symbols says.
func TestKernels(t *testing.T) {
	testkernel.Each(t, func(t *testing.T, k *testkernel.Kernel) {
		mem, base := k.Memory(t)
		tables, err := Scan(bytes.NewReader(mem), int64(len(mem)))
		if err != nil {
			t.Fatal(err)
		}
		if k.Flat() {
			// Where arm64 is linked (KIMAGE_VADDR, 48 bits). Its relative base is
			// written at boot, by relocation.
			base = 0xffff_8000_8000_0000
			if strings.HasPrefix(k.Release, "6.") {
				tables.RelativeBase = base
			}
		}
		tables.OffsetsAddr += base
		x, err := Decode(tables, binary.LittleEndian, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d symbols, %s, %d bytes of names, %d expanded", x.Len(), x.Layout(), len(tables.Names), len(x.arena))
		if len(x.Notes()) > 0 {
			t.Errorf("notes about an intact table: %q", x.Notes())
		}
		stext, ok1 := x.Lookup("_stext")
		etext, ok2 := x.Lookup("_etext")
		if !ok1 || !ok2 || stext >= etext || etext-stext > 1<<26 || stext&0xfff != 0 {
			t.Errorf("_stext %#x, _etext %#x", stext, etext)
		}
		vote := func(name string, addr uint64) int {
			switch {
			case name != "_stext":
				return 0
			case addr == stext:
				return 1
			}
			return -1
		}
		if checked, err := Decode(tables, binary.LittleEndian, vote); err != nil || checked.Layout() != x.Layout() {
			t.Errorf("with a check: %v, without: %s", err, x.Layout())
		}

		want, whole := k.Symbols(t)
		if !whole && len(want) < 5000 && !k.Flat() {
			t.Errorf("only %d exported symbols", len(want))
		}
		bad, known := 0, 0
		for _, w := range want {
			got := x.Symbols(w.Name)
			if len(got) == 0 && whole {
				continue // what scripts/kallsyms.c leaves out
			}
			same := false
			for _, s := range got {
				// Distances to per-CPU variables, which are at 0, have lost their
				// upper half.
				// Per-CPU variables at 0 are stored as absolute.
				same = same || s.Addr == w.Addr && (s.Type == w.Type || s.Type == 'A') || w.Type == 0 && uint32(s.Addr) == uint32(w.Addr)
			}
			if known++; !same {
				if bad++; bad < 10 {
					t.Errorf("%+v is %+v here", w, got)
				}
			}
		}
		if whole && known < x.Len() {
			t.Errorf("%d of %d symbols are in System.map", known, x.Len())
		}
		t.Logf("%d symbols compared", known)
	})
}

// A kernel of Debian's: 87k symbols.
func BenchmarkKernel(b *testing.B) {
	mem, _ := testkernel.Open(b, "6.1.").Memory(b)
	tables, err := Scan(bytes.NewReader(mem), int64(len(mem)))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Decode(tables, binary.LittleEndian, func(name string, _ uint64) int {
				if name == "_stext" {
					return 1
				}
				return 0
			}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("scan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Scan(bytes.NewReader(mem), int64(len(mem))); err != nil {
				b.Fatal(err)
			}
		}
	})
}
