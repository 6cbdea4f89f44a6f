package render

import (
	"fmt"
	"io"
	"strings"
	"time"

	"ringside/probe"
	"ringside/trace/latency"
)

// The JSON forms of the verbs of probe.
const (
	ProbeRecipesSchemaID = "https://ringside.dev/schemas/probe-recipes.v1.json"
	ProbeDoctorSchemaID  = "https://ringside.dev/schemas/probe-doctor.v1.json"
	ProbeReportSchemaID  = "https://ringside.dev/schemas/probe-report.v1.json"
)

// ProbeRecipes lists recipes.
type ProbeRecipes struct {
	Schema  string         `json:"schema"`
	Recipes []probe.Recipe `json:"recipes"`
}

// ProbeRecipeList prints recipes by group.
func ProbeRecipeList(w io.Writer, l ProbeRecipes, st Style) error {
	p := &printer{w: w, s: st}
	group := ""
	for _, r := range l.Recipes {
		if r.Group != group {
			group = r.Group
			p.section(strings.ToUpper(group[:1]) + group[1:])
		}
		p.line("  %s  %s", p.s.paint(strong, fmt.Sprintf("%-16s", r.Name)), r.Answers)
		p.line("  %-16s  %s", "", p.s.paint(faint, "cost: "+r.Cost))
	}
	return p.err
}

// ProbeDoctor is what a kernel allows.
type ProbeDoctor struct {
	Schema  string               `json:"schema"`
	Checks  []probe.Check        `json:"checks"`
	Recipes []probe.Availability `json:"recipes"`
}

// ProbeDoctorReport prints it.
func ProbeDoctorReport(w io.Writer, d ProbeDoctor, st Style) error {
	p := &printer{w: w, s: st}
	p.section("What this kernel allows")
	for _, c := range d.Checks {
		mark := "yes"
		says := c.Says
		if !c.OK {
			mark = "no"
		}
		if says == "yes" {
			says = ""
		}
		p.line("  %-3s  %-36s  %s", mark, c.What, p.s.paint(faint, says))
	}
	p.section("How recipes would be recorded")
	for _, r := range d.Recipes {
		with := r.With
		if with == "" {
			with = "not at all"
		}
		p.line("  %s  %s", p.s.paint(strong, fmt.Sprintf("%-16s", r.Recipe)), with)
		for _, a := range r.Against {
			p.line("  %-16s  %s", "", p.s.paint(faint, "not with "+a.With+": "+a.Why))
		}
		if r.Loses != "" {
			p.line("  %-16s  %s", "", p.s.paint(faint, r.Loses))
		}
	}
	return p.err
}

// ProbeReport is what a run of a recipe says.
type ProbeReport struct {
	Schema  string `json:"schema"`
	Recipe  string `json:"recipe"`
	Title   string `json:"title"`
	Answers string `json:"answers"`
	About   string `json:"about,omitempty"`
	// Answer are the first things to know.
	Answer  []string         `json:"answer,omitempty"`
	Begin   time.Time        `json:"begin"`
	With    string           `json:"with"` // the engine
	Against []probe.Objected `json:"against,omitempty"`
	// Loses says what is worse than with the ways that were not possible.
	Loses   string        `json:"loses,omitempty"`
	Elapsed time.Duration `json:"elapsed_ns"`
	Events  uint64        `json:"events"`
	Lost    uint64        `json:"lost"`
	// Spent is the CPU time that the probe's programs took in the kernel, 0 where
	// the kernel does not measure it.
	Spent  time.Duration `json:"spent_ns,omitempty"`
	Tables []ProbeTable  `json:"tables,omitempty"`
	// Latency are the latencies that a trace's events allow, by kind.
	Latency map[string]latency.Latency `json:"latency,omitempty"`
	Top     []ProfileTop               `json:"top,omitempty"`
	Files   []ProbeFile                `json:"files,omitempty"`
	Notes   []string                   `json:"notes,omitempty"`
}

// A ProbeTable is what was measured in the kernel, with its percentiles; they
// are right to 1.6 %.
type ProbeTable struct {
	probe.Table
	P50  time.Duration `json:"p50_ns,omitempty"`
	P90  time.Duration `json:"p90_ns,omitempty"`
	P99  time.Duration `json:"p99_ns,omitempty"`
	P999 time.Duration `json:"p999_ns,omitempty"`
}

// A ProbeFile is something that a run has written.
type ProbeFile struct {
	What string `json:"what"`
	Path string `json:"path"`
	// Picture is a still of it as SVG, for the report's page.
	Picture []byte `json:"-"`
}

// NewProbeReport begins the report of a recording.
func NewProbeReport(r *probe.Recipe, c *probe.Choice, rec *probe.Recording, begin time.Time) ProbeReport {
	doc := ProbeReport{
		Schema: ProbeReportSchemaID, Recipe: r.Name, Title: r.Title, Answers: r.Answers, About: strings.TrimSpace(r.About),
		Begin: begin.UTC(), With: c.Capture.With, Against: c.Against, Loses: c.Capture.Loses,
		Elapsed: rec.Elapsed, Events: rec.Events, Lost: rec.Lost, Spent: rec.Spent, Notes: rec.Notes,
	}
	for _, t := range rec.Tables {
		doc.Tables = append(doc.Tables, newProbeTable(t))
	}
	return doc
}

func newProbeTable(t probe.Table) ProbeTable {
	at := func(q float64) time.Duration { return min(t.Max, t.Histogram.Quantile(q)) }
	return ProbeTable{t, at(.5), at(.9), at(.99), at(.999)}
}

// ProbeReportText prints the report.
func ProbeReportText(w io.Writer, r ProbeReport, st Style) error {
	p := &printer{w: w, s: st}
	p.line("%s  %s", p.s.paint(strong, r.Title), p.s.paint(faint, r.Answers))
	for _, x := range r.Answer {
		p.wrapped("", x, strong)
	}
	cost := ""
	if r.Spent > 0 {
		cost = fmt.Sprintf("; the probe took %s of CPU time, %.2f %% of one CPU", r.Spent.Round(time.Microsecond), 100*float64(r.Spent)/float64(max(1, r.Elapsed)))
	}
	p.line("%s", p.s.paint(faint, fmt.Sprintf("%s with %s, %d events%s", r.Elapsed.Round(time.Millisecond), r.With, r.Events, cost)))
	for _, a := range r.Against {
		p.line("%s", p.s.paint(faint, "not with "+a.With+": "+a.Why))
	}
	if r.Loses != "" {
		p.line("%s", p.s.paint(faint, r.Loses))
	}
	if r.Lost > 0 {
		p.line("%s", p.s.paint(danger, fmt.Sprintf("%d events were lost", r.Lost)))
	}
	for _, n := range r.Notes {
		p.line("%s", n)
	}
	for _, t := range r.Tables {
		p.probeTable(t)
	}
	p.latencies(r.Latency, 3)
	for _, t := range r.Top {
		if p.err == nil {
			p.line("")
			p.err = ProfileTopTable(p.w, t, p.s)
		}
	}
	if len(r.Files) > 0 {
		p.section("Files")
		for _, f := range r.Files {
			p.line("  %s  %s", f.Path, p.s.paint(faint, f.What))
		}
	}
	if r.About != "" {
		p.line("")
		p.wrapped("", r.About, faint)
	}
	return p.err
}

const probeRows = 10

func (p *printer) probeTable(t ProbeTable) {
	p.section(t.Title)
	if t.Lost > 0 {
		p.line("  %s", p.s.paint(danger, fmt.Sprintf("%d did not fit into the kernel's tables", t.Lost)))
	}
	switch {
	case t.Kept && t.Count == 0:
		p.line("  nothing stayed, of %d that were made", t.Made)
		return
	case t.Count == 0:
		p.line("  it did not happen")
		return
	case t.Kept:
		p.line("  %s in %d that stayed, of %d that were made", bytesText(int64(t.Bytes)), t.Count, t.Made)
	case len(t.Histogram.Counts) > 0:
		p.line("  %d times  p50 %s  p90 %s  p99 %s  p99.9 %s  max %s  total %s", t.Count, brief(t.P50), brief(t.P90), brief(t.P99), brief(t.P999), brief(t.Max), brief(t.Total))
		p.histogram(t.Histogram)
	case t.Timed:
		p.line("  %d times  max %s  total %s", t.Count, brief(t.Max), brief(t.Total))
	default:
		p.line("  %d times", t.Count)
	}
	if len(t.Rows) == 0 {
		return
	}
	p.line("")
	by := strings.ToUpper(strings.Join(t.By, ", "))
	head := fmt.Sprintf("%10s  %s", "TIMES", by)
	switch {
	case t.Kept:
		head = fmt.Sprintf("%10s %10s  %s", "TIMES", "BYTES", by)
	case t.Timed:
		head = fmt.Sprintf("%10s %10s %10s %10s  %s", "TIMES", "TOTAL", "MEAN", "MAX", by)
	}
	p.line("  %s", p.s.paint(faint, head))
	for i, r := range t.Rows {
		if i == probeRows {
			p.line("  %s", p.s.paint(faint, fmt.Sprintf("%d more rows; --json has all", len(t.Rows)-probeRows)))
			break
		}
		label := strings.Join(r.Label, ", ")
		switch {
		case t.Kept:
			p.line("  %10d %10s  %s", r.Count, bytesText(int64(r.Bytes)), label)
			if len(r.Stack) > 0 {
				p.line("  %21s  %s", "", p.s.paint(faint, strings.Join(r.Stack[:min(len(r.Stack), 6)], " < ")))
			}
		case t.Timed:
			p.line("  %10d %10s %10s %10s  %s", r.Count, brief(r.Total), brief(r.Total/time.Duration(max(1, r.Count))), brief(r.Max), label)
		default:
			p.line("  %10d  %s", r.Count, label)
		}
	}
}

// histogram draws powers of two.
func (p *printer) histogram(h probe.Histogram) {
	var sums [64]uint64
	first, last, most := 64, 0, uint64(0)
	for i, n := range h.Counts {
		if n == 0 {
			continue
		}
		low, _ := probe.BucketRange(i)
		k := 0
		for v := low; v > 1; v >>= 1 {
			k++
		}
		sums[k] += n
		first, last, most = min(first, k), max(last, k), max(most, sums[k])
	}
	for k := first; k <= last && k < 63; k++ {
		bar := strings.Repeat("█", int(40*sums[k]/most))
		if bar == "" && sums[k] > 0 {
			bar = "▏"
		}
		p.line("  %9s – %9s %10d %s", brief(time.Duration(1)<<k), brief(time.Duration(1)<<(k+1)), sums[k], bar)
	}
}

// brief writes a duration with three digits.
func brief(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.3g s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.3g ms", float64(d)/1e6)
	case d >= time.Microsecond:
		return fmt.Sprintf("%.3g µs", float64(d)/1e3)
	}
	return fmt.Sprintf("%d ns", d)
}
