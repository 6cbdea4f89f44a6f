// Package graph adds up what the function tracers recorded: of function_graph how
// often each function was called, how long it took with and without what it calls,
// and from where; of function how often, and who called.
//
// Calls are matched by task. One whose entry was lost has its time but no callees;
// one without an exit is not counted. A function that calls itself has the time of
// the outermost call. Memory is bounded: beyond [MaxFunctions] and [MaxNodes] what
// is new is counted to "others" and to its caller.
package graph

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"ringside/probe"
	"ringside/trace/event"
)

// Bounds of what is kept.
const (
	MaxFunctions = 1 << 14
	MaxNodes     = 1 << 17
	maxPairs     = 1 << 17
	maxStack     = 512
	maxStacks    = 1 << 16
)

// A Function is what is known of one function.
type Function struct {
	Name  string        `json:"name"`
	Calls uint64        `json:"calls"`
	Total time.Duration `json:"total_ns"` // with what it calls
	Self  time.Duration `json:"self_ns"`
	P50   time.Duration `json:"p50_ns"` // of one call
	P99   time.Duration `json:"p99_ns"`
	Max   time.Duration `json:"max_ns"`
}

// A Pair is a caller with what it calls.
type Pair struct {
	Caller   string `json:"caller"`
	Function string `json:"function"`
	Calls    uint64 `json:"calls"`
}

// A Node is a function with the way that it was called.
type Node struct {
	Name     string        `json:"name"`
	Calls    uint64        `json:"calls"`
	Total    time.Duration `json:"total_ns"`
	Self     time.Duration `json:"self_ns"`
	Children []*Node       `json:"children,omitempty"`
}

// Graph is the result.
type Graph struct {
	Functions []Function `json:"functions"` // the largest self time first
	// Tree begins with tasks by name.
	Tree []*Node `json:"tree"`
	// Pairs are of the function tracer, the most frequent first.
	Pairs []Pair `json:"pairs,omitempty"`
	// Partial is how many exits had no entry, Open how many entries no exit.
	Partial uint64 `json:"partial"`
	Open    uint64 `json:"open"`
}

// function is what is summed up of one.
type function struct {
	Function
	hist []uint64
}

// node is one of the tree.
type node struct {
	parent   int32
	fn       *function // nil for a task
	name     string
	calls    uint64
	total    time.Duration
	children time.Duration
}

type edge struct {
	parent int32
	name   string
}

// call is one that has not ended.
type call struct {
	addr  uint64
	at    uint64
	node  int32
	inner time.Duration // of its callees
}

type stack struct {
	calls []call
	root  int32
	deep  int // calls that were too deep to be kept
}

// who is a task; those who are idle are told apart by their CPU.
type who struct{ pid, cpu int }

// An Analysis sums calls up.
type Analysis struct {
	catalog *event.Catalog
	take    map[int]func(*event.Record)
	byAddr  map[uint64]*function
	byName  map[string]*function
	nodes   []node
	edges   map[edge]int32
	stacks  map[who]*stack
	pairs   map[[2]uint64]uint64
	partial uint64
	open    uint64

	First, Last uint64
	Events      uint64
}

// New prepares an analysis of a recording's events.
func New(c *event.Catalog) *Analysis {
	a := &Analysis{catalog: c, take: map[int]func(*event.Record){}, byAddr: map[uint64]*function{}, byName: map[string]*function{}, edges: map[edge]int32{}, stacks: map[who]*stack{}, pairs: map[[2]uint64]uint64{}}
	for _, h := range c.Heads() {
		if h.System != "ftrace" {
			continue
		}
		f := c.ByID(h.ID)
		switch h.Name {
		case "funcgraph_entry", "fgraph_retaddr_entry", "funcgraph_retaddr_entry":
			a.take[h.ID] = a.entries(f)
		case "funcgraph_exit":
			a.take[h.ID] = a.exits(f)
		case "function":
			a.take[h.ID] = a.functions(f)
		}
	}
	return a
}

// Wants says whether events of this number matter.
func (a *Analysis) Wants(id int) bool { return a.take[id] != nil }

// Add takes an event; they come in the order of time.
func (a *Analysis) Add(r *event.Record) {
	if a.Events == 0 {
		a.First = r.Time
	}
	a.Events++
	a.Last = max(a.Last, r.Time)
	if r.Format != nil {
		if take := a.take[r.Format.ID]; take != nil {
			take(r)
		}
	}
}

// function finds a function by any address in it.
func (a *Analysis) function(addr uint64) *function {
	if f := a.byAddr[addr]; f != nil {
		return f
	}
	name, _, ok := a.catalog.Symbol(addr)
	if !ok {
		name = fmt.Sprintf("%#x", addr)
	}
	f := a.byName[name]
	if f == nil {
		if len(a.byName) >= MaxFunctions {
			name = "others"
			f = a.byName[name]
		}
		if f == nil {
			f = &function{Function: Function{Name: name}}
			a.byName[name] = f
		}
	}
	if len(a.byAddr) < MaxFunctions {
		a.byAddr[addr] = f
	}
	return f
}

func (f *function) add(d, self time.Duration, outermost bool) {
	f.Calls++
	f.Self += self
	f.Max = max(f.Max, d)
	if outermost {
		f.Total += d
	}
	b := probe.Bucket(uint64(d))
	if b >= len(f.hist) {
		f.hist = append(f.hist, make([]uint64, b+1-len(f.hist))...)
	}
	f.hist[b]++
}

// child finds a node below another one; -1 is above all.
func (a *Analysis) child(parent int32, name string, f *function) int32 {
	k := edge{parent, name}
	n, ok := a.edges[k]
	if !ok {
		if len(a.nodes) >= MaxNodes && parent >= 0 {
			return parent
		}
		n = int32(len(a.nodes))
		a.edges[k] = n
		a.nodes = append(a.nodes, node{parent: parent, fn: f, name: name})
	}
	return n
}

func (a *Analysis) stack(pid int, r *event.Record) *stack {
	w := who{pid: pid}
	if pid == 0 {
		w.cpu = r.CPU
	}
	s := a.stacks[w]
	if s == nil {
		if len(a.stacks) >= maxStacks {
			clear(a.stacks)
		}
		s = &stack{root: a.child(-1, a.catalog.Comm(pid), nil)}
		a.stacks[w] = s
	}
	if r.Missed != 0 { // what was on it may have ended since
		a.open += uint64(len(s.calls))
		s.calls, s.deep = s.calls[:0], 0
	}
	return s
}

func (a *Analysis) entries(f *event.Format) func(*event.Record) {
	fn, pid := f.Uint("func"), f.Uint("common_pid")
	return func(r *event.Record) {
		s := a.stack(int(pid.Int(r.Data)), r)
		if len(s.calls) >= maxStack {
			s.deep++
			return
		}
		addr, parent := fn.Uint(r.Data), s.root
		if n := len(s.calls); n > 0 {
			parent = s.calls[n-1].node
		}
		x := a.function(addr)
		s.calls = append(s.calls, call{addr: addr, at: r.Time, node: a.child(parent, x.Name, x)})
	}
}

func (a *Analysis) exits(f *event.Format) func(*event.Record) {
	fn, pid, begin, end := f.Uint("func"), f.Uint("common_pid"), f.Uint("calltime"), f.Uint("rettime")
	return func(r *event.Record) {
		s := a.stack(int(pid.Int(r.Data)), r)
		if s.deep > 0 {
			s.deep--
			return
		}
		addr := fn.Uint(r.Data)
		at := len(s.calls) - 1
		for at >= 0 && s.calls[at].addr != addr {
			at--
		}
		var d time.Duration
		if from, to := begin.Uint(r.Data), end.Uint(r.Data); to > from && to-from < 1<<62 {
			d = time.Duration(to - from)
		} else if at >= 0 && r.Time > s.calls[at].at && r.Time-s.calls[at].at < 1<<62 {
			d = time.Duration(r.Time - s.calls[at].at)
		}
		x := a.function(addr)
		if at < 0 {
			a.partial++
			x.add(d, d, true)
			n := &a.nodes[a.child(s.root, x.Name, x)]
			n.calls++
			n.total += d
			return
		}
		a.open += uint64(len(s.calls) - 1 - at) // their exits were lost
		c := s.calls[at]
		for _, lost := range s.calls[at+1:] {
			c.inner += lost.inner
		}
		s.calls = s.calls[:at]
		outermost := !slices.ContainsFunc(s.calls, func(o call) bool { return o.addr == addr })
		x.add(d, max(0, d-c.inner), outermost)
		n := &a.nodes[c.node]
		n.calls++
		n.total += d
		n.children += min(d, c.inner)
		if at > 0 {
			s.calls[at-1].inner += d
		}
	}
}

func (a *Analysis) functions(f *event.Format) func(*event.Record) {
	ip, parent := f.Uint("ip"), f.Uint("parent_ip")
	return func(r *event.Record) {
		k := [2]uint64{parent.Uint(r.Data), ip.Uint(r.Data)}
		a.function(k[1]).Calls++
		if _, known := a.pairs[k]; known || len(a.pairs) < maxPairs {
			a.pairs[k]++
		}
	}
}

// Result ends the analysis and says what was found.
func (a *Analysis) Result() Graph {
	g := Graph{Partial: a.partial, Open: a.open, Functions: []Function{}}
	for _, s := range a.stacks {
		g.Open += uint64(len(s.calls))
	}
	for _, f := range a.byName {
		if f.Calls == 0 {
			continue
		}
		x := f.Function
		if f.hist != nil {
			h := probe.Histogram{Counts: f.hist}
			x.P50, x.P99 = min(x.Max, h.Quantile(.5)), min(x.Max, h.Quantile(.99))
		}
		g.Functions = append(g.Functions, x)
	}
	slices.SortFunc(g.Functions, func(x, y Function) int {
		return cmp.Or(cmp.Compare(y.Self, x.Self), cmp.Compare(y.Calls, x.Calls), cmp.Compare(x.Name, y.Name))
	})
	g.Tree = a.tree()
	pairs := map[[2]string]uint64{}
	for k, n := range a.pairs {
		caller, _, ok := a.catalog.Symbol(k[0])
		if !ok {
			caller = fmt.Sprintf("%#x", k[0])
		}
		pairs[[2]string{caller, a.function(k[1]).Name}] += n
	}
	for k, n := range pairs {
		g.Pairs = append(g.Pairs, Pair{k[0], k[1], n})
	}
	slices.SortFunc(g.Pairs, func(x, y Pair) int {
		return cmp.Or(cmp.Compare(y.Calls, x.Calls), cmp.Compare(x.Caller, y.Caller), cmp.Compare(x.Function, y.Function))
	})
	return g
}

// tree makes nodes of what was summed up; callers come before callees.
func (a *Analysis) tree() []*Node {
	out := make([]*Node, len(a.nodes))
	var roots []*Node
	for i, n := range a.nodes {
		out[i] = &Node{Name: n.name, Calls: n.calls, Self: n.total - n.children}
		if n.parent < 0 {
			roots = append(roots, out[i])
		} else {
			out[n.parent].Children = append(out[n.parent].Children, out[i])
		}
	}
	sort := func(list []*Node) {
		slices.SortFunc(list, func(x, y *Node) int { return cmp.Or(cmp.Compare(y.Total, x.Total), cmp.Compare(x.Name, y.Name)) })
	}
	for i := len(out) - 1; i >= 0; i-- {
		// A task, and a call that did not end, has what its callees have.
		n := out[i]
		n.Total = n.Self
		for _, c := range n.Children {
			n.Total += c.Total
		}
		sort(n.Children)
	}
	roots = slices.DeleteFunc(roots, func(n *Node) bool { return len(n.Children) == 0 })
	sort(roots)
	return roots
}

// WriteFolded writes the tree as folded stacks with their own time in
// nanoseconds, which 'ringside profile flame' draws.
func WriteFolded(w io.Writer, tree []*Node) error {
	b := bufio.NewWriter(w)
	clean := strings.NewReplacer(";", ":", "\n", " ")
	var walk func(prefix string, list []*Node)
	walk = func(prefix string, list []*Node) {
		for _, n := range list {
			at := prefix + clean.Replace(n.Name)
			if n.Self > 0 {
				fmt.Fprintf(b, "%s %d\n", at, int64(n.Self))
			}
			walk(at+";", n.Children)
		}
	}
	walk("", tree)
	return b.Flush()
}
