package kconfig

import (
	"fmt"
	"strconv"
	"strings"
)

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// eval gives the value of an expression.
func (c *Config) eval(e exprID) tristate {
	if e == 0 {
		return yes
	}
	if v := c.values[e]; v != 0 {
		return tristate(v - 1)
	}
	var v tristate
	n := c.t.exprs.at(e)
	switch n.op {
	case opSymbol:
		c.calc(symID(n.l))
		// Old choices change while they are computed; what they are is not kept.
		v = c.state[n.l].tri
		if c.t.symbols[n.l].choice {
			return v
		}
	case opAnd:
		l, r := c.eval(exprID(n.l)), c.eval(exprID(n.r))
		v = min(l, r)
		if c.values[n.l] == 0 || c.values[n.r] == 0 {
			return v
		}
	case opOr:
		l, r := c.eval(exprID(n.l)), c.eval(exprID(n.r))
		v = max(l, r)
		if c.values[n.l] == 0 || c.values[n.r] == 0 {
			return v
		}
	case opNot:
		v = yes - c.eval(exprID(n.l))
		if c.values[n.l] == 0 {
			return v
		}
	default:
		v = c.compare(n)
		if c.t.symbols[n.l].choice {
			return v
		}
	}
	c.values[e] = uint8(v) + 1
	return v
}

type numeric uint8

const (
	asText numeric = iota
	asSigned
	asUnsigned
)

// parseNumber reads a value for a comparison.
func parseNumber(s string, kind Type) (numeric, uint64) {
	switch kind {
	case Bool, Tristate:
		switch s {
		case "n":
			return asSigned, 0
		case "m":
			return asSigned, 1
		case "y":
			return asSigned, 2
		}
		return asSigned, ^uint64(0)
	case Hex:
		h := strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X")
		if u, err := strconv.ParseUint(h, 16, 64); err == nil {
			return asUnsigned, u
		}
		return asText, 0
	case Int:
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return asSigned, uint64(i)
		}
		return asText, 0
	}
	if s == "" || strings.ContainsRune(s, '_') || len(s) > 1 && s[0] == '0' && (s[1] == 'b' || s[1] == 'o' || s[1] == 'B' || s[1] == 'O') {
		return asText, 0
	}
	if i, err := strconv.ParseInt(s, 0, 64); err == nil {
		return asSigned, uint64(i)
	}
	return asText, 0
}

func (c *Config) compare(n expr) tristate {
	l, r := symID(n.l), symID(n.r)
	a, b := c.text(l), c.text(r)
	var kl, kr numeric
	var vl, vr uint64
	tl, tr := c.t.symbols[l].Type, c.t.symbols[r].Type
	if tl != String || tr != String {
		kl, vl = parseNumber(a, tl)
		kr, vr = parseNumber(b, tr)
	}
	var res int
	switch {
	case kl == asText || kr == asText:
		res = strings.Compare(a, b)
	case kl == asUnsigned || kr == asUnsigned:
		res = cmp(vl, vr)
	default:
		res = cmp(int64(vl), int64(vr))
	}
	holds := false
	switch n.op {
	case opEqual:
		holds = res == 0
	case opUnequal:
		holds = res != 0
	case opLess:
		holds = res < 0
	case opLessEqual:
		holds = res <= 0
	case opGreater:
		holds = res > 0
	case opGreaterEqual:
		holds = res >= 0
	}
	if holds {
		return yes
	}
	return no
}

func cmp[T int64 | uint64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// zero is the text of a number that nothing gives a value.
var zero = [...]string{Unknown: "", Bool: "", Tristate: "", Int: "0", Hex: "0x0", String: ""}

// effective gives the type that a symbol has: without modules, tristates are bools.
func (c *Config) effective(id symID) Type {
	s := &c.t.symbols[id]
	if s.Type != Tristate {
		return s.Type
	}
	if c.modules == no || c.t.Dialect.OldChoices && s.choiceOf != 0 && c.state[id].visible == yes {
		return Bool
	}
	return Tristate
}

// visibility computes how far a symbol can be set, and what others make of it.
func (c *Config) visibility(id symID) {
	t := c.t
	s, st := &t.symbols[id], &c.state[id]
	if s.transitional {
		st.visible = yes
		return
	}
	v := no
	for p := s.firstProp; p != 0; p = t.props[p].next {
		if t.props[p].kind.isPrompt() {
			v = max(v, c.promptVisible(p, id))
		}
	}
	if v == mod && (s.Type != Tristate || c.modules == no) {
		v = yes
	}
	st.visible = v
	if s.choiceOf != 0 {
		return
	}
	st.dir = c.promoted(id, c.eval(s.dirDep))
	st.rev, st.implied = no, no
	if s.revDep != 0 {
		st.rev = c.promoted(id, c.eval(s.revDep))
	}
	if s.implied != 0 {
		st.implied = c.promoted(id, c.eval(s.implied))
	}
}

// promptVisible gives how visible one prompt is.
func (c *Config) promptVisible(p int32, id symID) tristate {
	v := c.eval(c.t.props[p].cond)
	if c.t.Dialect.OldChoices && v == mod {
		s := &c.t.symbols[id]
		if s.choiceOf != 0 && s.Type == Tristate && c.state[s.choiceOf].tri == yes {
			return no
		}
	}
	return v
}

// promoted makes m into y where a symbol cannot be m.
func (c *Config) promoted(id symID, v tristate) tristate {
	if v == mod && c.effective(id) == Bool {
		return yes
	}
	return v
}

// firstOf gives the first property of a kind whose condition holds, and how far.
func (c *Config) firstOf(id symID, kind propKind) (p int32, v tristate) {
	for p = c.t.symbols[id].firstProp; p != 0; p = c.t.props[p].next {
		if q := &c.t.props[p]; q.kind == kind {
			if v = c.eval(q.cond); v != no {
				return p, v
			}
		}
	}
	return 0, no
}

// calc computes a symbol's value.
func (c *Config) calc(id symID) {
	st := &c.state[id]
	if st.valid {
		return
	}
	t := c.t
	s := &t.symbols[id]
	if t.Dialect.OldChoices && s.choiceOf != 0 && st.needChoice {
		st.needChoice = false
		c.calc(s.choiceOf)
	}
	st.valid = true
	text := ""
	switch s.Type {
	case Int, Hex:
		if !t.Dialect.EmptyNumbers {
			text = zero[s.Type]
		}
	case Unknown:
		c.constant(id)
		return
	}
	if id < symFirst {
		st.tri = tristate(id - symNo)
		return
	}
	st.write = false
	c.visibility(id)
	st.write = st.visible != no
	st.tri, st.text = no, text
	switch c.effective(id) {
	case Bool, Tristate:
		c.calcTristate(id)
	default:
		c.calcText(id)
	}
	if s.choice && t.Dialect.OldChoices {
		c.oldChoice(id)
	}
	if s.Type == Int || s.Type == Hex {
		c.clamp(id)
	}
	if id == t.modules {
		c.modules = st.tri
	}
	if s.choice {
		c.afterChoice(id)
	}
	if s.choice || s.transitional {
		st.write = false
	}
	if s.choice && st.needChoice {
		c.setMembers(id)
	}
}

// constant computes what is not defined: a word that is its own text.
func (c *Config) constant(id symID) {
	st := &c.state[id]
	st.text, st.tri = c.t.symbols[id].Name, no
	if !c.t.symbols[id].probe {
		return
	}
	st.text = c.name(id)
	switch st.text {
	case "y":
		st.tri = yes
	case "m":
		st.tri = mod
	default:
		// A word may turn out to be the name of a symbol.
		if as, ok := c.t.names[st.text]; ok && !c.t.symbols[id].constant && !c.t.symbols[as].probe {
			c.calc(as)
			st.text, st.tri = c.text(as), c.state[as].tri
		}
	}
}

func (c *Config) calcTristate(id symID) {
	t := c.t
	s, st := &t.symbols[id], &c.state[id]
	v := no
	switch {
	case s.choiceOf != 0 && !t.Dialect.OldChoices:
		c.choose(s.choiceOf)
		v = st.tri
	case s.choiceOf != 0 && st.visible == yes:
		if c.state[s.choiceOf].chosen == id {
			v = yes
		}
	default:
		if u := c.user[id]; st.visible != no && u.has {
			v = min(u.tri, st.visible)
		} else {
			v = c.defaultTristate(id)
		}
		if st.dir < st.rev {
			c.unmet = append(c.unmet, id)
		}
		v = max(v, st.rev)
	}
	st.tri = c.promoted(id, v)
}

// defaultTristate gives what a symbol is that the user has not set.
func (c *Config) defaultTristate(id symID) tristate {
	st := &c.state[id]
	if st.rev != no {
		st.write = true
	}
	if c.t.symbols[id].choice {
		return no
	}
	v := no
	if p, cond := c.firstOf(id, propDefault); p != 0 {
		v = min(c.eval(c.t.props[p].expr), cond)
		if v != no {
			st.write = true
		}
	}
	if st.implied != no {
		st.write = true
		v = min(max(v, st.implied), st.dir)
	}
	return v
}

func (c *Config) calcText(id symID) {
	st := &c.state[id]
	if u := c.user[id]; st.visible != no && u.has {
		st.text = u.text
		return
	}
	if p, _ := c.firstOf(id, propDefault); p != 0 {
		if from, ok := c.t.exprs.isSymbol(c.t.props[p].expr); ok {
			st.write = true
			st.text = c.defaultText(id, from)
		}
	}
}

// defaultText gives the text of the symbol that a default names.
func (c *Config) defaultText(id, from symID) string {
	c.calc(from)
	if c.t.symbols[from].probe && c.state[from].text == "" {
		// A number that nobody answered is none rather than no text.
		return zero[c.t.symbols[id].Type]
	}
	switch c.t.symbols[from].Type {
	case Bool, Tristate:
		if from < symFirst {
			return c.t.symbols[from].Name
		}
	}
	return c.state[from].text
}

func (t Type) base() int {
	if t == Hex {
		return 16
	}
	return 10
}

// bounds gives the range that holds for a number.
func (c *Config) bounds(id symID) (low, high symID, ok bool) {
	p, _ := c.firstOf(id, propRange)
	if p == 0 {
		return 0, 0, false
	}
	return c.t.props[p].low, c.t.props[p].hig, true
}

func (c *Config) boundValue(id symID, base int) int64 {
	c.calc(id)
	switch c.t.symbols[id].Type {
	case Int, Hex:
		base = c.t.symbols[id].Type.base()
	}
	return number(c.state[id].text, base)
}

// clamp moves a number into its range.
func (c *Config) clamp(id symID) {
	low, high, ok := c.bounds(id)
	if !ok {
		return
	}
	base := c.t.symbols[id].Type.base()
	v := number(c.state[id].text, base)
	if v < c.boundValue(low, base) {
		c.state[id].text = c.state[low].text
	} else if v > c.boundValue(high, base) {
		c.state[id].text = c.state[high].text
	}
}
