// Package ranges decides by versions alone whether a vulnerability is in a kernel.
//
// The kernel's CNA writes for each CVE pairs of "introduced in" and "fixed in", one for
// each branch that got a fix, in .dyad files. A kernel of version T has the
// vulnerability if something that introduces it is in T and nothing that fixes it is.
// What is in T follows how kernels are made: everything of mainline up to T's branch
// point, and of the stable releases only those of T's own branch. That is the rule of
// the CNA's own tool (strak), with versions in the place of ancestry, and it is why a
// comparison of version numbers gives thousands of wrong answers: a fix in 5.15.200 says
// nothing of 6.1.100, and a flaw brought to stable branches by a backport is in no
// mainline release before.
package ranges

// A Pair is one line of a .dyad file: the vulnerability came with Intro and went with
// Fix. A zero Intro is the beginning of time, a zero Fix is not yet.
type Pair struct {
	Intro       Version `json:"introduced,omitzero"`
	IntroCommit string  `json:"introduced_by,omitempty"`
	Fix         Version `json:"fixed,omitzero"`
	FixCommit   string  `json:"fixed_by,omitempty"`
}

// A Verdict is what the versions say.
type Verdict uint8

// The verdicts.
const (
	// Unknown: the record has no pairs, or what is known of the kernel's version is not
	// enough.
	Unknown Verdict = iota
	Affected
	Fixed
	// NotIntroduced: nothing that introduces it is in the kernel.
	NotIntroduced
)

// String gives the verdict's name as JSON has it.
func (v Verdict) String() string {
	return [...]string{"unknown", "affected", "fixed", "not_in_range"}[v]
}

// MarshalText gives the name.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads a name.
func (v *Verdict) UnmarshalText(b []byte) error {
	*v = Unknown
	for x := Unknown; x <= NotIntroduced; x++ {
		if x.String() == string(b) {
			*v = x
		}
	}
	return nil
}

// A Decision is a verdict and what decided it.
type Decision struct {
	Verdict Verdict
	// Pair is the index of the pair that decided: the one whose fix is in the kernel, or
	// the one whose introduction is. It is -1 where none did.
	Pair int
	// Late is the index of a pair whose introduction is in the kernel and came after the
	// fix that Pair names, so that the fix cannot have ended it; -1 where there is none.
	// The pairs then contradict each other.
	Late int
}

// Decide applies the rule to a kernel of version t.
func Decide(pairs []Pair, t Version) Decision {
	d := Decision{Pair: -1, Late: -1}
	if len(pairs) == 0 {
		return d
	}
	last, fixed := -1, -1 // the latest introduction and the latest fix that are in t
	ends := -1            // a pair whose fix is on t's branch
	for i := range pairs {
		p := &pairs[i]
		if p.Intro != 0 && !p.Intro.In(t) {
			continue
		}
		if last < 0 || p.Intro > pairs[last].Intro {
			last = i
		}
		switch {
		case p.Fix == 0:
		case !p.Fix.In(t):
			if p.Fix.Branch() == t.Branch() {
				ends = i
			}
		case fixed < 0 || p.Fix > pairs[fixed].Fix:
			fixed = i
		}
	}
	switch {
	case last < 0:
		d.Verdict = NotIntroduced
	case fixed < 0:
		d.Verdict, d.Pair = Affected, last
		if ends >= 0 {
			d.Pair = ends
		}
	default:
		d.Verdict, d.Pair = Fixed, fixed
		// All that is in t lies on one line of history, on which numbers order.
		if pairs[last].Intro > pairs[fixed].Fix {
			d.Late = last
		}
	}
	return d
}

// DecideLinear reads the pairs as ranges over one line of versions, as OSV does: each
// branch that is affected has a range of its own, and what is in none is not affected.
func DecideLinear(pairs []Pair, t Version) Decision {
	d := Decision{Pair: -1, Late: -1}
	if len(pairs) == 0 {
		return d
	}
	d.Verdict = NotIntroduced
	for i, p := range pairs {
		if p.Intro > t {
			continue
		}
		if p.Fix == 0 || t < p.Fix {
			return Decision{Verdict: Affected, Pair: i, Late: -1}
		}
		if d.Pair < 0 || p.Fix > pairs[d.Pair].Fix {
			d.Verdict, d.Pair = Fixed, i
		}
	}
	return d
}

// A Rule is Decide or DecideLinear.
type Rule func(pairs []Pair, t Version) Decision

// Over applies the rule to a kernel of which only a span is known. The verdict is
// Unknown where it is not the same for all versions of the span.
func (rule Rule) Over(pairs []Pair, s Span) Decision {
	d := rule(pairs, s.From)
	if s.Exact() {
		return d
	}
	last := rule(pairs, s.To)
	unsure := d.Verdict != last.Verdict || d.Late >= 0 || last.Late >= 0
	for i := 0; i < len(pairs) && !unsure; i++ {
		for _, at := range [2]Version{pairs[i].Intro, pairs[i].Fix} {
			if at > s.From && at < s.To && rule(pairs, at).Verdict != d.Verdict {
				unsure = true
			}
		}
	}
	if unsure {
		return Decision{Verdict: Unknown, Pair: last.Pair, Late: -1}
	}
	return d
}
