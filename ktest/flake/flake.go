// Package flake tells tests that fail now and then from tests that broke.
//
// A history is what a test did, run after run (flake.go). Three stories compete for it: it
// is well, it is flaky at a rate that has not changed, it broke at some run and fails since.
// Each has the likelihood of the history under it, with unknown rates integrated out
// (Beta-Binomial), and [Judge] returns how likely each is. Where that decides nothing,
// [Judge] says how many runs more would be worth their cost, and [Verdict.Act] what to do.
//
// Failures that came at the same time on the same machine as those of many unrelated tests
// speak about the machine: [Storms] finds them (storm.go), and they are left out.
package flake

import "math"

// Outcome is one run of a test.
type Outcome struct {
	Bad bool
	// Storm says that the machine was to blame, not the test: the run does not count.
	Storm bool
}

// The priors. A test that is well fails once in a few hundred runs for reasons that nobody
// learns; a flaky one fails at any rate below one half or so; a broken one nearly always, or
// else clearly more often than before.
var (
	wellRate   = beta{0.3, 120}
	flakyRate  = beta{1.2, 4}
	brokenRate = beta{8, 0.8}
)

const (
	priorFlaky  = 0.05 // of tests, in what is known of large test suites
	priorBroken = 0.02 // that something in the history broke the test
)

// Class is what a test is.
type Class string

// The classes of a test.
const (
	Well      Class = "well"
	Flaky     Class = "flaky"
	Broken    Class = "broken"
	Machine   Class = "machine"   // it only failed in storms
	Undecided Class = "undecided" // more runs would tell
)

// Verdict is what a history says of its test.
type Verdict struct {
	Class  Class   `json:"class"`
	Well   float64 `json:"p_well"`
	Flaky  float64 `json:"p_flaky"`
	Broken float64 `json:"p_broken"`
	Since  int     `json:"since"` // index of the run with which it most likely broke; -1 where it did not
	Rate   float64 `json:"rate"`  // at which it fails, since then if it broke
	Low    float64 `json:"low"`   // 95 %
	High   float64 `json:"high"`
	Runs   int     `json:"runs"`
	Bad    int     `json:"bad"`
	Storms int     `json:"storms"` // bad runs that were the machine's
	Reruns int     `json:"reruns"` // runs of the newest kernel that would most likely decide, where it is undecided
}

// How likely a story has to be to be told. To call a regression a flake costs more than to
// look at a flake once: the two are not treated alike.
const (
	SureBroken = 0.9
	SureFlaky  = 0.999
)

// Judge weighs the stories of a history, the oldest run first.
func Judge(history []Outcome) Verdict {
	v := Verdict{Since: -1}
	var runs []int // indices of those that count
	bad := make([]int, 1, len(history)+1)
	for i, o := range history {
		if o.Storm {
			if o.Bad {
				v.Storms++
			}
			continue
		}
		runs = append(runs, i)
		n := bad[len(bad)-1]
		if o.Bad {
			n++
		}
		bad = append(bad, n)
	}
	n := len(runs)
	v.Runs, v.Bad = n, bad[n]
	if v.Bad == 0 {
		v.Class, v.Well = Well, 1
		if v.Storms > 0 {
			v.Class = Machine
		}
		v.Low, v.High = interval(0, n)
		return v
	}
	well := math.Log(1-priorFlaky-priorBroken) + wellRate.likelihood(v.Bad, n-v.Bad)
	flaky := math.Log(priorFlaky) + flakyRate.likelihood(v.Bad, n-v.Bad)
	broken := math.Inf(-1)
	best := math.Inf(-1)
	for k := range n { // it broke with run k
		before, after := bad[k], v.Bad-bad[k]
		story := math.Log(priorBroken/float64(n)) +
			logSum(math.Log(1-priorFlaky)+wellRate.likelihood(before, k-before), math.Log(priorFlaky)+flakyRate.likelihood(before, k-before)) +
			brokenRate.likelihood(after, n-k-after)
		broken = logSum(broken, story)
		if story > best {
			best, v.Since = story, runs[k]
		}
	}
	total := logSum(logSum(well, flaky), broken)
	v.Well, v.Flaky, v.Broken = math.Exp(well-total), math.Exp(flaky-total), math.Exp(broken-total)
	switch {
	case v.Broken >= SureBroken:
		v.Class = Broken
	case v.Well+v.Flaky >= SureFlaky && v.Flaky >= v.Well:
		v.Class = Flaky
	case v.Well+v.Flaky >= SureFlaky:
		v.Class = Well
	default:
		v.Class = Undecided
		v.Reruns = v.reruns()
	}
	from := 0
	if v.Class != Broken {
		v.Since = -1
	} else {
		for from < n && runs[from] < v.Since {
			from++
		}
	}
	hits, of := v.Bad-bad[from], n-from
	if of > 0 {
		v.Rate = float64(hits) / float64(of)
	}
	v.Low, v.High = interval(hits, of)
	return v
}

// reruns is how many runs it takes in the mean for the likelier story to win, by Wald's
// approximation: each run moves the odds by the divergence of a test that fails at 0.9 from
// one that fails at 0.25, or the other way round.
func (v *Verdict) reruns() int {
	const (
		ifBroken = 0.95 // nats a run
		ifFlaky  = 1.2
	)
	odds := math.Log(v.Broken) - math.Log(v.Well+v.Flaky)
	if odds > 0 {
		return max(1, int(math.Ceil((math.Log(SureBroken/(1-SureBroken))-odds)/ifBroken)))
	}
	return max(1, int(math.Ceil((math.Log(SureFlaky/(1-SureFlaky))+odds)/ifFlaky)))
}

// Act says what is to be done.
func (v *Verdict) Act() string {
	switch v.Class {
	case Broken:
		return "bisect it from the run before it broke"
	case Flaky:
		return "quarantine it with an owner and an end, and mend it"
	case Machine:
		return "look at the machine"
	case Undecided:
		return "run it again"
	}
	return "nothing"
}

// beta is a Beta distribution.
type beta struct{ a, b float64 }

// likelihood is the logarithm of the probability of one sequence with so many bad and good
// runs, the rate integrated out.
func (p beta) likelihood(bad, good int) float64 {
	return lbeta(p.a+float64(bad), p.b+float64(good)) - lbeta(p.a, p.b)
}

func lbeta(a, b float64) float64 {
	x, _ := math.Lgamma(a)
	y, _ := math.Lgamma(b)
	z, _ := math.Lgamma(a + b)
	return x + y - z
}

func logSum(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// interval is Wilson's for 95 %.
func interval(hits, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	const z = 1.959964
	p, m := float64(hits)/float64(n), float64(n)
	mid := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(0, mid-half), min(1, mid+half)
}
