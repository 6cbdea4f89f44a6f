package owner

import (
	"iter"
	"slices"
)

// Index answers questions about ownership. It is made by [Parse], [Default]
// or [Index.WithOverlay], never changes, and may be used from several
// goroutines at once.
type Index struct {
	tables  []*table // overlays first; the last is the base
	sources sources  // nil when the index is a MAINTAINERS file only
}

// sources is what is known about a source tree.
type sources interface {
	HasFile(path string) bool
	HasDir(path string) bool
	Definitions(function string) []string
	Modules(name string) [][]string
}

// WithOverlay returns an index in which o's matches come before all of x's.
// Overlays may be stacked; the last one laid on wins.
func (x *Index) WithOverlay(o *Index) *Index {
	if o == nil {
		return x
	}
	return &Index{tables: slices.Concat(o.tables, x.tables), sources: x.sources}
}

// Sections returns all sections, those of overlays first.
func (x *Index) Sections() iter.Seq[*Section] {
	return func(yield func(*Section) bool) {
		for _, t := range x.tables {
			for _, s := range t.sections {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// Problems lists the lines that could not be used. Whoever writes an overlay
// wants to see them.
func (x *Index) Problems() []Problem {
	var out []Problem
	for _, t := range x.tables {
		out = append(out, t.problems...)
	}
	return out
}

// Match is a section that owns what was asked for, and why.
type Match struct {
	*Section
	Path    string `json:"path,omitempty"` // the file the match is about
	Depth   int    `json:"depth"`          // specificity of the pattern; -1 for one that begins with "*"
	Why     Why    `json:"why"`
	Overlay bool   `json:"overlay"` // from a team's overlay
	Generic bool   `json:"generic"` // see [Index.File]; discount it in ranking
	Last    bool   `json:"rest"`    // THE REST

	// Candidates is among how many files the name asked for could not be
	// decided: 1 is certain.
	Candidates int `json:"candidates"`
}

// Why is the evidence for a match.
type Why struct {
	Source  string   `json:"source"`        // file name of the MAINTAINERS file or overlay
	Line    int      `json:"line"`          // of the pattern
	Tag     string   `json:"tag"`           // F, N, K, O or D
	Pattern string   `json:"pattern"`       // as written
	Via     []string `json:"via,omitempty"` // the steps to the path, in words
}

// File returns the sections that cover a file, the most specific first, as
// get_maintainer.pl -f without git does. The path is relative to the top of the
// kernel tree.
//
// A match is Generic when it says little about who should look at a crash:
// THE REST; a section that claims all of a top-level directory; and every
// section of a file in the common infrastructure (lists, locks, the allocator,
// entry code), where the faults of all other code come to light.
func (x *Index) File(path string) []Match {
	return x.fileMatches(path, 1)
}

// Content returns what File does, and in addition the sections whose K: lines
// match the content of the file, or of a patch to it.
func (x *Index) Content(path string, content []byte) []Match {
	out := x.File(path)
	text := string(content)
	var extra []Match
	for i, t := range x.tables {
		for k := range t.contents {
			r := &t.contents[k]
			owned := func(m Match) bool { return m.Section == r.section }
			if slices.ContainsFunc(out, owned) || slices.ContainsFunc(extra, owned) || !r.match(text) {
				continue
			}
			extra = append(extra, Match{
				Section: r.section, Path: path, Candidates: 1, Overlay: x.overlay(i),
				Why: Why{Source: t.name, Line: r.line, Tag: "K", Pattern: r.text},
			})
		}
	}
	return arrange(append(out, extra...))
}

func (x *Index) fileMatches(path string, candidates int, via ...string) []Match {
	var out []Match
	infrastructure := isInfrastructure(path)
	for i, t := range x.tables {
		for _, h := range t.match(path) {
			h.why.Source, h.why.Via = t.name, via
			overlay := x.overlay(i)
			out = append(out, Match{
				Section: h.section, Path: path, Depth: h.depth, Why: h.why, Candidates: candidates,
				Overlay: overlay, Last: h.section.Rest(),
				Generic: !overlay && (infrastructure || h.section.Rest() || h.why.Tag == "F" && h.depth <= 1),
			})
		}
	}
	return arrange(out)
}

func (x *Index) overlay(table int) bool { return table < len(x.tables)-1 }

// arrange puts overlays first and THE REST last, and else keeps the order.
func arrange(list []Match) []Match {
	slices.SortStableFunc(list, func(a, b Match) int {
		if a.Overlay != b.Overlay {
			return compareBool(b.Overlay, a.Overlay)
		}
		return compareBool(a.Last, b.Last)
	})
	return list
}

// merge appends the matches of sections that are not in list yet.
func merge(list, more []Match) []Match {
	for _, m := range more {
		if !slices.ContainsFunc(list, func(have Match) bool { return have.Section == m.Section }) {
			list = append(list, m)
		}
	}
	return list
}
