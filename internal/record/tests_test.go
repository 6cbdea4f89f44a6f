package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ringside/bisect"
	"ringside/internal/store"
	"ringside/ktest"
)

// testRunOf is a run of a suite with results by name.
func testRunOf(t testing.TB, suite, release string, at time.Time, results ...string) string {
	t.Helper()
	r := ktest.Run{Schema: ktest.RunSchemaID, Name: suite, Format: ktest.FormatKTAP, At: at, Environment: ktest.Environment{Kernel: release, Arch: "x86_64", Machine: "board1"}}
	for _, x := range results {
		name, status, _ := strings.Cut(x, "=")
		r.Tests = append(r.Tests, ktest.Result{Name: name, Status: ktest.Status(status), Reason: "because", Took: 0.5})
	}
	b, err := json.Marshal(r.Judge())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTestRuns(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, c := newService(t, db)
		day := c.t.AddDate(0, 0, -10)
		at := func(n int) time.Time { return day.AddDate(0, 0, n) }
		var last string
		for i, x := range []struct {
			release string
			results []string
		}{
			{"6.1.1", []string{"steady=pass", "flaky=pass", "breaks=pass", "skips=skip"}},
			{"6.1.1", []string{"steady=pass", "flaky=fail", "breaks=pass", "skips=skip"}},
			{"6.1.1", []string{"steady=pass", "flaky=pass", "breaks=pass", "skips=pass"}},
			{"6.1.2", []string{"steady=pass", "flaky=timeout", "breaks=fail", "skips=skip"}},
			{"6.1.2", []string{"steady=pass", "flaky=pass", "breaks=fail"}},
		} {
			r := intake(t, s, testRunOf(t, "kunit", x.release, at(i), x.results...), Meta{})
			drain(t, s)
			if got, err := s.Receipt(t.Context(), r.ID); err != nil || got.Progress != Analysed {
				t.Fatalf("%+v, %v", got, err)
			}
			last = r.ID
		}
		intake(t, s, testRunOf(t, "ltp", "6.1.2", at(1), "fork01=pass"), Meta{})
		drain(t, s)

		page, err := s.TestRuns(t.Context(), TestRunFilter{})
		if err != nil || page.Total != 6 || page.Items[0].ID != last || page.Items[0].Status != ktest.Fail || page.Items[0].Totals.Fail != 1 || page.Items[0].Kernel == nil {
			t.Fatalf("%+v, %v", page, err)
		}
		tests, err := s.Tests(t.Context(), TestFilter{})
		if err != nil || tests.Total != 5 || len(tests.Suites) != 2 {
			t.Fatalf("%+v, %v", tests, err)
		}
		if x := tests.Items[0]; x.Path != "breaks" || x.Status != ktest.Fail || x.Runs != 5 || x.Bad != 2 || x.Flips != 1 || !x.Since.Equal(at(3)) || len(x.History) != 5 || x.History[4].Release != "6.1.2" {
			t.Errorf("%+v", x)
		}
		if x := tests.Items[1]; x.Path != "flaky" || x.Flips != 4 || x.Bad != 2 || x.Status != ktest.Pass {
			t.Errorf("%+v", x)
		}
		want := TestCounts{Tests: 5, Failing: 1, Flaky: 1, FlakeRate: 0.2, TimeToGreen: 24, NewTests: 5}
		if tests.Counts != want {
			t.Errorf("%+v, want %+v", tests.Counts, want)
		}
		for _, x := range []struct {
			f    TestFilter
			want string
		}{
			{TestFilter{State: TestsFailing}, "breaks"}, {TestFilter{State: TestsFlaky}, "flaky"}, {TestFilter{State: TestsQuarantined}, ""},
			{TestFilter{Suite: "ltp"}, "fork01"}, {TestFilter{Text: "STEA"}, "steady"}, {TestFilter{Text: "100%"}, ""},
		} {
			p, err := s.Tests(t.Context(), x.f)
			got := ""
			for _, i := range p.Items {
				got += i.Path
			}
			if err != nil || got != x.want {
				t.Errorf("%+v: %q, %v", x.f, got, err)
			}
		}
		if _, err := s.Tests(t.Context(), TestFilter{State: "odd"}); !errors.Is(err, ErrInvalid) {
			t.Errorf("a state that is not known: %v", err)
		}

		flaky := tests.Items[1].ID
		in, err := s.TestRuns(t.Context(), TestRunFilter{Test: tests.Items[0].ID, Kernel: "6.1.2", Status: "fail", Name: "kunit"})
		if err != nil || in.Total != 2 {
			t.Errorf("%+v, %v", in, err)
		}
		for _, bad := range []QuarantineChange{
			{Test: flaky, Owner: "ada", Until: c.t.AddDate(0, 0, 7)}, {Test: flaky, Reason: "x", Until: c.t.AddDate(0, 0, 7)},
			{Test: flaky, Reason: "x", Owner: "ada", Until: c.t}, {Test: flaky, Reason: "x", Owner: "ada", Until: c.t.AddDate(1, 0, 0)},
		} {
			if _, err := s.Quarantine(t.Context(), bad); !errors.Is(err, ErrInvalid) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		if _, err := s.Quarantine(t.Context(), QuarantineChange{Test: "none", Reason: "x", Owner: "ada", Until: c.t.AddDate(0, 0, 7)}); !errors.Is(err, ErrNotFound) {
			t.Errorf("a test that is not there: %v", err)
		}
		q, err := s.Quarantine(t.Context(), QuarantineChange{Test: flaky, Reason: "timing", Owner: "ada", Issue: "https://example.org/1", Until: c.t.AddDate(0, 0, 7)})
		if err != nil || q.Quarantine == nil || q.Quarantine.Owner != "ada" {
			t.Fatalf("%+v, %v", q, err)
		}
		if p, err := s.Tests(t.Context(), TestFilter{State: TestsQuarantined}); err != nil || p.Total != 1 || p.Counts.Quarantined != 1 {
			t.Errorf("%+v, %v", p, err)
		}
		c.t = c.t.AddDate(0, 0, 8)
		if q, err = s.Test(t.Context(), flaky); err != nil || q.Quarantine != nil {
			t.Errorf("it has run out: %+v, %v", q, err)
		}
		if _, err := s.Quarantine(t.Context(), QuarantineChange{Test: flaky, Reason: "again", Owner: "ada", Until: c.t.AddDate(0, 0, 7)}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if q, err = s.EndQuarantine(t.Context(), flaky, "bob"); err != nil || q.Quarantine != nil {
				t.Errorf("%+v, %v", q, err)
			}
		}

		m, err := s.TestMatrix(t.Context())
		if err != nil || fmt.Sprint(m.Kernels) != "[6.1.2 6.1.1]" || len(m.Rows) != 2 || m.Rows[0].Suite != "kunit" || m.Rows[0].Runs[0].Status != ktest.Fail || m.Rows[0].Runs[1].Status != ktest.Pass || m.Rows[1].Runs[1] != nil {
			t.Errorf("%+v, %v", m, err)
		}
		d, err := s.TestRun(t.Context(), last)
		if err != nil || d.Results.Totals.Tests != 3 || d.Machine != "board1" {
			t.Errorf("%+v, %v", d, err)
		}
		if _, err := s.TestRun(t.Context(), "none"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a run that is not there: %v", err)
		}
		bad := intake(t, s, `{"schema":"`+ktest.RunSchemaID+`","tests":[]}`, Meta{})
		drain(t, s)
		if got, err := s.Receipt(t.Context(), bad.ID); err != nil || !strings.Contains(got.Error, "has no name") {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// Reading a run again counts nothing twice.
func TestTestRunTwice(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, c := newService(t, db)
		r := intake(t, s, testRunOf(t, "kunit", "6.1", c.t, "a=pass", "b=fail"), Meta{})
		drain(t, s)
		if err := s.readTestRun(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
		page, err := s.Tests(t.Context(), TestFilter{})
		if err != nil || page.Total != 2 || page.Items[0].Runs != 1 || page.Items[0].Bad != 1 || page.Items[1].Runs != 1 {
			t.Errorf("%+v, %v", page, err)
		}
	})
}

func TestBisections(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, _ := newService(t, db)
		b, err := json.Marshal(bisect.Report{Schema: bisect.ReportSchemaID, Kind: bisect.KindCommit, Verdict: bisect.Found, Culprit: "abc123", Subject: "mm: break it", Posterior: 0.995, Confidence: 0.99,
			Runs: 42, Builds: 9, Range: bisect.Range{Good: "v1", Bad: "v2", Candidates: 512}, Signature: "p-foo"})
		if err != nil {
			t.Fatal(err)
		}
		r := intake(t, s, string(b), Meta{})
		drain(t, s)
		page, err := s.Bisections(t.Context(), Window{})
		if err != nil || page.Total != 1 || page.Items[0].ID != r.ID || page.Items[0].Posterior != 0.995 || page.Items[0].Candidates != 512 {
			t.Fatalf("%+v, %v", page, err)
		}
		one, err := s.Bisection(t.Context(), r.ID)
		if err != nil || one.Report.Range.Good != "v1" || one.Subject != "mm: break it" {
			t.Errorf("%+v, %v", one, err)
		}
		if _, err := s.Bisection(t.Context(), "none"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a bisection that is not there: %v", err)
		}
	})
}
