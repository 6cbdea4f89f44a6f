package render

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"ringside/crash"
	"ringside/internal/triage"
	"ringside/vmcore"
)

// Bounds of the report on a dump.
const (
	maxVmcoreFindings = 5
	maxVmcoreEvidence = 10
	maxVmcoreGroups   = 8
)

// Vmcore prints what is wrong with a dumped kernel: the findings first.
func Vmcore(w io.Writer, doc *vmcore.Document, st Style) error {
	p := &printer{w: w, s: st}
	p.vmcoreFindings(doc, nil)
	p.vmcoreSections(doc)
	return p.err
}

// dump prints what a dump says, and between its findings and its sections what
// its log says of the report that the findings are about.
func (p *printer) dump(res *triage.Result) {
	p.line("")
	main, rest := split(res)
	told := map[int]bool{}
	for i := range main {
		told[main[i].Report] = true
	}
	p.vmcoreFindings(res.Dump, told)
	if len(main) > 0 {
		p.section("In the log")
	}
	for i := range main {
		p.finding(res, &main[i])
	}
	p.others(res, rest)
	p.vmcoreSections(res.Dump)
	p.notes(res)
}

// vmcoreFindings prints the findings. Of those whose report in the log is told
// by itself, only what the dump adds.
func (p *printer) vmcoreFindings(doc *vmcore.Document, told map[int]bool) {
	for i, f := range doc.Findings {
		if i == maxVmcoreFindings {
			p.line("\n%s", p.s.paint(faint, fmt.Sprintf("and %d more findings; --json has them", len(doc.Findings)-i)))
			break
		}
		if i == 1 {
			p.section("Besides")
		}
		if f.Report != nil && told[*f.Report] && f.Diagnosis != nil {
			f.Diagnosis, f.Next = nil, nil
			f.Evidence = slices.DeleteFunc(slices.Clone(f.Evidence), func(e vmcore.Evidence) bool { return e.Object == "" })
		}
		p.vmcoreFinding(&f, i == 0)
	}
}

func (p *printer) vmcoreSections(doc *vmcore.Document) {
	p.vmcoreKernel(doc)
	if s := doc.Sections.Waits; s != nil && len(s.Graph.Edges) > 0 {
		p.waits(&crash.Document{Waits: []crash.WaitGraph{s.Graph}})
	}
	if len(doc.Sections.CPUs) > 0 {
		p.section("CPUs")
		for _, c := range doc.Sections.CPUs {
			p.line("  %s  %s", p.s.paint(strong, fmt.Sprintf("CPU %d", c.Number)), cut(fmt.Sprintf("%s:%d, %d to run: %s", c.Task, c.TID, c.Running, stackLine(c.Frames)), p.s.width()-10))
		}
	}
	p.vmcoreTasks(doc)
	p.vmcoreMemory(doc)
	p.vmcoreTrouble(doc)
}

func (p *printer) vmcoreFinding(f *vmcore.Finding, first bool) {
	r := strong
	if first && f.Kind != vmcore.FindingNothing && f.Kind != vmcore.FindingRequested {
		r = danger
	}
	p.wrapped("", fmt.Sprintf("%s  (%s, %.0f %% sure)", f.Title, f.Kind, f.Confidence*100), r)
	if f.Diagnosis != nil && f.Diagnosis.Meaning != "" {
		p.wrapped("  ", f.Diagnosis.Meaning, plain)
	}
	for i, e := range f.Evidence {
		if i == maxVmcoreEvidence {
			p.line("  %s", p.s.paint(faint, fmt.Sprintf("and %d more", len(f.Evidence)-i)))
			break
		}
		text := e.Text
		if e.Object != "" {
			text += "  [" + e.Object + "]"
		}
		p.wrapped(p.s.paint(faint, "  · "), text, plain)
	}
	if !first {
		return
	}
	if len(f.Next) > 0 {
		p.section("What to do next")
		for _, n := range f.Next {
			p.wrapped(p.s.paint(faint, "  · "), n, plain)
		}
	}
}

func (p *printer) vmcoreKernel(doc *vmcore.Document) {
	k := doc.Kernel
	p.section("Kernel")
	p.line("  %s %s %s", k.Release, k.Machine, k.Version)
	facts := []string{}
	if k.Uptime > 0 {
		facts = append(facts, "up "+k.Uptime.Round(time.Second).String())
	}
	if !k.DumpTime.IsZero() {
		facts = append(facts, "dumped "+k.DumpTime.Format(time.RFC3339))
	}
	if len(k.Load) > 0 {
		facts = append(facts, "load "+strings.Trim(fmt.Sprint(k.Load), "[]"))
	}
	if len(k.CPUs) > 0 {
		facts = append(facts, fmt.Sprintf("%d CPUs", len(k.CPUs)))
	}
	if len(k.Taint) > 0 {
		facts = append(facts, "tainted "+strings.Join(k.Taint, ""))
	}
	if len(facts) > 0 {
		p.line("  %s", strings.Join(facts, ", "))
	}
	if k.CmdLine != "" {
		p.line("  %s", p.s.paint(faint, cut(k.CmdLine, p.s.width()-2)))
	}
	d := doc.Dump
	p.line("  %s", p.s.paint(faint, fmt.Sprintf("%s dump, read as far as %s", d.Format, doc.Rung)))
	for _, s := range doc.Ladder {
		if !s.Reached && s.Rung <= 4 && !(s.Rung == 3 && doc.Rung > 3 && k.Machine != "x86_64") {
			p.wrapped(p.s.paint(faint, "  "+s.Rung.String()+": "), s.Text, plain)
		}
	}
}

func (p *printer) vmcoreTasks(doc *vmcore.Document) {
	t := doc.Sections.Tasks
	if t == nil {
		return
	}
	var states []string
	for _, s := range []string{"R", "D", "S", "I", "T", "t", "Z", "X", "P"} {
		if n := t.States[s]; n > 0 {
			states = append(states, fmt.Sprintf("%d %s", n, s))
		}
	}
	p.section(fmt.Sprintf("Tasks: %d (%s)", t.Count, strings.Join(states, ", ")))
	for i, g := range t.Groups {
		if i == maxVmcoreGroups {
			p.line("  %s", p.s.paint(faint, fmt.Sprintf("and %d more stacks: ringside vmcore stack", len(t.Groups)-i)))
			break
		}
		p.line("  %3d %s  %s", g.Count, g.State, cut(groupName(g)+"  "+stackLine(g.Frames), p.s.width()-10))
	}
}

// groupName names the tasks of a group.
func groupName(g vmcore.Group) string {
	names := g.Comms
	if len(names) > 3 {
		names = append(slices.Clone(names[:3]), "…")
	}
	return strings.Join(names, ", ")
}

// vmcoreTrouble says what could not be read.
func (p *printer) vmcoreTrouble(doc *vmcore.Document) {
	var lines []string
	for _, s := range doc.Sections.Status {
		if s.Error != "" {
			lines = append(lines, s.Section+": "+s.Error)
		}
		for i, f := range s.Faults {
			if i == 3 {
				lines = append(lines, fmt.Sprintf("%s: and %d more", s.Section, len(s.Faults)-i+s.More))
				break
			}
			lines = append(lines, fmt.Sprintf("%s: %s %s: %s", s.Section, f.Path, f.Addr, f.Text))
		}
	}
	for _, w := range doc.Dump.Warnings {
		lines = append(lines, "dump: "+w)
	}
	if len(lines) == 0 {
		return
	}
	p.section("What could not be read")
	for _, l := range lines {
		p.wrapped(p.s.paint(faint, "  · "), l, plain)
	}
}

// stackLine writes a stack in one line, less what every sleeping task is in.
func stackLine(frames []vmcore.Frame) string {
	var names []string
	for _, f := range frames {
		if len(names) == 0 && (f.Symbol == "__schedule" || f.Symbol == "schedule" || f.Symbol == "schedule_timeout") {
			continue
		}
		name := f.Symbol
		switch {
		case name == "":
			name = f.PC.String()
		case f.Module != "":
			name += " [" + f.Module + "]"
		}
		if f.Unreliable {
			name = "? " + name
		}
		names = append(names, name)
	}
	return strings.Join(names, " ← ")
}
