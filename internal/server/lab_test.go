package server

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"testing"

	"ringside/internal/record"
	"ringside/lab"
)

// A client orders a run, and a worker does it, with nothing but the API.
func TestLabOverHTTP(t *testing.T) {
	f := newFixture(t, func(c *record.Config, _ *Config) { c.MaxArtefact = 1 << 20 })
	const kernel = "this boots"
	sum := sha256.Sum256([]byte(kernel))
	hash := hex.EncodeToString(sum[:])
	recipe := lab.Recipe{
		Schema: lab.RecipeSchemaID, Arch: "x86_64", Kernel: lab.Content{SHA256: hash, Size: int64(len(kernel))}, Release: "6.1.0-1-amd64",
		Modules: []lab.Module{}, Cmdline: []string{}, Files: []lab.File{}, Collect: []string{},
		Root: lab.Root{Kind: lab.RootNone}, Steps: []lab.Step{{Argv: []string{"/bin/true"}}}, Memory: 512, CPUs: 1, Accel: "auto", Vmcore: lab.VmcoreCrash,
	}
	post := func(path string, in, out any) int {
		t.Helper()
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		return f.do(t, "POST", path, string(b), out, "Content-Type", "application/json").StatusCode
	}
	order := record.LabOrder{Name: "does it boot?", Recipes: []lab.Recipe{recipe}}
	var problem Problem
	if code := post("/api/v1/lab/jobs", order, &problem); code != http.StatusConflict {
		t.Fatalf("a job whose kernel is not here: %d %+v", code, problem)
	}
	var answer LabContentAnswer
	if code := post("/api/v1/lab/missing", LabContentQuestion{SHA256: []string{hash}}, &answer); code != http.StatusOK || len(answer.Missing) != 1 {
		t.Fatalf("%d %+v", code, answer)
	}
	if r := f.do(t, "PUT", "/api/v1/lab/contents/"+hash, "something else", nil); r.StatusCode != http.StatusBadRequest {
		t.Errorf("bytes of another hash: %d", r.StatusCode)
	}
	var content lab.Content
	if r := f.do(t, "PUT", "/api/v1/lab/contents/"+hash, kernel, &content); r.StatusCode != http.StatusOK || content.SHA256 != hash {
		t.Fatalf("%d %+v", r.StatusCode, content)
	}
	var jobs LabJobList
	if code := post("/api/v1/lab/jobs", order, &jobs); code != http.StatusAccepted || len(jobs.Items) != 1 {
		t.Fatalf("%d %+v", code, jobs)
	}

	offer := record.LabOffer{Worker: "w1", Archs: []string{"x86_64"}, Accel: "tcg", Slots: 1}
	var claim record.LabClaim
	if code := post("/api/v1/lab/claim", offer, &claim); code != http.StatusOK || claim.Job.ID != jobs.Items[0].ID {
		t.Fatalf("%d %+v", code, claim)
	}
	if code := post("/api/v1/lab/claim", offer, nil); code != http.StatusNoContent {
		t.Errorf("a second job: %d", code)
	}
	var text string
	if f.do(t, "GET", "/api/v1/lab/contents/"+claim.Job.Recipe.Kernel.SHA256, "", &text); text != kernel {
		t.Errorf("the worker's kernel is %q", text)
	}
	job := "/api/v1/lab/jobs/" + claim.Job.ID
	if code := post(job+"/alive", record.LabSign{Claim: claim.Claim, Phase: "boot"}, nil); code != http.StatusNoContent {
		t.Errorf("a sign of life: %d", code)
	}
	if code := post(job+"/alive", record.LabSign{Claim: "another"}, nil); code != http.StatusConflict {
		t.Errorf("a sign of life of another: %d", code)
	}
	rec, err := json.Marshal(&lab.Record{Schema: lab.RecordSchemaID, ID: "r1", Verb: "run", Recipe: recipe, Outcome: lab.Outcome{Verdict: lab.VerdictOK, Phase: lab.PhaseEnded}})
	if err != nil {
		t.Fatal(err)
	}
	var receipt record.Receipt
	if r := f.do(t, "POST", "/api/v1/artefacts", string(rec), &receipt); r.StatusCode/100 != 2 {
		t.Fatalf("%d %+v", r.StatusCode, receipt)
	}
	var ended record.LabJob
	if code := post(job+"/result", record.LabResult{Claim: claim.Claim, Run: receipt.ID}, &ended); code != http.StatusOK || ended.State != record.LabDone || ended.Verdict != lab.VerdictOK {
		t.Fatalf("%d %+v", code, ended)
	}
	var run record.LabRunDetail
	if r := f.do(t, "GET", "/api/v1/lab/runs/"+ended.Run, "", &run); r.StatusCode != http.StatusOK || run.Run != "r1" || run.Job != ended.ID {
		t.Errorf("%d %+v", r.StatusCode, run)
	}
	var page record.LabJobPage
	if f.do(t, "GET", "/api/v1/lab/jobs?state=done", "", &page); page.Total != 1 || page.States[record.LabDone] != 1 {
		t.Errorf("%+v", page)
	}
	var workers LabWorkerList
	if f.do(t, "GET", "/api/v1/lab/workers", "", &workers); len(workers.Items) != 1 || workers.Items[0].Runs != 1 {
		t.Errorf("%+v", workers)
	}
	if code := post(job+"/cancel", LabCanceller{}, &ended); code != http.StatusOK || ended.State != record.LabDone {
		t.Errorf("cancelling what has ended: %d %+v", code, ended)
	}
}
