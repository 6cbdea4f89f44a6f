package diff

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// A Side is a file on one side of a diff that is written.
type Side struct {
	Path string // empty where there is no file
	Mode string // "100644"
	Text string
}

// context is how many lines around an edit are written.
const context = 3

// Write writes the diff of a file in git's format; nothing if there is no difference.
func Write(b *strings.Builder, old, now Side) {
	if old.Path == now.Path && old.Mode == now.Mode && old.Text == now.Text {
		return
	}
	x, y := old.Path, now.Path
	if x == "" {
		x = y
	}
	if y == "" {
		y = x
	}
	fmt.Fprintf(b, "diff --git %s %s\n", quote("a/"+x), quote("b/"+y))
	switch {
	case old.Path == "":
		fmt.Fprintf(b, "new file mode %s\n", now.Mode)
	case now.Path == "":
		fmt.Fprintf(b, "deleted file mode %s\n", old.Mode)
	default:
		if old.Mode != now.Mode {
			fmt.Fprintf(b, "old mode %s\nnew mode %s\n", old.Mode, now.Mode)
		}
		if x != y {
			fmt.Fprintf(b, "rename from %s\nrename to %s\n", quote(x), quote(y))
		}
	}
	if old.Text == now.Text {
		return
	}
	if strings.ContainsRune(old.Text[:min(len(old.Text), 8000)], 0) || strings.ContainsRune(now.Text[:min(len(now.Text), 8000)], 0) {
		fmt.Fprintf(b, "Binary files %s and %s differ\n", side("a/", old.Path), side("b/", now.Path))
		return
	}
	fmt.Fprintf(b, "--- %s\n+++ %s\n", side("a/", old.Path), side("b/", now.Path))
	hunks(b, split(old.Text), split(now.Text))
}

func side(prefix, name string) string {
	if name == "" {
		return "/dev/null"
	}
	return quote(prefix + name)
}

// quote writes a name as git does: as it is, or in C's escapes.
func quote(name string) string {
	plain := true
	for i := range len(name) {
		if c := name[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			plain = false
		}
	}
	if plain {
		return name
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(name) {
		switch c := name[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20 || c >= 0x7f:
			fmt.Fprintf(&b, "\\%03o", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// split cuts a text into lines with their ends: a last line without one differs from the
// same with one.
func split(text string) []string {
	out := make([]string, 0, strings.Count(text, "\n")+1)
	for line := range strings.Lines(text) {
		out = append(out, line)
	}
	return out
}

// hunks writes the edits with the lines around them.
func hunks(b *strings.Builder, x, y []string) {
	all := Lines(x, y)
	for i := 0; i < len(all); {
		k := i + 1
		for k < len(all) && all[k].A-all[k-1].AEnd <= 2*context {
			k++
		}
		hunk(b, x, y, all[i:k])
		i = k
	}
}

func hunk(b *strings.Builder, x, y []string, edits []Edit) {
	first, last := edits[0], edits[len(edits)-1]
	from, to := max(first.A-context, 0), min(last.AEnd+context, len(x))
	lead, tail := first.A-from, to-last.AEnd
	fmt.Fprintf(b, "@@ -%s +%s @@%s\n", span(from, to), span(first.B-lead, last.BEnd+tail), section(x, from))
	at := from
	for _, e := range edits {
		write(b, ' ', x[at:e.A])
		write(b, '-', x[e.A:e.AEnd])
		write(b, '+', y[e.B:e.BEnd])
		at = e.AEnd
	}
	write(b, ' ', x[at:to])
}

func span(from, to int) string {
	n := to - from
	if n == 0 {
		return strconv.Itoa(from) + ",0"
	}
	if n == 1 {
		return strconv.Itoa(from + 1)
	}
	return fmt.Sprintf("%d,%d", from+1, n)
}

func write(b *strings.Builder, op byte, lines []string) {
	for _, l := range lines {
		b.WriteByte(op)
		b.WriteString(l)
		if !strings.HasSuffix(l, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// section is the line before a hunk that begins a function.
func section(x []string, from int) string {
	for i := from - 1; i >= 0; i-- {
		l := strings.TrimRight(x[i], " \t\r\n")
		if l == "" {
			continue
		}
		if c := l[0]; c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			return " " + l[:min(len(l), 80)]
		}
	}
	return ""
}

// FileName makes a name for a patch file out of a subject, as git format-patch does.
func FileName(n int, subject string) string {
	var b strings.Builder
	for _, r := range subject {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_':
			b.WriteRune(r)
		default:
			if s := b.String(); s != "" && !strings.HasSuffix(s, "-") {
				b.WriteByte('-')
			}
		}
	}
	s := strings.Trim(b.String(), "-.")
	return path.Clean(fmt.Sprintf("%04d-%s.patch", n, strings.TrimRight(s[:min(len(s), 52)], "-.")))
}
