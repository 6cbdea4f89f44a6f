package plan_test

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ringside/patch"
	"ringside/patch/apply"
	"ringside/patch/internal/patchtest"
	"ringside/patch/plan"
	"ringside/patch/read"
)

// truth is what OpenWrt did with a patch of its 6.1 stack when it went to 6.6.
type truth struct {
	carried bool
	into    string // the folder: "backport"
	same    bool   // the lines that it adds and removes are the same
}

var number = regexp.MustCompile(`^\d+[a-z]?-(?:\d+-)?(?:v\d+\.\d+(?:-rc\d+)?-)?(?:\d+-)?`)

// TestOpenWrt plans the way from 6.1 to 6.6 and holds it against what OpenWrt did.
func TestOpenWrt(t *testing.T) {
	from, to := patchtest.Tree(t, "RINGSIDE_LINUX_6_1"), patchtest.Tree(t, "RINGSIDE_LINUX_6_6")
	files := patchtest.OpenWrt(t)
	stack := func(release string) []*patch.Patch {
		s, err := read.Dir(files, read.Options{Release: release})
		if err != nil {
			t.Fatal(err)
		}
		return s.Patches
	}
	old, now := stack("6.1"), stack("6.6")
	did := map[*patch.Patch]truth{}
	bySubject, byName := map[string]*patch.Patch{}, map[string]*patch.Patch{}
	for _, p := range now {
		if p.Subject != "" {
			bySubject[p.Subject] = p
		}
		byName[number.ReplaceAllString(path.Base(p.Name), "")] = p
	}
	for _, p := range old {
		q := bySubject[p.Subject]
		if q == nil {
			q = byName[number.ReplaceAllString(path.Base(p.Name), "")]
		}
		if q != nil {
			did[p] = truth{carried: true, into: strings.Split(path.Dir(q.Name), "-")[0], same: changes(p) == changes(q)}
		}
	}
	pl, err := plan.Make(t.Context(), plan.Input{Patches: old, From: os.DirFS(from), To: os.DirFS(to)})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("drop %d, keep %d, adapt %d, conflict %d, %d minutes in %d packages; %d do not go on the old base", pl.Drop, pl.Keep, pl.Adapt, pl.Conflict, pl.Minutes, len(pl.Packages), pl.Broken)
	// What it makes of the patches goes on the new base, one after another, each where it
	// says.
	tr := apply.New(os.DirFS(to))
	for i := range pl.Steps {
		s := &pl.Steps[i]
		if s.Action == plan.Drop || s.Diff == "" && s.Action == plan.Conflict {
			continue // what does not go on the old base cannot be merged
		}
		q := read.Text(s.Patch.Name, s.Diff, read.Options{Strip: 1}).Patches
		if len(q) != 1 {
			t.Errorf("%s: refreshed, it is no patch", s.Patch.Name)
			continue
		}
		if r := tr.Apply(q[0], apply.Options{}); r.Outcome != apply.Clean {
			t.Errorf("%s: refreshed, it is %s", s.Patch.Name, r.Outcome)
		}
	}
	type count struct{ n, carried, same int }
	table := map[string]*count{}
	var right, wrongDrop, missedDrop int
	for i := range pl.Steps {
		s := &pl.Steps[i]
		d := did[s.Patch]
		layer := strings.Split(path.Dir(s.Patch.Name), "-")[0]
		key := layer + " " + string(s.Action)
		if table[key] == nil {
			table[key] = &count{}
		}
		table[key].n++
		if d.carried {
			table[key].carried++
		}
		if d.same {
			table[key].same++
		}
		switch {
		case (s.Action == plan.Drop) == !d.carried:
			right++
		case s.Action == plan.Drop:
			wrongDrop++
			t.Logf("dropped, OpenWrt carries it in %s: %s: %q", d.into, s.Patch.Name, s.Reasons)
		default:
			missedDrop++
			if layer != "backport" {
				t.Logf("%s, OpenWrt dropped it: %s", s.Action, s.Patch.Name)
			} else {
				t.Logf("%s, OpenWrt dropped the backport: %s: %.2f %.2f %q", s.Action, s.Patch.Name, s.Landed.Added, s.Landed.Removed, s.Reasons[0])
			}
		}
	}
	var keys []string
	for k := range table {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		t.Logf("%-18s %4d planned, %4d carried by OpenWrt, %4d with the same lines", k, table[k].n, table[k].carried, table[k].same)
	}
	t.Logf("carry or drop: %d right of %d, %d dropped that OpenWrt carries, %d carried that OpenWrt dropped", right, len(old), wrongDrop, missedDrop)
	if right*100 < len(old)*95 || wrongDrop > 1 {
		t.Errorf("%d right, %d dropped wrongly", right, wrongDrop)
	}
}

// changes are the lines that a patch adds and removes.
func changes(p *patch.Patch) string {
	var out []string
	for i := range p.Files {
		for _, h := range p.Files[i].Hunks {
			for _, l := range h.Lines {
				if l.Op != ' ' {
					out = append(out, string(l.Op)+l.Text)
				}
			}
		}
	}
	return strings.Join(out, "\n")
}
