package equiv

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A MatchKind is how two changes are the same.
type MatchKind string

// The kinds, the strongest first.
const (
	// Identical changes add and remove the same lines.
	Identical MatchKind = "identical"
	// Equal changes do so but for a few.
	Equal MatchKind = "equal"
	// Modified changes were adapted: much is the same.
	Modified MatchKind = "modified"
	// Part says that one change is in the other: folded with more, or split.
	Part MatchKind = "part"
	// Said is a change that is named as the origin, and whose lines do not show it.
	Said MatchKind = "said"
	// Subject is a change with the same subject, and lines that do not show it.
	SameSubject MatchKind = "subject"
)

// A Match is a change that is like the one that was asked about.
type Match struct {
	Doc  Doc
	Kind MatchKind
	// Score is the weight of the lines that both have, as a share of what both weigh: 1
	// for the same lines, 0 for none (Dice's coefficient, lines weighted by how rare they
	// are).
	Score float64
	// Inside is the share of the weight of the change that was asked about which the other
	// has; Around the reverse.
	Inside, Around float64
	Common         int // lines
	// Because says, in words, what speaks for the match besides the lines.
	Because []string
}

// Thresholds, found with OpenWrt's stacks for 6.1 and 6.6, as docs/patch.md shows.
const (
	equalScore    = 0.9
	modifiedScore = 0.5
	// With the same subject, or the origin named, less will do; with the same author and
	// file a little less.
	knownScore  = 0.12
	authorScore = 0.4
	partShare   = 0.85
	partLines   = 4
)

const (
	maxCandidates = 48
	// Lines that more changes have than this find no candidates.
	maxPostings = 4096
)

// A Query says what is searched for.
type Query struct {
	Doc   *Doc
	Limit int // how many matches; 0 is 5
	// Skip, where it is set, leaves out changes by name.
	Skip func(name string) bool
}

// Similar finds the changes that are the same as another, the best first.
func (x *Index) Similar(q Query) ([]Match, error) {
	s := search{x: x, d: q.Doc, candidates: map[uint32]float64{}, because: map[uint32][]string{}}
	if err := s.gather(); err != nil {
		return nil, err
	}
	order := make([]uint32, 0, len(s.candidates))
	for doc := range s.candidates {
		order = append(order, doc)
	}
	slices.SortFunc(order, func(a, b uint32) int {
		if c := cmp.Compare(len(s.because[b]), len(s.because[a])); c != 0 {
			return c
		}
		if c := cmp.Compare(s.candidates[b], s.candidates[a]); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	})
	var out []Match
	for _, doc := range order[:min(len(order), maxCandidates)] {
		m, ok, err := s.judge(doc)
		if err != nil {
			return nil, err
		}
		if ok && (q.Skip == nil || !q.Skip(m.Doc.Name)) {
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, compareMatches)
	limit := q.Limit
	if limit == 0 {
		limit = 5
	}
	return out[:min(len(out), limit)], nil
}

var kindOrder = []MatchKind{Identical, Equal, Modified, Part, Said, SameSubject}

func compareMatches(a, b Match) int {
	rank := func(m *Match) int {
		i := slices.Index(kindOrder, m.Kind)
		if m.Kind == Modified && len(m.Because) > 0 {
			return 1 // as good as equal
		}
		return i
	}
	if c := cmp.Compare(rank(&a), rank(&b)); c != 0 {
		return c
	}
	if c := cmp.Compare(len(b.Because), len(a.Because)); c != 0 && (a.Score < equalScore || b.Score < equalScore || a.Kind == b.Kind) {
		return c
	}
	return cmp.Compare(b.Score, a.Score)
}

type search struct {
	x          *Index
	d          *Doc
	weight     map[uint32]float64 // of the lines of d
	total      float64
	candidates map[uint32]float64
	because    map[uint32][]string
}

// gather finds the changes that are worth a look.
func (s *search) gather() error {
	s.weight = make(map[uint32]float64, len(s.d.Print.Lines))
	for _, l := range s.d.Print.Lines {
		df, docs, err := s.x.find(&s.x.lines, l, maxPostings)
		if err != nil {
			return err
		}
		w := weight(s.x.n, df)
		s.weight[l] = w
		s.total += w
		if df <= maxPostings {
			for _, doc := range docs {
				s.candidates[doc] += w
			}
		}
	}
	note := func(t uint32, why string) error {
		df, docs, err := s.x.find(&s.x.terms, t, 64)
		if err != nil || df > 64 {
			return err
		}
		for _, doc := range docs {
			s.candidates[doc] += 0
			s.because[doc] = append(s.because[doc], why)
		}
		return nil
	}
	if subject := NormalSubject(s.d.Subject); subject != "" {
		if err := note(term(subjectTerm, subject), "the same subject"); err != nil {
			return err
		}
	}
	ids := s.d.Upstream
	if isHex(s.d.Name) {
		ids = append(slices.Clone(ids), s.d.Name)
	}
	for _, id := range ids {
		if t, ok := commitTerm(upstreamTerm, id); ok {
			if err := note(t, "taken from the same commit "+short(id)); err != nil {
				return err
			}
		}
		docs, err := s.named(id)
		if err != nil {
			return err
		}
		for _, doc := range docs {
			s.candidates[doc] += 0
			s.because[doc] = append(s.because[doc], "said to come from it")
		}
	}
	return nil
}

// named finds documents by a commit's name.
func (s *search) named(id string) ([]uint32, error) {
	if len(id) < 7 {
		return nil, nil
	}
	return s.x.numbersNamed(strings.ToLower(id))
}

func isHex(s string) bool {
	return len(s) == 40 && strings.Trim(s, "0123456789abcdef") == ""
}

func short(id string) string { return id[:min(len(id), abbrevLen)] }

// judge compares with one candidate.
func (s *search) judge(doc uint32) (Match, bool, error) {
	d, total, err := s.x.doc(doc)
	if err != nil {
		return Match{}, false, err
	}
	m := Match{Doc: d, Because: s.because[doc]}
	mine, theirs := s.total, total
	limitMine, limitTheirs := uint32(0xffffffff), uint32(0xffffffff)
	a, b := s.d.Print.Lines, d.Print.Lines
	if s.d.Print.Total > len(a) && len(a) > 0 {
		limitMine = a[len(a)-1]
	}
	if d.Print.Total > len(b) && len(b) > 0 {
		limitTheirs = b[len(b)-1]
	}
	if limit := min(limitMine, limitTheirs); limit != 0xffffffff {
		// Only what both would have kept can be compared.
		mine, theirs = 0, 0
		a, b = upTo(a, limit), upTo(b, limit)
		for _, l := range a {
			mine += s.weight[l]
		}
		for _, l := range b {
			w, ok := s.weight[l]
			if !ok {
				df, _, err := s.x.find(&s.x.lines, l, 0)
				if err != nil {
					return Match{}, false, err
				}
				w = weight(s.x.n, df)
			}
			theirs += w
		}
	}
	common := 0.0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			common += s.weight[a[i]]
			m.Common++
			i, j = i+1, j+1
		}
	}
	if mine > 0 {
		m.Inside = min(common/mine, 1)
	}
	if theirs > 0 {
		m.Around = min(common/theirs, 1)
	}
	if mine+theirs > 0 {
		m.Score = min(2*common/(mine+theirs), 1)
	}
	if s.d.Author != "" && strings.EqualFold(s.d.Author, d.Author) && m.Score >= authorScore && sharePath(s.d.Paths, d.Paths) {
		m.Because = append(slices.Clone(m.Because), "the same author and file")
	}
	return m, s.kind(&m), nil
}

// kind says how the two are the same, and whether they are.
func (s *search) kind(m *Match) bool {
	known := len(m.Because) > 0
	switch {
	case !m.Doc.Print.Empty() && m.Doc.Print.Digest == s.d.Print.Digest:
		m.Kind = Identical
	case m.Score >= equalScore:
		m.Kind = Equal
	case !known && max(m.Inside, m.Around) >= partShare && min(m.Inside, m.Around) < modifiedScore && m.Common >= partLines:
		m.Kind = Part
	case m.Score >= modifiedScore, known && m.Score >= knownScore:
		m.Kind = Modified
	case slices.Contains(m.Because, "said to come from it"):
		m.Kind = Said
	case known:
		m.Kind = SameSubject
	default:
		return false
	}
	return true
}

func upTo(lines []uint32, limit uint32) []uint32 {
	i, found := slices.BinarySearch(lines, limit)
	if found {
		i++
	}
	return lines[:i]
}

func sharePath(a, b []string) bool {
	for _, p := range a {
		if _, ok := slices.BinarySearch(b, p); ok {
			return true
		}
	}
	return false
}

// Describe says in a line what a match is.
func (m *Match) Describe() string {
	text := string(m.Kind)
	if m.Kind != Identical {
		text += fmt.Sprintf(", %.0f %% of the lines' weight", 100*m.Score)
	}
	if len(m.Because) > 0 {
		text += "; " + strings.Join(m.Because, "; ")
	}
	return text
}
