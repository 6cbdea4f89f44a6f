package kconfig

import "ringside/kconfig/dotconfig"

// Short names for the values of the language.
type tristate = dotconfig.Tristate

const (
	no  = dotconfig.No
	mod = dotconfig.Module
	yes = dotconfig.Yes
)

// An exprID names an expression of a tree; 0 is none, which means y. Equal expressions
// are one node, so that each is simplified and evaluated once.
type exprID int32

type exprOp uint8

const (
	opNone exprOp = iota
	opSymbol
	opNot
	opAnd
	opOr
	opEqual
	opUnequal
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
)

// isComparison says that both operands are symbols.
func (o exprOp) isComparison() bool { return o >= opEqual }

var opText = [...]string{opEqual: "=", opUnequal: "!=", opLess: "<", opLessEqual: "<=", opGreater: ">", opGreaterEqual: ">="}

// expr is a node. The operands of not, and, or are expressions, those of the others
// symbols.
type expr struct {
	op   exprOp
	l, r int32
}

// exprs keeps the expressions of a tree.
type exprs struct {
	list  []expr
	table []int32 // open addressing by hash; 0 is free
	// What simplifying gave before, by expression.
	dedup, transformed []exprID
	// steps bounds what simplifying may cost in a tree made to be slow.
	steps int
}

func (x *exprs) init(size int) {
	x.list = make([]expr, 1, size)
	x.table = make([]int32, 2*size)
	x.steps = 100_000_000
}

func (x *exprs) at(id exprID) expr { return x.list[id] }

// intern gives the expression with the given operands.
func (x *exprs) intern(op exprOp, l, r int32) exprID {
	if len(x.list)*2 > len(x.table) {
		x.grow()
	}
	mask := uint32(len(x.table) - 1)
	want := expr{op, l, r}
	for i := hashExpr(want) & mask; ; i = (i + 1) & mask {
		id := x.table[i]
		if id == 0 {
			x.list = append(x.list, want)
			x.table[i] = int32(len(x.list) - 1)
			return exprID(len(x.list) - 1)
		}
		if x.list[id] == want {
			return exprID(id)
		}
	}
}

func (x *exprs) grow() {
	x.table = make([]int32, 2*len(x.table))
	mask := uint32(len(x.table) - 1)
	for id := 1; id < len(x.list); id++ {
		i := hashExpr(x.list[id]) & mask
		for x.table[i] != 0 {
			i = (i + 1) & mask
		}
		x.table[i] = int32(id)
	}
}

func hashExpr(e expr) uint32 {
	h := uint64(e.op)<<58 ^ uint64(uint32(e.l))<<29 ^ uint64(uint32(e.r))
	h *= 0x9e3779b97f4a7c15
	return uint32(h >> 32)
}

func (x *exprs) symbol(s symID) exprID { return x.intern(opSymbol, int32(s), 0) }

func (x *exprs) not(e exprID) exprID { return x.intern(opNot, int32(e), 0) }

func (x *exprs) compare(op exprOp, l, r symID) exprID { return x.intern(op, int32(l), int32(r)) }

func (x *exprs) and(l, r exprID) exprID {
	if l == 0 {
		return r
	}
	if r == 0 {
		return l
	}
	return x.intern(opAnd, int32(l), int32(r))
}

func (x *exprs) or(l, r exprID) exprID {
	if l == 0 {
		return r
	}
	if r == 0 {
		return l
	}
	return x.intern(opOr, int32(l), int32(r))
}

// isYes says that an expression is y by its form.
func (x *exprs) isYes(e exprID) bool {
	return e == 0 || x.list[e] == expr{opSymbol, int32(symYes), 0}
}

// isSymbol gives the symbol that an expression is.
func (x *exprs) isSymbol(e exprID) (symID, bool) {
	n := x.list[e]
	return symID(n.l), n.op == opSymbol
}

// contains says that an expression mentions a symbol.
func (x *exprs) contains(e exprID, s symID) bool {
	if e == 0 {
		return false
	}
	switch n := x.list[e]; n.op {
	case opAnd, opOr:
		return x.contains(exprID(n.l), s) || x.contains(exprID(n.r), s)
	case opNot:
		return x.contains(exprID(n.l), s)
	case opSymbol:
		return symID(n.l) == s
	default:
		return symID(n.l) == s || symID(n.r) == s
	}
}

// depends says that an expression cannot hold while a symbol is n.
func (x *exprs) depends(e exprID, s symID) bool {
	if e == 0 {
		return false
	}
	switch n := x.list[e]; n.op {
	case opAnd:
		return x.depends(exprID(n.l), s) || x.depends(exprID(n.r), s)
	case opSymbol:
		return symID(n.l) == s
	case opEqual:
		return symID(n.l) == s && (symID(n.r) == symYes || symID(n.r) == symModule)
	case opUnequal:
		return symID(n.l) == s && symID(n.r) == symNo
	}
	return false
}
