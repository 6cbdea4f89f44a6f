// Package gmake reads makefiles and evaluates the language of GNU make: variables,
// conditionals, includes, functions and rules. It runs nothing. What only a program's
// output could tell, as $(shell …), is an unknown, and whatever depends on an unknown
// becomes a "maybe" instead of a guess: a condition that cannot be decided is evaluated
// both ways, and the words that either way adds to a variable are marked.
//
// Source: the manual of GNU make 4.3, "How make reads a makefile", and the kernel's own
// Makefiles. Not there: the search for what is out of date, implicit rules of make's own,
// vpath, secondary expansion, archives, Guile.
package gmake

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"
	"sync"
)

// Limits of one evaluation. A kernel's top Makefile is three orders of magnitude away.
const (
	maxDepth    = 500       // of nested references and of nested conditionals
	maxSteps    = 1 << 20   // statements and expansions
	maxExpand   = 128 << 20 // bytes that all expansions give together
	maxValue    = 4 << 20   // bytes of one value
	maxFile     = 4 << 20   // bytes of one makefile
	maxProblems = 200
)

// A Problem is something that could not be evaluated, and where.
type Problem struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	Text string `json:"text"`
}

func (p Problem) String() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text) }

// A Tree gives makefiles by their path and keeps what it has parsed. It is safe for use
// by several goroutines.
type Tree struct {
	fsys fs.FS
	mu   sync.Mutex
	file map[string]*parsed
	dirs map[string]map[string]bool // names in a folder; nil for no folder

	functions map[string]function
}

type parsed struct {
	stmts    []stmt
	problems []Problem
	err      error
}

// NewTree gives the makefiles of a source tree.
func NewTree(fsys fs.FS) *Tree {
	return &Tree{fsys: fsys, file: map[string]*parsed{}, dirs: map[string]map[string]bool{}, functions: functions()}
}

// Clean gives the path in the tree that a word of a makefile names, and whether it names
// one: absolute paths and such that leave the tree do not.
func Clean(name string) (string, bool) {
	if name == "" || strings.HasPrefix(name, "/") || strings.ContainsAny(name, unknown+maybe) {
		return "", false
	}
	name = path.Clean(name)
	if name == ".." || strings.HasPrefix(name, "../") {
		return "", false
	}
	return name, true
}

func (t *Tree) parse(name string) *parsed {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p, ok := t.file[name]; ok {
		return p
	}
	p := &parsed{}
	t.file[name] = p
	info, err := fs.Stat(t.fsys, name)
	switch {
	case err != nil:
		p.err = err
	case info.IsDir():
		p.err = fmt.Errorf("%s is a folder", name)
	case info.Size() > maxFile:
		p.err = fmt.Errorf("%s has %d bytes; a makefile of more than %d is not read", name, info.Size(), maxFile)
	default:
		var data []byte
		if data, p.err = fs.ReadFile(t.fsys, name); p.err == nil {
			p.stmts, p.problems = parse(name, data)
		}
	}
	return p
}

// Exists says whether the tree has the file or folder.
func (t *Tree) Exists(name string) bool {
	name, ok := Clean(name)
	if !ok {
		return false
	}
	if name == "." {
		return true
	}
	dir, base := path.Split(name)
	return t.List(path.Clean(dir))[base]
}

// List gives the names in a folder, each with whether it is there; nil for no folder.
func (t *Tree) List(dir string) map[string]bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if names, ok := t.dirs[dir]; ok {
		return names
	}
	var names map[string]bool
	if entries, err := fs.ReadDir(t.fsys, dir); err == nil {
		names = make(map[string]bool, len(entries))
		for _, e := range entries {
			names[e.Name()] = true
		}
	}
	t.dirs[dir] = names
	return names
}

type origin uint8

const (
	originUndefined origin = iota
	originDefault
	originEnvironment
	originFile
	originCommandLine
	originOverride
	originAutomatic
)

var originNames = [...]string{"undefined", "default", "environment", "file", "command line", "override", "automatic"}

type variable struct {
	value     string
	recursive bool
	exported  bool
	origin    origin
}

// An Assign is an assignment that was evaluated, for those who ask why a variable has a
// word.
type Assign struct {
	File string
	Line int
	Raw  string // the line, as "obj-$(CONFIG_X) += x.o"
	Left string // what is left of the operator, not expanded
	Op   string // "=", ":=", "+=", "?=", "!="
	Name string // Left expanded
	// Words are those it adds.
	Words []string
	// Conds are the conditions that it stands under, outermost first.
	Conds []Cond
	// Dead says that one of them does not hold.
	Dead bool
}

// A Cond is a condition that was evaluated.
type Cond struct {
	File   string
	Line   int
	Text   string // "ifdef CONFIG_X", "else of ifdef CONFIG_X"
	Holds  bool
	Unsure bool
}

// A Rule is a rule with its words expanded. Targets with % are patterns.
type Rule struct {
	Targets []string
	Prereqs []string
	Recipe  []string // not expanded
	File    string
	Line    int
}

// An Env is where makefiles are evaluated: the variables and the rules that they make.
type Env struct {
	Tree *Tree
	// Config gives the value of a variable that no makefile sets and whose name begins
	// with CONFIG_. It is nil where there is no configuration.
	Config func(name string) string
	// Shell answers $(shell command), false for "not known". Without it nothing is known.
	Shell func(command string) (string, bool)
	// Trace is called with each assignment; with it those in branches that are not taken
	// are evaluated too, without effect, and are Dead.
	Trace func(Assign)

	Rules    []*Rule
	Problems []Problem

	parent *Env
	vars   map[string]*variable
	args   []string // of the innermost $(call)
	file   string
	line   int
	files  []string // being included
	depth  int
	maybe  int // nested conditions that could not be decided
	dead   bool
	conds  []Cond
	last   *Rule
	busy   map[*variable]bool
	limit  *limits
	all    bool // export without names
}

type limits struct {
	steps, bytes int
	hit          bool
}

// New gives an empty environment.
func New(t *Tree) *Env {
	return &Env{Tree: t, vars: map[string]*variable{}, busy: map[*variable]bool{}, limit: &limits{}}
}

// Child gives an environment that sees this one's variables and changes none of them.
func (e *Env) Child() *Env {
	return &Env{
		Tree: e.Tree, Config: e.Config, Shell: e.Shell, Trace: e.Trace,
		parent: e, vars: map[string]*variable{}, busy: map[*variable]bool{}, limit: &limits{},
	}
}

// branch gives an environment for a branch that is not taken.
func (e *Env) branch() *Env {
	c := e.Child()
	c.file, c.line, c.files, c.depth, c.limit = e.file, e.line, e.files, e.depth, e.limit
	c.conds, c.dead, c.args = e.conds, true, e.args
	return c
}

// Environment gives an environment with what a make that this one starts would see: the
// exported variables, with their values.
func (e *Env) Environment() *Env {
	c := New(e.Tree)
	c.Config, c.Shell, c.Trace = e.Config, e.Shell, e.Trace
	for _, layer := range e.layers() {
		for name, v := range layer.vars {
			if v.origin == originCommandLine || v.exported || layer.all && v.origin == originFile {
				o := v.origin
				if o != originCommandLine {
					o = originEnvironment
				}
				c.vars[name] = &variable{value: e.valueOf(v), origin: o, exported: true}
			}
		}
	}
	return c
}

func (e *Env) layers() []*Env {
	var all []*Env
	for ; e != nil; e = e.parent {
		all = append([]*Env{e}, all...)
	}
	return all
}

// Set gives a variable a value that no makefile can change, as on make's command line.
func (e *Env) Set(name, value string) {
	e.vars[name] = &variable{value: value, origin: originCommandLine, exported: true}
}

// Define gives a variable a value that makefiles can change.
func (e *Env) Define(name, value string) {
	e.vars[name] = &variable{value: value, origin: originFile}
}

// Get gives a variable's value, expanded.
func (e *Env) Get(name string) string {
	v := e.lookup(name)
	if v == nil {
		return ""
	}
	return e.valueOf(v)
}

// A Word is one word of a list.
type Word struct {
	Text  string
	Maybe bool // it could not be decided whether the list has it
}

// Words gives the words of a variable. A word of which nothing is known is not given;
// some says whether there was one.
func (e *Env) Words(name string) (words []Word, some bool) { return Words(e.Get(name)) }

// Words splits an expanded text.
func Words(text string) (words []Word, some bool) {
	for _, w := range fields(text) {
		m := strings.Contains(w, maybe)
		if m {
			w = strings.ReplaceAll(w, maybe, "")
		}
		if strings.Contains(w, unknown) {
			some = true
			continue
		}
		words = append(words, Word{w, m})
	}
	return words, some
}

// Names gives the names of the variables that makefiles set here.
func (e *Env) Names() []string {
	names := make([]string, 0, len(e.vars))
	for n := range maps.Keys(e.vars) {
		names = append(names, n)
	}
	return names
}

// Expand expands a text at the end of reading, with the given automatic variables.
func (e *Env) Expand(text string, automatic map[string]string) string {
	c := e.Child()
	c.file, c.limit = e.file, e.limit
	for n, v := range automatic {
		c.vars[n] = &variable{value: v, origin: originAutomatic}
	}
	return c.expand(text)
}

func (e *Env) problem(format string, args ...any) {
	if e.dead || len(e.Problems) >= maxProblems {
		return
	}
	e.Problems = append(e.Problems, Problem{e.file, e.line, fmt.Sprintf(format, args...)})
}

// over says, once, that the evaluation has used up what it may.
func (e *Env) over() bool {
	if !e.limit.hit && e.limit.steps < maxSteps && e.limit.bytes < maxExpand {
		return false
	}
	if !e.limit.hit {
		e.limit.hit = true
		e.problem("the evaluation takes too much; the rest was not evaluated")
	}
	return true
}

func (e *Env) lookup(name string) *variable {
	for s := e; s != nil; s = s.parent {
		if v, ok := s.vars[name]; ok {
			return v
		}
	}
	return nil
}
