package csource

import "strings"

// A TokenKind says what a token is.
type TokenKind uint8

// The kinds of tokens. Comments and directives are none.
const (
	Ident TokenKind = iota
	Number
	String
	Char
	Punct
)

// A Token is a word of the source.
type Token struct {
	Kind TokenKind
	Text string
	Pos  int // byte offset
	Line int // from 1
}

// branch is an #if that is open.
type branch struct {
	depth int  // of braces, where it began
	skip  bool // its current branch is left out
	taken bool // a branch has been read
	outer bool // what is around it is left out
}

// lexer cuts a source into tokens.
type lexer struct {
	src    string
	pos    int
	line   int
	toks   []Token
	depth  int // of braces in what is read
	parens int
	ifs    []branch
	skip   bool
}

const maxIfs = 256

func lex(src string) []Token {
	l := lexer{src: src, line: 1, toks: make([]Token, 0, len(src)/5)}
	for l.pos < len(l.src) {
		l.next()
	}
	return l.toks
}

func (l *lexer) next() {
	c := l.src[l.pos]
	switch {
	case c == '\n':
		l.line++
		l.pos++
	case c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v':
		l.pos++
	case c == '\\':
		l.pos++
	case c == '/' && l.at(1) == '/':
		l.toLineEnd()
	case c == '/' && l.at(1) == '*':
		l.comment()
	case c == '#' && l.lineStart():
		l.directive()
	case c == '"':
		l.quoted('"', String)
	case c == '\'':
		l.quoted('\'', Char)
	case isLetter(c):
		end := l.pos + 1
		for end < len(l.src) && (isLetter(l.src[end]) || isDigit(l.src[end])) {
			end++
		}
		if end == l.pos+1 && c == 'L' && end < len(l.src) && (l.src[end] == '"' || l.src[end] == '\'') {
			l.pos++
			return
		}
		l.emit(Ident, end)
	case isDigit(c) || c == '.' && isDigit(l.at(1)):
		l.number()
	default:
		l.punct()
	}
}

func (l *lexer) at(n int) byte {
	if l.pos+n < len(l.src) {
		return l.src[l.pos+n]
	}
	return 0
}

func isLetter(c byte) bool {
	return c == '_' || c == '$' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (l *lexer) emit(kind TokenKind, end int) {
	if !l.skip {
		l.toks = append(l.toks, Token{kind, l.src[l.pos:end], l.pos, l.line})
	}
	l.pos = end
}

func (l *lexer) number() {
	end := l.pos + 1
	for end < len(l.src) {
		c := l.src[end]
		sign := (c == '+' || c == '-') && (l.src[end-1]|0x20 == 'e' || l.src[end-1]|0x20 == 'p') && !strings.HasPrefix(l.src[l.pos:end], "0x")
		if !isLetter(c) && !isDigit(c) && c != '.' && !sign {
			break
		}
		end++
	}
	l.emit(Number, end)
}

// quoted reads a string or a character; one that does not end ends with its line.
func (l *lexer) quoted(q byte, kind TokenKind) {
	end, lines := l.pos+1, 0
	for end < len(l.src) && l.src[end] != q {
		if l.src[end] == '\\' && end+1 < len(l.src) {
			end++
			if l.src[end] == '\n' {
				lines++
			}
		} else if l.src[end] == '\n' {
			l.emit(kind, end)
			l.line += lines
			return
		}
		end++
	}
	l.emit(kind, min(end+1, len(l.src)))
	l.line += lines
}

func (l *lexer) toLineEnd() {
	for l.pos < len(l.src) && l.src[l.pos] != '\n' {
		l.pos++
	}
}

func (l *lexer) comment() {
	end := strings.Index(l.src[l.pos+2:], "*/")
	if end < 0 {
		l.pos = len(l.src)
		return
	}
	end += l.pos + 4
	l.line += strings.Count(l.src[l.pos:end], "\n")
	l.pos = end
}

// lineStart tells whether nothing but blanks stands before on the line.
func (l *lexer) lineStart() bool {
	for i := l.pos - 1; i >= 0; i-- {
		switch l.src[i] {
		case '\n':
			return true
		case ' ', '\t', '\r':
		case '/':
			return i > 0 && l.src[i-1] == '*' // the end of a comment
		default:
			return false
		}
	}
	return true
}

// directive reads a line of the preprocessor with those that continue it.
func (l *lexer) directive() {
	begin := l.pos + 1
	for l.pos < len(l.src) {
		switch {
		case l.src[l.pos] == '\n':
			if l.src[l.pos-1] != '\\' && (l.src[l.pos-1] != '\r' || l.pos < 2 || l.src[l.pos-2] != '\\') {
				l.conditional(strings.TrimSpace(l.src[begin:l.pos]))
				return
			}
			l.line++
		case strings.HasPrefix(l.src[l.pos:], "/*"):
			l.comment()
			continue
		}
		l.pos++
	}
	l.conditional(strings.TrimSpace(l.src[begin:]))
}

// conditional follows #if, #else and #endif.
func (l *lexer) conditional(text string) {
	word := text
	if i := strings.IndexFunc(text, func(r rune) bool { return !isLetter(byte(min(r, 0x80))) }); i >= 0 {
		word = text[:i]
	}
	switch word {
	case "if", "ifdef", "ifndef":
		if len(l.ifs) >= maxIfs {
			return
		}
		off := word == "if" && strings.TrimSpace(text[2:]) == "0"
		l.ifs = append(l.ifs, branch{depth: l.depth, skip: off, taken: !off, outer: l.skip})
	case "else", "elif":
		if len(l.ifs) == 0 {
			return
		}
		b := &l.ifs[len(l.ifs)-1]
		// Outside of functions each branch that is whole is read.
		whole := b.depth == 0 && l.depth == 0 && l.parens == 0 && l.itemEnd()
		b.skip = b.taken && !whole
		b.taken = true
	case "endif":
		if n := len(l.ifs); n > 0 {
			l.skip = l.ifs[n-1].outer
			l.ifs = l.ifs[:n-1]
			return
		}
	}
	if n := len(l.ifs); n > 0 {
		l.skip = l.ifs[n-1].outer || l.ifs[n-1].skip
	}
}

// itemEnd tells whether what is read so far may end a declaration or a function.
func (l *lexer) itemEnd() bool {
	if len(l.toks) == 0 {
		return true
	}
	switch l.toks[len(l.toks)-1].Text {
	case ";", "}", ")":
		return true
	}
	return false
}

// punct reads an operator: the longest that fits.
func (l *lexer) punct() {
	n := 1
	rest := l.src[l.pos:]
	switch {
	case len(rest) >= 3 && (rest[:3] == "<<=" || rest[:3] == ">>=" || rest[:3] == "..."):
		n = 3
	case len(rest) >= 2:
		switch rest[:2] {
		case "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "##":
			n = 2
		}
	}
	if !l.skip && n == 1 {
		switch rest[0] {
		case '{':
			l.depth++
		case '}':
			l.depth = max(l.depth-1, 0)
			if l.depth == 0 {
				l.parens = 0
			}
		case '(':
			l.parens++
		case ')':
			l.parens = max(l.parens-1, 0)
		}
	}
	l.emit(Punct, l.pos+n)
}
