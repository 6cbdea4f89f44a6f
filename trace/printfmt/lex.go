package printfmt

import (
	"fmt"
	"strconv"
	"strings"
)

// tokenKind says what a token is.
type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokName
	tokNumber
	tokString // its text is unquoted
	tokPunct
)

type token struct {
	kind   tokenKind
	text   string
	value  uint64
	typ    ctype // of a number
	offset int
}

// lexer cuts C source into tokens.
type lexer struct {
	src  string
	at   int
	long int // size of a long
}

// puncts are the operators of more than one character, the longest first.
var puncts = []string{"<<=", ">>=", "...", "->", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "++", "--"}

func (l *lexer) next() (token, error) {
	for l.at < len(l.src) && strings.IndexByte(" \t\r\n", l.src[l.at]) >= 0 {
		l.at++
	}
	start := l.at
	if start == len(l.src) {
		return token{offset: start}, nil
	}
	switch c := l.src[start]; {
	case isLetter(c):
		for l.at < len(l.src) && (isLetter(l.src[l.at]) || isDigit(l.src[l.at])) {
			l.at++
		}
		return token{kind: tokName, text: l.src[start:l.at], offset: start}, nil
	case isDigit(c):
		return l.number()
	case c == '"':
		return l.quoted()
	case c == '\'':
		return l.char()
	}
	text := l.src[start : start+1]
	for _, p := range puncts {
		if strings.HasPrefix(l.src[start:], p) {
			text = p
			break
		}
	}
	l.at += len(text)
	return token{kind: tokPunct, text: text, offset: start}, nil
}

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$'
}
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// number reads a number with its suffix: the type is the one C gives it.
func (l *lexer) number() (token, error) {
	start := l.at
	for l.at < len(l.src) && (isLetter(l.src[l.at]) || isDigit(l.src[l.at])) {
		l.at++
	}
	text := l.src[start:l.at]
	digits := strings.TrimRight(text, "uUlL")
	suffix := strings.ToLower(text[len(digits):])
	v, err := strconv.ParseUint(digits, 0, 64)
	if err != nil {
		return token{}, fmt.Errorf("offset %d: %q is no number", start, text)
	}
	t := ctype{size: 4, signed: !strings.Contains(suffix, "u")}
	if strings.Contains(suffix, "ll") {
		t.size = 8
	} else if strings.Contains(suffix, "l") {
		t.size = l.long
	}
	decimal := digits[0] != '0'
	if t.size == 4 && t.signed && v > 1<<31-1 {
		if !decimal && v <= 1<<32-1 {
			t.signed = false
		} else {
			t.size = 8
		}
	}
	if t.size == 4 && v > 1<<32-1 {
		t.size = 8
	}
	if t.size == 8 && v > 1<<63-1 {
		t.signed = false
	}
	return token{kind: tokNumber, text: text, value: v, typ: t, offset: start}, nil
}

func (l *lexer) char() (token, error) {
	start := l.at
	l.at++
	b, end := l.unquote('\'')
	if !end || len(b) != 1 {
		return token{}, fmt.Errorf("offset %d: a character that does not end", start)
	}
	return token{kind: tokNumber, value: uint64(b[0]), typ: ctype{size: 4, signed: true}, offset: start}, nil
}

func (l *lexer) quoted() (token, error) {
	start := l.at
	l.at++
	b, end := l.unquote('"')
	if !end {
		return token{}, fmt.Errorf("offset %d: a string that does not end", start)
	}
	return token{kind: tokString, text: string(b), offset: start}, nil
}

// unquote reads up to a quote.
func (l *lexer) unquote(quote byte) (b []byte, end bool) {
	for l.at < len(l.src) {
		c := l.src[l.at]
		l.at++
		switch {
		case c == quote:
			return b, true
		case c == '\\' && l.at < len(l.src):
			c = l.src[l.at]
			l.at++
			switch c {
			case 'n':
				c = '\n'
			case 't':
				c = '\t'
			case 'r':
				c = '\r'
			case '0':
				c = 0
			}
		}
		b = append(b, c)
	}
	return b, false
}
