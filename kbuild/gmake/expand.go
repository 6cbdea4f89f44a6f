package gmake

import (
	"strings"
)

// expand gives a text with its references replaced.
func (e *Env) expand(s string) string {
	if strings.IndexByte(s, '$') < 0 {
		return s
	}
	if e.depth >= maxDepth {
		e.problem("references are nested too deeply: %.60q", s)
		return unknown
	}
	if e.limit.steps++; e.over() {
		return unknown
	}
	e.depth++
	var b strings.Builder
	e.expandTo(&b, s)
	e.depth--
	e.limit.bytes += b.Len()
	return b.String()
}

func (e *Env) expandTo(b *strings.Builder, s string) {
	for {
		i := strings.IndexByte(s, '$')
		if b.Len() > maxValue {
			e.tooLong()
			return
		}
		if i < 0 || i+1 >= len(s) {
			b.WriteString(s)
			return
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		switch s[0] {
		case '$':
			b.WriteByte('$')
			s = s[1:]
		case '(', '{':
			end := closing(s)
			if end < 0 {
				e.problem("this reference is not closed: %.60q", "$"+s)
				return
			}
			if e.limit.bytes += end; e.over() {
				return
			}
			b.WriteString(e.reference(s[1:end], s[0]))
			s = s[end+1:]
		default:
			b.WriteString(e.variable(s[:1]))
			s = s[1:]
		}
	}
}

// tooLong ends the evaluation: no makefile has a value of that size.
func (e *Env) tooLong() {
	if !e.limit.hit {
		e.problem("a value has more than %d bytes; the rest was not evaluated", maxValue)
		e.limit.hit = true
	}
}

// fits says whether a value of n pieces of the given size may be made.
func (e *Env) fits(n, size int) bool {
	if n == 0 || size <= maxValue/n {
		return true
	}
	e.tooLong()
	return false
}

// closing gives where the parenthesis at the head of s is closed, or -1.
func closing(s string) int {
	left, right := s[0], byte(')')
	if left == '{' {
		right = '}'
	}
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case left:
			depth++
		case right:
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// reference gives the value of what is between the parentheses.
func (e *Env) reference(inner string, left byte) string {
	if i := strings.IndexAny(inner, " \t\n"); i > 0 {
		if f, ok := e.Tree.functions[inner[:i]]; ok {
			args := arguments(strings.TrimLeft(inner[i:], " \t\n"), f.max, left)
			if len(args) < f.min {
				e.problem("$(%s …) needs %d arguments", inner[:i], f.min)
				return unknown
			}
			if !f.lazy {
				for i := range args {
					args[i] = e.expand(args[i])
				}
			}
			return f.call(e, args)
		}
	}
	name := e.expand(inner)
	if colon := strings.IndexByte(name, ':'); colon > 0 {
		if from, to, ok := strings.Cut(name[colon+1:], "="); ok {
			if !strings.Contains(from, "%") {
				from, to = "%"+from, "%"+to
			}
			return e.patsubst(from, to, e.variable(name[:colon]))
		}
	}
	if strings.Contains(name, unknown) {
		return unknown
	}
	if strings.Contains(name, maybe) {
		name, _ = plain(name)
		return markAll(e.variable(name))
	}
	return e.variable(name)
}

// arguments splits at commas; the last argument of a function that takes max keeps them.
func arguments(s string, max int, left byte) []string {
	right := byte(')')
	if left == '{' {
		right = '}'
	}
	var args []string
	depth, start := 0, 0
	for i := 0; i < len(s) && (max == 0 || len(args) < max-1); i++ {
		switch s[i] {
		case left:
			depth++
		case right:
			depth--
		case ',':
			if depth == 0 {
				args = append(args, s[start:i])
				start = i + 1
			}
		}
	}
	return append(args, s[start:])
}

func (e *Env) variable(name string) string {
	if len(name) == 1 && name[0] >= '0' && name[0] <= '9' || len(name) == 2 && isNumber(name) {
		if n := number(name); n < len(e.args) {
			return e.args[n]
		}
		return ""
	}
	v := e.lookup(name)
	if v == nil {
		return e.config(name)
	}
	return e.valueOf(v)
}

func isNumber(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func number(s string) int {
	n := 0
	for i := 0; i < len(s) && n < 1<<20; i++ {
		if s[i] < '0' || s[i] > '9' {
			break
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

func (e *Env) config(name string) string {
	if e.Config != nil && strings.HasPrefix(name, "CONFIG_") {
		return e.Config(name)
	}
	return ""
}

func (e *Env) valueOf(v *variable) string {
	if !v.recursive {
		return v.value
	}
	if strings.IndexByte(v.value, '$') < 0 {
		return v.value
	}
	if e.busy[v] { // a function may call itself, but that is $(call)'s
		e.problem("a variable refers to itself in the end: %.60q", v.value)
		return unknown
	}
	e.busy[v] = true
	out := e.expand(v.value)
	delete(e.busy, v)
	return out
}

func (e *Env) shell(command string) string {
	if e.Shell == nil {
		return unknown
	}
	out, ok := e.Shell(e.expand(command))
	if !ok {
		return unknown
	}
	return strings.ReplaceAll(strings.TrimRight(out, "\n"), "\n", " ")
}
