package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/ktest"
	"ringside/ktest/flake"
)

func newTestFlakes(s Streams) *cobra.Command {
	var (
		out  output
		all  bool
		fail bool
	)
	c := &cobra.Command{
		Use:   "flakes FILE...",
		Short: "Tell tests that fail now and then from tests that broke",
		Long: `Flakes reads runs of one suite, the oldest first (runs that say when they were are put in
order), and weighs three stories for each test: it is well, it is flaky, it broke at some
run. Runs in which far more tests failed than usual speak about the machine and are left
out. Where that decides nothing it says how many runs more would.

With --fail it ends with 1 if a test broke.`,
		Example: `  ringside test flakes run-*.json
  ringside test flakes nightly/*.log --fail`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			var runs []*ktest.Run
			for _, path := range args {
				run, err := readTests(s, path, &testNames{})
				if err != nil {
					return usagef("%s: %w", path, err)
				}
				runs = append(runs, run)
			}
			slices.SortStableFunc(runs, func(a, b *ktest.Run) int {
				if a.At.IsZero() || b.At.IsZero() {
					return 0
				}
				return a.At.Compare(b.At)
			})
			doc := judgeTests(runs)
			if err := out.show(s, doc, func(w io.Writer, st render.Style) error { return render.FlakeReport(w, doc, all, st) }); err != nil {
				return err
			}
			if fail && doc.Counts[flake.Broken] > 0 {
				return &exitError{exitFinding, nil}
			}
			return nil
		},
	}
	out.flags(c, false)
	c.Flags().BoolVar(&all, "all", false, "name all tests, those that are well, too")
	c.Flags().BoolVar(&fail, "fail", false, "end with 1 if a test broke")
	return c
}

// judgeTests weighs the stories of all tests of some runs.
func judgeTests(runs []*ktest.Run) *render.Flakes {
	doc := &render.Flakes{Schema: render.FlakesSchemaID, Runs: len(runs), Tests: []render.Flake{}, Counts: map[flake.Class]int{}}
	sums := make([]flake.Run, len(runs))
	for i, r := range runs {
		sums[i] = flake.Run{Tests: r.Totals.Tests - r.Totals.Skip, Bad: r.Totals.Bad()}
	}
	storms := flake.Storms(sums)
	history := map[string][]flake.Outcome{}
	names := map[string][]string{} // of the runs in a history
	for i, r := range runs {
		if storms[i] {
			doc.Storms = append(doc.Storms, r.Name)
		}
		r.Each(func(t *ktest.Result) {
			if t.Status == ktest.Skip {
				return
			}
			history[t.Path] = append(history[t.Path], flake.Outcome{Bad: t.Status.Bad(), Storm: storms[i] && t.Status.Bad()})
			names[t.Path] = append(names[t.Path], fmt.Sprintf("run %d, %s", i+1, r.Name))
		})
	}
	for path, h := range history {
		v := flake.Judge(h)
		f := render.Flake{Path: path, Verdict: v, Act: v.Act()}
		if v.Since >= 0 {
			f.BrokeWith = names[path][v.Since]
		}
		doc.Counts[v.Class]++
		doc.Tests = append(doc.Tests, f)
	}
	order := []flake.Class{flake.Broken, flake.Undecided, flake.Flaky, flake.Machine, flake.Well}
	slices.SortFunc(doc.Tests, func(a, b render.Flake) int {
		return cmp.Or(slices.Index(order, a.Class)-slices.Index(order, b.Class), cmp.Compare(b.Rate, a.Rate), cmp.Compare(a.Path, b.Path))
	})
	return doc
}
