package kbuild_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"ringside/kbuild"
	"ringside/kconfig/dotconfig"
)

// debian evaluates Debian's 6.1 kernel of a flavour. The configurations come from the
// package linux-config-6.1.
func debian(t *testing.T, flavour string) *kbuild.Build {
	t.Helper()
	tree := os.Getenv("RINGSIDE_LINUX_6_1")
	if tree == "" {
		t.Skip("RINGSIDE_LINUX_6_1 is not set: give an unpacked linux-source-6.1")
	}
	name := filepath.Join("/usr/src/linux-config-6.1", "config.amd64_none_"+flavour+".xz")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Skipf("the package linux-config-6.1 is not installed: %v", err)
	}
	r, err := xz.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c, err := dotconfig.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := kbuild.Load(os.DirFS(tree), c, kbuild.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// truth reads the names of compilation units out of a kernel's debug information.
func truth(t *testing.T) []string {
	t.Helper()
	corpus := os.Getenv("RINGSIDE_CORPUS")
	if corpus == "" {
		t.Skip("RINGSIDE_CORPUS is not set")
	}
	f, err := os.Open(filepath.Join(corpus, "kbuild", "compiled-units-6.1.192-cloud-amd64.txt.gz"))
	if err != nil {
		t.Skipf("the corpus has no kbuild part: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var units []string
	sc := bufio.NewScanner(io.LimitReader(z, 64<<20))
	for sc.Scan() {
		_, name, _ := strings.Cut(sc.Text(), "\t")
		name = strings.TrimPrefix(name, "/build/reproducible-path/linux-6.1.192/")
		units = append(units, path.Clean(name))
	}
	if sc.Err() != nil {
		t.Fatal(sc.Err())
	}
	return units
}

// Every unit that the cloud kernel's DWARF names is found, and what is found besides is
// assembly that only places data, for which the assembler makes no unit.
func TestDebianCloud(t *testing.T) {
	b := debian(t, "cloud-amd64")
	for _, p := range b.Problems {
		t.Errorf("problem: %s", p)
	}
	found := map[string]bool{}
	for _, s := range b.Sources(false) {
		found[s] = true
	}
	tree := os.Getenv("RINGSIDE_LINUX_6_1")
	known := map[string]bool{}
	for _, u := range truth(t) {
		if _, err := os.Stat(filepath.Join(tree, u)); err != nil || strings.HasPrefix(u, "/") {
			continue // made by the build
		}
		known[u] = true
		// A unit of assembly may bear the name of the first file that it includes.
		if !found[u] && !strings.HasSuffix(u, ".h") {
			t.Errorf("%s is compiled and was not found", u)
		}
	}
	if len(known) < 4700 {
		t.Fatalf("the truth has only %d units that the tree has", len(known))
	}
	extra := 0
	for s := range found {
		if !known[s] {
			extra++
			if !strings.HasSuffix(s, ".S") {
				t.Errorf("%s was found and is not compiled", s)
			}
		}
	}
	if extra > 8 {
		t.Errorf("%d files are found besides, 8 are known", extra)
	}
	t.Logf("%d units of the truth, %d found, %d besides", len(known), len(found), extra)
}

// Files that are no unit of their own but that others include are in the kernel.
func TestIncludedSources(t *testing.T) {
	b := debian(t, "amd64")
	for _, f := range []string{
		"kernel/sched/rt.c", "kernel/sched/deadline.c", "kernel/sched/psi.c", "kernel/sched/topology.c",
		"kernel/locking/rtmutex.c", "tools/lib/bpf/relo_core.c", "include/net/sock.h", "fs/nfsd/vfs.h",
	} {
		if p := b.Presence(f); p.State != kbuild.Compiled {
			t.Errorf("%s is %s: %v", f, p.State, p.Why)
		}
	}
	for f, symbol := range map[string]string{"drivers/net/can/kvaser_pciefd.c": "", "mm/nommu.c": "MMU", "fs/gfs2/ops_fstype.c": ""} {
		p := b.Presence(f)
		if symbol != "" && (p.State != kbuild.NotCompiled || !strings.Contains(strings.Join(kbuild.Symbols(p.Why), " "), symbol)) {
			t.Errorf("%s is %s: %+v", f, p.State, p.Why)
		}
	}
}
