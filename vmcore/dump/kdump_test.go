package dump_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"ringside/vmcore/dump"
)

// gapAt returns why a page cannot be read, empty where it can.
func gapAt(tb testing.TB, f *dump.File, pfn uint64) dump.Why {
	tb.Helper()
	_, err := f.Page(pfn)
	if err == nil {
		return ""
	}
	var g *dump.Gap
	if !errors.As(err, &g) {
		tb.Fatalf("page %#x: %v is no gap", pfn, err)
	}
	if g.Addr != pfn*uint64(f.Info().PageSize) || len(g.Error()) < 20 {
		tb.Errorf("the gap at page %#x says: %v", pfn, g)
	}
	return g.Why
}

// wantPages compares a dump with what went into it.
func wantPages(tb testing.TB, f *dump.File, pages map[uint64][]byte) {
	tb.Helper()
	for pfn, want := range pages {
		got, err := f.Page(pfn)
		if err != nil {
			tb.Fatalf("page %#x: %v", pfn, err)
		}
		if !bytes.Equal(got, want) {
			tb.Fatalf("page %#x differs", pfn)
		}
		if !f.Present(pfn) {
			tb.Fatalf("page %#x was read and is not present", pfn)
		}
		part := make([]byte, 100)
		if err := f.ReadPhys(part, pfn*uint64(len(want))+uint64(len(want))/2-50); err != nil {
			tb.Fatal(err)
		}
		if !bytes.Equal(part, want[len(want)/2-50:len(want)/2+50]) {
			tb.Fatalf("the middle of page %#x differs", pfn)
		}
	}
}

// memory is a machine with a hole, pages left out, and clusters of pages over
// several chunks of the bitmap.
func memory(blockSize int) kdumpSpec {
	k := kdumpSpec{frames: 100_000, blockSize: blockSize, pages: map[uint64][]byte{},
		ram: []dump.Range{{Start: 0, End: 0xa0}, {Start: 0x100, End: 99_990}},
		uts: [6]string{"Linux", "lab", "6.1.0-1", "#1 SMP", "x86_64", "(none)"}}
	for _, start := range []uint64{0, 63, 0x100, 511, 32_700, 65_536, 99_900} {
		for pfn := start; pfn < start+90; pfn++ {
			k.pages[pfn] = page(blockSize, pfn)
		}
	}
	for _, pfn := range []uint64{1, 5, 32_768, 99_989} {
		k.pages[pfn] = make([]byte, blockSize)
	}
	return k
}

func TestKdump(t *testing.T) {
	for _, version := range []int{1, 2, 3, 4, 5, 6} {
		for _, c := range []struct {
			name string
			flag uint32
		}{{"", 0}, {"zlib", zlibFlag}, {"lzo", lzoFlag}, {"snappy", snappyFlag}, {"zstd", zstdFlag}} {
			t.Run(fmt.Sprintf("v%d/%s", version, c.name), func(t *testing.T) {
				k := memory(4096)
				k.version, k.flag = version, c.flag
				k.info = "OSRELEASE=6.1.0-1\nPAGESIZE=4096\nCRASHTIME=1234567890\n\x00\x00"
				k.notes = append(prstatus(elf.EM_X86_64, 77, 1000), note(binary.LittleEndian, "LINUX", 0x700, []byte("device"))...)
				f := open(t, dump.Options{}, k.write(t))
				wantPages(t, f, k.pages)
				for pfn, want := range map[uint64]dump.Why{
					0xa0: dump.WhyAbsent, 0xff: dump.WhyAbsent, 99_995: dump.WhyAbsent, 1 << 40: dump.WhyAbsent,
					300: "", 400: dump.WhyExcluded, 60_000: dump.WhyExcluded,
				} {
					if got := gapAt(t, f, pfn); got != want {
						t.Errorf("page %d is %q, want %q", pfn, got, want)
					}
					if f.Present(pfn) != (want == "") {
						t.Errorf("page %d is present: %v", pfn, want != "")
					}
				}
				info := f.Info()
				if info.Format != "kdump" || info.Machine != elf.EM_X86_64 || info.Node != "lab" || info.PageSize != 4096 ||
					strings.Join(info.Compression, "") != c.name || info.Producer != "makedumpfile" || len(info.Warnings) > 0 {
					t.Errorf("%+v", info)
				}
				if info.PagesPresent != uint64(len(k.pages)) || info.Pages != 0xa0+99_990-0x100 {
					t.Errorf("%d of %d pages", info.PagesPresent, info.Pages)
				}
				if version >= 3 && (!strings.HasPrefix(string(f.VMCoreInfo()), "OSRELEASE") || info.Time.Unix() != 1234567890) {
					t.Errorf("%q at %v", f.VMCoreInfo(), info.Time)
				}
				if version >= 4 && (len(f.CPUs()) != 1 || f.CPUs()[0].PID != 77 || len(f.Notes()) != 1 || string(f.Notes()[0].Desc) != "device") {
					t.Errorf("%+v %+v", f.CPUs(), f.Notes())
				}
				want := []dump.Range{{Start: 0, End: 0xa0 << 12}, {Start: 0x100 << 12, End: 99_990 << 12}}
				if got := f.Ranges(); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("RAM is %x, want %x", got, want)
				}
			})
		}
	}
}

func TestKdumpVariants(t *testing.T) {
	t.Run("big pages", func(t *testing.T) {
		k := memory(65536)
		k.flag, k.uts[4] = zstdFlag, "aarch64"
		f := open(t, dump.Options{PageSize: 4096}, k.write(t))
		wantPages(t, f, k.pages)
		if info := f.Info(); info.PageSize != 65536 || info.Machine != elf.EM_AARCH64 || len(info.Warnings) != 1 {
			t.Errorf("%+v", info)
		}
	})
	t.Run("big endian", func(t *testing.T) {
		k := memory(4096)
		k.order, k.uts[4], k.flag = binary.BigEndian, "s390x", zlibFlag
		f := open(t, dump.Options{}, k.write(t))
		wantPages(t, f, k.pages)
		if got := f.Info().Arch; got != "s390x" {
			t.Errorf("the machine is %s", got)
		}
	})
	t.Run("one bitmap", func(t *testing.T) {
		k := memory(4096)
		k.single, k.version = true, 1
		f := open(t, dump.Options{}, k.write(t))
		wantPages(t, f, k.pages)
		if got := gapAt(t, f, 400); got != dump.WhyAbsent {
			t.Errorf("a page that no bitmap tells of is %q", got)
		}
	})
	t.Run("qemu", func(t *testing.T) {
		k := memory(4096)
		k.uts = [6]string{4: "x86_64"}
		if got := open(t, dump.Options{}, k.write(t)).Info().Producer; got != "qemu" {
			t.Errorf("written by %q", got)
		}
	})
	t.Run("disk full", func(t *testing.T) {
		k := memory(4096)
		k.lost, k.status = []uint64{99_950}, 8
		f := open(t, dump.Options{}, k.write(t))
		if got := gapAt(t, f, 99_950); got != dump.WhyLost || !f.Info().Incomplete {
			t.Errorf("a page that was not written is %q", got)
		}
	})
	t.Run("flattened", func(t *testing.T) {
		k := memory(4096)
		k.flag, k.info = zlibFlag, "OSRELEASE=6.1.0-1\n"
		file := k.write(t)
		for _, size := range []int{100, 4096, 1 << 20} {
			for _, seed := range []uint64{0, 7} {
				f := open(t, dump.Options{}, flatten(file, size, seed))
				wantPages(t, f, k.pages)
				if info := f.Info(); !info.Flattened || info.Incomplete || info.Release != "6.1.0-1" {
					t.Errorf("%+v", info)
				}
			}
		}
	})
	t.Run("flattened and cut", func(t *testing.T) {
		k := memory(4096)
		file := flatten(k.write(t), 4096, 0)
		f := open(t, dump.Options{}, file[:len(file)/2])
		if got := gapAt(t, f, 99_900); got != dump.WhyTruncated {
			t.Errorf("a page beyond the end is %q", got)
		}
		if got := gapAt(t, f, 3); got != "" {
			t.Errorf("a page before the end is %q", got)
		}
		if info := f.Info(); !info.Incomplete || len(info.Warnings) == 0 {
			t.Errorf("%+v", info)
		}
	})
	t.Run("cut", func(t *testing.T) {
		k := memory(4096)
		k.info = "OSRELEASE=6.1.0-1\n"
		file := k.write(t)
		for _, c := range []struct {
			n    int
			want dump.Why
		}{
			{len(file) - 1, dump.WhyTruncated},                // in the last page
			{len(file) - 4096*len(k.pages), "truncated"},      // in the descriptors
			{4096*2 + 4096*2*(100_000/8/4096+1), "truncated"}, // behind the bitmaps
			{4096 * 6, "truncated"},                           // in them
		} {
			f := open(t, dump.Options{}, file[:c.n])
			if got := gapAt(t, f, 99_988); got != c.want {
				t.Errorf("of %d bytes: the page is %q, want %q", c.n, got, c.want)
			}
			if f.Info().Release != "6.1.0-1" {
				t.Errorf("of %d bytes: nothing is known of the kernel", c.n)
			}
		}
	})
	t.Run("damaged", func(t *testing.T) {
		for _, flag := range []uint32{zlibFlag, lzoFlag, snappyFlag, zstdFlag} {
			k := kdumpSpec{frames: 8, pages: map[uint64][]byte{2: page(4096, 2)}, flag: flag}
			file := k.write(t)
			at := len(file) - 40
			file[at] ^= 0x55
			clear(file[at+1 : at+20])
			f := open(t, dump.Options{}, file)
			// Without a checksum some damage decompresses to something else.
			if got := gapAt(t, f, 2); got != dump.WhyDamaged && (flag == zlibFlag || got != "") {
				t.Errorf("compression %#x: a damaged page is %q", flag, got)
			}
		}
	})
}

func TestSplit(t *testing.T) {
	k := memory(4096)
	k.split, k.flag = true, zlibFlag
	var files [][]byte
	for _, r := range [][2]uint64{{0, 30_000}, {30_000, 65_580}, {65_580, 65_580}, {65_580, 100_000}} {
		k.start, k.end = r[0], r[1]
		files = append(files, k.write(t))
	}
	t.Run("any order", func(t *testing.T) {
		f := open(t, dump.Options{}, files[3], files[0], files[2], files[1])
		wantPages(t, f, k.pages)
		if info := f.Info(); info.Parts != 4 || len(info.Warnings) > 0 || info.PagesPresent != uint64(len(k.pages)) {
			t.Errorf("%+v", info)
		}
	})
	t.Run("missing", func(t *testing.T) {
		f := open(t, dump.Options{}, files[0], files[3])
		for pfn, want := range map[uint64]dump.Why{10: "", 32_768: dump.WhyLost, 65_570: dump.WhyLost, 65_600: "", 40_000: dump.WhyExcluded, 0xb0: dump.WhyAbsent} {
			if got := gapAt(t, f, pfn); got != want {
				t.Errorf("page %d is %q, want %q", pfn, got, want)
			}
			if f.Present(pfn) != (want == "") {
				t.Errorf("page %d is present: %v", pfn, want != "")
			}
		}
		if w := f.Info().Warnings; len(w) != 1 || !strings.Contains(w[0], "0x7530 to 0x1002c") {
			t.Errorf("warnings: %q", w)
		}
	})
	t.Run("twice", func(t *testing.T) {
		_, err := dump.Open([]dump.Input{input("a", files[0]), input("b", files[0])}, dump.Options{})
		if err == nil || !strings.Contains(err.Error(), "which another file has too") {
			t.Error(err)
		}
	})
	t.Run("of two dumps", func(t *testing.T) {
		other := k
		other.uts[1] = "elsewhere"
		_, err := dump.Open([]dump.Input{input("a", files[0]), input("b", other.write(t))}, dump.Options{})
		if err == nil || !strings.Contains(err.Error(), "not parts of the same dump") {
			t.Error(err)
		}
	})
	t.Run("with a whole one", func(t *testing.T) {
		whole := memory(4096)
		_, err := dump.Open([]dump.Input{input("a", files[0]), input("b", whole.write(t))}, dump.Options{})
		if err == nil || !strings.Contains(err.Error(), "b is a whole dump") {
			t.Error(err)
		}
	})
}
