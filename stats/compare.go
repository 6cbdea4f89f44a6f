package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Options tell a comparison what matters.
type Options struct {
	Alpha     float64           // 0 is 0.05
	Threshold float64           // below which a difference means nothing; 0 is 0.02
	Better    map[string]string // lower or higher, by metric; lower where it is not told
	Gates     map[string]bool   // metrics that decide: corrected by Holm
	Seed      uint64
}

const resamples = 2000

// CompareRecords compares every metric that two records share.
func CompareRecords(a, b BenchRecord, o Options) Comparison {
	if o.Alpha <= 0 {
		o.Alpha = .05
	}
	if o.Threshold <= 0 {
		o.Threshold = .02
	}
	c := Comparison{
		Schema: BenchCompareSchemaID, A: a.Name, B: b.Name, Metrics: []MetricComparison{}, Notes: []string{}, Verdict: Equivalent,
		Method: "medians of boots; permutation test; hierarchical bootstrap of the ratio; equivalence by two one-sided tests; Benjamini-Hochberg over all metrics, Holm over gates",
	}
	inB := map[string]Sample{}
	for _, s := range b.Samples() {
		inB[s.Metric] = s
	}
	for _, s := range a.Samples() {
		if t, ok := inB[s.Metric]; ok {
			c.Metrics = append(c.Metrics, CompareSamples(s, t, o))
		}
	}
	judge(c.Metrics, o)
	for _, m := range c.Metrics {
		c.Verdict = worst(c.Verdict, m.Verdict)
	}
	switch c.Verdict {
	case Worse:
		c.Advice = "do not roll out: find the change first"
	case Undecided:
		c.Advice = "measure more boots before rolling out: ringside bench plan says how many"
	default:
		c.Advice = "nothing here speaks against rolling out"
	}
	if len(c.Metrics) == 0 {
		c.Verdict, c.Advice = Undecided, "the records share no metric"
	}
	return c
}

func worst(a, b BenchVerdict) BenchVerdict {
	order := []BenchVerdict{Equivalent, Better, Undecided, Worse}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}

// Samples returns a record by metric, in the order of their names.
func (r BenchRecord) Samples() []Sample {
	by := map[string]*Sample{}
	var names []string
	for i, boot := range r.Boots {
		for _, it := range boot.Iterations {
			for name, v := range it.Values {
				s := by[name]
				if s == nil {
					s = &Sample{Metric: name, Boots: make([][]float64, len(r.Boots))}
					by[name] = s
					names = append(names, name)
				}
				s.Boots[i] = append(s.Boots[i], v)
			}
		}
	}
	slices.Sort(names)
	list := make([]Sample, 0, len(names))
	for _, name := range names {
		s := *by[name]
		s.Boots = slices.DeleteFunc(s.Boots, func(b []float64) bool { return len(b) == 0 })
		list = append(list, s)
	}
	return list
}

// CompareSamples compares one metric. Its verdict stands only after it was judged with
// the other metrics.
func CompareSamples(a, b Sample, o Options) MetricComparison {
	r := rand.New(rand.NewPCG(o.Seed, 1))
	ma, mb := medians(a.Boots), medians(b.Boots)
	m := MetricComparison{Name: a.Metric, Better: "lower", A: summary(a, ma), B: summary(b, mb), Threshold: o.Threshold, Gate: o.Gates[a.Metric]}
	if o.Better[a.Metric] == "higher" {
		m.Better = "higher"
	}
	m.Effect = ratio(m.A.Median, m.B.Median)
	m.Shift = hodgesLehmann(ma, mb)
	m.P = permutation(ma, mb, r)
	ratios := make([]float64, resamples)
	for i := range ratios {
		ratios[i] = ratio(resampled(a.Boots, r), resampled(b.Boots, r))
	}
	slices.Sort(ratios)
	m.CI = [2]float64{quantileOf(ratios, .025), quantileOf(ratios, .975)}
	// Two one-sided tests on logarithms: Student's t with the boots as observations.
	m.Equivalent = equivalence(ma, mb, o.Threshold)
	m.MDE = MDE(m.A.BootSD/math.Abs(m.A.Median), m.B.BootSD/math.Abs(m.B.Median), len(ma), len(mb), o.Alpha, .8)
	if len(ma) < 4 || len(mb) < 4 {
		m.Notes = append(m.Notes, "fewer than four boots of each arm can not show a difference at 5 %")
	}
	return m
}

func ratio(a, b float64) float64 {
	if a == 0 {
		return 0
	}
	return b/a - 1
}

func medians(boots [][]float64) []float64 {
	out := make([]float64, len(boots))
	for i, b := range boots {
		out[i] = median(b)
	}
	return out
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return quantileOf(s, .5)
}

// quantileOf returns a quantile of sorted values, between two where it falls there.
func quantileOf(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

func meanSD(v []float64) (mean, sd float64) {
	for _, x := range v {
		mean += x
	}
	mean /= float64(len(v))
	if len(v) < 2 {
		return mean, 0
	}
	for _, x := range v {
		sd += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(sd / float64(len(v)-1))
}

func summary(s Sample, m []float64) ArmSummary {
	sum := ArmSummary{Boots: len(m), Median: median(m), Medians: m}
	_, sum.BootSD = meanSD(m)
	for _, b := range s.Boots {
		sum.Iterations += len(b)
	}
	off := make([]float64, len(m))
	for i, x := range m {
		off[i] = math.Abs(x - sum.Median)
	}
	mad := 1.4826 * median(off)
	for _, d := range off {
		if mad > 0 && d > 5*mad {
			sum.Outliers++
		}
	}
	return sum
}

// hodgesLehmann is the median of all differences between the boots of two arms.
func hodgesLehmann(a, b []float64) float64 {
	d := make([]float64, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			d = append(d, y-x)
		}
	}
	return median(d)
}

// permutation tests the difference of means of boots: exactly where the splits are few.
func permutation(a, b []float64, r *rand.Rand) float64 {
	all := slices.Concat(a, b)
	k, n := len(a), len(all)
	total := 0.0
	for _, x := range all {
		total += x
	}
	spread := func(sum float64) float64 {
		return math.Abs(sum/float64(k) - (total-sum)/float64(n-k))
	}
	seen := 0.0
	for _, x := range a {
		seen += x
	}
	limit := spread(seen) * (1 - 1e-12)
	if n <= 18 {
		extreme, count := 0, 0
		var walk func(i, left int, sum float64)
		walk = func(i, left int, sum float64) {
			if left == 0 {
				count++
				if spread(sum) >= limit {
					extreme++
				}
				return
			}
			for ; i <= n-left; i++ {
				walk(i+1, left-1, sum+all[i])
			}
		}
		walk(0, k, 0)
		return float64(extreme) / float64(count)
	}
	extreme := 1
	for range resamples {
		sum := 0.0
		for i := range k {
			j := i + r.IntN(n-i)
			all[i], all[j] = all[j], all[i]
			sum += all[i]
		}
		if spread(sum) >= limit {
			extreme++
		}
	}
	return float64(extreme) / (resamples + 1)
}

// resampled draws boots, and of each boot its iterations, and returns the median of
// their medians.
func resampled(boots [][]float64, r *rand.Rand) float64 {
	m := make([]float64, len(boots))
	var draw []float64
	for i := range m {
		b := boots[r.IntN(len(boots))]
		draw = draw[:0]
		for range b {
			draw = append(draw, b[r.IntN(len(b))])
		}
		slices.Sort(draw)
		m[i] = quantileOf(draw, .5)
	}
	slices.Sort(m)
	return quantileOf(m, .5)
}
