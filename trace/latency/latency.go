// Package latency measures how long things took in a stream of trace events:
// how long runnable tasks waited for a CPU, interrupt handlers and softirqs ran,
// requests took at a disk, system calls lasted, locks were waited for, interrupts
// or preemption were off.
//
// An [Analysis] takes the events of one buffer in the order of time, by
// [Analysis.Add]; [Analysis.Result] says what was found. What is open at the end
// or begins before the recording does not count. Percentiles come out of
// histograms and are right to 1.6 %; counts and maxima are exact. Memory is
// bounded: of tasks and requests that never end, some are given up.
//
// Of the longest waits for a CPU the story is kept: who woke the task, and who
// ran on its CPU meanwhile. Where the recording says which cgroup a task is in
// (cgroup:cgroup_attach_task), waits are also told by cgroup.
package latency

import (
	"cmp"
	"slices"
	"time"

	"ringside/probe"
	"ringside/trace/event"
	"ringside/trace/sched"
)

// The kinds of latency.
const (
	RunQueue    = "runq"         // runnable, by a wake-up or preempted, until on a CPU
	Wakeup      = "wakeup"       // woken until on a CPU
	IRQ         = "irq"          // in the handler of an interrupt
	SoftIRQ     = "softirq"      // in a softirq
	SoftIRQWait = "softirq_wait" // from raised to entered
	IRQOff      = "irq_off"      // interrupts were disabled
	PreemptOff  = "preempt_off"  // preemption was disabled
	Block       = "block"        // a request from issued to completed
	Syscall     = "syscall"      // in a system call
	Lock        = "lock"         // waiting for a contended lock
)

// Kinds are all of them, in the order of a report.
var Kinds = []string{RunQueue, Wakeup, IRQ, SoftIRQ, SoftIRQWait, IRQOff, PreemptOff, Block, Syscall, Lock}

// Options bound an analysis.
type Options struct {
	// Worst is how many of the longest are kept with their story: 10.
	Worst int
}

// A Latency is what was found of one kind.
type Latency struct {
	N     uint64        `json:"n"`
	P50   time.Duration `json:"p50_ns"`
	P90   time.Duration `json:"p90_ns"`
	P99   time.Duration `json:"p99_ns"`
	P999  time.Duration `json:"p999_ns"`
	Max   time.Duration `json:"max_ns"`
	Total time.Duration `json:"total_ns"`
	// Worst are the longest, the longest first.
	Worst []Story `json:"worst,omitempty"`
	// By is the breakdown by what it was: a task, an interrupt, a vector, a
	// device, a system call; the largest total first.
	By []Part `json:"by,omitempty"`
	// ByCgroup is the breakdown by cgroup, of tasks whose cgroup was recorded.
	ByCgroup []Part `json:"by_cgroup,omitempty"`
}

// A Part is one line of a breakdown.
type Part struct {
	Name  string        `json:"name"`
	N     uint64        `json:"n"`
	Total time.Duration `json:"total_ns"`
	Max   time.Duration `json:"max_ns"`
}

func (p *Part) add(d time.Duration) {
	p.N++
	p.Total += d
	p.Max = max(p.Max, d)
}

// A Story is one of the longest.
type Story struct {
	Begin   uint64        `json:"begin_ns"` // of the recording's clock
	Latency time.Duration `json:"latency_ns"`
	CPU     int           `json:"cpu"`
	What    string        `json:"what"` // the task, interrupt, device …
	PID     int           `json:"pid,omitempty"`
	// Of a wait for a CPU: who woke the task, "" where it was preempted, and who
	// ran on the CPU meanwhile, for how long.
	Waker string `json:"waker,omitempty"`
	Held  []Held `json:"held,omitempty"`
}

// Held is a task that had the CPU while another one waited for it.
type Held struct {
	Task string        `json:"task"`
	PID  int           `json:"pid"`
	For  time.Duration `json:"for_ns"`
}

// Bounds of what is kept.
const (
	maxOpen  = 1 << 18 // requests and waits for locks that have not ended
	maxParts = 1 << 14 // lines of a breakdown
	maxCPUs  = 1 << 16
	history  = 64 // switches of a CPU that a story can look back
)

// collector sums one kind up.
type collector struct {
	Latency
	hist    []uint64
	parts   map[string]*Part
	cgroups map[string]*Part
	worst   int
}

// task is what is known of one task.
type task struct {
	comm [16]byte // as recorded
	name string

	waits   bool // for a CPU
	woken   bool // by a wake-up
	sysOpen bool
	since   uint64 // it waits for a CPU
	waking  uint64 // sched_waking was seen then and sched_wakeup was not yet
	waker   string

	sysAt   uint64
	sysPart *Part

	// Lines of the breakdowns of this name and cgroup.
	cgroup       string
	runq, wakeup *Part
}

// turn is a stretch of time in which a task had a CPU.
type turn struct {
	from uint64
	pid  int
	name string
}

// cpu is what is known of one CPU.
type cpu struct {
	turns [history]turn
	n     int
	irqs  []handler // that have not ended
	soft  [vectors]section
	wait  [vectors]section
	off   [2]section // interrupts, preemption
}

// vectors is more than the kernel has softirqs.
const vectors = 32

// section is a stretch of time that may be open.
type section struct {
	open   bool
	at     uint64
	caller uint64
}

// handler is an interrupt's handler that has not ended.
type handler struct {
	irq  int
	at   uint64
	part *Part
}

// An Analysis measures one buffer's events.
type Analysis struct {
	catalog *event.Catalog
	opt     Options
	kinds   map[string]*collector
	take    []func(*event.Record) // by an event's number
	cpus    []*cpu
	tasks   *sched.Table[task]
	open    map[string]pairs // requests and waits for locks
	// First and Last are the times of the first and the last event.
	First, Last uint64
	Events      uint64
}

// New prepares an analysis of a recording's events.
func New(c *event.Catalog, o Options) *Analysis {
	if o.Worst == 0 {
		o.Worst = 10
	}
	a := &Analysis{catalog: c, opt: o, kinds: map[string]*collector{}, tasks: new(sched.Table[task])}
	for _, h := range c.Heads() {
		if take := a.reader(h); take != nil {
			if need := h.ID + 1 - len(a.take); need > 0 {
				a.take = append(a.take, make([]func(*event.Record), need)...)
			}
			a.take[h.ID] = take
		}
	}
	return a
}

// Wants says whether events of this number matter.
func (a *Analysis) Wants(id int) bool { return id < len(a.take) && a.take[id] != nil }

// Add takes an event; they come in the order of time.
func (a *Analysis) Add(r *event.Record) { a.Take(r) }

// Take is Add as a recording calls it: always true.
func (a *Analysis) Take(r *event.Record) bool {
	if a.Events == 0 {
		a.First = r.Time
	}
	a.Events++
	a.Last = r.Time
	if r.Format == nil || uint(r.CPU) >= maxCPUs {
		return true
	}
	if id := r.Format.ID; id < len(a.take) {
		if take := a.take[id]; take != nil {
			take(r)
		}
	}
	return true
}

// Result is what was found, by kind; a kind without events is not in it.
func (a *Analysis) Result() map[string]Latency {
	m := map[string]Latency{}
	for name, c := range a.kinds {
		if c.N == 0 {
			continue
		}
		l := c.Latency
		// The middle of the last bucket may be beyond the longest.
		h := probe.Histogram{Counts: c.hist}
		at := func(q float64) time.Duration { return min(l.Max, h.Quantile(q)) }
		l.P50, l.P90, l.P99, l.P999 = at(.5), at(.9), at(.99), at(.999)
		l.By, l.ByCgroup = breakdown(c.parts), breakdown(c.cgroups)
		m[name] = l
	}
	return m
}

func breakdown(m map[string]*Part) []Part {
	var list []Part
	for _, p := range m {
		if p.N > 0 {
			list = append(list, *p)
		}
	}
	slices.SortFunc(list, func(x, y Part) int { return cmp.Or(cmp.Compare(y.Total, x.Total), cmp.Compare(x.Name, y.Name)) })
	return list
}

func (a *Analysis) kind(name string) *collector {
	c := a.kinds[name]
	if c == nil {
		c = &collector{hist: make([]uint64, probe.Buckets), parts: map[string]*Part{}, cgroups: map[string]*Part{}, worst: a.opt.Worst}
		a.kinds[name] = c
	}
	return c
}

// cpu returns what is known of a CPU.
func (a *Analysis) cpu(n int) *cpu {
	if n >= len(a.cpus) {
		a.cpus = append(a.cpus, make([]*cpu, n+1-len(a.cpus))...)
	}
	if a.cpus[n] == nil {
		a.cpus[n] = &cpu{}
	}
	return a.cpus[n]
}

// part returns a line of a breakdown.
func part(m map[string]*Part, name string) *Part {
	p := m[name]
	if p == nil {
		if len(m) >= maxParts {
			name = "others"
			p = m[name]
		}
		if p == nil {
			p = &Part{Name: name}
			m[name] = p
		}
	}
	return p
}

// count sums an interval up and says whether it is one of the longest.
func (c *collector) count(p *Part, d time.Duration) bool {
	c.N++
	c.Total += d
	c.Max = max(c.Max, d)
	c.hist[probe.Bucket(uint64(d))]++
	p.add(d)
	return len(c.Worst) < c.worst || d > c.Worst[len(c.Worst)-1].Latency
}

// tell keeps a story among the longest.
func (c *collector) tell(s Story) {
	i, _ := slices.BinarySearchFunc(c.Worst, s, func(x, y Story) int { return cmp.Compare(y.Latency, x.Latency) })
	c.Worst = slices.Insert(c.Worst, i, s)
	if len(c.Worst) > c.worst {
		c.Worst = c.Worst[:c.worst]
	}
}
