package owner

import (
	"fmt"
	"strings"
)

// glob is a compiled F: or X: pattern.
//
// get_maintainer.pl turns a pattern into a regular expression anchored at the
// start of the path only, and for patterns without a trailing slash demands
// that path and pattern have equally many slashes. Three things follow which
// the MAINTAINERS header does not say, and which glob keeps because the answer
// has to be the one the community's own tool gives:
//
//   - "kernel/fork" covers kernel/fork.c: the last component is a prefix;
//   - "arch/*/crypto/" covers arch/x86/um/crypto/: before a trailing slash
//     "*" does cross slashes;
//   - a directory named without its trailing slash counts as if it had one.
type glob struct {
	text    string
	prefix  string   // literal text before the first wildcard
	ops     []globOp // what follows it; most patterns have none
	slashes int
	subtree bool
	depth   int // specificity, as get_maintainer.pl computes it
}

type globKind uint8

const (
	globByte globKind = iota
	globAny           // ?
	globStar          // *
	globClass
)

type globOp struct {
	kind   globKind
	char   byte
	negate bool
	class  string // pairs of first and last byte
}

// maxPattern bounds a pattern's length; the longest in use has 120 bytes.
const maxPattern = 4096

func compileGlob(text string) (glob, error) {
	g := glob{text: text, slashes: strings.Count(text, "/"), subtree: strings.HasSuffix(text, "/")}
	if text == "" {
		return g, fmt.Errorf("empty pattern: give a path, a directory with a trailing slash, or a wildcard")
	}
	if len(text) > maxPattern {
		return g, fmt.Errorf("pattern of %d bytes is over the limit of %d: split it", len(text), maxPattern)
	}
	g.prefix = text
	if wild := strings.IndexAny(text, "*?["); wild >= 0 {
		g.prefix = text[:wild]
	}
	for i := len(g.prefix); i < len(text); i++ {
		switch c := text[i]; c {
		case '*':
			// A run of stars says no more than one, and would cost time.
			if n := len(g.ops); n == 0 || g.ops[n-1].kind != globStar {
				g.ops = append(g.ops, globOp{kind: globStar})
			}
		case '?':
			g.ops = append(g.ops, globOp{kind: globAny})
		case '[':
			op, n, err := parseClass(text[i:])
			if err != nil {
				return g, err
			}
			g.ops = append(g.ops, op)
			i += n - 1
		default:
			g.ops = append(g.ops, globOp{kind: globByte, char: c})
		}
	}
	g.depth = g.slashes
	if !g.subtree {
		g.depth++
	}
	if text[0] == '*' {
		g.depth = -1
	}
	return g, nil
}

func parseClass(s string) (op globOp, n int, err error) {
	op.kind = globClass
	i := 1
	if i < len(s) && (s[i] == '^' || s[i] == '!') {
		op.negate = true
		i++
	}
	var set strings.Builder
	for first := true; i < len(s); first = false {
		c := s[i]
		if c == ']' && !first {
			op.class = set.String()
			return op, i + 1, nil
		}
		last := c
		if i+2 < len(s) && s[i+1] == '-' && s[i+2] != ']' {
			last = s[i+2]
			i += 2
		}
		set.WriteByte(c)
		set.WriteByte(last)
		i++
	}
	return op, 0, fmt.Errorf("pattern %q: '[' without ']'", s)
}

// match reports whether the pattern covers the path. slashes is the number of
// slashes in path, counted once by the caller for all patterns.
func (g *glob) match(path string, slashes int) bool {
	if !g.subtree && g.slashes != slashes {
		// A directory written without its slash.
		rest, ok := strings.CutPrefix(path, g.text)
		return len(g.ops) == 0 && ok && strings.HasPrefix(rest, "/")
	}
	path, ok := strings.CutPrefix(path, g.prefix)
	if !ok {
		return false
	}
	// Only a prefix of the path need match, so it is enough to go back to the
	// last star: whatever an earlier star could take, a later one can too.
	ops := g.ops
	star, from := -1, 0
	o, p := 0, 0
	for o < len(ops) {
		if ops[o].kind == globStar {
			star, from = o, p
			o++
			continue
		}
		if p < len(path) && ops[o].matches(path[p]) {
			o++
			p++
			continue
		}
		if star < 0 || from >= len(path) {
			return false
		}
		from++
		o, p = star+1, from
	}
	return true
}

// matchWhole is match for names: nothing may be left over.
func (g *glob) matchWhole(s string) bool {
	s, ok := strings.CutPrefix(s, g.prefix)
	if !ok {
		return false
	}
	ops := g.ops
	star, from := -1, 0
	o, p := 0, 0
	for p < len(s) || o < len(ops) {
		switch {
		case o < len(ops) && ops[o].kind == globStar:
			star, from = o, p
			o++
		case o < len(ops) && p < len(s) && ops[o].matches(s[p]):
			o++
			p++
		case star >= 0 && from < len(s):
			from++
			o, p = star+1, from
		default:
			return false
		}
	}
	return true
}

func (op *globOp) matches(c byte) bool {
	switch op.kind {
	case globByte:
		return op.char == c
	case globAny:
		return true
	}
	in := false
	for i := 0; i+1 < len(op.class); i += 2 {
		in = in || op.class[i] <= c && c <= op.class[i+1]
	}
	return in != op.negate
}
