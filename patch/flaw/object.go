package flaw

import (
	"slices"
	"strconv"
	"strings"

	"ringside/patch/csource"
)

// What may be the property of an object that a variable leads to: the letter and the line
// where that began.
const (
	none    = ""
	owned   = "o" // the function has to give it back
	shared  = "s" // others may have it, too
	gone    = "f" // freed, or given away for good
	guarded = "r" // RCU protects it
	lapsed  = "l" // RCU does not protect it any more
)

// objectMachine follows one object through a function.
type objectMachine struct {
	c    *context
	name string // the variable, or an expression of members
	head string // its first word
	own  owning // of what it gets; empty if it is only freed here
	from string // the function that gives it
	// local is a variable of the function, which nobody else sees.
	local bool
	freed bool // the function frees it somewhere
	leaks []leak
	rcu   bool
}

type leak struct {
	exit, taken int
	kind        outcome
}

// maxFollowed is how large a function may be for an object to be followed in it whose
// owner may change: in larger ones it depends on more than is known of a path.
const maxFollowed = 400

// objects follows what a function is given or frees.
func objects(c *context) bool {
	type target struct {
		name, from string
		own        owning
		rcu        bool
	}
	var list []target
	add := func(t target) {
		if t.name != "" && len(list) < 64 && !slices.ContainsFunc(list, func(o target) bool { return o.name == t.name && o.from == t.from }) {
			list = append(list, t)
		}
	}
	note := func(left *csource.Expr, name string, right *csource.Expr) {
		right = right.Bare()
		if left != nil {
			name = place(left)
		}
		from := right.Callee()
		if from == "" || name == "" {
			return
		}
		own, ok := owningOf(from)
		switch {
		case strings.HasPrefix(from, "rcu_dereference") && from != "rcu_dereference_protected" && from != "rcu_dereference_raw" && from != "rcu_dereference_rtnl":
			add(target{name: name, from: from, rcu: true})
		case ok, unchecked[from]:
			add(target{name: name, from: from, own: own})
		}
	}
	c.fn.Body().Walk(func(s *csource.Stmt) bool {
		for i := range s.Decls {
			if s.Decls[i].Init != nil && s.Decls[i].Cleanup == "" && !s.Decls[i].Static {
				note(nil, s.Decls[i].Name, s.Decls[i].Init)
			}
		}
		s.Exprs(func(e *csource.Expr) {
			e.Walk(func(x *csource.Expr) bool {
				if x.Kind == csource.Assign && x.Op == "=" {
					note(x.X[0], "", x.X[1])
				}
				if arg, ok := frees[x.Callee()]; ok && x.Arg(arg) != nil {
					if name := place(x.Arg(arg).Bare()); name != "" && !slices.ContainsFunc(list, func(o target) bool { return o.name == name }) {
						add(target{name: name, from: ""})
					}
				}
				return true
			})
		})
		return true
	})
	whole := true
	for _, t := range list {
		m := &objectMachine{c: c, name: t.name, head: firstWord(t.name), own: t.own, from: t.from, rcu: t.rcu}
		d := c.vars[t.name]
		if d != nil && (d.Cleanup != "" || d.Static) {
			continue
		}
		m.local = d != nil && !slices.ContainsFunc(c.fn.Params, func(p csource.Decl) bool { return p.Name == t.name })
		for name := range c.names {
			if m.frees(name) {
				m.freed = true
			}
		}
		if !run(c.nodes(), none, m) {
			whole = false
			continue
		}
		m.judge()
	}
	return whole
}

// place is an expression that can be followed: a variable, or members of one.
func place(e *csource.Expr) string {
	for x := e; ; x = x.X[0] {
		switch x.Kind {
		case csource.Name:
			return e.String()
		case csource.Member:
		default:
			return ""
		}
	}
}

func firstWord(s string) string {
	i := 0
	for i < len(s) && wordByte(s[i]) {
		i++
	}
	return s[:i]
}

func (m *objectMachine) frees(name string) bool { return slices.Contains(m.own.free, name) }

func (m *objectMachine) step(n *csource.Node, s state) []state {
	o := &object{m: m, kind: none, know: s.know}
	if s.prop != none {
		o.kind = s.prop[:1]
		o.line, _ = strconv.Atoi(s.prop[1:])
	}
	switch {
	case n.Kind == csource.Init:
		if n.Decl.Init != nil {
			o.eval(n.Decl.Init, true)
			o.assign(n.Decl.Name, n.Decl.Init, n.Line)
		} else if n.Decl.Name == m.head {
			o.kind = none
		}
	case n.Kind == csource.Exit && n.Expr != nil:
		o.eval(n.Expr, true)
		if mentions(n.Expr.String(), m.name) && n.Expr.Bare().Kind != csource.Call && (o.kind == owned || o.kind == shared) {
			o.kind = none
		}
		if b := n.Expr.Bare(); b.Kind == csource.Call && o.kind == owned && slices.ContainsFunc(b.Args(), func(a *csource.Expr) bool { return mentions(a.String(), m.name) }) && b.Callee() != "PTR_ERR" {
			o.kind = none
		}
	case n.Kind == csource.Iterate:
		for _, a := range n.Expr.Args() {
			if a.Kind == csource.Name && a.Op == m.head {
				o.kind = none
			}
		}
	case n.Expr != nil:
		o.eval(n.Expr, true)
	}
	prop := none
	if o.kind != none {
		prop = o.kind + strconv.Itoa(o.line)
	}
	return []state{{prop, s.know}}
}

func (m *objectMachine) branch(n *csource.Node, _ csource.Edge, s state) state {
	if n.Kind == csource.Branch && s.prop != none {
		// "if (buf != onstack) kfree(buf)": whose it is depends on what it is.
		if x := strip(n.Expr); x.Kind == csource.Binary && (x.Op == "==" || x.Op == "!=") {
			l, r := strip(x.X[0]), strip(x.X[1])
			if l.String() == m.name && value(r, nil) != zero || r.String() == m.name && value(l, nil) != zero {
				s.prop = none
			}
		}
	}
	// What is not there need not be given back.
	if s.prop != none && (s.prop[:1] == owned || s.prop[:1] == shared) {
		if may := s.know.get(m.name); may&^m.absent() == 0 {
			s.prop = none
		}
	}
	return s
}

// absent are the values that mean that there is nothing.
func (m *objectMachine) absent() sign {
	if errorOnFailure[m.from] {
		return neg
	}
	return neg | zero
}

func (m *objectMachine) exit(n *csource.Node, s state) {
	if s.prop == none {
		return
	}
	if s.prop[:1] == owned {
		if taken, err := strconv.Atoi(s.prop[1:]); err == nil {
			m.leaks = append(m.leaks, leak{n.Line, taken, m.c.ends(n, s.know)})
		}
	}
}

func (m *objectMachine) judge() {
	if !m.local || m.own.rule == "" || len(m.leaks) == 0 || !m.own.strict && len(m.c.nodes().Nodes) > maxFollowed {
		return
	}
	for _, l := range m.leaks {
		switch {
		case m.own.strict && (m.freed || l.kind != unsure || !strings.Contains(m.c.fn.Result, "*")):
		case l.kind == failure:
		default:
			continue
		}
		m.c.found(m.own.rule, l.exit, m.name, []Step{{l.taken, m.from + "()"}}, "returns without %s(%s), which %s() gave at line %d", m.own.free[0], m.name, m.from, l.taken)
	}
}

// object is an object while a node is followed.
type object struct {
	m    *objectMachine
	kind string
	line int
	know known
}

// eval follows an expression in the order in which it is evaluated. Top is that its value
// is not used, or only asked for.
func (o *object) eval(e *csource.Expr, top bool) {
	if e == nil {
		return
	}
	m := o.m
	switch e.Kind {
	case csource.Sizeof:
		return
	case csource.Ternary:
		o.eval(e.X[0], true)
		if mentions(e.X[0].String(), m.head) {
			return // its branches are taken for a reason
		}
		o.eval(e.X[1], false)
		o.eval(e.X[2], false)
		o.escape(e.X[1])
		o.escape(e.X[2])
		return
	case csource.Binary:
		o.eval(e.X[0], true)
		if (e.Op == "&&" || e.Op == "||") && mentions(e.X[0].String(), m.head) {
			if m.rcu {
				calls(e.X[1], func(x *csource.Expr) { o.rcuCall(x, x.Callee()) })
			}
			return
		}
		o.eval(e.X[1], true)
		return
	case csource.Assign:
		o.eval(e.X[1], false)
		if left := e.X[0]; left.Kind != csource.Name {
			o.eval(left, true)
		}
		if x := e.X[0].String(); e.Op != "=" && (x == m.name || x == m.head) {
			o.kind = none
		}
		if e.Op == "=" {
			if to := place(e.X[0]); to != "" {
				o.assign(to, e.X[1], e.Line)
				return
			}
			o.escape(e.X[1])
		}
		return
	case csource.Unary:
		if e.Op == "&" {
			// The address of a member is no access.
			if x := e.X[0]; x.Kind == csource.Member && x.String() != m.name && !strings.HasPrefix(m.name, x.String()) {
				o.address(x)
				return
			}
			if x := e.X[0].String(); x == m.name || strings.HasPrefix(m.name, x+".") || strings.HasPrefix(m.name, x+"->") {
				o.kind = none // others may give it another value
			}
			return
		}
		if e.Op == "*" && strip(e.X[0]).String() == m.name {
			o.access(e)
		}
		if x := e.X[0].String(); (e.Op == "++" || e.Op == "--") && (x == m.name || x == m.head) {
			o.kind = none
		}
	case csource.Postfix:
		if x := e.X[0].String(); x == m.name || x == m.head {
			o.kind = none
			return
		}
	case csource.Index:
		if e.X[0].String() == m.name {
			o.access(e)
		}
	case csource.Member:
		if e.Op == "->" && e.X[0].String() == m.name {
			o.access(e)
		}
	case csource.Braces:
		for _, x := range e.X {
			o.eval(x, false)
			o.escape(x)
		}
		return
	case csource.Inner:
		e.Body.Walk(func(s *csource.Stmt) bool {
			s.Exprs(func(x *csource.Expr) { o.eval(x, true) })
			return true
		})
		return
	case csource.Call:
		o.call(e)
		return
	}
	for _, x := range e.X {
		o.eval(x, top)
	}
}

// address follows "&p->a.b": what is between is accessed.
func (o *object) address(x *csource.Expr) {
	for x = x.X[0]; x.Kind == csource.Member && x.String() != o.m.name; x = x.X[0] {
		if x.Op == "->" {
			o.eval(x, true)
			return
		}
	}
}

// access is that what the variable leads to is read or written.
func (o *object) access(e *csource.Expr) {
	m := o.m
	switch o.kind {
	case gone:
		m.c.found("use-after-free", e.Line, m.name, []Step{{o.line, "freed"}}, "%s is used after it was freed at line %d", m.name, o.line)
		o.kind = none
	case lapsed:
		m.c.found("use-after-rcu", e.Line, m.name, []Step{{o.line, "rcu_read_unlock()"}}, "%s is followed after rcu_read_unlock() at line %d: nothing keeps what it leads to", m.name, o.line)
		o.kind = none
	case owned, shared:
		if unchecked[m.from] && o.know.get(m.name)&zero != 0 {
			m.c.found("unchecked-alloc", e.Line, m.name, []Step{{o.line, m.from + "()"}}, "%s is followed without a look at it: %s() at line %d gives NULL where it fails", m.name, m.from, o.line)
			o.kind = none
		}
	}
}

// call follows a call.
func (o *object) call(e *csource.Expr) {
	m, name := o.m, e.Callee()
	if name == "" {
		o.eval(e.X[0], true)
	}
	if name == "READ_ONCE" || name == "WRITE_ONCE" || name == "offsetof" || name == "typeof" || strings.HasPrefix(name, "sizeof") || strings.HasPrefix(name, "IS_ERR") || name == "container_of" {
		if name == "WRITE_ONCE" {
			o.eval(e.Arg(0), true)
			o.escape(e.Arg(1))
		}
		return
	}
	for _, a := range e.Args() {
		o.eval(a, true)
	}
	if m.rcu {
		o.rcuCall(e, name)
		return
	}
	if strings.Contains(name, "ASSERT") || strings.Contains(name, "EXPECT") || strings.Contains(name, "CHECK") {
		o.kind = none
		return
	}
	for i, a := range e.Args() {
		b := a.Bare()
		if o.kind == gone && m.name != m.head && !reads[name] && frees[name] == 0 && !dead[name] && (b.String() == m.head || strings.HasPrefix(m.name, b.String()+"->") || strings.HasPrefix(m.name, b.String()+".")) {
			o.kind = none // what it is a member of may get another
		}
		switch {
		case b.String() == m.name:
			o.passed(e, name, i)
		case o.kind == owned && b.Kind == csource.Unary && b.Op == "&" && strings.HasPrefix(b.X[0].String(), m.name+"->"):
			if keeps(name) || consumes(name) || name == "" {
				o.kind = shared
			}
		case o.kind == owned && b.Kind != csource.Call && mentions(b.String(), m.name) && (keeps(name) || consumes(name)):
			o.kind = shared
		}
	}
}

// passed follows the object into a call.
func (o *object) passed(e *csource.Expr, name string, i int) {
	m := o.m
	if arg, ok := frees[name]; ok && arg == i {
		if o.kind == gone && dead[name] && e.Line > o.line {
			m.c.found("double-free", e.Line, m.name, []Step{{o.line, "freed"}}, "%s is freed a second time; it was at line %d on this path", m.name, o.line)
		}
		if dead[name] {
			o.kind, o.line = gone, e.Line
		} else {
			o.kind = none
		}
		return
	}
	if m.frees(name) {
		o.kind = none
		if m.local {
			m.freed = true
		}
		return
	}
	if o.kind != owned {
		return
	}
	switch {
	case reads[name]:
	case m.own.strict:
		if consumes(name) || name == "of_find_node_by_name" || name == "of_find_compatible_node" || name == "of_find_matching_node" ||
			name == "of_get_next_child" || name == "of_get_next_parent" || name == "of_get_next_available_child" || name == "of_node_to_fwnode" || name == "of_fwnode_handle" || !strings.HasPrefix(name, "of_") {
			o.kind = shared
		}
	case name == "" || consumes(name) || keeps(name):
		o.kind = shared
	case !m.freed:
		o.kind = shared
	}
}

// rcuCall follows calls that matter to a pointer that RCU protects.
func (o *object) rcuCall(e *csource.Expr, name string) {
	switch {
	case name == "rcu_read_unlock" && o.kind == guarded:
		o.kind, o.line = lapsed, e.Line
	case name == "rcu_read_unlock" || o.kind == none:
	case name == "rcu_read_lock" && o.kind == lapsed:
		o.kind = none
	default:
		// A reference to it, or to what holds it, may be taken.
		for _, part := range []string{"get", "hold", "ref", "inc", "lock"} {
			if o.kind == guarded && strings.Contains(name, part) {
				o.kind = none
			}
		}
	}
}

// assign follows that a place gets a value.
func (o *object) assign(to string, right *csource.Expr, line int) {
	m := o.m
	b := right.Bare()
	switch {
	case to == m.name:
		o.kind = none
		switch {
		case m.from != "" && b.Callee() == m.from && !strings.Contains(b.String(), "NOFAIL"):
			o.kind, o.line = owned, line
			if m.rcu {
				o.kind = guarded
			}
		}
	case mentions(m.name, to) || m.head == to:
		o.kind = none // what it is a member of is another now
	default:
		o.escape(right)
		// What a function makes of it may hold it: "q = wrap(p)".
		if d := m.c.vars[to]; o.kind == owned && b.Kind == csource.Call && (d == nil || d.Stars > 0) && !m.own.strict && !reads[b.Callee()] &&
			slices.ContainsFunc(b.Args(), func(a *csource.Expr) bool { return mentions(a.String(), m.name) }) {
			o.kind = shared
		}
	}
}

// escape is that a value is kept elsewhere.
func (o *object) escape(e *csource.Expr) {
	if e == nil || o.kind != owned {
		return
	}
	b := e.Bare()
	if b.Kind == csource.Assign && b.X[0].String() == o.m.name {
		o.kind = none // it goes by another name, too, and may be asked by that
		return
	}
	switch {
	case b.String() == o.m.name,
		b.Kind == csource.Binary && mentions(b.String(), o.m.name),
		b.Kind == csource.Unary && b.Op == "&" && strings.HasPrefix(b.X[0].String(), o.m.name+"->"),
		b.Kind == csource.Ternary && mentions(b.String(), o.m.name),
		b.Kind == csource.Call && b.Callee() != "PTR_ERR" && slices.ContainsFunc(b.Args(), func(a *csource.Expr) bool { return a.Bare().String() == o.m.name }) && !reads[b.Callee()] && !o.m.own.strict && !o.m.freed:
		o.kind = shared
	}
}
