package bisect

import (
	"errors"
	"fmt"
	"math/bits"
)

// Graph is the candidates of a bisection, parents before children, and which of them
// hold which. A candidate holds itself and what its parents hold.
type Graph struct {
	n       int
	words   int
	holds   []uint64 // a row of bits for each candidate; nil where they stand in a line
	parents [][]int
}

// MaxCandidates bounds a graph: its rows of bits grow with the square.
const MaxCandidates = 1 << 16

// Line returns the graph of n candidates of which each holds all before it.
func Line(n int) *Graph { return &Graph{n: n} }

// NewGraph makes a graph of the parents of each candidate. A parent that stands before
// the range is left out by the caller.
func NewGraph(parents [][]int) (*Graph, error) {
	n := len(parents)
	if n > MaxCandidates {
		return nil, fmt.Errorf("%d candidates are more than %d: narrow the range", n, MaxCandidates)
	}
	g := &Graph{n: n, words: (n + 63) / 64, parents: parents}
	g.holds = make([]uint64, n*g.words)
	for c, list := range parents {
		row := g.row(c)
		row[c/64] |= 1 << (c % 64)
		for _, p := range list {
			if p < 0 || p >= c {
				return nil, errors.New("the candidates are not in topological order")
			}
			for i, w := range g.row(p) {
				row[i] |= w
			}
		}
	}
	return g, nil
}

func (g *Graph) row(c int) []uint64 { return g.holds[c*g.words : (c+1)*g.words] }

// Len returns the number of candidates.
func (g *Graph) Len() int { return g.n }

// Holds says whether the candidate c holds the change b.
func (g *Graph) Holds(c, b int) bool {
	if g.holds == nil {
		return b <= c
	}
	return g.row(c)[b/64]>>(b%64)&1 == 1
}

// Parents returns the parents of c within the range.
func (g *Graph) Parents(c int) []int {
	if g.parents != nil {
		return g.parents[c]
	}
	if c == 0 {
		return nil
	}
	return []int{c - 1}
}

// each calls f for every change that c holds.
func (g *Graph) each(c int, f func(b int)) {
	if g.holds == nil {
		for b := 0; b <= c; b++ {
			f(b)
		}
		return
	}
	for i, w := range g.row(c) {
		for ; w != 0; w &= w - 1 {
			f(i*64 + bits.TrailingZeros64(w))
		}
	}
}

// mass sums weights over what each candidate holds.
func (g *Graph) mass(weights, into []float64) {
	if g.holds == nil {
		sum := 0.0
		for b, w := range weights {
			sum += w
			into[b] = sum
		}
		return
	}
	// What weighs nothing is left out: late in a search that is nearly everything.
	heavy := make([]int, 0, g.n)
	for b, w := range weights {
		if w > 1e-9 {
			heavy = append(heavy, b)
		}
	}
	for c := range g.n {
		row, sum := g.row(c), 0.0
		for _, b := range heavy {
			if row[b/64]>>(b%64)&1 == 1 {
				sum += weights[b]
			}
		}
		into[c] = sum
	}
}
