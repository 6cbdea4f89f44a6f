package kconfig

import (
	"container/heap"
	"context"
	"fmt"
	"slices"
	"strings"
)

// A Solution is a set of changes by a user that brings about what is wanted, verified by
// evaluating it.
type Solution struct {
	// Settings are the changes, those that were asked for first.
	Settings []Setting `json:"settings"`
	// Changes are all symbols that become others, those of Settings and what follows.
	Changes []Change `json:"changes"`
}

// An Answering is what came of the search for changes.
type Answering struct {
	Wanted []Setting `json:"wanted"`
	// Solutions, the smallest first; among those of one size, that which changes less.
	Solutions []Solution `json:"solutions"`
	// Obstacles say why there is no solution, or where the search met an end.
	Obstacles []Obstacle `json:"obstacles"`
	// Impossible says that there is no solution: all ways were tried. Where there is no
	// solution and this is false, the search was given up.
	Impossible bool `json:"impossible"`
	Tried      int  `json:"tried"` // evaluations
}

// An Obstacle is where one way ends: a setting that cannot hold together with those
// before it.
type Obstacle struct {
	Setting Setting   `json:"setting"`
	With    []Setting `json:"with"` // what was set on the way
	Reasons []Reason  `json:"reasons"`
}

// What a search may cost.
const (
	maxTries     = 600
	maxSolutions = 3
	maxObstacles = 8
)

// Solve finds the smallest sets of changes that make settings hold, under the
// dependencies of the tree. It looks at the settings that do not hold, finds in the
// expressions that keep them from it what would help, and tries that, cheapest first.
func (c *Config) Solve(ctx context.Context, wanted ...Setting) (*Answering, error) {
	return c.SolveWithin(ctx, maxTries, wanted...)
}

// SolveWithin is Solve that gives up after a number of evaluations.
func (c *Config) SolveWithin(ctx context.Context, tries int, wanted ...Setting) (*Answering, error) {
	if err := c.Clone().wantAll(wanted); err != nil {
		return nil, err
	}
	a := &Answering{Wanted: wanted, Solutions: []Solution{}, Obstacles: []Obstacle{}}
	s := &solver{start: c, a: a, seen: map[string]bool{}}
	s.push(slices.Clone(wanted))
	for s.queue.Len() > 0 && len(a.Solutions) < maxSolutions && a.Tried < tries {
		if err := ctx.Err(); err != nil {
			return a, err
		}
		way := heap.Pop(&s.queue).([]Setting)
		if len(a.Solutions) > 0 && len(way) > len(a.Solutions[0].Settings)+2 {
			break
		}
		s.try(way)
	}
	a.Impossible = len(a.Solutions) == 0 && s.queue.Len() == 0
	slices.SortStableFunc(a.Solutions, func(x, y Solution) int {
		if d := len(x.Settings) - len(y.Settings); d != 0 {
			return d
		}
		return len(x.Changes) - len(y.Changes)
	})
	return a, nil
}

func (c *Config) wantAll(settings []Setting) error {
	for _, s := range settings {
		if err := c.want(s); err != nil {
			return err
		}
	}
	return nil
}

// ways is a heap of sets of settings, the smallest first.
type ways [][]Setting

func (w ways) Len() int           { return len(w) }
func (w ways) Less(i, j int) bool { return len(w[i]) < len(w[j]) }
func (w ways) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *ways) Push(x any)        { *w = append(*w, x.([]Setting)) }
func (w *ways) Pop() any {
	old := *w
	x := old[len(old)-1]
	*w = old[:len(old)-1]
	return x
}

type solver struct {
	start *Config
	a     *Answering
	queue ways
	seen  map[string]bool
}

// push adds a way that was not tried before.
func (s *solver) push(way []Setting) {
	names := make([]string, len(way))
	for i, x := range way {
		names[i] = x.String()
	}
	slices.Sort(names)
	key := strings.Join(names, "\n")
	if !s.seen[key] {
		s.seen[key] = true
		heap.Push(&s.queue, way)
	}
}

// try evaluates a way: it is a solution, or what would help it is tried later.
func (s *solver) try(way []Setting) {
	c := s.apply(way)
	var failing *Setting
	for i := range way {
		// The last one found is the deepest: what it needs comes first.
		if x := &way[len(way)-1-i]; !c.Holds(*x) {
			failing = x
			break
		}
	}
	if failing == nil {
		s.solved(way)
		return
	}
	h := helper{c: c, way: way}
	h.make(c.t.names[failing.Symbol], *failing)
	for _, help := range h.found {
		s.push(append(slices.Clone(way), help))
	}
	if len(h.found) == 0 && len(s.a.Obstacles) < maxObstacles {
		o := Obstacle{Setting: *failing, Reasons: []Reason{}, With: []Setting{}}
		for _, x := range way {
			if x != *failing {
				o.With = append(o.With, x)
			}
		}
		e := &explainer{c: c, seen: map[symID]bool{}}
		id := c.t.names[failing.Symbol]
		o.Reasons = append(append(o.Reasons, h.refused...), e.limits(id)...)
		if len(o.Reasons) == 0 {
			_, r := e.source(id)
			o.Reasons = append(o.Reasons, r)
		}
		s.a.Obstacles = append(s.a.Obstacles, o)
	}
}

// apply evaluates a way.
func (s *solver) apply(way []Setting) *Config {
	s.a.Tried++
	c := s.start.Clone()
	// What cannot be wanted was refused when it was found.
	_ = c.wantAll(way)
	c.invalidate()
	c.all()
	return c
}

// holds says that all that is wanted holds in a way.
func (s *solver) holds(way []Setting) bool {
	c := s.apply(way)
	for _, x := range s.a.Wanted {
		if !c.Holds(x) {
			return false
		}
	}
	return true
}

// solved keeps a way, without what it does not need.
func (s *solver) solved(way []Setting) {
	for i := len(way) - 1; i >= 0 && len(way) > 1; i-- {
		if less := slices.Delete(slices.Clone(way), i, i+1); s.holds(less) {
			way = less
		}
	}
	for _, known := range s.a.Solutions {
		if slices.Equal(known.Settings, way) {
			return
		}
	}
	c := s.apply(way)
	sol := Solution{Settings: way, Changes: c.Changes(s.start)}
	for i := range sol.Changes {
		sol.Changes[i].Set = slices.ContainsFunc(way, func(x Setting) bool { return x.Symbol == sol.Changes[i].Symbol })
	}
	s.a.Solutions = append(s.a.Solutions, sol)
}

// helper looks for settings that would help one that does not hold.
type helper struct {
	c       *Config
	way     []Setting
	found   []Setting
	refused []Reason
	depth   int
}

// add proposes a setting, unless the way has the symbol already.
func (h *helper) add(id symID, value string) {
	s := &h.c.t.symbols[id]
	if s.Name == "" || s.Type == Unknown {
		return
	}
	x := Setting{s.Name, value}
	for _, w := range h.way {
		if w.Symbol == s.Name {
			if w.Value != value {
				h.refused = append(h.refused, Reason{Text: fmt.Sprintf("%s would have to be %s, but %s is wanted", s.Name, value, w), Symbol: s.Name, Value: h.c.text(id)})
			}
			return
		}
	}
	if !slices.Contains(h.found, x) {
		h.found = append(h.found, x)
	}
}

// make looks for what would make a setting hold.
func (h *helper) make(id symID, x Setting) {
	s := &h.c.t.symbols[id]
	if s.Type != Bool && s.Type != Tristate {
		// A number or text can be set where it can be seen, within its range.
		h.see(id, yes)
		return
	}
	want := map[string]tristate{"m": mod, "y": yes}[x.Value]
	if h.c.state[id].tri < want {
		h.raise(id, want)
	} else {
		h.lower(id, want)
	}
}

const maxHelpDepth = 12

// see looks for what would make a prompt of a symbol visible.
func (h *helper) see(id symID, want tristate) {
	t := h.c.t
	for p := t.symbols[id].firstProp; p != 0; p = t.props[p].next {
		if t.props[p].kind.isPrompt() {
			h.hold(t.props[p].cond, want)
		}
	}
}

// raise looks for what would make a symbol at least a value that it does not have though
// the way wants it.
func (h *helper) raise(id symID, want tristate) {
	if h.depth++; h.depth > maxHelpDepth {
		return
	}
	defer func() { h.depth-- }()
	t := h.c.t
	s := &t.symbols[id]
	if s.Type == Bool {
		// A bool that is seen where something is m is y.
		h.see(id, mod)
	} else {
		h.see(id, want)
	}
	for _, p := range s.selectedBy {
		from := t.entries[t.props[p].menu].sym
		if t.symbols[from].Type == Unknown {
			continue
		}
		if h.c.state[from].tri < want {
			h.reach(from, want)
		}
		h.hold(t.props[p].cond, want)
	}
	for p := s.firstProp; p != 0; p = t.props[p].next {
		if q := &t.props[p]; q.kind == propDefault && !h.c.hasPrompt(id) {
			h.hold(q.cond, want)
			h.hold(q.expr, want)
		}
	}
}

// hasPrompt says that a symbol has a prompt, if an invisible one.
func (c *Config) hasPrompt(id symID) bool {
	for p := c.t.symbols[id].firstProp; p != 0; p = c.t.props[p].next {
		if c.t.props[p].kind.isPrompt() {
			return true
		}
	}
	return false
}

// reach proposes to set a symbol, or where users cannot, what it follows from.
func (h *helper) reach(id symID, want tristate) {
	s := &h.c.t.symbols[id]
	if s.Type == Unknown && id >= symFirst || s.constant {
		return
	}
	if h.c.hasPrompt(id) && !s.choice {
		value := want.String()
		if s.Type == Bool || h.c.effective(id) == Bool {
			value = "y"
		}
		h.add(id, value)
		return
	}
	if s.choice {
		h.see(id, want)
		return
	}
	h.raise(id, want)
}

// hold looks for what would bring an expression up to a value.
func (h *helper) hold(e exprID, want tristate) {
	c, t := h.c, h.c.t
	if e == 0 || c.eval(e) >= want {
		return
	}
	n := t.exprs.at(e)
	switch n.op {
	case opAnd:
		// One that fails is enough: the others fail again.
		if c.eval(exprID(n.l)) < want {
			h.hold(exprID(n.l), want)
		} else {
			h.hold(exprID(n.r), want)
		}
	case opOr:
		h.hold(exprID(n.l), want)
		h.hold(exprID(n.r), want)
	case opNot:
		h.notAbove(exprID(n.l), yes-want)
	case opSymbol:
		h.reach(symID(n.l), want)
	default:
		h.relate(n)
	}
}

// relate looks for what would make a comparison hold.
func (h *helper) relate(n expr) {
	l, r := symID(n.l), symID(n.r)
	logical := func(id symID) bool {
		k := h.c.t.symbols[id].Type
		return id >= symFirst && (k == Bool || k == Tristate)
	}
	switch {
	case n.op == opEqual && logical(l) && r < symFirst:
		want := tristate(r - symNo)
		if h.c.state[l].tri < want {
			h.reach(l, want)
		} else {
			h.lower(l, want)
		}
	case n.op == opUnequal && logical(l) && r == symNo:
		h.reach(l, mod)
	case n.op == opUnequal && logical(l) && r < symFirst:
		h.lower(l, no)
	case n.op == opEqual && h.c.hasPrompt(l):
		h.add(l, h.c.text(r))
	}
}

// notAbove looks for what would bring an expression down to a value.
func (h *helper) notAbove(e exprID, most tristate) {
	c, t := h.c, h.c.t
	if e == 0 || c.eval(e) <= most {
		return
	}
	n := t.exprs.at(e)
	switch n.op {
	case opAnd:
		h.notAbove(exprID(n.l), most)
		h.notAbove(exprID(n.r), most)
	case opOr:
		if c.eval(exprID(n.l)) > most {
			h.notAbove(exprID(n.l), most)
		} else {
			h.notAbove(exprID(n.r), most)
		}
	case opNot:
		h.hold(exprID(n.l), yes-most)
	case opSymbol:
		h.lower(symID(n.l), most)
	case opEqual:
		h.relate(expr{opUnequal, n.l, n.r})
	case opUnequal:
		h.relate(expr{opEqual, n.l, n.r})
	}
}

// lower looks for what would bring a symbol down to a value.
func (h *helper) lower(id symID, most tristate) {
	if h.depth++; h.depth > maxHelpDepth {
		return
	}
	defer func() { h.depth-- }()
	c, t := h.c, h.c.t
	s := &t.symbols[id]
	if id < symFirst || s.Type == Unknown {
		return
	}
	c.calc(id)
	st := &c.state[id]
	switch {
	case s.choiceOf != 0 && st.visible != no:
		for _, m := range s.choiceMembers(t) {
			if m != id && c.state[m].visible != no {
				h.add(m, "y")
			}
		}
	case st.rev > most:
		// All that select it have to go; the first is a beginning.
		for _, p := range s.selectedBy {
			q := &t.props[p]
			from := t.entries[q.menu].sym
			if min(c.state[from].tri, c.eval(q.cond)) <= most {
				continue
			}
			h.lower(from, most)
			h.notAbove(q.own, most)
			return
		}
		h.see(id, no)
	case st.visible != no:
		if c.effective(id) == Bool {
			most = no
		}
		h.add(id, most.String())
	default:
		if p, _ := c.firstOf(id, propDefault); p != 0 {
			h.notAbove(t.props[p].expr, most)
			h.notAbove(t.props[p].cond, most)
		}
	}
}
