package record

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"ringside/crash"
	"ringside/internal/store"
	"ringside/lab"
)

func sumOf(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:])
}

// labRecipe is a recipe whose kernel is a text.
func labRecipe(kernel string) lab.Recipe {
	return lab.Recipe{
		Schema: lab.RecipeSchemaID, Arch: "x86_64", Kernel: lab.Content{SHA256: sumOf(kernel), Size: int64(len(kernel)), Name: kernel},
		Release: "6.1.0-1-amd64", Root: lab.Root{Kind: lab.RootNone}, Steps: []lab.Step{{Argv: []string{"/bin/true"}}},
		Memory: 512, CPUs: 1, Accel: "auto", Vmcore: lab.VmcoreCrash,
	}
}

// labRecord is the record of a run of a recipe.
func labRecord(t testing.TB, id string, r lab.Recipe, v lab.Verdict, began time.Time) string {
	t.Helper()
	rec := lab.Record{Schema: lab.RecordSchemaID, ID: id, Verb: "run", Recipe: r, Began: began,
		Machine: lab.Machine{Accel: "tcg", Host: "build1"},
		Outcome: lab.Outcome{Verdict: v, Phase: lab.PhaseTest, Reason: "because", Steps: []lab.StepResult{{Argv: []string{"/bin/true"}, Done: true}}, Elapsed: 3 * time.Second}}
	if v == lab.VerdictCrashed {
		rec.Outcome.Crash = &lab.Crash{Kind: crash.KindNullDeref, Title: "null-ptr-deref in foo", Signature: crash.Signature{Portable: "p-foo"}}
		rec.Outcome.Steps[0].Done = false
	}
	b, err := json.Marshal(&rec)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLabRuns(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, c := newService(t, db)
		renamed := labRecipe("vmlinuz")
		renamed.Kernel.Name = "another name"
		for i, r := range []struct {
			recipe  lab.Recipe
			verdict lab.Verdict
		}{{labRecipe("vmlinuz"), lab.VerdictOK}, {renamed, lab.VerdictCrashed}, {labRecipe("other"), lab.VerdictHung}} {
			receipt := intake(t, s, labRecord(t, fmt.Sprint("run", i), r.recipe, r.verdict, c.t.Add(time.Duration(i)*time.Minute)), Meta{})
			drain(t, s)
			if got, err := s.Receipt(t.Context(), receipt.ID); err != nil || got.Progress != Analysed {
				t.Fatalf("%+v, %v", got, err)
			}
		}
		page, err := s.LabRuns(t.Context(), LabRunFilter{})
		if err != nil || page.Total != 3 || page.Items[0].Run != "run2" || page.Verdicts[lab.VerdictCrashed] != 1 || page.Items[0].Kernel == nil {
			t.Fatalf("%+v, %v", page, err)
		}
		for _, f := range []struct {
			filter LabRunFilter
			want   int64
		}{
			{LabRunFilter{Verdict: "hung"}, 1}, {LabRunFilter{Kernel: "6.1.0-1-amd64"}, 3}, {LabRunFilter{Kernel: "5"}, 0}, {LabRunFilter{Key: "p-foo"}, 1},
			{LabRunFilter{Text: "NULL foo"}, 1}, {LabRunFilter{Text: "nothing"}, 0}, {LabRunFilter{Recipe: page.Items[1].Recipe}, 2},
		} {
			if p, err := s.LabRuns(t.Context(), f.filter); err != nil || p.Total != f.want || int64(len(p.Items)) != f.want {
				t.Errorf("%+v: %+v, %v", f.filter, p, err)
			}
		}
		d, err := s.LabRun(t.Context(), "run1")
		if err != nil || d.Title != "null-ptr-deref in foo" || d.Failed != 1 || d.Record.Recipe.Memory != 512 || d.Elapsed != 3*time.Second {
			t.Fatalf("%+v, %v", d, err)
		}
		if len(d.Same) != 1 || d.Same[0].Run != "run0" || d.Counts[lab.VerdictOK] != 1 || d.Counts[lab.VerdictCrashed] != 1 {
			t.Errorf("runs of the same recipe: %+v, %v", d.Same, d.Counts)
		}
		if _, err := s.LabRun(t.Context(), "none"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a run that is not there: %v", err)
		}
		if _, err := s.Intake(t.Context(), strings.NewReader("a log"), Meta{Class: ClassLabRun}); !errors.Is(err, ErrInvalid) {
			t.Errorf("a log was taken for a run: %v", err)
		}
		bad := intake(t, s, `{"schema":"`+lab.RecordSchemaID+`","id":"x"}`, Meta{})
		drain(t, s)
		if got, err := s.Receipt(t.Context(), bad.ID); err != nil || !strings.Contains(got.Error, "has no name") {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// order queues runs of recipes whose contents are sent first.
func order(t *testing.T, s *Service, o LabOrder, kernels ...string) []LabJob {
	t.Helper()
	for _, k := range kernels {
		if _, err := s.PutLabContent(t.Context(), sumOf(k), strings.NewReader(k)); err != nil {
			t.Fatal(err)
		}
		o.Recipes = append(o.Recipes, labRecipe(k))
	}
	jobs, err := s.OrderLabRuns(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

func claim(t *testing.T, s *Service, worker string) *LabClaim {
	t.Helper()
	c, err := s.ClaimLabJob(t.Context(), LabOffer{Worker: worker, Archs: []string{"x86_64"}, Accel: "tcg", Slots: 1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLabContents(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, _ := newService(t, db)
		if _, err := s.OrderLabRuns(t.Context(), LabOrder{Recipes: []lab.Recipe{labRecipe("vmlinuz")}}); !errors.Is(err, ErrContents) {
			t.Fatalf("a job whose kernel is not here: %v", err)
		}
		missing, err := s.MissingLabContents(t.Context(), []string{sumOf("a"), strings.ToUpper(sumOf("vmlinuz")), sumOf("a")})
		if err != nil || len(missing) != 2 {
			t.Fatalf("%v, %v", missing, err)
		}
		if _, err := s.PutLabContent(t.Context(), sumOf("vmlinuz"), strings.NewReader("another")); !errors.Is(err, ErrMismatch) {
			t.Errorf("bytes of another hash: %v", err)
		}
		if _, _, err := s.OpenLabContent(t.Context(), sumOf("vmlinuz")); !errors.Is(err, ErrNotFound) {
			t.Errorf("a content that is not here: %v", err)
		}
		for range 2 {
			if _, err := s.PutLabContent(t.Context(), sumOf("vmlinuz"), strings.NewReader("vmlinuz")); err != nil {
				t.Fatal(err)
			}
		}
		r, size, err := s.OpenLabContent(t.Context(), sumOf("vmlinuz"))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if b, err := io.ReadAll(r); err != nil || string(b) != "vmlinuz" || size != 7 {
			t.Errorf("%q, %d, %v", b, size, err)
		}
		for _, sums := range [][]string{{"short"}, make([]string, maxAsked+1)} {
			if _, err := s.MissingLabContents(t.Context(), sums); !errors.Is(err, ErrInvalid) {
				t.Errorf("%d sums: %v", len(sums), err)
			}
		}
	})
}

func TestLabOrderInvalid(t *testing.T) {
	s, _ := newService(t, openSQLite(t, t.TempDir()))
	r9p := labRecipe("k")
	r9p.Root = lab.Root{Kind: lab.Root9P, Path: "/"}
	term := labRecipe("k")
	term.Terminal = true
	bad := labRecipe("k")
	bad.Memory = 1
	for _, o := range []LabOrder{
		{}, {Recipes: []lab.Recipe{r9p}}, {Recipes: []lab.Recipe{term}}, {Recipes: []lab.Recipe{bad}},
		{Recipes: []lab.Recipe{labRecipe("k")}, Accel: "magic"}, {Recipes: []lab.Recipe{labRecipe("k")}, Priority: 11},
		{Recipes: []lab.Recipe{labRecipe("k")}, Name: strings.Repeat("x", 201)}, {Recipes: []lab.Recipe{labRecipe("k")}, By: strings.Repeat("x", 129)},
	} {
		if _, err := s.OrderLabRuns(t.Context(), o); !errors.Is(err, ErrInvalid) {
			t.Errorf("%.200v: %v", o, err)
		}
	}
}

func TestLabJobs(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, c := newService(t, db)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		t.Cleanup(func() {
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
		if claim(t, s, "w1") != nil {
			t.Fatal("a job out of nothing")
		}
		first := order(t, s, LabOrder{Name: "later"}, "k1", "k2")
		urgent := order(t, s, LabOrder{Name: "sooner", Priority: 1}, "k3")
		kvm := order(t, s, LabOrder{Accel: "kvm", Priority: 2}, "k4")
		if first[0].Batch != first[1].Batch || first[0].Batch == urgent[0].Batch {
			t.Error("batches")
		}
		a, b := claim(t, s, "w1"), claim(t, s, "w2")
		if a == nil || b == nil || a.Job.ID != urgent[0].ID || b.Job.ID != first[0].ID || b.Job.Recipe.Kernel.SHA256 != sumOf("k1") {
			t.Fatalf("%+v, %+v", a, b)
		}
		if err := s.LabAlive(t.Context(), a.Job.ID, LabSign{Claim: a.Claim, Phase: "boot"}); err != nil {
			t.Fatal(err)
		}
		if err := s.LabAlive(t.Context(), a.Job.ID, LabSign{Claim: b.Claim}); !errors.Is(err, ErrClaimLost) {
			t.Errorf("another's claim: %v", err)
		}
		page, err := s.LabJobs(t.Context(), LabJobFilter{})
		if err != nil || page.Total != 4 || page.States[LabRunning] != 2 || page.States[LabQueued] != 2 || page.Items[0].State != LabRunning || page.Items[2].ID != kvm[0].ID {
			t.Fatalf("%+v, %v", page, err)
		}

		// w1 ends its job, and says so twice.
		run := intake(t, s, labRecord(t, "r1", *a.Job.Recipe, lab.VerdictOK, c.t), Meta{})
		if _, err := s.PutLabContent(t.Context(), sumOf("console"), strings.NewReader("console")); err != nil {
			t.Fatal(err)
		}
		result := LabResult{Claim: a.Claim, Run: run.ID, Files: []RunFile{{Name: "console.log", SHA256: sumOf("console"), Size: 7}}}
		for range 2 {
			j, err := s.EndLabJob(t.Context(), a.Job.ID, result)
			if err != nil || j.State != LabDone || j.Verdict != lab.VerdictOK || j.Run != run.ID {
				t.Fatalf("%+v, %v", j, err)
			}
		}
		if d, err := s.LabRun(t.Context(), run.ID); err != nil || d.Job != a.Job.ID || len(d.Files) != 1 || d.Files[0].Name != "console.log" {
			t.Errorf("%+v, %v", d, err)
		}
		// w2 cannot run its own.
		if _, err := s.EndLabJob(t.Context(), b.Job.ID, LabResult{Claim: b.Claim}); !errors.Is(err, ErrInvalid) {
			t.Errorf("a result that says nothing: %v", err)
		}
		if j, err := s.EndLabJob(t.Context(), b.Job.ID, LabResult{Claim: b.Claim, Error: "no QEMU"}); err != nil || j.State != LabFailed || j.Error != "no QEMU" {
			t.Errorf("%+v, %v", j, err)
		}
		workers, err := s.LabWorkers(t.Context())
		if err != nil || len(workers) != 2 || workers[0].Name != "w1" || workers[0].Runs != 1 || !workers[0].Here || workers[0].Running != 0 {
			t.Errorf("%+v, %v", workers, err)
		}

		// The third is cancelled while it runs: its worker hears of it.
		d := claim(t, s, "w1")
		if d == nil || d.Job.ID != first[1].ID {
			t.Fatalf("%+v", d)
		}
		if j, err := s.CancelLabJob(t.Context(), d.Job.ID, "ada"); err != nil || j.State != LabCancelled || j.Error != "cancelled by ada" {
			t.Fatalf("%+v, %v", j, err)
		}
		if err := s.LabAlive(t.Context(), d.Job.ID, LabSign{Claim: d.Claim}); !errors.Is(err, ErrClaimLost) {
			t.Errorf("a cancelled job: %v", err)
		}
		if _, err := s.CancelLabJob(t.Context(), "none", ""); !errors.Is(err, ErrNotFound) {
			t.Errorf("a job that is not there: %v", err)
		}
	})
}

// A worker that falls silent loses its job; a job that silences its workers ends.
func TestLabSilence(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, c := newService(t, db)
		jobs := order(t, s, LabOrder{}, "k1")
		var last *LabClaim
		for i := range labAttempts {
			got := claim(t, s, fmt.Sprint("w", i))
			if got == nil || got.Job.ID != jobs[0].ID || got.Job.Attempts != int64(i+1) {
				t.Fatalf("attempt %d: %+v", i+1, got)
			}
			if last != nil {
				if err := s.LabAlive(t.Context(), jobs[0].ID, LabSign{Claim: last.Claim}); !errors.Is(err, ErrClaimLost) {
					t.Errorf("attempt %d: the worker before has not lost it: %v", i+1, err)
				}
			}
			last = got
			c.t = c.t.Add(labLease + time.Second)
		}
		if got := claim(t, s, "another"); got != nil {
			t.Fatalf("given away once more: %+v", got)
		}
		j, err := s.LabJob(t.Context(), jobs[0].ID)
		if err != nil || j.State != LabFailed || !strings.Contains(j.Error, "nothing more was heard") {
			t.Errorf("%+v, %v", j, err)
		}
	})
}

// Workers that ask at the same time get different jobs.
func TestLabClaimRace(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, _ := newService(t, db)
		const n = 8
		kernels := make([]string, n)
		for i := range kernels {
			kernels[i] = fmt.Sprint("k", i)
		}
		order(t, s, LabOrder{}, kernels...)
		got := make(chan string, n)
		for i := range n {
			go func() {
				c, err := s.ClaimLabJob(t.Context(), LabOffer{Worker: fmt.Sprint("w", i), Archs: []string{"x86_64"}, Accel: "tcg", Slots: 1})
				if err != nil || c == nil {
					got <- fmt.Sprint(err)
					return
				}
				got <- c.Job.ID
			}()
		}
		var seen bytes.Buffer
		for range n {
			id := <-got
			if strings.Contains(seen.String(), id) || id == "<nil>" {
				t.Errorf("%q was given twice, or none", id)
			}
			seen.WriteString(id + "\n")
		}
	})
}
