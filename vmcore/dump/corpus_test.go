package dump_test

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"ringside/vmcore/dump"
)

// corpus returns the folder of real dumps.
func corpus(tb testing.TB) string {
	tb.Helper()
	dir := os.Getenv("RINGSIDE_CORPUS")
	if dir == "" {
		tb.Skip("RINGSIDE_CORPUS is not set: the real dumps are not read")
	}
	return filepath.Join(dir, "vmcore")
}

func openFiles(tb testing.TB, o dump.Options, names ...string) *dump.File {
	tb.Helper()
	var inputs []dump.Input
	for _, name := range names {
		r, err := os.Open(name)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { r.Close() })
		st, err := r.Stat()
		if err != nil {
			tb.Fatal(err)
		}
		inputs = append(inputs, dump.Input{Name: filepath.Base(name), R: r, Size: st.Size()})
	}
	f, err := dump.Open(inputs, o)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

// present returns the pages that a dump holds.
func present(f *dump.File) []uint64 {
	var pfns []uint64
	size := uint64(f.Info().PageSize)
	for _, r := range f.Ranges() {
		for pfn := r.Start / size; pfn < r.End/size; pfn++ {
			if f.Present(pfn) {
				pfns = append(pfns, pfn)
			}
		}
	}
	return pfns
}

func TestCorpus(t *testing.T) {
	for _, c := range []struct {
		file        string
		compression string
		release     string
		pages       uint64
		pc          [2]uint64
		flattened   bool
	}{
		{"hang.kdump-zlib-d31", "zlib", "6.1.0-56-cloud-amd64", 22714, [2]uint64{0xffffffff9e5c3643, 0xffffffff9dc3d023}, false},
		{"oops.kdump-lzo-d31", "lzo", "6.1.0-56-cloud-amd64", 22798, [2]uint64{0xffffffffa89c3643, 0xffffffffa803d023}, false},
		{"oops612.kdump-zstd-d31", "zstd", "6.12.113+deb12-cloud-amd64", 24953, [2]uint64{0xffffffff81e85597, 0xffffffff81250927}, false},
		{"sysrq.kdump-zlib-d31.flat", "zlib", "6.1.0-56-cloud-amd64", 17769, [2]uint64{0xffffffff9a23d023, 0xffffffff9abc3643}, true},
	} {
		t.Run(c.file, func(t *testing.T) {
			f := openFiles(t, dump.Options{}, filepath.Join(corpus(t), c.file))
			info := f.Info()
			if info.Format != "kdump" || info.Arch != "x86_64" || info.Compression[0] != c.compression || info.Release != c.release ||
				info.DumpLevel != 31 || info.PagesPresent != c.pages || info.Pages != 131040 || info.Flattened != c.flattened || info.Incomplete || len(info.Warnings) > 0 {
				t.Errorf("%+v", info)
			}
			if got := fmt.Sprintf("%x", f.Ranges()); got != "[{0 a0000} {c0000 20000000}]" {
				t.Errorf("RAM is %s", got)
			}
			if !strings.HasPrefix(string(f.VMCoreInfo()), "OSRELEASE="+c.release+"\n") {
				t.Errorf("VMCOREINFO: %.60q", f.VMCoreInfo())
			}
			cpus := f.CPUs()
			if len(cpus) != 2 || len(f.Notes()) != 0 {
				t.Fatalf("%d CPUs, %d notes", len(cpus), len(f.Notes()))
			}
			for i, cpu := range cpus {
				// The kernel's IDT is mapped read-only at the start of the CPU entry area.
				if cpu.Regs.PC != c.pc[i] || cpu.Control == nil || cpu.Control.IDT.Base != 0xfffffe0000000000 {
					t.Errorf("CPU %d: %x %+v", i, cpu.Regs.PC, cpu.Control)
				}
			}
			pfns := present(f)
			if uint64(len(pfns)) != c.pages {
				t.Errorf("%d pages are present", len(pfns))
			}
			found := false
			for _, pfn := range pfns {
				p, err := f.Page(pfn)
				if err != nil {
					t.Fatal(err)
				}
				// The page that the note was made from.
				found = found || bytes.Contains(p, f.VMCoreInfo()[:100])
			}
			if !found {
				t.Error("the kernel's own VMCOREINFO is in no page")
			}
		})
	}
}

// Many read at once, through a cache that is too small.
func TestConcurrent(t *testing.T) {
	f := openFiles(t, dump.Options{Cache: 1 << 20}, filepath.Join(corpus(t), "oops612.kdump-zstd-d31"))
	pfns := present(f)[:3000]
	var sums [4]uint32
	var wg sync.WaitGroup
	for g := range sums {
		wg.Go(func() {
			h := crc32.NewIEEE()
			for _, pfn := range pfns {
				p, err := f.Page(pfn)
				if err != nil {
					t.Error(err)
					return
				}
				h.Write(p)
			}
			sums[g] = h.Sum32()
		})
	}
	wg.Wait()
	for _, s := range sums[1:] {
		if s != sums[0] {
			t.Fatalf("readers differ: %x", sums)
		}
	}
}

// makedumpfile writes the same memory in other forms.
func TestMakedumpfile(t *testing.T) {
	if _, err := exec.LookPath("makedumpfile"); err != nil {
		t.Skip("makedumpfile is not installed: what it writes is not read")
	}
	in := filepath.Join(corpus(t), "hang.kdump-zlib-d31")
	want := openFiles(t, dump.Options{}, in)
	dir := t.TempDir()
	for _, c := range []struct {
		name        string
		args        []string
		outs        []string
		compression []string
	}{
		{"zlib", []string{"-c"}, []string{"c"}, []string{"zlib"}},
		{"lzo", []string{"-l"}, []string{"l"}, []string{"lzo"}},
		{"snappy", []string{"-p"}, []string{"p"}, []string{"snappy"}},
		{"zstd", []string{"-z"}, []string{"z"}, []string{"zstd"}},
		{"uncompressed", nil, []string{"u"}, nil},
		{"split", []string{"--split", "-l"}, []string{"s1", "s2", "s3"}, []string{"lzo"}},
		{"flattened", []string{"-F", "-c"}, []string{"F"}, []string{"zlib"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append(c.args, "-d", "31", in)
			var outs []string
			for _, o := range c.outs {
				outs = append(outs, filepath.Join(dir, o))
			}
			stream := c.name == "flattened"
			if !stream {
				args = append(args, outs...)
			}
			cmd := exec.Command("makedumpfile", args...)
			var out, log bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &log
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v: %s", err, log.String())
			}
			if stream {
				if err := os.WriteFile(outs[0], out.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			slices.Reverse(outs) // parts are given in any order
			f := openFiles(t, dump.Options{}, outs...)
			if w := f.Info().Warnings; len(w) > 0 {
				t.Errorf("warnings: %q", w)
			}
			pfns := present(want)
			if got := present(f); !slices.Equal(got, pfns) {
				t.Fatalf("%d pages, want %d", len(got), len(pfns))
			}
			for _, pfn := range pfns {
				a, err := want.Page(pfn)
				if err != nil {
					t.Fatal(err)
				}
				b, err := f.Page(pfn)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(a, b) {
					t.Fatalf("page %#x differs", pfn)
				}
			}
			if !bytes.Equal(f.VMCoreInfo(), want.VMCoreInfo()) || !reflect.DeepEqual(f.CPUs(), want.CPUs()) {
				t.Error("the notes differ")
			}
			if !slices.Equal(f.Info().Compression, c.compression) {
				t.Skipf("this makedumpfile was built without %s, and compressed by %q", c.name, f.Info().Compression)
			}
		})
	}
}
