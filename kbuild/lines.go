package kbuild

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"ringside/kbuild/cpp"
)

// A Span is a stretch of lines of a file, counted from 1. Where Last is less than First it
// is the place before First, where something would be inserted.
type Span struct {
	First int `json:"first"`
	Last  int `json:"last"`
}

// Lines says where the code of some lines of a file is in the build: of a file that is
// compiled, #if and #ifdef may leave them out. They are NotCompiled where all of them are
// left out by conditions that the configuration decides. Of a file of which nothing is
// compiled the answer is about all of it.
func (b *Build) Lines(file string, s Span) Presence {
	p := b.Presence(file)
	if p.State == NotCompiled || p.State == Absent || !preprocessed(p.Path) {
		return p
	}
	p.Lines = &s
	f := b.tree.conditionals(p.Path)
	if f == nil {
		return p
	}
	t, why := f.Under(b.symbolsIn(p.Path)).Lines(s.First, s.Last)
	steps := make([]Step, 0, len(why))
	for _, r := range why {
		step := Step{File: p.Path, Line: r.Line, Text: r.Text + map[cpp.Truth]string{cpp.No: " does not hold", cpp.Unknown: " is not decided by the configuration"}[r.Holds], Symbol: r.Symbol}
		if r.Symbol != "" {
			step.Value = b.value(r.Symbol)
		}
		steps = append(steps, step)
	}
	switch {
	case t == cpp.No && path.Ext(p.Path) != ".c" && macro(f, s):
		p.State = Unknown
		p.Why = append(steps, Step{File: p.Path, Line: s.First, Text: "a macro's lines count where it is used"})
	case t == cpp.No:
		p.State, p.Targets, p.Why = NotCompiled, nil, steps
	case p.State == Compiled:
		if t == cpp.Unknown {
			p.State = Unknown
		}
		p.Why = append(p.Why, steps...)
	}
	return p
}

// macro says whether some of the lines belong to a directive.
func macro(f *cpp.File, s Span) bool {
	for line := min(s.First, s.Last); line <= max(s.First, s.Last); line++ {
		if f.Directive(line) {
			return true
		}
	}
	return false
}

func preprocessed(file string) bool {
	switch path.Ext(file) {
	case ".c", ".h", ".S", ".inc":
		return true
	}
	return false
}

// conditionals gives those of a file, nil where it cannot be read.
func (t *tree) conditionals(file string) *cpp.File {
	info, err := fs.Stat(t.fsys, file)
	if err != nil || info.IsDir() || info.Size() > maxSource {
		return nil
	}
	data, err := fs.ReadFile(t.fsys, file)
	if err != nil {
		return nil
	}
	return cpp.Parse(data)
}

// symbolsIn tells the configuration's symbols as a file sees them. Some sources define or
// undefine them for themselves, as the 32-bit vDSO does with CONFIG_64BIT, and some
// Makefiles do: what such a file sees is not known.
func (b *Build) symbolsIn(file string) cpp.Symbols {
	c := b.closure()
	own := path.Ext(file) == ".c" || path.Ext(file) == ".S"
	included := len(c.users[file]) > 0 || !own
	return func(name string) (string, bool) {
		for _, r := range b.redefined(name) {
			// A source that nothing includes changes only what it includes itself.
			alone := (path.Ext(r) == ".c" || path.Ext(r) == ".S") && len(c.users[r]) == 0
			if r == file || included || !alone {
				return "", false
			}
		}
		return lookup(b.Config, true, "CONFIG_"+name), true
	}
}

// redefined gives the files in which a symbol's macro is defined or undefined: sources
// that the build reads, and Makefiles with -D or -U.
func (b *Build) redefined(symbol string) []string {
	b.lazy.Lock()
	defer b.lazy.Unlock()
	if b.redefines == nil {
		b.redefines = b.findRedefined()
	}
	return b.redefines[symbol]
}

func (b *Build) findRedefined() map[string][]string {
	out := map[string][]string{}
	c := b.reach // the caller has it made
	b.tree.includes.mu.Lock()
	for file, symbols := range b.tree.includes.redefines {
		if _, ok := c.by[file]; !ok {
			continue
		}
		for _, s := range symbols {
			out[s] = append(out[s], file)
		}
	}
	b.tree.includes.mu.Unlock()
	makefiles := []string{"Makefile", "arch/" + b.Arch + "/Makefile"}
	for dir := range b.dirs {
		if makefile, ok := b.tree.makefileOf(dir); ok {
			makefiles = append(makefiles, makefile)
		}
	}
	for _, makefile := range makefiles {
		data, err := fs.ReadFile(b.tree.fsys, makefile)
		if err != nil {
			continue
		}
		for _, s := range commandMacros(data) {
			out[s] = append(out[s], makefile)
		}
	}
	return out
}

// commandMacros finds -DCONFIG_X and -UCONFIG_X.
func commandMacros(data []byte) (symbols []string) {
	for _, option := range []string{"-DCONFIG_", "-UCONFIG_"} {
		for rest := data; ; {
			i := bytes.Index(rest, []byte(option))
			if i < 0 {
				break
			}
			rest = rest[i+len("-D"):]
			if s := symbolIn(string(rest[:min(len(rest), 200)])); s != "" && !slices.Contains(symbols, s) {
				symbols = append(symbols, s)
			}
		}
	}
	return symbols
}

var wordConfig = []byte("CONFIG_")

// redefines finds the symbols that a source has a #define or #undef of.
func redefines(data []byte) (symbols []string) {
	for rest := data; ; {
		i := bytes.Index(rest, wordConfig)
		if i < 0 {
			return symbols
		}
		before := bytes.TrimRight(rest[:i], " \t")
		if len(before) < i && (bytes.HasSuffix(before, []byte("define")) || bytes.HasSuffix(before, []byte("undef"))) {
			if s := symbolIn(string(rest[i:min(len(rest), i+200)])); s != "" && !slices.Contains(symbols, s) {
				symbols = append(symbols, s)
			}
		}
		rest = rest[i+len(wordConfig):]
	}
}

// CutLines cuts the lines off "file:10" or "file:10-20".
func CutLines(text string) (file string, s Span, ok bool) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return text, s, false
	}
	first, last, two := strings.Cut(text[i+1:], "-")
	if !two {
		last = first
	}
	n, err := strconv.Atoi(first)
	m, err2 := strconv.Atoi(last)
	if err != nil || err2 != nil || n < 1 || m < n {
		return text, s, false
	}
	return text[:i], Span{n, m}, true
}
