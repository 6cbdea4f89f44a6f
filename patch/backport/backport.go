// Package backport carries commits to an older tree without touching it: what goes on,
// what a three-way merge settles, what conflicts and why, and which other commits would
// have to come along.
//
// A prerequisite is named by what is needed of it: lines around a change that it brought
// or took away, a file that it added, a symbol that the change uses and the target lacks.
// The set that is proposed is one of which no member can be left out.
package backport

import (
	"context"
	"fmt"
	"slices"

	"ringside/gitrepo"
)

// Request says what is to be carried where.
type Request struct {
	Repo *gitrepo.Repo
	// Commits in any order: they are carried in that of the history.
	Commits []gitrepo.ID
	Target  *Tree
	// Base is the commit of the history that the target comes from, where the search for
	// prerequisites ends; zero lets it go on for Limit commits.
	Base gitrepo.ID
	// Head is where later fixes of the commits are looked for; zero looks for none.
	Head gitrepo.ID
	// Limit bounds the commits that are gone through, Most the prerequisites that are
	// proposed; 0 stands for 100,000 and 20.
	Limit, Most int
	// Alone proposes no prerequisites.
	Alone bool
}

// A Plan is what becomes of it.
type Plan struct {
	// Steps are the commits with those that have to come along, in the order in which
	// they go on.
	Steps []Step
	// Searched is how many commits were gone through for prerequisites.
	Searched int
	// Missing is how many commits the repository lacks there.
	Missing int
}

// A Step is one commit on its way.
type Step struct {
	Pick
	// Asked says that it was asked for; otherwise it is a prerequisite.
	Asked bool
	// For are the commits that need it, and Needs what they need of it.
	For   []*gitrepo.Commit
	Needs []Need
	// Wanted are the needs of a step that conflicts, with the commits that would fill
	// them, where no set of them makes it go on.
	Wanted []Prerequisite
	// Later are fixes and reverts of it in the history after it.
	Later []Later

	state *state // after it
}

// A Need is what a commit needs of the target that it does not have.
type Need struct {
	Kind NeedKind
	File string
	Line int // of the target's file; 0 where that says nothing
	Text string
}

// A NeedKind tells needs apart.
type NeedKind string

// The kinds of needs.
const (
	NeedLine    NeedKind = "line"    // the target lacks a line around the change
	NeedRemoval NeedKind = "removal" // the target has a line that the history took away
	NeedFile    NeedKind = "file"
	NeedSymbol  NeedKind = "symbol"
)

// A Prerequisite is a commit that fills needs.
type Prerequisite struct {
	Commit *gitrepo.Commit
	Needs  []Need
}

// A Later is a commit that says that it fixes, or takes back, one of the steps.
type Later struct {
	Commit *gitrepo.Commit
	Revert bool
}

// run is one request being worked on.
type run struct {
	Request
	rd    *gitrepo.Reader
	known map[gitrepo.ID][]change
	kept  int // bytes in known
	past  *past
}

// Make plans the backport.
func Make(ctx context.Context, q Request) (*Plan, error) {
	if q.Limit == 0 {
		q.Limit = 100000
	}
	if q.Most == 0 {
		q.Most = 20
	}
	r := &run{Request: q, rd: q.Repo.NewReader(), known: map[gitrepo.ID][]change{}}
	r.past = &past{run: r}
	commits, err := r.ordered(ctx)
	if err != nil {
		return nil, err
	}
	plan := &Plan{}
	s := &state{t: q.Target, files: map[string]*file{}}
	var had []gitrepo.ID
	for _, c := range commits {
		steps, after, err := r.carry(ctx, s, c, had)
		if err != nil {
			return plan, err
		}
		for _, x := range steps {
			had = append(had, x.Commit.ID)
		}
		plan.Steps = append(plan.Steps, steps...)
		s = after
	}
	if err := r.later(ctx, plan); err != nil {
		return plan, err
	}
	plan.Searched, plan.Missing = r.past.n, r.past.missing
	return plan, nil
}

// ordered gives the commits in the order of the history.
func (r *run) ordered(ctx context.Context) ([]*gitrepo.Commit, error) {
	var out []*gitrepo.Commit
	place := map[gitrepo.ID]int{}
	for _, id := range r.Commits {
		c, err := r.rd.Commit(id)
		if err != nil {
			return nil, err
		}
		if len(c.Parents) > 1 {
			return nil, fmt.Errorf("%.12s is a merge: name the commits that it brings", c.ID)
		}
		if _, ok := place[c.ID]; ok {
			continue
		}
		place[c.ID] = 0
		out = append(out, c)
	}
	if len(out) < 2 {
		return out, nil
	}
	var from, not []gitrepo.ID
	for _, c := range out {
		from = append(from, c.ID)
	}
	if !r.Base.IsZero() {
		not = append(not, r.Base)
	}
	n := 0
	if _, err := r.rd.Log(ctx, from, not, func(c, _ *gitrepo.Commit) bool {
		n++
		if _, ok := place[c.ID]; ok {
			place[c.ID] = -n
		}
		return n < r.Limit
	}); err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(a, b *gitrepo.Commit) int { return place[a.ID] - place[b.ID] })
	return out, nil
}

// carry puts a commit on, with what it needs.
func (r *run) carry(ctx context.Context, s *state, c *gitrepo.Commit, had []gitrepo.ID) ([]Step, *state, error) {
	alone := s.clone()
	p, err := r.pick(alone, c)
	if err != nil {
		return nil, s, err
	}
	single := Step{Pick: p, Asked: true, state: alone}
	if r.Alone || p.State == There {
		return []Step{single}, alone, nil
	}
	missing, err := r.symbols(ctx, s, &p)
	if err != nil {
		return nil, s, err
	}
	if p.State != Conflict && len(missing) == 0 {
		return []Step{single}, alone, nil
	}
	set, solved, err := r.solve(ctx, s, c, missing, had)
	if err != nil {
		return nil, s, err
	}
	if !solved {
		single.Wanted = set
		return []Step{single}, s, nil
	}
	if set, err = r.smallest(s, c, set, missing); err != nil {
		return nil, s, err
	}
	return r.steps(s, c, set)
}

// steps puts a set on, and the commit behind it.
func (r *run) steps(s *state, c *gitrepo.Commit, set []Prerequisite) ([]Step, *state, error) {
	now := s.clone()
	var out []Step
	for _, q := range set {
		p, err := r.pick(now, q.Commit)
		if err != nil {
			return nil, s, err
		}
		if p.State != There {
			out = append(out, Step{Pick: p, For: []*gitrepo.Commit{c}, Needs: q.Needs, state: now.clone()})
		}
	}
	p, err := r.pick(now, c)
	if err != nil {
		return nil, s, err
	}
	return append(out, Step{Pick: p, Asked: true, state: now}), now, nil
}
