package kconfig

// finish gives every property the conditions that are around it, builds the menus as
// conf does, and checks the whole.
func (t *Tree) finish() {
	if t.entries[0].prompt == 0 {
		t.entries[0].prompt = t.addProp(prop{kind: propMenu, text: "Main menu"})
	}
	if t.modules == 0 {
		t.modules = symNo
	}
	t.finalize(0, false)
	if t.exprs.steps < 0 {
		t.report(-1, 0, Warning, "expressions take too long to simplify: menus may be nested differently")
	}
	t.members()
	t.checkDependencies()
}

func (t *Tree) finalize(parent int32, insideChoice bool) {
	old := t.Dialect.OldChoices
	sym := t.entries[parent].sym
	isChoice := sym != 0 && t.symbols[sym].choice
	switch {
	case t.entries[parent].list != 0:
		dep := t.entries[parent].dep
		if isChoice && old {
			t.choiceTypes(parent)
			// What a choice is set to bounds its members.
			dep = t.exprs.symbol(sym)
		}
		for m := t.entries[parent].list; m != 0; m = t.entries[m].next {
			t.inherit(m, dep)
		}
		for m := t.entries[parent].list; m != 0; m = t.entries[m].next {
			t.finalize(m, isChoice)
		}
	case sym != 0 && (!insideChoice || old):
		t.submenu(parent)
		s := &t.symbols[sym]
		s.dirDep = t.exprs.or(s.dirDep, t.entries[parent].dep)
	}
	for m := t.entries[parent].list; m != 0; m = t.entries[m].next {
		if isChoice && old {
			t.oldMember(parent, m)
		}
		t.flatten(parent, m)
	}
	if sym != 0 && !t.symbols[sym].warned {
		t.symbols[sym].warned = true
		t.checkSymbol(parent)
	}
	if isChoice && old && !t.symbols[sym].optional && t.entries[parent].prompt != 0 {
		// A choice that can be seen is not n.
		s := &t.symbols[sym]
		visible := t.exprs.and(t.props[t.entries[parent].prompt].cond, t.exprs.symbol(symModule))
		s.revDep = t.exprs.or(s.revDep, visible)
	}
}

// inherit adds to an entry and its properties the condition of what is around them.
func (t *Tree) inherit(m int32, around exprID) {
	x := &t.exprs
	base := t.dedupe(x.and(around, t.transform(t.rewriteM(t.entries[m].dep))))
	t.entries[m].dep = base
	sym := t.entries[m].sym
	p := t.entries[m].prompt
	if sym != 0 {
		p = t.symbols[sym].firstProp
	}
	for ; p != 0; p = t.props[p].next {
		q := &t.props[p]
		if q.menu != m {
			continue
		}
		q.cond = t.dedupe(x.and(base, t.transform(t.rewriteM(q.cond))))
		if q.kind != propSelect && q.kind != propImply {
			continue
		}
		target, _ := x.isSymbol(q.expr)
		s := &t.symbols[target]
		by := x.and(x.symbol(sym), q.cond)
		if q.kind == propSelect {
			s.revDep = x.or(s.revDep, by)
			s.selectedBy = append(s.selectedBy, p)
		} else {
			s.implied = x.or(s.implied, by)
			s.impliedBy = append(s.impliedBy, p)
		}
	}
}

// submenu puts under a symbol the entries after it that depend on it.
func (t *Tree) submenu(parent int32) {
	x := &t.exprs
	sym := t.entries[parent].sym
	base := exprID(-1) // computed where it is needed, which is seldom
	last := int32(0)
	for m := t.entries[parent].next; m != 0; m = t.entries[m].next {
		dep := t.entries[m].dep
		if p := t.entries[m].prompt; p != 0 {
			dep = t.props[p].cond
		}
		if !x.contains(dep, sym) {
			break
		}
		if !x.depends(dep, sym) {
			if base < 0 {
				base = 0
				if p := t.entries[parent].prompt; p != 0 {
					base = t.props[p].cond
				}
				base = t.dedupe(t.transform(t.compared(base, opUnequal, symNo)))
			}
			dep = t.dedupe(t.transform(t.compared(dep, opUnequal, symNo)))
			if _, rest := x.removeCommon(dep, base); !x.isYes(rest) {
				break
			}
		}
		t.finalize(m, false)
		t.entries[m].parent = parent
		last = m
	}
	if last != 0 {
		t.entries[parent].list = t.entries[parent].next
		t.entries[parent].next = t.entries[last].next
		t.entries[last].next = 0
	}
}

// flatten lifts the children of an entry that shows nothing.
func (t *Tree) flatten(parent, m int32) {
	e := &t.entries[m]
	if e.list == 0 || e.prompt != 0 && t.props[e.prompt].kind.isPrompt() {
		return
	}
	last := e.list
	for {
		t.entries[last].parent = parent
		if t.entries[last].next == 0 {
			break
		}
		last = t.entries[last].next
	}
	t.entries[last].next = e.next
	e.next = e.list
	e.list = 0
}

// members finds the members of choices by today's rule: a symbol's entry with a prompt
// whose next symbol outward is a choice.
func (t *Tree) members() {
	if t.Dialect.OldChoices {
		return
	}
	for id := symFirst; int(id) < len(t.symbols); id++ {
		s := &t.symbols[id]
		m := s.firstMenu
		for m != 0 && t.entries[m].prompt == 0 {
			m = t.entries[m].sameSym
		}
		if m == 0 {
			continue
		}
		m = t.entries[m].parent
		for m != 0 && t.entries[m].sym == 0 {
			m = t.entries[m].parent
		}
		if c := t.entries[m].sym; m != 0 && t.symbols[c].choice {
			s.choiceOf = c
			t.symbols[c].members = append(t.symbols[c].members, id)
		}
	}
	// The order is that of the choice's entries, which is that of the files where a
	// symbol was not mentioned before.
	for m := range t.entries {
		c := t.entries[m].sym
		if c == 0 || t.entries[m].kind != entryChoice {
			continue
		}
		s := &t.symbols[c]
		s.members = s.members[:0]
		for n := t.entries[m].list; n != 0; n = t.after(n, int32(m)) {
			if sym := t.entries[n].sym; sym != 0 && t.symbols[sym].choiceOf == c && !contains(s.members, sym) {
				s.members = append(s.members, sym)
			}
		}
	}
}

func contains(list []symID, s symID) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// after gives the entry after m, depth first, below root; 0 at the end.
func (t *Tree) after(m, root int32) int32 {
	if t.entries[m].list != 0 {
		return t.entries[m].list
	}
	for m != root && t.entries[m].next == 0 {
		m = t.entries[m].parent
	}
	if m == root {
		return 0
	}
	return t.entries[m].next
}

// choiceTypes gives an old choice and its members the types that they do not state.
func (t *Tree) choiceTypes(parent int32) {
	c := t.entries[parent].sym
	if t.symbols[c].Type == Unknown {
		for m := t.entries[parent].list; m != 0; m = t.entries[m].next {
			if s := t.entries[m].sym; s != 0 && t.symbols[s].Type != Unknown {
				t.setType(parent, t.symbols[s].Type)
				break
			}
		}
	}
	for m := t.entries[parent].list; m != 0; m = t.entries[m].next {
		if s := t.entries[m].sym; s != 0 && t.symbols[s].Type == Unknown {
			t.setType(m, t.symbols[c].Type)
		}
	}
}

// oldMember makes the symbol of an entry in an old choice a member of it.
func (t *Tree) oldMember(parent, m int32) {
	c, id := t.entries[parent].sym, t.entries[m].sym
	if id == 0 || t.symbols[id].choiceOf != 0 {
		return
	}
	s := &t.symbols[id]
	s.choiceOf = c
	if t.entries[m].prompt == 0 {
		t.reportAt(m, Warning, "choice value must have a prompt")
	}
	for p := s.firstProp; p != 0; p = t.props[p].next {
		q := &t.props[p]
		if q.kind == propDefault {
			t.report(q.file, int(q.line), Warning, "defaults for choice values not supported")
		}
		if q.menu != m && q.kind == propPrompt && t.entries[t.entries[q.menu].parent].sym != c {
			t.report(q.file, int(q.line), Warning, "choice value used outside its choice group")
		}
	}
	if t.symbols[c].Type == Tristate && s.Type != Tristate {
		// Such a member can be set only while the choice is y.
		full := t.exprs.compare(opEqual, c, symYes)
		t.entries[m].dep = t.exprs.and(full, t.entries[m].dep)
		for p := s.firstProp; p != 0; p = t.props[p].next {
			if q := &t.props[p]; q.menu == m {
				q.cond = t.exprs.and(full, q.cond)
			}
		}
	}
	t.symbols[c].members = append(t.symbols[c].members, id)
}

func (t *Tree) reportAt(m int32, s Severity, format string, args ...any) {
	t.report(t.entries[m].file, int(t.entries[m].line), s, format, args...)
}
