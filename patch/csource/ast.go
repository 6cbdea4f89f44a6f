package csource

import "strings"

// A Decl is a declared variable or parameter.
type Decl struct {
	Name   string
	Type   string // its words, without stars and qualifiers: "struct foo"
	Stars  int
	Array  bool
	Static bool
	Space  string // __user, __iomem, __rcu, __percpu, if it says so
	Init   *Expr
	// Cleanup is set where the compiler frees it at the end of its scope: __free(kfree).
	Cleanup string
	Line    int
}

// A StmtKind says what a statement is.
type StmtKind uint8

// The kinds of statements.
const (
	Block StmtKind = iota
	If
	While
	DoWhile
	For
	ForEach // a macro with a statement behind it
	Switch
	Case // or default, if Cond is nil
	Label
	Goto
	Return
	Break
	Continue
	Simple // an expression
	Declare
	Empty
)

// A Stmt is a statement.
type Stmt struct {
	Kind  StmtKind
	Line  int
	Last  int
	Cond  *Expr // of if, loops, switch, case
	Init  *Stmt // of for
	Post  *Expr // of for
	Expr  *Expr // of return and of an expression; the macro's call of ForEach
	Body  *Stmt
	Else  *Stmt
	List  []*Stmt // of a block
	Name  string  // of label and goto
	Decls []Decl
}

// An ExprKind says what an expression is.
type ExprKind uint8

// The kinds of expressions.
const (
	Bad     ExprKind = iota // not understood: its tokens
	Name                    // Op is the name
	Literal                 // Op is as it is written
	Call                    // X[0] with the arguments X[1:]
	Index                   // X[0][X[1]]
	Member                  // X[0].Name or X[0]->Name; Op is "." or "->"
	Unary                   // Op X[0]
	Postfix                 // X[0] Op
	Binary                  // X[0] Op X[1]
	Assign                  // X[0] Op X[1], Op is "=", "+=" …
	Ternary                 // X[0] ? X[1] : X[2]; X[1] may be nil
	Cast                    // (type) X[0]
	Sizeof                  // of X[0], or of a type if there is none; Op is the word
	Comma                   // X[0], X[1]
	Braces                  // an initialiser or a compound literal
	Inner                   // a statement expression
	Type                    // a type as an argument of a macro
)

// An Expr is an expression.
type Expr struct {
	Kind ExprKind
	Op   string
	Name string // of the member
	X    []*Expr
	Body *Stmt // of a statement expression
	Line int
	toks []Token
}

// String gives the expression as it is written, with single blanks where words meet.
func (e *Expr) String() string {
	if e == nil {
		return ""
	}
	return join(e.toks)
}

func join(t []Token) string {
	if len(t) == 1 {
		return t[0].Text
	}
	var b strings.Builder
	word := false
	for _, tok := range t {
		is := tok.Kind != Punct
		if is && word {
			b.WriteByte(' ')
		}
		b.WriteString(tok.Text)
		word = is
	}
	return b.String()
}

// Callee is the name of what is called; empty if the expression is no call, or calls
// through a pointer.
func (e *Expr) Callee() string {
	if e != nil && e.Kind == Call && e.X[0].Kind == Name {
		return e.X[0].Op
	}
	return ""
}

// Arg is the argument of a call, from 0; nil if there are not so many.
func (e *Expr) Arg(i int) *Expr {
	if e.Kind != Call || i < 0 || i+1 >= len(e.X) {
		return nil
	}
	return e.X[i+1]
}

// Args are all arguments of a call.
func (e *Expr) Args() []*Expr {
	if e.Kind != Call {
		return nil
	}
	return e.X[1:]
}

// Bare takes parentheses, casts and the hints of likely and unlikely off an expression.
// Parentheses are none in the tree.
func (e *Expr) Bare() *Expr {
	for e != nil {
		switch {
		case e.Kind == Cast && len(e.X) == 1:
			e = e.X[0]
		case len(e.X) == 2 && (e.Callee() == "likely" || e.Callee() == "unlikely"):
			e = e.X[1]
		default:
			return e
		}
	}
	return e
}

// Walk visits an expression and all below, the outer first; what visit says false to is
// not entered. Statement expressions are entered.
func (e *Expr) Walk(visit func(*Expr) bool) {
	if e == nil || !visit(e) {
		return
	}
	for _, x := range e.X {
		x.Walk(visit)
	}
	e.Body.Walk(func(s *Stmt) bool {
		s.Exprs(func(x *Expr) { x.Walk(visit) })
		return true
	})
}

// Walk visits a statement and all below, in their order.
func (s *Stmt) Walk(visit func(*Stmt) bool) {
	if s == nil || !visit(s) {
		return
	}
	s.Init.Walk(visit)
	for _, t := range s.List {
		t.Walk(visit)
	}
	s.Body.Walk(visit)
	s.Else.Walk(visit)
}

// Exprs gives the expressions of the statement itself, not those of statements below.
func (s *Stmt) Exprs(visit func(*Expr)) {
	for _, e := range []*Expr{s.Cond, s.Expr, s.Post} {
		if e != nil {
			visit(e)
		}
	}
	for i := range s.Decls {
		if s.Decls[i].Init != nil {
			visit(s.Decls[i].Init)
		}
	}
}
