package bisect

import (
	"math"
	"slices"
)

// Prior is what is known of a rate before the first run, as runs that were bad and good.
type Prior struct{ Bad, Good float64 }

// The priors where nothing is known. That of the other rate is wide on purpose: one that
// is too sure that good candidates never fail states a confidence that it does not have.
var (
	DefaultWith  = Prior{1, 1}
	DefaultOther = Prior{.5, 4.5}
)

// Options tell a search what is known and what a test costs.
type Options struct {
	Confidence float64   // at which it stops; 0 is 0.995
	MaxRuns    int       // 0 is no limit
	Build      float64   // cost of a candidate that was not built yet, in runs; 0 is 12
	With       Prior     // of the rate where the culprit is; zero is DefaultWith
	Other      Prior     // of the rate where it is not: history and baseline runs add to it
	Weights    []float64 // of the candidates before the first run; 0 is impossible, nil is all alike
	Fix        bool      // the change that ends the failure is looked for
}

// Search is the state of a bisection. It is not safe for concurrent use.
type Search struct {
	g             *Graph
	o             Options
	inside, aside Prior
	prior         []float64 // logarithms
	bad, good     []float64 // of each change: runs of candidates that hold it
	allBad, allOK float64
	post          []float64
	mass          []float64
	// The two rates, weighed by the posterior, and their sums over what is held.
	with, other         []float64
	withMass, otherMass []float64
	built, skipped      []bool
	tested              [][2]int
	runs, builds        int
	stale               bool
}

// NewSearch begins a search.
func NewSearch(g *Graph, o Options) *Search {
	if o.Confidence <= 0 {
		o.Confidence = .995
	}
	if o.Build <= 0 {
		o.Build = 12
	}
	if o.With == (Prior{}) {
		o.With = DefaultWith
	}
	if o.Other == (Prior{}) {
		o.Other = DefaultOther
	}
	n := g.n
	s := &Search{
		g: g, o: o, inside: o.With, aside: o.Other, prior: make([]float64, n), bad: make([]float64, n), good: make([]float64, n), post: make([]float64, n),
		with: make([]float64, n), other: make([]float64, n), withMass: make([]float64, n), otherMass: make([]float64, n),
		mass: make([]float64, n), built: make([]bool, n), skipped: make([]bool, n), tested: make([][2]int, n), stale: true,
	}
	if o.Fix {
		s.inside, s.aside = s.aside, s.inside
	}
	for b := range s.prior {
		if o.Weights != nil {
			s.prior[b] = math.Log(o.Weights[b])
		}
	}
	return s
}

// Observe tells what a run of a candidate showed.
func (s *Search) Observe(c int, o Outcome) {
	if o == Skip {
		s.skipped[c] = true
		return
	}
	if !s.built[c] {
		s.built[c] = true
		s.builds++
	}
	s.runs++
	switch o {
	case Bad:
		s.tested[c][0]++
		s.allBad++
		s.g.each(c, func(b int) { s.bad[b]++ })
	case Good:
		s.tested[c][1]++
		s.allOK++
		s.g.each(c, func(b int) { s.good[b]++ })
	case Unrelated:
		return
	}
	s.stale = true
}

// Baseline tells of a run without any of the candidates: it teaches the other rate.
func (s *Search) Baseline(o Outcome) {
	switch o {
	case Bad:
		s.allBad++
	case Good:
		s.allOK++
	}
	s.stale = true
}

func logBeta(a, b float64) float64 {
	x, _ := math.Lgamma(a)
	y, _ := math.Lgamma(b)
	z, _ := math.Lgamma(a + b)
	return x + y - z
}

// direction is the logarithm of how likely the failure comes more often with a change
// than without it: a culprit that would make failures rarer is none.
func (s *Search) direction(bad, good float64) float64 {
	moments := func(a, b float64) (mean, variance float64) {
		n := a + b
		return a / n, a * b / (n * n * (n + 1))
	}
	p, vp := moments(s.inside.Bad+bad, s.inside.Good+good)
	q, vq := moments(s.aside.Bad+s.allBad-bad, s.aside.Good+s.allOK-good)
	if s.o.Fix {
		p, q = q, p
	}
	return math.Log(max(1e-12, .5*math.Erfc(-(p-q)/math.Sqrt(2*(vp+vq)))))
}

// Posterior returns how likely each candidate is the culprit. The slice is the search's
// own.
func (s *Search) Posterior() []float64 {
	if !s.stale {
		return s.post
	}
	s.stale = false
	top := math.Inf(-1)
	// Neighbours mostly have the same counts: they are the same until a test parts them.
	var f, g, last float64 = -1, -1, 0
	for b := range s.post {
		if s.bad[b] != f || s.good[b] != g {
			f, g = s.bad[b], s.good[b]
			last = logBeta(s.inside.Bad+f, s.inside.Good+g) + logBeta(s.aside.Bad+s.allBad-f, s.aside.Good+s.allOK-g) + s.direction(f, g)
		}
		s.post[b] = s.prior[b] + last
		top = max(top, s.post[b])
	}
	sum := 0.0
	for b, l := range s.post {
		s.post[b] = math.Exp(l - top)
		sum += s.post[b]
	}
	for b := range s.post {
		s.post[b] /= sum
	}
	return s.post
}

// Best returns the most likely candidate and how likely it is.
func (s *Search) Best() (int, float64) {
	best := 0
	post := s.Posterior()
	for b, p := range post {
		if p > post[best] {
			best = b
		}
	}
	return best, post[best]
}

// Entropy returns that of the posterior, in bits.
func (s *Search) Entropy() float64 {
	h := 0.0
	for _, p := range s.Posterior() {
		if p > 0 {
			h -= p * math.Log2(p)
		}
	}
	return h
}

// Runs returns how many runs and builds were told.
func (s *Search) Runs() (runs, builds int) { return s.runs, s.builds }

// Rates returns the rates that the most likely candidate leaves: where it is, and where
// it is not.
func (s *Search) Rates() (with, other Rate) {
	b, _ := s.Best()
	in := rate(int(s.bad[b]), int(s.bad[b]+s.good[b]))
	out := rate(int(s.allBad-s.bad[b]), int(s.allBad+s.allOK-s.bad[b]-s.good[b]))
	if s.o.Fix {
		return out, in
	}
	return in, out
}

// rate returns a rate with Wilson's interval.
func rate(bad, n int) Rate {
	if n == 0 {
		return Rate{High: 1}
	}
	const z = 1.959964
	p, m := float64(bad)/float64(n), float64(n)
	mid := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return Rate{Rate: p, Low: max(0, mid-half), High: min(1, mid+half), Bad: bad, Runs: n}
}

// Test is what to run next.
type Test struct {
	Candidate int
	Runs      int // at once, before the search is asked again
}

// lookahead are the numbers of runs at one candidate over which the cost of its build
// is spread.
var lookahead = []int{1, 2, 4, 8, 12}

// Next returns what is expected to tell the most for its cost, with up to workers runs
// at once. It returns false where the search is done: see Done.
func (s *Search) Next(workers int) (Test, bool) {
	_, top := s.Best()
	if top >= s.o.Confidence || s.o.MaxRuns > 0 && s.runs >= s.o.MaxRuns {
		return Test{}, false
	}
	const doubt = 8 // good runs in a row, after which the last candidate is asked
	if last := s.g.n - 1; s.allBad == 0 && s.runs >= doubt && !s.o.Fix && !s.skipped[last] && 2*s.tested[last][1] < s.runs {
		// The failure was never seen. The last candidate holds all changes: it tells how
		// often the failure comes at all.
		return Test{last, 1}, true
	}
	// The rates that each change leaves, were it the culprit, differ: what the runs of a
	// candidate were so far is either the one rate or the other. Hence their means are
	// taken over what a candidate holds, and over what it does not.
	var outside float64
	for b, w := range s.post {
		s.with[b] = w * (s.inside.Bad + s.bad[b]) / (s.inside.Bad + s.inside.Good + s.bad[b] + s.good[b])
		bad, good := s.aside.Bad+s.allBad-s.bad[b], s.aside.Good+s.allOK-s.good[b]
		s.other[b] = w * bad / (bad + good)
		outside += s.other[b]
	}
	s.g.mass(s.post, s.mass)
	s.g.mass(s.with, s.withMass)
	s.g.mass(s.other, s.otherMass)
	var best Test
	most := 0.0
	const classes = 64 // of mass: candidates of one class tell about the same
	var seen [classes]bool
	for c, m := range s.mass {
		if s.skipped[c] || m < 1e-6 || m > 1-1e-6 {
			continue
		}
		p, q := s.withMass[c]/m, max(0, outside-s.otherMass[c])/(1-m)
		if s.built[c] {
			if gain := newChannel(1, p, q).information(m); gain > most {
				most, best = gain, Test{c, max(1, workers)}
			}
			continue
		}
		class := int(m * classes)
		likely := 1 - s.unbuildable(c)
		if likely == 1 {
			if seen[class] {
				continue
			}
			seen[class] = true
		}
		for _, k := range lookahead {
			if gain := likely * newChannel(k, p, q).information(m) / (s.o.Build + float64(k)); gain > most {
				most, best = gain, Test{c, max(1, min(k, workers))}
			}
		}
	}
	if last := s.g.n - 1; !s.skipped[last] && s.mass[last] > 1-1e-6 && s.post[last] > 1e-6 && s.post[last] < 1-1e-6 {
		// What holds all changes parts them by the rate that each foretells for it.
		m := s.post[last]
		gain := newChannel(1, s.with[last]/m, min(1, max(0, s.withMass[last]-s.with[last])/(1-m))).information(m)
		if !s.built[last] {
			gain /= s.o.Build + 1
		}
		if gain > most {
			most, best = gain, Test{last, 1}
		}
	}
	if most == 0 {
		return Test{}, false
	}
	if s.o.MaxRuns > 0 {
		best.Runs = min(best.Runs, s.o.MaxRuns-s.runs)
	}
	return best, true
}

// Done says whether a candidate has the confidence that was asked for.
func (s *Search) Done() bool {
	_, top := s.Best()
	return top >= s.o.Confidence
}

// unbuildable is how likely a candidate can not be built, as its neighbours tell: what
// broke the build of one broke it for some around it.
func (s *Search) unbuildable(c int) float64 {
	if s.built[c] {
		return 0
	}
	const reach = 16
	worst := 0.0
	for d := 1; d <= reach; d++ {
		for _, x := range [2]int{c - d, c + d} {
			if x >= 0 && x < s.g.n && s.skipped[x] {
				worst = max(worst, math.Exp2(-float64(d)/4))
			}
		}
	}
	return worst
}

// Skipped returns the candidates that could not be built or run.
func (s *Search) Skipped() []int {
	var list []int
	for c, is := range s.skipped {
		if is {
			list = append(list, c)
		}
	}
	return list
}

// Tested returns how often a candidate was bad and good.
func (s *Search) Tested(c int) (bad, good int) { return s.tested[c][0], s.tested[c][1] }

// A channel is a number of runs that tell whether a candidate holds the culprit.
type channel struct {
	with, without   []float64
	hWith, hWithout float64
}

func newChannel(k int, p, q float64) channel {
	c := channel{with: binomial(k, p), without: binomial(k, q)}
	c.hWith, c.hWithout = entropy(c.with), entropy(c.without)
	return c
}

func (c channel) information(m float64) float64 {
	h := 0.0
	for i := range c.with {
		if x := m*c.with[i] + (1-m)*c.without[i]; x > 0 {
			h -= x * math.Log2(x)
		}
	}
	return max(0, h-m*c.hWith-(1-m)*c.hWithout)
}

func entropy(p []float64) float64 {
	h := 0.0
	for _, x := range p {
		if x > 0 {
			h -= x * math.Log2(x)
		}
	}
	return h
}

func binomial(n int, p float64) []float64 {
	out := slices.Repeat([]float64{0}, n+1)
	out[0] = 1
	for range n {
		for i := n; i > 0; i-- {
			out[i] = out[i]*(1-p) + out[i-1]*p
		}
		out[0] *= 1 - p
	}
	return out
}
