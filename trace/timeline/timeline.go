// Package timeline draws recordings of the scheduler over time: which task ran on
// which CPU, with interrupts and softirqs; what each task did and waited for; where
// the longest waits were.
//
// A [Collector] takes a buffer's events in the order of time; [Write] writes what it
// collected as one HTML page with everything in it, which is zoomed and searched in
// the browser. A page is bounded: where there is more than it holds, neighbours that
// are shorter than a resolution are merged, which says how many they were; the
// resolution is as fine as the bound allows. [Chrome] and [Perfetto] write all
// events, in the forms that chrome://tracing and ui.perfetto.dev open.
//
// All text is data to the page's script, which writes it as text. The script is the
// only one and is inline: a Content-Security-Policy can name its hash
// ([ScriptHash]). A page that embeds this one opens it with #embedded, and chooses
// a theme with &theme=dark.
package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"ringside/trace/event"
	"ringside/trace/latency"
	"ringside/trace/sched"
)

// Bounds of a page.
const (
	defaultSlices = 120_000
	maxTasks      = 500  // rows of tasks that a page has
	manyTasks     = 4000 // rows that are collected
	maxNames      = 1 << 17
)

// Options bound what is collected.
type Options struct {
	// From and To choose a window of the recording's clock; 0 is its begin and its
	// end.
	From, To uint64
	// Slices is how many the page holds: 120,000.
	Slices int
	// Worst is how many of the longest waits of each kind are marked: 5.
	Worst int
}

// A Collector collects what a page shows.
type Collector struct {
	opt     Options
	tracker *sched.Tracker
	latency *latency.Analysis
	begin   uint64

	cpus  []*lane // tasks that ran, by CPU
	irqs  []*lane // interrupts and softirqs, by CPU
	tasks []*lane // by sched.Task.Index
	names []string
	ids   map[string]int
	total int    // slices in all lanes
	least uint64 // what is shorter is merged
	lost  int    // tasks that were too many
}

// New prepares for a recording's events.
func New(c *event.Catalog, o Options) *Collector {
	if o.To == 0 {
		o.To = ^uint64(0)
	}
	if o.Slices == 0 {
		o.Slices = defaultSlices
	}
	if o.Worst == 0 {
		o.Worst = 5
	}
	x := &Collector{opt: o, tracker: sched.NewTracker(c), latency: latency.New(c, latency.Options{Worst: o.Worst}), ids: map[string]int{}, least: 500}
	x.tracker.OnSpan, x.tracker.OnInterrupt = x.span, x.interrupt
	x.name("")
	return x
}

// Wants says whether events of this number matter.
func (x *Collector) Wants(id int) bool { return x.tracker.Wants(id) || x.latency.Wants(id) }

// Add takes an event; they come in the order of time.
func (x *Collector) Add(r *event.Record) {
	if x.tracker.Events == 0 {
		x.begin = max(r.Time, x.opt.From)
	}
	x.tracker.Add(r)
	if r.Time >= x.opt.From && r.Time < x.opt.To {
		x.latency.Add(r)
	}
}

func (x *Collector) name(s string) int {
	id, ok := x.ids[s]
	if !ok {
		if len(x.names) >= maxNames {
			return 0
		}
		id = len(x.names)
		x.ids[s] = id
		x.names = append(x.names, s)
	}
	return id
}

// clip cuts a stretch of time to the window, as distances from its begin.
func (x *Collector) clip(from, to uint64) (f, t uint64, ok bool) {
	from, to = max(from, x.begin), min(to, x.opt.To)
	if to <= from {
		return 0, 0, false
	}
	return from - x.begin, to - x.begin, true
}

func at(list []*lane, i int) ([]*lane, *lane) {
	for i >= len(list) {
		list = append(list, nil)
	}
	if list[i] == nil {
		list[i] = &lane{}
	}
	return list, list[i]
}

func (x *Collector) span(s *sched.Span) {
	from, to, ok := x.clip(s.From, s.To)
	if !ok || s.Task.PID == 0 || s.Task.PID < 0 {
		return
	}
	var l *lane
	x.tasks, l = at(x.tasks, s.Task.Index)
	if l.dropped {
		return
	}
	what := 0
	switch s.State {
	case sched.Running:
		what = s.CPU
		var c *lane
		x.cpus, c = at(x.cpus, s.CPU)
		x.total += c.add(slice{from: from, to: to, what: s.Task.Index, n: 1, busy: to - from}, x.least)
	default:
		if s.Waker.Task != nil {
			what = x.name(s.Waker.String())
		}
	}
	x.total += l.add(slice{from: from, to: to, what: what, state: s.State, n: 1, busy: to - from}, x.least)
	if x.total > 2*x.opt.Slices {
		x.coarsen(x.opt.Slices + x.opt.Slices/2)
	}
}

func (x *Collector) interrupt(i *sched.Interrupt) {
	from, to, ok := x.clip(i.From, i.To)
	if !ok {
		return
	}
	state := sched.Running
	if i.Soft {
		state = sched.Runnable // in a lane of interrupts: a softirq
	}
	var l *lane
	x.irqs, l = at(x.irqs, i.CPU)
	x.total += l.add(slice{from: from, to: to, what: x.name(i.Name), state: state, n: 1, busy: to - from}, x.least)
}

// coarsen merges until there are no more slices than most.
func (x *Collector) coarsen(most int) {
	for round := 0; x.total > most && round < 64; round++ {
		x.least *= 2
		x.total = 0
		for _, list := range [][]*lane{x.cpus, x.irqs, x.tasks} {
			for _, l := range list {
				if l != nil {
					l.merge(x.least)
					x.total += len(l.slices)
				}
			}
		}
		x.dropTasks(manyTasks)
	}
}

// dropTasks gives up the rows of tasks that did the least, where there are too many.
func (x *Collector) dropTasks(most int) {
	type row struct {
		index int
		busy  uint64
	}
	var rows []row
	for i, l := range x.tasks {
		if l != nil && !l.dropped {
			rows = append(rows, row{i, l.busy()})
		}
	}
	if len(rows) <= most {
		return
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(b.busy, a.busy), cmp.Compare(a.index, b.index)) })
	for _, r := range rows[most:] {
		x.total -= len(x.tasks[r.index].slices)
		*x.tasks[r.index] = lane{dropped: true}
		x.lost++
	}
}

// Finish ends the collection.
func (x *Collector) Finish() *Model {
	x.tracker.Finish()
	x.dropTasks(maxTasks)
	x.coarsen(x.opt.Slices)
	m := &Model{Begin: x.begin, End: min(x.tracker.Last, x.opt.To), Events: x.tracker.Events, Resolution: time.Duration(x.least), LostTasks: x.lost, LostSwitches: x.tracker.Lost}
	if m.End < m.Begin {
		m.End = m.Begin
	}
	m.names = x.names
	for cpu, l := range x.cpus {
		if l == nil && (cpu >= len(x.irqs) || x.irqs[cpu] == nil) {
			continue
		}
		row := cpuRow{cpu: cpu, tasks: &lane{}, irqs: &lane{}}
		if l != nil {
			row.tasks = l
		}
		if cpu < len(x.irqs) && x.irqs[cpu] != nil {
			row.irqs = x.irqs[cpu]
		}
		m.cpus = append(m.cpus, row)
	}
	list := x.tracker.Tasks()
	m.index = make([]int, len(list)+1)
	for i := range m.index {
		m.index[i] = -1
	}
	// Every task that a CPU's row names is in the list; those with a row of their
	// own come first, by the time they ran.
	used := make([]bool, len(list)+1)
	for _, c := range m.cpus {
		for _, s := range c.tasks.slices {
			used[s.what] = true
		}
	}
	for _, t := range list {
		var l *lane
		if t.Index < len(x.tasks) && x.tasks[t.Index] != nil && !x.tasks[t.Index].dropped {
			l = x.tasks[t.Index]
		}
		if l != nil && len(l.slices) > 0 || used[t.Index] {
			m.tasks = append(m.tasks, taskRow{task: t, lane: l})
		}
	}
	slices.SortStableFunc(m.tasks, func(a, b taskRow) int { return cmp.Compare(b.run(), a.run()) })
	for i, t := range m.tasks {
		m.index[t.task.Index] = i
	}
	m.marks(x.latency.Result())
	return m
}

// A Model is what a page shows.
type Model struct {
	// Begin and End are times of the recording's clock.
	Begin, End uint64
	Events     uint64
	// Resolution is below what neighbours were merged.
	Resolution time.Duration
	// LostTasks is how many tasks have no row, LostSwitches how many switches are
	// missing in the recording.
	LostTasks    int
	LostSwitches uint64
	Marks        []Mark

	names []string
	cpus  []cpuRow
	tasks []taskRow
	index []int // of tasks, by sched.Task.Index
}

type cpuRow struct {
	cpu         int
	tasks, irqs *lane
}

type taskRow struct {
	task *sched.Task
	lane *lane
}

// run is how long a task ran, as far as it has a row.
func (t taskRow) run() (d uint64) {
	if t.lane == nil {
		return 0
	}
	return t.lane.spent[sched.Running]
}

// A Mark is one of the longest waits.
type Mark struct {
	Kind string `json:"k"`
	Text string `json:"t"`
	From uint64 `json:"f"` // since Model.Begin
	For  uint64 `json:"l"`
	CPU  int    `json:"c"`
	PID  int    `json:"p"`
}

func (m *Model) marks(kinds map[string]latency.Latency) {
	for _, kind := range latency.Kinds {
		for _, s := range kinds[kind].Worst {
			if s.Begin < m.Begin || kind == latency.Wakeup { // runq has them
				continue
			}
			text := s.What
			if s.Waker != "" {
				text += ", woken by " + s.Waker
			}
			for i, h := range s.Held {
				if i == 3 {
					break
				}
				text += fmt.Sprintf(", %s ran %v", h.Task, brief(h.For))
			}
			m.Marks = append(m.Marks, Mark{Kind: kind, Text: text, From: s.Begin - m.Begin, For: uint64(s.Latency), CPU: s.CPU, PID: s.PID})
		}
	}
}

// brief drops what nobody reads.
func brief(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}

// Merged is how many slices are part of another one.
func (m *Model) Merged() (slices, of uint64) {
	count := func(l *lane) {
		if l == nil {
			return
		}
		for _, s := range l.slices {
			of += uint64(s.n)
			if s.n > 1 {
				slices += uint64(s.n)
			}
		}
	}
	for _, c := range m.cpus {
		count(c.tasks)
		count(c.irqs)
	}
	for _, t := range m.tasks {
		count(t.lane)
	}
	return slices, of
}
