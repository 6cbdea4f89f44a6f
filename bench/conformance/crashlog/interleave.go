package main

import (
	"bytes"
	"slices"
	"strings"

	"ringside/crash"
)

// Interleaving says what becomes of a report when another's lines stand between
// its own and no caller IDs tell them apart.
type Interleaving struct {
	Right     int     `json:"right"`   // the same answer as without
	Flagged   int     `json:"flagged"` // another answer, and said that it may be
	Wrong     int     `json:"silently_wrong"`
	Of        int     `json:"of"`
	Rate      float64 `json:"rate"`
	WrongRate float64 `json:"silently_wrong_rate"`
}

func (n *Interleaving) add(right, flagged bool) {
	n.Of++
	switch {
	case right:
		n.Right++
	case flagged:
		n.Flagged++
	default:
		n.Wrong++
	}
	n.Rate, n.WrongRate = float64(n.Right)/float64(n.Of), float64(n.Wrong)/float64(n.Of)
}

// donor is a report whose lines are put between those of another.
type donor struct {
	lines []string // all of it, without what the transport added
	stack []string // "Call Trace:" and its frames
}

// donorOf takes a complete report apart, nil if it is not long enough.
func donorOf(c *testCase, r *crash.Report) *donor {
	lines := strings.Split(string(c.log), "\n")
	d := &donor{}
	for _, l := range lines[r.Lines.First-1 : min(r.Lines.Last, len(lines))] {
		if m := stamp.FindStringSubmatch(l); m != nil {
			d.lines = append(d.lines, m[5])
		}
	}
	for i := range r.Frames {
		if f := &r.Frames[i]; f.Reliable && f.Context != "pc" && !f.Inline {
			if m := stamp.FindStringSubmatch(lines[f.LogLine-1]); m != nil && len(d.stack) < 20 {
				d.stack = append(d.stack, m[5])
			}
		}
	}
	if len(d.stack) < 8 || len(d.lines) < 20 {
		return nil
	}
	return d
}

// interleaving scores c with the lines of the last other report between its own.
func (s *scorer) interleaving(c *testCase, r *crash.Report) {
	other := s.donor
	if d := donorOf(c, r); d != nil {
		s.donor = d
	}
	if other == nil {
		return
	}
	plain := reencode(c.log, func(_ int, us int64, _, text string) string { return bracket(us) + " " + text })
	base, err := parse(plain)
	if err != nil || first(base) == nil || first(base).Guilty == nil || first(base).Signature.Portable != r.Signature.Portable {
		return // without the caller IDs it is another log already
	}
	want := first(base)
	for name, foreign := range map[string][]string{"stack": other.stack, "stack-with-heading": append([]string{"Call Trace:"}, other.stack...), "report": other.lines} {
		score := s.scores.Interleaving[name]
		if score == nil {
			score = &Interleaving{}
			s.scores.Interleaving[name] = score
		}
		doc, err := parse(weave(plain, want, foreign, name != "report"))
		got := (*crash.Report)(nil)
		if err == nil {
			got = match(doc, want)
		}
		right := got != nil
		if got == nil && err == nil {
			got = first(doc)
		}
		flagged := got != nil && slices.Contains(got.Missing, "interleaved")
		score.add(right, flagged)
		if !right && !flagged {
			s.miss(c, "silently wrong with a foreign %s", name)
		}
	}
}

// match returns the report of doc that says the same as want.
func match(doc *crash.Document, want *crash.Report) *crash.Report {
	for i := range doc.Reports {
		if r := &doc.Reports[i]; r.Signature.Portable == want.Signature.Portable {
			return r
		}
	}
	return nil
}

// weave puts one foreign line after each line of report r, over and over if
// cyclic.
func weave(log []byte, r *crash.Report, foreign []string, cyclic bool) []byte {
	var out bytes.Buffer
	next := 0
	for n, l := range strings.SplitAfter(string(log), "\n") {
		out.WriteString(l)
		if n+1 < r.Lines.First || n+1 > r.Lines.Last || next >= len(foreign) {
			continue
		}
		if m := stamp.FindStringSubmatch(strings.TrimRight(l, "\n")); m != nil {
			out.WriteString("[" + strings.TrimSpace(m[2]) + "." + m[3] + "] " + foreign[next] + "\n")
		}
		if next++; cyclic {
			next %= len(foreign)
		}
	}
	return out.Bytes()
}
