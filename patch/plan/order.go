package plan

import (
	"cmp"
	"slices"
)

// near is how many lines apart changes are that depend on one another's surroundings.
const near = 10

// order finds what has to go before what, and the work that can be done side by side.
func (p *Plan) order() {
	type place struct{ step, from, to int }
	byFile := map[string][]place{}
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Action == Drop {
			continue
		}
		for k := range s.Patch.Files {
			f := &s.Patch.Files[k]
			for _, name := range names(f.Old, f.New) {
				for h := range f.Hunks {
					x := &f.Hunks[h]
					from, to := x.OldStart-near, x.OldStart+max(x.OldLines, x.NewLines)+near
					for _, q := range byFile[name] {
						if q.step != i && q.from <= to && from <= q.to && !slices.Contains(s.After, q.step) {
							s.After = append(s.After, q.step)
						}
					}
					byFile[name] = append(byFile[name], place{i, from, to})
				}
			}
		}
		slices.Sort(s.After)
	}
	p.packages()
}

func names(a, b string) []string {
	if a == "" || a == b {
		return []string{b}
	}
	if b == "" {
		return []string{a}
	}
	return []string{a, b}
}

// packages joins the steps that need work and have files in common.
func (p *Plan) packages() {
	owner := map[string]int{} // file → package
	var all []*Package
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Action != Adapt && s.Action != Conflict {
			continue
		}
		files := s.Patch.Paths()
		into := -1
		for _, f := range files {
			at, ok := owner[f]
			if !ok || at == into {
				continue
			}
			if into < 0 {
				into = at
				continue
			}
			// The patch joins two packages.
			all[into].Steps = append(all[into].Steps, all[at].Steps...)
			all[into].Files = append(all[into].Files, all[at].Files...)
			all[into].Minutes += all[at].Minutes
			for _, g := range all[at].Files {
				owner[g] = into
			}
			all[at] = &Package{}
		}
		if into < 0 {
			into = len(all)
			all = append(all, &Package{})
		}
		k := all[into]
		k.Steps = append(k.Steps, i)
		k.Minutes += s.Minutes
		for _, f := range files {
			if !slices.Contains(k.Files, f) {
				k.Files = append(k.Files, f)
			}
			owner[f] = into
		}
	}
	for _, k := range all {
		if len(k.Steps) > 0 {
			slices.Sort(k.Steps)
			slices.Sort(k.Files)
			p.Packages = append(p.Packages, *k)
		}
	}
	slices.SortStableFunc(p.Packages, func(a, b Package) int { return cmp.Compare(b.Minutes, a.Minutes) })
}
