package render

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Style is how a terminal report looks.
type Style struct {
	Color bool
	Width int // columns; 0 means 100
}

func (s Style) width() int {
	if s.Width <= 0 {
		return 100
	}
	return max(s.Width, 40)
}

// The roles of text. A colour is never the only carrier of a meaning.
type role string

const (
	plain   role = ""
	strong  role = "1"
	faint   role = "2"
	danger  role = "1;31"
	caution role = "1;33"
	notice  role = "36"
	good    role = "32"
	badge   role = "1;7;31"
	badgeLo role = "1;7;33"
)

// painted is text that was made here: it may hold escape sequences. A plain
// string may come out of a log, and what it holds of them is defused.
type painted string

func (s Style) paint(r role, text string) painted {
	text = safe(text)
	if !s.Color || r == plain || text == "" {
		return painted(text)
	}
	return painted("\x1b[" + string(r) + "m" + text + "\x1b[0m")
}

// safe replaces what a terminal would obey or choke on: control characters,
// what changes the direction of text, and bytes that are no UTF-8.
func safe(text string) string {
	bad := func(r rune) bool {
		return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == utf8.RuneError
	}
	if !strings.ContainsFunc(text, bad) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if bad(r) {
			return '·'
		}
		return r
	}, text)
}

// Complaint makes the text of an error fit for a terminal. Names of files and
// what a parser quotes can hold anything.
func Complaint(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\t", "  "), "\n")
	for i, l := range lines {
		lines[i] = safe(l)
	}
	return strings.Join(lines, "\n")
}

// impactRole is how an impact is painted.
func impactRole(impact string) role {
	switch impact {
	case "panic", "oops", "hang":
		return badge
	}
	return badgeLo
}

// printer writes lines and remembers the first error.
type printer struct {
	w   io.Writer
	s   Style
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err != nil {
		return
	}
	text := format
	if len(args) > 0 {
		for i, arg := range args {
			if t, ok := arg.(string); ok {
				args[i] = safe(t)
			}
		}
		text = fmt.Sprintf(format, args...)
	}
	_, p.err = io.WriteString(p.w, strings.TrimRight(text, " ")+"\n")
}

func (p *printer) section(name string) { p.line("\n%s", p.s.paint(strong, name)) }

// wrapped prints text with a hanging indent: first for the first line, rest of
// the same width for the others.
func (p *printer) wrapped(first painted, text string, r role) {
	indent := strings.Repeat(" ", visible(string(first)))
	for i, l := range wrap(text, p.s.width()-visible(string(first))) {
		if i == 0 {
			p.line("%s%s", first, p.s.paint(r, l))
		} else {
			p.line("%s%s", indent, p.s.paint(r, l))
		}
	}
}

// wrap breaks text at blanks into lines of at most width columns.
func wrap(text string, width int) []string {
	width = max(width, 20)
	var lines []string
	var b strings.Builder
	n := 0
	for word := range strings.FieldsSeq(text) {
		w := utf8.RuneCountInString(word)
		if n > 0 && n+1+w > width {
			lines = append(lines, b.String())
			b.Reset()
			n = 0
		}
		if n > 0 {
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += w
	}
	return append(lines, b.String())
}

// visible counts the columns of text without its escape sequences.
func visible(text string) int {
	n := 0
	for i := 0; i < len(text); {
		if text[i] == 0x1b {
			if j := strings.IndexByte(text[i:], 'm'); j >= 0 {
				i += j + 1
				continue
			}
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		i += size
		n++
	}
	return n
}

// cut shortens text to width columns.
func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	r := []rune(text)
	return string(r[:max(width-1, 0)]) + "…"
}

// bytesText says a size as people do.
func bytesText(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.0f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
