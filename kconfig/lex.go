package kconfig

import "strings"

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokEOL
	tokWord
	tokQuoted
	tokOp
	tokKeyword
)

type token struct {
	kind tokenKind
	text string // word, quoted text, operator or keyword
	line int
}

func (t token) is(kind tokenKind, text string) bool { return t.kind == kind && t.text == text }

// keyword says that a word has a meaning of its own. The last few are of old dialects and
// of extensions; as in conf they are names where nothing expects them.
func keyword(s string) bool {
	switch s {
	case "bool", "choice", "comment", "config", "def_bool", "def_tristate", "default",
		"depends", "endchoice", "endif", "endmenu", "help", "hex", "if", "imply", "int",
		"mainmenu", "menu", "menuconfig", "modules", "on", "prompt", "range", "select",
		"source", "string", "tristate", "visible":
		return true
	}
	return false
}

var wordByte = func() (table [256]bool) {
	for c := range table {
		table[c] = c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-'
	}
	return table
}()

// lexer cuts the text of one file into tokens.
type lexer struct {
	p    *parser
	file int32
	text string
	pos  int
	line int
	// pushed is what a macro left of its line, or "" .
	last token
}

func (l *lexer) next() token {
	l.last = l.scan()
	return l.last
}

func (l *lexer) scan() token {
	for l.pos < len(l.text) {
		c := l.text[l.pos]
		switch {
		case c == ' ' || c == '\t':
			l.pos++
		case c == '\n':
			l.pos++
			l.line++
			return token{tokEOL, "", l.line - 1}
		case c == '#':
			l.pos = l.lineEnd()
		case c == '\\' && l.pos+1 < len(l.text) && l.text[l.pos+1] == '\n':
			l.pos += 2
			l.line++
		case wordByte[c] || c == '$':
			if t, ok := l.word(); ok {
				return t
			}
		case c == '"' || c == '\'':
			return l.quoted(c)
		default:
			if n := l.operator(); n > 0 {
				l.pos += n
				return token{tokOp, l.text[l.pos-n : l.pos], l.line}
			}
			l.p.t.report(l.file, l.line, Warning, "ignoring unsupported character '%c'", c)
			l.pos++
		}
	}
	return token{tokEOF, "", l.line}
}

// lineEnd is where the line ends.
func (l *lexer) lineEnd() int {
	if n := strings.IndexByte(l.text[l.pos:], '\n'); n >= 0 {
		return l.pos + n
	}
	return len(l.text)
}

func (l *lexer) operator() int {
	rest := l.text[l.pos:]
	if len(rest) >= 2 {
		switch rest[:2] {
		case "||", "&&", "!=", "<=", ">=", ":=", "+=":
			return 2
		}
	}
	switch rest[0] {
	case '=', '<', '>', '!', '(', ')':
		return 1
	}
	return 0
}

func (l *lexer) word() (token, bool) {
	start := l.pos
	for l.pos < len(l.text) && wordByte[l.text[l.pos]] {
		l.pos++
	}
	if l.pos == len(l.text) || l.text[l.pos] != '$' {
		w := l.text[start:l.pos]
		if keyword(w) {
			return token{tokKeyword, w, l.line}, true
		}
		return token{tokWord, w, l.line}, true
	}
	// With a $ in it the word goes on for as long as macros and word bytes follow.
	end := l.lineEnd()
	w, used := l.p.expandToken(l.text[start:end], l.at())
	l.pos = start + used
	return token{tokWord, w, l.line}, w != ""
}

func (l *lexer) at() at { return at{l.file, l.line} }

func (l *lexer) quoted(quote byte) token {
	l.pos++
	start := l.pos
	// Nearly all strings are as they are written.
	for i := start; i < len(l.text); i++ {
		switch c := l.text[i]; c {
		case quote:
			l.pos = i + 1
			return token{tokQuoted, l.text[start:i], l.line}
		case '\\', '$', '\n':
			return l.quotedSlow(quote, i)
		}
	}
	return l.quotedSlow(quote, len(l.text))
}

func (l *lexer) quotedSlow(quote byte, i int) token {
	var b strings.Builder
	b.WriteString(l.text[l.pos:i])
	for i < len(l.text) {
		c := l.text[i]
		switch c {
		case quote:
			l.pos = i + 1
			return token{tokQuoted, b.String(), l.line}
		case '\n':
			l.p.t.report(l.file, l.line, Warning, "multi-line strings not supported")
			l.pos = i
			return token{tokQuoted, b.String(), l.line}
		case '\\':
			i++
			if i < len(l.text) && l.text[i] != '\n' {
				b.WriteByte(l.text[i])
				i++
			}
		case '$':
			l.pos = i
			out, used := l.p.expandDollar(l.text[i+1:l.lineEnd()], nil, l.at(), 0)
			b.WriteString(out)
			i += 1 + used
		default:
			b.WriteByte(c)
			i++
		}
	}
	l.pos = i
	return token{tokQuoted, b.String(), l.line}
}

// value gives the rest of the line, as the value of an assignment.
func (l *lexer) value() string {
	end := l.lineEnd()
	v := strings.TrimLeft(l.text[l.pos:end], " \t\r\v\f")
	l.pos = end
	return v
}

// help skips a help text and gives where it is. It ends at a line that is less indented
// than its first, and at an empty line before one that is not indented.
func (l *lexer) help() span {
	start := l.pos
	first := 0
	for l.pos < len(l.text) {
		width, i := 0, l.pos
		for ; i < len(l.text); i++ {
			if c := l.text[i]; c == ' ' {
				width++
			} else if c == '\t' {
				width = width&^7 + 8
			} else {
				break
			}
		}
		if i == len(l.text) {
			l.pos = i
			break
		}
		if l.text[i] != '\n' {
			if first > 0 && i > l.pos && width < first {
				end := l.pos
				l.pos = i
				return span{int32(start), int32(end)}
			}
			if first == 0 {
				first = width
			}
			if n := strings.IndexByte(l.text[i:], '\n'); n >= 0 {
				i += n
			} else {
				l.pos = len(l.text)
				break
			}
		}
		l.pos = i + 1
		l.line++
		if l.pos < len(l.text) {
			if c := l.text[l.pos]; c != ' ' && c != '\t' && c != '\n' {
				return span{int32(start), int32(l.pos)}
			}
		}
	}
	return span{int32(start), int32(l.pos)}
}
