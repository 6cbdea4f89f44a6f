package similar

import (
	"cmp"
	"slices"
)

const (
	// maxPostings bounds how many stacks one function leads to. A function
	// that is in more says little, and the stacks that share only such ones are
	// not alike.
	maxPostings = 2000
	// maxCandidates bounds how many stacks are compared with one.
	maxCandidates = 200
)

// Index finds stacks that resemble a given one. It holds an inverted index over
// functions and learns its weights from what is in it. It is not safe for
// concurrent changes.
type Index struct {
	Model
	stacks   []Stack
	postings map[string][]int32
}

// NewIndex returns an empty index with prior weights, which may be nil.
func NewIndex(prior func(string) float64) *Index {
	return &Index{Model: Model{Prior: prior}, postings: map[string][]int32{}}
}

// Add adds a stack and returns its number.
func (x *Index) Add(s Stack) int {
	n := len(x.stacks)
	x.stacks = append(x.stacks, s)
	x.Model.Add(&s)
	for _, f := range s.functions() {
		if p := x.postings[f]; len(p) <= maxPostings {
			x.postings[f] = append(p, int32(n))
		}
	}
	return n
}

// Found is a stack of an index that resembles another.
type Found struct {
	ID int // as Add returned it
	Match
}

// Find returns the stacks that resemble s at least as much as Suggest asks for,
// the most alike first, at most most.
func (x *Index) Find(s *Stack, most int) []Found {
	var found []Found
	for _, id := range x.candidates(s) {
		if x.Score(s, &x.stacks[id]) >= SuggestAt {
			found = append(found, Found{ID: int(id), Match: x.Compare(s, &x.stacks[id])})
		}
	}
	slices.SortFunc(found, func(a, b Found) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID)) })
	return found[:min(len(found), most)]
}

// candidates returns the stacks that share the most weight of rare functions.
func (x *Index) candidates(s *Stack) []int32 {
	shared := map[int32]float64{}
	for _, f := range x.Keys(s) {
		p := x.postings[f]
		if len(p) > maxPostings {
			continue
		}
		w := x.Weight(f)
		if f == s.Guilty {
			w += 1
		}
		for _, id := range p {
			shared[id] += w
		}
	}
	ids := make([]int32, 0, len(shared))
	for id := range shared {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b int32) int { return cmp.Or(cmp.Compare(shared[b], shared[a]), cmp.Compare(a, b)) })
	return ids[:min(len(ids), maxCandidates)]
}
