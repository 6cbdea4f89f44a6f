package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/profile"
	"ringside/profile/compare"
	"ringside/profile/flame"
)

func newProfileDiff(s Streams) *cobra.Command {
	var o profileFlags
	var out output
	var moreA, moreB []string
	var page, by string
	failOn := "grown"
	confidence, least, spread := 99.0, .2, .5
	most := 30
	c := &cobra.Command{
		Use:   "diff A B",
		Short: "Say what has changed from one profile to another, and how sure that is",
		Long: `Diff compares the shares of functions in two recordings of anything that profile
reads. A change is named when it is more than noise, with the asked confidence for
the whole comparison, and at least --min-change of all the weight.

Noise is measured: from one recording on each side, by how it varies over time;
from several (--base, --new), by how they differ. Several are better: what differs
from run to run cannot be seen in one.

It exits with 1 when a function has grown (--fail-on): for CI.`,
		Example: `  ringside profile diff old.data new.data --html diff.html
  ringside profile diff old1.data new1.data --base old2.data --base old3.data --new new2.data --new new3.data`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains([]string{"grown", "any", "never"}, failOn) {
				return usagef("--fail-on %s: use grown, any or never", failOn)
			}
			if least <= 0 || least >= 100 {
				return usagef("--min-change takes a percentage above 0 and below 100")
			}
			if out.json && page == "-" {
				return usagef("--html - and --json both write to standard output; give --html a file")
			}
			a, err := o.loadAll(c.Context(), s, append([]string{args[0]}, moreA...))
			if err != nil {
				return err
			}
			b, err := o.loadAll(c.Context(), s, append([]string{args[1]}, moreB...))
			if err != nil {
				return err
			}
			opt := compare.Options{By: profile.By(by), Confidence: confidence / 100, MinShare: least / 100, RunSpread: spread / 100}
			if spread == 0 {
				opt.RunSpread = -1 // none
			}
			if opt.EventA, err = o.chosen(a[0]); err != nil {
				return err
			}
			if opt.EventB = indexOfEvent(b[0], a[0], opt.EventA); opt.EventB < 0 {
				if opt.EventB, err = o.chosen(b[0]); err != nil {
					return err
				}
			}
			r, err := compare.Compare(a, b, opt)
			if err != nil {
				return usage(err)
			}
			for _, w := range r.Warnings {
				fmt.Fprintln(s.Err, "ringside: "+render.Complaint(w))
			}
			nameA, nameB := sideNames(args[0], args[1])
			if page != "" {
				html := output{path: page}
				err := html.write(s, func(w io.Writer, _ render.Style) error {
					return flame.WriteDiff(w, a, b, r, flame.DiffOptions{Title: nameA + " → " + nameB, NameA: nameA, NameB: nameB, EventA: opt.EventA, EventB: opt.EventB})
				})
				if err != nil {
					return err
				}
			}
			if page != "-" {
				doc := render.NewProfileDiff(nameA, nameB, r, most)
				if err := out.show(s, doc, func(w io.Writer, st render.Style) error { return render.ProfileDiffTable(w, doc, st) }); err != nil {
					return err
				}
			}
			if failOn == "grown" && r.Outcome == compare.Regressed || failOn == "any" && r.Outcome != compare.Unchanged {
				return &exitError{exitFinding, nil}
			}
			return nil
		},
	}
	o.register(c)
	out.flags(c, false)
	c.Flags().StringArrayVar(&moreA, "base", nil, "another `FILE` of A's side; may be repeated")
	c.Flags().StringArrayVar(&moreB, "new", nil, "another `FILE` of B's side; may be repeated")
	c.Flags().StringVar(&page, "html", "", "write a flame graph of both to `FILE`")
	c.Flags().StringVar(&by, "by", string(profile.ByFunction), "compare each function, module, task, cpu or cgroup")
	c.Flags().Float64Var(&confidence, "confidence", confidence, "`PERCENT` of comparisons of equals that find nothing")
	c.Flags().Float64Var(&least, "min-change", least, "least change that matters, in `PERCENT` of all the weight")
	c.Flags().Float64Var(&spread, "run-spread", spread, "with one recording on a side: `PERCENT` of itself by which a share may differ from run to run")
	c.Flags().StringVar(&failOn, "fail-on", failOn, "exit with 1 when something has grown; any: or shrunk; never")
	c.Flags().IntVarP(&most, "rows", "n", most, "how many rows; 0 is all")
	return c
}

// loadAll makes profiles of one side's recordings.
func (o *profileFlags) loadAll(ctx context.Context, s Streams, paths []string) ([]*profile.Profile, error) {
	var list []*profile.Profile
	for _, path := range paths {
		p, err := o.load(ctx, path)
		if err != nil {
			return nil, err
		}
		warnOf(s, p)
		list = append(list, p)
	}
	return list, nil
}

// indexOfEvent finds a's event in b; -1 without.
func indexOfEvent(b, a *profile.Profile, i int) int {
	if i < 0 || i >= len(a.Events) {
		return -1
	}
	return slices.IndexFunc(b.Events, func(e profile.Event) bool { return e.Name == a.Events[i].Name })
}

// sideNames are what the sides are called: their files' names, with the folder
// where these are the same.
func sideNames(a, b string) (string, string) {
	x, y := filepath.Base(a), filepath.Base(b)
	if x != y {
		return x, y
	}
	return strings.TrimPrefix(filepath.ToSlash(a), "./"), strings.TrimPrefix(filepath.ToSlash(b), "./")
}
