package diff

import (
	"fmt"
	"strconv"
	"strings"
)

// hunks reads all hunks of a file.
func (p *parser) hunks(f *File) {
	for !p.end && strings.HasPrefix(p.line, "@@ ") {
		h, err := hunkHead(strings.TrimRight(p.line, "\r"))
		h.Line = p.at(p.n)
		if err != nil {
			f.Err = p.wrong(p.n, fmt.Errorf("%w: %w", ErrHunk, err))
			p.broken = true
			p.next()
			return
		}
		head := p.n
		p.next()
		begin := *p
		if err := p.body(&h); err != nil {
			f.Err = p.wrong(head, fmt.Errorf("%w: %w", ErrHunk, err))
			f.Hunks = append(f.Hunks, h)
			// What it took for its own may be the next diff.
			p.rest, p.line, p.n, p.end, p.broken = begin.rest, begin.line, begin.n, begin.end, true
			return
		}
		if f.CR {
			for i := range h.Lines {
				h.Lines[i].Text = strings.TrimSuffix(h.Lines[i].Text, "\r")
			}
		}
		f.Hunks = append(f.Hunks, h)
	}
	if f.Err == nil && len(f.Hunks) > 0 && p.surplus() {
		f.Surplus = p.wrong(p.n, fmt.Errorf("%w: this line is one of a hunk, but no head has counted it", ErrHunk))
		p.broken = true
	}
}

// surplus tells whether the line is one of a hunk though the hunk is at its end. What
// separates signatures and the names of the next file are not.
func (p *parser) surplus() bool {
	line := strings.TrimRight(p.line, "\r")
	if line == "" {
		return false
	}
	switch line[0] {
	case ' ', '\t':
		return strings.TrimSpace(line) != ""
	case '+', '-':
	default:
		return false
	}
	return line != "-- " && strings.Trim(line, "-") != "" && !strings.HasPrefix(line, "--- ") && !strings.HasPrefix(line, "-- ")
}

// hunkHead reads "@@ -1,2 +3,4 @@ section".
func hunkHead(s string) (h Hunk, err error) {
	span, section, ok := strings.Cut(strings.TrimPrefix(s, "@@ "), " @@")
	old, now, ok2 := strings.Cut(span, " ")
	if !ok || !ok2 || !strings.HasPrefix(old, "-") || !strings.HasPrefix(now, "+") {
		return h, fmt.Errorf("%.60q is no head of a hunk", s)
	}
	h.Section = strings.TrimSpace(section)
	if h.OldStart, h.OldLines, err = lineRange(old[1:]); err == nil {
		h.NewStart, h.NewLines, err = lineRange(now[1:])
	}
	return h, err
}

func lineRange(s string) (start, lines int, err error) {
	a, b, two := strings.Cut(s, ",")
	lines = 1
	if start, err = strconv.Atoi(a); err == nil && two {
		lines, err = strconv.Atoi(b)
	}
	if err != nil || start < 0 || lines < 0 || lines > 1<<24 {
		return 0, 0, fmt.Errorf("%.40q is no range of lines", s)
	}
	return start, lines, nil
}

// body reads the lines that the head promises. An empty line stands for empty context:
// mailers and editors cut blanks at the ends of lines.
func (p *parser) body(h *Hunk) error {
	old, now := h.OldLines, h.NewLines
	for old > 0 || now > 0 {
		if p.end {
			return fmt.Errorf("it ends after %d of %d old and %d of %d new lines", h.OldLines-old, h.OldLines, h.NewLines-now, h.NewLines)
		}
		if len(p.line) > maxLine {
			return fmt.Errorf("line %d has %d bytes", p.at(p.n), len(p.line))
		}
		op, text := byte(' '), ""
		if bare := strings.TrimRight(p.line, "\r"); bare != "" {
			op, text = p.line[0], p.line[1:]
		}
		switch op {
		case ' ', '\t':
			if op == '\t' { // the blank was lost
				text = p.line
				op = ' '
			}
			old--
			now--
		case '-':
			old--
		case '+':
			now--
		case '\\':
			p.noEOL(h)
			p.next()
			continue
		default:
			return fmt.Errorf("line %d, %.40q, is neither context nor a change, and %d old and %d new lines are still to come", p.at(p.n), p.line, old, now)
		}
		if old < 0 || now < 0 {
			return fmt.Errorf("line %d: there are more lines than its head says", p.at(p.n))
		}
		h.Lines = append(h.Lines, Line{Op: op, Text: text})
		p.next()
	}
	if strings.HasPrefix(p.line, `\`) {
		p.noEOL(h)
		p.next()
	}
	return nil
}

func (p *parser) noEOL(h *Hunk) {
	if n := len(h.Lines); n > 0 {
		h.Lines[n-1].NoEOL = true
	}
}
