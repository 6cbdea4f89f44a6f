package gmake

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Read evaluates a makefile of the tree.
func (e *Env) Read(name string) error {
	clean, ok := Clean(name)
	if !ok {
		return fmt.Errorf("makefile %q is not a path in the tree", name)
	}
	if slices.Contains(e.files, clean) {
		return fmt.Errorf("%s includes itself", clean)
	}
	f := e.Tree.parse(clean)
	if f.err != nil {
		return fmt.Errorf("read makefile: %w", f.err)
	}
	if !e.dead {
		e.Problems = append(e.Problems, f.problems[:min(len(f.problems), maxProblems-min(maxProblems, len(e.Problems)))]...)
	}
	file, line, files := e.file, e.line, e.files
	e.files = append(slices.Clip(files), clean)
	e.file = clean
	e.last = nil
	list := e.Get("MAKEFILE_LIST")
	e.vars["MAKEFILE_LIST"] = &variable{value: list + " " + name, origin: originFile}
	e.run(f.stmts)
	e.file, e.line, e.files = file, line, files
	e.last = nil
	return nil
}

func (e *Env) run(stmts []stmt) {
	for i := range stmts {
		e.limit.steps++
		if e.over() {
			return
		}
		e.step(&stmts[i])
	}
}

func (e *Env) step(s *stmt) {
	e.line = s.line
	switch s.kind {
	case stmtAssign:
		e.last = nil
		e.assign(s)
	case stmtCond:
		e.conditional(s)
	case stmtInclude:
		e.last = nil
		e.include(s)
	case stmtRule:
		e.last = nil
		e.rule(s.text)
	case stmtRecipe:
		if e.last != nil {
			e.last.Recipe = append(e.last.Recipe, s.text)
		}
	case stmtExport, stmtUnexport:
		e.last = nil
		if s.text == "" {
			e.all = s.kind == stmtExport
			return
		}
		for _, name := range fields(e.expand(s.text)) {
			v := e.own(name)
			v.exported = s.kind == stmtExport
		}
	case stmtUndefine:
		e.last = nil
		e.vars[strings.TrimSpace(e.expand(s.text))] = &variable{origin: originUndefined}
	}
}

// own gives the variable of this layer, made from the parent's where it is new.
func (e *Env) own(name string) *variable {
	if v, ok := e.vars[name]; ok {
		return v
	}
	v := &variable{}
	if old := e.lookup(name); old != nil {
		*v = *old
	}
	e.vars[name] = v
	return v
}

func (e *Env) assign(s *stmt) {
	name := strings.TrimSpace(e.expand(s.lhs))
	sure := true
	if strings.Contains(name, unknown) || strings.Contains(name, maybe) {
		// obj-$(what nobody knows) += x.o: perhaps obj-y.
		sure = false
		name = strings.ReplaceAll(strings.ReplaceAll(name, unknown, "y"), maybe, "")
	}
	if name == "" {
		e.problem("the name of the variable is empty")
		return
	}
	if !sure {
		e.maybe++
		defer func() { e.maybe-- }()
	}
	if e.Trace != nil {
		e.Trace(Assign{
			File: e.file, Line: s.line, Raw: s.text, Left: s.lhs, Op: s.op, Name: name,
			Words: texts(e.expand(s.rhs)), Conds: slices.Clone(e.conds), Dead: e.dead,
		})
	}
	e.set(name, s.op, s.rhs, s.override)
	if s.export {
		e.own(name).exported = true
	}
}

func texts(value string) []string {
	words, _ := Words(value)
	t := make([]string, len(words))
	for i, w := range words {
		t[i] = w.Text
	}
	return t
}

func (e *Env) set(name, op, raw string, override bool) {
	old := e.lookup(name)
	if old != nil && old.origin == originCommandLine && !override {
		return
	}
	v := &variable{origin: originFile}
	if old != nil {
		v.exported = old.exported
	}
	defined := old != nil && old.origin != originUndefined || old == nil && e.config(name) != ""
	if e.maybe > 0 {
		e.setMaybe(v, old, op, raw)
		e.vars[name] = v
		return
	}
	switch op {
	case ":=":
		v.value = e.expand(raw)
	case "=":
		v.value, v.recursive = raw, true
	case "?=":
		if defined {
			return
		}
		v.value, v.recursive = raw, true
	case "!=":
		v.value = e.shell(raw)
	case "+=":
		switch {
		case !defined:
			v.value, v.recursive = raw, true
		case old == nil:
			v.value = join(e.config(name), e.expand(raw))
		case old.recursive:
			v.value, v.recursive = join(old.value, raw), true
		default:
			v.value = join(old.value, e.expand(raw))
		}
	}
	e.limit.bytes += len(v.value)
	if e.fits(1, len(v.value)) {
		e.vars[name] = v
	}
}

// setMaybe assigns where it is not known whether the assignment is made: the variable
// may have the old words and may have the new ones.
func (e *Env) setMaybe(v, old *variable, op, raw string) {
	was := ""
	if old != nil {
		was = e.valueOf(old)
	}
	is := e.expand(raw)
	switch {
	case op == "+=":
		v.value = join(was, markAll(is))
	case op == "?=" && old != nil:
		v.value = was
	default:
		v.value = join(markAll(was), markAll(is))
	}
	e.limit.bytes += len(v.value)
}

func join(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	}
	return a + " " + b
}

func (e *Env) conditional(s *stmt) {
	depth := len(e.conds)
	last := e.last
	taken, unsure := false, false
	for i := range s.branches {
		br := &s.branches[i]
		e.line = br.line
		holds := yes
		if br.test != "" {
			if taken && e.Trace == nil {
				break
			}
			holds = e.test(br)
		}
		text := e.condText(s, i)
		cond := Cond{File: e.file, Line: br.line, Text: text, Holds: holds == yes && !taken, Unsure: holds == dunno || unsure}
		e.conds = append(e.conds[:depth:depth], cond)
		e.last = last
		switch {
		case taken || holds == no:
			if e.Trace != nil {
				e.branch().run(br.body)
			}
		case holds == dunno || unsure:
			unsure = true
			e.maybe++
			e.run(br.body)
			e.maybe--
			taken = holds == yes
		default:
			taken = true
			e.run(br.body)
		}
	}
	e.conds = e.conds[:depth]
}

func (e *Env) condText(s *stmt, i int) string {
	if e.Trace == nil {
		return ""
	}
	br := &s.branches[i]
	text := func(br *branch) string {
		switch br.test {
		case "ifdef", "ifndef":
			return br.test + " " + br.a
		}
		return br.test + " (" + br.a + "," + br.b + ")"
	}
	if br.test == "" {
		return "else of " + text(&s.branches[0])
	}
	return text(br)
}

type answer uint8

const (
	no answer = iota
	yes
	dunno
)

func answerOf(b bool) answer {
	if b {
		return yes
	}
	return no
}

func (a answer) not() answer {
	switch a {
	case yes:
		return no
	case no:
		return yes
	}
	return dunno
}

func (e *Env) test(br *branch) answer {
	switch br.test {
	case "ifeq":
		return equal(e.expand(br.a), e.expand(br.b))
	case "ifneq":
		return equal(e.expand(br.a), e.expand(br.b)).not()
	}
	a := e.defined(strings.TrimSpace(e.expand(br.a)))
	if br.test == "ifndef" {
		return a.not()
	}
	return a
}

// defined is ifdef's question: the value is not looked into.
func (e *Env) defined(name string) answer {
	if strings.Contains(name, unknown) {
		return dunno
	}
	v := e.lookup(name)
	if v == nil {
		return answerOf(e.config(name) != "")
	}
	if v.recursive || v.value == "" {
		return answerOf(v.value != "")
	}
	return nonEmpty(v.value)
}

func (e *Env) include(s *stmt) {
	for _, name := range fields(e.expand(s.text)) {
		if strings.Contains(name, unknown) || strings.Contains(name, maybe) {
			e.problem("include %s: the file is not known without running a program", strings.TrimSpace(s.text))
			continue
		}
		names := []string{name}
		if strings.ContainsAny(name, "*?[") {
			names = e.glob(name)
		}
		for _, n := range names {
			line := e.line
			err := e.Read(n)
			e.line = line
			// What the build generates is not there, and auto.conf is the configuration.
			if err != nil && !s.optional && !(errors.Is(err, fs.ErrNotExist) && strings.Contains(n, "include/")) {
				e.problem("include %s: %v", n, err)
			}
		}
	}
}

// rule evaluates a line that is neither an assignment nor a directive: a rule, variables
// of a target, or an expansion that gives nothing or more lines.
func (e *Env) rule(text string) {
	colon := ruleColon(text)
	if colon < 0 {
		out := e.expand(text)
		if nonEmpty(out) == no {
			return
		}
		if strings.Contains(out, unknown) {
			return
		}
		if ruleColon(out) < 0 {
			e.problem("neither a rule nor an assignment: %.80q", text)
			return
		}
		text, colon = out, ruleColon(out)
	}
	left := strings.TrimRight(text[:colon], "&")
	right := strings.TrimLeft(text[colon+1:], ":")
	recipe := ""
	if semi := strings.IndexByte(right, ';'); semi >= 0 {
		right, recipe = right[:semi], right[semi+1:]
	}
	if targetVariable(right) {
		return // holds for recipes, which are not run
	}
	targets := texts(e.expand(left))
	if len(targets) == 0 {
		return
	}
	pattern := ""
	if c := ruleColon(right); c >= 0 { // static pattern
		pattern = strings.TrimSpace(e.expand(right[:c]))
		right = right[c+1:]
	}
	order := ""
	if bar := strings.IndexByte(right, '|'); bar >= 0 {
		right, order = right[:bar], right[bar+1:]
	}
	prereqs := append(texts(e.expand(right)), texts(e.expand(order))...)
	r := &Rule{Targets: targets, Prereqs: prereqs, File: e.file, Line: e.line}
	if recipe != "" {
		r.Recipe = []string{recipe}
	}
	if pattern == "" {
		e.Rules = append(e.Rules, r)
		e.last = r
		return
	}
	e.static(r, pattern)
}

// static makes one rule of each target of a static pattern rule. They share the first
// one's recipe, which is read later.
func (e *Env) static(r *Rule, pattern string) {
	recipe := &Rule{File: r.File, Line: r.Line, Recipe: r.Recipe, Targets: r.Targets}
	e.last = recipe
	e.Rules = append(e.Rules, recipe)
	for _, t := range r.Targets {
		stem, ok := Match(pattern, t)
		if !ok {
			continue
		}
		one := &Rule{Targets: []string{t}, File: r.File, Line: r.Line}
		for _, p := range r.Prereqs {
			one.Prereqs = append(one.Prereqs, strings.Replace(p, "%", stem, 1))
		}
		e.Rules = append(e.Rules, one)
	}
}

// targetVariable says whether what is right of a rule's colon sets a variable.
func targetVariable(right string) bool {
	lhs, _, _, ok := assignment(right)
	if !ok {
		return false
	}
	words := strings.Fields(lhs)
	for len(words) > 1 && (words[0] == "export" || words[0] == "override" || words[0] == "private") {
		words = words[1:]
	}
	return len(words) == 1 || strings.Contains(lhs, "$")
}
