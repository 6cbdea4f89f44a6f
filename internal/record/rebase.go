package record

import (
	"cmp"
	"context"
	"slices"
	"time"

	"ringside/internal/store"
	rebase "ringside/patch/plan"
)

// kindRebase is what reports of ringside patch rebase-plan are among those of work on
// patches.
const kindRebase = "rebase"

// RebaseWork is a stack on its way to a new base, as its plans have it.
type RebaseWork struct {
	ID         string         `json:"id" doc:"Receipt of the latest plan"`
	Name       string         `json:"name"`
	Plan       rebase.Outlook `json:"plan" doc:"The latest"`
	Open       int            `json:"open" doc:"Patches that somebody has to touch: to drop, to adapt, in conflict"`
	Patches    int            `json:"patches" doc:"When it began"`
	StartedAt  time.Time      `json:"started_at" doc:"Of the first plan"`
	ReportedAt time.Time      `json:"reported_at"`
	DoneAt     *time.Time     `json:"done_at,omitempty" doc:"Of the first plan with nothing left to do, if nothing has come up since"`
	Days       float64        `json:"days" doc:"From the first plan to that, or to the latest"`
	History    []RebasePoint  `json:"history" nullable:"false" doc:"Its plans, the oldest first"`
}

// RebasePoint is one plan of a way.
type RebasePoint struct {
	ID         string    `json:"id" doc:"Its receipt"`
	ReportedAt time.Time `json:"reported_at"`
	Open       int       `json:"open"`
	Minutes    int       `json:"minutes" doc:"Estimate of the work that is left"`
}

// maxRebaseReports bounds the plans that are read for a page: the latest ones.
const maxRebaseReports = 5000

// rebases sums the plans up by their names.
func rebases(ctx context.Context, q store.Querier) (out []RebaseWork, median float64, err error) {
	type report struct {
		id, name string
		at       time.Time
		plan     rebase.Outlook
	}
	list, err := store.Collect(ctx, q, `select id, name, summary, reported_at from patch_documents where kind = $1 order by reported_at desc, id desc limit $2`,
		[]any{kindRebase, maxRebaseReports}, func(scan func(...any) error) (r report, err error) {
			var summary string
			var at int64
			if err = scan(&r.id, &r.name, &summary, &at); err != nil {
				return r, err
			}
			r.at = store.Time(at)
			return r, fromJSON(summary, &r.plan)
		})
	if err != nil {
		return nil, 0, err
	}
	slices.Reverse(list)
	byName := map[string]int{}
	out = []RebaseWork{}
	for _, r := range list {
		i, ok := byName[r.name]
		if !ok {
			i = len(out)
			byName[r.name] = i
			out = append(out, RebaseWork{Name: r.name, StartedAt: r.at, Patches: r.plan.Patches()})
		}
		w := &out[i]
		w.ID, w.Plan, w.Open, w.ReportedAt = r.id, r.plan, r.plan.Open(), r.at
		w.History = append(w.History, RebasePoint{r.id, r.at, w.Open, r.plan.Minutes})
		switch {
		case w.Open > 0:
			w.DoneAt = nil
		case w.DoneAt == nil:
			at := r.at
			w.DoneAt = &at
		}
	}
	var done []float64
	for i := range out {
		w := &out[i]
		end := w.ReportedAt
		if w.DoneAt != nil {
			end = *w.DoneAt
		}
		w.Days = end.Sub(w.StartedAt).Hours() / 24
		if w.DoneAt != nil {
			done = append(done, w.Days)
		}
	}
	slices.SortStableFunc(out, func(a, b RebaseWork) int {
		return cmp.Or(cmp.Compare(min(b.Open, 1), min(a.Open, 1)), b.ReportedAt.Compare(a.ReportedAt), cmp.Compare(a.Name, b.Name))
	})
	return out, middle(done), nil
}

// middle is the median; -1 of nothing.
func middle(list []float64) float64 {
	if len(list) == 0 {
		return -1
	}
	slices.Sort(list)
	n := len(list)
	return (list[(n-1)/2] + list[n/2]) / 2
}
