package flake

import (
	"math/rand/v2"
	"testing"
)

// outcomes reads a history: "." is good, "x" bad, "s" bad in a storm.
func outcomes(s string) []Outcome {
	var list []Outcome
	for _, c := range s {
		list = append(list, Outcome{Bad: c != '.', Storm: c == 's'})
	}
	return list
}

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		history string
		class   Class
		since   int
	}{
		{"..............................", Well, -1},
		{"..............................xxxxx", Broken, 30},
		{"...x......x.....x...x.......x....", Flaky, -1},
		{"..............................x", Undecided, -1},
		{"....s.........................", Machine, -1},
		{"..x...x..x....x...x..xxxxxxxxxxxx", Broken, 21},
		{"xxxxxxxxxxxx", Broken, 0},
		{"", Well, -1},
	} {
		v := Judge(outcomes(tt.history))
		if v.Class != tt.class || v.Since != tt.since {
			t.Errorf("%q: %+v", tt.history, v)
		}
		if v.Class == Undecided && v.Reruns < 1 || v.Act() == "" {
			t.Errorf("%q: %+v, %q", tt.history, v, v.Act())
		}
	}
}

func TestStorms(t *testing.T) {
	runs := []Run{{200, 1}, {200, 0}, {200, 2}, {200, 40}, {200, 1}, {200, 0}, {3, 1}}
	got := Storms(runs)
	for i, want := range []bool{false, false, false, true, false, false, false} {
		if got[i] != want {
			t.Errorf("run %d: storm %v", i, got[i])
		}
	}
}

// Simulate counts what becomes of labelled histories, with runs more where they are asked
// for, as a team would do.
func simulate(r *rand.Rand, n int) (regressionsAsFlake, regressions, flakesAsBroken, flakes, undecided int) {
	for range n {
		length := 20 + r.IntN(60)
		regression := r.IntN(2) == 0
		rate, later := 0.03+0.32*r.Float64(), 0.0
		from := length
		if regression {
			// Half of them in tests that were well, half in ones that failed now and then.
			if r.IntN(2) == 0 {
				rate = 0.001
			} else {
				rate *= 0.3
			}
			later, from = 0.8+0.2*r.Float64(), length-1-r.IntN(5)
		}
		var history []Outcome
		draw := func(i int) {
			p := rate
			if i >= from {
				p = later
			}
			history = append(history, Outcome{Bad: r.Float64() < p})
		}
		for i := range length {
			draw(i)
		}
		history[length-1].Bad = true // it is looked at because it failed
		v := Judge(history)
		for more := 0; v.Class == Undecided && more < 15; more++ {
			draw(len(history))
			v = Judge(history)
		}
		switch {
		case v.Class == Undecided:
			undecided++
		case regression && (v.Class == Flaky || v.Class == Well):
			regressionsAsFlake++
		case !regression && v.Class == Broken:
			flakesAsBroken++
		}
		if regression {
			regressions++
		} else {
			flakes++
		}
	}
	return
}

// At most one in a hundred regressions is called a flake, and at most one in twenty flakes a
// regression.
func TestSimulation(t *testing.T) {
	a, regressions, b, flakes, undecided := simulate(rand.New(rand.NewPCG(11, 12)), 4000)
	t.Logf("%d of %d regressions called flakes (%.2f %%), %d of %d flakes called broken (%.2f %%), %d undecided after 15 runs more", a, regressions, 100*float64(a)/float64(regressions), b, flakes, 100*float64(b)/float64(flakes), undecided)
	if float64(a) > 0.01*float64(regressions) {
		t.Errorf("%d of %d regressions are called flakes", a, regressions)
	}
	if float64(b) > 0.05*float64(flakes) {
		t.Errorf("%d of %d flakes are called broken", b, flakes)
	}
	if undecided > 4000/50 {
		t.Errorf("%d are undecided", undecided)
	}
}
