package reproduce

import (
	"context"
	"errors"
	"fmt"
	"math"

	"ringside/crash"
	"ringside/lab"
)

// Runner runs a recipe once.
type Runner func(context.Context, lab.Recipe) (*lab.Record, error)

// Options bound a search. What is 0 is the default.
type Options struct {
	Level    crash.Level
	Find     int     // runs to see the crash for the first time; 20
	Rate     int     // runs that measure the rate at the end; 20
	MaxRuns  int     // runs of the search without those; 200
	Miss     float64 // chance to throw a smaller recipe back wrongly; 0.05
	Progress func(Progress)
}

// Progress is where a search is.
type Progress struct {
	Stage string // find, minimise, rate
	Runs  int
	Hits  int
	Parts int // of the recipe
}

// SchemaID names the JSON form of a [Result].
const SchemaID = "https://ringside.dev/schemas/reproduce.v1.json"

// Result is what a search found.
type Result struct {
	Schema     string     `json:"schema"`
	Reproduced bool       `json:"reproduced"`
	Target     *Target    `json:"target"`
	Recipe     lab.Recipe `json:"recipe"` // the smallest
	Before     int        `json:"parts_before"`
	After      int        `json:"parts_after"`
	Removed    []string   `json:"removed"`
	Rate       Rate       `json:"rate"`
	Runs       int        `json:"runs"` // all of them
	Others     []string   `json:"other_crashes"`
	Example    string     `json:"example"` // ID of a run that shows the crash
	Notes      []string   `json:"notes"`
}

func (o Options) withDefaults() Options {
	for _, f := range []struct {
		v *int
		d int
	}{{&o.Find, 20}, {&o.Rate, 20}, {&o.MaxRuns, 200}} {
		if *f.v <= 0 {
			*f.v = f.d
		}
	}
	if o.Miss <= 0 {
		o.Miss = 0.05
	}
	if o.Level == "" {
		o.Level = "portable"
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	return o
}

type search struct {
	ctx    context.Context
	run    Runner
	o      Options
	res    *Result
	stages Progress
	seen   map[string]bool
	infra  int
	unfit  bool // the last recipe asked for what it does not bring
}

// errSpent says that no more runs are allowed.
var errSpent = errors.New("no runs are left")

// maxInfra is how often the host may fail in a row before the search gives up.
const maxInfra = 3

// Search reproduces the target, or where it is nil the first crash that comes, makes
// the recipe smaller and measures its rate.
func Search(ctx context.Context, recipe lab.Recipe, target *Target, run Runner, o Options) (*Result, error) {
	s := &search{ctx: ctx, run: run, o: o.withDefaults(), seen: map[string]bool{}, res: &Result{
		Schema: SchemaID, Target: target, Recipe: recipe, Removed: []string{}, Others: []string{}, Notes: []string{},
	}}
	all := partsOf(&recipe)
	s.res.Before, s.res.After = len(all), len(all)
	s.res.Rate = RateOf(0, 0, 0.95)
	s.enter("find", len(all))
	hits, n := 0, 0
	// Two sightings say something about the rate; one is enough in the end.
	for ; n < s.o.Find && hits < 2; n++ {
		hit, err := s.try(recipe)
		if err != nil {
			return s.res, err
		}
		if hit {
			hits++
		}
		if n == 0 && hit {
			n++
			break
		}
	}
	if hits == 0 {
		s.res.Notes = append(s.res.Notes, fmt.Sprintf("not seen in %d runs", n))
		s.res.Rate = RateOf(0, n, 0.95)
		return s.res, nil
	}
	s.res.Reproduced = true
	s.enter("minimise", len(all))
	tries := triesFor(float64(hits)/float64(n)/2, s.o.Miss)
	kept, err := ddmin(all, func(some []part) (bool, error) {
		s.stages.Parts = len(some)
		return s.any(without(recipe, all, some), tries)
	})
	s.res.Recipe = without(recipe, all, kept)
	s.res.After = len(kept)
	for _, p := range all {
		if !holds(kept, p) {
			s.res.Removed = append(s.res.Removed, p.String())
		}
	}
	switch {
	case errors.Is(err, errSpent):
		s.res.Notes = append(s.res.Notes, fmt.Sprintf("the recipe may become smaller still: its %d runs are spent", s.o.MaxRuns))
	case err != nil:
		return s.res, err
	}
	return s.res, s.measure()
}

func (s *search) measure() error {
	s.enter("rate", s.res.After)
	s.o.MaxRuns = s.res.Runs + s.o.Rate + maxInfra*s.o.Rate
	hits := 0
	for n := 1; n <= s.o.Rate; n++ {
		hit, err := s.try(s.res.Recipe)
		if err != nil {
			return err
		}
		if hit {
			hits++
		}
		s.res.Rate = RateOf(hits, n, 0.95)
	}
	return nil
}

func (s *search) enter(stage string, parts int) {
	s.stages = Progress{Stage: stage, Parts: parts}
}

// triesFor is how often something of a rate must be tried to be missed by a chance of at
// most miss.
func triesFor(rate, miss float64) int {
	if rate >= 1-miss {
		return 1
	}
	return int(math.Ceil(math.Log(miss) / math.Log(1-rate)))
}

// any tries a recipe until the target is seen.
func (s *search) any(r lab.Recipe, tries int) (bool, error) {
	for range tries {
		if hit, err := s.try(r); hit || err != nil || s.unfit {
			return hit, err
		}
	}
	return false, nil
}

// try runs a recipe once. What speaks for a fault of the host does not count.
func (s *search) try(r lab.Recipe) (bool, error) {
	s.unfit = false
	for {
		if err := s.ctx.Err(); err != nil {
			return false, err
		}
		if s.res.Runs >= s.o.MaxRuns {
			return false, errSpent
		}
		rec, err := s.run(s.ctx, r)
		if err != nil {
			return false, err
		}
		s.res.Runs++
		o := &rec.Outcome
		switch o.Verdict {
		case lab.VerdictInterrupted:
			return false, context.Canceled
		case lab.VerdictInfra:
			// A recipe that lacks what its own steps need shows nothing; what speaks for
			// the place where it ran is tried again.
			if s.stages.Stage == "minimise" && !o.Retry {
				s.unfit = true
				s.stages.Runs++
				s.o.Progress(s.stages)
				return false, nil
			}
			if s.infra++; s.infra >= maxInfra {
				return false, fmt.Errorf("the host failed %d runs in a row: %s", s.infra, o.Reason)
			}
			continue
		}
		s.infra = 0
		if s.res.Target == nil && o.Crash != nil {
			t, err := TargetOf(o, s.o.Level)
			if err != nil {
				return false, err
			}
			s.res.Target = &t
		}
		hit := s.res.Target != nil && s.res.Target.Seen(o)
		s.stages.Runs++
		if hit {
			s.stages.Hits++
			s.res.Example = rec.ID
		} else if o.Crash != nil && !s.seen[o.Crash.Title] {
			s.seen[o.Crash.Title] = true
			s.res.Others = append(s.res.Others, o.Crash.Title)
		}
		s.o.Progress(s.stages)
		return hit, nil
	}
}
