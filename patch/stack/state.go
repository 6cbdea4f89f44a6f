package stack

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ringside/patch"
	"ringside/patch/diff"
	"ringside/patch/equiv"
	"ringside/patch/landed"
)

type builder struct {
	in *Input
	// matches has the best match of each patch, and the index that has it.
	matches []found
	// have are the commits and subjects that the stack holds.
	have map[string]bool
}

type found struct {
	match *equiv.Match
	index *equiv.Index
}

// match searches for all patches, so that each can be held against the whole stack.
func (b *builder) match() error {
	b.have = map[string]bool{}
	b.matches = make([]found, len(b.in.Stack.Patches))
	for i, p := range b.in.Stack.Patches {
		d := equiv.FromPatch(p)
		b.hold(equiv.NormalSubject(d.Subject))
		b.hold(p.Commit)
		for _, c := range d.Upstream {
			b.hold(c)
		}
		for _, x := range b.in.Upstream {
			ms, err := x.Similar(equiv.Query{Doc: &d, Limit: 1})
			if err != nil {
				return fmt.Errorf("%s: search %s: %w", p.Name, x.Source, err)
			}
			if len(ms) > 0 {
				b.matches[i] = found{&ms[0], x}
				b.hold(ms[0].Doc.Name)
				break
			}
		}
	}
	return nil
}

// hold notes a commit or subject of the stack.
func (b *builder) hold(what string) {
	if len(what) >= abbrevLen && strings.Trim(what, "0123456789abcdef") == "" {
		what = what[:abbrevLen]
	}
	if what != "" {
		b.have[what] = true
	}
}

const abbrevLen = 12

func (b *builder) holds(what string) bool {
	if len(what) >= abbrevLen && strings.Trim(what, "0123456789abcdef") == "" {
		what = what[:abbrevLen]
	}
	return what != "" && b.have[what]
}

func (b *builder) entry(i int, p *patch.Patch) (Entry, error) {
	e := Entry{File: p.Name, Subject: p.Subject, Origin: p.Origin.Kind.String(), Author: p.Author.String(), Paths: p.Paths()}
	for k := range p.Files {
		if err := p.Files[k].Err; err != nil {
			e.Problems = append(e.Problems, fmt.Sprintf("line %d: %s", p.Files[k].Line, err))
		}
		added, removed := lineCounts(&p.Files[k])
		e.Added += added
		e.Removed += removed
	}
	for _, x := range p.Problems {
		e.Problems = append(e.Problems, x.String())
	}
	if b.in.Apply != nil {
		e.Apply, e.ApplyWhy = b.in.Apply[i].Outcome, b.in.Apply[i].Why
	}
	if !p.Date.IsZero() && b.in.Now.After(p.Date) {
		e.AgeDays = int(b.in.Now.Sub(p.Date) / (24 * time.Hour))
	}
	if b.in.Owners != nil {
		e.Owners = b.in.Owners(e.Paths)
	}
	e.Sent = sent(p)
	e.Upstream = b.standing(i, p)
	if err := b.follow(&e, i, p); err != nil {
		return e, err
	}
	if err := b.churn(&e, p); err != nil {
		return e, err
	}
	e.Advice = advise(&e, p)
	return e, nil
}

func lineCounts(f *diff.File) (added, removed int) {
	for _, h := range f.Hunks {
		for _, l := range h.Lines {
			switch l.Op {
			case '+':
				added++
			case '-':
				removed++
			}
		}
	}
	return added, removed
}

// sent says what speaks for a patch having been sent.
func sent(p *patch.Patch) string {
	switch p.Origin.Kind {
	case patch.Upstream, patch.Backport, patch.FromTree, patch.FromList:
		if len(p.Origin.Evidence) > 0 {
			return strings.TrimSpace(p.Origin.Evidence[0].Text)
		}
		return "it says so"
	}
	if p.Origin.Link != "" {
		return p.Origin.Link
	}
	for _, t := range p.Trailers {
		if (t.Is("Link") || t.Is("Message-Id")) && strings.Contains(t.Value, "@") {
			return t.Value
		}
	}
	return ""
}

// standing says where one patch stands.
func (b *builder) standing(i int, p *patch.Patch) Standing {
	s := Standing{State: Unknown, Release: p.Origin.Release, Evidence: []string{}}
	if len(p.Origin.Commits) > 0 {
		s.Commit = p.Origin.Commits[0]
	}
	if f := b.matches[i]; f.match != nil {
		m := f.match
		s.Score = m.Score
		s.Relation = relation(m)
		s.Evidence = append(s.Evidence, fmt.Sprintf("%s has %s (%s): %s", f.index.Source, short(m.Doc.Name), m.Doc.Subject, m.Describe()))
		if m.Kind != equiv.SameSubject {
			s.State = Upstream
			s.Commit = m.Doc.Name
			for _, r := range m.Doc.Releases {
				switch {
				case isStable(r):
					s.Stable = append(s.Stable, r)
				case s.Release == "":
					s.Release = r
				}
			}
		} else {
			s.Superseded = append(s.Superseded, m.Doc.Name)
		}
	}
	if b.in.Landed == nil {
		if s.State == Unknown && len(b.in.Upstream) > 0 {
			s.State = NotUpstream
		}
		if s.State == Unknown && len(p.Origin.Commits) > 0 {
			// Its own word is all there is.
			s.State = Upstream
			s.Evidence = append(s.Evidence, "it names the commit that it was taken from")
		}
		return s
	}
	v := &b.in.Landed[i]
	for _, e := range v.Evidence {
		s.Evidence = append(s.Evidence, b.in.Tree+": "+e)
	}
	// The tree is what counts: what a history has may not be in it.
	switch v.State {
	case landed.Present:
		s.State = Upstream
		s.By = b.in.TreeVersion
		if s.Relation == "" && v.Added >= 0 {
			s.Score = v.Added
			switch {
			case v.Added >= 0.999 && v.Removed <= 0:
				s.Relation = "equal"
			case v.Added >= 0.5:
				s.Relation = "modified"
			default:
				s.Relation = "diverged"
			}
		}
	case landed.Partly:
		s.State = Partly
	case landed.Absent:
		s.State = NotUpstream
	default:
		if s.State == Upstream && b.matches[i].match == nil {
			s.State = Unknown
		}
	}
	return s
}

func relation(m *equiv.Match) string {
	switch m.Kind {
	case equiv.Identical, equiv.Equal, equiv.Modified, equiv.Part:
		return string(m.Kind)
	}
	return "diverged"
}

func short(id string) string {
	if len(id) == 40 {
		return id[:abbrevLen]
	}
	return id
}

// isStable tells whether a release is one of stable: three numbers.
func isStable(r string) bool {
	r, _, _ = strings.Cut(strings.TrimPrefix(r, "v"), "-")
	return strings.Count(r, ".") == 2
}

// churn counts what else changes the files of a patch.
func (b *builder) churn(e *Entry, p *patch.Patch) error {
	for _, x := range b.in.Upstream {
		n, err := x.Touching(e.Paths, p.Date)
		if err != nil {
			return err
		}
		e.Churn = max(e.Churn, n)
	}
	slices.Sort(e.Owners)
	e.Owners = slices.Compact(e.Owners)
	return nil
}
