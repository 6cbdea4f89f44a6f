package vmcore

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"ringside/crash"
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// Options steer [Triage].
type Options struct {
	// Sections are those that are wanted; empty stands for all.
	Sections []string
	// MaxStacks bounds how many tasks are unwound; 0 stands for 50,000.
	MaxStacks int
	// Crash is for the reading of the log.
	Crash crash.Options
}

// The sections.
const (
	SectionLog     = "log"
	SectionCPUs    = "cpus"
	SectionTasks   = "tasks"
	SectionWaits   = "waits"
	SectionModules = "modules"
	SectionIRQs    = "irqs"
	SectionMounts  = "mounts"
	SectionRunq    = "runqueues"
	SectionDisks   = "disks"
	SectionNet     = "net"
	SectionTimers  = "timers"
	SectionWorks   = "workqueues"
)

// triage is one run over a dump.
type triage struct {
	ctx context.Context
	k   *kernel.Kernel
	o   Options
	doc *Document
	mu  sync.Mutex

	cpus  []object.CPU
	tasks []object.Task
	waits []object.Wait
}

// Triage runs the sections and ranks what they found. It ends early only with
// its context.
func Triage(ctx context.Context, k *kernel.Kernel, o Options) (*Document, error) {
	if o.MaxStacks == 0 {
		o.MaxStacks = 50_000
	}
	t := &triage{ctx: ctx, k: k, o: o, doc: &Document{Schema: SchemaID, Rung: k.Rung(), Ladder: k.Ladder(), Dump: k.Dump.Info(), Findings: []Finding{}}}
	t.doc.Sections.Status = []Status{}
	t.section("system", func(w *kernel.Walk) error { t.doc.Kernel = object.SystemOf(w); return w.Err() })
	var group sync.WaitGroup
	group.Go(func() { t.section(SectionLog, t.log) })
	group.Go(func() {
		if t.k.Types == nil {
			return
		}
		t.section(SectionCPUs, t.readCPUs)
		t.section(SectionTasks, t.readTasks)
		t.section(SectionWaits, t.readWaits)
	})
	group.Go(func() {
		if t.k.Types != nil {
			t.readSystemObjects()
		}
	})
	if t.k.Types != nil {
		group.Go(func() { t.section(SectionMemory, t.readMemory) })
	}
	group.Wait()
	if t.k.Types != nil {
		t.section(SectionPointers, t.readPointers)
	}
	if t.k.Types != nil {
		t.section(SectionModules, func(w *kernel.Walk) error {
			t.doc.Sections.Modules = object.Modules(w)
			return w.Err()
		})
	}
	slices.SortFunc(t.doc.Sections.Status, func(a, b Status) int { return cmpSection(a.Section, b.Section) })
	t.findings()
	return t.doc, ctx.Err()
}

var sectionOrder = []string{"system", SectionLog, SectionCPUs, SectionTasks, SectionWaits, SectionModules,
	SectionIRQs, SectionMounts, SectionRunq, SectionDisks, SectionNet, SectionTimers, SectionWorks,
	SectionMemory, SectionPointers}

func cmpSection(a, b string) int {
	return slices.Index(sectionOrder, a) - slices.Index(sectionOrder, b)
}

// section runs one analyser. What it panics with is a mistake of ours that a
// lying dump found; it costs the section and not the document.
func (t *triage) section(name string, run func(*kernel.Walk) error) {
	if name != "system" && len(t.o.Sections) > 0 && !slices.Contains(t.o.Sections, name) {
		return
	}
	w := t.k.Walk(t.ctx)
	start := time.Now()
	var err error
	func() {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("a mistake in ringside: please report it with this text: %v\n%s", p, firstLines(debug.Stack(), 24))
			}
		}()
		err = run(w)
	}()
	st := Status{Section: name, Took: time.Since(start)}
	if err != nil {
		st.Error = err.Error()
	}
	faults, more := w.Faults()
	for _, f := range faults {
		st.Faults = append(st.Faults, Fault{Addr: Addr(f.Addr), Path: f.Path, Corrupt: f.Corrupt, Text: f.Text})
	}
	st.More = more
	t.mu.Lock()
	t.doc.Sections.Status = append(t.doc.Sections.Status, st)
	t.mu.Unlock()
}

func firstLines(text []byte, n int) []byte {
	for i, c := range text {
		if c == '\n' {
			if n--; n == 0 {
				return text[:i]
			}
		}
	}
	return text
}

// log reads the kernel's log and what it says about crashes.
func (t *triage) log(w *kernel.Walk) error {
	var text bytes.Buffer
	s := &LogSection{}
	first := true
	stats, err := object.Log(w, func(r object.Record) bool {
		if at := r.Time.Seconds(); first {
			s.First, s.Last, first = at, at, false
		} else {
			s.Last = at
		}
		return object.LogStyle{Level: true, Caller: true}.Write(&text, r) == nil
	})
	s.LogStats = stats
	if stats.Records > 0 {
		t.doc.Sections.Log = s
	}
	if err != nil {
		return err
	}
	t.doc.logText = text.Bytes()
	doc, err := crash.Parse(t.ctx, bytes.NewReader(t.doc.logText), t.o.Crash)
	t.doc.Crash = doc
	return err
}

func (t *triage) readCPUs(w *kernel.Walk) error {
	t.cpus = object.CPUs(w)
	for _, c := range t.cpus {
		out := CPU{Number: c.Number, Task: c.Curr.Comm, TID: c.Curr.PID, Running: c.Running,
			Frames: t.frames(c.Stack), Unwound: c.Stack.End}
		if c.Regs != nil {
			out.Regs = make(map[string]string, len(c.Regs.Named))
			for _, r := range c.Regs.Named {
				out.Regs[r.Name] = fmt.Sprintf("%#x", r.Value)
			}
		}
		t.doc.Sections.CPUs = append(t.doc.Sections.CPUs, out)
	}
	return w.Err()
}
