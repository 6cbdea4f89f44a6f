package owner

import (
	"cmp"
	"slices"
	"strings"
)

// table is one parsed file, arranged for search.
type table struct {
	name     string
	sections []*Section
	problems []Problem

	files     []fileRule
	names     []regexRule
	contents  []regexRule
	functions []regexRule
	modules   []fileRule

	// byPrefix finds file rules by the literal text before their first
	// wildcard. A path can only be covered by rules filed under one of its own
	// prefixes, and lengths says which prefix lengths there are at all, so a
	// path costs a few dozen lookups instead of eight thousand comparisons.
	byPrefix map[string]int32 // the first such rule; fileRule.next leads on
	lengths  []bool
}

type fileRule struct {
	glob
	section *Section
	line    int
	next    int32 // the next rule with this prefix, or -1
}

type regexRule struct {
	pattern
	section *Section
	line    int
}

// hit is a section that covers a path, and the rule that says so.
type hit struct {
	section *Section
	why     Why
	depth   int
}

func newTable(name string) *table {
	return &table{name: name, byPrefix: make(map[string]int32)}
}

// maxProblems bounds the list of complaints about one file.
const maxProblems = 100

func (t *table) problem(line int, text string) {
	if len(t.problems) < maxProblems {
		t.problems = append(t.problems, Problem{Source: t.name, Line: line, Text: text})
	}
}

func (t *table) section(title string, line int) *Section {
	s := &Section{Subsystem: title, Line: line, order: len(t.sections)}
	t.sections = append(t.sections, s)
	return s
}

// finish completes what could not be known before the last line.
func (t *table) finish(mail Mailmap) {
	for _, s := range t.sections {
		for i := range s.Maintainers {
			s.Maintainers[i] = mail.Resolve(s.Maintainers[i])
			s.Maintainers[i].Role = role(s.Status)
		}
		for i := range s.Reviewers {
			s.Reviewers[i] = mail.Resolve(s.Reviewers[i])
		}
	}
	for i := range t.files {
		p := t.files[i].prefix
		next, ok := t.byPrefix[p]
		if !ok {
			next = -1
		}
		t.files[i].next = next
		t.byPrefix[p] = int32(i)
		for len(t.lengths) <= len(p) {
			t.lengths = append(t.lengths, false)
		}
		t.lengths[len(p)] = true
	}
}

// match returns the sections that cover path, the most specific first.
func (t *table) match(path string) []hit {
	var hits []hit
	slashes := strings.Count(path, "/")
	for n := range min(len(path)+1, len(t.lengths)) {
		if !t.lengths[n] {
			continue
		}
		i, ok := t.byPrefix[path[:n]]
		for ok {
			r := &t.files[i]
			if r.match(path, slashes) {
				hits = addHit(hits, hit{r.section, Why{Tag: "F", Pattern: r.text, Line: r.line}, r.depth})
			}
			i, ok = r.next, r.next >= 0
		}
	}
	for i := range t.names {
		if r := &t.names[i]; r.match(path) {
			hits = addHit(hits, hit{r.section, Why{Tag: "N", Pattern: r.text, Line: r.line}, 0})
		}
	}
	hits = slices.DeleteFunc(hits, func(h hit) bool {
		return slices.ContainsFunc(h.section.excludes, func(x glob) bool { return x.match(path, slashes) })
	})
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(
			compareBool(a.section.Rest(), b.section.Rest()),
			cmp.Compare(b.depth, a.depth),
			// Of equally deep patterns the longer says more.
			cmp.Compare(len(b.why.Pattern), len(a.why.Pattern)),
			cmp.Compare(a.section.order, b.section.order))
	})
	return hits
}

// addHit keeps for each section its most specific rule.
func addHit(hits []hit, h hit) []hit {
	for i := range hits {
		if hits[i].section == h.section {
			if cmp.Or(cmp.Compare(h.depth, hits[i].depth), cmp.Compare(len(h.why.Pattern), len(hits[i].why.Pattern)),
				cmp.Compare(hits[i].why.Line, h.why.Line)) > 0 {
				hits[i] = h
			}
			return hits
		}
	}
	return append(hits, h)
}

// compareBool orders false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
