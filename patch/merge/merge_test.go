package merge_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ringside/patch/merge"
)

func text(s string) string {
	if s == "" {
		return ""
	}
	return strings.ReplaceAll(s, " ", "\n") + "\n"
}

func TestThree(t *testing.T) {
	for name, tt := range map[string]struct {
		base, ours, theirs string
		want               string
		conflicts          string
	}{
		"theirs alone":   {"a b c", "a b c", "a x c", "a x c", ""},
		"ours alone":     {"a b c", "a x c", "a b c", "a x c", ""},
		"apart":          {"a b c d e", "A b c d e", "a b c d E", "A b c d E", ""},
		"the same":       {"a b c", "a x c", "a x c", "a x c", ""},
		"touching":       {"a b c", "A b c", "a B c", "A b c", "1: a b | A b | a B"},
		"both":           {"a b c", "a x c", "a y c", "a x c", "2: b | x | y"},
		"removed by us":  {"a b c", "a c", "a x c", "a c", "2: b |  | x"},
		"added by both":  {"a b", "a x b", "a y b", "a x b", "2:  | x | y"},
		"moved down":     {"a b c d", "1 2 3 a b c d", "a b c D", "1 2 3 a b c D", ""},
		"from nothing":   {"", "a", "a", "a", ""},
		"one more there": {"a b c d", "a x c d", "a x c e", "a x c e", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := merge.Three(text(tt.base), text(tt.ours), text(tt.theirs))
			var got []string
			for _, c := range r.Conflicts {
				got = append(got, fmt.Sprintf("%d: %s | %s | %s", c.Line, flat(c.Base), flat(c.Ours), flat(c.Theirs)))
			}
			if r.Text != text(tt.want) || strings.Join(got, "; ") != tt.conflicts {
				t.Errorf("%q %q", r.Text, got)
			}
		})
	}
}

func flat(lines []string) string {
	return strings.TrimSpace(strings.ReplaceAll(strings.Join(lines, ""), "\n", " "))
}

// TestGit holds merges of made-up texts against git merge-file.
func TestGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: nothing was compared")
	}
	dir := t.TempDir()
	clean, differ := 0, 0
	const rounds = 300
	for seed := range uint64(rounds) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		var base []string
		for i := range 10 + rnd.IntN(50) {
			base = append(base, fmt.Sprintf("line %d", i%(20+rnd.IntN(20))))
		}
		edit := func() string {
			out := append([]string(nil), base...)
			for range 1 + rnd.IntN(4) {
				i := rnd.IntN(len(out))
				switch rnd.IntN(3) {
				case 0:
					out[i] = fmt.Sprintf("changed %d", rnd.IntN(3))
				case 1:
					out = append(out[:i], append([]string{fmt.Sprintf("new %d", rnd.IntN(3))}, out[i:]...)...)
				case 2:
					out = append(out[:i], out[i+1:]...)
				}
			}
			return strings.Join(out, "\n") + "\n"
		}
		o, a, b := strings.Join(base, "\n")+"\n", edit(), edit()
		for name, s := range map[string]string{"o": o, "a": a, "b": b} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(s), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c := exec.CommandContext(t.Context(), "git", "merge-file", "-p", "-q", "a", "o", "b")
		c.Dir = dir
		var out bytes.Buffer
		c.Stdout = &out
		err := c.Run()
		r := merge.Three(o, a, b)
		if (err == nil) != (len(r.Conflicts) == 0) {
			differ++
			t.Logf("seed %d: git %v, ours %v\n%s---\n%s---\n%s", seed, err, r.Conflicts, o, a, b)
			continue
		}
		if err == nil {
			clean++
			if r.Text != out.String() {
				t.Errorf("seed %d: %q, git makes %q", seed, r.Text, out.String())
			}
		}
	}
	t.Logf("%d of %d clean, %d with another outcome", clean, rounds, differ)
	if differ > 0 || clean < rounds/10 {
		t.Errorf("%d clean, %d with another outcome", clean, differ)
	}
}

func FuzzThree(f *testing.F) {
	f.Add("a\nb\nc\n", "a\nx\nc\n", "a\nb\ny\n")
	f.Fuzz(func(t *testing.T, o, a, b string) {
		if len(o)+len(a)+len(b) > 1<<14 {
			return
		}
		if r := merge.Three(o, a, o); r.Text != a || len(r.Conflicts) > 0 {
			t.Fatalf("ours alone: %q", r.Text)
		}
		if r := merge.Three(o, o, b); r.Text != b || len(r.Conflicts) > 0 {
			t.Fatalf("theirs alone: %q", r.Text)
		}
		x, y := merge.Three(o, a, b), merge.Three(o, b, a)
		if (len(x.Conflicts) == 0) != (len(y.Conflicts) == 0) || len(x.Conflicts) == 0 && x.Text != y.Text {
			t.Fatalf("the sides are not the same: %q %q", x.Text, y.Text)
		}
	})
}
