package flake

import "math"

// Run is one run of a suite on one machine: which of its tests were bad.
type Run struct {
	Tests int
	Bad   int
}

// Storms tells which runs of a suite had so many failures at once that the machine, or what
// was tested as a whole, is to blame and not its tests: more than the suite's usual rate
// makes likely once in a thousand, and at least three.
func Storms(runs []Run) []bool {
	storm := make([]bool, len(runs))
	// The usual rate is that of the better half of the runs: storms must not raise it.
	rates := make([]float64, 0, len(runs))
	for _, r := range runs {
		if r.Tests > 0 {
			rates = append(rates, float64(r.Bad)/float64(r.Tests))
		}
	}
	usual := max(trimmed(rates), 0.002)
	for i, r := range runs {
		storm[i] = r.Bad >= 3 && tail(r.Tests, r.Bad, usual) < 0.001
	}
	return storm
}

// trimmed is the mean of the lower half.
func trimmed(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := append([]float64(nil), v...)
	for i := 1; i < len(s); i++ {
		for j := i; j > 0 && s[j] < s[j-1]; j-- {
			s[j], s[j-1] = s[j-1], s[j]
		}
	}
	n := (len(s) + 1) / 2
	sum := 0.0
	for _, x := range s[:n] {
		sum += x
	}
	return sum / float64(n)
}

// tail is the probability of so many or more of n at a rate.
func tail(n, k int, p float64) float64 {
	below := 0.0
	for i := range min(k, n+1) {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(i + 1))
		c, _ := math.Lgamma(float64(n - i + 1))
		below += math.Exp(a - b - c + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return max(0, 1-below)
}
