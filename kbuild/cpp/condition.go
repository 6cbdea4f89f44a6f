package cpp

import (
	"strconv"
	"strings"
)

// Symbols tells what a configuration says of a symbol, without CONFIG_: y, m, a number or
// a string in quotes, "" for one that is off or absent. It is not known where something
// else than the configuration decides the macro.
type Symbols func(name string) (value string, known bool)

// A value is what an expression has: a number, or nothing that is known.
type value struct {
	n     int64
	known bool
}

func (v value) truth() Truth {
	if !v.known {
		return Unknown
	}
	return truth(v.n != 0)
}

func number(t Truth) value {
	switch t {
	case Yes:
		return value{1, true}
	case No:
		return value{0, true}
	}
	return value{}
}

// defined says whether the macro of a symbol is defined: CONFIG_X where it is built in or
// has a value, CONFIG_X_MODULE where it is a module.
func (s Symbols) defined(macro string) Truth {
	name, ok := strings.CutPrefix(macro, "CONFIG_")
	if !ok {
		return Unknown
	}
	v, known := s(name)
	if !known {
		return Unknown
	}
	if v != "" && v != "n" && v != "m" {
		return Yes
	}
	if of, ok := strings.CutSuffix(name, "_MODULE"); ok {
		v, known = s(of)
		if !known {
			return Unknown
		}
		return truth(v == "m")
	}
	return No
}

// macro gives the value of an identifier.
func (s Symbols) macro(name string) value {
	switch s.defined(name) {
	case No:
		return value{0, true}
	case Yes:
		v, _ := s(strings.TrimPrefix(name, "CONFIG_"))
		if v == "y" || v == "" || v == "m" { // the last two of CONFIG_X_MODULE
			return value{1, true}
		}
		if n, err := strconv.ParseInt(v, 0, 64); err == nil {
			return value{n, true}
		}
	}
	return value{}
}

// enabled answers IS_ENABLED(CONFIG_X) and its kin. Whether a module is reachable depends
// on whether who asks is one.
func (s Symbols) enabled(function, macro string) Truth {
	name, ok := strings.CutPrefix(macro, "CONFIG_")
	if !ok {
		return Unknown
	}
	v, known := s(name)
	if !known {
		return Unknown
	}
	switch function {
	case "IS_ENABLED":
		return truth(v == "y" || v == "m")
	case "IS_BUILTIN":
		return truth(v == "y")
	case "IS_MODULE":
		return truth(v == "m")
	case "IS_REACHABLE":
		if v == "m" {
			return Unknown
		}
		return truth(v == "y")
	}
	return Unknown
}

// An evaluator reads a condition. Whatever it does not know makes its operand unknown; a
// text that it cannot read makes all of it so.
type evaluator struct {
	text    string
	pos     int
	depth   int
	failed  bool
	symbols Symbols
}

// condition gives the truth of an #if's text.
func condition(text string, symbols Symbols) Truth {
	e := evaluator{text: text, symbols: symbols}
	v := e.or()
	e.blanks()
	if e.failed || e.pos < len(e.text) {
		return Unknown
	}
	return v.truth()
}

func (e *evaluator) blanks() {
	for e.pos < len(e.text) && e.text[e.pos] == ' ' {
		e.pos++
	}
}

func (e *evaluator) accept(op string) bool {
	e.blanks()
	if !strings.HasPrefix(e.text[e.pos:], op) {
		return false
	}
	e.pos += len(op)
	return true
}

func (e *evaluator) or() value {
	v := e.and()
	for e.accept("||") {
		w := e.and()
		v = number(v.truth().not().and(w.truth().not()).not())
	}
	return v
}

func (e *evaluator) and() value {
	v := e.compared()
	for e.accept("&&") {
		w := e.compared()
		v = number(v.truth().and(w.truth()))
	}
	return v
}

func (e *evaluator) compared() value {
	v := e.unary()
	for {
		var holds func(a, b int64) bool
		switch {
		case e.accept("=="):
			holds = func(a, b int64) bool { return a == b }
		case e.accept("!="):
			holds = func(a, b int64) bool { return a != b }
		case e.accept("<="):
			holds = func(a, b int64) bool { return a <= b }
		case e.accept(">="):
			holds = func(a, b int64) bool { return a >= b }
		case strings.HasPrefix(e.text[e.pos:], "<<"), strings.HasPrefix(e.text[e.pos:], ">>"):
			e.failed = true
			return value{}
		case e.accept("<"):
			holds = func(a, b int64) bool { return a < b }
		case e.accept(">"):
			holds = func(a, b int64) bool { return a > b }
		default:
			return v
		}
		w := e.unary()
		if !v.known || !w.known {
			v = value{}
			continue
		}
		v = number(truth(holds(v.n, w.n)))
	}
}

func (e *evaluator) unary() value {
	if e.depth++; e.depth > maxDepth {
		e.failed = true
		return value{}
	}
	defer func() { e.depth-- }()
	e.blanks()
	switch {
	case e.failed || e.pos >= len(e.text):
		e.failed = true
		return value{}
	case strings.HasPrefix(e.text[e.pos:], "!="):
		e.failed = true
		return value{}
	case e.accept("!"):
		return number(e.unary().truth().not())
	case e.accept("("):
		v := e.or()
		if !e.accept(")") {
			e.failed = true
		}
		return v
	}
	word := e.word()
	switch {
	case word == "":
		e.failed = true
		return value{}
	case word[0] >= '0' && word[0] <= '9':
		n, err := strconv.ParseInt(strings.TrimRight(word, "uUlL"), 0, 64)
		return value{n, err == nil}
	case word == "defined":
		name, ok := e.argument()
		if !ok {
			name = e.word()
		}
		return number(e.symbols.defined(name))
	}
	if strings.HasPrefix(word, "CONFIG_") {
		return e.symbols.macro(word)
	}
	if name, ok := e.argument(); ok {
		return number(e.symbols.enabled(word, name))
	}
	return value{}
}

func (e *evaluator) word() string {
	e.blanks()
	from := e.pos
	for e.pos < len(e.text) && identifier(e.text[e.pos]) {
		e.pos++
	}
	return e.text[from:e.pos]
}

func identifier(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// argument reads what stands in the parentheses behind a word, where there are any.
func (e *evaluator) argument() (string, bool) {
	if !e.accept("(") {
		return "", false
	}
	from, open := e.pos, 1
	for ; e.pos < len(e.text); e.pos++ {
		switch e.text[e.pos] {
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				e.pos++
				return strings.TrimSpace(e.text[from : e.pos-1]), true
			}
		}
	}
	e.failed = true
	return "", true
}
