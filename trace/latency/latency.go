// Package latency measures how long things took in a stream of trace events:
// how long runnable tasks waited for a CPU, interrupt handlers and softirqs ran,
// requests took at a disk, system calls lasted, locks were waited for.
//
// An [Analysis] takes the events of one buffer in the order of time, by
// [Analysis.Add]; [Analysis.Result] says what was found. What is open at the end
// or begins before the recording does not count. Percentiles come out of
// histograms and are right to 1.6 %; counts and maxima are exact. Memory is
// bounded: of tasks and requests that never end, the oldest are given up.
//
// Of the longest waits for a CPU the story is kept: who woke the task, and who
// ran on its CPU meanwhile.
package latency

import (
	"cmp"
	"slices"
	"time"

	"ringside/probe"
	"ringside/trace/event"
)

// The kinds of latency.
const (
	RunQueue    = "runq"         // runnable, by a wake-up or preempted, until on a CPU
	Wakeup      = "wakeup"       // woken until on a CPU
	IRQ         = "irq"          // in the handler of an interrupt
	SoftIRQ     = "softirq"      // in a softirq
	SoftIRQWait = "softirq_wait" // from raised to entered
	Block       = "block"        // a request from issued to completed
	Syscall     = "syscall"      // in a system call
	Lock        = "lock"         // waiting for a contended lock
)

// Kinds are all of them, in the order of a report.
var Kinds = []string{RunQueue, Wakeup, IRQ, SoftIRQ, SoftIRQWait, Block, Syscall, Lock}

// Options bound an analysis.
type Options struct {
	// Worst is how many of the longest are kept with their story: 10.
	Worst int
	// Comm names a task whose name is in no event.
	Comm func(pid int) string
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
}

// A Part is one line of a breakdown.
type Part struct {
	Name  string        `json:"name"`
	N     uint64        `json:"n"`
	Total time.Duration `json:"total_ns"`
	Max   time.Duration `json:"max_ns"`
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
	maxOpen  = 1 << 18 // intervals that have not ended, of each kind
	maxParts = 1 << 14 // lines of a breakdown
	history  = 64      // switches of a CPU that a story can look back
)

// key identifies an open interval.
type key struct{ a, b uint64 }

// open is an interval that has not ended.
type open struct {
	at    uint64
	waker string
	woken bool
}

// collector sums one kind up.
type collector struct {
	Latency
	hist  probe.Histogram
	parts map[string]*Part
	open  map[key]open
	worst int
}

// turn is a stretch of time in which a task had a CPU.
type turn struct {
	from uint64
	pid  int
	comm string
}

// cpu is what is known of one CPU.
type cpu struct {
	turns [history]turn
	n     int
}

// An Analysis measures one buffer's events.
type Analysis struct {
	opt   Options
	kinds map[string]*collector
	take  map[*event.Format]func(*event.Record)
	cpus  map[int]*cpu
	comms map[int]string
	// First and Last are the times of the first and the last event.
	First, Last uint64
	Events      uint64
}

// New prepares an analysis of events of these formats.
func New(formats []*event.Format, o Options) *Analysis {
	if o.Worst == 0 {
		o.Worst = 10
	}
	a := &Analysis{opt: o, kinds: map[string]*collector{}, take: map[*event.Format]func(*event.Record){}, cpus: map[int]*cpu{}, comms: map[int]string{}}
	for _, f := range formats {
		if take := a.reader(f); take != nil {
			a.take[f] = take
		}
	}
	return a
}

// Wants says whether events of this format matter.
func (a *Analysis) Wants(f *event.Format) bool { return a.take[f] != nil }

// Add takes an event; they come in the order of time.
func (a *Analysis) Add(r *event.Record) {
	if a.Events == 0 {
		a.First = r.Time
	}
	a.Events++
	a.Last = r.Time
	if take := a.take[r.Format]; take != nil {
		take(r)
	}
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
		at := func(q float64) time.Duration { return min(l.Max, c.hist.Quantile(q)) }
		l.P50, l.P90, l.P99, l.P999 = at(.5), at(.9), at(.99), at(.999)
		for _, p := range c.parts {
			l.By = append(l.By, *p)
		}
		slices.SortFunc(l.By, func(x, y Part) int { return cmp.Or(cmp.Compare(y.Total, x.Total), cmp.Compare(x.Name, y.Name)) })
		m[name] = l
	}
	return m
}

func (a *Analysis) kind(name string) *collector {
	c := a.kinds[name]
	if c == nil {
		c = &collector{hist: probe.Histogram{Counts: make([]uint64, probe.Buckets)}, parts: map[string]*Part{}, open: map[key]open{}, worst: a.opt.Worst}
		a.kinds[name] = c
	}
	return c
}

// begin opens an interval. One that is open already begins anew: its end was
// lost.
func (c *collector) begin(k key, o open) {
	if len(c.open) >= maxOpen {
		oldest, at := key{}, ^uint64(0)
		for k, o := range c.open {
			if o.at < at {
				oldest, at = k, o.at
			}
		}
		delete(c.open, oldest)
	}
	c.open[k] = o
}

// end closes an interval and returns it with its length.
func (c *collector) end(k key, now uint64) (o open, d time.Duration, ok bool) {
	if o, ok = c.open[k]; !ok {
		return o, 0, false
	}
	delete(c.open, k)
	if now < o.at {
		return o, 0, false
	}
	return o, time.Duration(now - o.at), true
}

// count sums an interval up and says whether it is one of the longest.
func (c *collector) count(what string, d time.Duration) bool {
	c.N++
	c.Total += d
	c.Max = max(c.Max, d)
	c.hist.Counts[probe.Bucket(uint64(d))]++
	p := c.parts[what]
	if p == nil {
		if len(c.parts) >= maxParts {
			what = "others"
			p = c.parts[what]
		}
		if p == nil {
			p = &Part{Name: what}
			c.parts[what] = p
		}
	}
	p.N++
	p.Total += d
	p.Max = max(p.Max, d)
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
