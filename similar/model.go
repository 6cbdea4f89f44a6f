package similar

import (
	"cmp"
	"math"
	"slices"
)

// Model is what is known about functions: how much each says about a crash.
// The zero value knows nothing, and takes every function for a rare one.
type Model struct {
	// Prior is what a function weighs before anything is counted, from 0 to 1.
	// nil means 1 for all.
	Prior func(function string) float64

	stacks int
	counts map[string]int
}

// Add counts the functions of a stack. Count distinct signatures, not crashes:
// a defect that happens often does not make its functions common.
func (m *Model) Add(s *Stack) { m.count(s, 1) }

// Remove takes back what Add counted.
func (m *Model) Remove(s *Stack) { m.count(s, -1) }

func (m *Model) count(s *Stack, by int) {
	if m.counts == nil {
		m.counts = map[string]int{}
	}
	m.stacks = max(0, m.stacks+by)
	for _, f := range s.functions() {
		if m.counts[f] += by; m.counts[f] <= 0 {
			delete(m.counts, f)
		}
	}
}

// Load replaces what was counted: for a model whose counts are kept elsewhere.
// Functions that are not in counts are unknown.
func (m *Model) Load(stacks int, counts map[string]int) { m.stacks, m.counts = stacks, counts }

// Functions returns the distinct functions that count of a stack, for whoever
// keeps the counts.
func Functions(s *Stack) []string { return s.functions() }

// Stacks returns how many stacks are counted.
func (m *Model) Stacks() int { return m.stacks }

// Count returns in how many stacks a function is.
func (m *Model) Count(function string) int { return m.counts[function] }

// leastRarity is what a function weighs that is in every stack.
const leastRarity = 0.05

// Weight returns how much a function says, from 0 to 1: its prior times the
// smoothed inverse of its frequency.
func (m *Model) Weight(function string) float64 {
	w := 1.0
	if m.Prior != nil {
		w = m.Prior(function)
	}
	all := float64(m.stacks) + 2
	rarity := math.Log(all/float64(m.counts[function]+1)) / math.Log(all)
	return w * min(1, max(leastRarity, rarity))
}

const (
	// maxKeys is by how many functions a stack is looked up.
	maxKeys = 12
	// leastKey is what a function must weigh to be looked up by.
	leastKey = 0.15
)

// Keys returns the functions by which a stack is looked up: those that weigh
// most, the guilty one first.
func (m *Model) Keys(s *Stack) []string {
	type key struct {
		function string
		weight   float64
	}
	var keys []key
	for _, f := range s.functions() {
		w := m.Weight(f)
		if f == s.Guilty {
			w += 1
		}
		if w >= leastKey {
			keys = append(keys, key{f, w})
		}
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.function, b.function))
	})
	out := make([]string, 0, maxKeys)
	for _, k := range keys[:min(len(keys), maxKeys)] {
		out = append(out, k.function)
	}
	return out
}
