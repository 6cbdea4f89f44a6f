package owner

import (
	"cmp"
	"fmt"
	"slices"
)

// Clue is one thing that points at code, and how much it says by itself.
type Clue struct {
	Query  Query
	Weight float64 // 0-1: how often such a clue alone names the owner
	Text   string  // what it is: "the guilty function", "frame 3 of the stack"
	Field  string  // where the report has it
}

// Vote is a clue that speaks for an owner.
type Vote struct {
	Clue    string  `json:"clue"`
	Field   string  `json:"field"`
	Weight  float64 `json:"weight"`            // what it counted for
	Generic bool    `json:"generic,omitempty"` // it was discounted: the code serves everybody
	Why     Why     `json:"why"`
}

// Ranked is an owner with all that speaks for it.
type Ranked struct {
	Match           // of the clue that says most
	Score   float64 `json:"score"` // 0-1
	Reasons []Vote  `json:"reasons"`
}

// How clues are weighed.
const (
	genericWeight = 0.15 // of code that serves everybody: faults of others come to light there
	nextWeight    = 0.5  // of each further section that covers a file, the most specific being first
	maxScore      = 0.99
)

// Rank asks every clue and adds up what they say, the owner with the most first.
// Clues that agree make an owner surer but never certain; a name that several
// files define counts for each of them in part. Overlays come first, and THE REST
// is left out: that everything belongs to somebody helps nobody.
func (x *Index) Rank(clues []Clue) []Ranked {
	var list []Ranked
	for _, c := range clues {
		weight := c.Weight
		for _, m := range x.Lookup(c.Query) {
			if m.Last {
				continue
			}
			w := weight / float64(max(m.Candidates, 1))
			if m.Generic {
				w *= genericWeight
			}
			weight *= nextWeight
			r := Vote{Clue: c.Text, Field: c.Field, Weight: w, Generic: m.Generic, Why: m.Why}
			i := slices.IndexFunc(list, func(have Ranked) bool { return have.Section == m.Section })
			if i < 0 {
				list = append(list, Ranked{Match: m, Score: w, Reasons: []Vote{r}})
				continue
			}
			have := &list[i]
			if w > have.Reasons[0].Weight {
				have.Match = m
				have.Reasons = slices.Insert(have.Reasons, 0, r)
			} else {
				have.Reasons = append(have.Reasons, r)
			}
			have.Score = 1 - (1-have.Score)*(1-w)
		}
	}
	for i := range list {
		list[i].Score = min(list[i].Score, maxScore)
		slices.SortStableFunc(list[i].Reasons, func(a, b Vote) int { return cmp.Compare(b.Weight, a.Weight) })
	}
	slices.SortStableFunc(list, func(a, b Ranked) int {
		return cmp.Or(compareBool(b.Overlay, a.Overlay), cmp.Compare(b.Score, a.Score))
	})
	return list
}

// String says a reason in words.
func (r Vote) String() string {
	s := fmt.Sprintf("%s (%s:%d %s: %s)", r.Clue, r.Why.Source, r.Why.Line, r.Why.Tag, r.Why.Pattern)
	if r.Generic {
		s += ", counted little: code that serves everybody"
	}
	return s
}
