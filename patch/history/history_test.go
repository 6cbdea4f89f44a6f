package history_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"ringside/gitrepo"
	"ringside/patch/diff"
	"ringside/patch/equiv"
	"ringside/patch/history"
)

func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.org")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// The print of each commit is that of the diff which git shows of it. The repository is
// one that is made here, and the one that RINGSIDE_GIT names, if it names one.
func TestPrintsAreDiffs(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed; scripts/setup-tests installs it")
	}
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	text := "int one;\nint two;\n\nint f(void)\n{\n\treturn 1;\n}\n"
	for i, edit := range []string{"int two;", "return 1;", "int one;", "int f(void)"} {
		if err := os.WriteFile(filepath.Join(dir, "a.c"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		git(t, dir, "add", "-A")
		git(t, dir, "commit", "-q", "-m", "change "+edit+"\n\nFixes: 0123456789ab (\"x\")\n(cherry picked from commit "+strings.Repeat("ab", 20)+")")
		text = strings.Replace(text, edit, strings.Repeat(edit+" /* more */\n", i+1), 1)
	}
	git(t, dir, "mv", "a.c", "b.c")
	git(t, dir, "commit", "-q", "-m", "move")
	check(t, filepath.Join(dir, ".git"), 5, 0)
	if big := os.Getenv("RINGSIDE_GIT"); big != "" {
		check(t, big, 200, 300)
	}
}

func check(t *testing.T, dir string, least, limit int) {
	t.Helper()
	r, err := gitrepo.Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	head, err := r.Head()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	stats, err := history.Walk(context.Background(), r, history.Options{From: []gitrepo.ID{head}, Limit: limit}, func(d *equiv.Doc) error {
		n++
		files, err := diff.Parse(git(t, dir, "show", "--no-renames", "--format=", d.Name))
		if err != nil {
			if d.Print.Empty() {
				return nil
			}
			t.Errorf("%s: %v, and the print is not empty", d.Name, err)
			return nil
		}
		want := equiv.FromDiff(files)
		for i := range files {
			if files[i].Binary {
				return nil // git does not show what counts
			}
		}
		if !d.Print.Empty() && !reflect.DeepEqual(d.Print, want) {
			t.Errorf("%s %s: %+v of its contents, %+v of its diff", d.Name, d.Subject, d.Print, want)
		}
		if strings.HasPrefix(d.Subject, "change ") && (len(d.Fixes) != 1 || len(d.Upstream) != 1) {
			t.Errorf("%s: fixes %v, taken from %v", d.Subject, d.Fixes, d.Upstream)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < least || stats.Commits != n || stats.Missing+stats.Blobs > 0 {
		t.Errorf("%d commits, %+v", n, stats)
	}
}
