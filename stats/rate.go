package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// ClopperPearson returns the exact interval of a rate.
func ClopperPearson(bad, n int, alpha float64) (low, high float64) {
	high = 1
	if bad > 0 {
		low = distuv.Beta{Alpha: float64(bad), Beta: float64(n - bad + 1)}.Quantile(alpha / 2)
	}
	if bad < n {
		high = distuv.Beta{Alpha: float64(bad + 1), Beta: float64(n - bad)}.Quantile(1 - alpha/2)
	}
	return low, high
}

// SPRT is Wald's sequential test of a rate: P0 against the higher P1.
type SPRT struct {
	P0, P1      float64
	Alpha, Beta float64
	sum         float64
}

// Observe takes a run and says whether the test is decided, and for P1.
func (s *SPRT) Observe(bad bool) (decided, high bool) {
	if bad {
		s.sum += math.Log(s.P1 / s.P0)
	} else {
		s.sum += math.Log((1 - s.P1) / (1 - s.P0))
	}
	switch {
	case s.sum >= math.Log((1-s.Beta)/s.Alpha):
		return true, true
	case s.sum <= math.Log(s.Beta/(1-s.Alpha)):
		return true, false
	}
	return false, false
}
