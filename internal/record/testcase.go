package record

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringside/internal/store"
	"ringside/ktest"
)

// Test is one test and what its results amount to.
type Test struct {
	ID         string          `json:"id"`
	Suite      string          `json:"suite"`
	Path       string          `json:"path"`
	Status     ktest.Status    `json:"status" doc:"Its last, but for skips"`
	Since      time.Time       `json:"since" doc:"When it began to be well, or not"`
	Runs       int64           `json:"runs" doc:"In which it was not skipped"`
	Bad        int64           `json:"bad"`
	Flips      int64           `json:"flips" doc:"From well to not, and back"`
	FirstAt    time.Time       `json:"first_at"`
	LastAt     time.Time       `json:"last_at"`
	Quarantine *TestQuarantine `json:"quarantine" doc:"That holds now"`
	History    []TestOutcome   `json:"history" nullable:"false" doc:"Its last results, the oldest first"`
}

// TestOutcome is one result in a test's history.
type TestOutcome struct {
	Run     string       `json:"run"`
	At      time.Time    `json:"at"`
	Status  ktest.Status `json:"status"`
	Reason  string       `json:"reason,omitempty"`
	Release string       `json:"release,omitempty"`
	Machine string       `json:"machine,omitempty"`
}

// TestQuarantine is the decision not to act upon a test's failures for a time.
type TestQuarantine struct {
	ID      string     `json:"id"`
	Reason  string     `json:"reason"`
	Owner   string     `json:"owner"`
	Issue   string     `json:"issue,omitempty"`
	Since   time.Time  `json:"since"`
	Until   time.Time  `json:"until"`
	EndedAt *time.Time `json:"ended_at"`
	EndedBy string     `json:"ended_by,omitempty"`
}

// The states of a test, as a list selects them.
const (
	TestsFailing     = "failing"     // its last result is bad
	TestsFlaky       = "flaky"       // it changed back and forth
	TestsQuarantined = "quarantined" // by a decision that holds
)

// TestFilter says which tests are listed.
type TestFilter struct {
	Suite string
	State string
	Text  string // words of the path
	Window
}

// TestPage is a part of the list of tests: those that fail first, then the flakiest.
type TestPage struct {
	Total  int64      `json:"total"`
	Items  []Test     `json:"items" nullable:"false"`
	Suites []string   `json:"suites" nullable:"false"`
	Counts TestCounts `json:"counts"`
}

// TestCounts are the figures of all tests.
type TestCounts struct {
	Tests       int64   `json:"tests"`
	Failing     int64   `json:"failing"`
	Flaky       int64   `json:"flaky"`
	Quarantined int64   `json:"quarantined"`
	FlakeRate   float64 `json:"flake_rate" doc:"The KPI \"flake rate\": flaky tests among those that ran within 30 days; -1 if none did"`
	TimeToGreen float64 `json:"time_to_green" doc:"The KPI \"time to green\": hours from a test's first failure to its first pass after it, in the median of 90 days; -1 if none"`
	NewTests    int64   `json:"new_tests" doc:"The KPI \"coverage growth\": tests that were first seen within 90 days"`
}

// flakyFlips is how often a test has to change to be called flaky: out and back is a
// regression that was mended.
const flakyFlips = 3

const testColumns = `t.id, t.suite, t.path, t.status, t.since, t.runs, t.bad, t.flips, t.first_at, t.last_at,
	u.id, u.reason, u.owner, u.issue, u.since, u.until`

// testFrom joins each test with the quarantine that holds at a time, which is the first
// argument.
const testFrom = ` from tests t left join test_quarantines u on u.test_id = t.id and u.ended_at is null and u.until > $1
	and not exists (select 1 from test_quarantines l where l.test_id = t.id and l.ended_at is null and l.until > $1 and l.id > u.id)`

func scanTest(scan func(...any) error) (t Test, err error) {
	var (
		since, first, last       int64
		id, reason, owner, issue sql.Null[string]
		qSince, qUntil           sql.Null[int64]
	)
	if err = scan(&t.ID, &t.Suite, &t.Path, &t.Status, &since, &t.Runs, &t.Bad, &t.Flips, &first, &last, &id, &reason, &owner, &issue, &qSince, &qUntil); err != nil {
		return t, err
	}
	t.Since, t.FirstAt, t.LastAt, t.History = store.Time(since), store.Time(first), store.Time(last), []TestOutcome{}
	if id.Valid {
		t.Quarantine = &TestQuarantine{ID: id.V, Reason: reason.V, Owner: owner.V, Issue: issue.V, Since: store.Time(qSince.V), Until: store.Time(qUntil.V)}
	}
	return t, nil
}

const badStatuses = `('fail', 'timeout', 'error', 'crashed', 'empty', 'xpass')`

// testState is the SQL of a state.
func testState(state string) (string, error) {
	switch state {
	case "":
		return "true", nil
	case TestsFailing:
		return "t.status in " + badStatuses, nil
	case TestsFlaky:
		return fmt.Sprintf("t.flips >= %d", flakyFlips), nil
	case TestsQuarantined:
		return "u.id is not null", nil
	}
	return "", fmt.Errorf("state %q: %w: failing, flaky and quarantined are known", state, ErrInvalid)
}

// Tests lists tests.
func (s *Service) Tests(ctx context.Context, f TestFilter) (*TestPage, error) {
	limit, offset, err := f.page()
	if err != nil {
		return nil, err
	}
	state, err := testState(f.State)
	if err != nil {
		return nil, err
	}
	now := s.now()
	args := store.Args{store.Micros(now)}
	where := []string{state}
	if f.Suite != "" {
		where = append(where, "t.suite = "+args.Add(f.Suite))
	}
	for _, word := range strings.Fields(f.Text) {
		where = append(where, `lower(t.path) like `+args.Add(store.Like(word, false))+` escape '\'`)
	}
	rest := testFrom + ` where ` + strings.Join(where, " and ")
	page := TestPage{Suites: []string{}}
	err = s.db.View(ctx, func(q store.Querier) error {
		if err := q.QueryRowContext(ctx, `select count(*)`+rest, args...).Scan(&page.Total); err != nil {
			return err
		}
		items, err := store.Collect(ctx, q, `select `+testColumns+rest+` order by case when t.status in `+badStatuses+` then 0 else 1 end, t.flips desc, t.last_at desc, t.suite, t.path
			limit `+args.Add(limit)+` offset `+args.Add(offset), args, scanTest)
		if err != nil {
			return err
		}
		page.Items = append([]Test{}, items...)
		for i := range page.Items {
			if page.Items[i].History, err = testHistory(ctx, q, page.Items[i].ID, listedHistory); err != nil {
				return err
			}
		}
		suites, err := store.Collect(ctx, q, `select distinct suite from tests order by suite limit 500`, nil, func(scan func(...any) error) (n string, err error) { return n, scan(&n) })
		if err != nil {
			return err
		}
		page.Suites = append(page.Suites, suites...)
		page.Counts, err = testCounts(ctx, q, now)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list tests: %w", err)
	}
	return &page, nil
}

// How many results of a test a list shows, and its own page.
const (
	listedHistory = 30
	shownHistory  = 200
)

func testHistory(ctx context.Context, q store.Querier, id string, most int) ([]TestOutcome, error) {
	list, err := store.Collect(ctx, q, `select x.run_id, x.at, x.status, x.reason, r.release, r.machine from test_results x join test_runs r on r.id = x.run_id
		where x.test_id = $1 order by x.at desc, x.run_id desc limit $2`, []any{id, most}, func(scan func(...any) error) (o TestOutcome, err error) {
		var at int64
		err = scan(&o.Run, &at, &o.Status, &o.Reason, &o.Release, &o.Machine)
		o.At = store.Time(at)
		return o, err
	})
	slices.Reverse(list)
	return append([]TestOutcome{}, list...), err
}

// testCounts computes the figures of all tests.
func testCounts(ctx context.Context, q store.Querier, now time.Time) (c TestCounts, err error) {
	month, quarter := store.Micros(now.AddDate(0, 0, -30)), store.Micros(now.AddDate(0, 0, -90))
	var recent, flaky int64
	err = q.QueryRowContext(ctx, `select count(*), coalesce(sum(case when status in `+badStatuses+` then 1 else 0 end), 0),
			coalesce(sum(case when flips >= $3 then 1 else 0 end), 0), coalesce(sum(case when last_at >= $1 then 1 else 0 end), 0),
			coalesce(sum(case when last_at >= $1 and flips >= $3 then 1 else 0 end), 0), coalesce(sum(case when first_at >= $2 then 1 else 0 end), 0) from tests`,
		month, quarter, flakyFlips).Scan(&c.Tests, &c.Failing, &c.Flaky, &recent, &flaky, &c.NewTests)
	if err != nil {
		return c, err
	}
	if c.FlakeRate = -1; recent > 0 {
		c.FlakeRate = float64(flaky) / float64(recent)
	}
	if err := q.QueryRowContext(ctx, `select count(distinct test_id) from test_quarantines where ended_at is null and until > $1`, store.Micros(now)).Scan(&c.Quarantined); err != nil {
		return c, err
	}
	// From the first failure after a pass to the first pass after it.
	hours, err := store.Collect(ctx, q, `select (min(p.at) - f.at) / 3600000000.0 from test_results f join test_results p on p.test_id = f.test_id and p.at > f.at and p.status = 'pass'
		where f.at >= $1 and f.status in `+badStatuses+` and coalesce((select b.status from test_results b where b.test_id = f.test_id and b.at < f.at and b.status <> 'skip'
			order by b.at desc limit 1), 'pass') = 'pass'
		group by f.test_id, f.at limit 100000`, []any{quarter}, func(scan func(...any) error) (h float64, err error) { return h, scan(&h) })
	if err != nil {
		return c, err
	}
	c.TimeToGreen = -1
	if len(hours) > 0 {
		slices.Sort(hours)
		c.TimeToGreen = hours[len(hours)/2]
	}
	return c, nil
}

// Test returns a test with its history.
func (s *Service) Test(ctx context.Context, id string) (*Test, error) {
	var t Test
	err := s.db.View(ctx, func(q store.Querier) (err error) {
		if t, err = scanTest(q.QueryRowContext(ctx, `select `+testColumns+testFrom+` where t.id = $2`, store.Micros(s.now()), id).Scan); err != nil {
			return err
		}
		t.History, err = testHistory(ctx, q, id, shownHistory)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("test %s: %w", id, found(err))
	}
	return &t, nil
}

// QuarantineChange puts a test into quarantine.
type QuarantineChange struct {
	Test   string
	Reason string
	Owner  string
	Issue  string
	Until  time.Time
}

// maxQuarantine is how long a test may be in quarantine without looking again.
const maxQuarantine = 92 * 24 * time.Hour

// Quarantine keeps the decision not to act upon a test's failures until a time.
func (s *Service) Quarantine(ctx context.Context, c QuarantineChange) (*Test, error) {
	now := s.now()
	c.Reason, c.Owner, c.Issue = strings.TrimSpace(clean(c.Reason)), strings.TrimSpace(clean(c.Owner)), strings.TrimSpace(clean(c.Issue))
	switch {
	case c.Reason == "" || len(c.Reason) > maxNote:
		return nil, fmt.Errorf("reason: %w: say why, in at most %d bytes", ErrInvalid, maxNote)
	case c.Owner == "" || len(c.Owner) > 128:
		return nil, fmt.Errorf("owner: %w: name who mends it, in at most 128 bytes", ErrInvalid)
	case len(c.Issue) > 500:
		return nil, fmt.Errorf("issue: %w: at most 500 bytes", ErrInvalid)
	case !c.Until.After(now) || c.Until.Sub(now) > maxQuarantine:
		return nil, fmt.Errorf("end: %w: it has to lie ahead, and within a quarter of a year", ErrInvalid)
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		var one int
		if err := tx.QueryRowContext(ctx, `select 1 from tests where id = $1`, c.Test).Scan(&one); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `insert into test_quarantines (id, test_id, reason, owner, issue, since, until) values ($1, $2, $3, $4, $5, $6, $7)`,
			store.NewID(now), c.Test, c.Reason, c.Owner, c.Issue, store.Micros(now), store.Micros(c.Until))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("quarantine test %s: %w", c.Test, found(err))
	}
	return s.Test(ctx, c.Test)
}

// EndQuarantine ends a test's quarantine before its time. Doing so twice is no error.
func (s *Service) EndQuarantine(ctx context.Context, test, by string) (*Test, error) {
	by = strings.TrimSpace(clean(by))
	if len(by) > 128 {
		return nil, fmt.Errorf("name: %w: at most 128 bytes", ErrInvalid)
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		now := store.Micros(s.now())
		_, err := tx.ExecContext(ctx, `update test_quarantines set ended_at = $2, ended_by = $3 where test_id = $1 and ended_at is null and until > $2`, test, now, by)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("end the quarantine of test %s: %w", test, err)
	}
	return s.Test(ctx, test)
}
