// Package path finds out why something took as long as it did: the critical path
// of a task through a window of time, and which wake-ups follow each other most
// often.
//
// While a task sleeps, what counts is what the one did who woke it in the end: he
// ran, waited for a CPU himself, or slept until somebody woke him. [Path] follows
// that back until it meets something that waits for nobody: code that ran, a CPU
// that was held, an interrupt, or the edge of what was recorded. So each
// nanosecond of the window has one cause.
//
// A waker in an interrupt is the interrupt, not the task that it came over.
package path

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"ringside/trace/event"
	"ringside/trace/sched"
)

// Bounds of what is kept.
const (
	maxSteps    = 4 << 20 // spans of all tasks in the window
	maxSegments = 1 << 18
	maxDepth    = 32
	maxChains   = 1 << 14
	length      = 4 // tasks of a chain
)

// step is a span of a task.
type step struct {
	from, to uint64
	waker    int32 // index of the task
	what     int32 // the interrupt's name, or -1
	cpu      int32
	state    sched.State
	context  sched.Context
}

// Options choose the window.
type Options struct {
	// From and To bound it, in the recording's clock; 0 is its begin and its end.
	From, To uint64
}

// An Analysis collects what tasks did in the window.
type Analysis struct {
	opt     Options
	tracker *sched.Tracker
	steps   [][]step // by sched.Task.Index
	kept    int
	// Dropped is how many spans were too many.
	Dropped uint64

	names  []string
	ids    map[string]int32
	chain  []links // how each task was woken last
	chains map[links]*Chain
	runs   map[int32][]run // by CPU; made when a path is asked for
}

// links are the names of who woke whom, the last one last; -1 fills the front.
type links [length]int32

// run is what a CPU did.
type run struct {
	from, to uint64
	task     int
}

// New prepares an analysis of a recording's events.
func New(c *event.Catalog, o Options) *Analysis {
	if o.To == 0 {
		o.To = ^uint64(0)
	}
	a := &Analysis{opt: o, tracker: sched.NewTracker(c), ids: map[string]int32{}, chains: map[links]*Chain{}}
	a.tracker.OnSpan = a.span
	return a
}

// Wants says whether events of this number matter.
func (a *Analysis) Wants(id int) bool { return a.tracker.Wants(id) }

// Add takes an event; they come in the order of time.
func (a *Analysis) Add(r *event.Record) { a.tracker.Add(r) }

// Finish takes what is open at the end of the recording.
func (a *Analysis) Finish() { a.tracker.Finish() }

// Span is the time of the first and the last event, and how many there were.
func (a *Analysis) Span() (first, last, events uint64) {
	return a.tracker.First, a.tracker.Last, a.tracker.Events
}

func (a *Analysis) name(s string) int32 {
	id, ok := a.ids[s]
	if !ok {
		id = int32(len(a.names))
		a.ids[s] = id
		a.names = append(a.names, s)
	}
	return id
}

func (a *Analysis) span(s *sched.Span) {
	i := s.Task.Index
	for i >= len(a.steps) {
		a.steps, a.chain = append(a.steps, nil), append(a.chain, links{-1, -1, -1, -1})
	}
	if s.State == sched.Runnable && !s.Open && s.Waker.Task != nil {
		a.follow(s)
	}
	if s.To <= a.opt.From || s.From >= a.opt.To || s.From == s.To {
		return
	}
	if a.kept >= maxSteps {
		a.Dropped++
		return
	}
	a.kept++
	x := step{from: s.From, to: s.To, state: s.State, cpu: int32(s.CPU), what: -1, waker: -1}
	if w := s.Waker; w.Task != nil && s.State.Waits() {
		x.context = w.Context
		if w.Context == sched.InTask {
			x.waker = int32(w.Task.Index)
		} else {
			x.what = a.name(w.String())
		}
	}
	a.steps[i] = append(a.steps[i], x)
}

// A Chain is a row of tasks of which each woke the next.
type Chain struct {
	// Names are the tasks, and at the front perhaps an interrupt.
	Names []string      `json:"names"`
	N     uint64        `json:"n"`
	Wait  time.Duration `json:"wait_ns"` // of the last one, for a CPU
	Max   time.Duration `json:"max_wait_ns"`
}

// follow counts the chain that ends with a task which has got its CPU.
func (a *Analysis) follow(s *sched.Span) {
	w := s.Waker
	l := links{-1, -1, -1, -1}
	if w.Context == sched.InTask && w.Task.Index < len(a.chain) {
		l = a.chain[w.Task.Index]
	}
	if l[length-1] < 0 {
		l[length-1] = a.name(w.String())
	}
	copy(l[:], l[1:])
	l[length-1] = a.name(s.Task.Comm)
	a.chain[s.Task.Index] = l
	if s.From < a.opt.From || s.From >= a.opt.To {
		return
	}
	c := a.chains[l]
	if c == nil {
		if len(a.chains) >= maxChains {
			a.forget()
		}
		c = &Chain{}
		a.chains[l] = c
	}
	c.N++
	d := time.Duration(s.To - s.From)
	c.Wait += d
	c.Max = max(c.Max, d)
}

// forget drops chains that were rare so far.
func (a *Analysis) forget() {
	for least := uint64(1); len(a.chains) > maxChains/2; least *= 2 {
		for l, c := range a.chains {
			if c.N <= least {
				delete(a.chains, l)
			}
		}
	}
}

// Chains are the most frequent ones.
func (a *Analysis) Chains(most int) []Chain {
	var list []Chain
	for l, c := range a.chains {
		x := *c
		for _, id := range l {
			if id >= 0 {
				x.Names = append(x.Names, a.names[id])
			}
		}
		list = append(list, x)
	}
	slices.SortFunc(list, func(x, y Chain) int {
		return cmp.Or(cmp.Compare(y.N, x.N), cmp.Compare(y.Wait, x.Wait), cmp.Compare(strings.Join(x.Names, "\x00"), strings.Join(y.Names, "\x00")))
	})
	return list[:min(most, len(list))]
}
