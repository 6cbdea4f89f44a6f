package feed

import (
	"slices"
	"strings"

	"ringside/vuln/impact"
	"ringside/vuln/ranges"
)

// A Record is what a feed says of one CVE.
type Record struct {
	ID    string
	Title string // the subject of the fix, for the kernel CNA's records
	// Rejected: the number was withdrawn, and is no vulnerability.
	Rejected bool
	// Files are the sources that the vulnerability is in, as paths in the tree of the
	// fix. They may have had other names before.
	Files []string
	// Sources are the statements of versions. There is more than one where the feed's
	// files do not say the same.
	Sources []Source
	// Commits are the fixes in all branches, and what else the record refers to.
	Commits []string
	Metrics []Metric
	Impact  impact.Impact
	// File is where the record was found in the feed.
	File string
}

// A Source is one statement of versions.
type Source struct {
	Kind  string // Dyad, Affected, OSV
	File  string
	Pairs []ranges.Pair
}

// The kinds of statements, those that are nearer to the CNA's own database first.
const (
	Dyad     = "dyad"
	Affected = "affected" // a CVE record's containers.cna.affected
	OSV      = "osv"
)

// A Metric is a severity that somebody else gave.
type Metric struct {
	Version  string  `json:"version"` // 3.1
	Vector   string  `json:"vector"`
	Score    float64 `json:"score"`
	Severity string  `json:"severity"` // low, medium, high, critical
	Source   string  `json:"source"`
}

// Rule is how the statement's pairs are read.
func (s *Source) Rule() ranges.Rule {
	if s.Kind == OSV {
		return ranges.DecideLinear
	}
	return ranges.Decide
}

// merge takes in what another file says of the same CVE.
func (r *Record) merge(o Record) {
	for _, s := range o.Sources {
		r.add(s)
	}
	if r.Title == "" {
		r.Title = o.Title
	}
	if r.File == "" || (r.Title != "" && strings.HasSuffix(r.File, ".dyad")) {
		r.File = o.File
	}
	r.Rejected = r.Rejected || o.Rejected
	r.Files = union(r.Files, o.Files)
	r.Commits = union(r.Commits, o.Commits)
	for _, m := range o.Metrics {
		if !slices.Contains(r.Metrics, m) {
			r.Metrics = append(r.Metrics, m)
		}
	}
	if r.Impact.Class == impact.Unknown {
		r.Impact = o.Impact
	}
}

// add adds a statement unless one that is there says the same of every kernel.
func (r *Record) add(s Source) {
	if len(s.Pairs) == 0 {
		return
	}
	for i := range r.Sources {
		if (r.Sources[i].Kind == OSV) == (s.Kind == OSV) && same(r.Sources[i].Pairs, s.Pairs) {
			if rank(s.Kind) < rank(r.Sources[i].Kind) {
				r.Sources[i] = s
			}
			return
		}
	}
	r.Sources = append(r.Sources, s)
	slices.SortStableFunc(r.Sources, func(a, b Source) int { return rank(a.Kind) - rank(b.Kind) })
}

func rank(kind string) int { return slices.Index([]string{Dyad, Affected, OSV}, kind) }

// same says whether two lists of pairs call the same kernels affected: those that they
// name, and those just before them.
func same(a, b []ranges.Pair) bool {
	if len(a) == len(b) && !slices.ContainsFunc(a, func(p ranges.Pair) bool {
		return !slices.ContainsFunc(b, func(q ranges.Pair) bool { return p.Intro == q.Intro && p.Fix == q.Fix })
	}) {
		return true
	}
	for _, list := range [2][]ranges.Pair{a, b} {
		for _, p := range list {
			for _, v := range [2]ranges.Version{p.Intro, p.Fix} {
				if v == 0 {
					v = first
				}
				if differ(a, b, v) || (v.Stable() > 0 && differ(a, b, v-1)) || differ(a, b, v.With(ranges.Latest)) {
					return false
				}
			}
		}
	}
	return true
}

// first is the version that the kernel's history in git begins with.
const first = ranges.Version(2<<48 | 6<<32 | 12<<16)

func differ(a, b []ranges.Pair, t ranges.Version) bool {
	return (ranges.Decide(a, t).Verdict == ranges.Affected) != (ranges.Decide(b, t).Verdict == ranges.Affected)
}

func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}
