package flaw

import (
	"slices"
	"strconv"
	"strings"

	"ringside/patch/csource"
)

// pairMachine follows a call that has to be undone, as clk_prepare_enable(x).
type pairMachine struct {
	c     *context
	name  string
	key   string // the argument
	p     paired
	leaks []leak
	tidy  int
}

// pairs follows calls whose undoing is in the function, too: it knows that it has to.
func pairs(c *context) bool {
	whole := true
	for _, name := range sorted(c.names) {
		p, ok := pairTable[name]
		if !ok || !slices.ContainsFunc(p.undo, func(u string) bool { return c.names[u] }) {
			continue
		}
		keys := map[string]bool{}
		c.eachCall(func(x *csource.Expr) {
			if x.Callee() == name && x.Arg(p.arg) != nil {
				keys[x.Arg(p.arg).Bare().String()] = true
			}
		})
		for _, key := range sorted(keys) {
			if strings.Contains(key, "[") {
				continue // which one of them it is, is not known
			}
			undoes := false
			c.eachCall(func(x *csource.Expr) {
				if slices.Contains(p.undo, x.Callee()) && x.Arg(p.arg) != nil && x.Arg(p.arg).Bare().String() == key {
					undoes = true
				}
			})
			if !undoes {
				continue
			}
			m := &pairMachine{c: c, name: name, key: key, p: p}
			if !run(c.nodes(), none, m) {
				whole = false
				continue
			}
			m.judge()
		}
	}
	return whole
}

func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// undoes tells whether a function of the file calls one of others.
func (c *context) undoes(name string, undo []string) bool {
	return slices.ContainsFunc(undo, func(u string) bool { return c.calls[name][u] })
}

func (c *context) eachCall(visit func(*csource.Expr)) {
	c.fn.Body().Walk(func(s *csource.Stmt) bool {
		s.Exprs(func(e *csource.Expr) {
			e.Walk(func(x *csource.Expr) bool {
				if x.Kind == csource.Call {
					visit(x)
				}
				return true
			})
		})
		return true
	})
}

func (m *pairMachine) is(x *csource.Expr) bool {
	return x.Callee() == m.name && x.Arg(m.p.arg) != nil && x.Arg(m.p.arg).Bare().String() == m.key
}

func (m *pairMachine) step(n *csource.Node, s state) []state {
	e := n.Expr
	if n.Kind == csource.Init {
		e = n.Decl.Init
	}
	if s.prop != none && changes(n, m.key) {
		s.prop = none // it is another object now
	}
	out := []state{s}
	calls(e, func(x *csource.Expr) {
		switch {
		case m.is(x) && m.p.void:
			out = []state{{owned + strconv.Itoa(x.Line), s.know}}
		case m.is(x):
			out = m.tried(n, x, s)
		case strings.Contains(x.Callee(), "is_enabled") || strings.Contains(x.Callee(), "is_prepared"):
			out = []state{{none, s.know}} // it looks before it undoes
		case slices.Contains(m.p.undo, x.Callee()) || m.c.undoes(x.Callee(), m.p.undo):
			out = []state{{none, s.know}} // of another, too: names differ more than objects
			if s.prop != none {
				m.tidy++
			}
		case s.prop != none && x.Callee() != "" && consumes(x.Callee()) && slices.ContainsFunc(x.Args(), func(a *csource.Expr) bool {
			return mentions(m.key, firstWord(a.Bare().String())) || a.Bare().Kind == csource.Unary && mentions(m.key, firstWord(a.Bare().X[0].String()))
		}):
			// A function that cleans up after the same object may do it.
			out = []state{{none, s.know}}
		}
	})
	return out
}

// changes tells whether a node gives a variable of an expression another value.
func changes(n *csource.Node, key string) bool {
	switch n.Kind {
	case csource.Init:
		return mentions(key, n.Decl.Name)
	case csource.Iterate:
		return slices.ContainsFunc(n.Expr.Args(), func(a *csource.Expr) bool { return a.Kind == csource.Name && mentions(key, a.Op) })
	}
	return slices.ContainsFunc(assigned(n.Expr), func(name string) bool { return mentions(key, name) })
}

// tried follows a call that may fail.
func (m *pairMachine) tried(n *csource.Node, x *csource.Expr, s state) []state {
	var name string
	switch {
	case n.Kind == csource.Branch:
		return []state{s}
	case n.Kind == csource.Init && n.Decl.Init.Bare() == x:
		name = n.Decl.Name
	case n.Kind == csource.Eval && n.Expr.Kind == csource.Assign && n.Expr.X[1].Bare() == x:
		name = n.Expr.X[0].String()
	default:
		return []state{s}
	}
	yes, no := zero, neg|pos
	if m.p.one {
		yes, no = pos, zero
	}
	return []state{
		{owned + strconv.Itoa(x.Line), s.know.set(pending+name, yes)},
		{s.prop, s.know.set(pending+name, no)},
	}
}

func (m *pairMachine) branch(n *csource.Node, e csource.Edge, s state) state {
	if n.Kind != csource.Branch || m.p.void {
		return s
	}
	x, truth := strip(n.Expr), e.When == csource.True
	if x.Kind == csource.Binary && value(x.X[1], nil) == zero && (x.Op == "==" || x.Op == "!=" || x.Op == "<") {
		if x.Op == "==" {
			truth = !truth
		}
		x = x.X[0].Bare()
	} else if b := n.Expr.Bare(); b.Kind == csource.Assign {
		x = b
	}
	if x.Kind == csource.Assign {
		x = x.X[1].Bare()
	}
	if x.Kind == csource.Call && m.is(x) && truth == m.p.one {
		s.prop = owned + strconv.Itoa(x.Line)
	}
	return s
}

func (m *pairMachine) exit(n *csource.Node, s state) {
	if s.prop == none {
		return
	}
	line, err := strconv.Atoi(s.prop[1:])
	if err != nil {
		return
	}
	m.leaks = append(m.leaks, leak{n.Line, line, m.c.ends(n, s.know)})
}

func (m *pairMachine) judge() {
	if m.tidy == 0 {
		return
	}
	rule := "missing-undo"
	switch m.name {
	case "get_device", "dev_hold", "netdev_hold", "sock_hold", "kobject_get", "pci_dev_get", "usb_get_dev", "usb_get_intf", "try_module_get", "of_node_get",
		"pm_runtime_get_sync", "pm_runtime_resume_and_get", "usb_autopm_get_interface":
		rule = "refcount-leak"
	}
	for _, l := range m.leaks {
		if l.kind == failure {
			m.c.found(rule, l.exit, m.name+"("+m.key+")", []Step{{l.taken, m.name + "()"}}, "fails without %s(%s), which undoes %s() of line %d and which other paths call", m.p.undo[0], m.key, m.name, l.taken)
		}
	}
}

// iterMachine follows the variable of a loop that holds a reference for a round.
type iterMachine struct {
	c     *context
	node  *csource.Node
	name  string
	put   string
	macro string
}

func iterators(c *context) bool {
	any := false
	for name := range c.names {
		if _, ok := looping[name]; ok {
			any = true
		}
	}
	if !any {
		return true
	}
	whole := true
	for _, n := range c.nodes().Nodes {
		if n.Kind != csource.Iterate {
			continue
		}
		l, ok := looping[n.Expr.Callee()]
		if !ok || n.Expr.Arg(l.arg) == nil || n.Expr.Arg(l.arg).Kind != csource.Name {
			continue
		}
		m := &iterMachine{c: c, node: n, name: n.Expr.Arg(l.arg).Op, put: l.put, macro: n.Expr.Callee()}
		if !run(c.nodes(), none, m) {
			whole = false
		}
	}
	return whole
}

func (m *iterMachine) step(n *csource.Node, s state) []state {
	if n == m.node {
		s.prop = none
		return []state{s}
	}
	if s.prop == none {
		return []state{s}
	}
	e := n.Expr
	if n.Kind == csource.Init {
		e = n.Decl.Init
	}
	if e == nil {
		return []state{s}
	}
	keep := func(x *csource.Expr) bool {
		b := x.Bare()
		return b.String() == m.name || b.Kind == csource.Ternary && mentions(b.String(), m.name) ||
			b.Kind == csource.Call && (b.Callee() == "of_fwnode_handle" || b.Callee() == "of_node_to_fwnode") && mentions(b.String(), m.name)
	}
	if n.Kind == csource.Init && keep(e) || n.Kind == csource.Exit && (keep(e) || e.Bare().Kind == csource.Call && mentions(e.String(), m.name)) {
		s.prop = none
	}
	e.Walk(func(x *csource.Expr) bool {
		switch {
		case x.Kind == csource.Assign && (keep(x.X[1]) || x.X[0].String() == m.name):
			s.prop = none
		case x.Kind == csource.Braces && slices.ContainsFunc(x.X, keep):
			s.prop = none
		case x.Kind == csource.Call && (x.Callee() == m.put || consumes(x.Callee()) || x.Callee() == "") && slices.ContainsFunc(x.Args(), func(a *csource.Expr) bool {
			return mentions(a.String(), m.name)
		}):
			s.prop = none
		case x.Kind == csource.Call && csource.IsLoop(x.Callee()) && x != m.node.Expr && slices.ContainsFunc(x.Args(), keep) && looping[x.Callee()].put == "":
			s.prop = none
		}
		return true
	})
	return []state{s}
}

func (m *iterMachine) branch(n *csource.Node, e csource.Edge, s state) state {
	if n == m.node {
		s.prop = none
		if e.When == csource.True {
			s.prop = owned + strconv.Itoa(n.Line)
		}
	}
	return s
}

func (m *iterMachine) exit(n *csource.Node, s state) {
	if s.prop != none {
		m.c.found("iterator-leak", n.Line, m.name, []Step{{m.node.Line, m.macro}}, "leaves %s of line %d without %s(%s): the reference of that round is never put", m.macro, m.node.Line, m.put, m.name)
	}
}
