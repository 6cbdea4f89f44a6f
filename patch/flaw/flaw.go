// Package flaw looks in single functions of the kernel for the bugs that reviewers look
// for: a lock that is not given back on a path, a sleep where none may be, memory that
// leaks, is used after it was freed or is not checked, references that are not put, a
// pointer of user space that is followed, sizeof of a pointer, the return value of
// snprintf used as a length, NULL and error pointers mixed up.
//
//	for _, f := range flaw.New(before, after, nil) { … }
//
// Rules follow all paths of a function with what the path has found out of its variables
// ("ret is below zero", "p is no error"), so that a branch that cannot be taken counts for
// nothing. A function that has too many paths is left alone, and is said to be.
//
// It would rather be silent than wrong: an object whose ownership may have gone elsewhere
// is not followed, and a function that is not seen is taken to do right.
package flaw

import (
	"cmp"
	"fmt"
	"slices"

	"ringside/patch/csource"
)

// A Finding is a flaw in a function.
type Finding struct {
	Rule string // one of Rules
	Func string
	Line int
	// Subject is the lock, variable or call that it is about.
	Subject string
	Text    string
	// Steps are the lines that lead to it.
	Steps []Step
	// Sure is how often, of a hundred findings of this rule, there was a flaw in sources
	// that were looked at by hand.
	Sure int
}

// A Step is a line that has to do with a finding.
type Step struct {
	Line int
	Text string
}

// A Rule is a class of flaws.
type Rule struct {
	ID    string
	Title string
	Hint  string // how it is mended
	// Source is where the kernel's documentation says why.
	Source string
	Sure   int
}

// key is what tells two findings apart, wherever they are.
func (f *Finding) key() string { return f.Rule + "\x00" + f.Func + "\x00" + f.Subject }

// File looks at all functions of a file. It gives the names of functions that have too
// many paths, too.
func File(f *csource.File) (list []Finding, complex []string) {
	return Funcs(f, nil)
}

// Funcs looks at the functions of a file that want says true to; nil is all.
func Funcs(f *csource.File, want func(*csource.Func) bool) (list []Finding, complex []string) {
	facts := survey(f)
	for _, fn := range f.Funcs {
		if want != nil && !want(fn) {
			continue
		}
		found, whole := function(facts, fn)
		list = append(list, found...)
		if !whole {
			complex = append(complex, fn.Name)
		}
	}
	return list, complex
}

// New gives the flaws that are in a file after a change and were not before; before is
// nil of a file that is new. Only functions that want says true to are looked at.
func New(before, after *csource.File, want func(*csource.Func) bool) (list []Finding, complex []string) {
	list, complex = Funcs(after, want)
	if before == nil || len(list) == 0 {
		return list, complex
	}
	names := map[string]bool{}
	for i := range list {
		names[list[i].Func] = true
	}
	old, _ := Funcs(before, func(fn *csource.Func) bool { return names[fn.Name] })
	was := map[string]int{}
	for i := range old {
		was[old[i].key()]++
	}
	return slices.DeleteFunc(list, func(f Finding) bool {
		if was[f.key()] > 0 {
			was[f.key()]--
			return true
		}
		return false
	}), complex
}

// a checker looks at a function; it gives false where it gave up.
type checker func(c *context) bool

// context is what checkers know of a function.
type context struct {
	*facts
	fn    *csource.Func
	graph *csource.Graph
	vars  map[string]*csource.Decl // parameters and local variables
	names map[string]bool          // what is called
	out   []Finding
}

func function(f *facts, fn *csource.Func) ([]Finding, bool) {
	c := &context{facts: f, fn: fn, vars: map[string]*csource.Decl{}, names: map[string]bool{}}
	for i := range fn.Params {
		c.vars[fn.Params[i].Name] = &fn.Params[i]
	}
	fn.Body().Walk(func(s *csource.Stmt) bool {
		for i := range s.Decls {
			c.vars[s.Decls[i].Name] = &s.Decls[i]
		}
		s.Exprs(func(e *csource.Expr) {
			e.Walk(func(x *csource.Expr) bool {
				if name := x.Callee(); name != "" {
					c.names[name] = true
				}
				return true
			})
		})
		return true
	})
	whole := true
	for _, check := range []checker{syntactic, locks, objects, pairs, iterators} {
		whole = check(c) && whole
	}
	return c.settle(), whole
}

func (c *context) nodes() *csource.Graph {
	if c.graph == nil {
		c.graph = c.fn.Graph()
	}
	return c.graph
}

// found notes a finding.
func (c *context) found(rule string, line int, subject string, steps []Step, format string, args ...any) {
	r := RuleByID(rule)
	c.out = append(c.out, Finding{
		Rule: rule, Func: c.fn.Name, Line: line, Subject: subject, Steps: steps, Sure: r.Sure,
		Text: fmt.Sprintf(format, args...),
	})
}

// settle sorts what was found, each once.
func (c *context) settle() []Finding {
	slices.SortStableFunc(c.out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Subject, b.Subject))
	})
	// What is followed says more than that nobody asks.
	c.out = slices.DeleteFunc(c.out, func(f Finding) bool {
		return f.Rule == "unchecked-alloc" && len(f.Steps) == 0 && slices.ContainsFunc(c.out, func(g Finding) bool {
			return g.Rule == f.Rule && g.Subject == f.Subject && len(g.Steps) > 0
		})
	})
	return slices.CompactFunc(c.out, func(a, b Finding) bool {
		return a.Line == b.Line && a.Rule == b.Rule && a.Subject == b.Subject
	})
}

// facts are what a file says of its own functions.
type facts struct {
	defined map[string]bool
	calls   map[string]map[string]bool // what its functions call
	sleeps  map[string]string          // functions that sleep, with what they call
	errs    map[string]bool            // return error pointers, never NULL
	nulls   map[string]bool            // return NULL, never error pointers
	// touches are the classes of locks that a function gives back for its caller, or takes
	// for it.
	touches map[string]map[string]bool
	locks   map[string]lockOp
}
