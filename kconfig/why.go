package kconfig

import (
	"fmt"
	"strings"
)

// A Why is why a symbol has the value that it has, and what a user could do about it.
type Why struct {
	Symbol      string   `json:"symbol"`
	Type        Type     `json:"type"`
	Value       string   `json:"value"`
	Written     bool     `json:"written"` // the .config has a line for it
	Prompt      string   `json:"prompt,omitempty"`
	Menu        []string `json:"menu,omitempty"`
	Definitions []Place  `json:"definitions"`
	Help        string   `json:"help,omitempty"`
	// Source is what gave the value.
	Source Source `json:"source"`
	Reason Reason `json:"reason"`
	// Settable are the values that a user can choose now. Where there are none, or the
	// user cannot choose all, Limits say why.
	Settable []string `json:"settable"`
	Limits   []Reason `json:"limits"`
}

// A Source is what gave a symbol its value.
type Source string

// The sources.
const (
	ByUser    Source = "user"
	ByDefault Source = "default"
	BySelect  Source = "select"
	ByImply   Source = "imply"
	ByChoice  Source = "choice"
	ByRange   Source = "range"
	ByNothing Source = "nothing" // no default applies: n, or empty
)

// A ReasonKind classes reasons that users cannot do anything about.
type ReasonKind string

// The kinds. Reasons without one are steps on the way.
const (
	BecauseToolchain ReasonKind = "toolchain" // an answer of the compiler, assembler or linker
	BecauseUndefined ReasonKind = "undefined" // no file that was read defines the symbol
	BecauseSelected  ReasonKind = "selected"  // others select it
	BecauseRange     ReasonKind = "range"
	BecauseNoPrompt  ReasonKind = "no_prompt"
)

// A Reason is a statement about a configuration with those that it rests on.
type Reason struct {
	Kind    ReasonKind `json:"kind,omitempty"`
	Text    string     `json:"text"`
	Symbol  string     `json:"symbol,omitempty"`
	Value   string     `json:"value,omitempty"`
	Place   *Place     `json:"place,omitempty"`
	Because []Reason   `json:"because,omitempty"`
}

// What a chain of reasons may grow to.
const (
	maxReasonDepth = 8
	maxReasons     = 12 // beside each other
)

// Why explains a symbol.
func (c *Config) Why(name string) (*Why, error) {
	id, ok := c.t.names[name]
	if !ok || c.t.symbols[id].Type == Unknown {
		return nil, c.t.undefined(name)
	}
	c.calc(id)
	s := Symbol{c.t, id}
	w := &Why{
		Symbol: name, Type: s.Type(), Value: c.text(id), Written: c.state[id].write, Prompt: s.Prompt(), Menu: s.Menu(),
		Definitions: s.Definitions(), Help: s.Help(), Settable: c.settable(id), Limits: []Reason{},
	}
	if w.Settable == nil {
		w.Settable = []string{}
	}
	e := &explainer{c: c, seen: map[symID]bool{id: true}}
	w.Source, w.Reason = e.source(id)
	w.Limits = e.limits(id)
	return w, nil
}

// undefined says that a name is none of the tree's, and what is like it.
func (t *Tree) undefined(name string) error {
	if id, ok := t.names[name]; ok {
		for e := range t.exprs.list {
			if n := t.exprs.list[e]; n.op == opSymbol && symID(n.l) == id {
				return fmt.Errorf("%s: no file of this tree defines it, though some mention it; it is always n", name)
			}
		}
	}
	var like []string
	for s := range t.Symbols() {
		if strings.Contains(s.Name(), name) && len(like) < 5 {
			like = append(like, s.Name())
		}
	}
	if len(like) > 0 {
		return fmt.Errorf("%s: no file of this tree defines it; there are %s", name, strings.Join(like, ", "))
	}
	return fmt.Errorf("%s: no file of this tree defines it", name)
}

// explainer follows reasons; seen keeps it from going in circles.
type explainer struct {
	c     *Config
	seen  map[symID]bool
	depth int
}

// source says what gave a symbol its value.
func (e *explainer) source(id symID) (Source, Reason) {
	c, t := e.c, e.c.t
	s, st := &t.symbols[id], &c.state[id]
	r := func(text string, place *Place) Reason {
		return Reason{Text: text, Symbol: s.Name, Value: c.text(id), Place: place}
	}
	logical := s.Type == Bool || s.Type == Tristate
	u := c.user[id]
	switch {
	case s.choiceOf != 0 && (!t.Dialect.OldChoices || st.visible == yes):
		if st.tri == yes {
			return ByChoice, r("it is what its choice is set to", t.definition(s.choiceOf))
		}
		return ByChoice, r("its choice is set to another member", t.definition(s.choiceOf))
	case logical && st.rev != no && (st.rev >= st.tri):
		return BySelect, e.selected(id)
	case u.has && st.visible != no && !logical:
		if c.text(id) != u.text {
			return ByRange, r(fmt.Sprintf("the configuration has %s, which is out of range", u.text), nil)
		}
		return ByUser, r("the configuration has it", nil)
	case u.has && st.visible != no:
		if min(u.tri, st.visible) < u.tri {
			return ByUser, Reason{Text: fmt.Sprintf("the configuration has %s, but it can be %s at most", u.tri, st.visible), Symbol: s.Name, Value: c.text(id)}
		}
		return ByUser, r("the configuration has it", nil)
	}
	if p, cond := c.firstOf(id, propDefault); p != 0 {
		q := &t.props[p]
		place := t.place(q.file, q.line)
		if logical && st.implied > min(c.eval(q.expr), cond) && st.tri != no {
			return ByImply, e.implied(id)
		}
		text := "default " + c.withValues(q.expr)
		if q.own != 0 {
			text += " if " + c.withValues(q.own)
		}
		return ByDefault, r(text, &place)
	}
	if logical && st.implied != no && st.tri != no {
		return ByImply, e.implied(id)
	}
	return ByNothing, r("nothing sets, selects or defaults it", nil)
}

func (t *Tree) definition(id symID) *Place {
	m := t.symbols[id].firstMenu
	if m == 0 {
		return nil
	}
	p := t.place(t.entries[m].file, t.entries[m].line)
	return &p
}

func (e *explainer) selected(id symID) Reason {
	return e.by(id, e.c.t.symbols[id].selectedBy, "selected by ")
}

func (e *explainer) implied(id symID) Reason {
	return e.by(id, e.c.t.symbols[id].impliedBy, "implied by ")
}

func (e *explainer) by(id symID, props []int32, verb string) Reason {
	r := Reason{Symbol: e.c.t.symbols[id].Name, Value: e.c.text(id)}
	by := e.c.selectors(props)
	var names []string
	for i, s := range by {
		names = append(names, s.Symbol)
		if len(r.Because) >= maxReasons {
			r.Because = append(r.Because, Reason{Text: fmt.Sprintf("and %d more", len(by)-i)})
			break
		}
		r.Because = append(r.Because, e.about(e.c.t.names[s.Symbol], verb+s.Symbol, &by[i].Place))
	}
	if len(names) > 4 {
		names = append(names[:4], "…")
	}
	r.Text = verb + strings.Join(names, ", ")
	return r
}

// about makes a reason of a symbol's value, with why it has it.
func (e *explainer) about(id symID, text string, place *Place) Reason {
	r := Reason{Text: text, Symbol: e.c.t.symbols[id].Name, Value: e.c.text(id), Place: place}
	if e.seen[id] || e.depth >= maxReasonDepth || e.c.t.symbols[id].Type == Unknown {
		return r
	}
	e.seen[id] = true
	e.depth++
	_, why := e.source(id)
	r.Because = append(r.Because, why)
	e.depth--
	return r
}

// limits says why a user cannot choose freely.
func (e *explainer) limits(id symID) []Reason {
	c, t := e.c, e.c.t
	s, st := &t.symbols[id], &c.state[id]
	list := []Reason{}
	if st.rev != no && st.rev >= st.visible {
		list = append(list, Reason{Kind: BecauseSelected, Text: "it cannot be less: it is selected", Symbol: s.Name, Value: c.text(id), Because: []Reason{e.selected(id)}})
	}
	most := yes
	if st.visible >= most {
		if low, high, ok := c.bounds(id); ok {
			list = append(list, Reason{Kind: BecauseRange, Text: fmt.Sprintf("it must be in the range from %s to %s", c.text(low), c.text(high))})
		}
		return list
	}
	prompts := 0
	for p := s.firstProp; p != 0; p = t.props[p].next {
		q := &t.props[p]
		if !q.kind.isPrompt() {
			continue
		}
		prompts++
		place := t.place(q.file, q.line)
		r := Reason{Text: "it can be seen only where " + c.withValues(q.cond), Place: &place}
		if st.visible == mod {
			r.Text = "it can be m at most: " + c.withValues(q.cond)
		}
		r.Because = e.blockers(q.cond, st.visible+1)
		list = append(list, r)
	}
	if prompts == 0 {
		text := "it has no prompt: users cannot set it, only others can select it or its defaults apply"
		r := Reason{Kind: BecauseNoPrompt, Text: text, Place: t.definition(id)}
		for p := s.firstProp; p != 0; p = t.props[p].next {
			if q := &t.props[p]; q.kind == propDefault && len(r.Because) < maxReasons {
				r.Because = append(append(r.Because, e.blockers(q.cond, yes)...), e.blockers(q.expr, yes)...)
			}
		}
		for _, p := range s.selectedBy {
			if q := &t.props[p]; len(r.Because) < maxReasons && c.eval(q.cond) == no {
				place := t.place(q.file, q.line)
				from := t.entries[q.menu].sym
				r.Because = append(r.Because, Reason{Text: "would be selected by " + t.symbols[from].Name, Symbol: t.symbols[from].Name, Value: c.text(from), Place: &place})
			}
		}
		list = append(list, r)
	}
	return list
}

// blockers gives what keeps an expression below a value.
func (e *explainer) blockers(x exprID, want tristate) []Reason {
	c, t := e.c, e.c.t
	if c.eval(x) >= want {
		return nil
	}
	n := t.exprs.at(x)
	switch n.op {
	case opAnd:
		var list []Reason
		for _, part := range t.conjuncts(x) {
			if len(list) < maxReasons {
				list = append(list, e.blockers(part, want)...)
			}
		}
		return list
	case opOr:
		r := Reason{Text: "none holds of " + c.withValues(x)}
		for _, part := range t.disjuncts(x) {
			if len(r.Because) < maxReasons {
				r.Because = append(r.Because, e.blockers(part, want)...)
			}
		}
		return []Reason{r}
	case opSymbol:
		return []Reason{e.low(symID(n.l))}
	case opNot:
		in := t.exprs.at(exprID(n.l))
		if in.op == opSymbol {
			return []Reason{e.about(symID(in.l), t.format(x, nil)+" is needed, and "+t.symbols[in.l].Name+" is "+c.text(symID(in.l)), nil)}
		}
	}
	return []Reason{{Text: "does not hold: " + c.withValues(x)}}
}

// low says why a symbol is not more than it is.
func (e *explainer) low(id symID) Reason {
	c, t := e.c, e.c.t
	s := &t.symbols[id]
	name := s.Name
	switch {
	case s.choice:
		name = "<choice>"
	case s.probe:
		return Reason{Kind: BecauseToolchain, Text: "the toolchain: " + t.probeText(s.Name) + " is " + c.text(id)}
	case s.Type == Unknown && id >= symFirst:
		return Reason{Kind: BecauseUndefined, Text: name + " is not defined for this architecture or in this tree", Symbol: name, Value: "n"}
	case id < symFirst:
		return Reason{Text: "it is always " + s.Name}
	}
	r := Reason{Text: name + " is " + c.text(id), Symbol: s.Name, Value: c.text(id), Place: t.definition(id)}
	if e.seen[id] || e.depth >= maxReasonDepth {
		return r
	}
	e.seen[id] = true
	e.depth++
	defer func() { e.depth-- }()
	c.calc(id)
	if c.state[id].visible > c.state[id].tri {
		r.Text += ", and can be set"
		return r
	}
	r.Because = e.limits(id)
	return r
}
