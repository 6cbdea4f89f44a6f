package web

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"ringside/bisect"
	"ringside/internal/record"
	"ringside/ktest"
)

// testsView is the tests and how they fare.
type testsView struct {
	*record.TestPage
	Origin  string
	Runs    []record.TestRun
	States  []choice
	Suites  []choice
	Pager   pager
	Text    string
	Chosen  string
	Filters bool
}

func (s *site) testsPage(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "q", "suite", "state", "offset")
	if err != nil {
		return err
	}
	offset, err := q.number("offset")
	if err != nil {
		return err
	}
	f := record.TestFilter{Suite: q.get("suite"), State: q.get("state"), Text: q.get("q"), Window: record.Window{Limit: pageRows, Offset: offset}}
	page, err := s.svc.Tests(r.Context(), f)
	if err != nil {
		return err
	}
	runs, err := s.svc.TestRuns(r.Context(), record.TestRunFilter{Name: f.Suite, Window: record.Window{Limit: 10}})
	if err != nil {
		return err
	}
	v := testsView{TestPage: page, Origin: origin(r), Runs: runs.Items, Pager: q.pager(offset, len(page.Items), pageRows, page.Total), Text: f.Text, Chosen: f.State, Filters: f.Suite+f.State+f.Text != ""}
	for _, c := range []choice{
		{Value: record.TestsFailing, Label: "failing", Count: page.Counts.Failing}, {Value: record.TestsFlaky, Label: "flaky", Count: page.Counts.Flaky},
		{Value: record.TestsQuarantined, Label: "in quarantine", Count: page.Counts.Quarantined},
	} {
		set := c.Value
		if c.Chosen = c.Value == f.State; c.Chosen {
			set = ""
		}
		c.URL = q.with("state", set)
		v.States = append(v.States, c)
	}
	for _, name := range page.Suites {
		v.Suites = append(v.Suites, choice{Value: name, Label: name, Count: -1, Chosen: name == f.Suite})
	}
	return s.show(w, r, "tests", layout{Title: "Tests", Section: "tests", API: "/api/v1/tests", View: v})
}

// testTone is how a status looks.
func testTone(s ktest.Status) string {
	switch {
	case s == ktest.Pass || s == ktest.XFail:
		return "done"
	case s.Bad():
		return "dead"
	}
	return "muted"
}

// testTicks draws the history of a test: a tick each, tall and red where it was bad.
func testTicks(history []record.TestOutcome) template.HTML {
	var good, bad, skip strings.Builder
	n := 0
	for i, o := range history {
		switch x := i * 5; {
		case o.Status.Bad():
			n++
			fmt.Fprintf(&bad, "M%d 1h3v18h-3z", x)
		case o.Status == ktest.Skip:
			fmt.Fprintf(&skip, "M%d 15h3v4h-3z", x)
		default:
			fmt.Fprintf(&good, "M%d 9h3v10h-3z", x)
		}
	}
	label := fmt.Sprintf("%d of the last %d results are bad", n, len(history))
	// Digits and words of ours only.
	return template.HTML(fmt.Sprintf(`<svg class="ticks" viewBox="0 0 150 20" role="img" aria-label="%s"><title>%s</title><path class="good" d="%s"/><path class="skip" d="%s"/><path class="bad" d="%s"/></svg>`,
		label, label, good.String(), skip.String(), bad.String()))
}

// testRunView is one run of tests.
type testRunView struct {
	*record.TestRunDetail
	Bad  []*ktest.Result
	Well int
	Skip int
}

// maxShownResults bounds the results that a run's page names.
const maxShownResults = 500

func (s *site) testRun(w http.ResponseWriter, r *http.Request) error {
	d, err := s.svc.TestRun(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	v := testRunView{TestRunDetail: d}
	d.Results.Each(func(t *ktest.Result) {
		switch {
		case t.Status.Bad() && len(v.Bad) < maxShownResults:
			v.Bad = append(v.Bad, t)
		case t.Status == ktest.Skip:
			v.Skip++
		default:
			v.Well++
		}
	})
	return s.show(w, r, "testrun", layout{Title: d.Name, Section: "tests", API: "/api/v1/test-runs/" + d.ID, View: v})
}

// testView is one test.
type testView struct {
	*record.Test
	MayChange bool
	Longest   string // the latest day that a quarantine may last to
}

func (s *site) test(w http.ResponseWriter, r *http.Request) error {
	t, err := s.svc.Test(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	v := testView{Test: t, MayChange: s.mayChange(r), Longest: s.now().AddDate(0, 0, 90).UTC().Format(time.DateOnly)}
	return s.show(w, r, "test", layout{Title: t.Path, Section: "tests", API: "/api/v1/tests/" + t.ID, View: v})
}

func (s *site) quarantine(w http.ResponseWriter, r *http.Request) error {
	if !s.mayChange(r) {
		return errReadOnly
	}
	until, err := time.Parse(time.DateOnly, r.PostFormValue("until"))
	if err != nil {
		return fmt.Errorf("end of the quarantine: %w: give a day", record.ErrInvalid)
	}
	t, err := s.svc.Quarantine(r.Context(), record.QuarantineChange{Test: r.PathValue("id"), Reason: r.PostFormValue("reason"), Owner: r.PostFormValue("owner"), Issue: r.PostFormValue("issue"), Until: until})
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/tests/"+t.ID, http.StatusSeeOther)
	return nil
}

func (s *site) endQuarantine(w http.ResponseWriter, r *http.Request) error {
	if !s.mayChange(r) {
		return errReadOnly
	}
	t, err := s.svc.EndQuarantine(r.Context(), r.PathValue("id"), "")
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/tests/"+t.ID, http.StatusSeeOther)
	return nil
}

func (s *site) testMatrix(w http.ResponseWriter, r *http.Request) error {
	m, err := s.svc.TestMatrix(r.Context())
	if err != nil {
		return err
	}
	return s.show(w, r, "testmatrix", layout{Title: "Test matrix", Section: "tests", API: "/api/v1/test-matrix", View: m})
}

func (s *site) bisections(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "offset")
	if err != nil {
		return err
	}
	offset, err := q.number("offset")
	if err != nil {
		return err
	}
	page, err := s.svc.Bisections(r.Context(), record.Window{Limit: pageRows, Offset: offset})
	if err != nil {
		return err
	}
	v := struct {
		*record.BisectionPage
		Origin string
		Pager  pager
	}{page, origin(r), q.pager(offset, len(page.Items), pageRows, page.Total)}
	return s.show(w, r, "bisections", layout{Title: "Bisections", Section: "lab", API: "/api/v1/bisections", View: v})
}

// bisectionView is one bisection.
type bisectionView struct {
	*record.Bisection
	Plot   template.HTML
	Likely []bisect.Candidate // the most likely, the likeliest first
}

func (s *site) bisection(w http.ResponseWriter, r *http.Request) error {
	b, err := s.svc.Bisection(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	v := bisectionView{Bisection: b, Plot: posteriorPlot(b.Report.Candidates), Likely: likeliest(b.Report.Candidates)}
	return s.show(w, r, "bisection", layout{Title: "Bisection", Section: "lab", API: "/api/v1/bisections/" + b.ID, View: v})
}

// shownCandidates is how many candidates a page names.
const shownCandidates = 12

func likeliest(all []bisect.Candidate) []bisect.Candidate {
	var out []bisect.Candidate
	for range min(shownCandidates, len(all)) {
		best := -1
		for i := range all {
			taken := false
			for j := range out {
				taken = taken || out[j].ID == all[i].ID && out[j].Position == all[i].Position
			}
			if !taken && (best < 0 || all[i].Posterior > all[best].Posterior) {
				best = i
			}
		}
		if best < 0 || all[best].Posterior <= 0 {
			break
		}
		out = append(out, all[best])
	}
	return out
}

// posteriorPlot draws how likely each candidate is, in their order, with what was tested
// below: good ones as ticks down, bad ones as ticks down and red.
func posteriorPlot(all []bisect.Candidate) template.HTML {
	const width, height, bars = 600, 130, 100
	n := min(len(all), 300)
	if n == 0 {
		return ""
	}
	var posterior, good, bad strings.Builder
	sums := make([]float64, n)
	step := float64(width) / float64(n)
	for i, c := range all {
		at := i * n / len(all)
		sums[at] += c.Posterior
		x := float64(at)*step + step/2
		if c.Good > 0 {
			fmt.Fprintf(&good, "M%.1f %dv10", x, bars+6)
		}
		if c.Bad > 0 {
			fmt.Fprintf(&bad, "M%.1f %dv18", x, bars+6)
		}
	}
	for i, p := range sums {
		if h := p * bars; h >= 0.3 {
			fmt.Fprintf(&posterior, "M%.1f %dv-%.1fh%.1fv%.1fz", float64(i)*step, bars, h, max(step*0.9, 1.5), h)
		}
	}
	// Digits only.
	return template.HTML(fmt.Sprintf(`<svg class="posterior" viewBox="0 0 %d %d" preserveAspectRatio="none" role="img" aria-label="How likely each candidate is"><path class="base" d="M0 %d.5H%d"/><path class="bars" d="%s"/><path class="good" d="%s"/><path class="bad" d="%s"/></svg>`,
		width, height, bars, width, posterior.String(), good.String(), bad.String()))
}

// regressionsView is what got worse, by somebody's word.
type regressionsView struct {
	*record.RegressionPage
	Pager     pager
	MayChange bool
	By        string
}

func (s *site) regressions(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "offset")
	if err != nil {
		return err
	}
	offset, err := q.number("offset")
	if err != nil {
		return err
	}
	page, err := s.svc.Regressions(r.Context(), record.Window{Limit: pageRows, Offset: offset})
	if err != nil {
		return err
	}
	v := regressionsView{RegressionPage: page, Pager: q.pager(offset, len(page.Items), pageRows, page.Total), MayChange: s.mayChange(r), By: by(r)}
	return s.show(w, r, "regressions", layout{Title: "Regressions", Section: "tests", API: "/api/v1/regressions", View: v})
}

func (s *site) confirmRegression(w http.ResponseWriter, r *http.Request) error {
	if !s.mayChange(r) {
		return errReadOnly
	}
	if _, err := s.svc.ConfirmRegression(r.Context(), record.RegressionChange{Kind: r.PostFormValue("kind"), Title: r.PostFormValue("title"), Kernel: r.PostFormValue("kernel"),
		Stage: r.PostFormValue("stage"), Culprit: r.PostFormValue("culprit"), By: r.PostFormValue("by")}); err != nil {
		return err
	}
	http.Redirect(w, r, "/regressions", http.StatusSeeOther)
	return nil
}

func (s *site) closeRegression(w http.ResponseWriter, r *http.Request) error {
	if !s.mayChange(r) {
		return errReadOnly
	}
	if _, err := s.svc.CloseRegression(r.Context(), r.PathValue("id"), r.PostFormValue("by"), r.PostFormValue("fixed_by")); err != nil {
		return err
	}
	http.Redirect(w, r, "/regressions", http.StatusSeeOther)
	return nil
}
