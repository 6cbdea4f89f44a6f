// Package content looks for the fixes of CVEs in a kernel's sources themselves: it has
// the diffs of fixes, finds those of a record by its commits, and asks whether their
// changes are in the tree.
package content

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"ringside/patch/diff"
	"ringside/patch/present"
	"ringside/vuln"
	"ringside/vuln/commitref"
	"ringside/vuln/feed"
	"ringside/vuln/ranges"
)

// maxHead is how much of a patch is looked through for the commits that it is from.
const maxHead = 256 << 10

// ErrNoFix says that a text is no fix that can be told from others.
var ErrNoFix = errors.New("the patch says neither which commit it is nor for which CVE")

// Fixes are diffs, by the commits and CVEs that they are of.
type Fixes struct {
	byCommit map[string]*fix // by the first 12 digits
	byCVE    map[string]*fix
	n        int
}

// A fix is one diff, read when it is needed.
type fix struct {
	name   string
	text   string
	files  []diff.File
	err    error
	parsed bool
}

var (
	cve    = regexp.MustCompile(`CVE-\d{4}-\d{4,15}`)
	commit = regexp.MustCompile(`[0-9a-f]{12,40}`)
)

// Len is how many diffs there are.
func (f *Fixes) Len() int { return f.n }

// Add takes a patch. What it is of is read from its name and from what it says before
// its first diff.
func (f *Fixes) Add(name, text string) error {
	head, _, _ := strings.Cut(text, "\ndiff --git ")
	if i := strings.Index(head, "\n--- a/"); i >= 0 {
		head = head[:i]
	}
	head = head[:min(len(head), maxHead)]
	base := path.Base(name)
	commits := append(commitref.Of(head), commit.FindAllString(base, -1)...)
	cves := append(cve.FindAllString(head, -1), cve.FindAllString(strings.ToUpper(base), -1)...)
	if len(commits)+len(cves) == 0 {
		return fmt.Errorf("%s: %w", name, ErrNoFix)
	}
	f.add(&fix{name: name, text: text}, commits, cves)
	return nil
}

// AddCommit takes the diff of a commit.
func (f *Fixes) AddCommit(id, text string) {
	f.add(&fix{name: "commit " + id, text: text}, []string{id}, nil)
}

func (f *Fixes) add(x *fix, commits, cves []string) {
	if f.byCommit == nil {
		f.byCommit, f.byCVE = map[string]*fix{}, map[string]*fix{}
	}
	f.n++
	for _, c := range commits {
		if _, ok := f.byCommit[c[:12]]; !ok {
			f.byCommit[c[:12]] = x
		}
	}
	for _, c := range cves {
		if _, ok := f.byCVE[c]; !ok {
			f.byCVE[c] = x
		}
	}
}

// Commits are a record's fixes, the nearest to the version first: its own branch's, then
// mainline's, then those of other branches.
func Commits(r *feed.Record, base ranges.Version) []string {
	type candidate struct {
		id   string
		rank int
	}
	var list []candidate
	for _, s := range r.Sources {
		for _, p := range s.Pairs {
			if len(p.FixCommit) < 12 {
				continue
			}
			rank := 2
			switch {
			case p.Fix.Branch() == base.Branch():
				rank = 0
			case p.Fix.Stable() == 0:
				rank = 1
			}
			list = append(list, candidate{p.FixCommit, rank})
		}
	}
	slices.SortStableFunc(list, func(a, b candidate) int { return a.rank - b.rank })
	var ids []string
	for _, c := range list {
		if !slices.Contains(ids, c.id) {
			ids = append(ids, c.id)
		}
	}
	return ids
}

// of returns the diff for a record.
func (f *Fixes) of(r *feed.Record, base ranges.Version) *fix {
	for _, c := range Commits(r, base) {
		if x := f.byCommit[c[:12]]; x != nil {
			return x
		}
	}
	if x := f.byCVE[r.ID]; x != nil {
		return x
	}
	for _, c := range r.Commits {
		if len(c) >= 12 && f.byCommit[c[:12]] != nil {
			return f.byCommit[c[:12]]
		}
	}
	return nil
}

// A Searcher looks for fixes in one tree. It is not for several goroutines.
type Searcher struct {
	fixes  *Fixes
	base   ranges.Span
	finder *present.Finder
}

// In prepares looking for the fixes in a tree. Moved gives the names that a file may have
// there instead of its own; it may be nil.
func (f *Fixes) In(tree fs.FS, base ranges.Span, moved func(file string) []string) *Searcher {
	s := &Searcher{fixes: f, base: base, finder: present.New(tree)}
	s.finder.Moved = moved
	return s
}

// Content tells whether the fix of a record is in the tree, for vuln.Kernel.
func (s *Searcher) Content(r *feed.Record) vuln.Content {
	x := s.fixes.of(r, s.base.To)
	if x == nil {
		return vuln.Content{}
	}
	c := vuln.Content{Evidence: vuln.Evidence{Kind: vuln.EvidenceContent, Source: x.name}}
	files := x.parse()
	if len(files) == 0 {
		return c
	}
	res, err := s.finder.Check(files, only(files, r.Files))
	if err != nil {
		return c
	}
	switch res.State {
	case present.Fixed:
		c.State = vuln.ContentFixed
		c.Evidence.Says = "the sources have the fix's change" + where(res, present.Fixed)
	case present.Unfixed:
		c.State = vuln.ContentUnfixed
		c.Evidence.Says = "the sources are as before the fix" + where(res, present.Unfixed)
	}
	return c
}

// parse gives the diff's files.
func (x *fix) parse() []diff.File {
	if !x.parsed {
		x.files, x.err = diff.Parse(x.text)
		x.parsed, x.text = true, ""
	}
	return x.files
}

// only restricts a diff to the files that a record names, since a squashed update has
// others in it; not where the record knows them by other names.
func only(files []diff.File, named []string) []string {
	for _, f := range files {
		if slices.Contains(named, f.New) || slices.Contains(named, f.Old) {
			return named
		}
	}
	return nil
}

// where names the changes that decided.
func where(res present.Result, state present.State) string {
	n, at := 0, ""
	for _, c := range res.Changes {
		if c.State != state {
			continue
		}
		if n++; at == "" && c.Line > 0 {
			at = fmt.Sprintf(", %s:%d", c.File, c.Line)
		}
	}
	if n > 1 {
		at += fmt.Sprintf(" and %d more", n-1)
	}
	return at
}
