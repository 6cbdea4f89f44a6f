package flaw

import (
	"strings"

	"ringside/patch/csource"
)

// calls visits the calls of an expression in the order in which they are made.
func calls(e *csource.Expr, visit func(*csource.Expr)) {
	if e == nil || e.Kind == csource.Sizeof {
		return
	}
	for _, x := range e.X {
		calls(x, visit)
	}
	if e.Kind == csource.Inner {
		e.Body.Walk(func(s *csource.Stmt) bool {
			s.Exprs(func(x *csource.Expr) { calls(x, visit) })
			return true
		})
	}
	if e.Kind == csource.Call {
		visit(e)
	}
}

// assigned are the variables that an expression gives another value.
func assigned(e *csource.Expr) []string {
	var out []string
	e.Walk(func(x *csource.Expr) bool {
		switch {
		case x.Kind == csource.Assign, x.Kind == csource.Postfix, x.Kind == csource.Unary && (x.Op == "++" || x.Op == "--"):
			if x.X[0].Kind == csource.Name {
				out = append(out, x.X[0].Op)
			}
		case x.Kind == csource.Call && csource.IsLoop(x.Callee()):
			for _, a := range x.Args() {
				if a.Kind == csource.Name {
					out = append(out, a.Op)
				}
			}
		}
		return true
	})
	return out
}

// An outcome is how a function ends.
type outcome uint8

const (
	unsure outcome = iota
	success
	failure
)

// ends says how a function ends at an exit.
func (c *context) ends(n *csource.Node, know known) outcome {
	if n.Expr == nil {
		return unsure
	}
	e := n.Expr.Bare()
	may := value(e, know)
	pointer := strings.Contains(c.fn.Result, "*")
	boolean := strings.HasSuffix(c.fn.Result, "bool")
	switch {
	case boolean:
		return unsure
	case pointer && may == zero, may == neg:
		return failure
	case !pointer && e.Kind == csource.Name && may == neg|pos: // "if (ret) goto out;"
		return failure
	case may == zero || may == pos && pointer:
		return success
	case e.Kind == csource.Name && strings.HasPrefix(e.Op, "VM_FAULT_") || e.Kind == csource.Name && strings.HasPrefix(e.Op, "BLK_STS_"):
		return failure
	}
	return unsure
}

// survey finds out what a file says of its own functions.
func survey(f *csource.File) *facts {
	s := &facts{sleeps: map[string]string{}, errs: map[string]bool{}, nulls: map[string]bool{}, defined: map[string]bool{}, calls: map[string]map[string]bool{}, touches: map[string]map[string]bool{}, locks: lockTable()}
	for _, fn := range f.Funcs {
		s.touched(fn)
	}
	// A function that calls one that touches a lock on its own level does, too; a second
	// round is enough for what is written.
	for _, fn := range f.Funcs {
		s.touched(fn)
	}
	for _, fn := range f.Funcs {
		if why := sleepsSurely(s, fn); why != "" {
			s.sleeps[fn.Name] = why
		}
		if strings.Contains(fn.Result, "*") {
			s.results(fn)
		}
		s.defined[fn.Name] = true
	}
	return s
}

// touched finds out which classes of locks a function gives back before it takes them, or
// still has at its end, as far as the order of the text says it.
func (s *facts) touched(fn *csource.Func) {
	if s.calls[fn.Name] == nil {
		s.calls[fn.Name] = map[string]bool{}
	}
	first, last := map[string]bool{}, map[string]bool{} // released first; taken last
	seen := map[string]bool{}
	note := func(class string, release bool) {
		if !seen[class] {
			seen[class], first[class] = true, release
		}
		last[class] = !release
	}
	fn.Body().Walk(func(st *csource.Stmt) bool {
		st.Exprs(func(e *csource.Expr) {
			calls(e, func(x *csource.Expr) {
				name := x.Callee()
				s.calls[fn.Name][name] = true
				if op, ok := s.locks[name]; ok {
					note(op.class, op.release)
				}
				for class := range s.touches[name] {
					first[class] = true
				}
			})
		})
		return true
	})
	for _, list := range []map[string]bool{first, last} {
		for class, yes := range list {
			if yes {
				if s.touches[fn.Name] == nil {
					s.touches[fn.Name] = map[string]bool{}
				}
				s.touches[fn.Name][class] = true
			}
		}
	}
}

// sleepsSurely tells what a function calls that may sleep, on its own level: not behind a
// condition, and not after it has given back a lock of its caller.
func sleepsSurely(s *facts, fn *csource.Func) string {
	held := map[string]bool{}
	for _, st := range fn.Body().List {
		switch st.Kind {
		case csource.Simple, csource.Declare:
		case csource.If:
			if st.Else == nil && returns(st.Body) {
				continue
			}
			return ""
		default:
			return ""
		}
		why, stop := "", false
		st.Exprs(func(e *csource.Expr) {
			calls(e, func(x *csource.Expr) {
				name := x.Callee()
				if op, ok := s.locks[name]; ok && op.release && !held[op.class] {
					stop = true
				} else if ok && !op.release {
					held[op.class] = true
				}
				arg, alloc := allocating[name]
				if why == "" && !stop && (sleeping[name] || alloc && sleepingFlags(x.Arg(arg))) && name != "might_sleep_if" {
					why = name + "()"
				}
			})
		})
		if stop || why != "" {
			return why
		}
	}
	return ""
}

// returns tells whether a statement ends with a return.
func returns(s *csource.Stmt) bool {
	if s != nil && s.Kind == csource.Block && len(s.List) > 0 {
		s = s.List[len(s.List)-1]
	}
	return s != nil && (s.Kind == csource.Return || s.Kind == csource.Goto)
}

// results looks at what a function that gives a pointer gives where it fails.
func (s *facts) results(fn *csource.Func) {
	if len(fn.Body().List) < 2 {
		s.errs[fn.Name], s.nulls[fn.Name] = false, false
		return // what stands in for a function that is configured out
	}
	null, err, other := false, false, false
	fn.Body().Walk(func(st *csource.Stmt) bool {
		if st.Kind != csource.Return || st.Expr == nil {
			return true
		}
		switch e := st.Expr.Bare(); {
		case e.Kind == csource.Name && e.Op == "NULL":
			null = true
		case e.Callee() == "ERR_PTR" || e.Callee() == "ERR_CAST":
			err = true
		case e.Kind == csource.Name || e.Kind == csource.Member || e.Kind == csource.Unary:
			if e.Kind == csource.Name && fn.Body() != nil && maybeMixed(fn, e.Op) {
				other = true
			}
		default:
			other = true
		}
		return true
	})
	// A function may be there twice, for two configurations.
	s.errs[fn.Name] = err && !null && !other && (!s.defined[fn.Name] || s.errs[fn.Name])
	s.nulls[fn.Name] = null && !err && !other && (!s.defined[fn.Name] || s.nulls[fn.Name])
}

// maybeMixed tells whether a variable that is returned gets its value from a call or an
// error, so that it may be any of both.
func maybeMixed(fn *csource.Func, name string) bool {
	mixed := false
	look := func(e *csource.Expr) {
		b := e.Bare()
		if b.Kind == csource.Call && !nullOnFailure[b.Callee()] || b.Kind == csource.Ternary {
			mixed = true
		}
	}
	fn.Body().Walk(func(st *csource.Stmt) bool {
		for i := range st.Decls {
			if st.Decls[i].Name == name && st.Decls[i].Init != nil {
				look(st.Decls[i].Init)
			}
		}
		st.Exprs(func(e *csource.Expr) {
			e.Walk(func(x *csource.Expr) bool {
				if x.Kind == csource.Assign && x.X[0].Kind == csource.Name && x.X[0].Op == name {
					look(x.X[1])
				}
				return true
			})
		})
		return true
	})
	return mixed
}
