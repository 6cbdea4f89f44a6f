package reproduce

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ringside/crash"
	"ringside/lab"
)

// machine is a kernel that crashes at a rate where a recipe holds what it takes.
func machine(need []string, rate float64, rng *rand.Rand) Runner {
	return func(_ context.Context, r lab.Recipe) (*lab.Record, error) {
		have := []string{}
		for _, p := range partsOf(&r) {
			have = append(have, p.String())
		}
		rec := &lab.Record{ID: "run", Outcome: lab.Outcome{Verdict: lab.VerdictOK}}
		var title string
		switch {
		case rng.Float64() < 0.05:
			title = "another crash"
		case !slices.ContainsFunc(need, func(n string) bool { return !slices.Contains(have, n) }) && rng.Float64() < rate:
			title = "the crash"
		default:
			return rec, nil
		}
		c := lab.Crash{Title: title, Signature: crash.Signature{Portable: title}}
		rec.Outcome.Verdict, rec.Outcome.Crash, rec.Outcome.Reports = lab.VerdictCrashed, &c, []lab.Crash{c}
		return rec, nil
	}
}

func recipe() lab.Recipe {
	r := lab.Recipe{}
	for i := range 6 {
		r.Steps = append(r.Steps, lab.Step{Argv: []string{"s", fmt.Sprint(i)}})
		r.Modules = append(r.Modules, lab.Module{Name: fmt.Sprint(i)})
		r.Cmdline = append(r.Cmdline, fmt.Sprint(i))
	}
	r.Files = []lab.File{{Path: "/a"}, {Path: "/b", Link: "/a"}}
	return r
}

func TestSearchFindsTheSmallestRecipe(t *testing.T) {
	need := []string{"step s 1", "step s 4", "module 3", "option 0"}
	want := &Target{Title: "the crash", Signature: crash.Signature{Portable: "the crash"}, Level: "portable"}
	for _, rate := range []float64{1, 0.5} {
		smallest, bad := 0, 0
		const searches = 200
		for seed := range uint64(searches) {
			rng := rand.New(rand.NewPCG(seed, 1))
			res, err := Search(t.Context(), recipe(), want, machine(need, rate, rng), Options{MaxRuns: 2000})
			if err != nil {
				t.Fatal(err)
			}
			if !res.Reproduced {
				continue
			}
			var left []string
			for _, p := range partsOf(&res.Recipe) {
				left = append(left, p.String())
			}
			for _, n := range need {
				if !slices.Contains(left, n) {
					bad++
				}
			}
			if len(left) == len(need) {
				smallest++
			}
			if len(res.Recipe.Files) == 0 || res.Before != 19 || res.After != len(left) || len(res.Removed) != 19-len(left) {
				t.Fatalf("%+v", res)
			}
		}
		// What is kept reproduces, always; that it is the smallest is only likely.
		if bad != 0 {
			t.Errorf("rate %v: %d recipes lack what the crash needs", rate, bad)
		}
		if smallest < searches*8/10 {
			t.Errorf("rate %v: %d of %d recipes are the smallest", rate, smallest, searches)
		}
	}
}

func TestSearchSaysWhatItDidNotSee(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	want := &Target{Signature: crash.Signature{Portable: "the crash"}, Level: "portable"}
	res, err := Search(t.Context(), recipe(), want, machine([]string{"step none"}, 1, rng), Options{Find: 60})
	if err != nil || res.Reproduced || res.Rate.High > 0.07 || !slices.Equal(res.Others, []string{"another crash"}) {
		t.Errorf("%v, %+v", err, res)
	}
}

func TestSearchGivesUpOnAHostThatFails(t *testing.T) {
	runs := 0
	_, err := Search(t.Context(), recipe(), nil, func(context.Context, lab.Recipe) (*lab.Record, error) {
		runs++
		return &lab.Record{Outcome: lab.Outcome{Verdict: lab.VerdictInfra, Reason: "no QEMU", Retry: true}}, nil
	}, Options{})
	if err == nil || !strings.Contains(err.Error(), "no QEMU") || runs != maxInfra {
		t.Errorf("%d runs, %v", runs, err)
	}
}

// A recipe without what its steps need cannot be run, and that is no fault of the host.
func TestSearchKeepsWhatStepsNeed(t *testing.T) {
	crashes := machine(nil, 1, rand.New(rand.NewPCG(1, 1)))
	res, err := Search(t.Context(), recipe(), nil, func(ctx context.Context, r lab.Recipe) (*lab.Record, error) {
		if !slices.ContainsFunc(r.Files, func(f lab.File) bool { return f.Path == "/a" }) {
			return &lab.Record{Outcome: lab.Outcome{Verdict: lab.VerdictInfra, Reason: "no /a"}}, nil
		}
		return crashes(ctx, r)
	}, Options{})
	if err != nil || !res.Reproduced || res.After != 1 || partsOf(&res.Recipe)[0].name != "/a" {
		t.Errorf("%v, %+v", err, res)
	}
}

// The intervals are those of binom.test in R.
func TestRateOf(t *testing.T) {
	for _, c := range []struct {
		hits, runs int
		low, high  float64
	}{{0, 10, 0, 0.3084971}, {4, 12, 0.0992461, 0.6511245}, {20, 20, 0.8315665, 1}} {
		r := RateOf(c.hits, c.runs, 0.95)
		if math.Abs(r.Low-c.low) > 1e-6 || math.Abs(r.High-c.high) > 1e-6 {
			t.Errorf("%d of %d: %.7f to %.7f, want %.7f to %.7f", c.hits, c.runs, r.Low, r.High, c.low, c.high)
		}
	}
}
