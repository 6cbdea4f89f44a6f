package flaw

import (
	"strings"

	"ringside/patch/csource"
)

// syntactic are the rules that need no paths.
func syntactic(c *context) bool {
	c.fn.Body().Walk(func(s *csource.Stmt) bool {
		for i := range s.Decls {
			if d := &s.Decls[i]; d.Init != nil {
				c.allocSize(d.Name, d.Init)
			}
		}
		if s.Kind == csource.ForEach {
			c.freedCursor(s)
		}
		s.Exprs(func(e *csource.Expr) { c.expression(e) })
		return true
	})
	c.mixups()
	c.lengths()
	c.unasked()
	return true
}

func (c *context) expression(e *csource.Expr) {
	if e == nil {
		return
	}
	switch e.Kind {
	case csource.Sizeof:
		return
	case csource.Assign:
		if e.Op == "=" {
			c.allocSize(e.X[0].String(), e.X[1])
		}
		c.userMember(e.X[0])
	case csource.Binary:
		switch e.Op {
		case "==", "!=", "<", ">", "<=", ">=":
			c.userMember(e.X[0])
			c.userMember(e.X[1])
		}
	case csource.Unary:
		if e.Op == "!" || e.Op == "-" || e.Op == "~" {
			c.userMember(e.X[0])
		}
		if e.Op == "*" && e.X[0].Bare().Kind == csource.Name {
			c.userAccess(e, e.X[0].Bare().Op)
		}
		if e.Op == "&" {
			// An address of user space is computed, not followed.
			x := e.X[0]
			for x.Kind == csource.Member || x.Kind == csource.Index {
				x = x.X[0]
			}
			return
		}
	case csource.Index:
		if e.X[0].Kind == csource.Name {
			c.userAccess(e, e.X[0].Op)
		}
	case csource.Call:
		switch name := e.Callee(); {
		case userAccessors[name], strings.HasPrefix(name, "unsafe_"), strings.HasPrefix(name, "typeof"), strings.HasPrefix(name, "__"), strings.HasSuffix(name, "_user"), name == "offsetof", strings.HasPrefix(name, "user_access"):
			return
		case (name == "debugfs_remove" || name == "debugfs_remove_recursive") && e.Arg(0) != nil && e.Arg(0).Callee() == "debugfs_lookup":
			c.found("refcount-leak", e.Line, name, nil, "the reference that debugfs_lookup() gives is never put: debugfs_lookup_and_remove() does both")
		case name == "memset" || name == "memcpy" || name == "memmove" || name == "strncpy" || name == "strscpy" || name == "strlcpy" || name == "memcmp" || name == "snprintf" || name == "copy_from_user":
			c.bufferSize(e, name)
		}
	}
	for _, x := range e.X {
		c.expression(x)
	}
}

var userAccessors = set("get_user put_user copy_from_user copy_to_user access_ok clear_user strncpy_from_user strnlen_user compat_ptr get_compat_sigset put_compat_sigset futex_atomic_cmpxchg_inatomic READ_ONCE u64_to_user_ptr untagged_addr copy_siginfo_to_user fault_in_readable fault_in_writeable unsafe_get_user unsafe_put_user ARRAY_SIZE")

// userAccess looks whether a pointer that is followed is one of user space.
func (c *context) userAccess(e *csource.Expr, name string) {
	d := c.vars[name]
	if d == nil || d.Space != "__user" || d.Stars == 0 {
		return
	}
	if e.Kind == csource.Unary && d.Stars > 1 || e.Kind == csource.Index && (d.Stars > 1 || d.Array) {
		return // a pointer to such pointers, or a table of them
	}
	c.found("user-pointer", e.Line, name, nil, "%s is a pointer of user space and followed as the kernel's own: %s", name, e)
}

// userMember looks at a member that is read or written for sure. Elsewhere it may be an
// array, whose address is taken.
func (c *context) userMember(e *csource.Expr) {
	if b := e.Bare(); b != nil && b.Kind == csource.Member && b.Op == "->" && b.X[0].Kind == csource.Name {
		c.userAccess(b, b.X[0].Op)
	}
}

// pointer tells whether a name is a variable that is a pointer and no array.
func (c *context) pointer(e *csource.Expr) (*csource.Decl, bool) {
	if e == nil || e.Kind != csource.Name {
		return nil, false
	}
	d := c.vars[e.Op]
	return d, d != nil && d.Stars > 0 && !d.Array
}

// sizeofPointer gives the name of the pointer that an expression is the sizeof of.
func (c *context) sizeofPointer(e *csource.Expr) string {
	e = e.Bare()
	if e == nil || e.Kind != csource.Sizeof || e.Op != "sizeof" || len(e.X) != 1 {
		return ""
	}
	x := e.X[0].Bare()
	if d, ok := c.pointer(x); ok && d.Stars == 1 {
		return x.Op
	}
	return ""
}

// bufferSize looks at memset(p, 0, sizeof(p)).
func (c *context) bufferSize(e *csource.Expr, name string) {
	size := e.Arg(2)
	if name == "snprintf" {
		size = e.Arg(1)
	}
	if size == nil {
		return
	}
	if p := c.sizeofPointer(size); p != "" && (e.Arg(0).Bare().String() == p || e.Arg(1).Bare().String() == p) {
		c.found("sizeof-pointer", e.Line, name+" "+p, nil, "%s(%s) is given the size of the pointer, not of what it leads to", name, e.Arg(0))
	}
}

// allocSize looks at p = kmalloc(sizeof(p)).
func (c *context) allocSize(name string, right *csource.Expr) {
	b := right.Bare()
	fn := b.Callee()
	if owned, ok := owningOf(fn); (!ok || owned.rule != "leak" || !unchecked[fn]) && !strings.HasPrefix(fn, "devm_k") {
		return
	}
	for _, a := range b.Args() {
		if p := c.sizeofPointer(a); p != "" && p == name && !strings.Contains(fn, "dup") {
			c.found("sizeof-pointer", b.Line, fn+" "+p, nil, "%s gets as much memory as a pointer has: sizeof(*%s) is meant", p, p)
		}
	}
}

// freedCursor looks for loops over a list that free what they stand on.
func (c *context) freedCursor(s *csource.Stmt) {
	name := s.Expr.Callee()
	if !strings.Contains(name, "for_each_entry") || strings.Contains(name, "safe") || !strings.Contains(name, "list") || strings.Contains(name, "rcu") {
		return
	}
	cursor := s.Expr.Arg(0)
	if cursor == nil || cursor.Kind != csource.Name {
		return
	}
	// A free that the loop ends after is right.
	var blocks func(t *csource.Stmt, leaves bool)
	blocks = func(t *csource.Stmt, leaves bool) {
		if t == nil {
			return
		}
		switch t.Kind {
		case csource.Block:
			out := leaves
			for _, x := range t.List {
				out = out || x.Kind == csource.Return || x.Kind == csource.Goto || x.Kind == csource.Break
			}
			for _, x := range t.List {
				blocks(x, out)
			}
		case csource.Simple:
			if n := t.Expr.Callee(); dead[n] && !leaves && t.Expr.Arg(frees[n]) != nil && t.Expr.Arg(frees[n]).Bare().String() == cursor.Op {
				c.found("freed-cursor", t.Line, cursor.Op, []Step{{s.Line, name}}, "%s frees %s and then goes on from it: the next round reads freed memory; %s_safe is for that", name, cursor.Op, name)
			}
		case csource.If:
			blocks(t.Body, leaves)
			blocks(t.Else, leaves)
		}
	}
	blocks(s.Body, false)
}

// mixups looks for error pointers that are asked whether they are NULL, and the other way
// round.
func (c *context) mixups() {
	type use struct {
		errs, nulls, others bool   // what gives its value
		from                string // one of them
		isNull, isErr       int    // lines where it is asked
	}
	uses := map[string]*use{}
	at := func(name string) *use {
		if uses[name] == nil {
			uses[name] = &use{}
		}
		return uses[name]
	}
	given := func(name string, right *csource.Expr) {
		b := right.Bare()
		u := at(name)
		switch fn := b.Callee(); {
		case fn == "" && value(b, nil) == zero:
		case fn != "" && (errorOnFailure[fn] && !c.defined[fn] || c.errs[fn]):
			u.errs, u.from = true, fn
		case fn != "" && (nullOnFailure[fn] && !c.defined[fn] || c.nulls[fn]):
			u.nulls, u.from = true, fn
		default:
			u.others = true
		}
	}
	c.fn.Body().Walk(func(s *csource.Stmt) bool {
		for i := range s.Decls {
			if s.Decls[i].Init != nil {
				given(s.Decls[i].Name, s.Decls[i].Init)
			}
		}
		s.Exprs(func(e *csource.Expr) {
			e.Walk(func(x *csource.Expr) bool {
				switch {
				case x.Kind == csource.Assign && x.Op == "=" && place(x.X[0]) != "":
					given(x.X[0].String(), x.X[1])
				case x.Kind == csource.Unary && x.Op == "!" && place(strip(x.X[0])) != "":
					at(strip(x.X[0]).String()).isNull = x.Line
				case x.Kind == csource.Binary && x.Op == "==" && x.X[1].Kind == csource.Name && x.X[1].Op == "NULL" && place(strip(x.X[0])) != "":
					at(strip(x.X[0]).String()).isNull = x.Line
				case x.Kind == csource.Unary && x.Op == "&" && place(x.X[0]) != "":
					at(x.X[0].String()).others = true
				case strings.HasPrefix(x.Callee(), "IS_ERR") || strings.HasPrefix(x.Callee(), "PTR_ERR"):
					if a := x.Arg(0); a != nil && place(strip(a)) != "" {
						u := at(strip(a).String())
						u.isErr = x.Line
						if x.Callee() == "IS_ERR_OR_NULL" {
							u.others = true
						}
					}
				}
				return true
			})
		})
		return true
	})
	for name, u := range uses {
		switch {

		case u.others || u.errs && u.nulls:
		case u.errs && u.isNull > 0 && u.isErr == 0:
			c.found("err-ptr-mixup", u.isNull, name, nil, "%s() gives an error pointer where it fails, never NULL: IS_ERR(%s) is meant", u.from, name)
		case u.nulls && u.isErr > 0 && u.isNull == 0:
			c.found("err-ptr-mixup", u.isErr, name, nil, "%s() gives NULL where it fails, never an error pointer: this test never holds", u.from)
		}
	}
}

// lengths looks for snprintf's return value that is added up without a look whether it
// was too much.
func (c *context) lengths() {
	c.fn.Body().Walk(func(s *csource.Stmt) bool {
		s.Exprs(func(e *csource.Expr) {
			e.Walk(func(x *csource.Expr) bool {
				if x.Kind != csource.Assign || x.Op != "+=" || x.X[1].Bare().Callee() != "snprintf" {
					return true
				}
				name, call := x.X[0].String(), x.X[1].Bare()
				size := call.Arg(1)
				if size == nil || !mentions(call.Arg(0).String(), firstWord(name)) || !mentions(size.String(), firstWord(name)) || strings.Contains(size.String(), "max") || strings.Contains(size.String(), "min") {
					return true
				}
				if !c.compared(name) {
					c.found("snprintf-length", x.Line, name, nil, "%s grows by what snprintf() would have written: past the buffer's end %s is negative and taken for huge; scnprintf() gives what was written", name, size)
				}
				return true
			})
		})
		return true
	})
}

// compared tells whether a condition of the function asks how large a variable is.
func (c *context) compared(name string) bool {
	found := false
	c.fn.Body().Walk(func(s *csource.Stmt) bool {
		if s.Cond != nil {
			s.Cond.Walk(func(x *csource.Expr) bool {
				if x.Kind == csource.Binary && (x.Op == "<" || x.Op == ">" || x.Op == "<=" || x.Op == ">=") && mentions(x.String(), name) {
					found = true
				}
				return true
			})
		}
		return true
	})
	return found
}

// unasked looks for allocations that are kept and never asked whether they are there.
func (c *context) unasked() {
	type kept struct {
		name, from string
		line       int
	}
	var list []kept
	asked := map[string]bool{}
	ask := func(e *csource.Expr) {
		e.Walk(func(x *csource.Expr) bool {
			if p := place(x); p != "" {
				asked[p] = true
			}
			return true
		})
	}
	note := func(name string, e *csource.Expr) {
		b := e.Bare()
		if fn := b.Callee(); unchecked[fn] && name != "" && !strings.Contains(b.String(), "NOFAIL") && !c.defined[fn] {
			list = append(list, kept{name, fn, b.Line})
		}
	}
	c.fn.Body().Walk(func(s *csource.Stmt) bool {
		if s.Cond != nil {
			ask(s.Cond)
		}
		if s.Kind == csource.Return && s.Expr != nil {
			ask(s.Expr)
		}
		for i := range s.Decls {
			if s.Decls[i].Init != nil {
				note(s.Decls[i].Name, s.Decls[i].Init)
			}
		}
		s.Exprs(func(e *csource.Expr) {
			e.Walk(func(x *csource.Expr) bool {
				switch {
				case x.Kind == csource.Assign && x.Op == "=":
					note(place(x.X[0]), x.X[1])
					// Another name for it may be asked.
					if to := place(x.X[1].Bare()); to != "" {
						asked[to] = true
					}
					if x.X[1].Kind == csource.Assign {
						asked[x.X[1].X[0].String()] = true
					}
				case x.Kind == csource.Ternary, x.Kind == csource.Binary && (x.Op == "&&" || x.Op == "||" || x.Op == "==" || x.Op == "!="), x.Kind == csource.Unary && x.Op == "!":
					ask(x.X[0])
				case x.Kind == csource.Call:
					// A function that is given it may ask.
					name := x.Callee()
					for _, a := range x.Args() {
						if p := place(a.Bare()); p != "" && !follows(name) {
							asked[p] = true
						}
						if b := a.Bare(); b.Kind == csource.Unary && b.Op == "&" && place(b.X[0]) != "" {
							asked[b.X[0].String()] = true
						}
					}
				case x.Kind == csource.Braces:
					for _, v := range x.X {
						ask(v)
					}
				}
				return true
			})
		})
		return true
	})
	for _, k := range list {
		if !asked[k.name] && (c.vars[k.name] == nil || strings.Contains(k.name, ".") || strings.Contains(k.name, "->")) {
			c.found("unchecked-alloc", k.line, k.name, nil, "%s may be NULL: %s() is not asked whether it failed", k.name, k.from)
		}
	}
}

// follows tells whether a function follows what it is given without asking.
func follows(name string) bool {
	switch name {
	case "memset", "memcpy", "strcpy", "strscpy", "strcmp", "strlen", "queue_work", "queue_delayed_work", "sprintf", "snprintf", "skb_put", "skb_reserve", "INIT_WORK":
		return true
	}
	return false
}
