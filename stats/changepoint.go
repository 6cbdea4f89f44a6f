package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// minSegment is how many points a level has at least: fewer are outliers.
const minSegment = 3

// FindChanges finds where the level of a history changed, with a chance of alpha that a
// history without a change has any; changes smaller than least, relative, are left out.
func FindChanges(s Series, alpha, least float64, seed uint64) Series {
	r := rand.New(rand.NewPCG(seed, 2))
	v := make([]float64, len(s.Points))
	for i, p := range s.Points {
		v[i] = p.Value
	}
	s.Changes = []ChangePoint{}
	s.Autocorrelation = autocorrelation(v)
	var cuts []int
	pAt := map[int]float64{}
	var split func(lo, hi int)
	split = func(lo, hi int) {
		if hi-lo < 2*minSegment {
			return
		}
		at, p := change(v[lo:hi], s.Autocorrelation, r)
		if p > alpha {
			return
		}
		at += lo
		cuts = append(cuts, at)
		pAt[at] = p
		split(lo, at)
		split(at, hi)
	}
	split(0, len(v))
	slices.Sort(cuts)
	begin := 0
	for i, at := range cuts {
		end := len(v)
		if i+1 < len(cuts) {
			end = cuts[i+1]
		}
		c := ChangePoint{Index: at, Label: s.Points[at].Label, Before: median(v[begin:at]), After: median(v[at:end]), P: pAt[at]}
		c.Effect = ratio(c.Before, c.After)
		begin = at
		if math.Abs(c.Effect) >= least {
			s.Changes = append(s.Changes, c)
		}
	}
	return s
}

// change returns where a piece of a history most likely changes and the p-value of the
// largest statistic over all places: dependence on the point before is taken out, what
// is far off is drawn in, and the null comes from the points in random order.
func change(v []float64, rho float64, r *rand.Rand) (at int, p float64) {
	e := winsorised(whitened(v, rho))
	at, seen := largest(e)
	const orders = 399
	above := 1
	for range orders {
		r.Shuffle(len(e), func(i, j int) { e[i], e[j] = e[j], e[i] })
		if _, stat := largest(e); stat >= seen {
			above++
		}
	}
	return at, float64(above) / (orders + 1)
}

func whitened(v []float64, rho float64) []float64 {
	e := make([]float64, len(v))
	m := median(v)
	e[0] = (v[0] - m) * math.Sqrt(1-rho*rho)
	for i := 1; i < len(v); i++ {
		e[i] = v[i] - m - rho*(v[i-1]-m)
	}
	return e
}

func winsorised(e []float64) []float64 {
	m := median(e)
	off := make([]float64, len(e))
	for i, x := range e {
		off[i] = math.Abs(x - m)
	}
	if mad := 1.4826 * median(off); mad > 0 {
		for i, x := range e {
			e[i] = min(max(x, m-3*mad), m+3*mad)
		}
	}
	return e
}

// largest returns the split with the largest difference of means for its error.
func largest(e []float64) (at int, stat float64) {
	n, total := len(e), 0.0
	for _, x := range e {
		total += x
	}
	mean, sum := total/float64(n), 0.0
	for i := 1; i <= n-minSegment; i++ {
		sum += e[i-1] - mean
		if i < minSegment {
			continue
		}
		if s := math.Abs(sum) / math.Sqrt(float64(i)*float64(n-i)/float64(n)); s > stat {
			at, stat = i, s
		}
	}
	return at, stat
}

// autocorrelation is that of neighbours, corrected for its bias in short histories, and
// zero where it could be chance. Steps raise it: a test with it errs to the safe side.
func autocorrelation(v []float64) float64 {
	n := float64(len(v))
	if len(v) < 10 {
		return 0
	}
	e := winsorised(slices.Clone(v))
	mean, _ := meanSD(e)
	var both, one float64
	for i, x := range e {
		one += (x - mean) * (x - mean)
		if i > 0 {
			both += (x - mean) * (e[i-1] - mean)
		}
	}
	if one == 0 {
		return 0
	}
	rho := both / one
	if rho < 1.645/math.Sqrt(n) {
		return 0
	}
	return min(.95, rho+(1+4*rho)/n)
}
