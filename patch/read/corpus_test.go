package read_test

import (
	"path"
	"strings"
	"testing"

	"ringside/patch"
	"ringside/patch/internal/patchtest"
	"ringside/patch/read"
)

// TestOpenWrt reads all of OpenWrt's patches for two releases: none is skipped, and the
// files and hunks are those that a count of lines finds.
func TestOpenWrt(t *testing.T) {
	files := patchtest.OpenWrt(t)
	total := 0
	for _, tt := range []struct {
		release string
		kinds   map[patch.Kind]int
		dated   int // whose name says a release
	}{
		{"6.1", map[patch.Kind]int{patch.Upstream: 15, patch.Backport: 523, patch.FromList: 158, patch.Downstream: 59}, 532},
		{"6.6", map[patch.Kind]int{patch.Backport: 374, patch.FromList: 149, patch.Downstream: 56}, 0},
	} {
		s, err := read.Dir(files, read.Options{Release: tt.release})
		if err != nil {
			t.Fatal(err)
		}
		names, hunks := 0, 0
		wanted, wantNames, wantHunks := 0, 0, 0
		for name, f := range files {
			if !strings.Contains(path.Dir(name), tt.release) {
				continue
			}
			wanted++
			for line := range strings.Lines(string(f.Data)) {
				if strings.HasPrefix(line, "+++ ") {
					wantNames++
				}
				if strings.HasPrefix(line, "@@ -") {
					wantHunks++
				}
			}
		}
		kinds := map[patch.Kind]int{}
		dated := 0
		for _, p := range s.Patches {
			kinds[p.Origin.Kind]++
			if p.Origin.Release != "" {
				dated++
			}
			names += len(p.Files)
			for _, f := range p.Files {
				hunks += len(f.Hunks) + f.Lost
			}
		}
		t.Logf("%s: %d patches, %d files, %d hunks, origins %v, %d with a release, %v", tt.release, len(s.Patches), names, hunks, kinds, dated, s.Problems)
		if len(s.Patches) != wanted || len(s.Problems) != 0 || names != wantNames || hunks != wantHunks {
			t.Errorf("%s: %d patches of %d, %d files of %d, %d hunks of %d, %v", tt.release, len(s.Patches), wanted, names, wantNames, hunks, wantHunks, s.Problems)
		}
		for k, n := range tt.kinds {
			if kinds[k] != n {
				t.Errorf("%s: %d of kind %s, not %d", tt.release, kinds[k], k, n)
			}
		}
		total += len(s.Patches)
		for _, p := range s.Patches {
			for _, x := range p.Problems {
				t.Logf("%s %s", p.Name, x)
			}
		}
	}
	if total != 1334 {
		t.Errorf("%d patches", total)
	}
}
