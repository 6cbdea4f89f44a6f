package gitrepo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"ringside/gitrepo"
)

// git runs git in a folder, with nothing of the user's settings.
func git(t testing.TB, dir, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=Ada Müller", "GIT_AUTHOR_EMAIL=ada@example.org", "GIT_COMMITTER_NAME=Bo", "GIT_COMMITTER_EMAIL=bo@example.org")
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// history makes a repository with a history that has what histories have: many versions
// of a file, files and folders that trade places, renames, modes, merges, tags.
func history(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed; scripts/setup-tests installs it")
	}
	dir := t.TempDir()
	git(t, dir, "", "init", "-q", "-b", "main")
	write := func(name, text string) {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	when := 1_700_000_000
	commit := func(message string) {
		t.Helper()
		when += 60
		git(t, dir, "", "add", "-A")
		t.Setenv("GIT_AUTHOR_DATE", fmt.Sprintf("%d +0230", when-30))
		t.Setenv("GIT_COMMITTER_DATE", fmt.Sprintf("%d +0000", when))
		git(t, dir, "", "commit", "-q", "--allow-empty", "-m", message)
	}
	var lines []string
	for i := range 400 {
		lines = append(lines, fmt.Sprintf("int line_%d = %d;", i, i*i))
	}
	for v := range 40 {
		lines[v*7] = fmt.Sprintf("int changed_%d;", v)
		write("kernel/sched/core.c", strings.Join(lines, "\n")+"\n")
		write(fmt.Sprintf("drivers/d%d.c", v), strings.Repeat(fmt.Sprintf("static int d%d;\n", v), v+1))
		commit(fmt.Sprintf("sched: change %d\n\nWhy.\n\nSigned-off-by: Ada Müller <ada@example.org>", v))
	}
	if err := os.Remove(filepath.Join(dir, "drivers/d3.c")); err != nil {
		t.Fatal(err)
	}
	write("drivers/d3.c/inner.c", "a folder has the name of a file\n")
	write("drivers.c", "sorts between drivers and drivers/\n")
	commit("a file becomes a folder")
	git(t, dir, "", "mv", "kernel/sched/core.c", "kernel/core.c")
	if err := os.Chmod(filepath.Join(dir, "drivers.c"), 0o755); err != nil {
		t.Fatal(err)
	}
	commit("rename, and a mode")
	git(t, dir, "", "tag", "-a", "v1", "-m", "one")
	git(t, dir, "", "checkout", "-q", "-b", "side", "HEAD~3")
	write("side.c", "side\n")
	commit("side")
	git(t, dir, "", "checkout", "-q", "main")
	write("main.c", "main\n")
	commit("main goes on")
	when += 60
	t.Setenv("GIT_COMMITTER_DATE", fmt.Sprintf("%d +0000", when))
	git(t, dir, "", "merge", "-q", "--no-ff", "-m", "Merge branch 'side'", "side")
	return dir
}

func open(t testing.TB, dir string) *gitrepo.Repo {
	t.Helper()
	r, err := gitrepo.Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// Every object is what git says it is, loose, packed with deltas of both kinds, and
// borrowed from another repository.
func TestObjects(t *testing.T) {
	dir := history(t)
	check := func(t *testing.T, r *gitrepo.Repo) {
		t.Helper()
		rd := r.NewReader()
		n := 0
		for line := range strings.Lines(git(t, dir, "", "cat-file", "--batch-all-objects", "--batch-check")) {
			f := strings.Fields(line)
			id, err := gitrepo.ParseID(f[0])
			if err != nil {
				t.Fatal(err)
			}
			kind, data, err := rd.Object(id)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]gitrepo.Kind{"commit": gitrepo.CommitKind, "tree": gitrepo.TreeKind, "blob": gitrepo.BlobKind, "tag": gitrepo.TagKind}[f[1]]
			if kind != want || fmt.Sprint(len(data)) != f[2] {
				t.Errorf("%s: kind %d, %d bytes; git says %s %s", f[0], kind, len(data), f[1], f[2])
			}
			if id != hash(f[1], data) {
				t.Errorf("%s: its content has another name", f[0])
			}
			n++
		}
		if n < 200 {
			t.Fatalf("only %d objects were there to look at", n)
		}
	}
	t.Run("loose", func(t *testing.T) { check(t, open(t, filepath.Join(dir, ".git"))) })
	git(t, dir, "", "repack", "-q", "-a", "-d", "--depth=50", "--window=50")
	git(t, dir, "", "pack-refs", "--all")
	t.Run("packed", func(t *testing.T) { check(t, open(t, filepath.Join(dir, ".git"))) })
	t.Run("borrowed", func(t *testing.T) {
		other := t.TempDir()
		git(t, other, "", "init", "-q", "--bare")
		r, err := gitrepo.Open(os.DirFS(other), os.DirFS(filepath.Join(dir, ".git/objects")))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close() }()
		check(t, r)
	})
	git(t, dir, "", "-c", "pack.indexVersion=2", "-c", "repack.useDeltaBaseOffset=false", "repack", "-q", "-a", "-d", "-f")
	t.Run("ref deltas", func(t *testing.T) { check(t, open(t, filepath.Join(dir, ".git"))) })
}

// The log and what each commit changes are what git prints.
func TestLog(t *testing.T) {
	dir := history(t)
	git(t, dir, "", "repack", "-q", "-a", "-d")
	r := open(t, filepath.Join(dir, ".git"))
	for _, rng := range []struct{ name, from, not string }{
		{"all", "HEAD", ""}, {"side only", "side", "main~1"}, {"since the tag", "main", "v1"}, {"nothing", "v1", "main"},
	} {
		t.Run(rng.name, func(t *testing.T) {
			args := []string{"log", "--format=%H", rng.from}
			if rng.not != "" {
				args = append(args, "--not", rng.not)
			}
			want := strings.Fields(git(t, dir, "", args...))
			from, err := r.Resolve(rng.from)
			if err != nil {
				t.Fatal(err)
			}
			var not []gitrepo.ID
			if rng.not != "" {
				id, err := r.Resolve(rng.not)
				if err != nil {
					t.Fatal(err)
				}
				not = append(not, id)
			}
			rd := r.NewReader()
			var got []string
			missing, err := rd.Log(context.Background(), []gitrepo.ID{from}, not, func(c, first *gitrepo.Commit) bool {
				got = append(got, c.ID.String())
				line := strings.TrimSpace(git(t, dir, "", "show", "-s", "--format=%T %an|%ae|%at|%ai|%s", c.ID.String()))
				if ours := fmt.Sprintf("%s %s|%s|%d|%s|%s", c.Tree, c.Author.Name, c.Author.Email, c.Author.When.Unix(),
					c.Author.When.Format("2006-01-02 15:04:05 -0700"), c.Subject()); ours != line {
					t.Errorf("%s\n ours %s\n git  %s", c.ID, ours, line)
				}
				parent := gitrepo.ID{}
				if len(c.Parents) > 0 {
					if first == nil || first.ID != c.Parents[0] {
						t.Fatalf("%s: its parent is %v", c.ID, first)
					}
					parent = first.Tree
				}
				changes, err := rd.Changes(parent, c.Tree)
				if err != nil {
					t.Fatal(err)
				}
				args := []string{"diff-tree", "-r", "--root", "--no-commit-id", "--no-renames"}
				if len(c.Parents) > 1 {
					args = append(args, c.Parents[0].String())
				}
				if ours, theirs := raw(changes), git(t, dir, "", append(args, c.ID.String())...); ours != theirs {
					t.Errorf("%s:\n ours\n%s git\n%s", c.ID, ours, theirs)
				}
				return true
			})
			if err != nil || missing != 0 {
				t.Fatal(missing, err)
			}
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("%d commits, git has %d:\n%v\n%v", len(got), len(want), got, want)
			}
		})
	}
}

// raw writes changes as git diff-tree does.
func raw(changes []gitrepo.Change) string {
	var b strings.Builder
	for _, c := range changes {
		op := "M"
		switch {
		case c.Old.IsZero():
			op = "A"
		case c.New.IsZero():
			op = "D"
		}
		fmt.Fprintf(&b, ":%06o %06o %s %s %s\t%s\n", c.OldMode, c.NewMode, c.Old, c.New, op, c.Path)
	}
	return b.String()
}

func TestResolve(t *testing.T) {
	dir := history(t)
	git(t, dir, "", "pack-refs", "--all")
	git(t, dir, "", "branch", "loose", "HEAD~2")
	r := open(t, filepath.Join(dir, ".git"))
	full := strings.TrimSpace(git(t, dir, "", "rev-parse", "HEAD"))
	for _, rev := range []string{"HEAD", "main", "v1", "refs/heads/side", "loose", "HEAD~3", "HEAD^2", "HEAD^2~1", "main^", full, full[:9]} {
		id, err := r.Resolve(rev)
		if err != nil {
			t.Errorf("%s: %v", rev, err)
			continue
		}
		if want := strings.TrimSpace(git(t, dir, "", "rev-parse", rev)); id.String() != want {
			t.Errorf("%s: %s, git says %s", rev, id, want)
		}
	}
	for _, rev := range []string{"nothing", "HEAD^7", "HEAD~5000", "zzzz", "00000000", "v1^2"} {
		if id, err := r.Resolve(rev); err == nil {
			t.Errorf("%s is %s", rev, id)
		}
	}
	if _, err := gitrepo.Open(fstest.MapFS{}); !errors.Is(err, gitrepo.ErrNotRepo) {
		t.Errorf("an empty folder: %v", err)
	}
	rd := r.NewReader()
	c, err := rd.Commit(mustID(t, full))
	if err != nil {
		t.Fatal(err)
	}
	id, mode, err := rd.File(c.Tree, "drivers/d3.c/inner.c")
	if want := strings.TrimSpace(git(t, dir, "", "rev-parse", "HEAD:drivers/d3.c/inner.c")); err != nil || id.String() != want || mode != 0o100644 {
		t.Errorf("%s %o %v, git says %s", id, mode, err, want)
	}
	if _, _, err := rd.File(c.Tree, "drivers/none.c"); !errors.Is(err, gitrepo.ErrMissing) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func mustID(t *testing.T, s string) gitrepo.ID {
	t.Helper()
	id, err := gitrepo.ParseID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Damaged packs and indexes give errors: no panic, no endless work, no wrong content.
func TestDamage(t *testing.T) {
	dir := history(t)
	git(t, dir, "", "repack", "-q", "-a", "-d")
	whole := fstest.MapFS{}
	var packName string
	for _, pattern := range []string{"HEAD", "packed-refs", "objects/pack/*", "refs/heads/*"} {
		names, err := filepath.Glob(filepath.Join(dir, ".git", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			rel, _ := filepath.Rel(filepath.Join(dir, ".git"), n)
			data, err := os.ReadFile(n)
			if err != nil {
				t.Fatal(err)
			}
			whole[filepath.ToSlash(rel)] = &fstest.MapFile{Data: data}
			if strings.HasSuffix(rel, ".pack") {
				packName = strings.TrimSuffix(filepath.ToSlash(rel), ".pack")
			}
		}
	}
	ids := strings.Fields(git(t, dir, "", "cat-file", "--batch-all-objects", "--batch-check=%(objectname)"))
	bad := 0
	for _, ext := range []string{".pack", ".idx"} {
		data := whole[packName+ext].Data
		for i := 0; i < len(data); i += 1 + len(data)/150 {
			broken := bytes.Clone(data)
			broken[i] ^= 0x55
			files := fstest.MapFS{}
			for k, v := range whole {
				files[k] = v
			}
			files[packName+ext] = &fstest.MapFile{Data: broken}
			r, err := gitrepo.Open(files)
			if err != nil {
				bad++
				continue
			}
			rd := r.NewReader()
			for _, s := range ids {
				if _, _, err := rd.Object(mustID(t, s)); err != nil {
					bad++
					break
				}
			}
			_ = r.Close()
		}
	}
	if bad < 100 {
		t.Errorf("only %d damages were noticed", bad)
	}
}
