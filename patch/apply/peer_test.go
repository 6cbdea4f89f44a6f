package apply_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ringside/patch/apply"
	"ringside/patch/read"
)

// TestPeer puts made-up patches on made-up files and holds outcome and content against
// GNU patch's. The files have few different lines, so that hunks fit in many places.
func TestPeer(t *testing.T) {
	if _, err := exec.LookPath("patch"); err != nil {
		t.Skip("GNU patch is not installed: nothing was compared")
	}
	counts := map[apply.Outcome]int{}
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		old := lines(rnd, 5+rnd.IntN(40), 2+rnd.IntN(8))
		target := mutate(rnd, old, rnd.IntN(4))
		text := diffOf(t, old, mutate(rnd, old, 1+rnd.IntN(3)), rnd.IntN(4))
		if text == "" {
			continue
		}
		dir := t.TempDir()
		file := filepath.Join(dir, "f")
		if err := os.WriteFile(file, []byte(target), 0o644); err != nil {
			t.Fatal(err)
		}
		c := exec.CommandContext(t.Context(), "patch", "-p1", "-f", "--no-backup-if-mismatch", "-r-", "-d", dir)
		c.Stdin = strings.NewReader(text)
		said, err := c.CombinedOutput()
		want := apply.Clean
		switch {
		case err != nil:
			want = apply.Fail
		case bytes.Contains(said, []byte("with fuzz")):
			want = apply.Fuzz
		}
		after, rerr := os.ReadFile(file)
		if rerr != nil {
			t.Fatal(rerr)
		}
		tr := apply.New(tree(map[string]string{"f": target}))
		s := read.Text("p", text, read.Options{Strip: 1})
		r := tr.Apply(s.Patches[0], apply.Options{})
		counts[want]++
		if r.Outcome != want {
			t.Fatalf("seed %d: %s, patch says %s:\n%s\n%s\non %q\n%+v", seed, r.Outcome, want, said, text, target, r.Files)
		}
		// Where the tree's last line has no end, GNU patch glues the next one to it.
		if want != apply.Fail && strings.HasSuffix(target, "\n") {
			changes, err := tr.Changes()
			if err != nil {
				t.Fatal(err)
			}
			got := target
			if len(changes) == 1 {
				got = changes[0].Content
			}
			if got != string(after) {
				t.Fatalf("seed %d: %q, patch makes %q\n%s\n%s", seed, got, after, said, text)
			}
		}
	}
	t.Logf("%v", counts)
	for _, o := range []apply.Outcome{apply.Clean, apply.Fuzz, apply.Fail} {
		if counts[o] < 10 {
			t.Errorf("only %d cases of %s: the cases say little", counts[o], o)
		}
	}
}

func lines(rnd *rand.Rand, n, kinds int) string {
	var b strings.Builder
	for range n {
		fmt.Fprintf(&b, "line %d\n", rnd.IntN(kinds))
	}
	return b.String()
}

// mutate changes, adds and removes lines, and sometimes the end of the last one.
func mutate(rnd *rand.Rand, text string, n int) string {
	all := strings.SplitAfter(text, "\n")
	all = all[:len(all)-1]
	for range n {
		i := rnd.IntN(len(all))
		switch rnd.IntN(3) {
		case 0:
			all[i] = fmt.Sprintf("line %d\n", rnd.IntN(9))
		case 1:
			all = append(all[:i], append([]string{fmt.Sprintf("new %d\n", rnd.IntN(3))}, all[i:]...)...)
		case 2:
			if len(all) > 2 {
				all = append(all[:i], all[i+1:]...)
			}
		}
	}
	out := strings.Join(all, "")
	if rnd.IntN(12) == 0 {
		out = strings.TrimSuffix(out, "\n")
	}
	return out
}

func diffOf(t *testing.T, a, b string, context int) string {
	t.Helper()
	dir := t.TempDir()
	x, y := filepath.Join(dir, "x"), filepath.Join(dir, "y")
	for name, text := range map[string]string{x: a, y: b} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), "diff", "--label", "a/f", "--label", "b/f", fmt.Sprintf("-U%d", context), x, y).Output()
	if err == nil {
		return ""
	}
	return string(out)
}

func FuzzApply(f *testing.F) {
	f.Add("a\nb\nc\n", "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n")
	f.Add("a\nb", "--- a/f\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n-b\n\\ No newline at end of file\n")
	f.Add("", "diff --git a/f b/g\nrename from f\nrename to g\nGIT binary patch\ndelta 5\nLcmc~y\n\n")
	f.Fuzz(func(t *testing.T, text, diff string) {
		if len(text)+len(diff) > 1<<16 {
			return
		}
		base := tree(map[string]string{"f": text, "d/g": "x\n"})
		tr := apply.New(base)
		for _, p := range read.Text("p", diff, read.Options{Strip: 1}).Patches {
			r := tr.Apply(p, apply.Options{})
			if r.Outcome == apply.Fail {
				continue
			}
			// What went on clean can be taken back, or is not what it was.
			p.Reverse = true
			tr.Apply(p, apply.Options{})
		}
		if string(base["f"].Data) != text {
			t.Fatal("the tree itself was changed")
		}
		changes, err := tr.Changes()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if strings.HasPrefix(c.Path, "/") || strings.Contains(c.Path, "..") && strings.Contains("/"+c.Path+"/", "/../") || strings.Contains(strings.ToLower("/"+c.Path+"/"), "/.git/") {
				t.Fatalf("%q was written", c.Path)
			}
		}
	})
}
