package patchindex_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ringside/internal/patchindex"
	"ringside/patch/equiv"
)

func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.org")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, dir, text, message string) {
	t.Helper()
	write(t, dir, "a.c", text)
	run(t, dir, "add", "-A")
	run(t, dir, "commit", "-q", "-m", message)
}

func open(t *testing.T, where, cache string) *patchindex.Index {
	t.Helper()
	x, err := patchindex.Open(context.Background(), where, patchindex.Options{Cache: cache, Warn: func(err error) { t.Log(err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	return x
}

// find gives the only change with a subject.
func find(t *testing.T, x *patchindex.Index, subject string) equiv.Doc {
	t.Helper()
	var out []equiv.Doc
	for i := range x.Len() {
		d, err := x.Doc(i)
		if err != nil {
			t.Fatal(err)
		}
		if d.Subject == subject {
			out = append(out, d)
		}
	}
	if len(out) != 1 {
		t.Fatalf("%d changes are called %q", len(out), subject)
	}
	return out[0]
}

// The first release of a commit is mainline's where both have it; a worktree and a clone
// that borrows its objects give the same; a new commit makes a kept index out of date.
func TestRepository(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed; scripts/setup-tests installs it")
	}
	dir, cache := t.TempDir(), t.TempDir()
	repo := filepath.Join(dir, "repo")
	run(t, dir, "init", "-q", "-b", "main", "repo")
	commit(t, repo, "int one;\n", "first")
	run(t, repo, "tag", "v6.1")
	run(t, repo, "checkout", "-q", "-b", "stable")
	commit(t, repo, "int one;\nint fixed;\n", "fix in stable")
	run(t, repo, "tag", "-a", "-m", "x", "v6.1.1")
	run(t, repo, "checkout", "-q", "main")
	commit(t, repo, "int one;\nint two;\n", "second")
	run(t, repo, "tag", "v6.2-rc1")
	commit(t, repo, "int one;\nint two;\nint three;\n", "third")
	run(t, repo, "tag", "v6.2")
	commit(t, repo, "int one;\nint two;\nint three;\nint four;\n", "fourth")
	run(t, repo, "worktree", "add", "-q", filepath.Join(dir, "tree"), "stable")
	run(t, dir, "clone", "-q", "--shared", "repo", "borrower")

	want := map[string][]string{"first": {"v6.1"}, "fix in stable": {"v6.1.1"}, "second": {"v6.2"}, "third": {"v6.2"}, "fourth": nil}
	for _, where := range []string{"repo", "repo/.git", "tree", "borrower"} {
		x := open(t, filepath.Join(dir, where), cache)
		for subject, releases := range want {
			if got := find(t, x, subject).Releases; !slices.Equal(got, releases) {
				t.Errorf("%s: %q is in %v, not %v", where, subject, got, releases)
			}
		}
	}
	kept, err := filepath.Glob(filepath.Join(cache, "*.idx"))
	if err != nil || len(kept) != 4 {
		t.Fatalf("%v are kept, %v", kept, err)
	}
	commit(t, repo, "int five;\n", "fifth")
	if x := open(t, repo, cache); x.Len() != 6 {
		t.Errorf("%d changes after a new commit", x.Len())
	}
}

func TestOtherSources(t *testing.T) {
	dir := t.TempDir()
	id := strings.Repeat("0123456789", 4)
	write(t, dir, "ChangeLog-6.1.9", "commit "+id+"\nAuthor: Ada <ada@example.org>\nDate:   Wed Dec 21 21:18:59 2022 +0100\n\n    frob: fix it in frob_start\n    \n    commit "+strings.Repeat("ab", 20)+" upstream.\n    \n    Fixes: 0123456789ab (\"frob\")\n\ncommit "+strings.Repeat("c", 40)+"\nAuthor: Bo <bo@example.org>\nDate:   Wed Dec 21 21:18:59 2022 +0100\n\n    Linux 6.1.9\n")
	x := open(t, filepath.Join(dir, "ChangeLog-6.1.9"), "")
	d := find(t, x, "frob: fix it in frob_start")
	if d.Name != id || d.Author != "ada@example.org" || len(d.Fixes) != 1 || len(d.Upstream) != 1 || !slices.Equal(d.Releases, []string{"v6.1.9"}) || d.Date.Year() != 2022 {
		t.Errorf("%+v", d)
	}

	write(t, dir, "vulns/cve/published/2024/CVE-2024-1.json", `{"cveMetadata":{"cveId":"CVE-2024-1"},"containers":{"cna":{"title":"frob: fix it","descriptions":[{"value":"BUG: KASAN: slab-use-after-free in frob_start+0x1"}],
"affected":[{"programFiles":["drivers/frob.c"],"versions":[{"version":"a","lessThan":"`+id+`","status":"affected","versionType":"git"},{"version":"6.1.9","lessThanOrEqual":"6.1.*","status":"unaffected","versionType":"semver"},{"version":"0","lessThan":"6.0","status":"unaffected","versionType":"semver"}]}]}}}`)
	write(t, dir, "vulns/cve/published/2024/CVE-2024-1.sha1", strings.Repeat("d", 40)+"\n")
	write(t, dir, "vulns/cve/published/2024/CVE-2024-2.json", `{"cveMetadata":`)
	var warned []string
	y, err := patchindex.Open(context.Background(), filepath.Join(dir, "vulns"), patchindex.Options{Cache: patchindex.NoCache, Warn: func(err error) { warned = append(warned, err.Error()) }})
	if err != nil {
		t.Fatal(err)
	}
	d = find(t, y, "frob: fix it")
	if d.Name != "CVE-2024-1" || !slices.Equal(d.Releases, []string{"v6.1.9"}) || len(d.Upstream) != 2 || !slices.Equal(d.Paths, []string{"drivers/frob.c"}) {
		t.Errorf("%+v", d)
	}
	if len(warned) != 1 || !strings.Contains(warned[0], "CVE-2024-2.json") {
		t.Errorf("warned of %q", warned)
	}
	fixes, err := y.KnownFixes(equiv.Crash{Functions: []string{"frob_start"}, Text: "use-after-free"}, 3)
	if err != nil || len(fixes) != 1 || fixes[0].Doc.Name != "CVE-2024-1" {
		t.Errorf("%+v, %v", fixes, err)
	}

	for _, name := range []string{"Kbuild", "Kconfig", "Makefile", "kernel/x.c", "drivers/x.c"} {
		write(t, dir, filepath.Join("tree", name), "")
	}
	if _, err := patchindex.Open(context.Background(), filepath.Join(dir, "tree"), patchindex.Options{}); !errors.Is(err, patchindex.ErrTree) {
		t.Errorf("a tree: %v", err)
	}
	if _, err := patchindex.Open(context.Background(), filepath.Join(dir, "none"), patchindex.Options{}); err == nil {
		t.Error("what is not there is opened")
	}
	var out bytes.Buffer
	b := equiv.Builder{Source: "named"}
	if err := patchindex.Fill(context.Background(), &b, filepath.Join(dir, "vulns"), patchindex.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := b.Write(&out); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "x.idx", out.String())
	if z := open(t, filepath.Join(dir, "x.idx"), ""); z.Source != "named" || z.Len() != 1 {
		t.Errorf("%s, %d changes", z.Source, z.Len())
	}
}
