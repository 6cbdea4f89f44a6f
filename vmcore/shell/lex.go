package shell

import (
	"fmt"
	"strconv"
	"strings"
)

// ExprError is what is wrong with an expression, and where.
type ExprError struct {
	Col  int // of the expression, from 1
	Text string
}

func (e *ExprError) Error() string { return fmt.Sprintf("column %d: %s", e.Col, e.Text) }

func exprErr(col int, format string, args ...any) error {
	return &ExprError{Col: col + 1, Text: fmt.Sprintf(format, args...)}
}

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokName
	tokNumber
	tokFloat
	tokText
	tokOp
)

type token struct {
	kind tokenKind
	text string
	n    uint64
	f    float64
	col  int
}

func (t token) String() string {
	if t.kind == tokEnd {
		return "the end"
	}
	return strconv.Quote(t.text)
}

// operators, the longer ones first.
var operators = []string{"->", "==", "!=", "!~", "<=", ">=", "&&", "||", "<<", ">>",
	"=", "~", "<", ">", "+", "-", "*", "/", "%", "&", "|", "^", "!", "(", ")", "[", "]", ".", ":", ","}

func nameStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// maxTokens bounds an expression.
const maxTokens = 4096

// lex cuts an expression into tokens, of which the last is the end.
func lex(src string) ([]token, error) {
	var out []token
	for at := 0; at < len(src); {
		c := src[at]
		if len(out) >= maxTokens {
			return nil, exprErr(at, "the expression has more than %d parts", maxTokens)
		}
		if c == ' ' || c == '\t' {
			at++
			continue
		}
		t := token{col: at}
		matching := len(out) > 0 && out[len(out)-1].kind == tokOp && (out[len(out)-1].text == "~" || out[len(out)-1].text == "!~") && len(out) > 1 && operand(out[len(out)-2])
		switch {
		case c == '"' || c == '\'':
			n := strings.IndexByte(src[at+1:], c)
			if n < 0 {
				return nil, exprErr(at, "the text that begins here has no closing %c", c)
			}
			t.kind, t.text = tokText, src[at+1:at+1+n]
			at += n + 2
		case matching: // a regular expression goes on to the next space
			n := patternEnd(src[at:])
			t.kind, t.text = tokText, src[at:at+n]
			at += n
		case nameStart(c) || digit(c):
			n := 1
			for at+n < len(src) && (nameStart(src[at+n]) || digit(src[at+n])) {
				n++
			}
			var err error
			if n, err = t.word(src[at:], n); err != nil {
				return nil, err
			}
			at += n
		default:
			for _, op := range operators {
				if strings.HasPrefix(src[at:], op) {
					t.kind, t.text = tokOp, op
					break
				}
			}
			if t.kind != tokOp {
				return nil, exprErr(at, "%q has no meaning in an expression", c)
			}
			at += len(t.text)
		}
		out = append(out, t)
	}
	return append(out, token{kind: tokEnd, col: len(src)}), nil
}

// operand reports whether a token can be the left of a comparison.
func operand(t token) bool { return t.kind != tokOp || t.text == ")" || t.text == "]" }

// patternEnd returns where an unquoted pattern ends.
func patternEnd(s string) int {
	depth := 0
	for i := range len(s) {
		switch {
		case s[i] == '(':
			depth++
		case s[i] == ')':
			if depth--; depth < 0 {
				return i
			}
		case s[i] == ' ', strings.HasPrefix(s[i:], "&&"), strings.HasPrefix(s[i:], "||"):
			return i
		}
	}
	return len(s)
}

// word makes a name or a number of the first n bytes of s.
func (t *token) word(s string, n int) (int, error) {
	t.text = s[:n]
	hex := !strings.ContainsFunc(t.text, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) })
	if n == 16 && hex { // an address as crash prints it
		t.kind = tokNumber
		t.n, _ = strconv.ParseUint(t.text, 16, 64) // 16 hexadecimal digits fit
		return n, nil
	}
	if !digit(s[0]) {
		t.kind = tokName
		return n, nil
	}
	if n < len(s)-1 && s[n] == '.' && digit(s[n+1]) && !strings.HasPrefix(t.text, "0x") {
		for n++; n < len(s) && digit(s[n]); n++ {
		}
		t.text = s[:n]
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return 0, exprErr(t.col, "%s is no number", t.text)
		}
		t.kind, t.f = tokFloat, f
		return n, nil
	}
	v, err := strconv.ParseUint(strings.TrimRight(t.text, "uUlL"), 0, 64)
	if err != nil {
		return 0, exprErr(t.col, "%s is no number of 64 bits; hexadecimal ones begin with 0x", t.text)
	}
	t.kind, t.n = tokNumber, v
	return n, nil
}
