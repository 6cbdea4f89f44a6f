package reproduce

import "gonum.org/v1/gonum/stat/distuv"

// Rate is how often something happened.
type Rate struct {
	Hits       int     `json:"hits"`
	Runs       int     `json:"runs"`
	Rate       float64 `json:"rate"`
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Confidence float64 `json:"confidence"`
}

// RateOf gives the rate with the interval of Clopper and Pearson, which holds at least
// with the given confidence, however small the numbers.
func RateOf(hits, runs int, confidence float64) Rate {
	r := Rate{Hits: hits, Runs: runs, High: 1, Confidence: confidence}
	if runs == 0 {
		return r
	}
	r.Rate = float64(hits) / float64(runs)
	tail := (1 - confidence) / 2
	if hits > 0 {
		r.Low = distuv.Beta{Alpha: float64(hits), Beta: float64(runs - hits + 1)}.Quantile(tail)
	}
	if hits < runs {
		r.High = distuv.Beta{Alpha: float64(hits + 1), Beta: float64(runs - hits)}.Quantile(1 - tail)
	}
	return r
}
