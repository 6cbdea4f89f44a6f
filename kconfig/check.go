package kconfig

import (
	"fmt"
	"strings"
)

// checkSymbol complains of properties that do not fit a symbol's type.
func (t *Tree) checkSymbol(m int32) {
	id := t.entries[m].sym
	s := &t.symbols[id]
	if s.Type == Unknown {
		t.reportAt(m, Warning, "config symbol defined without type")
	}
	if s.choice && t.Dialect.OldChoices && t.entries[m].prompt == 0 {
		t.reportAt(m, Warning, "choice must have a prompt")
	}
	logical := s.Type == Bool || s.Type == Tristate
	for p := s.firstProp; p != 0; p = t.props[p].next {
		q := &t.props[p]
		warn := func(format string, args ...any) { t.report(q.file, int(q.line), Warning, format, args...) }
		switch q.kind {
		case propDefault:
			value, single := t.exprs.isSymbol(q.expr)
			if !logical && s.Type != Unknown && !single {
				warn("default for config symbol '%s' must be a single symbol", s.Name)
			}
			if single && (s.Type == Int || s.Type == Hex) && !t.isNumber(s.Type, value) {
				warn("'%s': number is invalid", s.Name)
			}
		case propSelect, propImply:
			target, _ := t.exprs.isSymbol(q.expr)
			kind := t.symbols[target].Type
			if !logical {
				warn("config symbol '%s' uses %s, but is not bool or tristate", s.Name, propText[q.kind])
			} else if kind != Unknown && kind != Bool && kind != Tristate {
				warn("'%s' has wrong type. '%s' only accept arguments of bool and tristate type", t.symbols[target].Name, propText[q.kind])
			}
		case propRange:
			if s.Type != Int && s.Type != Hex {
				warn("range is only allowed for int or hex symbols")
			}
			if !t.isNumber(s.Type, q.low) || !t.isNumber(s.Type, q.hig) {
				warn("range is invalid")
			}
		}
	}
}

// isNumber says that a symbol may stand where a number of the type is asked for.
func (t *Tree) isNumber(kind Type, id symID) bool {
	s := &t.symbols[id]
	return s.Type == Int || s.Type == Hex || s.Type == Unknown && (s.probe || validText(kind, s.Name))
}

// validText says that a text is a value of a type.
func validText(kind Type, s string) bool {
	switch kind {
	case String:
		return true
	case Int:
		s = strings.TrimPrefix(s, "-")
		if s == "" || s[0] == '0' && len(s) > 1 {
			return false
		}
		return strings.Trim(s, "0123456789") == ""
	case Hex:
		if len(s) > 1 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
			s = s[2:]
		}
		return s != "" && strings.Trim(s, "0123456789abcdefABCDEF") == ""
	case Bool, Tristate:
		return s != "" && strings.ContainsRune("yYmMnN", rune(s[0]))
	}
	return false
}

// The states of a symbol while loops of dependencies are looked for.
const (
	checkOpen uint8 = 1 << iota
	checkDone
)

// link is one step of a chain of dependencies.
type link struct {
	sym  symID
	says string // "depends on", with what the next symbol completes
	prop int32  // the property that says it, where one does
}

// loops looks for symbols that depend on themselves.
type loops struct {
	t     *Tree
	stack []link
}

// checkDependencies reports symbols that depend on themselves, and choices and
// transitional symbols that break their rules.
func (t *Tree) checkDependencies() {
	l := &loops{t: t}
	visit := func(id symID) {
		l.stack = l.stack[:0]
		l.check(id)
	}
	for m := int32(0); ; {
		if id := t.entries[m].sym; id != 0 {
			visit(id)
			if t.symbols[id].transitional {
				t.checkTransitional(m)
			}
		}
		if m = t.after(m, 0); m == 0 {
			break
		}
	}
	if t.Dialect.OldChoices {
		return
	}
	for m := range t.entries {
		if t.entries[m].kind == entryChoice && m != 0 {
			for n := t.entries[m].list; n != 0; n = t.after(n, int32(m)) {
				if t.entries[n].sym != 0 {
					t.checkMember(int32(m), n)
				}
			}
		}
	}
}

func (t *Tree) checkMember(choice, m int32) {
	s := &t.symbols[t.entries[m].sym]
	for p := s.firstProp; p != 0; p = t.props[p].next {
		q := &t.props[p]
		if q.kind == propDefault {
			t.report(q.file, int(q.line), Error, "error: defaults for choice values not supported")
		}
		if q.menu != m && q.kind == propPrompt && t.entries[q.menu].parent != choice {
			t.report(q.file, int(q.line), Error, "error: choice value has a prompt outside its choice group")
		}
	}
}

func (t *Tree) checkTransitional(m int32) {
	e := &t.entries[m]
	if !t.exprs.isYes(e.dep) || !t.exprs.isYes(e.visibility) {
		t.reportAt(m, Error, "error: transitional symbols can only have help sections")
		return
	}
	if p := t.symbols[e.sym].firstProp; p != 0 {
		t.report(t.props[p].file, int(t.props[p].line), Error, "error: transitional symbols can only have help sections")
	}
}

// check gives the symbol at which a loop closes, 0 where there is none.
func (l *loops) check(id symID) symID {
	s := &l.t.symbols[id]
	if s.check&checkOpen != 0 {
		l.print(id)
		return id
	}
	if s.check&checkDone != 0 || s.constant {
		return 0
	}
	if len(l.stack) > maxEntries {
		return 0
	}
	switch {
	case s.choiceOf != 0:
		l.push(id)
		defer l.pop()
		return l.check(s.choiceOf)
	case s.choice:
		return l.checkChoice(id)
	}
	s.check |= checkOpen | checkDone
	at := l.checkSymbol(id)
	l.t.symbols[id].check &^= checkOpen
	return at
}

func (l *loops) push(id symID) { l.stack = append(l.stack, link{sym: id}) }
func (l *loops) pop()          { l.stack = l.stack[:len(l.stack)-1] }

func (l *loops) checkChoice(id symID) symID {
	members := l.t.symbols[id].members
	l.push(id)
	for _, m := range members {
		l.t.symbols[m].check |= checkOpen | checkDone
	}
	l.t.symbols[id].check |= checkOpen | checkDone
	at := l.checkSymbol(id)
	l.t.symbols[id].check &^= checkOpen
	for _, m := range members {
		if at != 0 {
			break
		}
		at = l.checkSymbol(m)
	}
	for _, m := range members {
		l.t.symbols[m].check &^= checkOpen
	}
	if at != 0 && l.t.symbols[at].choiceOf == id {
		at = id
	}
	l.pop()
	return at
}

func (l *loops) checkSymbol(id symID) symID {
	t := l.t
	s := &t.symbols[id]
	l.push(id)
	defer l.pop()
	top := len(l.stack) - 1
	for _, d := range []struct {
		e    exprID
		says string
	}{{s.dirDep, "depends on"}, {s.revDep, "is selected by"}, {s.implied, "is implied by"}} {
		l.stack[top].says = d.says
		if at := l.expr(d.e); at != 0 {
			return at
		}
	}
	for p := s.firstProp; p != 0; p = t.props[p].next {
		q := &t.props[p]
		if q.kind == propSelect || q.kind == propImply {
			continue
		}
		l.stack[top] = link{id, propText[q.kind] + " is visible depending on", p}
		if at := l.expr(q.cond); at != 0 {
			return at
		}
		if q.kind == propDefault && !s.choice {
			l.stack[top].says = propText[q.kind] + " value contains"
			if at := l.expr(q.expr); at != 0 {
				return at
			}
		}
	}
	return 0
}

func (l *loops) expr(e exprID) symID {
	if e == 0 {
		return 0
	}
	n := l.t.exprs.at(e)
	switch n.op {
	case opAnd, opOr:
		if at := l.expr(exprID(n.l)); at != 0 {
			return at
		}
		return l.expr(exprID(n.r))
	case opNot:
		return l.expr(exprID(n.l))
	case opSymbol:
		return l.check(symID(n.l))
	}
	if at := l.check(symID(n.l)); at != 0 {
		return at
	}
	return l.check(symID(n.r))
}

// print reports the loop that closes at a symbol.
func (l *loops) print(last symID) {
	t := l.t
	stack := l.stack
	if c := t.symbols[last].choiceOf; c != 0 {
		stack = append(append([]link{}, stack...), link{sym: last})
		last = c
	}
	start := len(stack) - 1
	for start >= 0 && stack[start].sym != last {
		start--
	}
	if start < 0 {
		t.report(-1, 0, Error, "unexpected recursive dependency error")
		return
	}
	var b strings.Builder
	for i := start; i < len(stack); i++ {
		if stack[i].sym == last {
			b.WriteString(t.loopPlace(stack[i]) + "error: recursive dependency detected!\n")
		}
		next := last
		if i+1 < len(stack) {
			next = stack[i+1].sym
		}
		t.loopStep(&b, stack[i], next)
	}
	b.WriteString("For a resolution refer to Documentation/kbuild/kconfig-language.rst\nsubsection \"Kconfig recursive dependency limitations\"\n")
	t.report(-1, 0, Error, "%s", b.String())
}

// loopPlace is where conf of old says that a step of a loop is.
func (t *Tree) loopPlace(at link) string {
	if !t.Dialect.OldChoices {
		return ""
	}
	p := at.prop
	if p == 0 {
		p = t.symbols[at.sym].firstProp
	}
	return t.place(t.props[p].file, t.props[p].line).String() + ":"
}

func (t *Tree) loopStep(b *strings.Builder, at link, next symID) {
	name := func(id symID) string {
		if t.symbols[id].choice {
			return "<choice>"
		}
		return t.symbols[id].Name
	}
	where := t.loopPlace(at)
	switch {
	case t.symbols[next].choice && !t.Dialect.OldChoices:
		m := t.symbols[next].firstMenu
		fmt.Fprintf(b, "\tsymbol %s is part of choice block at %s\n", name(at.sym), t.place(t.entries[m].file, t.entries[m].line))
	case t.symbols[next].choice:
		fmt.Fprintf(b, "%s\tsymbol %s is part of choice <choice>\n", where, name(at.sym))
	case t.symbols[at.sym].choice && t.Dialect.OldChoices && at.says == "":
		fmt.Fprintf(b, "%s\tchoice <choice> contains symbol %s\n", where, name(next))
	default:
		fmt.Fprintf(b, "%s\tsymbol %s %s %s\n", where, name(at.sym), at.says, name(next))
	}
}
