package record

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"ringside/internal/store"
)

// Regression is a confirmed change for the worse.
type Regression struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind" enum:"crash,test,bench,boot"`
	Title     string     `json:"title"`
	Signature string     `json:"signature,omitempty" doc:"ID of the signature that shows it"`
	Test      string     `json:"test,omitempty" doc:"ID of the test that shows it"`
	Kernel    *KernelRef `json:"kernel" doc:"That it was found in"`
	Stage     string     `json:"stage" enum:"before,after" doc:"Found before or after a release"`
	Culprit   string     `json:"culprit,omitempty"`
	Bisection string     `json:"bisection,omitempty" doc:"ID of the one that found the culprit"`
	Note      string     `json:"note,omitempty"`
	By        string     `json:"by"`
	FoundAt   time.Time  `json:"found_at"`
	ClosedAt  *time.Time `json:"closed_at"`
	ClosedBy  string     `json:"closed_by,omitempty"`
	FixedBy   string     `json:"fixed_by,omitempty" doc:"What ended it: a commit, a release"`
}

// RegressionPage is a part of the list of regressions: those that are open first, then the
// newest.
type RegressionPage struct {
	Total  int64            `json:"total"`
	Items  []Regression     `json:"items" nullable:"false"`
	Counts RegressionCounts `json:"counts"`
}

// RegressionCounts are the figures of the last 90 days.
type RegressionCounts struct {
	Open       int64   `json:"open" doc:"Of all times"`
	Before     int64   `json:"before"`
	After      int64   `json:"after"`
	EscapeRate float64 `json:"escape_rate" doc:"The KPI \"escape rate\": those found after a release among all; -1 if there are none"`
}

// RegressionChange confirms a regression.
type RegressionChange struct {
	Kind      string
	Title     string
	Signature string // ID, or ""
	Test      string // ID, or ""
	Kernel    string // ID or release, or ""
	Stage     string
	Culprit   string
	Bisection string // ID, or ""
	Note      string
	By        string
	FoundAt   time.Time // zero is now
}

// The stages at which a regression is found.
const (
	FoundBefore = "before"
	FoundAfter  = "after"
)

func (c *RegressionChange) check(now time.Time) error {
	for _, f := range []*string{&c.Title, &c.Culprit, &c.Note, &c.By, &c.Kernel} {
		*f = strings.TrimSpace(clean(*f))
	}
	switch {
	case c.Kind != "crash" && c.Kind != "test" && c.Kind != "bench" && c.Kind != "boot":
		return fmt.Errorf("kind %q: %w: crash, test, bench and boot are known", c.Kind, ErrInvalid)
	case c.Stage != FoundBefore && c.Stage != FoundAfter:
		return fmt.Errorf("stage %q: %w: it was found before or after a release", c.Stage, ErrInvalid)
	case c.Title == "" || len(c.Title) > 300:
		return fmt.Errorf("title: %w: say what got worse, in at most 300 bytes", ErrInvalid)
	case c.By == "" || len(c.By) > 128:
		return fmt.Errorf("name: %w: say who confirms it, in at most 128 bytes", ErrInvalid)
	case len(c.Culprit) > 300 || len(c.Note) > maxNote:
		return fmt.Errorf("culprit and note: %w: at most 300 and %d bytes", ErrInvalid, maxNote)
	case c.FoundAt.After(now.Add(maxClockSkew)):
		return fmt.Errorf("found at %s: %w: that lies ahead", c.FoundAt.Format(time.RFC3339), ErrInvalid)
	}
	if c.FoundAt.IsZero() {
		c.FoundAt = now
	}
	return nil
}

// ConfirmRegression keeps somebody's word that something got worse.
func (s *Service) ConfirmRegression(ctx context.Context, c RegressionChange) (*Regression, error) {
	now := s.now()
	if err := c.check(now); err != nil {
		return nil, err
	}
	id := store.NewID(now)
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		// What it points to has to be there.
		for _, ref := range []struct{ id, table string }{{c.Signature, "signatures"}, {c.Test, "tests"}, {c.Bisection, "bisections"}} {
			var one int
			if ref.id == "" {
				continue
			}
			if err := tx.QueryRowContext(ctx, `select 1 from `+ref.table+` where id = $1`, ref.id).Scan(&one); err != nil {
				return fmt.Errorf("%s %s: %w", strings.TrimSuffix(ref.table, "s"), ref.id, found(err))
			}
		}
		var kernel sql.Null[string]
		if c.Kernel != "" {
			if err := tx.QueryRowContext(ctx, `select id from kernels where id = $1 or release = $1 order by case when id = $1 then 0 else 1 end, id limit 1`, c.Kernel).Scan(&kernel.V); err != nil {
				return fmt.Errorf("kernel %s: %w", c.Kernel, found(err))
			}
			kernel.Valid = true
		}
		_, err := tx.ExecContext(ctx, `insert into regressions (id, kind, title, signature_id, test_id, kernel_id, stage, culprit, bisection_id, note, by_whom, found_at, created_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`, id, c.Kind, c.Title, c.Signature, c.Test, kernel, c.Stage, c.Culprit, c.Bisection, c.Note, c.By,
			store.Micros(c.FoundAt), store.Micros(now))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("confirm a regression: %w", err)
	}
	return s.Regression(ctx, id)
}

// CloseRegression says that a regression is gone, and what ended it. Doing so twice is no
// error.
func (s *Service) CloseRegression(ctx context.Context, id, by, fixedBy string) (*Regression, error) {
	by, fixedBy = strings.TrimSpace(clean(by)), strings.TrimSpace(clean(fixedBy))
	if len(by) > 128 || len(fixedBy) > 300 {
		return nil, fmt.Errorf("%w: at most 128 bytes for who, 300 for what ended it", ErrInvalid)
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `update regressions set closed_at = $2, closed_by = $3, fixed_by = $4 where id = $1 and closed_at is null`, id, store.Micros(s.now()), by, fixedBy)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("close regression %s: %w", id, err)
	}
	return s.Regression(ctx, id)
}

const regressionSelect = `select r.id, r.kind, r.title, r.signature_id, r.test_id, r.stage, r.culprit, r.bisection_id, r.note, r.by_whom, r.found_at, r.closed_at, r.closed_by, r.fixed_by,
	k.id, k.release, k.arch from regressions r left join kernels k on k.id = r.kernel_id`

func scanRegression(scan func(...any) error) (r Regression, err error) {
	var (
		at                int64
		closed            sql.Null[int64]
		id, release, arch sql.Null[string]
	)
	if err = scan(&r.ID, &r.Kind, &r.Title, &r.Signature, &r.Test, &r.Stage, &r.Culprit, &r.Bisection, &r.Note, &r.By, &at, &closed, &r.ClosedBy, &r.FixedBy, &id, &release, &arch); err != nil {
		return r, err
	}
	r.FoundAt, r.ClosedAt = store.Time(at), store.NullTime(closed)
	if id.Valid {
		r.Kernel = &KernelRef{ID: id.V, Release: release.V, Arch: arch.V}
	}
	return r, nil
}

// Regression returns a regression.
func (s *Service) Regression(ctx context.Context, id string) (*Regression, error) {
	var r Regression
	err := s.db.View(ctx, func(q store.Querier) (err error) {
		r, err = scanRegression(q.QueryRowContext(ctx, regressionSelect+` where r.id = $1`, id).Scan)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("regression %s: %w", id, found(err))
	}
	return &r, nil
}

// Regressions lists regressions.
func (s *Service) Regressions(ctx context.Context, w Window) (*RegressionPage, error) {
	limit, offset, err := w.page()
	if err != nil {
		return nil, err
	}
	page := RegressionPage{Counts: RegressionCounts{EscapeRate: -1}}
	err = s.db.View(ctx, func(q store.Querier) error {
		quarter := store.Micros(s.now().AddDate(0, 0, -90))
		c := &page.Counts
		if err := q.QueryRowContext(ctx, `select count(*), coalesce(sum(case when closed_at is null then 1 else 0 end), 0),
				coalesce(sum(case when found_at >= $1 and stage = 'before' then 1 else 0 end), 0), coalesce(sum(case when found_at >= $1 and stage = 'after' then 1 else 0 end), 0)
			from regressions`, quarter).Scan(&page.Total, &c.Open, &c.Before, &c.After); err != nil {
			return err
		}
		if n := c.Before + c.After; n > 0 {
			c.EscapeRate = float64(c.After) / float64(n)
		}
		items, err := store.Collect(ctx, q, regressionSelect+` order by case when r.closed_at is null then 0 else 1 end, r.found_at desc, r.id desc limit $1 offset $2`, []any{limit, offset}, scanRegression)
		page.Items = append([]Regression{}, items...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list regressions: %w", err)
	}
	return &page, nil
}
