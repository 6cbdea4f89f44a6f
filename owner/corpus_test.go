package owner

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCorpusFunctions holds the functions of symbolized stacks against the
// files that debug information gave for them. The kernels in the corpus are
// other releases than the index, so not all can agree.
func TestCorpusFunctions(t *testing.T) {
	corpus := os.Getenv("RINGSIDE_CORPUS")
	if corpus == "" {
		t.Skip("SKIPPED: set RINGSIDE_CORPUS to the folder of real logs to compare with their file names")
	}
	x := defaultIndex(t)
	frame := regexp.MustCompile(` ([A-Za-z_][\w.]*)\+0x[0-9a-f]+/0x[0-9a-f]+ ([a-z][\w./-]+\.[chS]):\d+`)
	seen := make(map[[2]string]bool)
	known, first, among := 0, 0, 0
	var missed []string
	err := fs.WalkDir(os.DirFS(filepath.Join(corpus, "crashlog")), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(corpus, "crashlog", name))
		if err != nil {
			return err
		}
		for _, m := range frame.FindAllSubmatch(text, -1) {
			key := [2]string{string(m[1]), string(m[2])}
			if seen[key] || !strings.Contains(key[1], "/") {
				continue
			}
			seen[key] = true
			files := x.Definitions(key[0], "")
			if len(files) == 0 {
				continue
			}
			known++
			switch {
			case files[0] == key[1]:
				first++
				among++
			case slices.Contains(files, key[1]):
				among++
			default:
				missed = append(missed, key[0]+" "+key[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d functions with a file; the index knows %d: the same file first for %d, among the candidates for %d", len(seen), known, first, among)
	t.Logf("elsewhere: %q", missed[:min(len(missed), 20)])
	if known*10 < len(seen)*8 || among*10 < known*8 {
		t.Errorf("the index knows %d of %d functions and agrees on %d: less than 80%%", known, len(seen), among)
	}
}
