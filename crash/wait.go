package crash

import (
	"cmp"
	"fmt"
	"slices"

	"ringside/klog"
)

// The kinds of a [WaitNode].
const (
	NodeTask      = "task"
	NodeLock      = "lock"
	NodeCPU       = "cpu"
	NodeWorkqueue = "workqueue"
	NodeRCU       = "rcu"
	NodeEvent     = "event" // I/O, a completion: something that no task of the log is seen to bring
)

// WaitGraph is who waits for whom in one boot, put together from hung tasks,
// held locks, dumps of tasks and workqueues, and the stacks of stuck CPUs.
type WaitGraph struct {
	Boot  int        `json:"boot"`
	Nodes []WaitNode `json:"nodes"`
	Edges []WaitEdge `json:"edges"`
	// Ends are the nodes that everything else waits for and that wait for
	// nothing themselves, as far as the log says: the one with the most waiters
	// first. They are where to look.
	Ends []WaitEnd `json:"ends"`
	// Cycles are deadlocks: nodes that wait for each other in a ring.
	Cycles [][]int `json:"cycles"`
}

// WaitNode is a task, a lock, a CPU or something else that is waited for.
type WaitNode struct {
	Kind    string    `json:"kind"`
	Name    string    `json:"name"` // "foo:12", "mutex (&bdev->bd_mutex)", "CPU 3"
	PID     int       `json:"pid,omitempty"`
	CPU     *int      `json:"cpu,omitempty"`
	State   string    `json:"state,omitempty"`
	Stack   []string  `json:"stack,omitempty"`
	Since   *float64  `json:"since,omitempty"` // seconds since boot: it has not moved since
	Report  *int      `json:"report,omitempty"`
	Span    klog.Span `json:"span"`
	LogLine int       `json:"log_line"`
}

// WaitEdge says that From waits for To.
type WaitEdge struct {
	From       int       `json:"from"`
	To         int       `json:"to"`
	Reason     string    `json:"reason"`     // in words
	Confidence float64   `json:"confidence"` // 1 is what the kernel said
	Span       klog.Span `json:"span"`
	LogLine    int       `json:"log_line"`
}

// WaitEnd is a node at the end of chains.
type WaitEnd struct {
	Node    int `json:"node"`
	Waiters int `json:"waiters"` // tasks that wait for it, directly or not
}

// How sure an edge is.
const (
	sureSaid     = 1.0 // the kernel says so
	sureListed   = 0.9 // it follows from the lists of held locks
	sureStack    = 0.8 // the stack is in the function that waits
	sureLikely   = 0.7 // the kernel says "likely", or the work runs there
	sureInferred = 0.4 // the only task that could
)

// waitGraphs builds the graphs of the boots in which something waits.
func waitGraphs(doc *Document, mem *scratch) []WaitGraph {
	var list []WaitGraph
	var boots []int
	for _, reports := range [][]Report{doc.Reports, doc.Dumps} {
		for i := range reports {
			if !slices.Contains(boots, reports[i].Boot) && reports[i].tellsWaits() {
				boots = append(boots, reports[i].Boot)
			}
		}
	}
	for _, boot := range boots {
		if mem.waits == nil {
			mem.waits = newWaitBuilder()
		}
		w := mem.waits
		w.g = WaitGraph{Boot: boot, Nodes: w.g.Nodes, Edges: w.g.Edges, Ends: []WaitEnd{}, Cycles: [][]int{}}
		for i := range doc.Reports {
			if doc.Reports[i].Boot == boot {
				w.report(&doc.Reports[i], &i)
			}
		}
		for i := range doc.Dumps {
			if doc.Dumps[i].Boot == boot {
				w.report(&doc.Dumps[i], nil)
			}
		}
		w.finish()
		if len(w.g.Edges) > 0 {
			list = append(list, w.take())
		}
		if w.reset(); w.large() {
			mem.waits = nil
		}
	}
	return list
}

// tellsWaits reports whether r says anything about waiting.
func (r *Report) tellsWaits() bool {
	return r.Class == ClassHang || len(r.Waits) > 0 || len(r.Tasks) > 0 || len(r.Workers) > 0 ||
		// The list of one task, as lockdep's own reports have it, says nothing of another.
		slices.ContainsFunc(r.Locks, func(l HeldLock) bool { return l.PID != r.Locks[0].PID })
}

// maxNodes bounds a graph; a dump of all tasks of a large machine has fewer.
const maxNodes = 8192

// waitBuilder puts a graph together.
type waitBuilder struct {
	g       WaitGraph
	byKey   map[string]int // node by kind and identity
	waiting map[int]wait   // task node to what its stack waits for
	held    map[lockID][]heldBy
	asked   map[int]*HeldLock // task node to the last lock of its list
	edges   map[[2]int]int    // position in g.Edges
}

// lockID is which lock a list of held locks names.
type lockID struct{ class, address string }

func (l *HeldLock) id() lockID { return lockID{l.Lock, l.Address} }

type heldBy struct {
	node int
	lock *HeldLock
}

func newWaitBuilder() *waitBuilder {
	return &waitBuilder{byKey: map[string]int{}, waiting: map[int]wait{}, held: map[lockID][]heldBy{}, asked: map[int]*HeldLock{}, edges: map[[2]int]int{}}
}

// reset makes w ready for another graph in the same memory.
func (w *waitBuilder) reset() {
	clear(w.g.Nodes[:cap(w.g.Nodes)])
	clear(w.g.Edges)
	w.g = WaitGraph{Nodes: w.g.Nodes[:0], Edges: w.g.Edges[:0]}
	clear(w.byKey)
	clear(w.waiting)
	clear(w.held)
	clear(w.asked)
	clear(w.edges)
}

// take returns the graph in memory of its own.
func (w *waitBuilder) take() WaitGraph {
	g := w.g
	g.Nodes, g.Edges = slices.Clone(g.Nodes), slices.Clone(g.Edges)
	return g
}

// large reports whether w has grown too much to be kept for another log.
func (w *waitBuilder) large() bool {
	return cap(w.g.Nodes) > maxIdleItems || cap(w.g.Edges) > maxIdleItems
}

// node returns the node of this identity, made if need be; -1 if there are too
// many.
func (w *waitBuilder) node(kind, key, name string, line int, span klog.Span) int {
	if i, ok := w.byKey[kind+" "+key]; ok {
		return i
	}
	if len(w.g.Nodes) >= maxNodes {
		return -1
	}
	w.byKey[kind+" "+key] = len(w.g.Nodes)
	w.g.Nodes = append(w.g.Nodes, WaitNode{Kind: kind, Name: name, LogLine: line, Span: span})
	return len(w.g.Nodes) - 1
}

func (w *waitBuilder) task(comm string, pid, line int, span klog.Span) int {
	if pid <= 0 || comm == "" {
		return -1
	}
	i := w.node(NodeTask, fmt.Sprint(pid), fmt.Sprintf("%s:%d", comm, pid), line, span)
	if i >= 0 {
		w.g.Nodes[i].PID = pid
	}
	return i
}

func (w *waitBuilder) cpu(n, line int, span klog.Span) int {
	i := w.node(NodeCPU, fmt.Sprint(n), fmt.Sprintf("CPU %d", n), line, span)
	if i >= 0 {
		w.g.Nodes[i].CPU = &n
	}
	return i
}

// edge adds that from waits for to, or makes surer what is known.
func (w *waitBuilder) edge(from, to int, reason string, sure float64, line int, span klog.Span) {
	if from < 0 || to < 0 || from == to {
		return
	}
	if i, ok := w.edges[[2]int{from, to}]; ok {
		if e := &w.g.Edges[i]; e.Confidence < sure {
			*e = WaitEdge{from, to, reason, sure, span, line}
		}
		return
	}
	w.edges[[2]int{from, to}] = len(w.g.Edges)
	w.g.Edges = append(w.g.Edges, WaitEdge{from, to, reason, sure, span, line})
}

// report adds what r says. Dumps have no index.
func (w *waitBuilder) report(r *Report, index *int) {
	own := -1
	for i := range r.Tasks {
		w.dumpedTask(&r.Tasks[i])
	}
	if r.Class == ClassHang && r.PID != nil && r.Kind != KindRCUStall {
		if own = w.task(r.Task, *r.PID, r.Lines.First, r.Span); own >= 0 {
			w.victim(own, r, index)
		}
	}
	if r.CPU != nil && (r.Kind == KindSoftLockup || r.Kind == KindHardLockup) {
		c := w.cpu(*r.CPU, r.Lines.First, r.Span)
		w.edge(c, own, "runs it and does not come back", sureSaid, r.Lines.First, r.Span)
	}
	for i := range r.Locks {
		l := &r.Locks[i]
		if t := w.task(l.Task, l.PID, l.LogLine, l.Span); t >= 0 {
			w.asked[t] = l
			w.held[l.id()] = append(w.held[l.id()], heldBy{t, l})
		}
	}
	for _, x := range r.Waits {
		if x.listed {
			continue // the lists say more
		}
		l := w.node(NodeLock, fmt.Sprint(x.PID, x.On), fmt.Sprintf("%s that %s:%d waits for", x.On, x.Task, x.PID), x.LogLine, x.Span)
		w.edge(w.task(x.Task, x.PID, x.LogLine, x.Span), l, "waits for the "+x.On, sureSaid, x.LogLine, x.Span)
		w.edge(l, w.task(x.Holder, x.HolderPID, x.LogLine, x.Span), "held by", sureLikely, x.LogLine, x.Span)
	}
	for _, x := range r.Workers {
		q := w.node(NodeWorkqueue, x.Workqueue, "workqueue "+x.Workqueue, x.LogLine, x.Span)
		name := "kworker"
		if i, ok := w.byKey[fmt.Sprint(NodeTask, " ", x.PID)]; ok {
			name = w.g.Nodes[i].Name
		}
		t := w.node(NodeTask, fmt.Sprint(x.PID), fmt.Sprintf("%s:%d", name, x.PID), x.LogLine, x.Span)
		if t >= 0 && len(w.g.Nodes[t].Stack) == 0 {
			w.g.Nodes[t].PID, w.g.Nodes[t].Stack = x.PID, []string{x.Function}
		}
		w.edge(q, t, fmt.Sprintf("is running %s, with %d pending behind it", x.Function, x.Pending), sureSaid, x.LogLine, x.Span)
	}
	w.rcu(r)
}

// victim adds what a report says of the task that it is about.
func (w *waitBuilder) victim(i int, r *Report, index *int) {
	n := &w.g.Nodes[i]
	if n.Report == nil {
		n.Report = index
	}
	if r.CPU != nil && n.CPU == nil && r.Kind != KindHungTask {
		n.CPU = r.CPU
	}
	if r.Time != nil {
		since := *r.Time - float64(stuckFor(r.Headline))
		if n.Since == nil || since < *n.Since {
			n.Since = &since
		}
	}
	if n.State == "" && r.Kind == KindHungTask {
		n.State = "D"
	}
	stack := make([]string, 0, min(len(r.Frames), maxTaskStack))
	for k := range r.Frames {
		if f := &r.Frames[k]; f.Reliable && f.Function != "" && !f.Inline && len(stack) < maxTaskStack {
			stack = append(stack, inModule(baseName(f.Function), f.Module))
		}
	}
	w.stack(i, stack, r.Lines.First, r.Span)
}

// dumpedTask adds an entry of a dump of tasks.
func (w *waitBuilder) dumpedTask(t *Task) {
	i := w.task(t.Comm, t.PID, t.LogLine, t.Span)
	if i < 0 {
		return
	}
	n := &w.g.Nodes[i]
	if n.State == "" {
		n.State = t.State
	}
	if t.CPU != nil && n.CPU == nil {
		n.CPU = t.CPU
	}
	w.stack(i, t.Stack, t.LogLine, t.Span)
}

// stack notes what task i was doing, and what that waits for.
func (w *waitBuilder) stack(i int, stack []string, line int, span klog.Span) {
	n := &w.g.Nodes[i]
	if len(stack) == 0 || len(n.Stack) > len(stack) {
		return
	}
	n.Stack = stack
	if x, ok := waitOf(stack); ok {
		x.line, x.span = line, span
		w.waiting[i] = x
	}
}

// rcu adds who holds up a grace period.
func (w *waitBuilder) rcu(r *Report) {
	if r.Kind != KindRCUStall {
		return
	}
	node := w.node(NodeRCU, "", "RCU grace period", r.Lines.First, r.Span)
	for _, b := range r.RCUBlockers {
		switch {
		case b.Starved:
			w.edge(node, w.cpu(*b.CPU, b.LogLine, b.Span), "its kthread gets no time on", sureSaid, b.LogLine, b.Span)
		case b.CPU != nil:
			w.edge(node, w.cpu(*b.CPU, b.LogLine, b.Span), "waits for a quiescent state of", sureSaid, b.LogLine, b.Span)
		case b.PID > 0:
			if t, ok := w.byKey[fmt.Sprint(NodeTask, " ", b.PID)]; ok {
				w.edge(node, t, "waits for a reader", sureSaid, b.LogLine, b.Span)
			}
		}
	}
	if r.CPU != nil && r.PID != nil {
		c := w.cpu(*r.CPU, r.Lines.First, r.Span)
		if len(r.RCUBlockers) == 0 {
			w.edge(node, c, "waits for a quiescent state of", sureLikely, r.Lines.First, r.Span)
		}
		if t := w.task(r.Task, *r.PID, r.Lines.First, r.Span); t >= 0 {
			w.victim(t, r, nil)
			w.edge(c, t, "was running", sureLikely, r.Lines.First, r.Span)
		}
	}
}

// stuckFor reads "for more than 120 seconds" and "stuck for 22s" in a headline.
func stuckFor(headline string) int {
	for i := 0; i+4 < len(headline); i++ {
		if headline[i:i+4] != "for " && headline[i:i+4] != "han " {
			continue
		}
		if n, m := atoi([]byte(headline[i+4:])); m > 0 {
			return n
		}
	}
	return 0
}

// sortedTasks returns the nodes that are tasks, by line.
func (w *waitBuilder) sortedTasks() []int {
	var list []int
	for i := range w.g.Nodes {
		if w.g.Nodes[i].Kind == NodeTask {
			list = append(list, i)
		}
	}
	slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(w.g.Nodes[a].LogLine, w.g.Nodes[b].LogLine) })
	return list
}
