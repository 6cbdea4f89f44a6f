package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// equivalence is the larger p of two one-sided tests that B/A lies within 1±threshold.
func equivalence(a, b []float64, threshold float64) float64 {
	if len(a) < 2 || len(b) < 2 {
		return 1
	}
	ma, sa := meanSD(a)
	mb, sb := meanSD(b)
	// The ratio's bounds as linear contrasts, so that values may be anything but zero.
	within := func(bound float64) (t, df float64) {
		va, vb := bound*bound*sa*sa/float64(len(a)), sb*sb/float64(len(b))
		if va+vb == 0 {
			return math.Inf(1) * math.Copysign(1, mb-bound*ma), 1
		}
		df = (va + vb) * (va + vb) / (va*va/float64(len(a)-1) + vb*vb/float64(len(b)-1))
		return (mb - bound*ma) / math.Sqrt(va+vb), df
	}
	if ma < 0 {
		ma, mb = -ma, -mb
	}
	low, dl := within(1 - threshold)
	high, dh := within(1 + threshold)
	tail := func(t, df float64) float64 { return distuv.StudentsT{Sigma: 1, Nu: df}.Survival(t) }
	return max(tail(low, dl), tail(-high, dh))
}

// MDE returns the smallest relative change that boots of these spreads would show with a
// power.
func MDE(sdA, sdB float64, nA, nB int, alpha, power float64) float64 {
	if nA < 2 || nB < 2 {
		return 1
	}
	t := distuv.StudentsT{Sigma: 1, Nu: float64(nA + nB - 2)}
	return (t.Quantile(1-alpha/2) + t.Quantile(power)) * math.Sqrt(sdA*sdA/float64(nA)+sdB*sdB/float64(nB))
}

// maxBoots bounds a plan: what needs more is not found by measuring.
const maxBoots = 10000

// PlanBoots says how many boots of each arm show a change of delta, where boots and
// their iterations spread as an A/A run showed: both relative.
func PlanBoots(bootSD, iterSD float64, iterations int, delta, alpha, power float64) BenchPlan {
	p := BenchPlan{Schema: BenchPlanSchemaID, BootSD: bootSD, IterSD: iterSD, Delta: delta, Power: power, Alpha: alpha, Iteration: iterations, Notes: []string{}}
	// The median of iterations spreads a quarter more than their mean.
	sd := math.Sqrt(bootSD*bootSD + math.Pi/2*iterSD*iterSD/float64(max(1, iterations)))
	for p.Boots = 4; p.Boots < maxBoots && MDE(sd, sd, p.Boots, p.Boots, alpha, power) > delta; p.Boots++ {
	}
	if p.Boots == maxBoots {
		p.Notes = append(p.Notes, "no number of boots shows so small a change: make the machine quieter")
	}
	if bootSD > 2*iterSD/math.Sqrt(float64(max(1, iterations))) {
		p.Notes = append(p.Notes, "more iterations would not help: it is the boots that differ")
	}
	return p
}
