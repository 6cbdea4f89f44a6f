package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"ringside/crash"
)

// scorer runs cases and counts.
type scorer struct {
	scores Scores
	types  types
	misses bool
	donor  *donor // the last complete report before this one
}

func (s *scorer) miss(c *testCase, format string, args ...any) {
	if s.misses {
		fmt.Fprintf(os.Stderr, "%s: %s (%s)\n", c.name, fmt.Sprintf(format, args...), c.title)
	}
}

func parse(log []byte) (*crash.Document, error) {
	return crash.Parse(context.Background(), bytes.NewReader(log), crash.Options{})
}

// first is the first report of a log that is a crash and not an event.
func first(doc *crash.Document) *crash.Report {
	for i := range doc.Reports {
		if doc.Reports[i].Kind.Weight() > crash.WeightEvent {
			return &doc.Reports[i]
		}
	}
	return nil
}

// present is the first report of doc of a kind that the peer knows too.
func (s *scorer) present(doc *crash.Document) *crash.Report {
	for i := range doc.Reports {
		if r := &doc.Reports[i]; r.Kind.Weight() > crash.WeightEvent && !slices.Contains(s.types.Absent, string(r.Kind)) {
			return r
		}
	}
	return nil
}

func (s *scorer) report(c *testCase) error {
	doc, err := parse(c.log)
	if err != nil {
		return err
	}
	r := first(doc)
	if a := s.present(doc); a != nil {
		r = a
	}
	if c.title == "" {
		s.scores.Detection.Negatives.add(r == nil)
		if r != nil {
			s.miss(c, "found %s where there is nothing", r.Title)
		}
		return nil
	}
	if slices.ContainsFunc(s.types.Foreign, func(p string) bool { return strings.HasPrefix(c.title, p) }) {
		return nil
	}
	s.scores.Detection.Positives.add(r != nil)
	if r == nil {
		s.miss(c, "found nothing")
		return nil
	}
	per := s.scores.ByType[c.typ]
	if per == nil {
		per = &PerType{}
		s.scores.ByType[c.typ] = per
	}
	if !slices.Contains(s.types.Unscored, c.typ) {
		ok := slices.Contains(s.types.of(r), c.typ) || len(r.Missing) > 0 && slices.Contains(s.types.Incomplete[string(r.Kind)], c.typ)
		s.scores.Type.add(ok)
		per.Type.add(ok)
		if !ok {
			s.miss(c, "type %v, want %s", s.types.of(r), c.typ)
		}
	}
	s.scores.Panicked.add(r.Panicked == c.panicked)
	s.integrity(c, r)
	if c.corrupted {
		return nil
	}
	if c.frame != "" {
		ok := r.Guilty != nil && same(r.Guilty.Function, c.frame)
		s.scores.Guilty.add(ok)
		s.scores.GuiltyTop3.add(ok || among(r, c.frame))
		per.Guilty.add(ok)
		if !ok {
			got := ""
			if r.Guilty != nil {
				got = r.Guilty.Function
			}
			s.miss(c, "guilty %q, want %q", got, c.frame)
		}
	}
	s.invariance(c, r)
	s.interleaving(c, r)
	return nil
}

// same compares function names without what compilers and system call wrappers
// add to them, on both sides.
func same(a, b string) bool {
	plain := func(n string) string { return strings.TrimPrefix(crash.PortableName(n), "sys_") }
	return plain(a) == plain(b)
}

// among reports whether function is one of the candidates.
func among(r *crash.Report, function string) bool {
	return slices.ContainsFunc(r.Candidates, func(l crash.Location) bool { return same(l.Function, function) })
}

func (s *scorer) integrity(c *testCase, r *crash.Report) {
	incomplete := slices.ContainsFunc(r.Missing, func(m string) bool {
		return m == "head" || m == "stack" || m == "frames" || m == "end" || m == "interleaved"
	})
	in := &s.scores.Integrity
	switch {
	case incomplete && c.corrupted:
		in.TP++
	case incomplete:
		in.FP++
		s.miss(c, "incomplete (%v), the peer takes it for whole", r.Missing)
	case c.corrupted:
		in.FN++
		s.miss(c, "complete, the peer takes it for corrupted")
	}
}

// guiltyFile scores the file of a symbolized report.
func (s *scorer) guiltyFile(c *testCase) error {
	doc, err := parse(c.log)
	if err != nil {
		return err
	}
	got := ""
	if r := first(doc); r != nil && r.Guilty != nil {
		got = r.Guilty.File
	}
	s.scores.GuiltyFile.add(got == c.file)
	if got != c.file {
		s.miss(c, "guilty file %q, want %q", got, c.file)
	}
	return nil
}

func (s *scorer) finish() {
	in := &s.scores.Integrity
	if n := in.TP + in.FP; n > 0 {
		in.Precision = float64(in.TP) / float64(n)
	}
	if n := in.TP + in.FN; n > 0 {
		in.Recall = float64(in.TP) / float64(n)
	}
}
