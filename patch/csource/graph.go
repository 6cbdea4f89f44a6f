package csource

import "strings"

// When says on which outcome of a branch an edge is taken.
type When uint8

// The outcomes.
const (
	Always When = iota
	True
	False
)

// An Edge leads to a node.
type Edge struct {
	To   *Node
	When When
	Case *Expr // of a switch: the value; nil of its default
}

// A NodeKind says what a node is.
type NodeKind uint8

// The kinds of nodes.
const (
	Join    NodeKind = iota // nothing happens
	Eval                    // Expr is evaluated
	Init                    // Decl is declared
	Branch                  // Expr decides; without && || and !
	Iterate                 // Expr is the call of a looping macro: True is one round, False the end
	Select                  // Expr is what a switch asks
	Exit                    // the function returns Expr, nil if nothing
)

// A Node is a step of a function.
type Node struct {
	ID   int
	Kind NodeKind
	Expr *Expr
	Decl *Decl
	Line int
	Next []Edge

	in int // how many edges lead to it
}

// A Graph is the flow of control of a function. && and || in conditions are branches of
// their own. Calls that do not return end a path.
type Graph struct {
	Entry *Node
	Nodes []*Node
}

// Loops tells whether a path may come to a node again.
func (g *Graph) Loops() bool {
	const (
		fresh = iota
		open
		done
	)
	state := make([]uint8, len(g.Nodes))
	type frame struct{ n, next int }
	stack := []frame{{n: g.Entry.ID}}
	state[g.Entry.ID] = open
	for len(stack) > 0 {
		f := &stack[len(stack)-1]
		edges := g.Nodes[f.n].Next
		if f.next == len(edges) {
			state[f.n] = done
			stack = stack[:len(stack)-1]
			continue
		}
		to := edges[f.next].To.ID
		f.next++
		switch state[to] {
		case open:
			return true
		case fresh:
			state[to] = open
			stack = append(stack, frame{n: to})
		}
	}
	return false
}

// Graph gives the function's flow of control.
func (fn *Func) Graph() *Graph {
	b := builder{labels: map[string]*Node{}}
	entry := b.node(Join, fn.Line)
	end := b.stmt(fn.Body(), entry)
	if end != nil {
		exit := b.node(Exit, fn.Last)
		b.edge(end, exit, Always)
	}
	return &Graph{Entry: entry, Nodes: b.nodes}
}

type builder struct {
	nodes  []*Node
	labels map[string]*Node
	breaks []*Node // where break leads to
	conts  []*Node
	sel    []*Node // the switches that are open
	dflt   []bool  // they have a default
}

func (b *builder) node(kind NodeKind, line int) *Node {
	n := &Node{ID: len(b.nodes), Kind: kind, Line: line}
	b.nodes = append(b.nodes, n)
	return n
}

func (b *builder) edge(from, to *Node, when When) {
	from.Next = append(from.Next, Edge{To: to, When: when})
	to.in++
}

// then makes a node that follows; where nothing leads to it, it is there all the same, for
// what labels in it lead to.
func (b *builder) then(from *Node, kind NodeKind, line int) *Node {
	n := b.node(kind, line)
	if from != nil {
		b.edge(from, n, Always)
	}
	return n
}

func (b *builder) label(name string, line int) *Node {
	n := b.labels[name]
	if n == nil {
		n = b.node(Join, line)
		b.labels[name] = n
	}
	return n
}

// stmt builds a statement after a node and gives the node that it ends with; nil where it
// does not end.
func (b *builder) stmt(s *Stmt, cur *Node) *Node {
	if s == nil {
		return cur
	}
	if cur == nil && !hasEntry(s) {
		return nil
	}
	switch s.Kind {
	case Block:
		for _, t := range s.List {
			cur = b.stmt(t, cur)
		}
	case Simple:
		return b.eval(s, cur)
	case Declare:
		for i := range s.Decls {
			cur = b.then(cur, Init, s.Decls[i].Line)
			cur.Decl = &s.Decls[i]
		}
	case If:
		yes, no, after := b.node(Join, s.Line), b.node(Join, s.Line), b.node(Join, s.Last)
		b.cond(s.Cond, cur, yes, no, 0)
		b.leads(b.stmt(s.Body, yes), after)
		b.leads(b.stmt(s.Else, no), after)
		return b.reached(after)
	case While, DoWhile, For, ForEach:
		return b.loop(s, cur)
	case Switch:
		return b.choice(s, cur)
	case Case:
		n := b.node(Join, s.Line)
		if cur != nil {
			b.edge(cur, n, Always)
		}
		if k := len(b.sel); k > 0 {
			b.sel[k-1].Next = append(b.sel[k-1].Next, Edge{To: n, Case: s.Cond})
			n.in++
			if s.Cond == nil {
				b.dflt[k-1] = true
			}
		}
		return n
	case Label:
		n := b.label(s.Name, s.Line)
		n.Line = s.Line
		b.leads(cur, n)
		return n
	case Goto:
		if s.Name == "*" {
			return nil
		}
		b.leads(cur, b.label(s.Name, s.Line))
		return nil
	case Return:
		n := b.then(cur, Exit, s.Line)
		n.Expr = s.Expr
		return nil
	case Break:
		if k := len(b.breaks); k > 0 {
			b.leads(cur, b.breaks[k-1])
		}
		return nil
	case Continue:
		if k := len(b.conts); k > 0 {
			b.leads(cur, b.conts[k-1])
		}
		return nil
	}
	return cur
}

// hasEntry tells whether something leads into a statement from elsewhere.
func hasEntry(s *Stmt) bool {
	found := false
	s.Walk(func(t *Stmt) bool {
		found = found || t.Kind == Label || t.Kind == Case
		return !found
	})
	return found
}

func (b *builder) leads(from, to *Node) {
	if from != nil {
		b.edge(from, to, Always)
	}
}

// reached gives the node if something leads to it.
func (b *builder) reached(n *Node) *Node {
	if n.in == 0 {
		return nil
	}
	return n
}

// eval builds an expression statement.
func (b *builder) eval(s *Stmt, cur *Node) *Node {
	e := s.Expr
	switch name := e.Callee(); {
	case name == "BUG_ON" || name == "VM_BUG_ON" || name == "J_ASSERT" || name == "ASSERT":
		if x := e.Arg(0); x != nil {
			stop, on := b.node(Join, s.Line), b.node(Join, s.Line)
			if name == "J_ASSERT" || name == "ASSERT" {
				b.cond(x, cur, on, stop, 0)
			} else {
				b.cond(x, cur, stop, on, 0)
			}
			return on
		}
	case noReturn[name]:
		b.then(cur, Eval, s.Line).Expr = e
		return nil
	}
	n := b.then(cur, Eval, s.Line)
	n.Expr = e
	return n
}

// noReturn are functions after which a path ends.
var noReturn = map[string]bool{
	"BUG": true, "panic": true, "unreachable": true, "__builtin_unreachable": true, "do_exit": true, "make_task_dead": true,
	"nmi_panic": true, "do_group_exit": true, "machine_halt": true, "kthread_exit": true, "kthread_complete_and_exit": true,
	"complete_and_exit": true, "module_put_and_exit": true, "module_put_and_kthread_exit": true, "hang": true, "xmon_panic": true,
	"BUILD_BUG": true, "fortify_panic": true, "unsafe_op_wrap": true,
}

// cond builds a condition after a node: it leads to yes or no.
func (b *builder) cond(e *Expr, cur, yes, no *Node, depth int) {
	if cur == nil {
		return
	}
	x := e.Bare()
	if x == nil {
		b.edge(cur, yes, Always)
		return
	}
	if depth < maxDepth {
		switch {
		case x.Kind == Unary && x.Op == "!":
			b.cond(x.X[0], cur, no, yes, depth+1)
			return
		case x.Kind == Binary && x.Op == "&&":
			mid := b.node(Join, x.Line)
			b.cond(x.X[0], cur, mid, no, depth+1)
			b.cond(x.X[1], mid, yes, no, depth+1)
			return
		case x.Kind == Binary && x.Op == "||":
			mid := b.node(Join, x.Line)
			b.cond(x.X[0], cur, yes, mid, depth+1)
			b.cond(x.X[1], mid, yes, no, depth+1)
			return
		case warns(x.Callee()) && x.Arg(0) != nil:
			b.cond(x.Arg(0), cur, yes, no, depth+1)
			return
		}
	}
	switch {
	case x.Kind == Literal && (x.Op == "1" || x.Op == "true"), x.Kind == Name && x.Op == "true":
		b.edge(cur, yes, Always)
		return
	case x.Kind == Literal && x.Op == "0", x.Kind == Name && x.Op == "false":
		b.edge(cur, no, Always)
		return
	}
	n := b.then(cur, Branch, x.Line)
	n.Expr = x
	b.edge(n, yes, True)
	b.edge(n, no, False)
}

// warns tells whether a macro gives back its argument and complains of it.
func warns(name string) bool {
	return name == "WARN_ON" || name == "WARN_ON_ONCE" || name == "WARN" || name == "WARN_ONCE" || name == "WARN_ON_SMP" ||
		strings.HasSuffix(name, "_WARN_ON") || strings.HasSuffix(name, "_WARN_ON_ONCE") || name == "VM_WARN_ON_ONCE"
}

func (b *builder) loop(s *Stmt, cur *Node) *Node {
	if s.Init != nil {
		cur = b.stmt(s.Init, cur)
	}
	head, body, after := b.node(Join, s.Line), b.node(Join, s.Line), b.node(Join, s.Last)
	next := head
	if s.Kind == For && s.Post != nil {
		next = b.node(Eval, s.Line)
		next.Expr = s.Post
		b.edge(next, head, Always)
	}
	switch s.Kind {
	case ForEach:
		head.Kind, head.Expr = Iterate, s.Expr
		b.edge(head, body, True)
		b.edge(head, after, False)
		b.leads(cur, head)
	case DoWhile:
		b.leads(cur, body)
		next = b.node(Join, s.Last)
		b.cond(s.Cond, next, body, after, 0)
	default:
		b.leads(cur, head)
		b.cond(s.Cond, head, body, after, 0)
	}
	b.breaks, b.conts = append(b.breaks, after), append(b.conts, next)
	b.leads(b.stmt(s.Body, body), next)
	b.breaks, b.conts = b.breaks[:len(b.breaks)-1], b.conts[:len(b.conts)-1]
	return b.reached(after)
}

func (b *builder) choice(s *Stmt, cur *Node) *Node {
	sel, after := b.then(cur, Select, s.Line), b.node(Join, s.Last)
	sel.Expr = s.Cond
	b.sel, b.dflt = append(b.sel, sel), append(b.dflt, false)
	b.breaks = append(b.breaks, after)
	b.leads(b.stmt(s.Body, nil), after)
	if !b.dflt[len(b.dflt)-1] {
		b.edge(sel, after, Always)
	}
	b.sel, b.dflt, b.breaks = b.sel[:len(b.sel)-1], b.dflt[:len(b.dflt)-1], b.breaks[:len(b.breaks)-1]
	return b.reached(after)
}
