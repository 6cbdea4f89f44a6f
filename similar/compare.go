package similar

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Zone is what a score means.
type Zone string

// The zones.
const (
	Same      Zone = "same"      // one defect, without asking
	Suggest   Zone = "suggest"   // a person should look
	Different Zone = "different" // nothing to do with each other
)

// The thresholds, calibrated on labelled reports (bench/conformance/similar).
const (
	// SameAt is the least score of the zone Same, for stacks of one family that
	// blame one function.
	SameAt = 0.60
	// SuggestAt is the least score of the zone Suggest.
	SuggestAt = 0.55
)

const (
	decay   = 0.12 // how fast frames lose weight with their distance from the crash
	shift   = 0.03 // what a frame loses for each place it is further in or out than its counterpart
	blame   = 0.5  // the part of the score that is whom the reports blame, where both blame somebody
	nearby  = 0.5  // what it is worth if the one that one report blames is on the other's stack
	kinship = 0.5  // what is left of the score if the kinds are of different families
)

// Match is the result of a comparison.
type Match struct {
	Score   float64  `json:"score"`
	Zone    Zone     `json:"zone"`
	Pairs   []Pair   `json:"frames"`  // the two stacks side by side, innermost first
	Reasons []string `json:"reasons"` // what counted, in words, the weightiest first
}

// Pair is a row of two aligned stacks; one side may be empty.
type Pair struct {
	A      string  `json:"a"`
	B      string  `json:"b"`
	Weight float64 `json:"weight"` // share of the weight of both stacks, from 0 to 1
}

// Same reports whether the pair is a frame that both stacks have.
func (p *Pair) Same() bool { return p.A != "" && p.B != "" }

// Compare measures how much two stacks resemble each other and says why.
func (m *Model) Compare(a, b *Stack) Match {
	fa, fb := a.clip(), b.clip()
	al := m.align(a, b, fa, fb)
	match := Match{Score: al.weigh(a, b), Pairs: al.pairs(fa, fb)}
	sameGuilty := a.Guilty != "" && a.Guilty == b.Guilty
	sameFamily := a.Family == b.Family
	switch {
	case match.Score >= SameAt && sameGuilty && sameFamily && a.Module == b.Module:
		match.Zone = Same
	case match.Score >= SuggestAt:
		match.Zone = Suggest
	default:
		match.Zone = Different
	}
	match.Reasons = m.reasons(a, b, match.Pairs)
	return match
}

// Score is the score of [Model.Compare] alone.
func (m *Model) Score(a, b *Stack) float64 {
	al := m.align(a, b, a.clip(), b.clip())
	return al.weigh(a, b)
}

// weigh joins what the stacks have in common with whom the reports blame and
// what they say has happened.
func (al *alignment) weigh(a, b *Stack) float64 {
	score := al.score
	if a.Guilty != "" && b.Guilty != "" {
		agreed := 0.0
		switch {
		case a.Guilty == b.Guilty:
			agreed = 1
		case slices.Contains(a.Frames, b.Guilty) || slices.Contains(b.Frames, a.Guilty):
			agreed = nearby
		}
		score = blame*agreed + (1-blame)*score
	}
	if a.Family != b.Family {
		score *= kinship
	}
	return score
}

// alignment is the table of a weighted longest common subsequence.
type alignment struct {
	wa, wb []float64 // weights of the frames
	total  float64
	best   []float64 // best[i*(len(wb)+1)+j] is for the stacks from i and j on
	score  float64
}

func (m *Model) align(a, b *Stack, fa, fb []string) alignment {
	al := alignment{wa: m.weights(a, fa), wb: m.weights(b, fb)}
	for _, w := range al.wa {
		al.total += w
	}
	for _, w := range al.wb {
		al.total += w
	}
	row := len(fb) + 1
	al.best = make([]float64, (len(fa)+1)*row)
	for i := len(fa) - 1; i >= 0; i-- {
		for j := len(fb) - 1; j >= 0; j-- {
			best := max(al.best[(i+1)*row+j], al.best[i*row+j+1])
			if fa[i] == fb[j] {
				best = max(best, al.best[(i+1)*row+j+1]+al.worth(i, j))
			}
			al.best[i*row+j] = best
		}
	}
	if al.total > 0 {
		al.score = min(1, al.best[0]/al.total)
	}
	return al
}

// worth is what aligning frame i with frame j brings.
func (al *alignment) worth(i, j int) float64 {
	return (al.wa[i] + al.wb[j]) * max(0.5, 1-shift*math.Abs(float64(i-j)))
}

func (m *Model) weights(s *Stack, frames []string) []float64 {
	w := make([]float64, len(frames))
	for i, f := range frames {
		w[i] = m.Weight(f) / (1 + decay*float64(i))
		if f == s.Guilty {
			w[i] = max(w[i], 0.5) // whatever its prior: the report is about it
		}
	}
	return w
}

// pairs walks the table and returns the two stacks side by side.
func (al *alignment) pairs(fa, fb []string) []Pair {
	row := len(fb) + 1
	total := max(al.total, math.SmallestNonzeroFloat64)
	out := make([]Pair, 0, max(len(fa), len(fb)))
	for i, j := 0, 0; i < len(fa) || j < len(fb); {
		here := al.best[i*row+j]
		switch {
		case i < len(fa) && j < len(fb) && fa[i] == fb[j] && here == al.best[(i+1)*row+j+1]+al.worth(i, j):
			out = append(out, Pair{fa[i], fb[j], al.worth(i, j) / total})
			i, j = i+1, j+1
		case j == len(fb) || i < len(fa) && al.best[(i+1)*row+j] >= al.best[i*row+j+1]:
			out = append(out, Pair{A: fa[i], Weight: al.wa[i] / total})
			i++
		default:
			out = append(out, Pair{B: fb[j], Weight: al.wb[j] / total})
			j++
		}
	}
	return out
}

// maxNamed is how many functions a reason names.
const maxNamed = 3

// reasons says what counted, for and against.
func (m *Model) reasons(a, b *Stack, pairs []Pair) []string {
	out := []string{}
	switch {
	case a.Guilty != "" && a.Guilty == b.Guilty:
		out = append(out, "both blame "+a.Guilty+m.rarity(a.Guilty))
	case a.Guilty != "" && b.Guilty != "":
		if has(pairs, b.Guilty, func(p *Pair) string { return p.A }) && has(pairs, a.Guilty, func(p *Pair) string { return p.B }) {
			out = append(out, fmt.Sprintf("one blames %s, the other %s, and both are on both stacks", a.Guilty, b.Guilty))
		} else {
			out = append(out, fmt.Sprintf("one blames %s, the other %s", a.Guilty, b.Guilty))
		}
	}
	var shared []Pair
	for i := range pairs {
		if p := &pairs[i]; p.Same() && (p.A != a.Guilty || a.Guilty != b.Guilty) {
			shared = append(shared, *p)
		}
	}
	slices.SortStableFunc(shared, func(x, y Pair) int { return cmp.Compare(y.Weight, x.Weight) })
	if len(shared) > 0 {
		var names []string
		for _, p := range shared[:min(len(shared), maxNamed)] {
			names = append(names, p.A+m.rarity(p.A))
		}
		text := "both pass through " + strings.Join(names, ", ")
		if n := len(shared) - len(names); n > 0 {
			text += fmt.Sprintf(" and %d more", n)
		}
		out = append(out, text)
	}
	if a.Family != b.Family {
		out = append(out, fmt.Sprintf("they are of different kinds: %s and %s", orUnknown(a.Family), orUnknown(b.Family)))
	}
	if a.Module != b.Module {
		out = append(out, fmt.Sprintf("the blame falls on different modules: %s and %s", orKernel(a.Module), orKernel(b.Module)))
	}
	return out
}

func has(pairs []Pair, function string, side func(*Pair) string) bool {
	return slices.ContainsFunc(pairs, func(p Pair) bool { return side(&p) == function })
}

// rarity says how rare a function is where that is known.
func (m *Model) rarity(function string) string {
	if m.stacks == 0 {
		return ""
	}
	switch n := m.counts[function]; n {
	case 0:
		return " (never seen before)"
	case 1:
		return " (in 1 signature)"
	default:
		return fmt.Sprintf(" (in %d of %d signatures)", n, m.stacks)
	}
}

func orUnknown(s string) string { return cmp.Or(s, "unknown") }

func orKernel(s string) string { return cmp.Or(s, "the kernel itself") }
