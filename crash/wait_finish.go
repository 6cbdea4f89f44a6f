package crash

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// finish draws the edges that need all nodes, and finds the ends and the rings.
func (w *waitBuilder) finish() {
	tasks := w.sortedTasks()
	w.listed(tasks)
	for _, t := range tasks {
		if x, ok := w.waiting[t]; ok {
			w.stackWait(t, x)
		}
	}
	w.inferHolders(tasks)
	w.connectCPUs(tasks)
	w.prune()
	w.g.rings()
	w.g.ends()
}

// listed draws what the lists of held locks say. Lockdep lists a lock from the
// moment it is asked for, so that a waiter's last lock is the one it waits for;
// its holder lists the same lock and does not wait for it.
func (w *waitBuilder) listed(tasks []int) {
	for _, t := range tasks {
		want, ok := w.asked[t]
		if !ok || !w.couldWait(t) {
			continue
		}
		what := orElse(w.waiting[t].what, "lock")
		for _, h := range w.held[want.id()] {
			if h.node == t || w.asked[h.node] == h.lock && w.couldWait(h.node) {
				continue
			}
			l := w.node(NodeLock, want.Lock+" "+want.Address, fmt.Sprintf("%s (%s)", what, want.Lock), want.LogLine, want.Span)
			w.edge(t, l, "waits for the "+what, sureListed, want.LogLine, want.Span)
			w.edge(l, h.node, "held by", sureListed, h.lock.LogLine, h.lock.Span)
		}
	}
}

// couldWait reports whether a task may be waiting for the last lock of its list:
// its stack is in a lock, or tells nothing.
func (w *waitBuilder) couldWait(t int) bool {
	n := &w.g.Nodes[t]
	return w.waiting[t].kind == NodeLock || w.waiting[t].kind == "" && (n.State == "D" || len(n.Stack) == 0)
}

// stackWait draws what the stack of t waits for, where nothing surer is known.
func (w *waitBuilder) stackWait(t int, x wait) {
	if w.leads(t) {
		return
	}
	var to int
	switch x.kind {
	case NodeLock:
		// Which lock it is the stack does not say: those asked for at one place
		// are taken for one.
		key := x.site
		if key == "" {
			key = fmt.Sprint("of ", w.g.Nodes[t].Name)
		}
		to = w.node(NodeLock, x.what+" "+key, x.what+" asked for in "+orElse(x.site, "an unknown place"), x.line, x.span)
	case NodeRCU:
		key := ""
		if x.what != "RCU grace period" {
			key = x.what
		}
		to = w.node(NodeRCU, key, x.what, x.line, x.span)
	case NodeWorkqueue:
		to = w.flushed(t, x)
	default:
		key := x.what
		if x.what == "a completion" { // each is its own
			key += " of " + orElse(x.site, w.g.Nodes[t].Name)
		}
		to = w.node(NodeEvent, key, key, x.line, x.span)
	}
	reason := "waits for " + x.what
	if x.site != "" {
		reason += " in " + x.site
	}
	w.edge(t, to, reason, sureStack, x.line, x.span)
}

// flushed finds the workqueue that a flush waits for: the only one with work in
// flight, else one without a name.
func (w *waitBuilder) flushed(t int, x wait) int {
	only := -1
	for i := range w.g.Nodes {
		if w.g.Nodes[i].Kind == NodeWorkqueue && w.leads(i) {
			if only >= 0 {
				only = -1
				break
			}
			only = i
		}
	}
	if only >= 0 {
		return only
	}
	return w.node(NodeWorkqueue, "of "+x.site, x.what+" that "+orElse(x.site, w.g.Nodes[t].Name)+" waits for", x.line, x.span)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// leads reports whether node i waits for something.
func (w *waitBuilder) leads(i int) bool {
	return slices.ContainsFunc(w.g.Edges, func(e WaitEdge) bool { return e.From == i })
}

// inferHolders names who could hold a lock whose holder nobody names: the only
// stuck task with a function of the same module on its stack that waits for no
// lock itself. Where several locks of the module have no holder, nobody is named.
func (w *waitBuilder) inferHolders(tasks []int) {
	open := map[string]map[int]bool{} // by module, its locks without a holder
	for _, e := range w.g.Edges {
		m := moduleOf(w.waiting[e.From].site)
		if w.g.Nodes[e.To].Kind != NodeLock || w.leads(e.To) || m == "" {
			continue
		}
		if open[m] == nil {
			open[m] = map[int]bool{}
		}
		open[m][e.To] = true
	}
	for _, m := range slices.Sorted(maps.Keys(open)) {
		var could []int
		for _, t := range tasks {
			if w.waiting[t].kind != NodeLock && slices.ContainsFunc(w.g.Nodes[t].Stack, func(f string) bool { return moduleOf(f) == m }) {
				could = append(could, t)
			}
		}
		if len(open[m]) != 1 || len(could) != 1 {
			continue
		}
		n := &w.g.Nodes[could[0]]
		for lock := range open[m] {
			w.edge(lock, could[0], "may be held by (the only other task stuck in "+m+" that waits for no lock)", sureInferred, n.LogLine, n.Span)
		}
	}
}

// connectCPUs joins a CPU that is waited for with the task that it runs.
func (w *waitBuilder) connectCPUs(tasks []int) {
	for i := range w.g.Nodes {
		c := &w.g.Nodes[i]
		if c.Kind != NodeCPU || w.leads(i) {
			continue
		}
		for _, t := range tasks {
			n := &w.g.Nodes[t]
			if n.CPU != nil && *n.CPU == *c.CPU && (n.State == "R" || n.State == "") {
				w.edge(i, t, "was running", sureLikely, n.LogLine, n.Span)
				break
			}
		}
	}
}

// prune drops the nodes that neither wait nor are waited for, and sleepers that
// nobody waits for.
func (w *waitBuilder) prune() {
	if len(w.g.Edges) == 0 {
		return
	}
	used := make([]bool, len(w.g.Nodes))
	for _, e := range w.g.Edges {
		used[e.From], used[e.To] = true, true
	}
	at := make([]int, len(w.g.Nodes))
	nodes := w.g.Nodes[:0]
	for i, n := range w.g.Nodes {
		if used[i] {
			at[i] = len(nodes)
			nodes = append(nodes, n)
		}
	}
	for i := range w.g.Edges {
		w.g.Edges[i].From, w.g.Edges[i].To = at[w.g.Edges[i].From], at[w.g.Edges[i].To]
	}
	w.g.Nodes = nodes
}

// Finish finds the rings and the ends of a graph whose nodes and edges somebody
// else has put together.
func (g *WaitGraph) Finish() {
	g.Ends, g.Cycles = []WaitEnd{}, [][]int{}
	g.rings()
	g.ends()
}

// rings finds the cycles: from each node along its surest edge.
func (g *WaitGraph) rings() {
	next := g.surest()
	state := make([]int, len(g.Nodes)) // 0 unseen, otherwise the walk that saw it
	for start := range g.Nodes {
		path := []int{}
		for i := start; ; {
			if state[i] != 0 {
				if at := slices.Index(path, i); at >= 0 && state[i] == start+1 {
					g.Cycles = append(g.Cycles, path[at:])
				}
				break
			}
			state[i] = start + 1
			path = append(path, i)
			to, ok := next[i]
			if !ok {
				break
			}
			i = to
		}
	}
}

// surest returns for each node the edge that it most surely waits along.
func (g *WaitGraph) surest() map[int]int {
	next, sure := map[int]int{}, map[int]float64{}
	for _, e := range g.Edges {
		if e.Confidence > sure[e.From] {
			next[e.From], sure[e.From] = e.To, e.Confidence
		}
	}
	return next
}

// ends counts for each node without a way on how many tasks wait for it.
func (g *WaitGraph) ends() {
	next := g.surest()
	waiters := map[int]int{}
	for i, n := range g.Nodes {
		if n.Kind != NodeTask {
			continue
		}
		at := i
		for range len(g.Nodes) {
			to, ok := next[at]
			if !ok {
				break
			}
			at = to
		}
		if _, on := next[at]; !on && at != i {
			waiters[at]++
		}
	}
	for _, at := range slices.Sorted(maps.Keys(waiters)) {
		g.Ends = append(g.Ends, WaitEnd{at, waiters[at]})
	}
	// CPUs and RCU lead somewhere without any task waiting.
	for i := range g.Nodes {
		if _, on := next[i]; !on && waiters[i] == 0 && g.Nodes[i].Kind == NodeTask {
			g.Ends = append(g.Ends, WaitEnd{Node: i})
		}
	}
	slices.SortStableFunc(g.Ends, func(a, b WaitEnd) int { return cmp.Compare(b.Waiters, a.Waiters) })
}

// Describe says what a node does in a few words: "in msleep ← holder [mod]".
func (n *WaitNode) Describe() string {
	if len(n.Stack) == 0 {
		return ""
	}
	v := view{n: sharedNoise()}
	var parts []string
	for _, f := range n.Stack {
		name, _, _ := strings.Cut(f, " ")
		if strings.HasPrefix(name, "__schedule") || strings.HasPrefix(name, "schedule") || name == "context_switch" {
			continue
		}
		parts = append(parts, f)
		if !v.has(name) || len(parts) == 4 {
			break
		}
	}
	return "in " + strings.Join(parts, " ← ")
}
