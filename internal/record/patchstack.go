package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringside/internal/store"
	"ringside/patch/stack"
)

// PatchStack is a stack of patches that a team carries, as its latest report has it.
type PatchStack struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Report     string         `json:"report" doc:"Receipt of the latest report"`
	Tree       string         `json:"tree,omitempty" doc:"What it was held against"`
	Version    string         `json:"version,omitempty" doc:"Of the tree"`
	Size       int64          `json:"size" doc:"Patches that have to be carried on: the KPI \"patch stack size\""`
	Totals     stack.Tally    `json:"totals"`
	ByAdvice   map[string]int `json:"by_advice" doc:"Patches by what to do with them"`
	FirstAt    time.Time      `json:"first_at"`
	ReportedAt time.Time      `json:"reported_at"`
	History    []PatchReport  `json:"history,omitempty" nullable:"false" doc:"Its reports, the oldest first; of one stack only"`
}

// PatchReport is what one report of a stack counted.
type PatchReport struct {
	ID         string    `json:"id" doc:"Its receipt"`
	Tree       string    `json:"tree,omitempty"`
	Version    string    `json:"version,omitempty"`
	Size       int64     `json:"size"`
	Patches    int64     `json:"patches"`
	Upstream   int64     `json:"upstream"`
	Missing    int64     `json:"missing_fixes"`
	Failing    int64     `json:"failing" doc:"Patches that do not apply"`
	ReportedAt time.Time `json:"reported_at"`
}

// StackPatch is one patch of a stack.
type StackPatch struct {
	Position int64     `json:"position"`
	FirstAt  time.Time `json:"first_at" doc:"When the stack was first seen with it"`
	stack.Entry
}

// StackPatchFilter says which patches of a stack are listed.
type StackPatchFilter struct {
	Advice string
	State  string
	Text   string // of the file, the subject or the author
	Window
}

// StackPatchPage is a page of patches.
type StackPatchPage struct {
	Items  []StackPatch     `json:"items" nullable:"false"`
	Total  int64            `json:"total"`
	Advice map[string]int64 `json:"advice" doc:"Patches by what to do, whatever is filtered"`
}

// maxPatches bounds the patches of a stack that are kept.
const maxPatches = 20000

// readPatchStack reads the report of a receipt.
func (s *Service) readPatchStack(ctx context.Context, receipt string) error {
	var report stack.Report
	rec, err := s.decodeDocument(ctx, receipt, "report of a stack", &report)
	if err != nil {
		return err
	}
	name := clean(strings.TrimSpace(report.Stack))
	switch {
	case name == "":
		return errNameless("report of a stack", "make it with ringside patch stack --name")
	case len(report.Patches) > maxPatches:
		return store.Permanent(fmt.Errorf("the report has %d patches, %d at most are kept", len(report.Patches), maxPatches))
	}
	at := store.Micros(rec.ReceivedAt)
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		id, err := s.upsertStack(ctx, tx, rec.ID, name, &report, at, rec.Demo)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `update patch_reports set stack_id = $2, tree = $3, version = $4, size = $5, patches = $6, upstream = $7, missing = $8, failing = $9, reported_at = $10
			where id = $1`,
			rec.ID, id, clean(report.Tree), clean(report.TreeVersion), report.Totals.Size, report.Totals.Patches, report.Totals.Upstream, report.Totals.Missing, report.Totals.Fail, at); err != nil {
			return err
		}
		if err := keepStackPatches(ctx, tx, id, rec.ID, &report, at); err != nil {
			return err
		}
		return analysed(ctx, tx, rec, "report of a patch stack")
	})
	if err != nil {
		return fmt.Errorf("record the stack %s: %w", name, err)
	}
	s.announce()
	return nil
}

// upsertStack makes a report the latest of its stack, unless a later one is there.
func (s *Service) upsertStack(ctx context.Context, tx *sql.Tx, receipt, name string, r *stack.Report, at int64, demo bool) (id string, err error) {
	totals, err := toJSON(r.Totals)
	if err != nil {
		return "", err
	}
	advice, err := toJSON(r.ByAdvice)
	if err != nil {
		return "", err
	}
	id = store.NewID(store.Time(at))
	_, err = tx.ExecContext(ctx, `insert into patch_stacks (id, name, report_id, tree, version, size, totals, by_advice, first_at, reported_at, demo)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)
		on conflict (name) do update set report_id = $3, tree = $4, version = $5, size = $6, totals = $7, by_advice = $8, reported_at = $9
			where patch_stacks.reported_at <= $9`,
		id, name, receipt, clean(r.Tree), clean(r.TreeVersion), r.Totals.Size, clean(totals), clean(advice), at, demo)
	if err != nil {
		return "", err
	}
	err = tx.QueryRowContext(ctx, `select id from patch_stacks where name = $1`, name).Scan(&id)
	return id, err
}

// keepStackPatches replaces the patches of a stack by those of its latest report. What was
// in the stack before keeps the day it came.
func keepStackPatches(ctx context.Context, tx *sql.Tx, id, receipt string, r *stack.Report, at int64) error {
	var latest string
	if err := tx.QueryRowContext(ctx, `select report_id from patch_stacks where id = $1`, id).Scan(&latest); err != nil || latest != receipt {
		return err
	}
	type seenAt struct {
		file string
		at   int64
	}
	list, err := store.Collect(ctx, tx, `select file, first_at from stack_patches where stack_id = $1`, []any{id}, func(scan func(...any) error) (x seenAt, err error) {
		return x, scan(&x.file, &x.at)
	})
	if err != nil {
		return err
	}
	first := map[string]int64{}
	for _, x := range list {
		first[x.file] = x.at
	}
	if _, err := tx.ExecContext(ctx, `delete from stack_patches where stack_id = $1`, id); err != nil {
		return err
	}
	for i := range r.Patches {
		e := &r.Patches[i]
		entry, err := toJSON(e)
		if err != nil {
			return err
		}
		file := clean(e.File)
		since, ok := first[file]
		if !ok {
			since = at
		}
		if _, err := tx.ExecContext(ctx, `insert into stack_patches (stack_id, position, file, subject, author, state, advice, release, commit_id, age_days, first_at, entry)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
			id, i+1, file, clean(e.Subject), clean(e.Author), clean(string(e.Upstream.State)), clean(string(e.Advice.Do)), clean(e.Upstream.Release), clean(e.Upstream.Commit), e.AgeDays, since, clean(entry)); err != nil {
			return err
		}
	}
	return nil
}

const stackColumns = `id, name, report_id, tree, version, size, totals, by_advice, first_at, reported_at`

func scanStack(scan func(...any) error) (p PatchStack, err error) {
	var totals, advice string
	var first, at int64
	if err = scan(&p.ID, &p.Name, &p.Report, &p.Tree, &p.Version, &p.Size, &totals, &advice, &first, &at); err != nil {
		return p, err
	}
	p.FirstAt, p.ReportedAt = store.Time(first), store.Time(at)
	return p, errors.Join(fromJSON(totals, &p.Totals), fromJSON(advice, &p.ByAdvice))
}

// PatchStacks lists the stacks, the largest first.
func (s *Service) PatchStacks(ctx context.Context) ([]PatchStack, error) {
	var out []PatchStack
	err := s.db.View(ctx, func(q store.Querier) (err error) {
		out, err = store.Collect(ctx, q, `select `+stackColumns+` from patch_stacks order by size desc, name limit 500`, nil, scanStack)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list patch stacks: %w", err)
	}
	return append([]PatchStack{}, out...), nil
}

// PatchStack returns a stack by ID or name, with its history.
func (s *Service) PatchStack(ctx context.Context, idOrName string) (*PatchStack, error) {
	var p PatchStack
	err := s.db.View(ctx, func(q store.Querier) error {
		list, err := store.Collect(ctx, q, `select `+stackColumns+` from patch_stacks where id = $1 or name = $1 limit 1`, []any{idOrName}, scanStack)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return fmt.Errorf("%w: no patch stack is called %q", ErrNotFound, idOrName)
		}
		p = list[0]
		p.History, err = store.Collect(ctx, q, `select id, tree, version, size, patches, upstream, missing, failing, reported_at from patch_reports
			where stack_id = $1 order by reported_at desc, id desc limit 400`, []any{p.ID}, func(scan func(...any) error) (r PatchReport, err error) {
			var at int64
			err = scan(&r.ID, &r.Tree, &r.Version, &r.Size, &r.Patches, &r.Upstream, &r.Missing, &r.Failing, &at)
			r.ReportedAt = store.Time(at)
			return r, err
		})
		slices.Reverse(p.History)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read a patch stack: %w", err)
	}
	return &p, nil
}

// StackPatches lists the patches of a stack, in its order.
func (s *Service) StackPatches(ctx context.Context, id string, f StackPatchFilter) (*StackPatchPage, error) {
	limit, offset, err := f.page()
	if err != nil {
		return nil, err
	}
	args := store.Args{id}
	where := []string{"stack_id = $1"}
	if f.Advice != "" {
		where = append(where, "advice = "+args.Add(f.Advice))
	}
	if f.State != "" {
		where = append(where, "state = "+args.Add(f.State))
	}
	for _, word := range strings.Fields(f.Text) {
		p := args.Add(store.Like(word, false))
		where = append(where, `(lower(file) like `+p+` escape '\' or lower(subject) like `+p+` escape '\' or lower(author) like `+p+` escape '\')`)
	}
	rest := ` from stack_patches where ` + strings.Join(where, " and ")
	page := StackPatchPage{Advice: map[string]int64{}}
	err = s.db.View(ctx, func(q store.Querier) error {
		if err := q.QueryRowContext(ctx, `select count(*)`+rest, args...).Scan(&page.Total); err != nil {
			return err
		}
		items, err := store.Collect(ctx, q, `select position, first_at, entry`+rest+` order by position limit `+args.Add(limit)+` offset `+args.Add(offset), args,
			func(scan func(...any) error) (p StackPatch, err error) {
				var entry string
				var at int64
				if err = scan(&p.Position, &at, &entry); err != nil {
					return p, err
				}
				p.FirstAt = store.Time(at)
				return p, fromJSON(entry, &p.Entry)
			})
		if err != nil {
			return err
		}
		page.Items = append([]StackPatch{}, items...)
		type n struct {
			advice string
			count  int64
		}
		counts, err := store.Collect(ctx, q, `select advice, count(*) from stack_patches where stack_id = $1 group by advice`, []any{id}, func(scan func(...any) error) (x n, err error) {
			return x, scan(&x.advice, &x.count)
		})
		for _, x := range counts {
			page.Advice[x.advice] = x.count
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the patches of a stack: %w", err)
	}
	return &page, nil
}
