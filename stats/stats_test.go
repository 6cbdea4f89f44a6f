package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func arm(r *rand.Rand, level float64, boots int) Sample {
	s := Sample{Metric: "time"}
	for range boots {
		boot := level * (1 + .02*r.NormFloat64())
		var b []float64
		for range 5 {
			b = append(b, boot+level*.02*r.NormFloat64())
		}
		s.Boots = append(s.Boots, b)
	}
	return s
}

// Two arms that are alike differ at 5 % in about one comparison of twenty, although
// boots spread as much as iterations; five in a hundred more often differ arms that are
// 5 % apart.
func TestFalseAlarmsAndPower(t *testing.T) {
	const turns = 400
	alarms, found := 0, 0
	for i := range turns {
		r := rand.New(rand.NewPCG(uint64(i), 1))
		a, b, c := arm(r, 100, 10), arm(r, 100, 10), arm(r, 105, 10)
		if permutation(medians(a.Boots), medians(b.Boots), r) < .05 {
			alarms++
		}
		if permutation(medians(a.Boots), medians(c.Boots), r) < .05 {
			found++
		}
	}
	if alarms > turns*8/100 || found < turns*95/100 {
		t.Errorf("%d false alarms and %d found of %d", alarms, found, turns)
	}
}

func history(r *rand.Rand, kind string, n int) Series {
	var s Series
	x := 0.0
	for range n {
		e := r.NormFloat64()
		switch kind {
		case "ar":
			x = .6*x + .8*e
			e = x
		case "outliers":
			if r.Float64() < .05 {
				e *= 10
			}
		case "t3":
			d := 0.0
			for range 3 {
				g := r.NormFloat64()
				d += g * g
			}
			e /= math.Sqrt(d / 3)
		}
		s.Points = append(s.Points, SeriesPoint{Value: 100 + e})
	}
	return s
}

func TestChangesOfNothing(t *testing.T) {
	for _, kind := range []string{"gauss", "t3", "outliers", "ar"} {
		const turns = 200
		alarms := 0
		for i := range turns {
			if len(FindChanges(history(rand.New(rand.NewPCG(uint64(i), 3)), kind, 100), .05, 0, 1).Changes) > 0 {
				alarms++
			}
		}
		t.Logf("%s: %d of %d", kind, alarms, turns)
		if alarms > turns*9/100 {
			t.Errorf("%s: %d of %d histories without a change have one", kind, alarms, turns)
		}
	}
}

func TestChangeAfterFivePoints(t *testing.T) {
	const turns = 200
	found := 0
	for i := range turns {
		s := history(rand.New(rand.NewPCG(uint64(i), 4)), "gauss", 100)
		for j := 95; j < 100; j++ {
			s.Points[j].Value += 2
		}
		if c := FindChanges(s, .05, 0, 1).Changes; slices.ContainsFunc(c, func(c ChangePoint) bool { return c.Index >= 92 }) {
			found++
		}
	}
	t.Logf("%d of %d", found, turns)
	if found < turns*70/100 {
		t.Errorf("%d of %d steps found", found, turns)
	}
}

func TestHolmAndBenjaminiHochberg(t *testing.T) {
	p := []float64{.01, .04, .03, .005}
	for name, got := range map[string][2][]float64{
		"BH":   {BenjaminiHochberg(p), {.02, .04, .04, .02}},
		"Holm": {Holm(p), {.03, .06, .06, .02}},
	} {
		for i := range p {
			if math.Abs(got[0][i]-got[1][i]) > 1e-12 {
				t.Errorf("%s: %v, want %v", name, got[0], got[1])
				break
			}
		}
	}
}

func TestClopperPearson(t *testing.T) {
	low, high := ClopperPearson(1, 10, .05)
	if math.Abs(low-.002529) > 1e-5 || math.Abs(high-.445016) > 1e-5 {
		t.Errorf("%g to %g", low, high)
	}
}
