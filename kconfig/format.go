package kconfig

import "strings"

// precedence of what is printed: an operand of a lower one needs parentheses.
func (o exprOp) precedence() int {
	switch o {
	case opOr:
		return 1
	case opAnd:
		return 2
	case opNot:
		return 3
	}
	return 4
}

// format gives an expression as text. value, where it is not nil, gives what follows a
// symbol's name.
func (t *Tree) format(e exprID, value func(symID) string) string {
	var b strings.Builder
	t.formatTo(&b, e, 0, value)
	return b.String()
}

func (t *Tree) formatTo(b *strings.Builder, e exprID, around int, value func(symID) string) {
	if e == 0 {
		b.WriteByte('y')
		return
	}
	n := t.exprs.at(e)
	p := n.op.precedence()
	if p < around || n.op.isComparison() && around == opNot.precedence() {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	switch n.op {
	case opAnd, opOr:
		t.formatTo(b, exprID(n.l), p, value)
		if n.op == opAnd {
			b.WriteString(" && ")
		} else {
			b.WriteString(" || ")
		}
		t.formatTo(b, exprID(n.r), p, value)
	case opNot:
		b.WriteByte('!')
		t.formatTo(b, exprID(n.l), p, value)
	case opSymbol:
		t.formatSymbol(b, symID(n.l), value)
	default:
		t.formatSymbol(b, symID(n.l), value)
		b.WriteString(opText[n.op])
		t.formatSymbol(b, symID(n.r), value)
	}
}

func (t *Tree) formatSymbol(b *strings.Builder, id symID, value func(symID) string) {
	s := &t.symbols[id]
	switch {
	case s.choice:
		b.WriteString("<choice>")
	case s.probe:
		b.WriteString(t.probeText(s.Name))
	case s.constant && id >= symFirst:
		b.WriteString(`"` + s.Name + `"`)
	default:
		b.WriteString(s.Name)
	}
	if value != nil && id >= symFirst && (s.Type != Unknown || s.probe) {
		b.WriteString(value(id))
	}
}

// probeText shows shell commands in the place of their marks.
func (t *Tree) probeText(s string) string {
	for range 4 {
		if !hasProbe(s) {
			break
		}
		s = fill(s, func(i int) string {
			if i >= len(t.probes) {
				return ""
			}
			return "$(shell," + t.probes[i].command + ")"
		})
	}
	return s
}

// conjuncts cuts an expression at its outermost &&.
func (t *Tree) conjuncts(e exprID) []exprID { return t.cut(e, opAnd, nil) }

// disjuncts cuts an expression at its outermost ||.
func (t *Tree) disjuncts(e exprID) []exprID { return t.cut(e, opOr, nil) }

func (t *Tree) cut(e exprID, op exprOp, list []exprID) []exprID {
	if e == 0 {
		return list
	}
	if n := t.exprs.at(e); n.op == op {
		return t.cut(exprID(n.r), op, t.cut(exprID(n.l), op, list))
	}
	return append(list, e)
}

// withValues gives an expression with the value of each of its symbols, as conf prints
// it in warnings.
func (c *Config) withValues(e exprID) string {
	return c.t.format(e, func(id symID) string { return " [=" + c.text(id) + "]" })
}

// An Unmet is a symbol that others select although what it depends on is not there.
type Unmet struct {
	Symbol     string       `json:"symbol"`
	DependsOn  string       `json:"depends_on"` // with values
	SelectedBy []SelectedBy `json:"selected_by"`
}

// A SelectedBy is one select that takes effect.
type SelectedBy struct {
	Symbol string `json:"symbol"`
	Value  string `json:"value"`
	Place  Place  `json:"place"`
}

// Unmet gives the symbols that were selected against their dependencies, of which conf
// warns.
func (c *Config) Unmet() []Unmet {
	list := []Unmet{}
	for _, id := range c.unmet {
		s := &c.t.symbols[id]
		list = append(list, Unmet{s.Name, c.withValues(s.dirDep), c.selectors(s.selectedBy)})
	}
	return list
}

// selectors gives the selects or implies of a list that are more than n.
func (c *Config) selectors(by []int32) []SelectedBy {
	list := []SelectedBy{}
	for _, p := range by {
		q := &c.t.props[p]
		from := c.t.entries[q.menu].sym
		c.calc(from)
		if v := min(c.state[from].tri, c.eval(q.cond)); v != no {
			list = append(list, SelectedBy{c.t.symbols[from].Name, v.String(), c.t.place(q.file, q.line)})
		}
	}
	return list
}
