package web

import (
	"fmt"
	"net/http"

	"ringside/internal/record"
)

// dumpsView is the kernel dumps that were sent.
type dumpsView struct {
	Origin string
	Items  []record.Dump
	Pager  pager
	States []choice
	Active []choice
}

func (s *site) dumps(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "host", "kernel", "kind", "state", "offset")
	if err != nil {
		return err
	}
	offset, err := q.number("offset")
	if err != nil {
		return err
	}
	p, err := s.svc.Dumps(r.Context(), record.DumpFilter{Host: q.get("host"), Kernel: q.get("kernel"), Kind: q.get("kind"),
		State: record.DumpState(q.get("state")), Window: record.Window{Limit: pageRows, Offset: offset}})
	if err != nil {
		return err
	}
	v := dumpsView{Origin: origin(r), Items: p.Items, Pager: q.pager(offset, len(p.Items), pageRows, p.Total)}
	for _, state := range []record.DumpState{"", record.DumpQueued, record.DumpRunning, record.DumpAnalysed, record.DumpFailed} {
		c := choice{Value: string(state), Label: string(state), Chosen: q.get("state") == string(state), URL: q.with("state", string(state))}
		if state == "" {
			c.Label = "all"
		}
		v.States = append(v.States, c)
	}
	for _, k := range []string{"host", "kernel", "kind"} {
		if val := q.get(k); val != "" {
			v.Active = append(v.Active, choice{Label: k, Value: val, URL: q.with(k, "")})
		}
	}
	return s.show(w, r, "dumps", layout{Title: "Dumps", Section: "dumps", API: "/api/v1/dumps", View: v})
}

// dumpView is one dump: its head, which part of it is shown, and that part.
type dumpView struct {
	*record.Dump
	Doc       *dumpDoc
	Tabs      []choice
	Tab       string
	Path      string
	MayChange bool

	Overview *dumpOverview
	Tasks    *dumpTasksView
	Stacks   *dumpStacksView
	Locks    *lockGraph
	Memory   *dumpMemoryView
	Log      *dumpLogView
}

// dumpTabs are the parts of a dump's page.
var dumpTabs = []struct{ name, label string }{
	{"", "Overview"}, {"tasks", "Tasks"}, {"stacks", "Stacks"}, {"locks", "Locks"}, {"memory", "Memory"}, {"system", "System"}, {"log", "Log"},
}

func (s *site) dump(w http.ResponseWriter, r *http.Request) error {
	d, err := s.svc.Dump(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	v := &dumpView{Dump: d, Path: "/dumps/" + d.ID, Tab: r.PathValue("tab"), MayChange: s.mayChange(r)}
	known := false
	for _, t := range dumpTabs {
		c := choice{Value: t.name, Label: t.label, Chosen: t.name == v.Tab, URL: v.Path}
		if t.name != "" {
			c.URL += "/" + t.name
		}
		known = known || c.Chosen
		v.Tabs = append(v.Tabs, c)
	}
	if !known {
		return errNoPage
	}
	if d.Summary != nil {
		if v.Doc, err = s.dumpDoc(r.Context(), d); err != nil {
			return err
		}
		if err := s.fillDump(r, v); err != nil {
			return err
		}
	} else if v.Tab != "" {
		http.Redirect(w, r, v.Path, http.StatusSeeOther)
		return nil
	}
	return s.show(w, r, "dump", layout{Title: v.Name(), Section: "dumps", API: "/api/v1/dumps/" + d.ID, View: v})
}

// fillDump makes the part that is shown.
func (s *site) fillDump(r *http.Request, v *dumpView) (err error) {
	switch v.Tab {
	case "":
		v.Overview = newDumpOverview(v)
	case "tasks":
		v.Tasks, err = newDumpTasks(r, v.Doc)
	case "stacks":
		v.Stacks, err = newDumpStacks(r, v.Doc)
	case "locks":
		if waits := v.Doc.Sections.Waits; waits != nil {
			v.Locks = drawLocks(&waits.Graph, v.Path)
		}
	case "memory":
		v.Memory = newDumpMemory(v.Doc)
	case "log":
		v.Log, err = s.dumpLog(r, v)
	}
	return err
}

// Name is what the dump is called: by what is wrong, once that is known.
func (v *dumpView) Name() string {
	switch {
	case v.Summary != nil && v.Summary.Title != "":
		return v.Summary.Title
	case v.Filename != "":
		return v.Filename
	}
	return "Dump " + short(v.SHA256)
}

// Waiting tells whether the analysis is still to come.
func (v *dumpView) Waiting() bool {
	return v.State == record.DumpQueued || v.State == record.DumpRunning
}

// analyseDump queues the analysis of a dump again.
func (s *site) analyseDump(w http.ResponseWriter, r *http.Request) error {
	if !s.mayChange(r) {
		return errReadOnly
	}
	d, err := s.svc.Dump(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := s.svc.Reanalyse(r.Context(), d.SHA256); err != nil {
		return err
	}
	http.Redirect(w, r, "/dumps/"+d.ID, http.StatusSeeOther)
	return nil
}

// dumpRaw serves the dump as it arrived, always as a download.
func (s *site) dumpRaw(w http.ResponseWriter, r *http.Request) error {
	d, err := s.svc.Dump(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	body, size, err := s.svc.OpenArtefact(r.Context(), d.SHA256)
	if err != nil {
		return err
	}
	defer body.Close()
	attachment(w, d.Filename, "vmcore-"+short(d.SHA256), size)
	copyOrAbort(w, r, s.log, body)
	return nil
}

// dumpOverview is what somebody wants to know first.
type dumpOverview struct {
	First   dumpFinding
	Rest    []dumpFinding
	More    int
	Groups  []dumpGroup // those that block
	Ladder  string      // why not the next rung
	Shares  []bar
	Locks   *lockGraph
	Trouble []string
}

const (
	maxOverviewFindings = 8
	maxOverviewGroups   = 8
	maxTrouble          = 40
)

func newDumpOverview(v *dumpView) *dumpOverview {
	doc := v.Doc
	o := &dumpOverview{Shares: shares(doc.Sections.Memory)}
	if len(doc.Findings) > 0 {
		o.First = doc.Findings[0]
		o.Rest = doc.Findings[1:min(len(doc.Findings), maxOverviewFindings)]
		o.More = len(doc.Findings) - 1 - len(o.Rest)
	}
	for _, step := range doc.Ladder {
		if !step.Reached {
			o.Ladder = step.Rung + ": " + step.Text
			break
		}
	}
	if waits := doc.Sections.Waits; waits != nil && len(waits.Graph.Cycles) > 0 {
		o.Locks = drawLocks(&waits.Graph, v.Path)
	}
	if t := doc.Sections.Tasks; t != nil {
		for _, g := range t.Groups {
			if g.State == "D" && len(o.Groups) < maxOverviewGroups {
				o.Groups = append(o.Groups, g)
			}
		}
	}
	for _, st := range doc.Sections.Status {
		if st.Error != "" {
			o.Trouble = append(o.Trouble, st.Section+": "+st.Error)
		}
		for _, f := range st.Faults {
			o.Trouble = append(o.Trouble, fmt.Sprintf("%s: %s %s: %s", st.Section, f.Path, f.Addr, f.Text))
		}
		if st.More > 0 {
			o.Trouble = append(o.Trouble, st.Section+": and "+count(st.More, "fault", "faults")+" more")
		}
	}
	o.Trouble = append(o.Trouble, doc.Dump.Warnings...)
	if more := len(o.Trouble) - maxTrouble; more > 0 {
		o.Trouble = append(o.Trouble[:maxTrouble], "and "+num(more)+" more; the document has them")
	}
	return o
}

// bar is a share of a whole, as a length.
type bar struct {
	Label string
	Bytes int64
	Share float64 // of the whole, 0-1
	Width int     // of the largest, in thousandths
}

func bars(list []dumpShare) []bar {
	var whole, largest int64
	for _, s := range list {
		whole += s.Bytes
		largest = max(largest, s.Bytes)
	}
	out := make([]bar, 0, len(list))
	for _, s := range list {
		if s.Bytes <= 0 {
			continue
		}
		out = append(out, bar{s.Name, s.Bytes, float64(s.Bytes) / float64(whole), int(s.Bytes * 1000 / largest)})
	}
	return out
}

// mostOf is the largest of a list that has these first, as shares of all of it.
func mostOf(list []dumpShare) []bar {
	b := bars(list)
	return b[:min(len(b), maxMemoryRows)]
}

// shares is where the memory was.
func shares(m *dumpMemory) []bar {
	if m == nil {
		return nil
	}
	return bars(m.Balance)
}

// dumpMemoryView is the memory with its largest users.
type dumpMemoryView struct {
	*dumpMemory
	Shares    []bar
	Slab      []bar
	Processes []bar
	Vmalloc   []bar
	Zones     []zoneBar
	MoreSlabs int
}

// zoneBar is a zone with its free pages and its watermarks.
type zoneBar struct {
	Name                 string
	Managed, Free        int64 // bytes
	Min, Low, High       int64
	Width, MinAt, HighAt int // thousandths of what is managed
	Below                bool
	Largest              string // block that is free
}

// maxMemoryRows bounds each list of memory.
const maxMemoryRows = 25

func newDumpMemory(doc *dumpDoc) *dumpMemoryView {
	m := doc.Sections.Memory
	if m == nil {
		return nil
	}
	v := &dumpMemoryView{dumpMemory: m, Shares: shares(m)}
	var slabs, vmalloc, processes []dumpShare
	for _, c := range m.Slabs {
		slabs = append(slabs, dumpShare{c.Name, c.Bytes})
	}
	v.MoreSlabs = max(0, len(m.Slabs)-maxMemoryRows)
	for _, u := range m.Vmalloc {
		vmalloc = append(vmalloc, dumpShare{u.Caller, u.Bytes})
	}
	for _, p := range m.Processes {
		processes = append(processes, dumpShare{fmt.Sprintf("%s:%d", p.Comm, p.PID), p.RSS})
	}
	v.Slab, v.Vmalloc, v.Processes = mostOf(slabs), mostOf(vmalloc), mostOf(processes)
	page := max(m.PageSize, 1)
	for _, n := range m.Nodes {
		for _, z := range n.Zones {
			if z.Managed <= 0 {
				continue
			}
			at := func(pages int64) int { return int(min(1000, max(0, pages)*1000/z.Managed)) }
			b := zoneBar{Name: fmt.Sprintf("node %d %s", n.ID, z.Name), Managed: z.Managed * page, Free: z.Free * page, Min: z.Min * page, Low: z.Low * page,
				High: z.High * page, Width: at(z.Free), MinAt: at(z.Min), HighAt: at(z.High), Below: z.Free < z.Low, Largest: "none"}
			for order, n := range z.Buddy {
				if n > 0 && order < 32 {
					b.Largest = size(page << order)
				}
			}
			v.Zones = append(v.Zones, b)
		}
	}
	return v
}
