package owner

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
)

// pattern is a compiled N:, K: or O: line. Compiling is put off until a path
// contains one of the texts without which the expression cannot match: of the
// hundred or so N: lines, one or two get that far for any path.
type pattern struct {
	text     string
	needles  []string // one of these must occur; nil when that is not known
	compiled func() *regexp.Regexp
}

// compilePattern accepts what get_maintainer.pl does: Perl syntax with the x
// modifier. Back-references and look-around, which no entry has ever used, are
// refused, for what is left runs in time linear in its input.
func compilePattern(text string, wholeName bool) (pattern, error) {
	p := pattern{text: text}
	if len(text) > maxPattern {
		return p, fmt.Errorf("expression of %d bytes is over the limit of %d: split it", len(text), maxPattern)
	}
	expr := stripExtended(text)
	if expr == "" {
		return p, fmt.Errorf("empty expression: it would match everything")
	}
	if wholeName {
		expr = `\A(?:` + expr + `)\z`
	}
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return p, fmt.Errorf("expression %q: %w: use RE2 syntax, without look-around and back-references", text, err)
	}
	// Some expressions parse and yet are refused for their size, so the few
	// whose program may be large are compiled at once, when the line number is
	// still at hand to complain about.
	if strings.ContainsRune(expr, '{') {
		if _, err := regexp.Compile(expr); err != nil {
			return p, fmt.Errorf("expression %q: %w", text, err)
		}
	}
	p.needles = needles(re.Simplify())
	p.compiled = sync.OnceValue(func() *regexp.Regexp {
		c, err := regexp.Compile(expr)
		if err != nil {
			return nil
		}
		return c
	})
	return p, nil
}

// match reports whether the expression occurs in s.
func (p *pattern) match(s string) bool {
	if p.needles != nil && !containsAny(s, p.needles) {
		return false
	}
	re := p.compiled()
	return re != nil && re.MatchString(s)
}

func containsAny(s string, subs []string) bool {
	for _, sub := range subs {
		if strings.Contains(s, sub) {
			return true
		}
	}
	return false
}

// stripExtended removes what the x modifier makes insignificant: white space
// and comments outside of character classes.
func stripExtended(s string) string {
	if !strings.ContainsAny(s, " \t#") {
		return s
	}
	var b strings.Builder
	class := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			b.WriteByte(c)
			i++
			c = s[i]
			// RE2 refuses an escaped space, which Perl has under x.
			if c == ' ' {
				b.WriteString("x20")
				continue
			}
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == ' ' || c == '\t':
			continue
		case c == '#':
			return b.String()
		}
		b.WriteByte(c)
	}
	return b.String()
}

// maxNeedles bounds the alternatives tried before the expression itself.
const maxNeedles = 8

// needles returns texts of which at least one occurs in whatever re matches,
// or nil when there is no such set worth trying.
func needles(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return nil
		}
		return []string{string(re.Rune)}
	case syntax.OpCapture, syntax.OpPlus:
		return needles(re.Sub[0])
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if n := needles(sub); shortest(n) > shortest(best) {
				best = n
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			n := needles(sub)
			if n == nil || len(all)+len(n) > maxNeedles {
				return nil
			}
			all = append(all, n...)
		}
		return all
	}
	return nil
}

func shortest(list []string) int {
	if len(list) == 0 {
		return 0
	}
	n := len(list[0])
	for _, s := range list[1:] {
		n = min(n, len(s))
	}
	return n
}
