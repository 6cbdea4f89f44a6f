package compare

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"ringside/profile"
)

// Options say what is compared, and what counts as a change. Zero values take
// the defaults.
type Options struct {
	// EventA and EventB are indices into Profile.Events of the first profile of
	// each side.
	EventA, EventB int
	// By is what weights are summed up by: functions.
	By profile.By
	// Confidence that a comparison of equals finds nothing: 0.99.
	Confidence float64
	// MinShare is the least change of a share that matters: 0.002 of the whole.
	MinShare float64
	// RunSpread is by how much of itself a share is taken to differ from one run to
	// the next, where only one recording is there of a side: 0.005. Negative is 0.
	RunSpread float64
	// MinRelative is the least change in relation to the share itself: 0.02.
	MinRelative float64
}

func (o *Options) defaults() error {
	if o.By == "" {
		o.By = profile.ByFunction
	}
	if !slices.Contains(profile.Bys, o.By) {
		return fmt.Errorf("profiles cannot be compared by %q; use one of %v", o.By, profile.Bys)
	}
	if o.Confidence == 0 {
		o.Confidence = .99
	}
	if o.Confidence < .5 || o.Confidence >= 1 {
		return fmt.Errorf("confidence %v: give a number from 0.5 to below 1, such as 0.99", o.Confidence)
	}
	if o.MinShare == 0 {
		o.MinShare = .002
	}
	if o.RunSpread == 0 {
		o.RunSpread = .005
	}
	o.RunSpread = max(o.RunSpread, 0)
	if o.MinRelative == 0 {
		o.MinRelative = .02
	}
	return nil
}

// Verdict says how a share has changed.
type Verdict string

// The verdicts of a share.
const (
	Same     Verdict = "same"     // no change that is large enough and more than noise
	Grown    Verdict = "grown"    //
	Shrunk   Verdict = "shrunk"   //
	New      Verdict = "new"      // grown, and A has none of it
	Vanished Verdict = "vanished" // shrunk, and B has none of it
	Unclear  Verdict = "unclear"  // large enough to matter, but within noise
	// Displaced is a share that shrank, or grew, only as much as those of all
	// that did not change: because another grew, or shrank.
	Displaced Verdict = "displaced"
)

// Up says whether a share has grown for reasons of its own.
func (v Verdict) Up() bool { return v == Grown || v == New }

// Down says whether a share has shrunk for reasons of its own.
func (v Verdict) Down() bool { return v == Shrunk || v == Vanished }

// Outcome is the verdict of a whole comparison.
type Outcome string

// The outcomes.
const (
	Unchanged Outcome = "unchanged" // nothing has changed that could be seen
	Regressed Outcome = "regressed" // something has grown
	Improved  Outcome = "improved"  // something has shrunk, nothing has grown
)

// Change is how a share has changed. Shares are of the whole, from 0 to 1.
type Change struct {
	A float64 `json:"a"`
	B float64 `json:"b"`
	// Low and High are the 95 % confidence interval of B − A.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// P is the probability of such a difference, or a larger one, between
	// equals, adjusted for all that was tested.
	P float64 `json:"p"`
	// Seen is the change that this comparison would have found nine times in ten.
	Seen    float64 `json:"seen"`
	Verdict Verdict `json:"verdict"`

	se float64 // standard error of B − A
	df float64 // degrees of freedom
}

// Function is one function, module, task, CPU or cgroup.
type Function struct {
	Name   string `json:"name"`
	Module string `json:"module,omitempty"`
	Kind   string `json:"kind,omitempty"`
	// Self is the share in which it was what ran, Total that in which it was in
	// the stack. Of tasks, CPUs and cgroups there is no Total.
	Self  Change `json:"self"`
	Total Change `json:"total,omitzero"`
}

// Changed says whether the function itself or what it calls has changed.
func (f *Function) Changed() bool {
	return f.Self.Verdict.Up() || f.Self.Verdict.Down() || f.Total.Verdict.Up() || f.Total.Verdict.Down()
}

// Side is what was recorded on one side.
type Side struct {
	Recordings int     `json:"recordings"`
	Samples    int64   `json:"samples"`
	Weight     int64   `json:"weight"`
	Seconds    float64 `json:"seconds,omitempty"`
}

// Rate is the weight per second of recording, in the event's unit.
type Rate struct {
	A float64 `json:"a"`
	B float64 `json:"b"`
	// Low and High are the 95 % confidence interval of B/A − 1.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Result is the answer.
type Result struct {
	Event   string     `json:"event"`
	Unit    string     `json:"unit"`
	By      profile.By `json:"by"`
	A       Side       `json:"a"`
	B       Side       `json:"b"`
	Outcome Outcome    `json:"outcome"`
	// Rate is there when both sides have time.
	Rate *Rate `json:"rate,omitempty"`
	// Noise says what the intervals are made of: "recordings", "batches" of time,
	// or "samples" alone, which knows nothing of waves and runs.
	Noise string `json:"noise"`
	// Confidence is the one that was asked for, Tested how many shares it is for.
	Confidence float64 `json:"confidence"`
	Tested     int     `json:"tested"`
	// Functions are all, those that changed first, then by weight.
	Functions []Function `json:"functions"`
	// Warnings say what makes the answer weaker.
	Warnings []string `json:"warnings,omitempty"`
}

// Compare compares the recordings of A with those of B; one or more of each.
func Compare(a, b []*profile.Profile, o Options) (*Result, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	if len(a) == 0 || len(b) == 0 {
		return nil, errors.New("a comparison needs a recording on each side")
	}
	ea, err := event(a[0], o.EventA)
	if err != nil {
		return nil, fmt.Errorf("side A: %w", err)
	}
	eb, err := event(b[0], o.EventB)
	if err != nil {
		return nil, fmt.Errorf("side B: %w", err)
	}
	if ea.Unit != eb.Unit {
		return nil, fmt.Errorf("the first side counts %s (%s), the second %s (%s); choose events with one unit", ea.Unit, ea.Name, eb.Unit, eb.Name)
	}
	t := newTable(o.By)
	r := &Result{Event: ea.Name, Unit: ea.Unit, By: o.By, Confidence: o.Confidence}
	if ea.Name != eb.Name {
		r.Warnings = append(r.Warnings, fmt.Sprintf("A is of the event %s, B of %s", ea.Name, eb.Name))
	}
	if r.A, err = t.side(0, a, ea, o.EventA); err != nil {
		return nil, fmt.Errorf("side A: %w", err)
	}
	if r.B, err = t.side(1, b, eb, o.EventB); err != nil {
		return nil, fmt.Errorf("side B: %w", err)
	}
	t.judge(r, o)
	return r, nil
}

func event(p *profile.Profile, i int) (profile.Event, error) {
	if i < 0 || i >= len(p.Events) {
		return profile.Event{}, errors.New("the recording has no such event")
	}
	return p.Events[i], nil
}

// judge makes the verdicts.
func (t *table) judge(r *Result, o Options) {
	n := t.noise(o)
	r.Noise = n.from
	r.Warnings = append(r.Warnings, n.warnings...)
	r.Functions = make([]Function, len(t.units))
	var all []*Change
	for i, u := range t.units {
		f := &r.Functions[i]
		f.Name, f.Module = u.name, u.module
		if t.frames {
			f.Kind = u.kind.String()
		}
		f.Self = n.change(&t.self[0], &t.self[1], i)
		if testable(f.Self, o) {
			all = append(all, &f.Self)
		}
		if !t.frames {
			continue
		}
		f.Total = n.change(&t.total[0], &t.total[1], i)
		// A leaf's total is its self: nothing more to test.
		if testable(f.Total, o) && (f.Total.A != f.Self.A || f.Total.B != f.Self.B) {
			all = append(all, &f.Total)
		}
	}
	r.Tested = len(all)
	holm(all)
	for _, c := range all {
		c.decide(o, len(all))
	}
	for i := range r.Functions {
		f := &r.Functions[i]
		if t.frames && f.Total.A == f.Self.A && f.Total.B == f.Self.B {
			f.Total.Verdict, f.Total.P, f.Total.Seen = f.Self.Verdict, f.Self.P, f.Self.Seen
		}
	}
	displace(r.Functions)
	r.Outcome = Unchanged
	for i := range r.Functions {
		f := &r.Functions[i]
		if f.Self.Verdict.Up() || f.Total.Verdict.Up() {
			r.Outcome = Regressed
			break
		}
		if f.Changed() {
			r.Outcome = Improved
		}
	}
	r.Rate = t.rate()
	slices.SortFunc(r.Functions, func(a, b Function) int {
		return cmp.Or(cmp.Compare(b.rank(), a.rank()), cmp.Compare(b.weight(), a.weight()),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.Module, b.Module))
	})
}

// testable says whether a share could change by what matters: the fewer tests,
// the more each can see.
func testable(c Change, o Options) bool { return max(c.A, c.B) >= o.MinShare }

// decide makes the verdict out of the adjusted p-value.
func (c *Change) decide(o Options, tests int) {
	d := c.B - c.A
	if math.Abs(d) < o.MinShare || math.Abs(d) < o.MinRelative*max(c.A, c.B) {
		c.Verdict = Same
	} else if c.P > 1-o.Confidence {
		c.Verdict = Unclear
	} else if d > 0 {
		c.Verdict = Grown
		if c.A == 0 {
			c.Verdict = New
		}
	} else {
		c.Verdict = Shrunk
		if c.B == 0 {
			c.Verdict = Vanished
		}
	}
	// What is found nine times in ten lies 1.28 standard errors beyond what is
	// called significant, and beyond what matters.
	level := (1 - o.Confidence) / float64(max(1, tests))
	c.Seen = max((quantile(1-level/2, c.df)+1.2816)*c.se, o.MinShare+1.2816*c.se)
}

// displace finds the factor by which the shares of all that did not change have
// moved, as the weighted median of B/A, and excuses those that moved no further.
func displace(fs []Function) {
	type ratio struct{ r, w float64 }
	var list []ratio
	var whole float64
	for i := range fs {
		c := &fs[i].Self
		if c.A > 0 && c.B > 0 {
			w := min(c.A, c.B)
			list = append(list, ratio{c.B / c.A, w})
			whole += w
		}
	}
	// One dominant function is no crowd to compare with.
	if len(list) < 3 {
		return
	}
	slices.SortFunc(list, func(a, b ratio) int { return cmp.Compare(a.r, b.r) })
	var sum float64
	factor := 1.0
	for _, x := range list {
		if sum += x.w; sum >= whole/2 {
			factor = x.r
			break
		}
	}
	excuse := func(c *Change) {
		if c.Verdict != Grown && c.Verdict != Shrunk {
			return
		}
		if (c.Verdict == Shrunk) != (factor < 1) {
			return
		}
		moved := (factor - 1) * c.A
		slack := (c.High - c.Low) / 2
		if math.Abs(c.B-c.A-moved) <= slack {
			c.Verdict = Displaced
		}
	}
	for i := range fs {
		excuse(&fs[i].Self)
		excuse(&fs[i].Total)
	}
}

// rank orders functions for a reader: those that changed themselves, those whose
// callees did, the unclear, the rest.
func (f *Function) rank() int {
	switch {
	case f.Self.Verdict.Up() || f.Self.Verdict.Down():
		return 4
	case f.Changed():
		return 3
	case f.Self.Verdict == Displaced:
		return 2
	case f.Self.Verdict == Unclear:
		return 1
	}
	return 0
}

func (f *Function) weight() float64 {
	switch f.rank() {
	case 4, 1, 2:
		return math.Abs(f.Self.B - f.Self.A)
	case 3:
		return math.Abs(f.Total.B - f.Total.A)
	}
	return max(f.Self.A, f.Self.B)
}
