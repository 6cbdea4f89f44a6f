package stats

import (
	"cmp"
	"slices"
)

// BenjaminiHochberg returns p-values corrected for their number: those below a level
// hold that share of false alarms.
func BenjaminiHochberg(p []float64) []float64 {
	order, q, least := ranks(p), make([]float64, len(p)), 1.0
	for i := len(order) - 1; i >= 0; i-- {
		least = min(least, p[order[i]]*float64(len(p))/float64(i+1))
		q[order[i]] = least
	}
	return q
}

// Holm returns p-values corrected so that any false alarm at all is rare.
func Holm(p []float64) []float64 {
	order, q, most := ranks(p), make([]float64, len(p)), 0.0
	for i, at := range order {
		most = max(most, min(1, p[at]*float64(len(p)-i)))
		q[at] = most
	}
	return q
}

func ranks(p []float64) []int {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	return order
}

// judge corrects the metrics for their number and gives each its verdict.
func judge(metrics []MetricComparison, o Options) {
	var all, gates []float64
	for _, m := range metrics {
		all = append(all, m.P)
		if m.Gate {
			gates = append(gates, m.P)
		}
	}
	all, gates = BenjaminiHochberg(all), Holm(gates)
	for i := range metrics {
		m := &metrics[i]
		m.Q = all[i]
		if m.Gate {
			m.Q, gates = gates[0], gates[1:]
		}
		switch {
		case m.Equivalent < o.Alpha:
			m.Verdict = Equivalent
		case m.Q >= o.Alpha:
			m.Verdict = Undecided
		case (m.Effect > 0) == (m.Better == "lower"):
			m.Verdict = Worse
		default:
			m.Verdict = Better
		}
	}
}
