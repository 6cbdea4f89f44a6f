package apply_test

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ulikunitz/xz"

	"ringside/patch/apply"
	"ringside/patch/read"
)

// TestOpenWrt puts OpenWrt's stack for 6.1 on Debian's 6.1.192. What GNU patch says is in
// bench/patch-apply.sh: the same of each.
func TestOpenWrt(t *testing.T) {
	corpus, linux := os.Getenv("RINGSIDE_CORPUS"), os.Getenv("RINGSIDE_LINUX_6_1")
	if corpus == "" || linux == "" {
		t.Skip("RINGSIDE_CORPUS and RINGSIDE_LINUX_6_1 are not set: OpenWrt's stack was not applied")
	}
	stack, err := read.Dir(unpack(t, filepath.Join(corpus, "patch", "openwrt-generic-6.1-6.6.tar.xz")), read.Options{Release: "6.1"})
	if err != nil {
		t.Fatal(err)
	}
	results, err := apply.New(os.DirFS(linux)).Stack(t.Context(), stack.Patches, apply.Options{})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[apply.Outcome]int{}
	var there, fail []string
	for i := range results {
		r := &results[i]
		counts[r.Outcome]++
		switch name := strings.SplitN(path.Base(r.Patch.Name), "-", 2)[0]; {
		case r.There:
			there = append(there, name)
		case r.Outcome == apply.Fail:
			fail = append(fail, name)
			explained := false
			for _, f := range r.Files {
				for _, h := range f.Hunks {
					explained = explained || h.Outcome == apply.Fail && h.Near != nil && len(h.Near.Differences) > 0
				}
			}
			if !explained {
				t.Errorf("%s fails, and no line of the tree is named", r.Patch.Name)
			}
		}
	}
	t.Logf("%d clean, %d fuzz, %d fail; there %v, conflicts %v", counts[apply.Clean], counts[apply.Fuzz], counts[apply.Fail], there, fail)
	if counts[apply.Clean] != 724 || counts[apply.Fuzz] != 20 || counts[apply.Fail] != 11 {
		t.Errorf("%v", counts)
	}
	if !slices.Equal(there, []string{"810", "704", "980"}) {
		t.Errorf("there: %v", there)
	}
	if !slices.Equal(fail, []string{"020", "771", "828", "450", "490", "620", "700", "901"}) {
		t.Errorf("conflicts: %v", fail)
	}
}

func unpack(t *testing.T, name string) fstest.MapFS {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, err := xz.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	for in := tar.NewReader(x); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			data, err := io.ReadAll(in)
			if err != nil {
				t.Fatal(err)
			}
			files[path.Clean(h.Name)] = &fstest.MapFile{Data: data}
		}
	}
}
