package kconfig

import (
	"strconv"
	"strings"
)

// at is where a macro is used.
type at struct {
	file int32
	line int
}

type flavor uint8

const (
	recursive flavor = iota // =
	simple                  // :=
)

type variable struct {
	value  string
	flavor flavor
	depth  int // expansions that are under way
}

// What macros may cost.
const (
	maxArgs      = 16
	maxExpansion = 1 << 20  // bytes of one result
	maxExpanded  = 64 << 20 // bytes of all
	maxMacros    = 400      // expansions within each other
)

// assign sets, or with += extends, a variable.
func (p *parser) assign(name, op, value string, at at) {
	v, ok := p.variables[name]
	if !ok {
		v = &variable{}
		p.variables[name] = v
	}
	kind := recursive
	switch {
	case op == ":=":
		kind = simple
	case op == "+=" && ok:
		kind = v.flavor
	}
	if kind == simple {
		value = p.expand(value, nil, at, 0)
	}
	if op == "+=" && ok {
		if len(v.value)+len(value) > maxExpansion {
			p.macroError(at, "the variable '%.40s' became too long", name)
			return
		}
		value = v.value + " " + value
	}
	v.value, v.flavor = value, kind
}

func (p *parser) macroError(at at, format string, args ...any) {
	p.t.report(at.file, at.line, Error, format, args...)
}

// expandToken expands the word that s begins with and says how much of s it was.
func (p *parser) expandToken(s string, at at) (out string, used int) {
	var b strings.Builder
	i := 0
	for i < len(s) {
		c := s[i]
		if c == '$' {
			text, n := p.expandDollar(s[i+1:], nil, at, 0)
			b.WriteString(text)
			i += 1 + n
			continue
		}
		if !wordByte[c] {
			break
		}
		b.WriteByte(c)
		i++
	}
	return b.String(), i
}

// expand expands all macros in s; args are those of the function that s is the body of.
func (p *parser) expand(s string, args []string, at at, depth int) string {
	i := strings.IndexByte(s, '$')
	if i < 0 {
		return s
	}
	var b strings.Builder
	for {
		b.WriteString(s[:i])
		text, n := p.expandDollar(s[i+1:], args, at, depth)
		if b.Len()+len(text) > maxExpansion {
			p.macroError(at, "a macro expands to more than %d bytes", maxExpansion)
			return b.String()
		}
		b.WriteString(text)
		s = s[i+1+n:]
		if i = strings.IndexByte(s, '$'); i < 0 {
			b.WriteString(s)
			return b.String()
		}
	}
}

// expandDollar expands what follows a $ and says how much of s it was. Only $( begins a
// reference; any other $ is itself.
func (p *parser) expandDollar(s string, args []string, at at, depth int) (out string, used int) {
	if s == "" || s[0] != '(' {
		return "$", 0
	}
	nest := 0
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '(':
			nest++
		case ')':
			if nest == 0 {
				out = p.clause(s[1:i], args, at, depth+1)
				if p.expanded += len(out); p.expanded > maxExpanded {
					p.macroError(at, "macros expand to more than %d bytes", maxExpanded)
					out = ""
				}
				return out, i + 1
			}
			nest--
		}
	}
	p.macroError(at, "unterminated reference to '%.80s': missing ')'", s[1:])
	return "", len(s)
}

// clause evaluates what is between the parentheses of a reference.
func (p *parser) clause(s string, args []string, at at, depth int) string {
	if depth > maxMacros {
		p.macroError(at, "Too deep recursive expansion")
		return ""
	}
	if n, err := strconv.ParseUint(s, 10, 31); err == nil && n > 0 && int(n) <= len(args) {
		return args[n-1]
	}
	parts := make([]string, 0, 4)
	nest, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ',':
			if nest == 0 {
				parts = append(parts, s[start:i])
				start = i + 1
			}
		case '(':
			nest++
		case ')':
			nest--
		}
	}
	parts = append(parts, s[start:])
	if len(parts) > maxArgs {
		p.macroError(at, "too many function arguments")
		return ""
	}
	for i := range parts {
		parts[i] = p.expand(parts[i], args, at, depth)
	}
	return p.call(parts[0], parts[1:], at, depth)
}

// call gives the value of a variable or function: one of the files', else a built-in,
// else of the environment.
func (p *parser) call(name string, args []string, at at, depth int) string {
	if v, ok := p.variables[name]; ok {
		if len(args) == 0 && v.depth > 0 {
			p.macroError(at, "Recursive variable '%s' references itself (eventually)", name)
			return ""
		}
		if v.flavor == simple {
			return v.value
		}
		v.depth++
		defer func() { v.depth-- }()
		return p.expand(v.value, args, at, depth)
	}
	if b, ok := builtins[name]; ok {
		switch {
		case len(args) < b.args:
			p.macroError(at, "too few function arguments passed to '%s'", name)
			return ""
		case len(args) > b.args:
			p.macroError(at, "too many function arguments passed to '%s'", name)
			return ""
		}
		return b.call(p, args, at)
	}
	if len(args) == 0 && name != "" {
		v, ok := p.env[name]
		switch {
		case ok:
			p.t.env[name] = v
		case strings.HasSuffix(name, "_VERSION_TEXT"):
			// What the Makefile asks the toolchain is a question to it, too.
			return p.shell("$("+name+")", at)
		}
		return v
	}
	return ""
}

type builtin struct {
	args int
	call func(p *parser, args []string, at at) string
}

var builtins = map[string]builtin{
	"error-if": {2, func(p *parser, args []string, at at) string {
		if args[0] == "y" {
			p.macroError(at, "%s", args[1])
		}
		return ""
	}},
	"warning-if": {2, func(p *parser, args []string, at at) string {
		if args[0] == "y" {
			p.t.report(at.file, at.line, Note, "%s", args[1])
		}
		return ""
	}},
	"info": {1, func(p *parser, args []string, _ at) string {
		if len(p.t.Info) < maxDiagnostics {
			p.t.Info = append(p.t.Info, args[0])
		}
		return ""
	}},
	"filename": {0, func(p *parser, _ []string, at at) string { return p.t.files[at.file].name }},
	"lineno":   {0, func(_ *parser, _ []string, at at) string { return strconv.Itoa(at.line) }},
	"shell":    {1, func(p *parser, args []string, at at) string { return p.shell(args[0], at) }},
}
