package triage

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ringside/owner"
)

func TestReleaseRefs(t *testing.T) {
	for release, want := range map[string]string{
		"6.1.0-56-amd64":                "v6.1",
		"6.1.55":                        "v6.1.55 v6.1",
		"6.12.0-rc3+":                   "v6.12-rc3 v6.12",
		"6.12.0-rc3-00012-gabcdef12345": "abcdef12345 v6.12-rc3 v6.12",
		"5.4.0":                         "v5.4",
		"next-20260101":                 "",
		"--upload-pack=evil":            "",
	} {
		if got := strings.Join(releaseRefs(release), " "); got != want {
			t.Errorf("%s: %q, want %q", release, got, want)
		}
	}
}

// The owners are those of the tag that the kernel was made from, in a work tree
// and in a bare repository.
func TestTreeOwners(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("SKIPPED: no git to make a repository with")
	}
	dir := filepath.Join(t.TempDir(), "linux")
	run := func(args ...string) {
		t.Helper()
		c := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"}, args...)...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "fs/ext4"), 0o755); err != nil {
		t.Fatal(err)
	}
	run("init", "-q")
	for i, tag := range []string{"v6.1", "v6.2"} {
		text := fmt.Sprintf("EXT4 OF %s\nM:\tSomebody %d <s@example.org>\nS:\tMaintained\nF:\tfs/ext4/\n", tag, i)
		for name, content := range map[string]string{"MAINTAINERS": text, "fs/ext4/inode.c": tag} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		run("add", ".")
		run("commit", "-q", "-m", tag)
		run("tag", tag)
	}
	bare := filepath.Join(t.TempDir(), "linux.git")
	run("clone", "-q", "--bare", dir, bare)
	base, err := owner.Default()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ dir, release, subsystem, ref string }{
		{dir, "6.1.0-56-amd64", "EXT4 OF v6.1", "v6.1"},
		{dir, "6.1.55", "EXT4 OF v6.1", "v6.1"},
		{dir, "6.2.0", "EXT4 OF v6.2", "v6.2"},
		{dir, "7.9.0", "EXT4 OF v6.2", "the files in " + dir},
		{bare, "6.1.0", "EXT4 OF v6.1", "v6.1"},
		{bare, "7.9.0", "EXT4 OF v6.2", "HEAD"},
	} {
		idx, ref, err := TreeOwners(t.Context(), tt.dir, tt.release, base)
		if err != nil {
			t.Errorf("%s %s: %v", tt.dir, tt.release, err)
			continue
		}
		if ref != tt.ref {
			t.Errorf("%s %s: took %s, want %s", tt.dir, tt.release, ref, tt.ref)
		}
		ms := idx.Lookup(owner.Query{Function: "ext4_writepages"})
		if !slices.ContainsFunc(ms, func(m owner.Match) bool { return m.Subsystem == tt.subsystem }) {
			t.Errorf("%s %s: owners %v, want %s", tt.dir, tt.release, ms, tt.subsystem)
		}
	}
	if _, _, err := TreeOwners(t.Context(), filepath.Join(dir, "MAINTAINERS"), "6.1", base); err == nil || !strings.Contains(err.Error(), "not a folder") {
		t.Errorf("a file is no tree: %v", err)
	}
}
