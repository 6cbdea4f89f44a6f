package landed_test

import (
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"ringside/patch/internal/patchtest"
	"ringside/patch/landed"
	"ringside/patch/read"
)

var label = regexp.MustCompile(`(?:^|-)v?6\.(\d+)-`)

// OpenWrt names its backports by the release that has them. Held against a tree of a
// release, those of it and before are there, later ones are not, unless stable took them.
func TestOpenWrt(t *testing.T) {
	for _, tt := range []struct {
		release, env string
		minor        int
		found        float64 // at least, of those that are labelled as being in the tree
		later        int     // at most, of those that are labelled as later
	}{
		{"6.1", "RINGSIDE_LINUX_6_6", 6, 0.95, 0},
		// Debian's 6.12.117 has eight later ones by way of stable, the change of each whole.
		{"6.6", "RINGSIDE_LINUX_6_12", 12, 0.94, 8},
		{"6.1", "RINGSIDE_LINUX_6_12", 12, 0.93, 0},
		{"6.1", "RINGSIDE_LINUX_6_1", 1, 0, 1},
	} {
		t.Run(tt.release+" on "+tt.env, func(t *testing.T) {
			tree := patchtest.Tree(t, tt.env)
			st, err := read.Dir(patchtest.OpenWrt(t), read.Options{Release: tt.release})
			if err != nil {
				t.Fatal(err)
			}
			got, err := landed.New(os.DirFS(tree)).Stack(st.Patches)
			if err != nil {
				t.Fatal(err)
			}
			var in, present, after, wrong, pending int
			for i, p := range st.Patches {
				m := label.FindStringSubmatch(path.Base(p.Name))
				switch {
				case m == nil && got[i].State == landed.Present && !strings.HasPrefix(p.Name, "backport"):
					pending++
					t.Logf("upstream has the %s patch: %s", p.Origin.Kind, p.Name)
				case m == nil:
				default:
					minor, err := strconv.Atoi(m[1])
					if err != nil {
						t.Fatal(err)
					}
					if minor <= tt.minor {
						in++
						if got[i].State == landed.Present {
							present++
						} else {
							t.Logf("%s: %s %q", got[i].State, p.Name, got[i].Evidence)
						}
						continue
					}
					after++
					if got[i].State == landed.Present {
						wrong++
						t.Logf("labelled as later: %s %q", p.Name, got[i].Evidence)
					}
				}
			}
			t.Logf("%d of %d that are in by their label found (%.1f %%); %d of %d later ones; %d others", present, in, 100*float64(present)/float64(max(in, 1)), wrong, after, pending)
			if float64(present) < tt.found*float64(in) {
				t.Errorf("%d of %d found, %.0f %% are to be", present, in, 100*tt.found)
			}
			if wrong > tt.later {
				t.Errorf("%d that are later by their label, at most %d are to be", wrong, tt.later)
			}
			if in+after < 300 {
				t.Errorf("only %d patches have a label", in+after)
			}
		})
	}
}
