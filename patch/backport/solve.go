package backport

import (
	"context"
	"slices"

	"ringside/gitrepo"
)

// solve looks for a set of earlier commits with which a commit goes on: what its conflicts
// and symbols need, then what those need, until all go on or nothing new is found.
func (r *run) solve(ctx context.Context, s *state, c *gitrepo.Commit, symbols []Prerequisite, had []gitrepo.ID) (set []Prerequisite, solved bool, err error) {
	if err := r.past.build(ctx); err != nil {
		return nil, false, err
	}
	in := map[gitrepo.ID]int{}
	var large []Prerequisite // that are named, and do not come along
	// add joins the needs of one commit.
	add := func(list []Prerequisite) (more bool) {
		for _, q := range list {
			if q.Commit.ID == c.ID || slices.Contains(had, q.Commit.ID) {
				continue
			}
			if at, ok := r.past.order[q.Commit.ID]; ok && r.past.files[at] > wide {
				if !slices.ContainsFunc(large, func(x Prerequisite) bool { return x.Commit.ID == q.Commit.ID }) {
					large = append(large, q)
				}
				continue
			}
			if at, ok := in[q.Commit.ID]; ok {
				for _, n := range q.Needs {
					if !slices.Contains(set[at].Needs, n) {
						set[at].Needs = append(set[at].Needs, n)
					}
				}
				continue
			}
			in[q.Commit.ID] = len(set)
			set = append(set, q)
			more = true
		}
		return more
	}
	add(symbols)
	for len(set) <= r.Most {
		ordered := r.sorted(set)
		now := s.clone()
		bad := false
		more := false
		for _, q := range append(ordered, Prerequisite{Commit: c}) {
			if err := ctx.Err(); err != nil {
				return set, false, err
			}
			p, err := r.pick(now, q.Commit)
			if err != nil {
				return set, false, err
			}
			if p.State != Conflict {
				if q.Commit.ID != c.ID {
					missing, err := r.symbols(ctx, now, &p)
					if err != nil {
						return set, false, err
					}
					more = add(missing) || more
				}
				continue
			}
			bad = true
			list, err := r.find(ctx, &p)
			if err != nil {
				return set, false, err
			}
			more = add(list) || more
		}
		if !bad && !more {
			return r.sorted(set), true, nil
		}
		if !more {
			break
		}
	}
	return r.sorted(append(set, large...)), false, nil
}

// sorted puts a set in the order of the history.
func (r *run) sorted(set []Prerequisite) []Prerequisite {
	out := slices.Clone(set)
	slices.SortStableFunc(out, func(a, b Prerequisite) int {
		return r.past.order[b.Commit.ID] - r.past.order[a.Commit.ID]
	})
	return out
}

// smallest leaves out what is not needed, the latest first, as long as all go on. What
// brings a symbol stays.
func (r *run) smallest(s *state, c *gitrepo.Commit, set, symbols []Prerequisite) ([]Prerequisite, error) {
	fixed := map[gitrepo.ID]bool{}
	for _, q := range symbols {
		fixed[q.Commit.ID] = true
	}
	for _, q := range set {
		for _, n := range q.Needs {
			if n.Kind == NeedSymbol {
				fixed[q.Commit.ID] = true
			}
		}
	}
	for i := len(set) - 1; i >= 0; i-- {
		if fixed[set[i].Commit.ID] {
			continue
		}
		less := slices.Delete(slices.Clone(set), i, i+1)
		ok, err := r.goes(s, c, less)
		if err != nil {
			return set, err
		}
		if ok {
			set = less
		}
	}
	return set, nil
}

// goes tells whether a set and the commit go on.
func (r *run) goes(s *state, c *gitrepo.Commit, set []Prerequisite) (bool, error) {
	now := s.clone()
	for _, q := range append(slices.Clone(set), Prerequisite{Commit: c}) {
		p, err := r.pick(now, q.Commit)
		if err != nil || p.State == Conflict {
			return false, err
		}
	}
	return true, nil
}
