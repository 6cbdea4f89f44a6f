package bisect

import (
	"math/rand/v2"
	"testing"
)

// session searches a simulated history.
func session(g *Graph, o Options, culprit int, p, q float64, r *rand.Rand) *Search {
	s := NewSearch(g, o)
	for {
		t, more := s.Next(1)
		if !more {
			return s
		}
		rate := q
		if g.Holds(t.Candidate, culprit) != o.Fix {
			rate = p
		}
		for range t.Runs {
			outcome := Good
			if r.Float64() < rate {
				outcome = Bad
			}
			s.Observe(t.Candidate, outcome)
		}
	}
}

func TestFlaky(t *testing.T) {
	const turns = 60
	for name, o := range map[string]Options{"bad": {MaxRuns: 3000}, "fix": {MaxRuns: 3000, Fix: true}} {
		right, runs, builds := 0, 0, 0
		for i := range turns {
			r := rand.New(rand.NewPCG(uint64(i), 5))
			culprit := r.IntN(256)
			s := session(Line(256), o, culprit, .5, .02, r)
			if b, _ := s.Best(); b == culprit {
				right++
			}
			a, b := s.Runs()
			runs, builds = runs+a, builds+b
		}
		t.Logf("%s: %d of %d right, %d runs, %d builds", name, right, turns, runs/turns, builds/turns)
		if right < turns-3 || runs/turns > 150 || builds/turns > 14 {
			t.Errorf("%s: %d of %d right with %d runs and %d builds", name, right, turns, runs/turns, builds/turns)
		}
	}
}

// A failure that always comes and never without its culprit needs few runs.
func TestDeterministic(t *testing.T) {
	for culprit := range 64 {
		s := session(Line(64), Options{MaxRuns: 200}, culprit, 1, 0, rand.New(rand.NewPCG(1, 1)))
		runs, _ := s.Runs()
		if b, _ := s.Best(); b != culprit || runs > 60 {
			t.Errorf("culprit %d: found %d in %d runs", culprit, b, runs)
		}
	}
}

// A change of a topic is told from those of the main line beside it.
func TestMerge(t *testing.T) {
	// 0-1-2---5-6 with 3-4 forked at 0 and merged by 5.
	g, err := NewGraph([][]int{nil, {0}, {1}, {0}, {3}, {2, 4}, {5}})
	if err != nil {
		t.Fatal(err)
	}
	if g.Holds(4, 2) || !g.Holds(5, 4) || !g.Holds(4, 0) || g.Holds(2, 3) {
		t.Error("the graph does not hold what its parents hold")
	}
	for culprit := range g.Len() {
		s := session(g, Options{MaxRuns: 500}, culprit, 1, 0, rand.New(rand.NewPCG(1, 1)))
		if b, p := s.Best(); b != culprit {
			t.Errorf("culprit %d: found %d at %.3f", culprit, b, p)
		}
	}
	if _, err := NewGraph([][]int{{1}, nil}); err == nil {
		t.Error("a child before its parent is taken")
	}
}

func TestSkippedIsNotAskedAgain(t *testing.T) {
	s := NewSearch(Line(64), Options{})
	for range 10 {
		next, more := s.Next(1)
		if !more || s.skipped[next.Candidate] {
			t.Fatalf("%v %v after %v were skipped", next, more, s.Skipped())
		}
		s.Observe(next.Candidate, Skip)
	}
}

func TestImpossibleIsNotBlamed(t *testing.T) {
	w := make([]float64, 32)
	for i := range w {
		w[i] = float64(i % 2)
	}
	s := session(Line(32), Options{Weights: w, MaxRuns: 300}, 13, 1, 0, rand.New(rand.NewPCG(2, 2)))
	for b, p := range s.Posterior() {
		if b%2 == 0 && p != 0 {
			t.Errorf("%d has %g", b, p)
		}
	}
	if b, _ := s.Best(); b != 13 {
		t.Errorf("found %d", b)
	}
}
