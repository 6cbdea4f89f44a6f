package read_test

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ringside/patch"
	"ringside/patch/read"
)

// TestHistory reads whole histories as git log and git format-patch print them, and
// compares each commit with what git itself counts: files, added and removed lines.
// RINGSIDE_HISTORIES names the repositories, separated by colons.
func TestHistory(t *testing.T) {
	list := os.Getenv("RINGSIDE_HISTORIES")
	if list == "" {
		t.Skip("RINGSIDE_HISTORIES is not set: no history was read")
	}
	for _, repo := range filepath.SplitList(list) {
		t.Run(filepath.Base(filepath.Dir(repo)), func(t *testing.T) {
			want := numstat(t, repo)
			t.Run("log", func(t *testing.T) {
				same(t, repo, want, "log", "--all", "--no-merges", "-p", "--binary")
			})
			t.Run("log, raw, full", func(t *testing.T) {
				same(t, repo, want, "log", "--all", "--no-merges", "-p", "--stat", "--pretty=raw", "--full-index", "--binary", "-M")
			})
			t.Run("format-patch", func(t *testing.T) {
				same(t, repo, want, "format-patch", "--stdout", "--root", "HEAD")
			})
		})
	}
}

// numstat is what each commit changes, by git's own count.
func numstat(t *testing.T, repo string) map[string]string {
	out := map[string]string{}
	id := ""
	var files []string
	flush := func() {
		slices.Sort(files)
		out[id] = strings.Join(files, "\n")
		files = nil
	}
	for line := range strings.Lines(string(git(t, repo, "-c", "core.quotePath=false", "log", "--all", "--no-merges", "--numstat", "--no-renames", "--format=commit %H"))) {
		line = strings.TrimSuffix(line, "\n")
		if c, ok := strings.CutPrefix(line, "commit "); ok {
			flush()
			id = c
		} else if line != "" {
			files = append(files, line)
		}
	}
	flush()
	delete(out, "")
	return out
}

func same(t *testing.T, repo string, want map[string]string, args ...string) {
	if !slices.Contains(args, "-M") {
		args = append(args[:1], append([]string{"--no-renames"}, args[1:]...)...)
	}
	c := exec.CommandContext(t.Context(), "git", append([]string{"-C", repo}, args...)...)
	pipe, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	wrong := 0
	err = read.Each("log", bufio.NewReader(pipe), read.Options{Strip: 1}, func(p *patch.Patch) error {
		seen[p.Commit] = true
		got := count(p)
		if slices.Contains(args, "-M") {
			// With renames the files are fewer, and their lines too: see that it was read.
			if (got == "") != (want[p.Commit] == "") {
				wrong++
				t.Errorf("%s: read %q, git counts %q", p.Commit, got, want[p.Commit])
			}
		} else if got != want[p.Commit] {
			wrong++
			t.Errorf("%s: read\n%s\ngit counts\n%s", p.Commit, got, want[p.Commit])
		}
		for _, x := range p.Problems {
			if len(p.Files) > 0 && !strings.Contains(x.Text, "not UTF-8") && !strings.Contains(x.Text, "is no date") {
				t.Errorf("%s: %s", p.Commit, x)
			}
		}
		if wrong > 10 {
			return fmt.Errorf("too many differences")
		}
		return nil
	})
	if werr := c.Wait(); err == nil {
		err = werr
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d commits", len(seen))
	if args[0] == "log" && !maps.EqualFunc(seen, want, func(bool, string) bool { return true }) {
		for id := range want {
			if !seen[id] {
				t.Fatalf("%s was not read; %d of %d were", id, len(seen), len(want))
			}
		}
		for id := range seen {
			if _, ok := want[id]; !ok {
				t.Fatalf("%s is no commit", id)
			}
		}
	}
}

// count is what git's numstat says of a patch. A file that becomes a link is two files in
// the diff and one in numstat.
func count(p *patch.Patch) string {
	type lines struct{ added, removed int }
	all := map[string]lines{}
	var out []string
	for _, f := range p.Files {
		n := all[f.Path()]
		for _, h := range f.Hunks {
			for _, l := range h.Lines {
				switch l.Op {
				case '+':
					n.added++
				case '-':
					n.removed++
				}
			}
		}
		if f.Binary {
			out = append(out, "-\t-\t"+f.Path())
			continue
		}
		all[f.Path()] = n
	}
	for name, n := range all {
		out = append(out, fmt.Sprintf("%d\t%d\t%s", n.added, n.removed, name))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func git(t *testing.T, repo string, args ...string) []byte {
	c := exec.CommandContext(t.Context(), "git", append([]string{"-C", repo}, args...)...)
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, &errs)
	}
	return out
}
