package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/labhost"
	"ringside/internal/record"
	"ringside/internal/render"
	"ringside/internal/server"
	"ringside/lab"
)

func newLabSubmit(s Streams) *cobra.Command {
	var (
		store    labStore
		recipe   labRecipe
		at       recordAt
		out      output
		from     []string
		name     string
		cmds     []string
		times    int
		priority int64
		wait     bool
	)
	c := &cobra.Command{
		Use:   "submit KERNEL [-- COMMAND...]",
		Short: "Let a worker of the server run it",
		Long: `Submit sends a recipe, and what it needs that the server does not have yet, to a server.
A worker (ringside lab worker) runs it. With --wait it waits, and ends as lab run does.`,
		Example: `  ringside lab submit --server http://ringside.example:8460 linux-image.deb --times 20 -- ./reproducer
  ringside lab submit --recipe recipe.json --wait`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			st, err := store.open()
			if err != nil {
				return err
			}
			defer closing(&err, st.Close)
			if _, err := at.base(); err != nil {
				return err
			}
			order := record.LabOrder{Name: name, Priority: priority}
			if from != nil {
				for _, path := range from {
					r, err := readRecipe(s, path)
					if err != nil {
						return err
					}
					order.Recipes = append(order.Recipes, *r)
				}
			} else {
				kernels, steps := stepOf(c, args)
				kernel, err := oneKernel(c, kernels)
				if err != nil {
					return err
				}
				for _, line := range cmds {
					steps = append(steps, lab.Step{Argv: []string{"sh", "-c", line}})
				}
				r, err := recipe.make(st, kernel, steps)
				if err != nil {
					return err
				}
				order.Recipes = append(order.Recipes, *r)
			}
			one := order.Recipes
			for range times - 1 {
				order.Recipes = append(order.Recipes, one...)
			}
			q := &labQueue{at: at, store: st}
			jobs, err := q.submit(c.Context(), order)
			if err != nil {
				return hostError(err)
			}
			if wait {
				if jobs, err = q.wait(c.Context(), jobs); err != nil {
					return hostError(err)
				}
			}
			doc := render.LabJobs{Schema: render.LabJobsSchemaID, Jobs: jobs}
			if err := out.show(s, doc, func(w io.Writer, style render.Style) error { return render.LabJobList(w, jobs, at.server, style) }); err != nil {
				return err
			}
			for i := range jobs {
				if wait && (jobs[i].State != string(record.LabDone) || jobs[i].Verdict != lab.VerdictOK) {
					return &exitError{exitFinding, nil}
				}
			}
			return nil
		},
	}
	store.flags(c)
	recipe.flags(c)
	out.flags(c, false)
	c.Flags().StringVar(&at.server, "server", os.Getenv("RINGSIDE_SERVER"), "`URL` of the server (env RINGSIDE_SERVER)")
	c.Flags().StringVar(&at.token, "token", os.Getenv("RINGSIDE_TOKEN"), "`TOKEN` for the server (env RINGSIDE_TOKEN)")
	c.Flags().StringArrayVar(&from, "recipe", nil, "submit the recipe in `FILE`; may be repeated")
	c.Flags().StringVar(&name, "name", "", "`NAME` of the job, for people")
	c.Flags().StringArrayVar(&cmds, "do", nil, "`LINE` for the guest's shell, one step each; may be repeated")
	c.Flags().IntVar(&times, "times", 1, "how often")
	c.Flags().Int64Var(&priority, "priority", 0, "`N` from -10 to 10: higher is sooner")
	c.Flags().BoolVar(&wait, "wait", false, "wait until all are done")
	return c
}

func newLabWorker(s Streams) *cobra.Command {
	var (
		store labStore
		at    recordAt
		name  string
		slots int
		once  bool
	)
	c := &cobra.Command{
		Use:   "worker",
		Short: "Run jobs of the lab for a server",
		Long: `Worker asks a server for jobs of the lab, runs them here, and sends back their records,
consoles and outputs. One that dies gives its jobs back after a minute. It ends with an
interrupt, and then gives up what it runs; with --once it ends when there is no job.`,
		Example: `  ringside lab worker --server http://ringside.example:8460`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			st, err := store.open()
			if err != nil {
				return err
			}
			defer closing(&err, st.Close)
			if _, err := at.base(); err != nil {
				return err
			}
			if name == "" {
				if name, err = os.Hostname(); err != nil {
					return hostError(err)
				}
			}
			w := &labWorker{labQueue: labQueue{at: at, store: st}, log: s.Err, once: once, offer: record.LabOffer{Worker: name, Slots: int64(slots), Version: version().Version}}
			return hostError(w.run(c.Context()))
		},
	}
	store.flags(c)
	c.Flags().StringVar(&at.server, "server", os.Getenv("RINGSIDE_SERVER"), "`URL` of the server (env RINGSIDE_SERVER)")
	c.Flags().StringVar(&at.token, "token", os.Getenv("RINGSIDE_TOKEN"), "`TOKEN` for the server (env RINGSIDE_TOKEN)")
	c.Flags().StringVar(&name, "name", "", "`NAME` of the worker; this host's if not given")
	c.Flags().IntVar(&slots, "slots", 1, "`N` machines at the same time")
	c.Flags().BoolVar(&once, "once", false, "end when there is no job")
	return c
}

// labQueue is the lab of a server.
type labQueue struct {
	at    recordAt
	store *labhost.Store
}

// ask posts to the server and decodes its answer.
func (q *labQueue) ask(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	answer, err := q.at.call(ctx, method, path, "application/json", body)
	if err != nil || out == nil || len(answer) == 0 {
		return err
	}
	return json.Unmarshal(answer, out)
}

// submit sends an order, after all that the server does not have.
func (q *labQueue) submit(ctx context.Context, o record.LabOrder) ([]render.LabJob, error) {
	byHash := map[string]lab.Content{}
	question := server.LabContentQuestion{SHA256: []string{}}
	for i := range o.Recipes {
		for _, c := range o.Recipes[i].Contents() {
			if _, ok := byHash[c.SHA256]; !ok {
				byHash[c.SHA256] = c
				question.SHA256 = append(question.SHA256, c.SHA256)
			}
		}
	}
	var missing server.LabContentAnswer
	if err := q.ask(ctx, http.MethodPost, "/api/v1/lab/missing", question, &missing); err != nil {
		return nil, err
	}
	for _, sum := range missing.Missing {
		path, err := q.store.Path(byHash[sum])
		if err != nil {
			return nil, err
		}
		if err := q.put(ctx, sum, path); err != nil {
			return nil, err
		}
	}
	var list struct {
		Items []render.LabJob `json:"items"`
	}
	err := q.ask(ctx, http.MethodPost, "/api/v1/lab/jobs", o, &list)
	return list.Items, err
}

// put sends a file as a content.
func (q *labQueue) put(ctx context.Context, sum, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = q.at.call(ctx, http.MethodPut, "/api/v1/lab/contents/"+sum, "application/octet-stream", f)
	return err
}

// lookEvery is how often a server is asked again.
const lookEvery = time.Second

// pause waits before the next question.
func pause(ctx context.Context) error {
	t := time.NewTimer(lookEvery)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wait returns the jobs when all have ended.
func (q *labQueue) wait(ctx context.Context, jobs []render.LabJob) ([]render.LabJob, error) {
	for i := range jobs {
		for {
			var j render.LabJob
			if err := q.ask(ctx, http.MethodGet, "/api/v1/lab/jobs/"+url.PathEscape(jobs[i].ID), nil, &j); err != nil {
				return nil, err
			}
			if jobs[i] = j; j.EndedAt != nil {
				break
			}
			if err := pause(ctx); err != nil {
				return nil, err
			}
		}
	}
	return jobs, nil
}

// labWorker runs jobs.
type labWorker struct {
	labQueue
	offer record.LabOffer
	log   io.Writer
	once  bool

	mu sync.Mutex // of log
}

func (w *labWorker) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(w.log, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

func (w *labWorker) run(ctx context.Context) error {
	for _, arch := range []string{"x86_64", "arm64"} {
		a, err := w.store.Accelerator(ctx, arch, "auto")
		if err != nil {
			continue
		}
		w.offer.Archs = append(w.offer.Archs, arch)
		if w.offer.Accel == "" {
			w.offer.Accel = a.Accel
		}
	}
	if len(w.offer.Archs) == 0 {
		return errors.New("this host runs no machines: see ringside lab doctor")
	}
	w.say("%s works for %s: %s with %s, %d at a time", w.offer.Worker, w.at.server, strings.Join(w.offer.Archs, ", "), w.offer.Accel, w.offer.Slots)
	var slots sync.WaitGroup
	for range w.offer.Slots {
		slots.Go(func() { w.slot(ctx) })
	}
	slots.Wait()
	return nil
}

// slot does one job after the other.
func (w *labWorker) slot(ctx context.Context) {
	for ctx.Err() == nil {
		var claim record.LabClaim
		err := w.ask(ctx, http.MethodPost, "/api/v1/lab/claim", w.offer, &claim)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.say("cannot ask for a job: %v", err)
		case claim.Claim != "":
			w.do(ctx, &claim)
			continue
		case w.once:
			return
		}
		if pause(ctx) != nil {
			return
		}
	}
}

// do runs a job and tells the server how it ended.
func (w *labWorker) do(ctx context.Context, claim *record.LabClaim) {
	w.say("job %s %s: begins", claim.Job.ID, claim.Job.Name)
	result := record.LabResult{Claim: claim.Claim}
	rec, err := w.execute(ctx, claim)
	if err == nil {
		result.Run, result.Files, err = w.send(ctx, rec)
	}
	if errors.Is(err, errLost) || ctx.Err() != nil {
		w.say("job %s: given up: %v", claim.Job.ID, err)
		return
	}
	if err != nil {
		result.Error = err.Error()
	}
	if err := w.ask(ctx, http.MethodPost, "/api/v1/lab/jobs/"+url.PathEscape(claim.Job.ID)+"/result", result, nil); err != nil {
		w.say("job %s: the server does not take its result: %v", claim.Job.ID, err)
		return
	}
	if rec != nil {
		w.say("job %s: %s, %s", claim.Job.ID, rec.Outcome.Verdict, rec.Outcome.Reason)
	} else {
		w.say("job %s: %s", claim.Job.ID, result.Error)
	}
}

// errLost ends a job that is no longer this worker's.
var errLost = errors.New("the server gave the job away, or it was cancelled")

// execute fetches what a job needs and runs it, with signs of life to the server.
func (w *labWorker) execute(ctx context.Context, claim *record.LabClaim) (*lab.Record, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	phases := make(chan lab.Phase, len(lab.Phases()))
	alive := make(chan struct{})
	go func() {
		defer close(alive)
		w.keepAlive(ctx, cancel, claim, phases)
	}()
	rec, err := func() (*lab.Record, error) {
		for _, c := range claim.Job.Recipe.Contents() {
			if err := w.fetch(ctx, c); err != nil {
				return nil, err
			}
		}
		return w.store.Run(ctx, *claim.Job.Recipe, labhost.Options{Verb: "job", Watch: lab.Watch{Phase: func(p lab.Phase) { phases <- p }}})
	}()
	if cause := context.Cause(ctx); errors.Is(cause, errLost) {
		err = cause
	}
	cancel(nil)
	<-alive
	return rec, err
}

// keepAlive tells the server that a job goes on, and how far it is.
func (w *labWorker) keepAlive(ctx context.Context, cancel context.CancelCauseFunc, claim *record.LabClaim, phases <-chan lab.Phase) {
	t := time.NewTicker(max(claim.Lease/6, time.Second))
	defer t.Stop()
	sign := record.LabSign{Claim: claim.Claim}
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-phases:
			sign.Phase = string(p)
		case <-t.C:
		}
		err := w.ask(ctx, http.MethodPost, "/api/v1/lab/jobs/"+url.PathEscape(claim.Job.ID)+"/alive", sign, nil)
		if isStatus(err, http.StatusConflict) {
			cancel(errLost)
			return
		}
	}
}

// fetch gets a content that is not here.
func (w *labWorker) fetch(ctx context.Context, c lab.Content) error {
	if w.store.Has(c.SHA256) {
		return nil
	}
	body, err := w.at.open(ctx, "/api/v1/lab/contents/"+c.SHA256)
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = w.store.Add(c.Name, body, c.SHA256)
	return err
}

// send sends a run's record and its files.
func (w *labWorker) send(ctx context.Context, rec *lab.Record) (receipt string, files []record.RunFile, err error) {
	names := []string{rec.Outcome.Console.File}
	for i := range rec.Outcome.Steps {
		for _, o := range []lab.Output{rec.Outcome.Steps[i].Stdout, rec.Outcome.Steps[i].Stderr} {
			if o.Bytes > 0 {
				names = append(names, o.File)
			}
		}
	}
	for _, o := range rec.Outcome.Collect {
		names = append(names, o.File)
	}
	if v := rec.Outcome.Vmcore; v != nil && v.Error == "" {
		names = append(names, v.File)
	}
	for _, name := range names {
		c, err := w.store.AddFile(filepath.Join(w.store.Folder(rec.ID), name))
		if err != nil {
			return "", nil, err
		}
		path, err := w.store.Path(c)
		if err != nil {
			return "", nil, err
		}
		if err := w.put(ctx, c.SHA256, path); err != nil {
			return "", nil, err
		}
		files = append(files, record.RunFile{Name: name, SHA256: c.SHA256, Size: c.Size})
	}
	b, err := json.Marshal(rec)
	if err != nil {
		return "", nil, err
	}
	answer, err := w.at.call(ctx, http.MethodPost, "/api/v1/artefacts?source=lab&wait=1&filename="+url.QueryEscape(rec.ID+".json"), "application/octet-stream", bytes.NewReader(b))
	if err != nil {
		return "", nil, err
	}
	var r record.Receipt
	if err := json.Unmarshal(answer, &r); err != nil {
		return "", nil, err
	}
	return r.ID, files, nil
}
