package vmcore

import (
	"fmt"

	"ringside/crash"
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// readWaits joins who waits for what into a graph.
func (t *triage) readWaits(w *kernel.Walk) error {
	if len(t.waits) == 0 {
		return nil
	}
	g := graphBuilder{t: t, w: w, tasks: map[uint64]int{}, locks: map[uint64]int{}, byAddr: map[uint64]*object.Task{}, section: &WaitSection{Locks: []Lock{}}}
	g.graph = &g.section.Graph
	*g.graph = crash.WaitGraph{Nodes: []crash.WaitNode{}, Edges: []crash.WaitEdge{}, Ends: []crash.WaitEnd{}, Cycles: [][]int{}}
	for i := range t.tasks {
		g.byAddr[t.tasks[i].Addr] = &t.tasks[i]
	}
	for _, wait := range t.waits {
		g.add(wait)
	}
	g.graph.Finish()
	t.doc.Sections.Waits = g.section
	return w.Err()
}

type graphBuilder struct {
	t       *triage
	w       *kernel.Walk
	graph   *crash.WaitGraph
	section *WaitSection
	tasks   map[uint64]int // to nodes
	locks   map[uint64]int // to nodes
	lockAt  map[int]int    // nodes to section.Locks
	byAddr  map[uint64]*object.Task
}

// task returns the node of a task.
func (g *graphBuilder) task(addr uint64) int {
	if n, ok := g.tasks[addr]; ok {
		return n
	}
	task, ok := g.byAddr[addr]
	if !ok { // one that has left the list, as a thread that is being reaped has
		t := object.TaskAt(g.w, addr)
		task = &t
		g.byAddr[addr] = task
	}
	n := len(g.graph.Nodes)
	g.tasks[addr] = n
	node := crash.WaitNode{Kind: crash.NodeTask, Name: fmt.Sprintf("%s:%d", task.Comm, task.PID), PID: task.PID, State: task.State.Letter}
	if task.OnCPU {
		node.CPU = new(task.CPU)
	}
	for _, out := range g.t.doc.Sections.Tasks.Tasks {
		if uint64(out.Addr) == addr {
			for _, f := range out.Frames {
				node.Stack = append(node.Stack, f.String())
			}
			break
		}
	}
	g.graph.Nodes = append(g.graph.Nodes, node)
	return n
}

// lock returns the node of a lock.
func (g *graphBuilder) lock(l object.Lock) int {
	if n, ok := g.locks[l.Addr]; ok {
		return n
	}
	n := len(g.graph.Nodes)
	g.locks[l.Addr] = n
	kind := crash.NodeLock
	if l.Kind == object.KindCompletion || l.Kind == object.KindWaitQueue || l.Kind == object.KindPage {
		kind = crash.NodeEvent
	}
	g.graph.Nodes = append(g.graph.Nodes, crash.WaitNode{Kind: kind, Name: lockName(l)})
	out := Lock{Kind: l.Kind, Name: l.Name, Addr: Addr(l.Addr), Owners: []TaskRef{}, OwnerSure: l.OwnerSure, Readers: l.Readers, Writer: l.Writer, Waiters: []TaskRef{}, Note: l.Note}
	for _, o := range l.Owners {
		to := g.task(o)
		out.Owners = append(out.Owners, g.ref(o))
		reason, sure := "held by", 1.0
		switch {
		case l.Kind == object.KindRWSem && l.Writer:
			reason = "held for writing by"
		case l.Kind == object.KindRWSem:
			reason, sure = "held for reading, last taken by", 0.8
			if !l.OwnerSure {
				sure = 0.5
			}
		}
		g.graph.Edges = append(g.graph.Edges, crash.WaitEdge{From: n, To: to, Reason: reason, Confidence: sure})
	}
	if g.lockAt == nil {
		g.lockAt = map[int]int{}
	}
	g.lockAt[n] = len(g.section.Locks)
	g.section.Locks = append(g.section.Locks, out)
	return n
}

// lockName names a lock by its variable, or by its address.
func lockName(l object.Lock) string {
	if l.Name != "" {
		return fmt.Sprintf("%s %s", l.Kind, l.Name)
	}
	return fmt.Sprintf("%s %#x", l.Kind, l.Addr)
}

func (g *graphBuilder) ref(addr uint64) TaskRef {
	t := g.byAddr[addr]
	return TaskRef{TID: t.PID, Comm: t.Comm}
}

// add joins one task that waits.
func (g *graphBuilder) add(wait object.Wait) {
	from := g.task(wait.Task.Addr)
	if wait.Lock.Addr == 0 {
		if what := waitsForEvent(wait); what != "" {
			n := len(g.graph.Nodes)
			g.graph.Nodes = append(g.graph.Nodes, crash.WaitNode{Kind: crash.NodeEvent, Name: what})
			g.graph.Edges = append(g.graph.Edges, crash.WaitEdge{From: from, To: n, Reason: "waits for", Confidence: 0.6})
		}
		return
	}
	to := g.lock(wait.Lock)
	reason := "waits for"
	if wait.Mode != "" {
		reason = "waits to " + wait.Mode
	}
	g.graph.Edges = append(g.graph.Edges, crash.WaitEdge{From: from, To: to, Reason: reason, Confidence: 1})
	l := &g.section.Locks[g.lockAt[to]]
	l.Waiters = append(l.Waiters, TaskRef{TID: wait.Task.PID, Comm: wait.Task.Comm, Mode: wait.Mode, How: wait.How})
}

// waitsForEvent names what a task waits for whose lock was not found, by the
// innermost function that says so.
func waitsForEvent(wait object.Wait) string {
	for _, f := range wait.Stack.Frames {
		switch f.Symbol {
		case "", "__schedule", "schedule", "schedule_timeout", "schedule_preempt_disabled", "io_schedule", "schedule_hrtimeout_range_clock", "schedule_hrtimeout_range":
			continue
		}
		if f.Reliable {
			return "what " + f.Symbol + " waits for"
		}
	}
	return ""
}
