package symbol_test

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ringside/symbol"
)

// short writes lines as "function file:line", inlined ones marked.
func short(lines []symbol.Line) string {
	var out []string
	for _, l := range lines {
		text := fmt.Sprintf("%s %s:%d", l.Function, l.File, l.Line)
		if l.Inline {
			text += " [inline]"
		}
		out = append(out, text)
	}
	return strings.Join(out, " < ")
}

func TestKernelLines(t *testing.T) {
	for _, file := range []string{"kernel.elf", "kernel-noaranges.elf"} {
		f := openFile(t, filepath.Join("testdata", file))
		for _, tt := range []struct {
			addr uint64
			want string
		}{
			{0xffffffff81000000, "helper kernel.c:14"},
			{0xffffffff81000010, "twin kernel.c:21"},
			{0xffffffff81000020, "thing_next_count small.h:14 [inline] < deref kernel.c:26"},
			{0xffffffff81000024, "thing_count small.h:9 [inline] < thing_next_count small.h:14 [inline] < deref kernel.c:26"},
			{0xffffffff8100004a, "middle kernel.c:31"},
			{0xffffffff81000062, "middle kernel.c:34"},
			{0xffffffff82000000, "start_kernel kernel.c:38"},
		} {
			lines, err := f.Lines(tt.addr)
			if err != nil || short(lines) != tt.want {
				t.Errorf("%s: Lines(%#x) = %s (%v), want %s", file, tt.addr, short(lines), err, tt.want)
			}
		}
		if _, err := f.Lines(0xffffffff90000000); !errors.Is(err, symbol.ErrNotFound) {
			t.Errorf("%s: an address outside gives %v, want ErrNotFound", file, err)
		}
		want := symbol.Identity{BuildID: kernelID, Release: "6.99.0-ringside", Version: "#1 SMP Ringside 6.99.0-1",
			Machine: "x86_64", Kernel: true, Lines: true, Symbols: true}
		if got := f.Identity(); got != want {
			t.Errorf("%s: identity %+v, want %+v", file, got, want)
		}
	}
}

const (
	kernelID = "921cb5e5ff6f2f432bcc7e2dd5f49e128222c713"
	otherID  = "0123456789abcdef0123456789abcdef01234567"
)

// Sections of a module all start at 0 in the file; lines must not be mixed up
// between them.
func TestModuleLines(t *testing.T) {
	for _, tt := range []struct {
		file, machine string
		section       string
		off           uint64
		want          string
	}{
		{"demo.ko", "x86_64", ".text", 4, "thing_count small.h:9 [inline] < thing_next_count small.h:14 [inline] < demo_deref module.c:17"},
		{"demo.ko", "x86_64", ".text.unlikely", 0xe, "demo_fail module.c:22"},
		{"demo.ko", "x86_64", ".init.text", 0x17, "init_module module.c:29"},
		{"demo-arm64.ko", "aarch64", ".text", 4, "thing_count small.h:9 [inline] < thing_next_count small.h:14 [inline] < demo_deref module.c:17"},
		{"demo-arm64.ko", "aarch64", ".text.unlikely", 0x14, "demo_fail module.c:22"},
		{"demo-arm64.ko", "aarch64", ".init.text", 0, "init_module module.c:27"},
	} {
		t.Run(tt.file+tt.section, func(t *testing.T) {
			f := openFile(t, filepath.Join("testdata", tt.file))
			addr, ok := f.SectionAddress(tt.section, tt.off)
			if !ok {
				t.Fatalf("no section %s", tt.section)
			}
			lines, err := f.Lines(addr)
			if err != nil || short(lines) != tt.want {
				t.Errorf("%s+%#x = %s (%v), want %s", tt.section, tt.off, short(lines), err, tt.want)
			}
			id := f.Identity()
			if id.Module != "demo" || id.Release != "6.99.0-ringside" || id.Machine != tt.machine || id.Kernel || !f.Relocatable() || len(id.BuildID) != 40 {
				t.Errorf("identity %+v", id)
			}
		})
	}
}

// compile builds the test sources with other options; it skips without gcc.
func compile(t *testing.T, options ...string) string {
	t.Helper()
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("SKIPPED: gcc is missing; apt-get install gcc")
	}
	out := filepath.Join(t.TempDir(), "a.elf")
	args := append([]string{"-O2", "-ffreestanding", "-nostdlib", "-static", "-no-pie", "-fno-pic", "-Wl,-e,start_kernel", "-Wl,--build-id=sha1",
		"-o", out, "testdata/src/kernel.c", "testdata/src/other.c"}, options...)
	if msg, err := exec.Command(gcc, args...).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: gcc does not take %v: %s", options, msg)
	}
	return out
}

// code returns every address of a file's .text.
func code(t *testing.T, name string) []uint64 {
	t.Helper()
	f, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text := f.Section(".text")
	addrs := make([]uint64, 0, text.Size)
	for i := range text.Size {
		addrs = append(addrs, text.Addr+i)
	}
	return addrs
}

// Every address gives what addr2line gives, in every version of DWARF and with
// compressed sections.
func TestLikeAddr2line(t *testing.T) {
	for _, options := range [][]string{
		{"-gdwarf-2", "-gstrict-dwarf"}, {"-gdwarf-3", "-gstrict-dwarf"}, {"-gdwarf-4"}, {"-gdwarf-5"},
		{"-gdwarf-5", "-gz=zlib"}, {"-gdwarf-4", "-gz=zlib"}, {"-gdwarf-5", "-gdwarf64"},
		{"-gdwarf-5", "-ffunction-sections"}, {"-gdwarf-4", "-fdebug-types-section"}, {"-m32", "-gdwarf-4"},
	} {
		t.Run(strings.Join(options, " "), func(t *testing.T) {
			name := compile(t, options...)
			f := openFile(t, name)
			addrs := code(t, name)
			reference := name
			if slices.Contains(options, "-gdwarf64") {
				// binutils 2.40 does not read 64-bit DWARF; the code is the same.
				reference = compile(t, "-gdwarf-5")
			}
			want := addr2line(t, reference, "", addrs)
			described := 0
			for i, a := range addrs {
				lines, err := f.Lines(a)
				got, exp := levels(lines), cleaned(want[i])
				if strings.HasPrefix(exp[0].place, "??") || len(got) == 0 {
					// Padding after a function: addr2line names the function before it.
					if len(got) > 0 {
						t.Errorf("%#x: %v (%v), addr2line knows nothing", a, got, err)
					}
					continue
				}
				described++
				if !slices.Equal(got, exp) {
					t.Errorf("%#x:\n ours      %v (%v)\n addr2line %v", a, got, err, exp)
				}
			}
			if described < 100 {
				t.Errorf("only %d of %d addresses are described", described, len(addrs))
			}
		})
	}
}

// zstd sections are what newer distributions write.
func TestZstdSections(t *testing.T) {
	objcopy, err := exec.LookPath("objcopy")
	if err != nil {
		t.Skip("SKIPPED: objcopy is missing; apt-get install binutils")
	}
	out := filepath.Join(t.TempDir(), "k")
	if msg, err := exec.Command(objcopy, "--compress-debug-sections=zstd", "testdata/kernel.elf", out).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: objcopy cannot compress with zstd: %s", msg)
	}
	f := openFile(t, out)
	lines, err := f.Lines(0xffffffff81000024)
	if want := "thing_count small.h:9 [inline] < thing_next_count small.h:14 [inline] < deref kernel.c:26"; err != nil || short(lines) != want {
		t.Errorf("%s (%v), want %s", short(lines), err, want)
	}
}

// A stripped file leads to its debug file by build ID, and by .gnu_debuglink.
func TestDebugFiles(t *testing.T) {
	objcopy, err := exec.LookPath("objcopy")
	if err != nil {
		t.Skip("SKIPPED: objcopy is missing; apt-get install binutils")
	}
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		if msg, err := exec.Command(objcopy, args...).CombinedOutput(); err != nil {
			t.Fatalf("objcopy %v: %s", args, msg)
		}
	}
	debug, stripped := filepath.Join(dir, "kernel.debug"), filepath.Join(dir, "kernel")
	run("--only-keep-debug", "testdata/kernel.elf", debug)
	run("--strip-all", "testdata/kernel.elf", stripped)
	run("--add-gnu-debuglink="+debug, stripped)

	check := func(what string, roots ...string) {
		t.Helper()
		f, err := symbol.OpenDebug(stripped, roots)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines, err := f.Lines(0xffffffff81000000)
		if err != nil || short(lines) != "helper kernel.c:14" {
			t.Errorf("%s: %s (%v)", what, short(lines), err)
		}
	}
	check("by name")
	root := t.TempDir()
	if _, err := symbol.OpenStore(root).Add(debug, ""); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(debug); err != nil {
		t.Fatal(err)
	}
	check("by build ID", root)

	// Of another build it is not used, and that is said.
	run("--only-keep-debug", "testdata/demo.ko", debug)
	f, err := symbol.OpenDebug(stripped, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if notes := strings.Join(f.Notes(), "\n"); f.Identity().Lines || !strings.Contains(notes, kernelID) {
		t.Errorf("lines %v, notes %q", f.Identity().Lines, notes)
	}
	if _, err := f.Lines(0xffffffff81000000); err == nil || !strings.Contains(err.Error(), "no debug information") {
		t.Errorf("a file without debug information gives %v", err)
	}
}

// dwz moves names to a common file, which is not read: that has to be said.
func TestDWZ(t *testing.T) {
	dwz, err := exec.LookPath("dwz")
	if err != nil {
		t.Skip("SKIPPED: dwz is missing; apt-get install dwz")
	}
	a, b := compile(t, "-gdwarf-5"), compile(t, "-gdwarf-5", "-DOTHER")
	common := filepath.Join(t.TempDir(), "common")
	if msg, err := exec.Command(dwz, "-m", common, a, b).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: dwz does not share these files: %s", msg)
	}
	f := openFile(t, a)
	if id := f.Identity(); id.AltLink != common || len(id.AltBuildID) != 40 {
		t.Fatalf("the link to %s is not seen: %+v", common, id)
	}
	table, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	lines, err := f.Lines(table.Named("deref")[0].Address)
	last := lines[len(lines)-1]
	if last.Line == 0 || err != nil && !strings.Contains(err.Error(), common) {
		t.Errorf("%s (%v)", short(lines), err)
	}
}
