package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"ringside/internal/store"
	"ringside/ktest"
)

// TestRun is one run of tests.
type TestRun struct {
	ID      string       `json:"id" doc:"Its receipt"`
	Name    string       `json:"name" doc:"What was run: the suite"`
	Status  ktest.Status `json:"status"`
	Release string       `json:"release"`
	Arch    string       `json:"arch"`
	Machine string       `json:"machine"`
	Kernel  *KernelRef   `json:"kernel"`
	At      time.Time    `json:"at"`
	Totals  ktest.Totals `json:"totals"`
	SHA256  string       `json:"sha256" doc:"The artefact: its results"`
}

// TestRunFilter says which runs are listed.
type TestRunFilter struct {
	Name   string
	Kernel string // ID or release
	Status string
	Test   string // ID of a test that was in it
	Window
}

// TestRunPage is a part of the list of runs, the newest first.
type TestRunPage struct {
	Total int64     `json:"total"`
	Items []TestRun `json:"items" nullable:"false"`
}

// TestRunDetail is a run with all its results.
type TestRunDetail struct {
	TestRun
	Results *ktest.Run `json:"results"`
}

// maxKeptResults bounds the results of one run that have a history of their own; the others
// are in the run's artefact.
const maxKeptResults = 20_000

// readTestRun reads the results of a run.
func (s *Service) readTestRun(ctx context.Context, receipt string) error {
	var run ktest.Run
	rec, err := s.decodeDocument(ctx, receipt, "run of tests", &run)
	if err != nil {
		return err
	}
	run.Judge() // what it says of itself does not count
	name := clean(strings.TrimSpace(run.Name))
	if name == "" {
		return errNameless("run of tests", "make it with ringside test import --name")
	}
	at := run.At
	if !plausible(at, rec.ReceivedAt) {
		at = rec.ReceivedAt
	}
	totals, err := toJSON(run.Totals)
	if err != nil {
		return err
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		kernel, err := upsertKernel(ctx, tx, kernelFacts{release: run.Environment.Kernel, arch: run.Environment.Arch, at: at, demo: rec.Demo})
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `update test_runs set name = $2, status = $3, release = $4, arch = $5, machine = $6, kernel_id = $7, at = $8, totals = $9, tests = $10, bad = $11, demo = $12
			where id = $1`, rec.ID, name, string(run.Status), clean(run.Environment.Kernel), clean(run.Environment.Arch), clean(run.Environment.Machine), store.NullString(kernel),
			store.Micros(at), clean(totals), run.Totals.Tests, run.Totals.Bad(), rec.Demo); err != nil {
			return err
		}
		if err := s.keepTestResults(ctx, tx, rec.ID, name, &run, store.Micros(at)); err != nil {
			return err
		}
		return analysed(ctx, tx, rec, "run of tests")
	})
	if err != nil {
		return fmt.Errorf("record the run of %s: %w", name, err)
	}
	s.announce()
	return nil
}

// keepTestResults adds a run's results to the histories of its tests. Reading a run again
// changes nothing.
func (s *Service) keepTestResults(ctx context.Context, tx *sql.Tx, run, suite string, r *ktest.Run, at int64) error {
	var err error
	n := 0
	r.Each(func(t *ktest.Result) {
		if n++; err != nil || n > maxKeptResults {
			return
		}
		err = s.keepTestResult(ctx, tx, run, suite, t, at)
	})
	return err
}

func (s *Service) keepTestResult(ctx context.Context, tx *sql.Tx, run, suite string, t *ktest.Result, at int64) error {
	path := clean(t.Path)
	var (
		id, last string
		lastAt   int64
	)
	err := tx.QueryRowContext(ctx, `select id, status, last_at from tests where suite = $1 and path = $2`, suite, path).Scan(&id, &last, &lastAt)
	if errors.Is(err, sql.ErrNoRows) {
		id = store.NewID(store.Time(at))
		if _, err := tx.ExecContext(ctx, `insert into tests (id, suite, path, first_at, last_at, status, since) values ($1, $2, $3, $4, $4, $5, $4)`,
			id, suite, path, at, string(t.Status)); err != nil {
			return err
		}
		last, lastAt, err = string(t.Status), at, nil
	}
	if err != nil {
		return err
	}
	added, err := tx.ExecContext(ctx, `insert into test_results (test_id, run_id, at, status, reason, took_us) values ($1, $2, $3, $4, $5, $6) on conflict (test_id, run_id) do nothing`,
		id, run, at, string(t.Status), clean(t.Reason), int64(t.Took*1e6))
	if err != nil {
		return err
	}
	if n, err := added.RowsAffected(); err != nil || n == 0 {
		return err
	}
	counted, bad, flip := 0, 0, 0
	if t.Status != ktest.Skip {
		counted = 1
	}
	if t.Status.Bad() {
		bad = 1
	}
	// Only what comes in order says that it changed; a run that is sent late is counted.
	if at >= lastAt && ktest.Status(last).Bad() != t.Status.Bad() && t.Status != ktest.Skip {
		flip = 1
	}
	_, err = tx.ExecContext(ctx, `update tests set runs = runs + $2, bad = bad + $3, flips = flips + $4,
			since = case when $4 = 1 then $5 else since end,
			status = case when last_at <= $5 and $6 <> 'skip' then $6 else status end,
			first_at = case when first_at > $5 then $5 else first_at end,
			last_at = case when last_at < $5 then $5 else last_at end
		where id = $1`, id, counted, bad, flip, at, string(t.Status))
	return err
}

const testRunColumns = `t.id, t.name, t.status, t.release, t.arch, t.machine, t.at, t.totals, c.sha256, k.id, k.release, k.arch`

const testRunFrom = ` from test_runs t join receipts c on c.id = t.id left join kernels k on k.id = t.kernel_id`

func scanTestRun(scan func(...any) error) (r TestRun, err error) {
	var (
		at                int64
		totals            string
		id, release, arch sql.Null[string]
	)
	if err = scan(&r.ID, &r.Name, &r.Status, &r.Release, &r.Arch, &r.Machine, &at, &totals, &r.SHA256, &id, &release, &arch); err != nil {
		return r, err
	}
	r.At = store.Time(at)
	if id.Valid {
		r.Kernel = &KernelRef{ID: id.V, Release: release.V, Arch: arch.V}
	}
	return r, fromJSON(totals, &r.Totals)
}

// TestRuns lists runs of tests, the newest first.
func (s *Service) TestRuns(ctx context.Context, f TestRunFilter) (*TestRunPage, error) {
	limit, offset, err := f.page()
	if err != nil {
		return nil, err
	}
	var args store.Args
	where := []string{"t.name <> ''"}
	if f.Name != "" {
		where = append(where, "t.name = "+args.Add(f.Name))
	}
	if f.Status != "" {
		where = append(where, "t.status = "+args.Add(f.Status))
	}
	if f.Kernel != "" {
		p := args.Add(f.Kernel)
		where = append(where, "(k.id = "+p+" or t.release = "+p+")")
	}
	if f.Test != "" {
		where = append(where, "exists (select 1 from test_results x where x.run_id = t.id and x.test_id = "+args.Add(f.Test)+")")
	}
	rest := testRunFrom + ` where ` + strings.Join(where, " and ")
	var page TestRunPage
	err = s.db.View(ctx, func(q store.Querier) error {
		if err := q.QueryRowContext(ctx, `select count(*)`+rest, args...).Scan(&page.Total); err != nil {
			return err
		}
		items, err := store.Collect(ctx, q, `select `+testRunColumns+rest+` order by t.at desc, t.id desc limit `+args.Add(limit)+` offset `+args.Add(offset), args, scanTestRun)
		page.Items = append([]TestRun{}, items...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list runs of tests: %w", err)
	}
	return &page, nil
}

// TestRun returns a run with all its results.
func (s *Service) TestRun(ctx context.Context, id string) (*TestRunDetail, error) {
	var d TestRunDetail
	err := s.db.View(ctx, func(q store.Querier) (err error) {
		d.TestRun, err = scanTestRun(q.QueryRowContext(ctx, `select `+testRunColumns+testRunFrom+` where t.id = $1 and t.name <> ''`, id).Scan)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("run of tests %s: %w", id, found(err))
	}
	d.Results = new(ktest.Run)
	if err := s.storedDocument(ctx, d.SHA256, d.Results); err != nil {
		return nil, fmt.Errorf("run of tests %s: %w", id, err)
	}
	d.Results.Judge()
	return &d, nil
}

// TestMatrix is which suite came out how on which kernel, by the last run of each.
type TestMatrix struct {
	Kernels []string      `json:"kernels" nullable:"false" doc:"Releases, the newest first; the columns"`
	Rows    []TestSuiteOn `json:"rows" nullable:"false"`
}

// TestSuiteOn is one suite on one machine.
type TestSuiteOn struct {
	Suite   string     `json:"suite"`
	Machine string     `json:"machine"`
	Runs    []*TestRun `json:"runs" nullable:"false" doc:"By kernel; null where it was not run"`
}

// matrixKernels is how many kernels a matrix shows.
const matrixKernels = 8

// TestMatrix returns the last runs of all suites on the kernels that were tested last.
func (s *Service) TestMatrix(ctx context.Context) (*TestMatrix, error) {
	m := TestMatrix{Kernels: []string{}, Rows: []TestSuiteOn{}}
	err := s.db.View(ctx, func(q store.Querier) error {
		kernels, err := store.Collect(ctx, q, `select release from test_runs where release <> '' group by release order by max(at) desc, release limit $1`, []any{matrixKernels}, func(scan func(...any) error) (r string, err error) {
			return r, scan(&r)
		})
		if err != nil || len(kernels) == 0 {
			return err
		}
		m.Kernels = kernels
		column := map[string]int{}
		for i, k := range kernels {
			column[k] = i
		}
		var args store.Args
		runs, err := store.Collect(ctx, q, `select `+testRunColumns+testRunFrom+` where t.name <> '' and t.release in `+store.In(&args, kernels)+`
			and not exists (select 1 from test_runs l where l.name = t.name and l.release = t.release and l.machine = t.machine and (l.at > t.at or l.at = t.at and l.id > t.id))
			order by t.name, t.machine limit 4000`, args, scanTestRun)
		if err != nil {
			return err
		}
		for i := range runs {
			r := &runs[i]
			if n := len(m.Rows); n == 0 || m.Rows[n-1].Suite != r.Name || m.Rows[n-1].Machine != r.Machine {
				m.Rows = append(m.Rows, TestSuiteOn{Suite: r.Name, Machine: r.Machine, Runs: make([]*TestRun, len(kernels))})
			}
			m.Rows[len(m.Rows)-1].Runs[column[r.Release]] = r
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("make the matrix of tests: %w", err)
	}
	return &m, nil
}
