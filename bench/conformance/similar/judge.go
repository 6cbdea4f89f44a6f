package main

import (
	"fmt"
	"math"

	"ringside/similar"
)

// score is how well one method finds the pairs that belong together.
type score struct {
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
	Found     int     `json:"found"` // pairs that it calls the same
	right     int
}

func (s *score) add(positive, truth bool) {
	if positive {
		s.Found++
		if truth {
			s.right++
		}
	}
}

func (s *score) finish(pairs int) {
	round := func(v float64) float64 { return math.Round(v*1000) / 1000 }
	p, r := ratio(s.right, s.Found), ratio(s.right, pairs)
	if p+r > 0 {
		s.F1 = round(2 * p * r / (p + r))
	}
	s.Precision, s.Recall = round(p), round(r)
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// result is what is printed.
type result struct {
	Reports int               `json:"reports"`
	Pairs   int               `json:"pairs"` // that belong together
	Methods map[string]*score `json:"methods"`
}

// levenshteinCut is the cut of the published baseline.
const levenshteinCut = 0.3

func judge(reports []labelled, m *similar.Model) result {
	res := result{Reports: len(reports), Methods: map[string]*score{"same": {}, "suggest": {}, "portable": {}, "levenshtein": {}}}
	eachPair(reports, func(a, b *labelled) {
		truth := a.same(b)
		if truth {
			res.Pairs++
		}
		zone := m.Compare(&a.stack, &b.stack).Zone
		res.Methods["same"].add(zone == similar.Same, truth)
		res.Methods["suggest"].add(zone != similar.Different, truth)
		res.Methods["portable"].add(a.portable == b.portable, truth)
		res.Methods["levenshtein"].add(distance(a.stack.Frames, b.stack.Frames) <= levenshteinCut, truth)
	})
	for _, s := range res.Methods {
		s.finish(res.Pairs)
	}
	return res
}

func eachPair(reports []labelled, do func(a, b *labelled)) {
	for i := range reports {
		for j := range i {
			do(&reports[j], &reports[i])
		}
	}
}

// sweepThresholds scores plain thresholds on the similarity.
func sweepThresholds(reports []labelled, m *similar.Model) map[string]*score {
	out := map[string]*score{}
	pairs := 0
	key := func(i int) string { return fmt.Sprintf("%.2f", float64(i)*0.05) }
	for i := 4; i <= 19; i++ {
		out[key(i)] = &score{}
	}
	eachPair(reports, func(a, b *labelled) {
		truth := a.same(b)
		if truth {
			pairs++
		}
		s := m.Score(&a.stack, &b.stack)
		for i := 4; i <= 19; i++ {
			out[key(i)].add(s >= float64(i)*0.05, truth)
		}
	})
	for _, s := range out {
		s.finish(pairs)
	}
	return out
}

// distance is the edit distance of two stacks over the longer one's length. Two
// empty stacks have nothing to compare and are as far apart as can be.
func distance(a, b []string) float64 {
	if len(a) == 0 && len(b) == 0 {
		return 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		last := row[0]
		row[0] = i + 1
		for j := range b {
			cost := last
			if a[i] != b[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return float64(row[len(b)]) / float64(max(len(a), len(b)))
}
