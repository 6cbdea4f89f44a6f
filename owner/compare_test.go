package owner

import (
	"bytes"
	"cmp"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sampleFiles is how many files of the tree are put to get_maintainer.pl.
const sampleFiles = 200

// TestGetMaintainer compares the people and lists found for files spread
// over a kernel tree with those that the kernel's own script finds.
func TestGetMaintainer(t *testing.T) {
	tree := os.Getenv("RINGSIDE_LINUX_TREE")
	if tree == "" {
		t.Skip("SKIPPED: set RINGSIDE_LINUX_TREE to a kernel source tree to compare with its get_maintainer.pl")
	}
	if _, err := exec.LookPath("perl"); err != nil {
		t.Skip("SKIPPED: get_maintainer.pl needs perl: apt-get install perl")
	}
	f, err := os.Open(filepath.Join(tree, "MAINTAINERS"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mm, err := os.Open(filepath.Join(tree, ".mailmap"))
	if err != nil {
		t.Fatal(err)
	}
	defer mm.Close()
	mail, err := ReadMailmap(mm)
	if err != nil {
		t.Fatal(err)
	}
	x, err := ParseNamed("MAINTAINERS", f, mail)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	err = fs.WalkDir(os.DirFS(tree), ".", func(name string, d fs.DirEntry, err error) error {
		// For a device tree binding the script adds the people named in the
		// file itself, which is no matter of MAINTAINERS.
		binding := strings.HasPrefix(name, "Documentation/devicetree/bindings/")
		if err == nil && d.Type().IsRegular() && !strings.HasPrefix(name, ".") && !binding {
			files = append(files, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// Evenly over the tree, so that every run and every release takes the same
	// kind of sample.
	step := max(1, len(files)/sampleFiles)
	same, asked := 0, 0
	for i := step / 2; i < len(files) && asked < sampleFiles; i += step {
		cmd := exec.CommandContext(t.Context(), "perl", "scripts/get_maintainer.pl", "--no-rolestats", "--nogit", "--nogit-fallback", "-f", files[i])
		cmd.Dir = tree
		var complaint bytes.Buffer
		cmd.Stderr = &complaint
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("get_maintainer.pl %s: %v: %s", files[i], err, complaint.Bytes())
		}
		matches := x.File(files[i])
		// Someone who appears in two sections under two addresses is written to
		// under the first. Where the two are equally deep, which is first is up
		// to the order of a Perl hash, and differs from run to run.
		either := make(map[string]string)
		for _, m := range matches {
			for _, p := range slices.Concat(m.Maintainers, m.Reviewers) {
				either[strings.ToLower(p.Email)] = strings.ToLower(cmp.Or(p.Name, p.Email))
			}
		}
		person := func(email string) string {
			email = strings.ToLower(email)
			return cmp.Or(either[email], email)
		}
		want := make(map[string]bool)
		for line := range strings.Lines(string(out)) {
			if p, ok := parsePerson(line); ok {
				want[person(p.Email)] = true
			}
		}
		got := make(map[string]bool)
		for _, r := range Recipients(matches) {
			got[person(r.Email)] = true
		}
		asked++
		if maps.Equal(got, want) {
			same++
			continue
		}
		t.Errorf("%s:\n  here only:   %q\n  script only: %q", files[i], without(got, want), without(want, got))
	}
	t.Logf("the same people and lists as get_maintainer.pl for %d of %d files", same, asked)
}

func without(a, b map[string]bool) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(a)), func(s string) bool { return b[s] })
}
