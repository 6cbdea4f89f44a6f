package compare

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// noise knows how much a share varies.
type noise struct {
	t        *table
	from     string
	warnings []string
	// groups are each side's replicates: the numbers of the batches that make one.
	groups [2][][]int
	// prior are the dispersion of all functions and how many degrees of freedom
	// it is worth; none without.
	prior   float64
	priorDF float64
	// run is by how much of itself a share may differ between two runs: an
	// allowance where the recordings do not show it.
	run float64
}

// noise decides what the replicates are.
func (t *table) noise(o Options) *noise {
	n := &noise{t: t}
	a, b := &t.sides[0], &t.sides[1]
	switch {
	case a.runs >= 2 && b.runs >= 2:
		n.from = "recordings"
		for s := range 2 {
			for k := range t.sides[s].runs {
				n.groups[s] = append(n.groups[s], span(k*batches, batches))
			}
		}
		n.moderate()
	case a.timed && b.timed:
		n.from = "batches"
		for s := range 2 {
			for k := range len(t.sides[s].whole) {
				n.groups[s] = append(n.groups[s], []int{k})
			}
		}
		n.run = o.RunSpread
		n.warnings = append(n.warnings, fmt.Sprintf("one recording on a side does not show what differs from run to run; %.1f %% of each share is allowed for it; give several of each to be sure", 100*n.run))
	default:
		n.from, n.run = "samples", o.RunSpread
		n.warnings = append(n.warnings, "without times, or with too few, only the noise of sampling is known; give several recordings of each side to be sure")
	}
	return n
}

func span(from, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = from + i
	}
	return out
}

// coarser joins neighbouring replicates.
func coarser(groups [][]int) [][]int {
	var out [][]int
	for i := 0; i+coarse <= len(groups); i += coarse {
		var g []int
		for _, x := range groups[i : i+coarse] {
			g = append(g, x...)
		}
		out = append(out, g)
	}
	return out
}

// share is a unit's share on a side and the variance that sampling gives it. One
// sample more than there were keeps what was never seen from being certain.
func (n *noise) share(s int, x *series, unit int) (r, v float64) {
	whole := &n.t.sides[s]
	r = x.sum[unit] / whole.sum
	one := whole.sum / whole.samples
	own := x.square[unit]
	v = ((1-r)*(1-r)*own + r*r*max(0, whole.square-own) + one*one) / (whole.sum * whole.sum)
	return r, v
}

// spread is the variance of a share among replicates: that of a ratio estimator.
func (n *noise) spread(s int, x *series, unit int, groups [][]int) float64 {
	whole := &n.t.sides[s]
	r := x.sum[unit] / whole.sum
	if x.by[unit] == nil || len(groups) < 2 {
		return 0
	}
	var sum float64
	for _, g := range groups {
		var y, w float64
		for _, k := range g {
			y += x.by[unit][k]
			w += whole.whole[k]
		}
		e := y - r*w
		sum += e * e
	}
	k := float64(len(groups))
	return k / (k - 1) * sum / (whole.sum * whole.sum)
}

// dispersion is how many times as much as by sampling alone a share's difference
// varies, and the degrees of freedom of that.
func (n *noise) dispersion(a, b *series, unit int, sampling float64) (phi, df float64) {
	at := func(ga, gb [][]int) (float64, float64) {
		return (n.spread(0, a, unit, ga) + n.spread(1, b, unit, gb)) / sampling, float64(len(ga) + len(gb) - 2)
	}
	phi, df = at(n.groups[0], n.groups[1])
	if n.from == "batches" {
		// Waves longer than a batch make neighbours alike: then long batches differ
		// by more than short ones let expect.
		if wide, wdf := at(coarser(n.groups[0]), coarser(n.groups[1])); wide > 2*phi {
			phi, df = wide, wdf
		}
	}
	return phi, df
}

// change compares a unit's shares.
func (n *noise) change(a, b *series, unit int) Change {
	ra, va := n.share(0, a, unit)
	rb, vb := n.share(1, b, unit)
	c := Change{A: ra, B: rb, Verdict: Same, P: 1}
	sampling := va + vb
	phi, df := 1.0, math.Inf(1)
	if n.from != "samples" {
		own, d := n.dispersion(a, b, unit, sampling)
		phi, df = max(1, own), d
		if n.priorDF > 0 {
			phi, df = max(1, n.moderated(own, d)), d+n.priorDF
		}
	}
	// A share that changes by a part of itself changes the whole too.
	allowed := n.run * n.run * (ra*ra*(1-ra)*(1-ra) + rb*rb*(1-rb)*(1-rb))
	c.se, c.df = math.Sqrt(phi*sampling+allowed), df
	c.P = pvalue((rb-ra)/c.se, df)
	half := quantile(.975, df) * c.se
	c.Low, c.High = rb-ra-half, rb-ra+half
	return c
}

func (n *noise) moderated(own, df float64) float64 {
	if math.IsInf(n.priorDF, 1) {
		return n.prior
	}
	return (n.priorDF*n.prior + df*own) / (n.priorDF + df)
}

// moderate estimates the prior from all functions with enough samples, by the
// moments of the logarithms of their dispersions (Smyth 2004, section 6.2).
func (n *noise) moderate() {
	t := n.t
	var logs []float64
	var df float64
	for i := range t.units {
		ra, va := n.share(0, &t.self[0], i)
		rb, vb := n.share(1, &t.self[1], i)
		// Of fewer samples a function's dispersion is that of sampling.
		if (ra*t.sides[0].samples) < 50 || (rb*t.sides[1].samples) < 50 {
			continue
		}
		phi, d := n.dispersion(&t.self[0], &t.self[1], i, va+vb)
		if phi > 0 {
			logs, df = append(logs, math.Log(phi)), d
		}
	}
	if len(logs) < 5 {
		return
	}
	var mean, square float64
	for i := range logs {
		logs[i] -= mathext.Digamma(df/2) - math.Log(df/2)
		mean += logs[i] / float64(len(logs))
	}
	for _, x := range logs {
		square += (x - mean) * (x - mean) / float64(len(logs)-1)
	}
	square -= trigamma(df / 2)
	if square <= 0 {
		n.prior, n.priorDF = math.Exp(mean), 100 // all alike: as good as known
		return
	}
	half := trigammaInverse(square)
	n.prior = math.Exp(mean + mathext.Digamma(half) - math.Log(half))
	n.priorDF = min(2*half, 100)
}

// trigamma is the second derivative of ln Γ.
func trigamma(x float64) float64 { return mathext.Zeta(2, x) }

// trigammaInverse solves trigamma(x) = y by Newton's method on 1/trigamma, which
// is nearly straight.
func trigammaInverse(y float64) float64 {
	if y > 1e7 {
		return 1 / math.Sqrt(y)
	}
	if y < 1e-6 {
		return 1 / y
	}
	x := .5 + 1/y
	for range 50 {
		tri := trigamma(x)
		step := tri * (1 - tri/y) / (-2 * mathext.Zeta(3, x))
		x += step
		if -step/x < 1e-8 {
			break
		}
	}
	return x
}

// student is Student's distribution; with endless degrees of freedom the normal
// one.
func student(df float64) interface {
	CDF(float64) float64
	Quantile(float64) float64
} {
	if math.IsInf(df, 1) {
		return distuv.UnitNormal
	}
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: max(df, 1)}
}

// pvalue is the probability of |t| or more.
func pvalue(t, df float64) float64 { return 2 * student(df).CDF(-math.Abs(t)) }

func quantile(p, df float64) float64 { return student(df).Quantile(p) }

// holm adjusts the p-values of a family.
func holm(family []*Change) {
	order := slices.Clone(family)
	slices.SortStableFunc(order, func(a, b *Change) int { return cmp.Compare(a.P, b.P) })
	least := 0.0
	for i, c := range order {
		least = max(least, min(1, c.P*float64(len(order)-i)))
		c.P = least
	}
}

// rate compares the weights per second.
func (t *table) rate() *Rate {
	var mean, rel [2]float64
	df := 0.0
	for s := range 2 {
		x := &t.sides[s]
		if !x.timed {
			return nil
		}
		var seconds float64
		var each []float64
		for k, w := range x.whole {
			seconds += x.seconds[k]
			each = append(each, w/max(x.seconds[k], 1e-9))
		}
		if x.runs >= 2 {
			each = each[:0]
			for r := range x.runs {
				var w, d float64
				for k := r * batches; k < (r+1)*batches; k++ {
					w, d = w+x.whole[k], d+x.seconds[k]
				}
				each = append(each, w/max(d, 1e-9))
			}
		}
		mean[s] = x.sum / max(seconds, 1e-9)
		var square float64
		for _, v := range each {
			square += (v - mean[s]) * (v - mean[s])
		}
		k := float64(len(each))
		rel[s] = square / (k - 1) / k / (mean[s] * mean[s])
		df += k - 1
	}
	// The interval of the logarithm of the quotient.
	half := quantile(.975, df) * math.Sqrt(rel[0]+rel[1])
	l := math.Log(mean[1] / mean[0])
	return &Rate{A: mean[0], B: mean[1], Low: math.Exp(l-half) - 1, High: math.Exp(l+half) - 1}
}
