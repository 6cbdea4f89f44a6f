package kconfig

// What conf does to expressions before it compares them: a menu's entry belongs under
// the symbol before it where its condition, simplified, contains that symbol's.

// rewriteM makes m into m && MODULES, so that it is n without modules.
func (t *Tree) rewriteM(e exprID) exprID {
	if e == 0 {
		return 0
	}
	x := &t.exprs
	switch n := x.at(e); n.op {
	case opNot:
		return x.not(t.rewriteM(exprID(n.l)))
	case opAnd, opOr:
		return x.intern(n.op, int32(t.rewriteM(exprID(n.l))), int32(t.rewriteM(exprID(n.r))))
	case opSymbol:
		if symID(n.l) == symModule {
			return x.and(e, x.symbol(t.modules))
		}
	}
	return e
}

// memo looks an expression up in what was computed before.
func memo(list *[]exprID, e exprID) (exprID, bool) {
	if int(e) >= len(*list) {
		*list = append(*list, make([]exprID, int(e)+1024-len(*list))...)
	}
	return (*list)[e], (*list)[e] != 0
}

// transform removes comparisons with constants and moves negations to the leaves.
func (t *Tree) transform(e exprID) exprID {
	if e == 0 {
		return 0
	}
	if r, ok := memo(&t.exprs.transformed, e); ok {
		return r
	}
	r := t.transformNode(e)
	t.exprs.transformed[e] = r
	return r
}

func (t *Tree) transformNode(e exprID) exprID {
	x := &t.exprs
	n := x.at(e)
	switch n.op {
	case opAnd, opOr:
		return x.intern(n.op, int32(t.transform(exprID(n.l))), int32(t.transform(exprID(n.r))))
	case opNot:
		return t.transformNot(x.not(t.transform(exprID(n.l))))
	case opEqual, opUnequal:
		if t.symbols[n.l].Type != Bool {
			return e
		}
		same := n.op == opEqual
		switch symID(n.r) {
		case symNo:
			if same {
				return x.not(x.symbol(symID(n.l)))
			}
			return x.symbol(symID(n.l))
		case symYes:
			if same {
				return x.symbol(symID(n.l))
			}
			return x.not(x.symbol(symID(n.l)))
		case symModule:
			if same {
				return x.symbol(symNo)
			}
			return x.symbol(symYes)
		}
	}
	return e
}

var negated = map[exprOp]exprOp{
	opEqual: opUnequal, opUnequal: opEqual,
	opLess: opGreaterEqual, opGreaterEqual: opLess, opGreater: opLessEqual, opLessEqual: opGreater,
}

func (t *Tree) transformNot(e exprID) exprID {
	x := &t.exprs
	in := x.at(exprID(x.at(e).l))
	switch in.op {
	case opNot:
		return exprID(in.l)
	case opAnd:
		return t.transform(x.or(x.not(exprID(in.l)), x.not(exprID(in.r))))
	case opOr:
		return t.transform(x.and(x.not(exprID(in.l)), x.not(exprID(in.r))))
	case opSymbol:
		switch symID(in.l) {
		case symYes:
			return x.symbol(symNo)
		case symModule:
			return x.symbol(symModule)
		case symNo:
			return x.symbol(symYes)
		}
		return e
	}
	return x.compare(negated[in.op], symID(in.l), symID(in.r))
}

// constants removes y and n from conjunctions and disjunctions.
func (x *exprs) constants(e exprID) exprID {
	if e == 0 {
		return 0
	}
	n := x.at(e)
	if n.op != opAnd && n.op != opOr {
		return e
	}
	l, r := x.constants(exprID(n.l)), x.constants(exprID(n.r))
	// The one that decides and the one that does not matter.
	decides, idle := symNo, symYes
	if n.op == opOr {
		decides, idle = symYes, symNo
	}
	if s, ok := x.isSymbol(l); ok {
		switch s {
		case decides:
			return l
		case idle:
			return r
		}
	}
	if s, ok := x.isSymbol(r); ok {
		switch s {
		case decides:
			return r
		case idle:
			return l
		}
	}
	return e
}

// removeCommon replaces what two expressions have in common at one level of && or ||.
func (x *exprs) removeCommon(a, b exprID) (exprID, exprID) {
	if a == 0 || b == 0 {
		return a, b
	}
	if op := x.at(a).op; op == opAnd || op == opOr {
		x.commonLeaves(op, &a, &b)
	}
	if op := x.at(b).op; op != x.at(a).op && (op == opAnd || op == opOr) {
		x.commonLeaves(op, &a, &b)
	}
	return x.constants(a), x.constants(b)
}

func (x *exprs) commonLeaves(op exprOp, a, b *exprID) {
	if x.steps--; x.steps < 0 {
		return
	}
	if n := x.at(*a); n.op == op {
		l, r := exprID(n.l), exprID(n.r)
		x.commonLeaves(op, &l, b)
		x.commonLeaves(op, &r, b)
		*a = x.intern(op, int32(l), int32(r))
		return
	}
	if n := x.at(*b); n.op == op {
		l, r := exprID(n.l), exprID(n.r)
		x.commonLeaves(op, a, &l)
		x.commonLeaves(op, a, &r)
		*b = x.intern(op, int32(l), int32(r))
		return
	}
	if s, ok := x.isSymbol(*a); ok && *a == *b && (s == symYes || s == symNo) {
		return
	}
	if !x.equal(*a, *b) {
		return
	}
	c := x.symbol(symYes)
	if op == opOr {
		c = x.symbol(symNo)
	}
	*a, *b = c, c
}

// equal says that two expressions are the same but for the order of operands.
func (x *exprs) equal(a, b exprID) bool {
	if a == b {
		return true
	}
	if a == 0 || b == 0 {
		return x.isYes(a) && x.isYes(b)
	}
	na, nb := x.at(a), x.at(b)
	if na.op != nb.op {
		return false
	}
	switch na.op {
	case opNot:
		return x.equal(exprID(na.l), exprID(nb.l))
	case opAnd, opOr:
		a, b = x.removeCommon(a, b)
		_, ok := x.isSymbol(a)
		return ok && a == b
	}
	return false
}

// dedupe joins operands that say the same or parts of it.
func (t *Tree) dedupe(e exprID) exprID {
	if e == 0 {
		return 0
	}
	if r, ok := memo(&t.exprs.dedup, e); ok {
		return r
	}
	r := e
	for {
		joined := false
		n := t.exprs.at(r)
		if n.op == opAnd || n.op == opOr {
			l, rr := t.dedupe(exprID(n.l)), t.dedupe(exprID(n.r))
			t.joinLeaves(n.op, &l, &rr, &joined)
			r = t.exprs.intern(n.op, int32(l), int32(rr))
		}
		r = t.exprs.constants(r)
		if !joined {
			break
		}
	}
	memo(&t.exprs.dedup, e)
	t.exprs.dedup[e] = r
	return r
}

func (t *Tree) joinLeaves(op exprOp, a, b *exprID, joined *bool) {
	x := &t.exprs
	if x.steps--; x.steps < 0 {
		return
	}
	if n := x.at(*a); n.op == op {
		l, r := exprID(n.l), exprID(n.r)
		t.joinLeaves(op, &l, b, joined)
		t.joinLeaves(op, &r, b, joined)
		*a = x.intern(op, int32(l), int32(r))
		return
	}
	if n := x.at(*b); n.op == op {
		l, r := exprID(n.l), exprID(n.r)
		t.joinLeaves(op, a, &l, joined)
		t.joinLeaves(op, a, &r, joined)
		*b = x.intern(op, int32(l), int32(r))
		return
	}
	var both exprID
	idle := symYes
	if op == opOr {
		both, idle = t.joinOr(*a, *b), symNo
	} else {
		both = t.joinAnd(*a, *b)
	}
	if both != 0 {
		*a, *b = x.symbol(idle), both
		*joined = true
	}
}

// leaf gives the symbol that a leaf is about, and the leaf without its negation.
func (t *Tree) leaf(e exprID, comparisons bool) (symID, bool) {
	n := t.exprs.at(e)
	if n.op == opNot {
		n = t.exprs.at(exprID(n.l))
		if n.op == opSymbol {
			return symID(n.l), true
		}
		return symID(n.l), comparisons && (n.op == opEqual || n.op == opUnequal)
	}
	return symID(n.l), n.op == opSymbol || n.op == opEqual || n.op == opUnequal
}

// joinOr gives one expression for a || b, or 0.
func (t *Tree) joinOr(a, b exprID) exprID {
	x := &t.exprs
	if x.equal(a, b) {
		return a
	}
	sa, ok := t.leaf(a, true)
	if !ok {
		return 0
	}
	sb, ok := t.leaf(b, false)
	if !ok || sa != sb {
		return 0
	}
	na, nb := x.at(a), x.at(b)
	switch t.symbols[sa].Type {
	case Tristate:
		if na.op == opEqual && nb.op == opEqual {
			if left, ok := third(symID(na.r), symID(nb.r)); ok {
				return x.compare(opUnequal, sa, left)
			}
		}
	case Bool:
		if x.not(a) == b || x.not(b) == a {
			if na.op == opSymbol || nb.op == opSymbol {
				return x.symbol(symYes)
			}
		}
	}
	return 0
}

// third gives the value that is neither of two.
func third(a, b symID) (symID, bool) {
	if a == b || a > symYes || b > symYes {
		return 0, false
	}
	return symNo + symModule + symYes - a - b, true
}

// joinAnd gives one expression for a && b, or 0.
func (t *Tree) joinAnd(a, b exprID) exprID {
	x := &t.exprs
	if x.equal(a, b) {
		return a
	}
	s, ok := t.leaf(a, true)
	if !ok {
		return 0
	}
	sb, ok := t.leaf(b, false)
	if !ok || s != sb {
		return 0
	}
	kind := t.symbols[s].Type
	if kind != Bool && kind != Tristate {
		return 0
	}
	na, nb := x.at(a), x.at(b)
	// A symbol and a comparison of it, in either order.
	if nb.op == opSymbol {
		na, nb = nb, na
	}
	if na.op == opSymbol {
		switch {
		case nb.op == opEqual && symID(nb.r) == symYes:
			return x.compare(opEqual, s, symYes)
		case nb.op == opUnequal && symID(nb.r) == symNo:
			return x.symbol(s)
		case nb.op == opUnequal && symID(nb.r) == symModule:
			return x.compare(opEqual, s, symYes)
		}
		return 0
	}
	if kind != Tristate {
		return 0
	}
	na, nb = x.at(a), x.at(b)
	if na.op == opUnequal && nb.op == opEqual {
		na, nb = nb, na
	}
	if na.op == opEqual && nb.op == opUnequal {
		is, not := symID(na.r), symID(nb.r)
		if !t.symbols[is].constant || !t.symbols[not].constant {
			return 0
		}
		if is != not {
			return x.compare(opEqual, s, is)
		}
		return x.symbol(symNo)
	}
	if na.op == opUnequal && nb.op == opUnequal {
		if left, ok := third(symID(na.r), symID(nb.r)); ok {
			return x.compare(opEqual, s, left)
		}
	}
	return 0
}

// compared rewrites an expression to say where it is, or is not, a constant.
func (t *Tree) compared(e exprID, op exprOp, c symID) exprID {
	x := &t.exprs
	if e == 0 {
		e = x.symbol(c)
		if op == opUnequal {
			e = x.not(e)
		}
		return e
	}
	switch n := x.at(e); n.op {
	case opAnd, opOr:
		l, r := t.compared(exprID(n.l), opEqual, c), t.compared(exprID(n.r), opEqual, c)
		joined := n.op
		if c == symNo {
			joined = opAnd + opOr - n.op
		}
		e = x.intern(joined, int32(l), int32(r))
		if op == opUnequal {
			e = x.not(e)
		}
		return e
	case opNot:
		if op == opEqual {
			return t.compared(exprID(n.l), opUnequal, c)
		}
		return t.compared(exprID(n.l), opEqual, c)
	case opSymbol:
		return x.compare(op, symID(n.l), c)
	default:
		if (op == opEqual) == (c == symNo) {
			return x.not(e)
		}
		return e
	}
}
