package diff_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"ringside/patch/diff"
)

func TestLines(t *testing.T) {
	for name, tt := range map[string]struct{ a, b, want string }{
		"same":           {"a b c", "a b c", "[]"},
		"changed":        {"a b c", "a x c", "[{1 2 1 2}]"},
		"added":          {"a c", "a b c", "[{1 1 1 2}]"},
		"removed":        {"a b c", "a c", "[{1 2 1 1}]"},
		"all":            {"a", "b", "[{0 1 0 1}]"},
		"from nothing":   {"", "a b", "[{0 0 0 2}]"},
		"two":            {"a b c d e", "a x c d y", "[{1 2 1 2} {4 5 4 5}]"},
		"slides down":    {"a } b", "a } x } b", "[{2 2 2 4}]"},
		"meets the next": {"a a b", "a b", "[{1 2 1 1}]"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := fmt.Sprint(diff.Lines(strings.Fields(tt.a), strings.Fields(tt.b))); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// TestWrite: what is written is read again, and turns one text into the other.
func TestWrite(t *testing.T) {
	for seed := range uint64(500) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		text := func() string {
			var b strings.Builder
			for range rnd.IntN(60) {
				fmt.Fprintf(&b, "%d\n", rnd.IntN(8))
			}
			if rnd.IntN(5) == 0 {
				return strings.TrimSuffix(b.String(), "\n")
			}
			return b.String()
		}
		old, now := text(), text()
		if old == now {
			continue
		}
		var b strings.Builder
		diff.Write(&b, diff.Side{Path: "d/f", Mode: "100644", Text: old}, diff.Side{Path: "d/f", Mode: "100644", Text: now})
		files, err := diff.Parse(b.String())
		if err != nil || len(files) != 1 || files[0].Err != nil || files[0].Surplus != nil {
			t.Fatalf("seed %d: %v %+v\n%s", seed, err, files, &b)
		}
		x := strings.SplitAfter(old, "\n")
		var got strings.Builder
		at := 0
		for _, h := range files[0].Hunks {
			start := h.OldStart - 1
			if h.OldLines == 0 {
				start++
			}
			got.WriteString(strings.Join(x[at:start], ""))
			at = start
			for _, l := range h.Lines {
				if l.Op != '+' {
					at++
				}
				if l.Op != '-' {
					got.WriteString(l.Text)
					if !l.NoEOL {
						got.WriteString("\n")
					}
				}
			}
		}
		got.WriteString(strings.Join(x[at:], ""))
		if got.String() != now {
			t.Fatalf("seed %d: %q became %q, not %q\n%s", seed, old, got.String(), now, &b)
		}
	}
	for name, tt := range map[string]struct {
		old, now diff.Side
		want     string
	}{
		"add":    {diff.Side{}, diff.Side{"f", "100755", "a\n"}, "diff --git a/f b/f\nnew file mode 100755\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n"},
		"delete": {diff.Side{"f", "100644", "a\n"}, diff.Side{}, "diff --git a/f b/f\ndeleted file mode 100644\n--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"},
		"rename": {diff.Side{"ä", "100644", "a\n"}, diff.Side{"g", "100644", "a\n"}, "diff --git \"a/\\303\\244\" b/g\nrename from \"\\303\\244\"\nrename to g\n"},
		"mode":   {diff.Side{"f", "100644", "a\n"}, diff.Side{"f", "100755", "a\n"}, "diff --git a/f b/f\nold mode 100644\nnew mode 100755\n"},
		"same":   {diff.Side{"f", "100644", "a\n"}, diff.Side{"f", "100644", "a\n"}, ""},
	} {
		var b strings.Builder
		if diff.Write(&b, tt.old, tt.now); b.String() != tt.want {
			t.Errorf("%s: %q, want %q", name, b.String(), tt.want)
		}
	}
}
