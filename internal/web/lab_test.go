package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"ringside/crash"
	"ringside/internal/record"
	"ringside/lab"
)

func contentOf(name, text string) lab.Content {
	h := sha256.Sum256([]byte(text))
	return lab.Content{SHA256: hex.EncodeToString(h[:]), Size: int64(len(text)), Name: name}
}

// labRecord is the record of a run of one recipe that ended so.
func labRecord(id string, v lab.Verdict, began time.Time) *lab.Record {
	r := &lab.Record{Schema: lab.RecordSchemaID, ID: id, Verb: "run", Began: began,
		Recipe: lab.Recipe{Schema: lab.RecipeSchemaID, Arch: "x86_64", Kernel: contentOf("vmlinuz-6.1.0-56-amd64", "a kernel"), Release: "6.1.0-56-amd64",
			Cmdline: []string{"slub_debug=FZ"}, Root: lab.Root{Kind: lab.RootNone}, Steps: []lab.Step{{Argv: []string{"sh", "-c", "echo <hello>"}}},
			Memory: 512, CPUs: 2, Accel: "auto", Vmcore: lab.VmcoreCrash},
		Machine: lab.Machine{QEMU: "7.2.22", Args: []string{"qemu-system-x86_64", "-m", "512"}, Cmdline: "console=ttyS0 slub_debug=FZ", Accel: "tcg", CPU: "max",
			Reason: "kvm was tried and did not run the canary", Host: "build1"},
		Outcome: lab.Outcome{Verdict: v, Phase: lab.PhaseEnded, Reason: "all steps returned 0", Elapsed: 2400 * time.Millisecond, Machine: 2 * time.Second,
			Timings: []lab.Timing{{Phase: lab.PhaseStart}, {Phase: lab.PhaseBoot, At: 400 * time.Millisecond}, {Phase: lab.PhaseTest, At: 2 * time.Second}},
			Steps:   []lab.StepResult{{Argv: []string{"sh", "-c", "echo <hello>"}, Done: true, Took: 10 * time.Millisecond}},
			Console: lab.ConsoleStat{File: "console.log", Bytes: 3000, Lines: 40}}}
	if v == lab.VerdictCrashed {
		r.Outcome.Phase, r.Outcome.Reason, r.Outcome.Steps[0].Done = lab.PhaseTest, "the kernel died while step 1 ran", false
		c := lab.Crash{Kind: crash.KindNullDeref, Title: "null-ptr-deref in <i>foo</i>", Headline: "BUG: kernel NULL pointer dereference, address: 0", Guilty: "foo", Line: 31,
			Signature: crash.Signature{Portable: "no such key"}}
		r.Outcome.Crash, r.Outcome.Reports = &c, []lab.Crash{c}
	}
	return r
}

// labFleet is a fleet whose lab has run one recipe twice and has a worker and jobs.
func labFleet(t *testing.T) (f *fleet, crashed string) {
	t.Helper()
	f = emptyFleet(t)
	ctx := t.Context()
	put := func(c lab.Content, text string) {
		if _, err := f.svc.PutLabContent(ctx, c.SHA256, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	send := func(r *lab.Record) string {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		receipt, err := f.svc.Intake(ctx, strings.NewReader(string(b)), record.Meta{ReceivedAt: f.now})
		if err != nil {
			t.Fatal(err)
		}
		f.drain()
		return receipt.ID
	}
	send(labRecord("r1", lab.VerdictOK, f.now.Add(-time.Hour)))
	crashedRun := labRecord("r2", lab.VerdictCrashed, f.now.Add(-time.Minute))
	put(crashedRun.Recipe.Kernel, "a kernel")
	jobs, err := f.svc.OrderLabRuns(ctx, record.LabOrder{Name: "is it <flaky>?", Recipes: []lab.Recipe{crashedRun.Recipe, crashedRun.Recipe}})
	if err != nil || len(jobs) != 2 {
		t.Fatal(err)
	}
	claim, err := f.svc.ClaimLabJob(ctx, record.LabOffer{Worker: "build1", Archs: []string{"x86_64", "arm64"}, Accel: "tcg", Slots: 2})
	if err != nil || claim == nil {
		t.Fatal(err)
	}
	crashed = send(crashedRun)
	console := strings.Repeat("[    0.000000] a line of the console\n", 1000) + "[    1.5] BUG: kernel NULL pointer dereference <&>\n"
	c := contentOf("console.log", console)
	put(c, console)
	if _, err := f.svc.EndLabJob(ctx, claim.Job.ID, record.LabResult{Claim: claim.Claim, Run: crashed, Files: []record.RunFile{{Name: "console.log", SHA256: c.SHA256, Size: c.Size}}}); err != nil {
		t.Fatal(err)
	}
	return f, crashed
}

func TestLabPages(t *testing.T) {
	wants(t, emptyFleet(t).get("/lab").Body.String(), "No run here", "ringside lab run", "!Workers")
	f, crashed := labFleet(t)
	page := "/lab/runs/" + crashed
	for _, tt := range []struct {
		path string
		code int
		text []string
	}{
		{"/lab", 200, []string{"1 worker", "1 waiting", "is it &lt;flaky&gt;?", "build1", "x86_64, arm64 with tcg", "null-ptr-deref in &lt;i&gt;foo&lt;/i&gt;", `href="` + page + `"`, "all steps returned 0", "crashed <b>1</b>", "0 of 2"}},
		{"/lab?verdict=ok", 200, []string{"all steps returned 0", "!null-ptr-deref"}},
		{"/lab?q=foo", 200, []string{"!all steps returned 0", "null-ptr-deref"}},
		{"/lab?q=nothing", 200, []string{"Nothing fits"}},
		{"/lab?offset=-1", 400, nil},
		{page, 200, []string{"null-ptr-deref in &lt;i&gt;foo&lt;/i&gt;", "the kernel died while step 1 ran", "ringside lab rerun r2", "never returned", "echo &lt;hello&gt;", "kvm was tried", "slub_debug=FZ",
			"dereference &lt;&amp;&gt;", "was run 2 times", "vmlinuz-6.1.0-56-amd64", "!Its signature"}},
		{"/lab/runs/r1", 200, []string{"all steps returned 0", "!end of its console"}},
		{"/lab/runs/none", 404, nil},
		{page + "/files/none", 404, nil},
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
	r := f.get(page + "/files/console.log")
	if r.Code != 200 || !strings.HasSuffix(r.Body.String(), "<&>\n") || !strings.Contains(r.Header().Get("Content-Disposition"), "r2-console.log") {
		t.Errorf("the console: %d %v", r.Code, r.Header())
	}
	if got := f.get(page).Body.String(); strings.Count(got, "a line of the console") > 400 || strings.Count(got, "a line of the console") < 100 {
		t.Errorf("%d lines of the console are shown", strings.Count(got, "a line of the console"))
	}
}

// A reader opens the run that crashed from the list; somebody who may cancels a job.
func TestLabInBrowser(t *testing.T) {
	f, _ := labFleet(t)
	b := newBrowser(t, f)
	b.open("/lab")
	b.do(chromedp.Click(chromedp.CSS(`.states a[href*="verdict=crashed"]`)))
	b.wait(`document.querySelectorAll("#results tbody tr").length === 1`)
	b.key("j")
	b.key("\r")
	b.wait(`document.querySelector("h1")?.textContent.startsWith("null-ptr-deref")`)
	b.is(`String(document.querySelector(".console").textContent.includes("dereference <&>"))`, "true")
	b.open("/lab")
	b.do(chromedp.Click(chromedp.CSS(`form[action$="/cancel"] button`)))
	b.wait(`document.querySelectorAll('form[action$="/cancel"]').length === 0`)
	b.is(`document.querySelector(".calm")?.textContent`, "Nothing waits.")
	page, err := f.svc.LabJobs(t.Context(), record.LabJobFilter{State: "cancelled"})
	if err != nil || page.Total != 1 {
		t.Error(fmt.Sprint(page, err))
	}
	for i, width := range []int64{360, 1024} {
		b.size(width, 900)
		b.dark(i == 1)
		for _, path := range []string{"/lab", "/lab/runs/r1", "/lab/runs/r2"} {
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

// What the lab has shown about a crash stands on its signature's page.
func TestSignatureProof(t *testing.T) {
	f := emptyFleet(t)
	f.send("crash-mod-null", 1, f.now)
	id := f.signature("null_in_thread")
	sig, err := f.svc.Signature(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, f.get("/signatures/"+id).Body.String(), "!id=\"proof\"")
	recipe, err := json.Marshal(labRecord("r", lab.VerdictOK, f.now).Recipe)
	if err != nil {
		t.Fatal(err)
	}
	run := labRecord("r9", lab.VerdictCrashed, f.now)
	run.Outcome.Crash.Signature.Portable = sig.Key
	record1, err := json.Marshal(run)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(record1), `{"schema":"https://ringside.dev/schemas/reproduce.v1.json","reproduced":true,"target":{"title":"x","signature":{"portable":"` + sig.Key +
		`"}},"recipe":` + string(recipe) + `,"parts_after":2,"rate":{"hits":6,"runs":20,"low":0.12,"high":0.54}}`} {
		if _, err := f.svc.Intake(t.Context(), strings.NewReader(text), record.Meta{ReceivedAt: f.now}); err != nil {
			t.Fatal(err)
		}
	}
	f.drain()
	page := f.get("/signatures/" + id).Body.String()
	wants(t, page, `id="proof"`, "6 of 20 runs", "12 % to 54 %", "run r9", "a recipe of 2 parts")
	checkMarkup(t, page)
}
