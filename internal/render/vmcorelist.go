package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"ringside/crash"
	"ringside/vmcore"
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// The JSON forms of what the verbs of vmcore print.
const (
	VmcoreTasksSchemaID   = "https://ringside.dev/schemas/vmcore-tasks.v1.json"
	VmcoreStacksSchemaID  = "https://ringside.dev/schemas/vmcore-stacks.v1.json"
	VmcoreLocksSchemaID   = "https://ringside.dev/schemas/vmcore-locks.v1.json"
	VmcoreModulesSchemaID = "https://ringside.dev/schemas/vmcore-modules.v1.json"
	VmcoreLogSchemaID     = "https://ringside.dev/schemas/vmcore-log.v1.json"
	VmcoreSymbolsSchemaID = "https://ringside.dev/schemas/vmcore-symbols.v1.json"
	VmcoreMemorySchemaID  = "https://ringside.dev/schemas/vmcore-memory.v1.json"
	VmcoreValuesSchemaID  = "https://ringside.dev/schemas/vmcore-values.v1.json"
)

// VmcoreTasks is the list of tasks of a dump.
type VmcoreTasks struct {
	Schema string        `json:"schema"`
	Rung   kernel.Rung   `json:"rung"`
	Tasks  []vmcore.Task `json:"tasks"`
	// Namespaces are the sets that the tasks are in.
	Namespaces []vmcore.NamespaceSet `json:"namespaces"`
	Status     []vmcore.Status       `json:"status"`
}

// NewVmcoreTasks lists the tasks in some states ("" for all), with their stacks
// where they are wanted.
func NewVmcoreTasks(doc *vmcore.Document, states string, stacks bool) VmcoreTasks {
	list := VmcoreTasks{Schema: VmcoreTasksSchemaID, Rung: doc.Rung, Tasks: []vmcore.Task{}, Namespaces: []vmcore.NamespaceSet{}, Status: doc.Sections.Status}
	if doc.Sections.Tasks == nil {
		return list
	}
	list.Namespaces = doc.Sections.Tasks.Namespaces
	for _, t := range doc.Sections.Tasks.Tasks {
		if states != "" && !strings.Contains(states, t.State) {
			continue
		}
		if !stacks {
			t.Frames = nil
		}
		list.Tasks = append(list.Tasks, t)
	}
	return list
}

// VmcoreTaskList prints tasks as a table.
func VmcoreTaskList(w io.Writer, list VmcoreTasks, st Style) error {
	p := &printer{w: w, s: st}
	p.line("%s", p.s.paint(faint, fmt.Sprintf("%7s %7s %7s %3s %-2s %10s %10s %9s  %s", "PID", "TID", "PPID", "CPU", "ST", "RAN", "WAITED", "RSS", "COMM")))
	for _, t := range list.Tasks {
		waited := ""
		if t.Waited != nil {
			waited = fmt.Sprintf("%.3f s", *t.Waited)
		}
		state := t.State
		if t.OnCPU {
			state += "+"
		}
		name := t.Comm
		if t.Kernel {
			name = "[" + name + "]"
		}
		r := plain
		if t.State == "D" {
			r = danger
		}
		rss := ""
		if t.RSS > 0 {
			rss = fmt.Sprintf("%d KiB", t.RSS>>10)
		}
		where := ""
		if t.Cgroup != "" && t.Cgroup != "/" {
			where = "  " + t.Cgroup
		}
		if t.Namespaces != 0 {
			where += fmt.Sprintf("  namespaces %d", t.Namespaces)
		}
		if t.NSPID != 0 {
			where += fmt.Sprintf(", there %d", t.NSPID)
		}
		p.line("%7d %7d %7d %3d %-2s %10s %10s %9s  %s%s", t.PID, t.TID, t.PPID, t.CPU, state, fmt.Sprintf("%.3f s", t.Ran), waited, rss, p.s.paint(r, name), p.s.paint(faint, where))
		p.frames(t.Frames, t.Unwound)
	}
	for i, set := range list.Namespaces {
		if i == 0 || set.Count == 0 {
			continue
		}
		var own []string
		for _, kind := range set.Own {
			own = append(own, fmt.Sprintf("%s:[%d]", kind, set.IDs[kind]))
		}
		p.line("%s", p.s.paint(faint, fmt.Sprintf("namespaces %d: %s", i, strings.Join(own, " "))))
	}
	return p.err
}

// frames prints a stack.
func (p *printer) frames(frames []vmcore.Frame, unwound string) {
	for i, f := range frames {
		mark := " "
		if f.Unreliable {
			mark = "?"
		}
		text := f.String()
		for _, s := range f.Inline {
			p.line("      %s %s %s", "  ", "  "+s.Function, p.s.paint(faint, fmt.Sprintf("(inlined) %s:%d", s.File, s.Line)))
		}
		if f.File != "" {
			text += fmt.Sprintf("  %s:%d", f.File, f.Line)
		}
		if f.Exception {
			p.line("      %s", p.s.paint(faint, "--- interrupted:"))
		}
		p.line("      #%-2d %s %s", i, mark, text)
	}
	if unwound != "" {
		p.wrapped(p.s.paint(faint, "      the stack ends here: "), unwound, faint)
	}
}

// VmcoreStacks is the stacks of a dump, each once.
type VmcoreStacks struct {
	Schema string         `json:"schema"`
	Rung   kernel.Rung    `json:"rung"`
	CPUs   []vmcore.CPU   `json:"cpus"`
	Groups []vmcore.Group `json:"groups"`
}

// NewVmcoreStacks lists the stacks of CPUs and tasks, or of the tasks with some
// IDs only.
func NewVmcoreStacks(doc *vmcore.Document, tids []int) VmcoreStacks {
	list := VmcoreStacks{Schema: VmcoreStacksSchemaID, Rung: doc.Rung, CPUs: []vmcore.CPU{}, Groups: []vmcore.Group{}}
	if doc.Sections.Tasks == nil {
		return list
	}
	if len(tids) == 0 {
		list.CPUs = append(list.CPUs, doc.Sections.CPUs...)
		list.Groups = doc.Sections.Tasks.Groups
		return list
	}
	for _, t := range doc.Sections.Tasks.Tasks {
		if slices.Contains(tids, t.TID) || slices.Contains(tids, t.PID) {
			list.Groups = append(list.Groups, vmcore.Group{Count: 1, State: t.State, TIDs: []int{t.TID}, Comms: []string{t.Comm}, Frames: t.Frames})
		}
	}
	return list
}

// VmcoreStackList prints stacks.
func VmcoreStackList(w io.Writer, list VmcoreStacks, st Style) error {
	p := &printer{w: w, s: st}
	for _, c := range list.CPUs {
		p.line("%s", p.s.paint(strong, fmt.Sprintf("CPU %d: %s:%d", c.Number, c.Task, c.TID)))
		p.frames(c.Frames, c.Unwound)
	}
	for _, g := range list.Groups {
		tids := strings.Trim(fmt.Sprint(g.TIDs[:min(len(g.TIDs), 12)]), "[]")
		if g.Count > 12 {
			tids += fmt.Sprintf(" and %d more", g.Count-12)
		}
		p.line("%s", p.s.paint(strong, fmt.Sprintf("%d × %s: %s (%s)", g.Count, g.State, groupName(g), tids)))
		p.frames(g.Frames, "")
	}
	return p.err
}

// VmcoreLocks is who waits for whom in a dump.
type VmcoreLocks struct {
	Schema string           `json:"schema"`
	Rung   kernel.Rung      `json:"rung"`
	Graph  crash.WaitGraph  `json:"graph"`
	Locks  []vmcore.Lock    `json:"locks"`
	Found  []vmcore.Finding `json:"findings"` // of the rings and chains
	// Futexes are what threads wait for that user space locks.
	Futexes []vmcore.Futex `json:"futexes"`
}

// NewVmcoreLocks takes what a document says about locks.
func NewVmcoreLocks(doc *vmcore.Document) VmcoreLocks {
	l := VmcoreLocks{Schema: VmcoreLocksSchemaID, Rung: doc.Rung, Locks: []vmcore.Lock{}, Found: []vmcore.Finding{},
		Graph: crash.WaitGraph{Nodes: []crash.WaitNode{}, Edges: []crash.WaitEdge{}, Ends: []crash.WaitEnd{}, Cycles: [][]int{}}}
	if s := doc.Sections.Waits; s != nil {
		l.Graph, l.Locks = s.Graph, s.Locks
	}
	l.Futexes = []vmcore.Futex{}
	if s := doc.Sections.Tasks; s != nil {
		l.Futexes = s.Futexes
	}
	for _, f := range doc.Findings {
		if f.Kind == vmcore.FindingDeadlock || f.Kind == vmcore.FindingHung {
			l.Found = append(l.Found, f)
		}
	}
	return l
}

// VmcoreLockList prints who waits for whom.
func VmcoreLockList(w io.Writer, l VmcoreLocks, st Style) error {
	p := &printer{w: w, s: st}
	if len(l.Graph.Edges) == 0 {
		p.line("%s", "No task waits for a lock.")
		p.futexes(l.Futexes)
		return p.err
	}
	for _, f := range l.Found {
		p.wrapped("", f.Title, danger)
	}
	p.waits(&crash.Document{Waits: []crash.WaitGraph{l.Graph}})
	p.section("Locks")
	for _, k := range l.Locks {
		name := k.Name
		if name == "" {
			name = "(no variable)"
		}
		held := "nobody is known to hold it"
		switch {
		case len(k.Owners) > 0 && k.Readers > 0 && !k.Writer:
			held = fmt.Sprintf("%d readers, the last %s:%d", k.Readers, k.Owners[0].Comm, k.Owners[0].TID)
		case len(k.Owners) > 0:
			held = fmt.Sprintf("held by %s:%d", k.Owners[0].Comm, k.Owners[0].TID)
		}
		if k.Note != "" {
			held += "; " + k.Note
		}
		p.line("  %-11s %s  %s", string(k.Kind), p.s.paint(strong, fmt.Sprintf("%s %s", k.Addr, name)), held)
		for _, t := range k.Waiters {
			p.line("      %s %s", p.s.paint(faint, "wanted by"), strings.TrimSpace(fmt.Sprintf("%s:%d %s", t.Comm, t.TID, t.Mode)))
		}
	}
	p.futexes(l.Futexes)
	return p.err
}

// maxFutexWaiters is how many that wait for one futex are named.
const maxFutexWaiters = 6

// futexes prints what user space waits for.
func (p *printer) futexes(list []vmcore.Futex) {
	if len(list) == 0 {
		return
	}
	p.section("Futexes")
	for _, f := range list {
		where := fmt.Sprintf("of process %d", f.Process)
		if f.File {
			where = "in a file"
		}
		held := ""
		if f.Owner != nil {
			held = fmt.Sprintf("  held by %s:%d", f.Owner.Comm, f.Owner.TID)
		}
		p.line("  %s %s%s", p.s.paint(strong, f.Addr.String()), where, held)
		for _, t := range f.Waiters[:min(len(f.Waiters), maxFutexWaiters)] {
			p.line("      %s %s:%d", p.s.paint(faint, "wanted by"), t.Comm, t.TID)
		}
		if more := f.Count - maxFutexWaiters; more > 0 {
			p.line("      %s", p.s.paint(faint, fmt.Sprintf("and %d more", more)))
		}
	}
}

// VmcoreModules is the modules of a dump.
type VmcoreModules struct {
	Schema  string          `json:"schema"`
	Rung    kernel.Rung     `json:"rung"`
	Modules []object.Module `json:"modules"`
}

// NewVmcoreModules takes a document's modules.
func NewVmcoreModules(doc *vmcore.Document) VmcoreModules {
	return VmcoreModules{Schema: VmcoreModulesSchemaID, Rung: doc.Rung, Modules: append([]object.Module{}, doc.Sections.Modules...)}
}

// VmcoreModuleList prints modules as a table.
func VmcoreModuleList(w io.Writer, l VmcoreModules, st Style) error {
	p := &printer{w: w, s: st}
	p.line("%s", p.s.paint(faint, fmt.Sprintf("%-18s %9s %4s %-6s %-6s %s", "BASE", "SIZE", "REFS", "STATE", "TAINT", "NAME")))
	for _, m := range l.Modules {
		text := m.Name
		if len(m.UsedBy) > 0 {
			text += "  used by " + strings.Join(m.UsedBy, ", ")
		}
		p.line("%#-18x %9d %4d %-6s %-6s %s", m.Base, m.Size, m.Refs, m.State, strings.Join(m.Taint, ""), text)
	}
	return p.err
}

// VmcoreLog is the log of a dumped kernel.
type VmcoreLog struct {
	Schema  string            `json:"schema"`
	Rung    kernel.Rung       `json:"rung"`
	Records []VmcoreLogRecord `json:"records"`
}

// VmcoreLogRecord is one record.
type VmcoreLogRecord struct {
	Seq      uint64  `json:"seq"`
	Time     float64 `json:"time"` // seconds since boot
	Level    int     `json:"level"`
	Facility int     `json:"facility"`
	Caller   string  `json:"caller,omitempty"`
	Text     string  `json:"text"`
}

// Add adds records.
func (l *VmcoreLog) Add(records []object.Record) {
	for _, r := range records {
		l.Records = append(l.Records, VmcoreLogRecord{Seq: r.Seq, Time: r.Time.Seconds(), Level: r.Level, Facility: r.Facility, Caller: r.CallerName(), Text: r.Text})
	}
}

// VmcoreSymbols is what is at some addresses.
type VmcoreSymbols struct {
	Schema  string         `json:"schema"`
	Symbols []VmcoreSymbol `json:"symbols"`
}

// VmcoreSymbol is what is at one address.
type VmcoreSymbol struct {
	Addr   vmcore.Addr     `json:"addr"`
	Phys   *vmcore.Addr    `json:"phys,omitempty"`
	Symbol string          `json:"symbol"`
	Offset uint64          `json:"offset"`
	Size   uint64          `json:"size,omitempty"`
	Module string          `json:"module,omitempty"`
	Lines  []vmcore.Source `json:"lines,omitempty"`
}

// NewVmcoreSymbol looks an address up.
func NewVmcoreSymbol(k *kernel.Kernel, addr uint64) VmcoreSymbol {
	s := VmcoreSymbol{Addr: vmcore.Addr(addr)}
	if loc, ok := k.Locate(addr); ok {
		s.Symbol, s.Offset, s.Size, s.Module = loc.Symbol, loc.Offset, loc.Size, loc.Module
	}
	if pa, err := k.Translate(addr); err == nil {
		s.Phys = new(vmcore.Addr(pa))
	}
	for _, l := range k.Lines(addr) {
		s.Lines = append(s.Lines, vmcore.Source{Function: l.Function, File: l.File, Line: l.Line})
	}
	return s
}

// VmcoreSymbolList prints symbols.
func VmcoreSymbolList(w io.Writer, l VmcoreSymbols, st Style) error {
	p := &printer{w: w, s: st}
	for _, s := range l.Symbols {
		name, phys := "?", "not mapped"
		if s.Symbol != "" {
			name = kernel.Location{Symbol: s.Symbol, Module: s.Module, Offset: s.Offset, Size: s.Size}.String()
		}
		if s.Phys != nil {
			phys = "physical " + s.Phys.String()
		}
		p.line("%s  %s  %s", s.Addr.String(), p.s.paint(strong, name), p.s.paint(faint, phys))
		for _, line := range s.Lines {
			p.line("    %s  %s:%d", line.Function, line.File, line.Line)
		}
	}
	return p.err
}

// VmcoreMemory is a piece of memory.
type VmcoreMemory struct {
	Schema string      `json:"schema"`
	Addr   vmcore.Addr `json:"addr"`
	Bytes  []byte      `json:"bytes"` // in base64
	words  []string
}

// NewVmcoreMemory takes memory, with the symbols that its words point to.
func NewVmcoreMemory(k *kernel.Kernel, addr uint64, b []byte, virtual bool) VmcoreMemory {
	m := VmcoreMemory{Schema: VmcoreMemorySchemaID, Addr: vmcore.Addr(addr), Bytes: b}
	for i := 0; virtual && i+8 <= len(b); i += 8 {
		text := ""
		if loc, ok := k.Locate(k.Order.Uint64(b[i:])); ok && loc.Symbol != "" {
			text = loc.String()
		}
		m.words = append(m.words, text)
	}
	return m
}

// VmcoreHex prints memory in hexadecimal, with the symbols it points to.
func VmcoreHex(w io.Writer, m VmcoreMemory, st Style) error {
	p := &printer{w: w, s: st}
	for i := 0; i < len(m.Bytes); i += 16 {
		row := m.Bytes[i:min(i+16, len(m.Bytes))]
		var hex, text strings.Builder
		for j, c := range row {
			if j == 8 {
				hex.WriteByte(' ')
			}
			fmt.Fprintf(&hex, "%02x ", c)
			if c < ' ' || c > '~' {
				c = '.'
			}
			text.WriteByte(c)
		}
		var to []string
		for j := i / 8; j < i/8+2 && j < len(m.words); j++ {
			if m.words[j] != "" {
				to = append(to, m.words[j])
			}
		}
		p.line("%s  %-49s |%s|  %s", (m.Addr + vmcore.Addr(i)).String(), hex.String(), text.String(), p.s.paint(faint, strings.Join(to, " ")))
	}
	return p.err
}

// VmcoreValues is structures with their members.
type VmcoreValues struct {
	Schema string        `json:"schema"`
	Values []object.Tree `json:"values"`
}

// VmcoreValueList prints structures.
func VmcoreValueList(w io.Writer, l VmcoreValues, st Style) error {
	p := &printer{w: w, s: st}
	for _, v := range l.Values {
		p.tree(v, 0)
	}
	return p.err
}

func (p *printer) tree(t object.Tree, depth int) {
	indent := strings.Repeat("  ", depth)
	head := t.Name
	if head == "" {
		head = t.Type
		if t.Addr != "" {
			head += " " + t.Addr
		}
	}
	if len(t.Members) == 0 {
		p.line("%s%s = %s", indent, head, p.s.paint(strong, t.Text))
		return
	}
	p.line("%s%s = {", indent, head)
	for _, m := range t.Members {
		p.tree(m, depth+1)
	}
	p.line("%s}", indent)
}
