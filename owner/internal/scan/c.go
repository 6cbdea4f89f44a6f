package scan

import (
	"bytes"
	"strings"
)

// C calls emit for every function that a C source or header defines.
func C(src []byte, emit func(name string)) {
	s := cScanner{src: src, emit: emit, bol: true}
	s.run()
}

type tokenKind uint8

const (
	tokIdent tokenKind = iota
	tokPunct
)

type token struct {
	kind  tokenKind
	punct byte
	text  string
}

// maxDecl bounds the tokens of one declaration. Longer ones are tables.
const maxDecl = 2048

type cScanner struct {
	src  []byte
	pos  int
	bol  bool // at the beginning of a line, before any token
	emit func(string)

	depth  int     // of braces
	parens int     // of parentheses at file level
	decl   []token // the declaration being read, at file level
	inBody bool    // the open brace began a function
	conds  []cond
}

// cond is an open #if: where the scanner stood when it began. Each branch is
// read from that state, since only one of them is compiled.
type cond struct {
	depth, parens, decl int
	inBody              bool
}

func (s *cScanner) run() {
	for s.pos < len(s.src) {
		c := s.src[s.pos]
		switch {
		case c == '\n':
			s.bol = true
			s.pos++
		case c == ' ' || c == '\t' || c == '\r' || c == '\f':
			s.pos++
		case c == '#' && s.bol:
			s.directive()
		case c == '/' && s.peek(1) == '/':
			s.toLineEnd()
		case c == '/' && s.peek(1) == '*':
			s.skipComment()
		case c == '"' || c == '\'':
			s.skipQuoted(c)
			s.bol = false
		case isIdentStart(c):
			start := s.pos
			for s.pos < len(s.src) && isIdent(s.src[s.pos]) {
				s.pos++
			}
			if s.depth == 0 {
				s.push(token{kind: tokIdent, text: string(s.src[start:s.pos])})
			}
			s.bol = false
		default:
			s.punct(c)
			s.pos++
			s.bol = false
		}
	}
}

func (s *cScanner) peek(n int) byte {
	if s.pos+n < len(s.src) {
		return s.src[s.pos+n]
	}
	return 0
}

// punct handles one character of punctuation.
func (s *cScanner) punct(c byte) {
	column0 := s.pos == 0 || s.src[s.pos-1] == '\n'
	switch {
	case c == '{':
		if s.depth == 0 && column0 {
			// Kernel style puts a function's brace here and nothing else's: if
			// parentheses seem open, a macro has misled the count.
			s.parens = 0
		}
		if s.depth == 0 && s.parens == 0 {
			name := functionName(s.decl)
			s.inBody = name != ""
			for n := range definedNames(name, s.decl) {
				s.emit(n)
			}
			s.decl = s.decl[:0]
		}
		s.depth++
	case c == '}':
		if s.depth > 0 {
			s.depth--
		}
		// The same style closes a function here, whatever the count says.
		if column0 && s.inBody {
			s.depth = 0
		}
		if s.depth == 0 && s.inBody {
			s.inBody = false
			s.reset()
		}
	case s.depth > 0:
	case c == ';':
		if s.parens == 0 {
			for n := range generatedNames(s.decl) {
				s.emit(n)
			}
			s.reset()
		}
	case c == '(':
		s.parens++
		s.push(token{kind: tokPunct, punct: c})
	case c == ')':
		if s.parens > 0 {
			s.parens--
		}
		s.push(token{kind: tokPunct, punct: c})
	case c == '=' || c == '*' || c == ',' || c == '[':
		s.push(token{kind: tokPunct, punct: c})
	}
}

func (s *cScanner) push(t token) {
	if len(s.decl) >= maxDecl {
		s.reset()
	}
	s.decl = append(s.decl, t)
}

func (s *cScanner) reset() {
	s.decl = s.decl[:0]
	s.parens = 0
}

func (s *cScanner) toLineEnd() {
	for s.pos < len(s.src) && s.src[s.pos] != '\n' {
		if s.src[s.pos] == '\\' {
			s.pos++ // a spliced line goes on
		}
		s.pos++
	}
	s.pos = min(s.pos, len(s.src))
}

func (s *cScanner) skipComment() {
	end := bytes.Index(s.src[s.pos+2:], []byte("*/"))
	if end < 0 {
		s.pos = len(s.src)
		return
	}
	s.pos += 2 + end + 2
}

// skipQuoted passes over a string or character. An apostrophe in assembler or
// in disabled text has no partner, so neither runs past its line.
func (s *cScanner) skipQuoted(quote byte) {
	for s.pos++; s.pos < len(s.src); s.pos++ {
		switch s.src[s.pos] {
		case '\\':
			s.pos++
		case '\n':
			return
		case quote:
			s.pos++
			return
		}
	}
	s.pos = min(s.pos, len(s.src))
}

// directive handles a preprocessor line.
func (s *cScanner) directive() {
	s.pos++
	line := s.directiveLine()
	line = strings.TrimLeft(line, " \t")
	word := line[:identLen(line)]
	switch word {
	case "if", "ifdef", "ifndef":
		if word == "if" && strings.TrimSpace(line[2:]) == "0" {
			s.skipBranch()
			return
		}
		s.conds = append(s.conds, cond{s.depth, s.parens, len(s.decl), s.inBody})
	case "else", "elif", "elifdef", "elifndef":
		if n := len(s.conds); n > 0 {
			c := s.conds[n-1]
			s.depth, s.parens, s.inBody = c.depth, c.parens, c.inBody
			s.decl = s.decl[:min(c.decl, len(s.decl))]
		}
	case "endif":
		if n := len(s.conds); n > 0 {
			s.conds = s.conds[:n-1]
		}
	}
}

// directiveLine returns the rest of a directive and moves past it, spliced
// lines and comments included.
func (s *cScanner) directiveLine() string {
	start := s.pos
	for s.pos < len(s.src) {
		switch c := s.src[s.pos]; {
		case c == '\n':
			return string(s.src[start:s.pos])
		case c == '\\':
			s.pos = min(s.pos+2, len(s.src))
		case c == '/' && s.peek(1) == '*':
			s.skipComment()
		case c == '/' && s.peek(1) == '/':
			end := s.pos
			s.toLineEnd()
			return string(s.src[start:end])
		case c == '"':
			s.skipQuoted(c)
		default:
			s.pos++
		}
	}
	return string(s.src[start:])
}

// skipBranch passes over an "#if 0" branch. An #else of it is read as if it
// were unconditional.
func (s *cScanner) skipBranch() {
	depth := 0
	for s.pos < len(s.src) {
		nl := bytes.IndexByte(s.src[s.pos:], '\n')
		if nl < 0 {
			s.pos = len(s.src)
			return
		}
		s.pos += nl + 1
		rest := bytes.TrimLeft(s.src[s.pos:min(s.pos+256, len(s.src))], " \t")
		if len(rest) == 0 || rest[0] != '#' {
			continue
		}
		rest = bytes.TrimLeft(rest[1:], " \t")
		switch {
		case bytes.HasPrefix(rest, []byte("if")):
			depth++
		case bytes.HasPrefix(rest, []byte("endif")):
			if depth == 0 {
				s.toLineEnd()
				return
			}
			depth--
		case depth == 0 && (bytes.HasPrefix(rest, []byte("else")) || bytes.HasPrefix(rest, []byte("elif"))):
			s.toLineEnd()
			s.conds = append(s.conds, cond{s.depth, s.parens, len(s.decl), s.inBody})
			return
		}
	}
}

func isIdentStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func isIdent(c byte) bool { return isIdentStart(c) || c >= '0' && c <= '9' }

func identLen(s string) int {
	n := 0
	for n < len(s) && isIdent(s[n]) {
		n++
	}
	return n
}
