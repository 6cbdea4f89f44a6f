package render

import (
	"fmt"
	"io"
	"strings"
	"time"

	"ringside/lab"
)

// LabRunsSchemaID names the JSON form of [LabRuns].
const LabRunsSchemaID = "https://ringside.dev/schemas/lab-runs.v1.json"

// LabRuns is the JSON of "lab list" and "lab rerun --times".
type LabRuns struct {
	Schema string       `json:"schema"`
	Runs   []lab.Record `json:"runs"`
}

// LabDoctorSchemaID names the JSON form of [LabDoctor].
const LabDoctorSchemaID = "https://ringside.dev/schemas/lab-doctor.v1.json"

// LabDoctor is the JSON of "lab doctor".
type LabDoctor struct {
	Schema   string            `json:"schema"`
	Machines []lab.Accelerator `json:"machines"`
	Missing  []string          `json:"missing"` // architectures that cannot be run here, and why
}

func verdictRole(v lab.Verdict) role {
	switch v {
	case lab.VerdictOK:
		return good
	case lab.VerdictInfra, lab.VerdictInterrupted:
		return caution
	}
	return danger
}

// seconds writes a duration as a run's table does.
func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// LabRun writes what became of a run.
func LabRun(w io.Writer, r *lab.Record, st Style) error {
	p := &printer{w: w, s: st}
	o := &r.Outcome
	p.line("%s  %s  %s", st.paint(verdictRole(o.Verdict), string(o.Verdict)), st.paint(strong, o.Reason), st.paint(faint, r.Recipe.Release+" "+r.Recipe.Arch+", "+r.Machine.Accel))
	if c := o.Crash; c != nil {
		p.line("  crash    %s  %s", st.paint(strong, c.Title), st.paint(faint, fmt.Sprintf("line %d of the console, signature %.12s", c.Line, c.Signature.Portable)))
	}
	for i := range o.Reports {
		if c := &o.Reports[i]; o.Crash == nil || c.Line != o.Crash.Line {
			p.line("  report   %s  %s", c.Title, st.paint(faint, fmt.Sprintf("%s, line %d", c.Impact, c.Line)))
		}
	}
	for i := range o.Steps {
		s := &o.Steps[i]
		if s.Failed() {
			p.line("  step %-3d %s  %s", i+1, stepEnd(s), st.paint(faint, cut(strings.Join(s.Argv, " "), st.width()-30)))
		}
	}
	for i, t := range o.Timings {
		end := o.Elapsed
		if i+1 < len(o.Timings) {
			end = o.Timings[i+1].At
		}
		if took := end - t.At; t.Phase != lab.PhaseEnded && t.Phase != lab.PhaseOff {
			p.line("  %-8s %8s  from %s", string(t.Phase), seconds(took), seconds(t.At))
		}
	}
	p.line("  took     %8s  %s", seconds(o.Elapsed), st.paint(faint, fmt.Sprintf("%s of the machine's time, %s of CPU; console %d lines", seconds(o.Machine), seconds(o.CPU), o.Console.Lines)))
	if v := o.Vmcore; v != nil {
		if v.Error != "" {
			p.line("  vmcore   %s", st.paint(caution, v.Error))
		} else {
			p.line("  vmcore   %d MiB: ringside lab show %s --file vmcore -o vmcore", v.Bytes>>20, r.ID)
		}
	}
	for _, n := range o.Notes {
		p.line("  note     %s", n)
	}
	for _, d := range r.Differs {
		p.line("  differs  %s", d)
	}
	if o.Forged > 0 {
		p.line("  forged   %s", st.paint(caution, plural(o.Forged, "frame")+" on the results' line that are not the init's"))
	}
	p.line("  %s", st.paint(faint, "ringside lab show "+r.ID+"; repeat it with ringside lab rerun "+r.ID))
	return p.err
}

func stepEnd(s *lab.StepResult) string {
	switch {
	case s.Error != "":
		return s.Error
	case !s.Done:
		return "never returned"
	case s.Signal != 0:
		return fmt.Sprintf("ended by signal %d", s.Signal)
	}
	return fmt.Sprintf("returned %d", s.Exit)
}

// LabTable writes a line per run, and at the end how often what came of them.
func LabTable(w io.Writer, list []lab.Record, st Style) error {
	p := &printer{w: w, s: st}
	if len(list) == 0 {
		p.line("No run yet: ringside lab run KERNEL -- COMMAND")
		return p.err
	}
	counts := map[lab.Verdict]int{}
	var order []lab.Verdict
	for i := range list {
		r := &list[i]
		if counts[r.Outcome.Verdict] == 0 {
			order = append(order, r.Outcome.Verdict)
		}
		counts[r.Outcome.Verdict]++
		what := r.Outcome.Reason
		if r.Outcome.Crash != nil {
			what = r.Outcome.Crash.Title
		}
		verdict := fmt.Sprintf("%-11s", string(r.Outcome.Verdict))
		p.line("%s  %s %7s  %-8s %s  %s", r.ID, st.paint(verdictRole(r.Outcome.Verdict), verdict), seconds(r.Outcome.Elapsed), r.Verb, cut(what, max(20, st.width()-90)), st.paint(faint, r.Recipe.Release))
	}
	var sum []string
	for _, v := range order {
		sum = append(sum, fmt.Sprintf("%d %s", counts[v], v))
	}
	p.line("%s", st.paint(faint, fmt.Sprintf("%s: %s", plural(len(list), "run"), strings.Join(sum, ", "))))
	return p.err
}

// LabDoctorReport writes how machines are run on a host.
func LabDoctorReport(w io.Writer, d *LabDoctor, st Style) error {
	p := &printer{w: w, s: st}
	for i := range d.Machines {
		a := &d.Machines[i]
		p.line("%-7s %s  QEMU %s; %s", a.Arch, st.paint(strong, a.Accel), a.QEMU, a.Reason)
		for _, t := range a.Tried {
			p.line("        canary with %s: %s  %s", t.Accel, t.Said, st.paint(faint, fmt.Sprintf("%s, %s of CPU", seconds(t.Took), seconds(t.CPU))))
		}
		if len(a.Tried) > 0 {
			p.line("        %s", st.paint(faint, fmt.Sprintf("this host is taken to be %.2f times as fast as the reference: patience is longer in proportion", a.Speed)))
		}
	}
	for _, m := range d.Missing {
		p.line("%s", st.paint(caution, m))
	}
	return p.err
}

// LabMatrixSchemaID names the JSON form of [LabMatrix].
const LabMatrixSchemaID = "https://ringside.dev/schemas/lab-matrix.v1.json"

// LabMatrix is the JSON of "lab matrix".
type LabMatrix struct {
	Schema  string         `json:"schema"`
	Kernels []string       `json:"kernels"`  // the rows
	Columns []string       `json:"variants"` // the columns: what differs beside the kernel
	Cells   []LabCell      `json:"cells"`
	Counts  map[string]int `json:"counts"` // runs by verdict
}

// LabCell is what became of one kernel in one variant.
type LabCell struct {
	Kernel  int          `json:"kernel"`
	Column  int          `json:"variant"`
	Runs    []lab.Record `json:"runs"`
	Verdict lab.Verdict  `json:"verdict"` // the worst of its runs
	Failed  int          `json:"failed"`  // runs that are not ok
}

// LabMatrixReport writes a matrix, and below it what went wrong in it.
func LabMatrixReport(w io.Writer, m *LabMatrix, st Style) error {
	p := &printer{w: w, s: st}
	width := 12
	for _, k := range m.Kernels {
		width = max(width, len(k))
	}
	column := 11
	for _, c := range m.Columns {
		column = max(column, min(len(c), 28))
	}
	head := fmt.Sprintf("%-*s", width, "kernel")
	for _, c := range m.Columns {
		head += fmt.Sprintf("  %-*s", column, cut(c, 28))
	}
	p.line("%s", st.paint(strong, head))
	for k, name := range m.Kernels {
		row := []any{}
		text := fmt.Sprintf("%-*s", width, name)
		row = append(row, painted(safe(text)))
		format := "%s"
		for c := range m.Columns {
			cell := m.cell(k, c)
			format += "  %s"
			label := string(cell.Verdict)
			if n := len(cell.Runs); n > 1 {
				label = fmt.Sprintf("%s %d/%d", label, n-cell.Failed, n)
			}
			row = append(row, st.paint(verdictRole(cell.Verdict), fmt.Sprintf("%-*s", column, label)))
		}
		p.line(format, row...)
	}
	for i := range m.Cells {
		c := &m.Cells[i]
		for j := range c.Runs {
			r := &c.Runs[j]
			if r.Outcome.Verdict == lab.VerdictOK {
				continue
			}
			what := r.Outcome.Reason
			if r.Outcome.Crash != nil {
				what = r.Outcome.Crash.Title + "; " + what
			}
			p.line("%s  %s, %s: %s  %s", st.paint(verdictRole(r.Outcome.Verdict), string(r.Outcome.Verdict)), m.Kernels[c.Kernel], m.Columns[c.Column], what, st.paint(faint, r.ID))
		}
	}
	return p.err
}

func (m *LabMatrix) cell(kernel, column int) LabCell {
	for _, c := range m.Cells {
		if c.Kernel == kernel && c.Column == column {
			return c
		}
	}
	return LabCell{Verdict: lab.VerdictInterrupted}
}

// LabJobsSchemaID names the JSON form of [LabJobs].
const LabJobsSchemaID = "https://ringside.dev/schemas/lab-jobs.v1.json"

// LabJobs is the JSON of "lab submit".
type LabJobs struct {
	Schema string   `json:"schema"`
	Jobs   []LabJob `json:"jobs"`
}

// LabJob is a job of a server's lab, as it stands.
type LabJob struct {
	ID      string      `json:"id"`
	Name    string      `json:"name"`
	Batch   string      `json:"batch"`
	Release string      `json:"release"`
	Arch    string      `json:"arch"`
	State   string      `json:"state"` // queued, running, done, failed, cancelled
	Verdict lab.Verdict `json:"verdict,omitempty"`
	Worker  string      `json:"worker,omitempty"`
	Error   string      `json:"error,omitempty"`
	Run     string      `json:"run,omitempty"` // receipt of the run's record
	EndedAt *time.Time  `json:"ended_at"`
}

// LabJobList writes a line per job.
func LabJobList(w io.Writer, jobs []LabJob, server string, st Style) error {
	p := &printer{w: w, s: st}
	for _, j := range jobs {
		p.line("%s  %-9s %s  %s", j.ID, j.State, st.paint(verdictRole(j.Verdict), fmt.Sprintf("%-11s", string(j.Verdict))), strings.TrimSpace(j.Name+" "+j.Release+" "+j.Error))
		if j.Run != "" {
			p.line("  %s", st.paint(faint, strings.TrimSuffix(server, "/")+"/lab/runs/"+j.Run))
		}
	}
	return p.err
}
