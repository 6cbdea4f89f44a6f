package resolve

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ringside/profile/perfdata"
)

const spinC = `static volatile unsigned long sink;
__attribute__((noinline)) void spin(long n) { unsigned long x = n; for (long i = 0; i < n; i++) x = x * 6364136223846793005UL + i; sink = x; }
__attribute__((noinline)) void rest(long n) { for (long i = 0; i < n; i++) sink += i; }
int main(void) { for (int i = 0; i < 300; i++) { spin(1000000); rest(100000); } }
`

// The samples of each instruction are those that perf script prints.
func TestAnnotateCountsLikePerf(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("SKIPPED: no C compiler")
	}
	dir := t.TempDir()
	src, prog, path := filepath.Join(dir, "spin.c"), filepath.Join(dir, "spin"), filepath.Join(dir, "perf.data")
	if err := os.WriteFile(src, []byte(spinC), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), cc, "-O1", "-g", "-o", prog, src).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	perf(t, "record", "-q", "-F", "5000", "-e", "cpu-clock", "-o", path, "--", prog)
	want := map[string]int64{}
	var sum int64
	for row := range strings.Lines(string(perf(t, "script", "-i", path, "-F", "ip,sym,symoff"))) {
		if _, at, ok := strings.Cut(strings.TrimSpace(row), " spin+"); ok {
			want[at]++
			sum++
		}
	}
	r, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := perfdata.Open(bytes.NewReader(r), int64(len(r)), perfdata.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := Annotate(t.Context(), f, Options{Open: here}, "spin", func(int) bool { return true })
	if err != nil || len(list) != 1 {
		t.Fatalf("%d functions, %v", len(list), err)
	}
	fn := list[0]
	got := map[string]int64{}
	for _, h := range fn.Hits {
		got[fmt.Sprintf("%#x", h.Offset)] += h.Count
		if h.Offset >= fn.Size {
			t.Errorf("a sample at %#x of a function of %#x bytes", h.Offset, fn.Size)
		}
	}
	if sum < 100 || fn.Count != sum || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%d samples %v, perf counts %d: %v", fn.Count, got, sum, want)
	}
	if len(fn.Code) != int(fn.Size) || fn.Path != prog || fn.Kernel {
		t.Errorf("%d bytes of code of %d of %s", len(fn.Code), fn.Size, fn.Path)
	}

	// A name that no sample is in, and a context that has ended.
	f, err = perfdata.Open(bytes.NewReader(r), int64(len(r)), perfdata.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if list, _, err := Annotate(t.Context(), f, Options{Open: here}, "nobody", func(int) bool { return true }); err != nil || len(list) != 0 {
		t.Errorf("of nobody: %v, %v", list, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Annotate(ctx, f, Options{}, "spin", func(int) bool { return true }); err == nil && sum > 1<<12 {
		t.Error("a context that has ended did not end it")
	}
}
