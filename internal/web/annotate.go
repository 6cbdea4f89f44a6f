package web

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"ringside/internal/record"
)

// mark ties bytes of a log to a fact that was read from them.
type mark struct {
	id         string // digits and letters of ours
	start, end int64  // offsets in the expanded artefact, half open
	class      string // "", "frame", "guilty", "register": how much it stands out
}

// annotate writes a line of a log as HTML, with a span around each run of
// bytes that the same facts were read from. Marks may overlap, nest, or cut
// through a UTF-8 sequence: the text comes out complete in any case, escaped,
// with control characters made visible.
func annotate(line record.LogLine, marks []mark) template.HTML {
	var b strings.Builder
	end := line.Start + int64(len(line.Text))
	var here []mark
	cuts := []int64{line.Start, end}
	for _, m := range marks {
		m.start, m.end = max(m.start, line.Start), min(m.end, end)
		if m.class == "frame" {
			// A frame's span holds its indentation, which is nothing to look at.
			for m.start < m.end && line.Text[m.start-line.Start] == ' ' {
				m.start++
			}
		}
		if m.start < m.end {
			here = append(here, m)
			cuts = append(cuts, m.start, m.end)
		}
	}
	stamp := line.Start + int64(stampLen(line.Text))
	cuts = append(cuts, stamp)
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	for i := 0; i+1 < len(cuts); i++ {
		from, to := cuts[i], cuts[i+1]
		text := line.Text[from-line.Start : to-line.Start]
		ids, classes := covering(here, from)
		switch {
		case ids != "":
			fmt.Fprintf(&b, `<span class="ev%s" data-e="%s">`, classes, ids)
			escapeLog(&b, text)
			b.WriteString("</span>")
		case to <= stamp:
			b.WriteString(`<span class="ts">`)
			escapeLog(&b, text)
			b.WriteString("</span>")
		default:
			escapeLog(&b, text)
		}
	}
	return template.HTML(b.String())
}

// covering returns the IDs and classes of the marks over the byte at offset.
func covering(marks []mark, offset int64) (ids, classes string) {
	for _, m := range marks {
		if m.start > offset || m.end <= offset {
			continue
		}
		if ids != "" {
			ids += " "
		}
		ids += m.id
		if c := " ev-" + m.class; m.class != "" && !strings.Contains(classes, c) {
			classes += c
		}
	}
	return ids, classes
}

// escapeLog writes hostile bytes as HTML text. What would be invisible, or
// would change how the rest of the line is displayed, is written out: ESC as
// ^[, a byte that is not UTF-8 as \xff, a bidirectional override as U+202E.
func escapeLog(b *strings.Builder, s string) {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '"':
			b.WriteString("&#34;")
		case r == '\'':
			b.WriteString("&#39;")
		case r == utf8.RuneError && n <= 1:
			fmt.Fprintf(b, `<i class="ctl">\x%02x</i>`, s[i])
		case r == '\t':
			b.WriteByte('\t')
		case r < 0x20 || r == 0x7f:
			b.WriteString(`<i class="ctl">^`)
			if c := byte(r) ^ 0x40; c == '<' || c == '>' || c == '&' {
				fmt.Fprintf(b, "&#%d;", c)
			} else {
				b.WriteByte(c)
			}
			b.WriteString("</i>")
		case !unicode.IsGraphic(r) || r == 0xad || unicode.Is(unicode.Zs, r) && r != ' ':
			fmt.Fprintf(b, `<i class="ctl">U+%04X</i>`, r)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
}

// stampLen returns the length of what stands in front of a message on a
// console: "<4>", "[   12.345678]", "[  T123]". It is shown in the background.
func stampLen(s string) int {
	n := 0
	if len(s) > 2 && s[0] == '<' {
		if i := strings.IndexByte(s[:min(len(s), 6)], '>'); i > 1 && strings.Trim(s[1:i], "0123456789") == "" {
			n = i + 1
		}
	}
	for range 2 {
		rest := s[n:]
		if len(rest) < 3 || rest[0] != '[' {
			break
		}
		i := strings.IndexByte(rest[:min(len(rest), 40)], ']')
		if i < 0 || strings.Trim(rest[1:i], " 0123456789.TC") != "" {
			break
		}
		n += i + 1
		if n < len(s) && s[n] == ' ' {
			n++
		}
	}
	return n
}
