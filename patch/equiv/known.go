package equiv

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Crash is what a report shows of a fault: what a fix of it would name or change.
type Crash struct {
	// Functions are those of the stack, the one that failed first.
	Functions []string
	// Files are the source files of these functions, where they are known.
	Files []string
	// Text has the words of the report: its headline, mostly.
	Text string
	// Since leaves out changes that were written before, where it is set: the kernel has
	// them.
	Since time.Time
	// Has tells, where it is set, whether the kernel that crashed has a change.
	Has func(*Doc) bool
}

// A Fix is a change that may mend a crash.
type Fix struct {
	Doc Doc
	// Score is between 0 and 1; what it counts is in Evidence. It orders, it is no
	// probability.
	Score    float64
	Evidence []string
	// Has is true if the kernel that crashed has it already: the fault is another, or came
	// back.
	Has bool
	// Fixed and Reverted name later changes of the index that mend or take back this one.
	Fixed, Reverted []string
}

const (
	maxFixes     = 64
	maxFunctions = 12
	maxTermDocs  = 2048
	// nearFunctions is how many functions of a stack a fix has to know one of.
	nearFunctions = 3
)

// KnownFixes finds the changes that may mend a crash, the likeliest first; limit 0 is 10.
func (x *Index) KnownFixes(c Crash, limit int) ([]Fix, error) {
	if limit == 0 {
		limit = 10
	}
	k := known{x: x, score: map[uint32]float64{}, why: map[uint32][]string{}}
	names := slices.Clone(c.Functions[:min(len(c.Functions), maxFunctions)])
	k.near = map[uint32]bool{}
	for i, f := range names {
		k.nearby = i < nearFunctions
		f, _, _ = strings.Cut(f, ".") // .isra.0, .constprop.0, .cold
		share := 1 / (1 + float64(i)/2)
		where := "on the stack"
		if i == 0 {
			where = "where it failed"
		}
		if err := k.term(functionTerm, f, 1.0*share, fmt.Sprintf("changes %s, %s", f, where)); err != nil {
			return nil, err
		}
		if err := k.term(wordTerm, f, 0.8*share, fmt.Sprintf("its message names %s, %s", f, where)); err != nil {
			return nil, err
		}
	}
	k.nearby = len(names) == 0
	for i, f := range c.Files[:min(len(c.Files), maxFunctions)] {
		if err := k.term(pathTerm, f, 0.4/(1+float64(i)/2), "changes "+f); err != nil {
			return nil, err
		}
	}
	for _, word := range Symptoms(c.Text) {
		if word == "bug" || word == "warning" {
			continue // what every report says
		}
		if err := k.add(wordTerm, word, 0.5, "speaks of "+word); err != nil {
			return nil, err
		}
	}
	order := make([]uint32, 0, len(k.score))
	for doc := range k.score {
		// What is far up the stack, or in the file alone, is no reason.
		if k.near[doc] {
			order = append(order, doc)
		}
	}
	slices.SortFunc(order, func(a, b uint32) int {
		if d := cmp.Compare(k.score[b], k.score[a]); d != 0 {
			return d
		}
		return cmp.Compare(b, a)
	})
	var out []Fix
	for _, i := range order[:min(len(order), maxFixes)] {
		d, err := x.Doc(int(i))
		if err != nil {
			return nil, err
		}
		if !c.Since.IsZero() && !d.Date.IsZero() && d.Date.Before(c.Since) {
			continue
		}
		f := Fix{Doc: d, Score: k.score[i], Evidence: k.why[i]}
		k.bonus(&f)
		f.Score = f.Score / (f.Score + half)
		f.Has = c.Has != nil && c.Has(&d)
		if f.Fixed, f.Reverted, err = x.Later(d.Name); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b Fix) int { return cmp.Compare(b.Score, a.Score) })
	return out[:min(len(out), limit)], nil
}

// half is the score that is shown as one half: about a rare function that is named and
// changed.
const half = 16

type known struct {
	x      *Index
	score  map[uint32]float64
	why    map[uint32][]string
	nearby bool            // what is looked for is close to where it failed
	near   map[uint32]bool // changes that know such a thing
}

// term makes the changes that have a word candidates.
func (k *known) term(kind termKind, text string, share float64, why string) error {
	df, docs, err := k.x.find(&k.x.terms, term(kind, text), maxTermDocs)
	if err != nil || df > maxTermDocs {
		return err
	}
	w := share * weight(k.x.n, df)
	for _, d := range docs {
		k.score[d] += w
		k.why[d] = append(k.why[d], why)
		if k.nearby {
			k.near[d] = true
		}
	}
	return nil
}

// add counts a word for those that are candidates already.
func (k *known) add(kind termKind, text string, share float64, why string) error {
	df, docs, err := k.x.find(&k.x.terms, term(kind, text), 1<<24)
	if err != nil {
		return err
	}
	w := share * weight(k.x.n, df)
	for _, d := range docs {
		if _, ok := k.score[d]; ok {
			k.score[d] += w
			k.why[d] = append(k.why[d], why)
		}
	}
	return nil
}

// bonus adds what makes a change a fix.
func (k *known) bonus(f *Fix) {
	subject := " " + NormalSubject(f.Doc.Subject) + " "
	switch {
	case len(f.Doc.Fixes) > 0:
		f.Score *= 1.25
		f.Evidence = append(f.Evidence, "says that it fixes "+short(f.Doc.Fixes[0]))
	case strings.Contains(subject, " fix "), strings.Contains(subject, " fixes "), strings.Contains(subject, " prevent "), strings.Contains(subject, " avoid "):
		f.Score *= 1.15
		f.Evidence = append(f.Evidence, "its subject says that it is a fix")
	}
	if strings.HasPrefix(f.Doc.Name, "CVE-") {
		f.Evidence = append(f.Evidence, "has the number of a CVE")
	}
}

// Later finds the changes that mend or take back a commit.
func (x *Index) Later(commit string) (fixes, reverts []string, err error) {
	for kind, to := range map[termKind]*[]string{fixesTerm: &fixes, revertsTerm: &reverts} {
		t, ok := commitTerm(kind, commit)
		if !ok {
			continue
		}
		_, docs, err := x.find(&x.terms, t, 64)
		if err != nil {
			return nil, nil, err
		}
		for _, i := range docs {
			d, err := x.Doc(int(i))
			if err != nil {
				return nil, nil, err
			}
			*to = append(*to, d.Name)
		}
		slices.Sort(*to)
	}
	return fixes, reverts, nil
}

// TakenFrom finds the changes that say they were taken from a commit.
func (x *Index) TakenFrom(commit string) ([]Doc, error) {
	t, ok := commitTerm(upstreamTerm, commit)
	if !ok {
		return nil, nil
	}
	_, docs, err := x.find(&x.terms, t, 256)
	if err != nil {
		return nil, err
	}
	var out []Doc
	for _, i := range docs {
		d, err := x.Doc(int(i))
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// Touching counts the changes that touch any of some files after a date.
func (x *Index) Touching(paths []string, after time.Time) (int, error) {
	docs := map[uint32]bool{}
	for _, p := range paths[:min(len(paths), 32)] {
		_, list, err := x.find(&x.terms, term(pathTerm, p), maxTermDocs)
		if err != nil {
			return 0, err
		}
		for _, d := range list {
			docs[d] = true
		}
	}
	n := 0
	for i := range docs {
		when, err := x.date(i)
		if err != nil {
			return 0, err
		}
		if when.After(after) {
			n++
		}
	}
	return n, nil
}

// date reads when a change was written.
func (x *Index) date(i uint32) (time.Time, error) {
	s, _, err := x.bounds(i)
	if err != nil {
		return time.Time{}, err
	}
	s.to = min(s.to, s.from+4096)
	b, err := x.read(s, 4096)
	if err != nil {
		return time.Time{}, err
	}
	d := decoder{b: b}
	for range 3 {
		d.string()
	}
	if when := d.varint(); when != 0 && !d.bad {
		return time.Unix(when, 0).UTC(), nil
	}
	return time.Time{}, nil
}
