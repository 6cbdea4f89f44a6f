package evidence_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"ringside/kbuild"
	"ringside/kbuild/evidence"
	"ringside/kconfig/dotconfig"
)

// linux evaluates a real tree under a configuration.
func linux(t *testing.T, config *dotconfig.File) *kbuild.Build {
	t.Helper()
	tree := os.Getenv("RINGSIDE_LINUX_6_1")
	if tree == "" {
		t.Skip("RINGSIDE_LINUX_6_1 is not set: give an unpacked linux-source-6.1")
	}
	b, err := kbuild.Load(os.DirFS(tree), config, kbuild.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The debug information of Debian's cloud kernel and the Makefiles agree in every file,
// and the units of the former are those that readelf prints. It is in the package
// linux-image-6.1.0-56-cloud-amd64-dbg.
func TestDebianCloud(t *testing.T) {
	dir := os.Getenv("RINGSIDE_CLOUD_DEBUG")
	if dir == "" {
		t.Skip("RINGSIDE_CLOUD_DEBUG is not set: give linux-image-6.1.0-56-cloud-amd64-dbg, unpacked by dpkg -x")
	}
	packed, err := os.ReadFile("/usr/src/linux-config-6.1/config.amd64_none_cloud-amd64.xz")
	if err != nil {
		t.Skipf("the package linux-config-6.1 is not installed: %v", err)
	}
	r, err := xz.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	config, err := dotconfig.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	d := &evidence.Debug{}
	err = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		target, ok := evidence.TargetOf(name)
		if err != nil || !ok || !entry.Type().IsRegular() {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		return d.Add(target, f)
	})
	if err != nil {
		t.Fatal(err)
	}
	e := &evidence.Evidence{Build: linux(t, config), Debug: d}
	if m := e.Missing(); m != "" {
		t.Fatalf("%s was not read", m)
	}
	for _, p := range e.Contradictions() {
		t.Errorf("%s: %s, %v", p.Path, p.State, p.Why)
	}
	sources := e.Sources(false)
	n := 0
	for _, unit := range truth(t) {
		if e.Build.Exists(unit) && path.Ext(unit) != ".h" {
			n++
			if !slices.Contains(sources, unit) {
				t.Errorf("%s is compiled and was not found", unit)
			}
		}
	}
	t.Logf("%d targets read, %d sources, %d units of the truth", len(d.Targets()), len(sources), n)
	if n < 4700 || len(sources) > n+8 {
		t.Errorf("%d units of the truth, %d sources", n, len(sources))
	}
}

func truth(t *testing.T) (units []string) {
	t.Helper()
	f, err := os.Open(filepath.Join(os.Getenv("RINGSIDE_CORPUS"), "kbuild", "compiled-units-6.1.192-cloud-amd64.txt.gz"))
	if err != nil {
		t.Skipf("RINGSIDE_CORPUS has no list of units: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(z); s.Scan(); {
		_, name, _ := strings.Cut(s.Text(), "\t")
		units = append(units, path.Clean(strings.TrimPrefix(name, "/build/reproducible-path/linux-6.1.192/")))
	}
	slices.Sort(units)
	return slices.Compact(units)
}

// What a real build opened, headers and all, the Makefiles know of: nothing that they say
// is not compiled was.
func TestBuildTree(t *testing.T) {
	dir := os.Getenv("RINGSIDE_BUILD_TREE")
	if dir == "" {
		t.Skip("RINGSIDE_BUILD_TREE is not set: give a folder in which Linux 6.1 was built with make O=")
	}
	f, err := os.Open(filepath.Join(dir, ".config"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	config, err := dotconfig.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	b := linux(t, config)
	tree, err := evidence.ReadTree(os.DirFS(dir), b.Exists)
	if err != nil {
		t.Fatal(err)
	}
	if !tree.Complete {
		t.Fatal(tree.Incomplete)
	}
	e := &evidence.Evidence{Build: b, Tree: tree}
	for _, p := range e.Contradictions() {
		if b.Presence(p.Path).State == kbuild.NotCompiled || path.Ext(p.Path) != ".h" {
			t.Errorf("%s: %s, the Makefiles say %s: %v", p.Path, p.State, b.Presence(p.Path).State, p.Why)
		}
	}
	t.Logf("%d sources", len(e.Sources(false)))
}
