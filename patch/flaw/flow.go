package flaw

import (
	"slices"
	"strings"

	"ringside/patch/csource"
)

// A sign is a set of what a value may be. A pointer that holds an error is below zero.
type sign uint8

const (
	neg sign = 1 << iota
	zero
	pos
	anything = neg | zero | pos
)

// known is what a path has found out of expressions, by how they are written. It is a small
// list in the order of its keys and never changed in place.
type known []constraint

type constraint struct {
	key string
	may sign
}

func (k known) get(key string) sign {
	for i := range k {
		if k[i].key == key {
			return k[i].may
		}
	}
	return anything
}

func (k known) set(key string, may sign) known {
	out := make(known, 0, len(k)+1)
	for _, c := range k {
		if c.key != key {
			out = append(out, c)
		}
	}
	if may != anything && len(out) < maxKnown {
		at, _ := slices.BinarySearchFunc(out, key, func(c constraint, key string) int { return strings.Compare(c.key, key) })
		out = slices.Insert(out, at, constraint{key, may})
	}
	return out
}

// forget drops all that mentions a name.
func (k known) forget(name string) known {
	if !slices.ContainsFunc(k, func(c constraint) bool { return mentions(c.key, name) }) {
		return k
	}
	return slices.DeleteFunc(slices.Clone(k), func(c constraint) bool {
		return mentions(c.key, name) && !strings.HasPrefix(c.key, pending)
	})
}

// join keeps what both know.
func (k known) join(other known) known {
	var out known
	for _, c := range k {
		if may := c.may | other.get(c.key); may != anything {
			out = append(out, constraint{c.key, may})
		}
	}
	return out
}

func (k known) same(other known) bool { return slices.Equal(k, other) }

// has tells whether an expression has another as a whole.
func has(text, part string) bool {
	for {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		if end := i + len(part); (i == 0 || !wordByte(text[i-1])) && (end == len(text) || !wordByte(text[end])) {
			return true
		}
		text = text[i+1:]
	}
}

// mentions tells whether an expression has a name as a word.
func mentions(text, name string) bool {
	for i := 0; name != ""; {
		j := strings.Index(text[i:], name)
		if j < 0 {
			return false
		}
		j += i
		end := j + len(name)
		if (j == 0 || !wordByte(text[j-1])) && (end == len(text) || !wordByte(text[end])) {
			// The name of a member is another's.
			if j == 0 || text[j-1] != '.' && (j < 2 || text[j-2:j] != "->") {
				return true
			}
		}
		i = end
	}
	return false
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// Bounds of an analysis.
const (
	maxKnown  = 64
	maxStates = 24 // properties at a node
	maxSteps  = 60000
)

// A state is what a rule follows, with what is known where it is so.
type state struct {
	prop string
	know known
}

// A machine is a rule that follows a property along all paths. Two paths that have the same
// property at a node go on as one, with what both know (property simulation, after Das,
// Lerner and Seigle): "if (a) lock(); … if (a) unlock();" stays two, the rest does not
// explode.
type machine interface {
	// step gives the states after a node; most have one.
	step(n *csource.Node, s state) []state
	// branch gives the property on an edge of a branch or loop.
	branch(n *csource.Node, e csource.Edge, s state) state
	// exit is told how the function ends.
	exit(n *csource.Node, s state)
}

// run follows all paths. It gives false where there are too many.
func run(g *csource.Graph, first string, m machine) bool {
	type item struct {
		n    *csource.Node
		prop string
	}
	at := make([]map[string]known, len(g.Nodes))
	work := []item{{g.Entry, first}}
	at[g.Entry.ID] = map[string]known{first: nil}
	for steps := 0; len(work) > 0; steps++ {
		if steps > maxSteps {
			return false
		}
		it := work[len(work)-1]
		work = work[:len(work)-1]
		cur := state{it.prop, at[it.n.ID][it.prop]}
		for _, s := range m.step(it.n, cur) {
			s.know = settled(learn(it.n, s.know))
			if it.n.Kind == csource.Exit {
				m.exit(it.n, s)
				continue
			}
			for _, e := range it.n.Next {
				know, ok := assume(it.n, e, s.know)
				if !ok {
					continue
				}
				next := m.branch(it.n, e, state{s.prop, know})
				if at[e.To.ID] == nil {
					at[e.To.ID] = map[string]known{}
				}
				old, seen := at[e.To.ID][next.prop]
				if seen {
					if next.know = old.join(next.know); next.know.same(old) {
						continue
					}
				} else if len(at[e.To.ID]) >= maxStates {
					return false
				}
				at[e.To.ID][next.prop] = next.know
				work = append(work, item{e.To, next.prop})
			}
		}
	}
	return true
}

// settled turns what is said of a name that was just assigned into what is known of it.
func settled(k known) known {
	for _, c := range k {
		if name, ok := strings.CutPrefix(c.key, pending); ok {
			k = k.set(c.key, anything).set(name, c.may)
		}
	}
	return k
}

// learn follows the assignments of a node.
func learn(n *csource.Node, k known) known {
	if n.Kind == csource.Init {
		if d := n.Decl; d.Init != nil {
			k = effects(d.Init, k)
			return assign(k.forget(d.Name), d.Name, d.Init)
		}
		return k.forget(n.Decl.Name)
	}
	if n.Kind == csource.Iterate {
		for _, a := range n.Expr.Args() {
			if a.Kind == csource.Name {
				k = k.forget(a.Op)
			}
		}
		return k
	}
	if n.Expr != nil {
		k = effects(n.Expr, k)
	}
	return k
}

// effects follows assignments in an expression, the inner first.
func effects(e *csource.Expr, k known) known {
	if e == nil || e.Kind == csource.Sizeof {
		return k
	}
	if strings.HasPrefix(e.Callee(), "static_branch_") || strings.HasPrefix(e.Callee(), "static_key_") || e.Callee() == "test_bit" {
		return k // they only look
	}
	for _, x := range e.X {
		k = effects(x, k)
	}
	switch {
	case e.Kind == csource.Inner:
		e.Body.Walk(func(s *csource.Stmt) bool {
			s.Exprs(func(x *csource.Expr) { k = effects(x, k) })
			return true
		})
	case e.Kind == csource.Assign && e.Op == "=":
		left := e.X[0].String()
		right := e.X[1]
		for right.Kind == csource.Assign && right.Op == "=" {
			right = right.X[1]
		}
		may := value(right, k)
		k = changed(k, e.X[0]).set(left, may)
		if r := right.Bare(); r.Kind == csource.Unary && r.Op == "-" && r.X[0].Kind == csource.Name {
			k = k.set(left+"=="+r.String(), pos) // "ret = -EAGAIN; … if (ret == -EAGAIN)"
		}
		return k
	case e.Kind == csource.Assign, e.Kind == csource.Postfix,
		e.Kind == csource.Unary && (e.Op == "++" || e.Op == "--"):
		return changed(k, e.X[0])
	case e.Kind == csource.Unary && e.Op == "&" && e.X[0].Kind == csource.Name:
		return k.forget(e.X[0].Op) // others may write to it
	}
	return k
}

// changed forgets what is said of what is assigned to.
func changed(k known, left *csource.Expr) known {
	if left.Kind == csource.Name {
		return k.forget(left.Op)
	}
	text := left.String()
	return slices.DeleteFunc(slices.Clone(k), func(c constraint) bool {
		return has(c.key, text) && !strings.HasPrefix(c.key, pending)
	})
}

func assign(k known, name string, e *csource.Expr) known {
	return k.set(name, value(e, k))
}

// value is what an expression may be.
func value(e *csource.Expr, k known) sign {
	e = e.Bare()
	switch e.Kind {
	case csource.Literal:
		if e.Op == "0" {
			return zero
		}
		return pos
	case csource.Name:
		switch e.Op {
		case "NULL", "false":
			return zero
		case "true":
			return pos
		}
		return k.get(e.Op)
	case csource.Member:
		return k.get(e.String())
	case csource.Assign:
		return value(e.X[1], k)
	case csource.Unary:
		if e.Op == "-" && (e.X[0].Kind == csource.Literal && e.X[0].Op != "0" || e.X[0].Kind == csource.Name && errno(e.X[0].Op)) {
			return neg
		}
		if e.Op == "&" {
			return pos
		}
	case csource.Call:
		name := e.Callee()
		switch {
		case name == "ERR_PTR" || name == "ERR_CAST" || name == "PTR_ERR" || name == "dev_err_probe":
			return neg
		case nullOnFailure[name]:
			return zero | pos
		case errorOnFailure[name]:
			return neg | pos
		}
	}
	return anything
}

func errno(s string) bool { return len(s) > 1 && s[0] == 'E' && strings.ToUpper(s) == s }

// assume adds what an edge of a branch says; false if that cannot be.
func assume(n *csource.Node, e csource.Edge, k known) (known, bool) {
	switch n.Kind {
	case csource.Branch:
		if e.When == csource.Always {
			return k, true
		}
		key, may, ok := test(n.Expr)
		if !ok {
			return k, true
		}
		if e.When == csource.False {
			may = anything &^ may
		}
		now := k.get(key) & may
		if now == 0 {
			return k, false
		}
		return k.set(key, now), true
	case csource.Select:
		if e.Case == nil {
			return k, true
		}
		key, v := strip(n.Expr).String(), value(e.Case, nil)
		if now := k.get(key) & v; now == 0 {
			return k, false
		} else if v != anything {
			return k.set(key, now), true
		}
	}
	return k, true
}

// strip takes casts and an assignment off what is tested.
func strip(e *csource.Expr) *csource.Expr {
	for {
		b := e.Bare()
		if b.Kind == csource.Assign && b.Op == "=" {
			b = b.X[0]
		}
		if b.Kind == csource.Comma && len(b.X) == 2 {
			b = b.X[1]
		}
		if b == e {
			return b
		}
		e = b
	}
}

// test reads a condition: what is asked, and what it may be where the condition holds.
func test(e *csource.Expr) (key string, may sign, ok bool) {
	e = strip(e)
	switch e.Kind {
	case csource.Name, csource.Member, csource.Index:
		return e.String(), neg | pos, true
	case csource.Unary:
		return e.String(), neg | pos, true
	case csource.Call:
		if x := e.Arg(0); x != nil {
			switch e.Callee() {
			case "IS_ERR", "IS_ERR_VALUE":
				return strip(x).String(), neg, true
			case "IS_ERR_OR_NULL":
				return strip(x).String(), neg | zero, true
			case "ZERO_OR_NULL_PTR":
				return strip(x).String(), zero, true
			}
		}
		return e.String(), neg | pos, true
	case csource.Binary:
		return compare(e)
	}
	return "", anything, false
}

func compare(e *csource.Expr) (key string, may sign, ok bool) {
	left, right, op := strip(e.X[0]), strip(e.X[1]), e.Op
	v := value(right, nil)
	if w := value(left, nil); v == anything && w != anything && (left.Kind == csource.Literal || left.Kind == csource.Name) {
		left, right, v = right, left, w
		op = map[string]string{"<": ">", ">": "<", "<=": ">=", ">=": "<="}[op] + map[string]string{"==": "==", "!=": "!="}[op]
	}
	key = left.String()
	if v == zero {
		switch op {
		case "==":
			return key, zero, true
		case "!=":
			return key, neg | pos, true
		case "<":
			return key, neg, true
		case ">":
			return key, pos, true
		case "<=":
			return key, neg | zero, true
		case ">=":
			return key, zero | pos, true
		}
	}
	text := key + op + right.String()
	switch op {
	case "!=":
		return key + "==" + right.String(), zero, true
	case "==", "<", ">", "<=", ">=", "&":
		return text, neg | pos, true
	}
	return e.String(), neg | pos, true
}
