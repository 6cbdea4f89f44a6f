package apply_test

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"ringside/patch/apply"
	"ringside/patch/internal/patchtest"
	"ringside/patch/read"
)

// TestOpenWrt puts OpenWrt's stack for 6.1 on Debian's 6.1.192. What GNU patch says is in
// bench/patch-apply.sh: the same of each.
func TestOpenWrt(t *testing.T) {
	linux := patchtest.Tree(t, "RINGSIDE_LINUX_6_1")
	stack, err := read.Dir(patchtest.OpenWrt(t), read.Options{Release: "6.1"})
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
