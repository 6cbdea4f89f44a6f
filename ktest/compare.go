package ktest

import (
	"slices"
	"strings"
)

// Change is what became of a test from one run to another.
type Change string

// The changes.
const (
	Regressed Change = "regressed" // it passed, and fails
	Mended    Change = "mended"    // it failed, and passes
	StillBad  Change = "still bad"
	New       Change = "new"
	NewBad    Change = "new and bad"
	Gone      Change = "gone"   // nobody ran it
	Unsure    Change = "unsure" // it was skipped in one of them
)

// ComparisonSchemaID names the JSON form of a [Comparison].
const ComparisonSchemaID = "https://ringside.dev/schemas/test-compare.v1.json"

// Comparison is what differs between two runs.
type Comparison struct {
	Schema  string         `json:"schema"`
	Base    Summary        `json:"base"`
	New     Summary        `json:"new"`
	Tests   []TestChange   `json:"tests"` // those that changed or are bad, the gravest first
	Same    int            `json:"same"`  // that pass, or are skipped, in both
	Counts  map[Change]int `json:"counts"`
	Metrics []MetricChange `json:"metrics"`
}

// Summary is a run without its tests.
type Summary struct {
	Name        string      `json:"name"`
	Status      Status      `json:"status"`
	Totals      Totals      `json:"totals"`
	Environment Environment `json:"environment"`
}

// TestChange is one test in both.
type TestChange struct {
	Path   string `json:"path"`
	Change Change `json:"change"`
	Was    Status `json:"was,omitempty"`
	Is     Status `json:"is,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// MetricChange is one measure in both. One value of each is no proof: see package stats for
// runs that are repeated.
type MetricChange struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Was   float64 `json:"was"` // the median
	Is    float64 `json:"is"`
	Worse float64 `json:"worse"` // by how much of what it was it is worse; negative is better
}

var order = []Change{Regressed, NewBad, Gone, StillBad, Unsure, Mended, New}

// Compare holds a run against another.
func Compare(base, now *Run) *Comparison {
	c := &Comparison{Schema: ComparisonSchemaID, Base: summary(base), New: summary(now), Tests: []TestChange{}, Counts: map[Change]int{}, Metrics: []MetricChange{}}
	was := map[string]*Result{}
	base.Each(func(r *Result) { was[r.Path] = r })
	now.Each(func(r *Result) {
		old := was[r.Path]
		delete(was, r.Path)
		x := TestChange{Path: r.Path, Is: r.Status, Reason: r.Reason}
		switch {
		case old == nil && r.Status.Bad():
			x.Change = NewBad
		case old == nil:
			x.Change = New
		case old.Status == Skip != (r.Status == Skip):
			x.Change = Unsure
		case !old.Status.Bad() && r.Status.Bad():
			x.Change = Regressed
		case old.Status.Bad() && !r.Status.Bad():
			x.Change = Mended
		case r.Status.Bad():
			x.Change = StillBad
		default:
			c.Same++
			return
		}
		if old != nil {
			x.Was = old.Status
		}
		c.add(x)
	})
	base.Each(func(r *Result) {
		if was[r.Path] == r {
			c.add(TestChange{Path: r.Path, Change: Gone, Was: r.Status})
		}
	})
	slices.SortStableFunc(c.Tests, func(a, b TestChange) int {
		if d := slices.Index(order, a.Change) - slices.Index(order, b.Change); d != 0 {
			return d
		}
		return strings.Compare(a.Path, b.Path)
	})
	old := map[string]Metric{}
	for _, m := range base.Metrics {
		old[m.Name] = m
	}
	for _, m := range now.Metrics {
		o, ok := old[m.Name]
		if !ok || len(o.Values) == 0 || len(m.Values) == 0 {
			continue
		}
		x := MetricChange{Name: m.Name, Unit: m.Unit, Was: median(o.Values), Is: median(m.Values)}
		if x.Was != 0 {
			x.Worse = (x.Is - x.Was) / x.Was
			if m.Better == Higher {
				x.Worse = -x.Worse
			}
		}
		c.Metrics = append(c.Metrics, x)
	}
	return c
}

func (c *Comparison) add(x TestChange) {
	c.Counts[x.Change]++
	c.Tests = append(c.Tests, x)
}

func summary(r *Run) Summary {
	return Summary{Name: r.Name, Status: r.Status, Totals: r.Totals, Environment: r.Environment}
}

func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
