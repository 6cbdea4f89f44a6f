package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"ringside/profile"
)

// world makes recordings of a machine that runs some functions.
type world struct {
	shares []float64
	// waves is how strongly the load of each function comes and goes: the spread
	// of a factor that holds for wave seconds.
	waves, wave float64
	// runs is the spread of a factor that holds for a recording.
	runs float64
}

// functions are 40, some heavy, most light.
func functions() []float64 {
	var out []float64
	sum := 0.0
	for i := range 40 {
		out = append(out, 1/float64(i+1))
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// record samples a world at 1 kHz on two CPUs.
func (w world) record(seed uint64, seconds int, factor map[int]float64) *profile.Profile {
	rng := rand.New(rand.NewPCG(seed, 99))
	b := profile.NewBuilder(profile.Limits{})
	e := b.Event(profile.Event{Name: "cpu-clock", Unit: "ns"})
	l := b.Label(profile.Labels{Event: e, Comm: "work", CPU: 0})
	root := b.Push(0, b.Frame(profile.Frame{Func: "main", Module: "work"}))
	var stacks []profile.StackID
	for i := range w.shares {
		group := b.Push(root, b.Frame(profile.Frame{Func: fmt.Sprint("group", i%5), Module: "work"}))
		stacks = append(stacks, b.Push(group, b.Frame(profile.Frame{Func: fmt.Sprint("f", i), Module: "work"})))
	}
	run := make([]float64, len(w.shares))
	for i := range run {
		run[i] = math.Exp(w.runs * rng.NormFloat64())
		if f, ok := factor[i]; ok {
			run[i] *= f
		}
	}
	cum := make([]float64, len(w.shares))
	next := 0.0
	for t := 0.0; t < float64(seconds); t += 1. / 2000 {
		if t >= next {
			sum := 0.0
			for i, s := range w.shares {
				sum += s * run[i] * math.Exp(w.waves*rng.NormFloat64())
				cum[i] = sum
			}
			next += max(w.wave, .01)
		}
		x := rng.Float64() * cum[len(cum)-1]
		k := 0
		for cum[k] < x {
			k++
		}
		b.AddAt(uint64(t*1e9)+1e9, stacks[k], l, 1, 1e6)
	}
	return b.Profile()
}

func TestEqualsStaySilent(t *testing.T) {
	for name, w := range map[string]world{
		"still":       {shares: functions()},
		"short waves": {shares: functions(), waves: .5, wave: .05},
		"long waves":  {shares: functions(), waves: .3, wave: 1},
	} {
		alarms, tested := 0, 0
		for i := range uint64(60) {
			r, err := Compare([]*profile.Profile{w.record(2*i, 30, nil)}, []*profile.Profile{w.record(2*i+1, 30, nil)}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			tested += r.Tested
			if r.Outcome != Unchanged {
				alarms++
				t.Logf("%s: %+v", name, r.Functions[0])
			}
		}
		t.Logf("%s: %d of 60 comparisons of equals found something; %d shares tested", name, alarms, tested)
		// At 99 % one or two of 60 would be bad luck, three a wrong method.
		if alarms > 2 || tested < 60*40 {
			t.Errorf("%s: %d of 60 comparisons of equals found something; %d shares tested", name, alarms, tested)
		}
	}
}

func TestRunsThatDifferStaySilent(t *testing.T) {
	w := world{shares: functions(), runs: .04}
	one, several := 0, 0
	for i := range uint64(30) {
		var a, b []*profile.Profile
		for k := range uint64(4) {
			a, b = append(a, w.record(100*i+k, 10, nil)), append(b, w.record(100*i+50+k, 10, nil))
		}
		r, err := Compare(a, b, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Noise != "recordings" {
			t.Fatalf("noise of %s", r.Noise)
		}
		if r.Outcome != Unchanged {
			several++
		}
		if r, err = Compare(a[:1], b[:1], Options{}); err != nil {
			t.Fatal(err)
		}
		if r.Outcome != Unchanged {
			one++
		}
	}
	t.Logf("runs that differ by 4 %%: %d of 30 alarms with four recordings a side, %d with one", several, one)
	if several > 1 {
		t.Errorf("%d of 30 comparisons of equals found something", several)
	}
}

func TestPlantedIsFound(t *testing.T) {
	w := world{shares: functions(), waves: .2, wave: .02}
	found := 0
	for i := range uint64(20) {
		// The heaviest of 40 functions, 23 % of the time, does 5 % more.
		r, err := Compare([]*profile.Profile{w.record(3*i, 150, nil)}, []*profile.Profile{w.record(3*i+1, 150, map[int]float64{0: 1.05})}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		f := r.Functions[0]
		if r.Outcome == Regressed && f.Name == "f0" && f.Self.Verdict == Grown {
			found++
			if f.Self.Low > .0089 || f.Self.High < .0089 {
				t.Logf("the interval [%.4f, %.4f] misses 0.0089", f.Self.Low, f.Self.High)
			}
		} else {
			t.Logf("%d: %+v", i, f)
		}
		for _, f := range r.Functions[1:] {
			if f.Self.Verdict.Up() {
				t.Errorf("%s has grown: %+v", f.Name, f.Self)
			}
		}
	}
	t.Logf("found %d of 20", found)
	if found < 19 {
		t.Errorf("found %d of 20", found)
	}
}

// What is new, what has vanished, and what only had to give way.
func TestVerdicts(t *testing.T) {
	w := world{shares: []float64{.3, .3, .2, .1, .1, 0}}
	gone := map[int]float64{4: 0}
	a := w.record(1, 60, nil)
	w.shares[5] = .3
	b := w.record(2, 60, gone)
	r, err := Compare([]*profile.Profile{a}, []*profile.Profile{b}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Verdict{}
	for _, f := range r.Functions {
		got[f.Name] = f.Self.Verdict
	}
	want := map[string]Verdict{"f0": Displaced, "f1": Displaced, "f2": Displaced, "f3": Displaced, "f4": Vanished, "f5": New, "main": Same}
	for name, v := range want {
		if got[name] != v {
			t.Errorf("%s: %s, want %s", name, got[name], v)
		}
	}
	if r.Rate == nil || r.Rate.Low > 0 || r.Rate.High < 0 || math.Abs(r.Rate.A-2e9) > 1e7 {
		t.Errorf("rate %+v, want 2000 samples of 1 ms a second on both sides", r.Rate)
	}
	for _, by := range []profile.By{profile.ByTask, profile.ByModule, profile.ByCPU} {
		r, err := Compare([]*profile.Profile{a}, []*profile.Profile{b}, Options{By: by})
		if err != nil || r.Outcome != Unchanged || len(r.Functions) == 0 {
			t.Errorf("by %s: %v, %+v", by, err, r)
		}
	}
}

func TestRefusals(t *testing.T) {
	p := world{shares: []float64{1}}.record(1, 1, nil)
	b := profile.NewBuilder(profile.Limits{})
	e := b.Event(profile.Event{Name: "cycles", Unit: "cycles"})
	b.Add(b.Push(0, b.Frame(profile.Frame{Func: "f"})), b.Label(profile.Labels{Event: e}), 1, 1)
	other := b.Profile()
	for _, x := range []struct {
		a, b []*profile.Profile
		o    Options
	}{
		{nil, []*profile.Profile{p}, Options{}},
		{[]*profile.Profile{p}, []*profile.Profile{other}, Options{}},
		{[]*profile.Profile{p}, []*profile.Profile{p}, Options{EventA: 3}},
		{[]*profile.Profile{p}, []*profile.Profile{p}, Options{By: "colour"}},
		{[]*profile.Profile{p}, []*profile.Profile{p}, Options{Confidence: 99}},
	} {
		if _, err := Compare(x.a, x.b, x.o); err == nil {
			t.Errorf("%+v: no error", x.o)
		}
	}
}

// The distributions against tables.
func TestStatistics(t *testing.T) {
	for _, x := range []struct{ got, want float64 }{
		{quantile(.975, 10), 2.2281}, {quantile(.975, math.Inf(1)), 1.95996}, {pvalue(2.2281, 10), .05},
		{trigamma(1), math.Pi * math.Pi / 6}, {trigamma(trigammaInverse(.3)), .3}, {trigamma(trigammaInverse(7)), 7},
	} {
		if math.Abs(x.got-x.want) > 1e-4*x.want {
			t.Errorf("%v, want %v", x.got, x.want)
		}
	}
	cs := []*Change{{P: .01}, {P: .04}, {P: .03}, {P: .005}}
	holm(cs)
	for i, want := range []float64{.03, .06, .06, .02} {
		if math.Abs(cs[i].P-want) > 1e-12 {
			t.Errorf("Holm's p %d is %v, want %v", i, cs[i].P, want)
		}
	}
}

func BenchmarkCompare(b *testing.B) {
	w := world{shares: functions(), waves: .2, wave: .02}
	x, y := w.record(1, 60, nil), w.record(2, 60, nil)
	for b.Loop() {
		if _, err := Compare([]*profile.Profile{x}, []*profile.Profile{y}, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
