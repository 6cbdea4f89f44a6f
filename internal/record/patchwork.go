package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"ringside/internal/store"
	"ringside/patch/contrib"
	rebase "ringside/patch/plan"
	"ringside/patch/review"
)

// PatchWork is how the team's patches fare: in review, and upstream.
type PatchWork struct {
	Reviews       []ReviewWork       `json:"reviews" nullable:"false" doc:"The latest report of each place of review"`
	Contributions []ContributionWork `json:"contributions" nullable:"false" doc:"The latest report of each"`
	Rebases       []RebaseWork       `json:"rebases" nullable:"false" doc:"Stacks on their way to a new base, those that are not there first"`
	UpgradeDays   float64            `json:"upgrade_days" doc:"The KPI \"upgrade cycle time\": days from a rebase's first plan to one with nothing left to do, in the median; -1 if none is done"`
}

// ReviewWork is what one place of review counts.
type ReviewWork struct {
	ID         string         `json:"id" doc:"Receipt of the report"`
	Name       string         `json:"name"`
	ReportedAt time.Time      `json:"reported_at"`
	Figures    review.Figures `json:"figures"`
}

// ContributionWork is what a team has given to an upstream.
type ContributionWork struct {
	ID         string          `json:"id" doc:"Receipt of the report"`
	Name       string          `json:"name"`
	ReportedAt time.Time       `json:"reported_at"`
	Summary    contrib.Summary `json:"summary"`
}

// The schemas of the reports, and what their kind is called here.
var patchWorkKinds = []struct{ schema, kind string }{
	{"https://ringside.dev/schemas/patch-reviews.v1.json", "reviews"},
	{"https://ringside.dev/schemas/patch-contributions.v1.json", "contributions"},
	{"https://ringside.dev/schemas/patch-rebase-plan.v1.json", kindRebase},
}

func patchWorkSchemas() (ids []string) {
	for _, k := range patchWorkKinds {
		ids = append(ids, k.schema)
	}
	return ids
}

// patchWork tells the kind of a report that begins so; empty if it is none.
func patchWork(head []byte) string {
	for _, k := range patchWorkKinds {
		if hasSchema(head, k.schema) {
			return k.kind
		}
	}
	return ""
}

// readPatchWork reads the report of a receipt.
func (s *Service) readPatchWork(ctx context.Context, receipt string) error {
	var text json.RawMessage
	rec, err := s.decodeDocument(ctx, receipt, "report", &text)
	if err != nil {
		return err
	}
	kind := patchWork(text)
	var doc struct {
		Name   string         `json:"name"`
		Totals review.Figures `json:"totals"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return store.Permanent(fmt.Errorf("the report cannot be read: %w", err))
	}
	name := clean(strings.TrimSpace(doc.Name))
	if name == "" {
		return errNameless("report", "make it with --name")
	}
	var figures any = doc.Totals
	switch kind {
	case "contributions":
		var c contrib.Summary
		err, figures = json.Unmarshal(text, &c), &c
	case kindRebase:
		var p rebase.Outlook
		err, figures = json.Unmarshal(text, &p), &p
	}
	if err != nil {
		return store.Permanent(fmt.Errorf("the report cannot be read: %w", err))
	}
	summary, err := toJSON(figures)
	if err != nil {
		return err
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `update patch_documents set kind = $2, name = $3, summary = $4, reported_at = $5 where id = $1`,
			rec.ID, kind, name, clean(summary), store.Micros(rec.ReceivedAt)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `update patch_documents set latest = (id = (select d.id from patch_documents d
			where d.kind = $1 and d.name = $2 order by d.reported_at desc, d.id desc limit 1)) where kind = $1 and name = $2`, kind, name); err != nil {
			return err
		}
		return analysed(ctx, tx, rec, "report of "+kind)
	})
	if err != nil {
		return fmt.Errorf("record the report of %s: %w", kind, err)
	}
	s.announce()
	return nil
}

// PatchWork returns the latest reports of reviews and contributions.
func (s *Service) PatchWork(ctx context.Context) (*PatchWork, error) {
	w := PatchWork{Reviews: []ReviewWork{}, Contributions: []ContributionWork{}}
	err := s.db.View(ctx, func(q store.Querier) error {
		_, err := store.Collect(ctx, q, `select id, kind, name, summary, reported_at from patch_documents where latest and kind <> $1 order by name, id limit 1000`, []any{kindRebase},
			func(scan func(...any) error) (struct{}, error) {
				var id, kind, name, summary string
				var at int64
				if err := scan(&id, &kind, &name, &summary, &at); err != nil {
					return struct{}{}, err
				}
				if kind == "reviews" {
					x := ReviewWork{ID: id, Name: name, ReportedAt: store.Time(at)}
					err := fromJSON(summary, &x.Figures)
					w.Reviews = append(w.Reviews, x)
					return struct{}{}, err
				}
				x := ContributionWork{ID: id, Name: name, ReportedAt: store.Time(at)}
				err := fromJSON(summary, &x.Summary)
				w.Contributions = append(w.Contributions, x)
				return struct{}{}, err
			})
		if err != nil {
			return err
		}
		w.Rebases, w.UpgradeDays, err = rebases(ctx, q)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list reviews, contributions and rebases: %w", err)
	}
	return &w, nil
}
