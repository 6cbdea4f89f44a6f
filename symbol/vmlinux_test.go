package symbol_test

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ringside/symbol"
)

// vmlinux opens the kernel that RINGSIDE_VMLINUX names. It is half a gigabyte
// and no part of the repository; see testdata/README.md.
func vmlinux(t testing.TB) (*symbol.File, string) {
	t.Helper()
	name := os.Getenv("RINGSIDE_VMLINUX")
	if name == "" {
		t.Skip("SKIPPED: RINGSIDE_VMLINUX is not set; set it to a vmlinux with debug information, e.g. from linux-image-$(uname -r)-dbg")
	}
	return openFile(t, name), name
}

func openFile(t testing.TB, name string) *symbol.File {
	t.Helper()
	r, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	info, err := r.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f, err := symbol.Open(name, r, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// level is what addr2line says about one level.
type level struct{ function, place string }

// addr2line asks binutils about addresses of a file.
func addr2line(t testing.TB, file, section string, addrs []uint64) [][]level {
	t.Helper()
	tool, err := exec.LookPath("addr2line")
	if err != nil {
		t.Skip("SKIPPED: addr2line is missing; apt-get install binutils")
	}
	args := []string{"-afi", "-e", file}
	if section != "" {
		args = append(args, "-j", section)
	}
	var in bytes.Buffer
	for _, a := range addrs {
		fmt.Fprintf(&in, "%#x\n", a)
	}
	c := exec.Command(tool, args...)
	c.Stdin = &in
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]level
	sc := bufio.NewScanner(bytes.NewReader(out))
	for sc.Scan() {
		if strings.HasPrefix(sc.Text(), "0x") {
			all = append(all, nil)
			continue
		}
		function := sc.Text()
		if !sc.Scan() || len(all) == 0 {
			t.Fatalf("addr2line stops in the middle: %q", out)
		}
		place, _, _ := strings.Cut(sc.Text(), " (discriminator")
		all[len(all)-1] = append(all[len(all)-1], level{function, place})
	}
	if len(all) != len(addrs) {
		t.Fatalf("addr2line answers %d of %d", len(all), len(addrs))
	}
	return all
}

// levels brings our lines into addr2line's form.
func levels(lines []symbol.Line) []level {
	var out []level
	for _, l := range lines {
		p := cmp.Or(l.Path, l.File)
		if p == "" {
			out = append(out, level{l.Function, "??:?"})
			continue
		}
		out = append(out, level{l.Function, path.Clean(p) + ":" + strconv.Itoa(l.Line)})
	}
	return out
}

func cleaned(ls []level) []level {
	out := slices.Clone(ls)
	for i, l := range out {
		file, line, _ := strings.Cut(l.place, ":")
		out[i].place = path.Clean(file) + ":" + line
	}
	return out
}

// Random addresses of the kernel's code give what addr2line gives. The two may
// differ in padding after a function, which addr2line gives to the function,
// and where addr2line mixes up a header with the file that includes it.
func TestVmlinuxLikeAddr2line(t *testing.T) {
	f, name := vmlinux(t)
	table, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	var code []symbol.Symbol
	for s := range table.All() {
		if (s.Type == 't' || s.Type == 'T') && s.Size > 0 && s.Size < 1<<16 {
			code = append(code, s)
		}
	}
	n := 200
	if v, err := strconv.Atoi(os.Getenv("RINGSIDE_VMLINUX_SAMPLES")); err == nil {
		n = v
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	addrs := make([]uint64, n)
	for i := range addrs {
		s := code[rnd.IntN(len(code))]
		addrs[i] = s.Address + rnd.Uint64N(s.Size)
	}
	want := addr2line(t, name, "", addrs)
	same, sameLines, described := 0, 0, 0
	for i, a := range addrs {
		lines, err := f.Lines(a)
		got, exp := levels(lines), cleaned(want[i])
		if len(got) == 0 && (strings.HasPrefix(exp[0].place, "??") || lineOf(exp[0]) == "?") {
			// Neither has a line; addr2line takes a name from the symbol table.
			same, sameLines = same+1, sameLines+1
			continue
		}
		described++
		if slices.Equal(got, exp) {
			same++
		}
		if sameLevels(got, exp) {
			sameLines++
		} else {
			t.Logf("%#x\n ours      %v %v\n addr2line %v", a, got, err, exp)
		}
	}
	t.Logf("%d addresses, %d described: %d the same, %d the same but for the name of a file", n, described, same, sameLines)
	if sameLines*100 < n*98 || same*100 < n*90 {
		t.Errorf("only %d of %d agree with addr2line", sameLines, n)
	}
}

// sameLevels compares functions and line numbers.
func sameLevels(a, b []level) bool {
	return slices.EqualFunc(a, b, func(a, b level) bool { return a.function == b.function && lineOf(a) == lineOf(b) })
}

// Modules of the same package, whose debug information is relocated here, give
// what addr2line gives. RINGSIDE_MODULE names one .ko with debug information.
func TestModuleLikeAddr2line(t *testing.T) {
	name := os.Getenv("RINGSIDE_MODULE")
	if name == "" {
		t.Skip("SKIPPED: RINGSIDE_MODULE is not set; set it to a module with debug information")
	}
	f := openFile(t, name)
	same, sameLines, described := 0, 0, 0
	for _, section := range []string{".text", ".init.text", ".text.unlikely", ".exit.text"} {
		var offsets []uint64
		for off := uint64(0); ; off += 7 {
			if _, ok := f.SectionAddress(section, off); !ok {
				break
			}
			offsets = append(offsets, off)
		}
		if len(offsets) == 0 {
			continue
		}
		for i, exp := range addr2line(t, name, section, offsets) {
			addr, _ := f.SectionAddress(section, offsets[i])
			lines, _ := f.Lines(addr)
			if len(lines) == 0 {
				continue
			}
			described++
			got, exp := levels(lines), cleaned(exp)
			if slices.Equal(got, exp) {
				same++
			}
			if sameLevels(got, exp) {
				sameLines++
			} else {
				t.Logf("%s+%#x\n ours      %v\n addr2line %v", section, offsets[i], got, exp)
			}
		}
	}
	t.Logf("%d addresses are described: %d the same, %d the same but for the name of a file", described, same, sameLines)
	// binutils 2.40 names the file that includes a header for some of the
	// header's lines; elfutils and LLVM agree with us.
	if sameLines*1000 < described*999 || same*10 < described*9 || described == 0 {
		t.Errorf("only %d of %d agree with addr2line", sameLines, described)
	}
}

func lineOf(l level) string { return l.place[strings.LastIndexByte(l.place, ':')+1:] }
