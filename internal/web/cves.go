package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringside/internal/record"
)

// cvesView is the CVEs that touch the fleet, or may.
type cvesView struct {
	Origin  string
	Feed    *record.Feed
	Kernels []record.KernelExposure
	Waiting int64
	Chart   chart
	Items   []record.CVE
	Columns []column
	Pager   pager
	Empty   bool // no kernel was judged
	Active  []choice
	States  []choice
	Levels  []choice // severities
	All     bool
	Text    string
	State   string
	Sort    string
}

// clockStates are the states of a board, with what a reader calls them.
var clockStates = []choice{
	{Value: string(record.ClockOverdue), Label: "overdue"}, {Value: string(record.ClockSoon), Label: "due soon"},
	{Value: string(record.ClockRunning), Label: "in time"}, {Value: string(record.ClockNone), Label: "no deadline"},
	{Value: string(record.ClockAccepted), Label: "risk accepted"}, {Value: string(record.ClockStopped), Label: "not affected"},
}

// severities from the worst to the mildest.
var severities = []string{"critical", "high", "medium", "low"}

// boardKernels is how many kernels the board shows beside its trend.
const boardKernels = 8

func (s *site) cves(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "q", "state", "severity", "kernel", "all", "sort", "offset")
	if err != nil {
		return err
	}
	offset, err := q.number("offset")
	if err != nil {
		return err
	}
	f := record.CVEFilter{Text: q.get("q"), Severity: q.get("severity"), State: record.ClockState(q.get("state")), Kernel: q.get("kernel"),
		All: q.get("all") != "", Sort: record.CVESort(q.get("sort")), Window: record.Window{Limit: pageRows, Offset: offset}}
	p, err := s.svc.CVEs(r.Context(), f)
	if err != nil {
		return err
	}
	e, err := s.svc.Exposures(r.Context())
	if err != nil {
		return err
	}
	v := cvesView{Origin: origin(r), Feed: e.Feed, Kernels: e.Kernels[:min(len(e.Kernels), boardKernels)], Waiting: e.Waiting, Items: p.Items,
		Pager: q.pager(offset, len(p.Items), pageRows, p.Total), Empty: len(e.Kernels) == 0, All: f.All, Text: f.Text, State: q.get("state"), Sort: q.get("sort")}
	if !v.Empty {
		v.Chart = exposureChart(e.Trend, "Open CVEs")
	}
	const standard = string(record.CVEsByDue)
	v.Columns = []column{
		q.column("CVE", "wide", string(record.CVEsByID), standard, false), q.column("Severity", "", string(record.CVEsByScore), standard, false),
		q.column("Deadline", "", standard, standard, false), q.column("Kernels", "n", string(record.CVEsByKernels), standard, false),
		q.column("Hosts", "n", "", "", false), q.column("Exposed since", "", string(record.CVEsBySince), standard, false),
	}
	for _, c := range clockStates {
		c.Count, c.Chosen = p.States[record.ClockState(c.Value)], c.Value == q.get("state")
		if c.Count > 0 || c.Chosen {
			set := c.Value
			if c.Chosen {
				set = ""
			}
			c.URL = q.with("state", set)
			v.States = append(v.States, c)
		}
	}
	for _, l := range severities {
		v.Levels = append(v.Levels, choice{Value: l, Label: l, Chosen: l == f.Severity})
	}
	for _, k := range []string{"q", "severity", "kernel"} {
		if val := q.get(k); val != "" {
			v.Active = append(v.Active, choice{Label: k, Value: val, URL: q.with(k, "")})
		}
	}
	return s.show(w, r, "cves", layout{Title: "CVEs", Section: "cves", API: "/api/v1/cves", Charts: true, View: v})
}

// exposureChart shows the state of each day, not what came on it.
func exposureChart(t record.ExposureTrend, label string) chart {
	first := record.Trend{FirstDay: t.FirstDay}.Day(0)
	list := []series{{Label: "affected", Color: "fault", Counts: t.Affected}, {Label: "undetermined", Color: "assertion", Counts: t.Undetermined}}
	if slices.Max(t.Dismissed) > 0 {
		list = append(list, series{Label: "in range, but not built or not loaded", Color: "rest", Counts: t.Dismissed})
	}
	n := len(t.Affected)
	summary := count(t.Affected[n-1], "affects now", "affect now")
	if then := t.Affected[max(0, n-31)]; then > 0 {
		summary += ", " + num(then) + " 30 days ago"
	}
	return levelChart(label, summary, first, list)
}

// cveView is a CVE with what a decision about it needs.
type cveView struct {
	*record.CVEDetail
	MayChange bool
	By        string
	Months    []choice // until when a risk may be accepted
	Open      int      // exposures that are affected
}

func (s *site) cve(w http.ResponseWriter, r *http.Request) error {
	d, err := s.svc.CVE(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	v := cveView{CVEDetail: d, MayChange: s.mayChange(r), By: by(r)}
	for _, e := range d.Exposures {
		if e.Verdict == record.VerdictAffected {
			v.Open++
		}
	}
	for _, n := range []int{30, 90, 180, 365} {
		v.Months = append(v.Months, choice{Value: strconv.Itoa(n), Label: s.now().UTC().AddDate(0, 0, n).Format(time.DateOnly) + ", in " + strconv.Itoa(n) + " days", Chosen: n == 90})
	}
	return s.show(w, r, "cve", layout{Title: d.ID, Section: "cves", API: "/api/v1/cves/" + d.ID, View: v})
}

func (s *site) acceptRisk(w http.ResponseWriter, r *http.Request) error {
	f, err := s.form(w, r)
	if err != nil {
		return err
	}
	days, err := strconv.Atoi(f.Get("days"))
	if err != nil {
		return fmt.Errorf("days=%q: %w: it is a number of days", f.Get("days"), record.ErrInvalid)
	}
	k, err := s.svc.AcceptRisk(r.Context(), record.RiskChange{CVE: r.PathValue("id"), Kernel: f.Get("kernel"), Reason: f.Get("reason"), Approver: f.Get("by"),
		Expires: s.now().Add(time.Duration(min(days, 3650)) * 24 * time.Hour)})
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/cves/"+k.CVE, http.StatusSeeOther)
	return nil
}

func (s *site) revokeRisk(w http.ResponseWriter, r *http.Request) error {
	f, err := s.form(w, r)
	if err != nil {
		return err
	}
	if err := s.svc.RevokeRisk(r.Context(), r.PathValue("risk"), f.Get("by")); err != nil {
		return err
	}
	d, err := s.svc.CVE(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/cves/"+d.ID, http.StatusSeeOther)
	return nil
}

// exposureView is what touches one kernel.
type exposureView struct {
	*record.KernelExposure
	Chart    chart
	Items    []record.KernelVerdict
	Pager    pager
	Text     string
	Verdict  string
	Verdicts []choice
	Legal    []reductionRow
	Whole    int64 // all verdicts
	Base     []record.KernelBaseline
}

// reductionRow is a change of configuration with the share of CVEs that it takes.
type reductionRow struct {
	record.Reduction
	Share int
	First []string // of the CVEs, for a glance
}

// verdictLabels are the verdicts in a reader's words.
var verdictLabels = []choice{
	{Value: record.VerdictAffected, Label: "affected"}, {Value: record.VerdictUndetermined, Label: "undetermined"},
	{Value: record.VerdictNotCompiled, Label: "not in the build"}, {Value: record.VerdictNotLoaded, Label: "not loaded"},
	{Value: record.VerdictFixed, Label: "fixed"}, {Value: record.VerdictNotInRange, Label: "not in range"},
}

// shownReductions is how many changes of configuration a page proposes.
const shownReductions = 20

func (s *site) kernelCVEs(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "q", "verdict", "offset")
	if err != nil {
		return err
	}
	offset, err := q.number("offset")
	if err != nil {
		return err
	}
	e, err := s.svc.KernelExposure(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	p, err := s.svc.Verdicts(r.Context(), e.Kernel.ID, record.VerdictFilter{Verdict: q.get("verdict"), Text: q.get("q"), Window: record.Window{Limit: pageRows, Offset: offset}})
	if err != nil {
		return err
	}
	v := exposureView{KernelExposure: e, Chart: exposureChart(e.Trend, "CVEs of this kernel"), Items: p.Items, Pager: q.pager(offset, len(p.Items), pageRows, p.Total),
		Text: q.get("q"), Verdict: q.get("verdict")}
	if v.Base, err = s.svc.Baselines(r.Context(), e.Kernel.ID); err != nil {
		return err
	}
	for _, n := range e.Counts {
		v.Whole += n
	}
	for _, c := range verdictLabels {
		if c.Value == record.VerdictFixed || c.Value == record.VerdictNotInRange {
			continue // they are only counted
		}
		c.Count, c.Chosen = e.Counts[c.Value], c.Value == v.Verdict
		if c.Count == 0 && !c.Chosen {
			continue
		}
		set := c.Value
		if c.Chosen {
			set = ""
		}
		c.URL = q.with("verdict", set)
		v.Verdicts = append(v.Verdicts, c)
	}
	affected := max(1, e.Counts[record.VerdictAffected])
	for _, x := range e.Ranking[:min(len(e.Ranking), shownReductions)] {
		v.Legal = append(v.Legal, reductionRow{x, int(int64(len(x.CVEs)) * 100 / affected), x.CVEs[:min(len(x.CVEs), 3)]})
	}
	return s.show(w, r, "exposure", layout{Title: "CVEs of " + e.Kernel.Release, Section: "cves", API: "/api/v1/kernels/" + e.Kernel.ID + "/verdicts", Charts: true, View: v})
}

// baselinesView is how kernels do under baselines.
type baselinesView struct {
	Origin    string
	Baselines []string // in the order of the columns
	Rows      []baselineRow
	Drifts    bool // some host told of itself
}

type baselineRow struct {
	Kernel record.KernelRef
	Hosts  int64
	Cells  []*record.KernelBaseline // one per baseline, nil where it was not checked
	Drift  *record.Drift            // nil where no host told of itself
}

func (s *site) baselines(w http.ResponseWriter, r *http.Request) error {
	list, err := s.svc.Baselines(r.Context(), "")
	if err != nil {
		return err
	}
	v := baselinesView{Origin: origin(r)}
	for _, b := range list {
		if !slices.Contains(v.Baselines, b.Baseline) {
			v.Baselines = append(v.Baselines, b.Baseline)
		}
	}
	slices.Sort(v.Baselines)
	for i := range list {
		b := &list[i]
		if n := len(v.Rows); n == 0 || v.Rows[n-1].Kernel.ID != b.Kernel.ID {
			v.Rows = append(v.Rows, baselineRow{Kernel: b.Kernel, Hosts: b.Hosts, Cells: make([]*record.KernelBaseline, len(v.Baselines))})
		}
		v.Rows[len(v.Rows)-1].Cells[slices.Index(v.Baselines, b.Baseline)] = b
	}
	drift, err := s.svc.Drift(r.Context(), "")
	if err != nil {
		return err
	}
	for i := range drift {
		d := &drift[i]
		at := slices.IndexFunc(v.Rows, func(row baselineRow) bool { return row.Kernel.ID == d.Kernel.ID })
		if at < 0 { // no inventory of it was sent
			at = len(v.Rows)
			v.Rows = append(v.Rows, baselineRow{Kernel: d.Kernel, Hosts: d.Hosts, Cells: make([]*record.KernelBaseline, len(v.Baselines))})
		}
		v.Rows[at].Drift, v.Drifts = d, true
	}
	return s.show(w, r, "baselines", layout{Title: "Baselines", Section: "baselines", API: "/api/v1/baselines", View: v})
}

// baselineView is how one kernel does under each baseline.
type baselineView struct {
	Origin string
	Kernel record.KernelRef
	Items  []record.KernelBaseline
	Drift  *record.Drift // nil where no host told of itself
}

func (s *site) kernelBaselines(w http.ResponseWriter, r *http.Request) error {
	list, err := s.svc.Baselines(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	drift, err := s.svc.Drift(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	v := baselineView{Origin: origin(r), Items: list}
	switch {
	case len(list) > 0:
		v.Kernel = list[0].Kernel
	case len(drift) > 0:
		v.Kernel = drift[0].Kernel
	default:
		return fmt.Errorf("baselines of kernel %s: %w: neither an inventory nor a host's report of it was sent", r.PathValue("id"), record.ErrNotFound)
	}
	// A release may be of several architectures.
	if i := slices.IndexFunc(drift, func(d record.Drift) bool { return d.Kernel.ID == v.Kernel.ID }); i >= 0 {
		v.Drift = &drift[i]
	}
	return s.show(w, r, "baseline", layout{Title: "Baselines of " + v.Kernel.Release, Section: "baselines", API: "/api/v1/baselines?kernel=" + v.Kernel.ID, View: v})
}

// severityTone is the colour of a severity.
func severityTone(level string) string {
	switch strings.ToLower(level) {
	case "critical":
		return "fault"
	case "high":
		return "hang"
	case "medium":
		return "assertion"
	case "low":
		return "io"
	}
	return "unknown"
}
