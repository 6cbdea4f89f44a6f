package cli

import (
	"bufio"
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ringside/profile/resolve"
)

// inlineProgram compiles a program with much that is inlined, and gives
// addresses all over its code.
func inlineProgram(t testing.TB) (path string, addrs []uint64) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "throw")
	source := filepath.Join("..", "..", "profile", "resolve", "testdata", "prog", "throw.cc")
	if text, err := exec.CommandContext(t.Context(), "g++", "-O2", "-g", "-o", path, source).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: g++: %v: %s", err, text)
	}
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := f.Section(".text")
	step := max(1, s.Size/1000)
	for a := s.Addr; a < s.Addr+s.Size && len(addrs) < 1000; a += step {
		addrs = append(addrs, a)
	}
	return path, addrs
}

func levels(list []resolve.Line) string {
	var b strings.Builder
	for _, l := range list {
		fmt.Fprintf(&b, "%s:%d\n", filepath.Base(l.File), l.Line)
	}
	return b.String()
}

// What is inlined at an address is what addr2line says: as many levels, each at
// the same place.
func TestInlineIsAddr2line(t *testing.T) {
	path, addrs := inlineProgram(t)
	c := exec.CommandContext(t.Context(), "addr2line", "-i", "-f", "-a", "-e", path)
	for _, a := range addrs {
		c.Args = append(c.Args, fmt.Sprintf("%#x", a))
	}
	text, err := c.Output()
	if err != nil {
		t.Skipf("SKIPPED: addr2line: %v", err)
	}
	want := map[uint64]string{}
	var at uint64
	in := bufio.NewScanner(bytes.NewReader(text))
	for in.Scan() {
		if n, _ := fmt.Sscanf(in.Text(), "0x%x", &at); n == 1 {
			continue
		}
		in.Scan() // it names the innermost level by the symbol, which is of the outermost
		place, _, _ := strings.Cut(in.Text(), " (discriminator")
		if place = filepath.Base(place); !strings.Contains(place, "?") {
			want[at] += place + "\n"
		}
	}
	o := &profileFlags{}
	lines, err := o.debugLines(path, "")
	if err != nil {
		t.Fatal(err)
	}
	same, inlined, shown := 0, 0, 0
	for _, a := range addrs {
		got := levels(lines.Lines(a))
		if strings.Count(got, "\n") > 1 {
			inlined++
		}
		if want[a] == "" || got == want[a] {
			same++
		} else if shown++; shown < 4 {
			t.Logf("%#x:\n%saddr2line:\n%s", a, got, want[a])
		}
	}
	t.Logf("%d of %d addresses, %d with inlined calls, are the same", same, len(addrs), inlined)
	if same*100 < len(addrs)*98 || inlined == 0 {
		t.Errorf("%d of %d addresses are the same, %d with inlined calls", same, len(addrs), inlined)
	}
}

// 1,000 unique addresses, from nothing.
func BenchmarkInline(b *testing.B) {
	path, addrs := inlineProgram(b)
	for b.Loop() {
		o := &profileFlags{}
		lines, err := o.debugLines(path, "")
		if err != nil {
			b.Fatal(err)
		}
		for _, a := range addrs {
			lines.Lines(a)
		}
	}
}

// A recording gets frames for what was inlined.
func TestInlineExpands(t *testing.T) {
	path, _ := inlineProgram(t)
	data := filepath.Join(t.TempDir(), "perf.data")
	if text, err := exec.CommandContext(t.Context(), "perf", "record", "-q", "-e", "cpu-clock", "--call-graph", "dwarf", "-o", data, "--", path).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: perf: %v: %s", err, text)
	}
	if _, err := os.Stat(data); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	o := &profileFlags{of: "samples", inline: true}
	p, err := o.loadPerfData(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	inlined, placed := 0, 0
	for _, f := range p.Frames {
		if f.Inlined {
			inlined++
			if filepath.Base(f.File) == "throw.cc" && f.Line > 0 {
				placed++
			}
		}
	}
	if inlined == 0 || placed == 0 {
		t.Errorf("%d inlined frames, %d of them in the source", inlined, placed)
	}
}
