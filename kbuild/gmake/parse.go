package gmake

import (
	"bytes"
	"fmt"
	"strings"
)

type stmtKind uint8

const (
	stmtAssign stmtKind = iota
	stmtCond
	stmtInclude
	stmtRule
	stmtRecipe
	stmtExport
	stmtUnexport
	stmtUndefine
)

type stmt struct {
	kind     stmtKind
	line     int
	text     string // the line without its comment; of an assignment too
	lhs, rhs string
	op       string // "=", ":=", "+=", "?=", "!="
	export   bool
	override bool
	optional bool // include that may fail
	branches []branch
}

type branch struct {
	test string // "ifeq", "ifneq", "ifdef", "ifndef"; "" for else
	a, b string
	line int
	body []stmt
}

// parse reads a makefile's lines into statements. A line that is none is a problem, and
// the rest is read.
func parse(name string, data []byte) ([]stmt, []Problem) {
	return parseText(name, string(sanitize(data)))
}

// parseText reads a text that may have unknowns.
func parseText(name, text string) ([]stmt, []Problem) {
	p := &parser{name: name, data: []byte(text)}
	p.open = []frame{{body: new([]stmt)}}
	for {
		text, line, ok := p.logical()
		if !ok {
			break
		}
		p.statement(text, line)
	}
	for len(p.open) > 1 {
		f := p.open[len(p.open)-1]
		p.problem(f.line, "this conditional has no endif")
		p.end()
	}
	return *p.open[0].body, p.problems
}

// sanitize takes out the two bytes that mark unknowns; no makefile has them.
func sanitize(data []byte) []byte {
	if !bytes.ContainsAny(data, unknown+maybe+"\r\x00") {
		return data
	}
	return bytes.Map(func(r rune) rune {
		switch r {
		case 0, 1, 2, '\r':
			return -1
		}
		return r
	}, data)
}

type frame struct {
	body *[]stmt
	// of a conditional
	branches []branch
	line     int
	hasElse  bool
}

type parser struct {
	name     string
	data     []byte
	pos      int
	line     int // lines read
	open     []frame
	inRule   bool
	problems []Problem
}

func (p *parser) problem(line int, text string) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, Problem{p.name, line, text})
	}
}

// raw gives the next line as it is.
func (p *parser) raw() (string, bool) {
	if p.pos >= len(p.data) {
		return "", false
	}
	rest := p.data[p.pos:]
	end := bytes.IndexByte(rest, '\n')
	if end < 0 {
		end = len(rest)
		p.pos = len(p.data)
	} else {
		p.pos += end + 1
	}
	p.line++
	return string(rest[:end]), true
}

// logical gives the next line with those that continue it.
func (p *parser) logical() (text string, line int, ok bool) {
	text, ok = p.raw()
	if !ok {
		return "", 0, false
	}
	line = p.line
	if !continues(text) {
		return text, line, true
	}
	recipe := p.inRule && strings.HasPrefix(text, "\t")
	var b strings.Builder
	for {
		more := continues(text)
		switch {
		case recipe:
			b.WriteString(text)
			if more {
				b.WriteByte('\n')
			}
		case more:
			b.WriteString(strings.TrimRight(text[:len(text)-1], " \t"))
			b.WriteByte(' ')
		default:
			b.WriteString(text)
		}
		if !more {
			break
		}
		if text, ok = p.raw(); !ok {
			break
		}
		if !recipe {
			text = strings.TrimLeft(text, " \t")
		}
	}
	return b.String(), line, true
}

// continues says whether a line ends in an odd number of backslashes.
func continues(s string) bool {
	n := 0
	for n < len(s) && s[len(s)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

func (p *parser) add(s stmt) {
	body := p.open[len(p.open)-1].body
	*body = append(*body, s)
}

func (p *parser) statement(text string, line int) {
	if p.inRule && strings.HasPrefix(text, "\t") {
		p.add(stmt{kind: stmtRecipe, line: line, text: text[1:]})
		return
	}
	text = strings.TrimLeft(uncomment(text), " \t")
	if text == "" {
		return
	}
	word, rest := firstWord(text)
	switch word {
	case "ifeq", "ifneq", "ifdef", "ifndef":
		if len(p.open) >= maxDepth {
			p.problem(line, "conditionals are nested too deeply; the rest was not read")
			p.pos = len(p.data)
			return
		}
		p.open = append(p.open, frame{line: line})
		p.branch(word, rest, line)
		return
	case "else":
		f := &p.open[len(p.open)-1]
		if len(p.open) == 1 || f.hasElse {
			p.problem(line, "else without a conditional")
			return
		}
		next, after := firstWord(rest)
		switch next {
		case "ifeq", "ifneq", "ifdef", "ifndef":
			p.branch(next, after, line)
		default:
			f.hasElse = true
			p.branch("", "", line)
		}
		return
	case "endif":
		if len(p.open) == 1 {
			p.problem(line, "endif without a conditional")
			return
		}
		p.end()
		return
	}
	p.plain(text, word, rest, line)
}

func (p *parser) branch(test, args string, line int) {
	br := branch{test: test, line: line}
	var ok bool
	switch test {
	case "ifeq", "ifneq":
		if br.a, br.b, ok = condArgs(args); !ok {
			p.problem(line, fmt.Sprintf("%s needs two arguments: %.80q", test, args))
			br.a, br.b = unknown, ""
		}
	case "ifdef", "ifndef":
		br.a = strings.TrimSpace(args)
	}
	f := &p.open[len(p.open)-1]
	f.close()
	f.branches = append(f.branches, br)
	f.body = new([]stmt)
}

// close gives the branch that was read its statements.
func (f *frame) close() {
	if n := len(f.branches); n > 0 {
		f.branches[n-1].body = *f.body
	}
}

func (p *parser) end() {
	f := p.open[len(p.open)-1]
	f.close()
	p.open = p.open[:len(p.open)-1]
	p.add(stmt{kind: stmtCond, line: f.line, branches: f.branches})
}

// plain reads a line that is no conditional.
func (p *parser) plain(text, word, rest string, line int) {
	s := stmt{line: line, text: text}
	body := text
	for {
		if lhs, _, _, ok := assignment(body); ok && (lhs == word || !directive(word)) {
			break // "export = x" assigns to a variable of that name
		}
		switch word {
		case "export":
			if _, _, _, ok := assignment(rest); !ok && !strings.HasPrefix(rest, "define ") {
				p.inRule = false
				p.add(stmt{kind: stmtExport, line: line, text: rest})
				return
			}
			s.export = true
		case "override":
			s.override = true
		case "private":
		case "unexport":
			p.inRule = false
			p.add(stmt{kind: stmtUnexport, line: line, text: rest})
			return
		case "undefine":
			p.inRule = false
			p.add(stmt{kind: stmtUndefine, line: line, text: rest})
			return
		case "include", "-include", "sinclude":
			p.inRule = false
			p.add(stmt{kind: stmtInclude, line: line, text: rest, optional: word != "include"})
			return
		case "define":
			p.inRule = false
			p.define(s, rest)
			return
		case "vpath":
			p.inRule = false
			return
		default:
			s.kind = stmtRule
			s.text = body
			// Only what has a colon or an expansion can be a rule.
			p.inRule = ruleColon(body) >= 0
			p.add(s)
			return
		}
		body = rest
		word, rest = firstWord(body)
	}
	// An override or export in front has been taken off body.
	lhs, op, rhs, ok := assignment(body)
	if !ok {
		return
	}
	p.inRule = false
	s.kind, s.lhs, s.op, s.rhs = stmtAssign, lhs, op, rhs
	p.add(s)
}

func directive(word string) bool {
	switch word {
	case "export", "override", "private", "unexport", "undefine",
		"include", "-include", "sinclude", "define", "vpath":
		return true
	}
	return false
}

// define reads the lines of a multi-line variable.
func (p *parser) define(s stmt, head string) {
	s.kind, s.op = stmtAssign, "="
	s.lhs = strings.TrimSpace(head)
	if lhs, op, _, ok := assignment(head); ok {
		s.lhs, s.op = lhs, op
	}
	s.text = "define " + s.lhs
	var lines []string
	depth := 1
	for {
		text, ok := p.raw()
		if !ok {
			p.problem(s.line, "this define has no endef")
			break
		}
		word, _ := firstWord(strings.TrimLeft(uncomment(text), " \t"))
		if !strings.HasPrefix(text, "\t") {
			switch word {
			case "define":
				depth++
			case "endef":
				depth--
			}
		}
		if depth == 0 {
			break
		}
		lines = append(lines, text)
	}
	s.rhs = strings.Join(lines, "\n")
	p.add(s)
}

// firstWord cuts the first word off.
func firstWord(s string) (word, rest string) {
	i := strings.IndexAny(s, " \t(")
	if i < 0 {
		return s, ""
	}
	if s[i] == '(' { // ifeq(a,b)
		return s[:i], s[i:]
	}
	return s[:i], strings.TrimLeft(s[i:], " \t")
}

// uncomment takes a comment off, and the backslash before a # that begins none.
func uncomment(s string) string {
	if !strings.Contains(s, "#") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '#':
			return b.String()
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '#':
			b.WriteByte('#')
			i++
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// assignment splits "name op value". It is none where a rule's colon comes first.
func assignment(s string) (lhs, op, rhs string, ok bool) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(', '{':
			if depth > 0 || i > 0 && s[i-1] == '$' {
				depth++
			}
		case ')', '}':
			if depth > 0 {
				depth--
			}
		case ':':
			if depth > 0 {
				continue
			}
			n := i
			for n < len(s) && s[n] == ':' {
				n++
			}
			if n < len(s) && s[n] == '=' {
				return split(s, i, n+1, ":=")
			}
			return "", "", "", false
		case '=':
			if depth > 0 {
				continue
			}
			if i > 0 {
				switch s[i-1] {
				case '+', '?', '!':
					return split(s, i-1, i+1, s[i-1:i+1])
				}
			}
			return split(s, i, i+1, "=")
		}
	}
	return "", "", "", false
}

func split(s string, left, right int, op string) (string, string, string, bool) {
	lhs := strings.TrimSpace(s[:left])
	return lhs, op, strings.TrimLeft(s[right:], " \t"), lhs != ""
}

// ruleColon gives where a rule's colon is, or -1.
func ruleColon(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(', '{':
			if depth > 0 || i > 0 && s[i-1] == '$' {
				depth++
			}
		case ')', '}':
			if depth > 0 {
				depth--
			}
		case ':':
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// condArgs reads "(a,b)", "'a' 'b'" and the like.
func condArgs(s string) (a, b string, ok bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", "", false
	}
	if s[0] == '(' {
		depth, comma := 0, -1
		for i := 1; i < len(s); i++ {
			switch s[i] {
			case '(':
				depth++
			case ')':
				if depth == 0 {
					if comma < 0 {
						return "", "", false
					}
					return strings.TrimRight(s[1:comma], " \t"), strings.TrimLeft(s[comma+1:i], " \t"), true
				}
				depth--
			case ',':
				if depth == 0 && comma < 0 {
					comma = i
				}
			}
		}
		return "", "", false
	}
	a, rest, ok := quoted(s)
	if !ok {
		return "", "", false
	}
	b, _, ok = quoted(strings.TrimSpace(rest))
	return a, b, ok
}

func quoted(s string) (text, rest string, ok bool) {
	if s == "" || s[0] != '"' && s[0] != '\'' {
		return "", "", false
	}
	end := strings.IndexByte(s[1:], s[0])
	if end < 0 {
		return "", "", false
	}
	return s[1 : end+1], s[end+2:], true
}
