package web

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"ringside/bisect"
	"ringside/internal/record"
	"ringside/ktest"
)

// testFleet is a fleet with ten runs of a suite in which a test is flaky and another broke,
// and a bisection.
func testFleet(t *testing.T) (f *fleet, run, bisection string) {
	t.Helper()
	f = emptyFleet(t)
	send := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		r, err := f.svc.Intake(t.Context(), strings.NewReader(string(b)), record.Meta{ReceivedAt: f.now})
		if err != nil {
			t.Fatal(err)
		}
		f.drain()
		return r.ID
	}
	for i := range 10 {
		status := func(bad bool) ktest.Status {
			if bad {
				return ktest.Fail
			}
			return ktest.Pass
		}
		r := ktest.Run{Schema: ktest.RunSchemaID, Name: "kunit <nightly>", Format: ktest.FormatKTAP, At: f.now.AddDate(0, 0, i-10),
			Environment: ktest.Environment{Kernel: fmt.Sprintf("6.1.%d", i/5), Arch: "x86_64", Machine: "board1"},
			Tests: []ktest.Result{{Name: "steady", Status: ktest.Pass}, {Name: "flaky", Status: status(i%3 == 1)}, {Name: "<broke>", Status: status(i >= 8), Reason: "expected <1>", Log: []string{"# EXPECTATION <FAILED>"}},
				{Name: "absent", Status: ktest.Skip}}, Problems: []ktest.Problem{{Line: 7, Text: "numbers <jump>"}}}
		run = send(r.Judge())
	}
	rep := bisect.Report{Schema: bisect.ReportSchemaID, Kind: bisect.KindCommit, Verdict: bisect.Found, Culprit: "abc123", Subject: "mm: <break> it", Posterior: 0.995, Confidence: 0.99, Runs: 42, Builds: 9,
		Range: bisect.Range{Good: "v1", Bad: "v2", Candidates: 64}, WithRate: bisect.Rate{Rate: 0.3, Low: 0.2, High: 0.4},
		Steps:  []bisect.Step{{Candidate: "c10", Built: true, Runs: []bisect.StepRun{{Outcome: bisect.Bad}}, Entropy: 4.2}},
		Checks: []bisect.Check{{What: "parent", Candidate: "c31", Runs: 20, Passed: true}}, Evidence: []string{"it <fails>"}}
	for i := range 64 {
		c := bisect.Candidate{ID: fmt.Sprintf("c%d", i), Position: i, Posterior: 0.005 / 63}
		if i == 32 {
			c.Posterior, c.Subject, c.Bad = 0.995, "mm: <break> it", 3
		}
		rep.Candidates = append(rep.Candidates, c)
	}
	return f, run, send(&rep)
}

func TestTestPages(t *testing.T) {
	none := emptyFleet(t)
	for path, want := range map[string]string{"/tests": "No test here", "/tests/matrix": "No run here", "/bisections": "No bisection here"} {
		wants(t, none.get(path).Body.String(), want)
	}
	f, run, bisection := testFleet(t)
	tests, err := f.svc.Tests(t.Context(), record.TestFilter{})
	if err != nil {
		t.Fatal(err)
	}
	broke, flaky := "/tests/"+tests.Items[0].ID, tests.Items[1]
	for _, tt := range []struct {
		path string
		code int
		text []string
	}{
		{"/tests", 200, []string{"4 tests", "flake rate <b>25.0 %</b>", "&lt;broke&gt;", `href="` + broke + `"`, "failing <b>1</b>", "flaky <b>1</b>", "2 of 10", "kunit &lt;nightly&gt;", "2 of the last 10 results are bad"}},
		{"/tests?state=flaky", 200, []string{"flaky</a>", "!&lt;broke&gt;"}},
		{"/tests?q=steady", 200, []string{"steady", "!&lt;broke&gt;</a>"}},
		{"/tests?q=nothing", 200, []string{"Nothing fits"}},
		{"/tests?state=odd", 400, nil},
		{broke, 200, []string{"&lt;broke&gt;", "2 of 10 runs bad", "changed 1 time", "expected &lt;1&gt;", "Put it into quarantine", "6.1.1"}},
		{"/tests/none", 404, nil},
		{"/tests/runs/" + run, 200, []string{"kunit &lt;nightly&gt;", "numbers &lt;jump&gt;", "# EXPECTATION &lt;FAILED&gt;", "4 tests: 2 well, 1 bad, 1 skipped"}},
		{"/tests/runs/none", 404, nil},
		{"/tests/matrix", 200, []string{"6.1.0", "6.1.1", "board1", `href="/tests/runs/` + run + `"`, "1 of 4"}},
		{"/bisections", 200, []string{"mm: &lt;break&gt; it", "99.5 %", `href="/bisections/` + bisection + `"`}},
		{"/bisections/" + bisection, 200, []string{"mm: &lt;break&gt; it", "99.0 % were asked for", "c10", "0 of 20 failed", "it &lt;fails&gt;", "30 % of the runs", "class=\"posterior\""}},
		{"/bisections/none", 404, nil},
	} {
		r := f.get(tt.path)
		if r.Code != tt.code {
			t.Errorf("%s: %d", tt.path, r.Code)
		}
		wants(t, r.Body.String(), tt.text...)
		if r.Code == 200 {
			checkMarkup(t, r.Body.String())
		}
	}
	if flaky.Path != "flaky" {
		t.Errorf("%+v", flaky)
	}
	if w := f.post("/tests/"+flaky.ID+"/quarantine", "reason=timing&owner=ada&until=soon"); w.Code != 400 {
		t.Errorf("no day: %d", w.Code)
	}
}

// A reader finds the flaky test, puts it into quarantine, and ends that again.
func TestTestsInBrowser(t *testing.T) {
	f, run, bisection := testFleet(t)
	b := newBrowser(t, f)
	b.open("/tests")
	b.do(chromedp.Click(chromedp.CSS(`.states a[href*="state=flaky"]`)))
	b.wait(`document.querySelectorAll("#results tbody tr").length === 1`)
	b.key("j")
	b.key("\r")
	b.wait(`document.querySelector("h1")?.textContent === "flaky"`)
	until := f.now.AddDate(0, 0, 20).Format(time.DateOnly)
	b.do(chromedp.Click(chromedp.CSS(`summary`)))
	b.eval(`(() => { const f = document.querySelector('form[action$="/quarantine"]'); f.reason.value = "timing"; f.owner.value = "ada"; f.until.value = "` + until + `"; return "" })()`)
	b.do(chromedp.Click(chromedp.CSS(`form[action$="/quarantine"] button`)))
	b.wait(`document.querySelector("#quarantine")?.textContent.includes("` + until + `")`)
	b.do(chromedp.Click(chromedp.CSS(`form[action$="/end"] button`)))
	b.wait(`document.querySelector("#quarantine") === null`)
	page, err := f.svc.Tests(t.Context(), record.TestFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for i, width := range []int64{360, 1024} {
		b.size(width, 900)
		b.dark(i == 1)
		for _, path := range []string{"/tests", "/tests/" + page.Items[0].ID, "/tests/runs/" + run, "/tests/matrix", "/bisections", "/bisections/" + bisection} {
			b.open(path)
			if over := b.eval(overflow); over != "" {
				t.Errorf("%s at %d px is too wide: %s", path, width, over)
			}
			if got := b.eval(looks); got != "" {
				t.Errorf("%s at %d px:\n%s", path, width, got)
			}
		}
	}
}

// Somebody confirms a regression, and says what ended it.
func TestRegressionsInBrowser(t *testing.T) {
	f := emptyFleet(t)
	wants(t, f.get("/regressions").Body.String(), "No regression here")
	if _, err := f.svc.ConfirmRegression(t.Context(), record.RegressionChange{Kind: "crash", Title: "it <crashes>", Stage: record.FoundAfter, By: "ada"}); err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, f)
	b.open("/regressions")
	b.do(chromedp.Click(chromedp.CSS(`summary`)))
	b.eval(`(() => { const f = document.querySelector('form[action="/regressions"]'); f.title.value = "3 % slower"; f.by.value = "bob"; return "" })()`)
	b.do(chromedp.Click(chromedp.CSS(`form[action="/regressions"] button`)))
	b.wait(`document.querySelectorAll("table.list tbody tr").length === 2`)
	b.is(`String(document.body.textContent.includes("escape rate 50 %"))`, "true")
	b.do(chromedp.Click(chromedp.CSS(`form[action$="/close"] button`)))
	b.wait(`document.querySelectorAll('form[action$="/close"]').length === 1`)
	page := f.get("/regressions").Body.String()
	wants(t, page, "it &lt;crashes&gt;", "gone", "1 open")
	checkMarkup(t, page)
	for i, width := range []int64{360, 1024} {
		b.size(width, 900)
		b.dark(i == 1)
		b.open("/regressions")
		if over := b.eval(overflow); over != "" {
			t.Errorf("at %d px it is too wide: %s", width, over)
		}
		if got := b.eval(looks); got != "" {
			t.Errorf("at %d px:\n%s", width, got)
		}
	}
}
