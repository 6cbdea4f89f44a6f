package apply

import (
	"errors"

	"ringside/patch/diff"
)

// pattern is what a hunk looks for, and what it makes of it.
type pattern struct {
	want  []diff.Line // old lines
	first int         // where they begin, from 1; where there are none, before this line
	// lead and tail are how many of them are context at the begin and at the end.
	lead, tail int
	change     int // the old lines before the first change
	lines      []diff.Line
}

func newPattern(h *diff.Hunk) *pattern {
	p := &pattern{first: h.OldStart, lines: h.Lines}
	if h.OldLines == 0 {
		p.first++
	}
	changed := false
	for _, l := range h.Lines {
		if l.Op == '+' {
			changed, p.tail = true, 0
			continue
		}
		p.want = append(p.want, l)
		if l.Op == '-' {
			changed, p.tail = true, 0
			continue
		}
		if !changed {
			p.lead++
		} else {
			p.tail++
		}
	}
	if p.change = p.lead; !changed {
		p.change = len(p.want)
	}
	return p
}

var errSteps = errors.New("it takes too long to find a place for its hunks")

// hunks puts the hunks of a file on one after another. What lies before the last change
// of a hunk is done with: the next one must lie behind it.
func (s *stage) hunks(d *diff.File, old, now *file, r *File) bool {
	var out []string
	noEOL := old.noEOL
	done := 0   // lines of old that are in out
	offset := 0 // of the last hunk, where the next one is looked for first
	for i := range d.Hunks {
		h := &d.Hunks[i]
		p := newPattern(h)
		res := Hunk{Line: h.Line}
		at := 0
		most := min(s.fuzz, max(p.lead, p.tail))
		for fuzz := 0; fuzz <= most; fuzz++ {
			var ok bool
			if at, ok = s.locate(old, p, fuzz, done, offset); ok {
				res.Fuzz = fuzz
				break
			}
			at = 0
			if s.steps < 0 {
				r.Outcome, r.Err = Fail, errSteps
				return false
			}
		}
		if at > 0 && at-1+p.change < done {
			at, res.Fuzz = 0, 0 // it would change what a hunk before it has passed
		}
		if at == 0 {
			res.Outcome, r.Outcome = Fail, Fail
			res.Near = near(old, p, p.first+offset)
			r.Hunks = append(r.Hunks, res)
			continue
		}
		offset = at - p.first
		res.At, res.Offset = at, offset
		if res.Fuzz > 0 {
			res.Outcome, r.Outcome = Fuzz, max(r.Outcome, Fuzz)
		}
		r.Hunks = append(r.Hunks, res)
		// Context is taken from the tree: with fuzz it may differ from the hunk's.
		pos := at - 1
		for _, l := range p.lines {
			switch l.Op {
			case ' ':
				pos++
			case '-':
				out = append(out, old.lines[min(done, len(old.lines)):min(pos, len(old.lines))]...)
				pos++
				done = pos
				if pos == len(old.lines) {
					noEOL = false // the lines that follow say
				}
			case '+':
				out = append(out, old.lines[min(done, len(old.lines)):min(pos, len(old.lines))]...)
				done = max(done, pos)
				out = append(out, l.Text)
				if pos >= len(old.lines) {
					noEOL = l.NoEOL
				}
			}
		}
	}
	if r.Outcome == Fail {
		return false
	}
	out = append(out, old.lines[min(done, len(old.lines)):]...)
	now.lines, now.noEOL, now.dirty = out, noEOL && len(out) > 0, true
	return true
}

// locate looks for the place of a hunk: first where it says, moved as the hunk before
// was, then further and further from there, downwards first.
//
// A hunk with less context at one end than at the other lies at that end of the file, as
// long as no fuzz makes up for the difference.
func (s *stage) locate(f *file, p *pattern, fuzz, done, offset int) (at int, ok bool) {
	guess := p.first + offset
	if len(p.want) == 0 {
		return max(guess, 1), true
	}
	context := max(p.lead, p.tail)
	lead, tail := fuzz+p.lead-context, fuzz+p.tail-context
	n := len(f.lines)
	lowest, highest := done+1, n-(len(p.want)-tail)+1
	switch {
	case lead < 0 && p.first <= 1: // at the begin
		if tail < 0 && (len(p.want) != n || p.lead < done) {
			return 0, false
		}
		if done > p.lead || highest < 1 || !s.match(f, p, 1, 0, max(tail, 0)) {
			return 0, false
		}
		return 1, true
	case tail < 0: // at the end
		at := n - len(p.want) + 1
		if at < lowest || at < 1 || !s.match(f, p, at, max(lead, 0), 0) {
			return 0, false
		}
		return at, true
	}
	lead = max(lead, 0)
	// A place far out of the file needs no walk to it.
	for away := max(0, guess-highest, 1-guess); guess+away <= highest || guess-away >= lowest; away++ {
		if s.steps--; s.steps < 0 {
			return 0, false
		}
		if at := guess + away; at <= highest && at >= 1 && s.match(f, p, at, lead, tail) {
			return at, true
		}
		if at := guess - away; away > 0 && at >= lowest && at >= 1 && s.match(f, p, at, lead, tail) {
			return at, true
		}
	}
	return 0, false
}

// match compares the lines of a hunk with those of the file, less the outermost ones.
func (s *stage) match(f *file, p *pattern, at, lead, tail int) bool {
	for i := lead; i < len(p.want)-tail; i++ {
		k := at - 1 + i
		if k < 0 || k >= len(f.lines) || f.lines[k] != p.want[i].Text {
			return false
		}
		if s.steps--; p.want[i].NoEOL != (f.noEOL && k == len(f.lines)-1) {
			return false
		}
	}
	return true
}
