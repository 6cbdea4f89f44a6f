// Package cpp says which lines of a C or assembly source a configuration leaves to the
// compiler: #if, #ifdef and their kin, as far as CONFIG_ symbols decide them.
//
// It is no preprocessor: it expands nothing and reads no file that another one includes.
// [Parse] finds the conditionals of one text; a [View] of them under a configuration
// answers for lines, in three values. A condition that depends on anything but the
// configuration is Unknown, and so is all of a file whose conditionals do not match.
package cpp

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// A Truth is whether a condition holds, or whether lines are compiled.
type Truth uint8

// The values.
const (
	Unknown Truth = iota
	Yes
	No
)

// String gives the value's name.
func (t Truth) String() string { return [...]string{"unknown", "yes", "no"}[min(t, 2)] }

func (t Truth) not() Truth {
	switch t {
	case Yes:
		return No
	case No:
		return Yes
	}
	return Unknown
}

func (t Truth) and(u Truth) Truth {
	switch {
	case t == No || u == No:
		return No
	case t == Yes && u == Yes:
		return Yes
	}
	return Unknown
}

func truth(b bool) Truth {
	if b {
		return Yes
	}
	return No
}

// maxDepth bounds how deep conditionals are nested, and expressions in them; the deepest
// of Linux have 11.
const maxDepth = 200

// A File is the conditionals of one source.
type File struct {
	branches []branch
	// at has the innermost branch that is open behind each line, -1 for none; at[0] is
	// before the first.
	at         []int32
	directives []int32 // by line: the first line of the directive that it is part of, 0 for none
	broken     string
	redefined  []string
}

// A branch is one #if, #elif or #else.
type branch struct {
	line   int
	word   string // if, ifdef, ifndef, elif, elifdef, elifndef, else
	text   string // the condition, without comments
	before int    // the branch of the same #if before it, -1 for the first
	outer  int    // the branch that all of the #if is in, -1 for none
	guard  bool   // it keeps a header from being read twice
}

// Parse finds the conditionals of a text.
func Parse(data []byte) *File {
	p := parser{f: &File{at: make([]int32, 1, 1+bytes.Count(data, []byte{'\n'})+1)}, open: -1}
	p.f.at[0], p.f.directives = -1, append(p.f.directives, 0)
	s := scanner{data: data}
	for s.more() {
		first := len(p.f.at)
		text, directive := s.line()
		begin := int32(0)
		if directive {
			begin = int32(first)
			p.directive(first, text)
		}
		for len(p.f.at) <= s.lines {
			p.f.at = append(p.f.at, int32(p.open))
			p.f.directives = append(p.f.directives, begin)
		}
	}
	if p.open >= 0 {
		p.fail(p.f.branches[p.open].line, "#%s without #endif", p.f.branches[p.open].word)
	}
	if p.guarded && p.last {
		p.f.branches[0].guard = true
	}
	return p.f
}

// Len is the number of lines.
func (f *File) Len() int { return len(f.at) - 1 }

// Broken says what is wrong with the conditionals, "" if nothing is.
func (f *File) Broken() string { return f.broken }

// Redefined gives the CONFIG_ symbols, without the prefix, that the text itself defines or
// undefines: their values are not the configuration's.
func (f *File) Redefined() []string { return f.redefined }

// Directive says whether a line belongs to a directive, as a #define does with all lines
// that it is continued on.
func (f *File) Directive(line int) bool {
	return line > 0 && line < len(f.directives) && f.directives[line] > 0
}

// A parser keeps the conditionals that are open.
type parser struct {
	f     *File
	open  int
	depth int
	// For the guard of a header: how many directives there were, the macro that the first
	// one asks for, whether the second defines it, and whether the last one ended the
	// first conditional.
	seen          int
	asked         string
	guarded, last bool
}

func (p *parser) fail(line int, format string, args ...any) {
	if p.f.broken == "" {
		p.f.broken = fmt.Sprintf("line %d: ", line) + fmt.Sprintf(format, args...)
	}
}

// directive takes one.
func (p *parser) directive(line int, text string) {
	text = strings.TrimSpace(text)
	n := 0
	for n < len(text) && text[n] >= 'a' && text[n] <= 'z' {
		n++
	}
	word, rest := text[:n], strings.Join(strings.Fields(text[n:]), " ")
	p.seen++
	p.last = false
	switch word {
	case "if", "ifdef", "ifndef":
		if p.depth++; p.depth > maxDepth {
			p.fail(line, "more than %d conditionals in each other", maxDepth)
			return
		}
		if p.seen == 1 {
			p.asked = guardName(word, rest)
		}
		p.f.branches = append(p.f.branches, branch{line: line, word: word, text: rest, before: -1, outer: p.open})
		p.open = len(p.f.branches) - 1
	case "elif", "elifdef", "elifndef", "else":
		if p.open < 0 || p.depth > maxDepth {
			p.fail(line, "#%s without #if", word)
			return
		}
		b := p.f.branches[p.open]
		if b.word == "else" {
			p.fail(line, "#%s after #else", word)
		}
		if word == "else" {
			rest = ""
		}
		p.f.branches = append(p.f.branches, branch{line: line, word: word, text: rest, before: p.open, outer: b.outer})
		p.open = len(p.f.branches) - 1
	case "endif":
		if p.depth--; p.open < 0 || p.depth >= maxDepth {
			p.fail(line, "#endif without #if")
			p.depth = max(p.depth, 0)
			return
		}
		p.last = p.f.branches[p.open].outer < 0 && p.f.branches[p.open].before < 0 && p.open == 0
		p.open = p.f.branches[p.open].outer
	case "define", "undef":
		name, _, _ := strings.Cut(rest, " ")
		name, _, _ = strings.Cut(name, "(")
		if p.seen == 2 && word == "define" && name == p.asked && name != "" {
			p.guarded = true
		}
		if symbol, ok := strings.CutPrefix(name, "CONFIG_"); ok && !slices.Contains(p.f.redefined, symbol) {
			p.f.redefined = append(p.f.redefined, symbol)
		}
	}
}

// guardName gives the macro that a conditional asks to be undefined.
func guardName(word, condition string) string {
	if word == "ifndef" {
		return condition
	}
	rest, ok := strings.CutPrefix(condition, "!defined")
	if word != "if" || !ok {
		return ""
	}
	rest = strings.TrimSpace(rest)
	rest, open := strings.CutPrefix(rest, "(")
	rest, closed := strings.CutSuffix(rest, ")")
	if open != closed || strings.ContainsAny(rest, "&|() ") {
		return ""
	}
	return rest
}
