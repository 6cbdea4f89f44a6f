package equiv_test

import (
	"bytes"
	"regexp"
	"slices"
	"testing"

	"ringside/patch/equiv"
	"ringside/patch/internal/patchtest"
	"ringside/patch/read"
)

// A file's name without its number and release is the same in both releases, or the
// subject is.
var numbering = regexp.MustCompile(`^(backport|pending|hack)-6\.\d/\d+-(\d+-)?(v\d+\.\d+-(\d+-)?)?`)

func TestPairs(t *testing.T) {
	tree := patchtest.OpenWrt(t)
	docs := func(release string) []equiv.Doc {
		st, err := read.Dir(tree, read.Options{Release: release})
		if err != nil {
			t.Fatal(err)
		}
		var out []equiv.Doc
		for _, p := range st.Patches {
			out = append(out, equiv.FromPatch(p))
		}
		return out
	}
	before, now := docs("6.1"), docs("6.6")
	if len(before) != 755 {
		t.Errorf("%d patches of 6.1, not 755", len(before))
	}
	var b equiv.Builder
	names, subjects := map[string][]string{}, map[string][]string{}
	for i := range now {
		if err := b.Add(&now[i]); err != nil {
			t.Fatal(err)
		}
		key := numbering.ReplaceAllString(now[i].Name, "")
		names[key] = append(names[key], now[i].Name)
		if s := equiv.NormalSubject(now[i].Subject); s != "" {
			subjects[s] = append(subjects[s], now[i].Name)
		}
	}
	var out bytes.Buffer
	if err := b.Write(&out); err != nil {
		t.Fatal(err)
	}
	x, err := equiv.OpenIndex(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name         string
		subject      bool
		share        float64
		wrong, extra int // at most
	}{{"with subjects", true, 1, 0, 1}, {"lines alone", false, 0.97, 0, 1}} {
		t.Run(tt.name, func(t *testing.T) {
			var pairs, right, wrong, extra int
			for _, d := range before {
				truth := slices.Concat(names[numbering.ReplaceAllString(d.Name, "")], subjects[equiv.NormalSubject(d.Subject)])
				if !tt.subject {
					d.Subject, d.Upstream = "", nil
				}
				got, err := x.Similar(equiv.Query{Doc: &d})
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case len(truth) > 0 && len(got) == 0:
					pairs++
					t.Logf("missed: %s", d.Name)
				case len(truth) > 0:
					pairs++
					if slices.Contains(truth, got[0].Doc.Name) {
						right++
					} else {
						wrong++
						t.Logf("%s is taken for %s (%s), not %s", d.Name, got[0].Doc.Name, got[0].Describe(), truth[0])
					}
				case len(got) > 0 && got[0].Kind != equiv.Part:
					extra++
					t.Logf("found under another name: %s, %s (%s)", d.Name, got[0].Doc.Name, got[0].Describe())
				}
			}
			t.Logf("%d of %d pairs found (%.1f %%), %d wrong, %d under other names", right, pairs, 100*float64(right)/float64(pairs), wrong, extra)
			if float64(right) < tt.share*float64(pairs) || wrong > tt.wrong || extra > tt.extra {
				t.Errorf("%d of %d, %d wrong, %d under other names", right, pairs, wrong, extra)
			}
		})
	}
}
