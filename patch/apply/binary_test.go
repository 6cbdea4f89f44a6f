package apply_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"ringside/patch/apply"
)

// TestBinary puts what git diff --binary writes of binary files on, and takes it back:
// contents in full, and deltas.
func TestBinary(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: no binary patch was made")
	}
	noise := func(seed uint64, n int) []byte {
		rnd := rand.New(rand.NewPCG(seed, 1))
		out := make([]byte, n)
		for i := range out {
			out[i] = byte(rnd.Uint32())
		}
		return out
	}
	large := noise(1, 40000)
	edited := bytes.Clone(large)
	copy(edited[20000:], "changed")
	edited = append(edited, noise(2, 100)...)
	for name, tt := range map[string]struct{ old, now []byte }{
		"in full":  {noise(3, 500), noise(4, 700)},
		"a delta":  {large, edited},
		"to empty": {noise(5, 10), nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for f, data := range map[string][]byte{"old": tt.old, "now": tt.now} {
				if err := os.Mkdir(filepath.Join(dir, f), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, f, "x.bin"), data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			c := exec.CommandContext(t.Context(), "git", "diff", "--no-index", "--binary", "--src-prefix=a/", "--dst-prefix=b/", "old/x.bin", "now/x.bin")
			c.Dir = dir
			text, err := c.Output()
			if c.ProcessState == nil || c.ProcessState.ExitCode() != 1 {
				t.Fatal(err)
			}
			text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("a/old/"), []byte("a/")), []byte("b/now/"), []byte("b/"))
			p := parse(t, string(text))
			if len(p.Problems) != 0 {
				t.Fatal(p.Problems)
			}
			tr := apply.New(tree(map[string]string{"x.bin": string(tt.old)}))
			if r := tr.Apply(p, apply.Options{}); r.Outcome != apply.Clean {
				t.Fatalf("%s: %+v", r.Outcome, r.Files)
			}
			changes, err := tr.Changes()
			if err != nil || len(changes) != 1 || changes[0].Content != string(tt.now) {
				t.Fatalf("%d changes, %v", len(changes), err)
			}
			p.Reverse = true
			if r := tr.Apply(p, apply.Options{}); r.Outcome != apply.Clean {
				t.Fatalf("back: %+v", r.Files)
			}
			if changes, err := tr.Changes(); err != nil || len(changes) != 0 {
				t.Errorf("back: %d changes, %v", len(changes), err)
			}
			// What replaces another content is refused.
			other := apply.New(tree(map[string]string{"x.bin": "other"}))
			p.Reverse = false
			if r := other.Apply(p, apply.Options{}); r.Outcome != apply.Fail {
				t.Errorf("on another content: %s", r.Outcome)
			}
		})
	}
}
