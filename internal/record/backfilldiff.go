package record

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"ringside/internal/store"
)

// The ways in which new rules change signatures.
const (
	Unchanged = "unchanged" // the same crashes under the same title
	Renamed   = "renamed"   // the same crashes under another title
	Split     = "split"     // one becomes several
	Merged    = "merged"    // several become one
	Regrouped = "regrouped" // several become several others
)

// BackfillDiff is what a backfill would change.
type BackfillDiff struct {
	Counts    []ChangeCount    `json:"counts" nullable:"false" doc:"By kind of change"`
	Examples  []BackfillChange `json:"examples" nullable:"false" doc:"Of each kind of change but unchanged at most 5, most crashes first"`
	Conflicts []string         `json:"conflicts" nullable:"false" doc:"What cannot be carried over as it is, at most 100"`
}

// ChangeCount counts one kind of change.
type ChangeCount struct {
	What       string `json:"what" enum:"unchanged,renamed,split,merged,regrouped"`
	Signatures int64  `json:"signatures" doc:"Of today that it is about"`
	Become     int64  `json:"become" doc:"How many they would be"`
	Crashes    int64  `json:"crashes"`
}

// BackfillChange is signatures of today that share crashes with signatures by
// the new rules, and with no others.
type BackfillChange struct {
	What      string         `json:"what" enum:"unchanged,renamed,split,merged,regrouped"`
	Was       []SignatureRef `json:"was" nullable:"false"`
	Becomes   []Becoming     `json:"becomes" nullable:"false"`
	Crashes   int64          `json:"crashes"`
	Conflicts []string       `json:"conflicts" nullable:"false"`
}

// Becoming is a signature by the new rules.
type Becoming struct {
	Key     string `json:"key"`
	Title   string `json:"title"`
	Crashes int64  `json:"crashes" doc:"Crashes whose primary report has it"`
	Keeps   string `json:"keeps,omitempty" doc:"The ID of today that it keeps, with its state and links; empty for a new one"`
}

// BackfillPage is a part of the list of changes.
type BackfillPage struct {
	Items []BackfillChange `json:"items" nullable:"false"`
	Next  string           `json:"next,omitempty" doc:"Cursor of the next page; empty on the last"`
}

// edge is reports that have one signature today and another by the new rules.
type edge struct {
	was, key         string
	reports, crashes int64
}

// plan is what a backfill would change, worked out.
type plan struct {
	changes []BackfillChange
	keeps   map[string]string // key to the ID that it keeps
}

// shadowEdges returns which signatures of today would be which, all of them or
// those whose column is one of some values.
func shadowEdges(ctx context.Context, q store.Querier, column string, values []string) ([]edge, error) {
	var edges []edge
	some := func(where string, args ...any) error {
		part, err := store.Collect(ctx, q, `select r.signature_id, sh.key, count(*), sum(case when r.is_primary then 1 else 0 end)
			from shadow_reports sh join crash_reports r on r.crash_id = sh.crash_id and r.idx = sh.idx `+where+` group by r.signature_id, sh.key`, args,
			func(scan func(...any) error) (e edge, err error) {
				return e, scan(&e.was, &e.key, &e.reports, &e.crashes)
			})
		edges = append(edges, part...)
		return err
	}
	if column == "" {
		return edges, some("")
	}
	for chunk := range slices.Chunk(values, 200) {
		var args store.Args
		if err := some(`where `+column+` in `+store.In(&args, chunk), args...); err != nil {
			return nil, err
		}
	}
	return edges, nil
}

// planBackfill compares the groups of today with those by the new rules.
func planBackfill(ctx context.Context, q store.Querier) (*plan, error) {
	b, err := openBackfill(ctx, q)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, fmt.Errorf("%w: no backfill waits for a decision", ErrNotFound)
	}
	edges, err := shadowEdges(ctx, q, "", nil)
	if err != nil {
		return nil, err
	}
	facts, err := planFacts(ctx, q)
	if err != nil {
		return nil, err
	}
	p := plan{}
	if p.keeps, err = heirsOf(ctx, q, b.To, edges, slices.Sorted(maps.Keys(facts.titles))); err != nil {
		return nil, err
	}
	for _, group := range components(edges) {
		p.changes = append(p.changes, p.change(group, facts))
	}
	slices.SortFunc(p.changes, func(a, b BackfillChange) int {
		return cmp.Or(cmp.Compare(b.Crashes, a.Crashes), cmp.Compare(a.Was[0].ID, b.Was[0].ID))
	})
	return &p, nil
}

// heirsOf returns the IDs that new signatures have: those that are there by the
// new rules their own, others one of today.
func heirsOf(ctx context.Context, q store.Querier, algorithm string, edges []edge, keys []string) (map[string]string, error) {
	have := map[string]string{}
	for chunk := range slices.Chunk(keys, 500) {
		args := store.Args{algorithm}
		found, err := store.Collect(ctx, q, `select key, id from signatures where algorithm = $1 and key in `+store.In(&args, chunk), args,
			func(scan func(...any) error) (p pair, err error) { return p, scan(&p.a, &p.b) })
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			have[p.a] = p.b
		}
	}
	return assign(edges, have), nil
}

// assign gives each new signature that has no ID the one of today that most of
// its reports have, and each ID to one at most, so that links to signatures go on
// leading to what they did.
func assign(edges []edge, have map[string]string) map[string]string {
	edges = slices.Clone(edges)
	slices.SortFunc(edges, func(a, b edge) int {
		return cmp.Or(cmp.Compare(b.reports, a.reports), cmp.Compare(a.was, b.was), cmp.Compare(a.key, b.key))
	})
	keeps, taken := maps.Clone(have), map[string]bool{}
	for _, id := range have {
		taken[id] = true
	}
	for _, e := range edges {
		if _, ok := keeps[e.key]; !ok && !taken[e.was] {
			keeps[e.key], taken[e.was] = e.was, true
		}
	}
	return keeps
}

// components returns the edges that hang together.
func components(edges []edge) [][]edge {
	root := map[string]string{}
	var find func(x string) string
	find = func(x string) string {
		if up, ok := root[x]; ok && up != x {
			root[x] = find(up)
			return root[x]
		}
		return x
	}
	for _, e := range edges {
		root[find("was "+e.was)] = find("key " + e.key)
	}
	byRoot := map[string][]edge{}
	for _, e := range edges {
		r := find("was " + e.was)
		byRoot[r] = append(byRoot[r], e)
	}
	out := make([][]edge, 0, len(byRoot))
	for _, r := range slices.Sorted(maps.Keys(byRoot)) {
		out = append(out, byRoot[r])
	}
	return out
}

// sigFacts is what a person said about a signature of today.
type sigFacts struct {
	SignatureRef
	assignee string
}

type planInput struct {
	signatures map[string]sigFacts
	titles     map[string]string // by the new key
	cannot     map[pair]string   // who said so
}

func planFacts(ctx context.Context, q store.Querier) (in planInput, err error) {
	in = planInput{map[string]sigFacts{}, map[string]string{}, map[pair]string{}}
	sigs, err := store.Collect(ctx, q, `select id, title, kind, class, state, assignee from signatures where replaced_by = ''`, nil,
		func(scan func(...any) error) (f sigFacts, err error) {
			return f, scan(&f.ID, &f.Title, &f.Kind, &f.Class, &f.State, &f.assignee)
		})
	if err != nil {
		return in, err
	}
	for _, s := range sigs {
		in.signatures[s.ID] = s
	}
	titles, err := store.Collect(ctx, q, `select key, title from shadow_signatures`, nil,
		func(scan func(...any) error) (p pair, err error) { return p, scan(&p.a, &p.b) })
	if err != nil {
		return in, err
	}
	for _, t := range titles {
		in.titles[t.a] = t.b
	}
	links, err := store.Collect(ctx, q, `select id, a, b, by_whom, kind from signature_links where undone_at is null and kind = 'cannot'`, nil,
		func(scan func(...any) error) (l pairLink, err error) {
			return l, scan(&l.id, &l.a, &l.b, &l.by, &l.kind)
		})
	for _, l := range links {
		in.cannot[pair{l.a, l.b}], in.cannot[pair{l.b, l.a}] = orSomebody(l.by), orSomebody(l.by)
	}
	return in, err
}

// change describes one component.
func (p *plan) change(edges []edge, in planInput) BackfillChange {
	c := BackfillChange{Conflicts: []string{}}
	byKey := map[string][]edge{}
	for _, e := range edges {
		c.Crashes += e.crashes
		byKey[e.key] = append(byKey[e.key], e)
		if !slices.ContainsFunc(c.Was, func(r SignatureRef) bool { return r.ID == e.was }) {
			c.Was = append(c.Was, in.signatures[e.was].SignatureRef)
		}
	}
	slices.SortFunc(c.Was, func(a, b SignatureRef) int { return cmp.Compare(a.ID, b.ID) })
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		b := Becoming{Key: key, Title: in.titles[key], Keeps: p.keeps[key]}
		for _, e := range byKey[key] {
			b.Crashes += e.crashes
		}
		c.Becomes = append(c.Becomes, b)
		c.Conflicts = append(c.Conflicts, conflicts(b.Title, byKey[key], in)...)
	}
	switch {
	case len(c.Was) == 1 && len(c.Becomes) == 1 && c.Was[0].Title == c.Becomes[0].Title:
		c.What = Unchanged
	case len(c.Was) == 1 && len(c.Becomes) == 1:
		c.What = Renamed
	case len(c.Was) == 1:
		c.What = Split
	case len(c.Becomes) == 1:
		c.What = Merged
	default:
		c.What = Regrouped
	}
	return c
}

// conflicts says what the signatures that would become one disagree about.
func conflicts(title string, edges []edge, in planInput) []string {
	var out []string
	for i, a := range edges {
		for _, b := range edges[:i] {
			fa, fb := in.signatures[a.was], in.signatures[b.was]
			if by, ok := in.cannot[pair{a.was, b.was}]; ok {
				out = append(out, fmt.Sprintf("%s joins %s and %s, of which %s said that they are different", title, fb.Title, fa.Title, by))
			}
			if fa.State != fb.State {
				out = append(out, fmt.Sprintf("%s joins %s, which is %s, and %s, which is %s; it will be %s",
					title, fb.Title, fb.State, fa.Title, fa.State, carriedState(fa.State, fb.State)))
			}
			if fa.assignee != "" && fb.assignee != "" && fa.assignee != fb.assignee {
				out = append(out, fmt.Sprintf("%s joins signatures of %s and %s", title, fb.assignee, fa.assignee))
			}
		}
	}
	return out
}

// carriedState is the state of what several signatures become: the one that
// asks for the most attention of those that somebody decided, so that nothing
// that is not done looks as if it were.
func carriedState(states ...State) State {
	for _, s := range []State{StateRegressed, StateOpen, StateMuted, StateResolved} {
		if slices.Contains(states, s) && (s == StateRegressed || s == StateOpen || !slices.Contains(states, StateNew)) {
			return s
		}
	}
	return StateNew
}

var changeKinds = []string{Unchanged, Renamed, Split, Merged, Regrouped}

// diff sums a plan up.
func (p *plan) diff() *BackfillDiff {
	d := BackfillDiff{Counts: make([]ChangeCount, len(changeKinds)), Examples: []BackfillChange{}, Conflicts: []string{}}
	shown := map[string]int{}
	for i, what := range changeKinds {
		d.Counts[i].What = what
	}
	for _, c := range p.changes {
		n := &d.Counts[slices.Index(changeKinds, c.What)]
		n.Signatures += int64(len(c.Was))
		n.Become += int64(len(c.Becomes))
		n.Crashes += c.Crashes
		if shown[c.What]++; c.What != Unchanged && shown[c.What] <= 5 {
			d.Examples = append(d.Examples, c)
		}
		if room := 100 - len(d.Conflicts); room > 0 {
			d.Conflicts = append(d.Conflicts, c.Conflicts[:min(room, len(c.Conflicts))]...)
		}
	}
	return &d
}

// BackfillDiff sums up what the backfill that is not decided would change, as
// far as it has read; of one that is taking over, what was accepted.
func (s *Service) BackfillDiff(ctx context.Context) (*BackfillDiff, error) {
	var d *BackfillDiff
	err := s.withPlan(ctx, func(p *plan) { d = p.diff() }, func(accepted *BackfillDiff) { d = accepted })
	return d, err
}

func (s *Service) withPlan(ctx context.Context, use func(*plan), accepted func(*BackfillDiff)) error {
	err := s.db.View(ctx, func(q store.Querier) error {
		if b, err := openBackfill(ctx, q); err != nil {
			return err
		} else if accepted != nil && b != nil && b.Result != nil {
			accepted(b.Result)
			return nil
		}
		p, err := planBackfill(ctx, q)
		if err == nil {
			use(p)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("changes of the backfill: %w", err)
	}
	return nil
}

// BackfillChanges lists the changes of one kind, or of all but unchanged.
func (s *Service) BackfillChanges(ctx context.Context, what, cursor string, limit int) (*BackfillPage, error) {
	limit, err := pageLimit(limit)
	if err != nil {
		return nil, err
	}
	if what != "" && !slices.Contains(changeKinds, what) {
		return nil, fmt.Errorf("change %q: %w: it is one of %v", what, ErrInvalid, changeKinds)
	}
	after := pair{}
	var crashes int64
	if cursor != "" {
		if crashes, after.b, err = parseCursor(cursor); err != nil {
			return nil, err
		}
	}
	p := BackfillPage{Items: []BackfillChange{}}
	err = s.withPlan(ctx, func(pl *plan) {
		for _, c := range pl.changes {
			switch {
			case what == "" && c.What == Unchanged || what != "" && c.What != what:
			case cursor != "" && (c.Crashes > crashes || c.Crashes == crashes && c.Was[0].ID <= after.b):
			case len(p.Items) == limit:
				last := p.Items[limit-1]
				p.Next = strconv.FormatInt(last.Crashes, 36) + "-" + last.Was[0].ID
				return
			default:
				p.Items = append(p.Items, c)
			}
		}
	}, nil)
	if err != nil {
		return nil, err
	}
	return &p, nil
}
