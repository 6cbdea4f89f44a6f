package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"ringside/internal/record"
	"ringside/lab"
)

// labView is the lab: who works, what waits, what was run.
type labView struct {
	*record.LabRunPage
	Origin    string
	Workers   []record.LabWorker
	Jobs      []record.LabJob // that run or wait
	Waiting   int64
	Running   int64
	Verdicts  []choice
	Pager     pager
	Text      string
	Chosen    string
	Filters   bool
	MayChange bool
}

// verdicts are what becomes of a run, in the order in which a page offers them, with the
// state that a page shows it as.
var verdicts = []struct {
	verdict lab.Verdict
	tone    string
}{
	{lab.VerdictOK, "done"}, {lab.VerdictCrashed, "dead"}, {lab.VerdictHung, "dead"}, {lab.VerdictFailed, "dead"}, {lab.VerdictFlood, "dead"},
	{lab.VerdictInfra, "muted"}, {lab.VerdictInterrupted, "muted"},
}

// verdictTone is how a verdict looks.
func verdictTone(v lab.Verdict) string {
	for _, x := range verdicts {
		if x.verdict == v {
			return x.tone
		}
	}
	return "open"
}

// shownJobs bounds the waiting jobs of a page; the API lists all.
const shownJobs = 20

func (s *site) labPage(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "q", "verdict", "kernel", "key", "offset")
	if err != nil {
		return err
	}
	offset, err := q.number("offset")
	if err != nil {
		return err
	}
	f := record.LabRunFilter{Verdict: q.get("verdict"), Kernel: q.get("kernel"), Key: q.get("key"), Text: q.get("q"), Window: record.Window{Limit: pageRows, Offset: offset}}
	page, err := s.svc.LabRuns(r.Context(), f)
	if err != nil {
		return err
	}
	jobs, err := s.svc.LabJobs(r.Context(), record.LabJobFilter{Window: record.Window{Limit: shownJobs}})
	if err != nil {
		return err
	}
	workers, err := s.svc.LabWorkers(r.Context())
	if err != nil {
		return err
	}
	v := labView{LabRunPage: page, Origin: origin(r), Workers: workers, Waiting: jobs.States[record.LabQueued], Running: jobs.States[record.LabRunning],
		Pager: q.pager(offset, len(page.Items), pageRows, page.Total), Text: f.Text, Chosen: f.Verdict, Filters: f.Verdict+f.Kernel+f.Key+f.Text != "", MayChange: s.mayChange(r)}
	for _, j := range jobs.Items {
		if j.State == record.LabRunning || j.State == record.LabQueued {
			v.Jobs = append(v.Jobs, j)
		}
	}
	for _, x := range verdicts {
		c := choice{Value: string(x.verdict), Label: string(x.verdict), Count: page.Verdicts[x.verdict], Chosen: f.Verdict == string(x.verdict)}
		if c.Count > 0 || c.Chosen {
			set := c.Value
			if c.Chosen {
				set = ""
			}
			c.URL = q.with("verdict", set)
			v.Verdicts = append(v.Verdicts, c)
		}
	}
	return s.show(w, r, "lab", layout{Title: "Lab", Section: "lab", API: "/api/v1/lab/runs", View: v})
}

// labRunView is one run.
type labRunView struct {
	*record.LabRunDetail
	Phases []labPhase
	Needs  []lab.Content
	Recipe string // JSON, to be read
	Argv   string // of QEMU
	Counts []choice
	Total  int64
	Tail   string // of the console
}

// labPhase is a phase of a run and its part of the whole.
type labPhase struct {
	lab.Timing
	Took    time.Duration
	Percent int
}

func (s *site) labRun(w http.ResponseWriter, r *http.Request) error {
	d, err := s.svc.LabRun(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	v := labRunView{LabRunDetail: d, Needs: d.Record.Recipe.Contents(), Argv: strings.Join(d.Record.Machine.Args, " "), Tail: s.consoleTail(r, d)}
	for i, t := range d.Record.Outcome.Timings {
		end := d.Record.Outcome.Elapsed
		if i+1 < len(d.Record.Outcome.Timings) {
			end = d.Record.Outcome.Timings[i+1].At
		}
		p := labPhase{Timing: t, Took: max(0, end-t.At)}
		if d.Record.Outcome.Elapsed > 0 {
			p.Percent = int(100 * p.Took / d.Record.Outcome.Elapsed)
		}
		v.Phases = append(v.Phases, p)
	}
	text, err := json.MarshalIndent(&d.Record.Recipe, "", "  ")
	if err != nil {
		return err
	}
	v.Recipe = string(text)
	for _, x := range verdicts {
		if n := d.Counts[x.verdict]; n > 0 {
			v.Counts = append(v.Counts, choice{Value: x.tone, Label: string(x.verdict), Count: n})
			v.Total += n
		}
	}
	return s.show(w, r, "labrun", layout{Title: "Run " + d.Run, Section: "lab", API: "/api/v1/lab/runs/" + d.ID, View: v})
}

// labFile sends a file of a run.
func (s *site) labFile(w http.ResponseWriter, r *http.Request) error {
	d, err := s.svc.LabRun(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(d.Files, func(f record.RunFile) bool { return f.Name == r.PathValue("file") })
	if i < 0 {
		return fmt.Errorf("file %q of run %s: %w", r.PathValue("file"), d.Run, record.ErrNotFound)
	}
	in, size, err := s.svc.OpenLabContent(r.Context(), d.Files[i].SHA256)
	if err != nil {
		return err
	}
	defer in.Close()
	attachment(w, d.Run+"-"+path.Base(d.Files[i].Name), short(d.Files[i].SHA256), size)
	copyOrAbort(w, r, s.log, in)
	return nil
}

// consoleEnd is how much of a console's end a run's page shows.
const consoleEnd = 12 << 10

// consoleTail returns the last lines of a run's console, where it was sent.
func (s *site) consoleTail(r *http.Request, d *record.LabRunDetail) string {
	i := slices.IndexFunc(d.Files, func(f record.RunFile) bool { return f.Name == d.Record.Outcome.Console.File })
	if i < 0 {
		return ""
	}
	in, size, err := s.svc.OpenLabContent(r.Context(), d.Files[i].SHA256)
	if err != nil {
		s.log.Warn("cannot show a console", "run", d.ID, "error", err)
		return ""
	}
	defer in.Close()
	if _, err := io.CopyN(io.Discard, in, max(0, size-consoleEnd)); err != nil {
		return ""
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return ""
	}
	if size > consoleEnd {
		if nl := bytes.IndexByte(text, '\n'); nl >= 0 {
			text = text[nl+1:]
		}
	}
	return strings.ToValidUTF8(strings.ReplaceAll(string(text), "\r", ""), "\uFFFD")
}

func (s *site) cancelLabJob(w http.ResponseWriter, r *http.Request) error {
	if !s.mayChange(r) {
		return errReadOnly
	}
	if _, err := s.svc.CancelLabJob(r.Context(), r.PathValue("id"), ""); err != nil {
		return err
	}
	http.Redirect(w, r, "/lab", http.StatusSeeOther)
	return nil
}
