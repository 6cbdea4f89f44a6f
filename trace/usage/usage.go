// Package usage says what tasks, CPUs and cgroups did with a recording's time:
// how long a task ran, waited for a CPU, slept and was blocked; how often it was
// switched out by itself and by others, woken and moved; how busy each CPU was and
// how that changed.
//
// An [Analysis] is fed by a [sched.Tracker]; its result has all tasks, for a
// report to choose from. Time before a task's first event is unknown and counts to
// nothing, but for the task that a CPU ran when the recording began.
package usage

import (
	"cmp"
	"slices"
	"time"

	"ringside/trace/event"
	"ringside/trace/sched"
)

// Times is what a task, or all tasks of a name or a cgroup, did.
type Times struct {
	Run     time.Duration `json:"run_ns"`
	Wait    time.Duration `json:"wait_ns"` // runnable, without a CPU
	MaxWait time.Duration `json:"max_wait_ns"`
	Sleep   time.Duration `json:"sleep_ns"`
	Blocked time.Duration `json:"blocked_ns"` // not interruptible
	Stopped time.Duration `json:"stopped_ns"`
	// Voluntary and Involuntary are how often it gave its CPU up and lost it.
	Voluntary   uint64 `json:"voluntary"`
	Involuntary uint64 `json:"involuntary"`
	Wakeups     uint64 `json:"wakeups"`
	Migrations  uint64 `json:"migrations"` // to another CPU
	// Share is of the time of all CPUs.
	Share float64 `json:"share"`
}

func (t *Times) add(o *Times) {
	t.Run += o.Run
	t.Wait += o.Wait
	t.MaxWait = max(t.MaxWait, o.MaxWait)
	t.Sleep += o.Sleep
	t.Blocked += o.Blocked
	t.Stopped += o.Stopped
	t.Voluntary += o.Voluntary
	t.Involuntary += o.Involuntary
	t.Wakeups += o.Wakeups
	t.Migrations += o.Migrations
	t.Share += o.Share
}

// Task is what one task did.
type Task struct {
	Task   string `json:"task"`
	PID    int    `json:"pid"`
	Cgroup string `json:"cgroup,omitempty"`
	Times
}

// Group is what the tasks of one name or cgroup did.
type Group struct {
	Name  string `json:"name"`
	Tasks int    `json:"tasks"`
	Times
}

// CPU is what one CPU did.
type CPU struct {
	CPU      int           `json:"cpu"`
	Busy     time.Duration `json:"busy_ns"`
	Idle     time.Duration `json:"idle_ns"`
	IRQ      time.Duration `json:"irq_ns"` // within both
	SoftIRQ  time.Duration `json:"softirq_ns"`
	Switches uint64        `json:"switches"`
	// Share is how much of the known time it was busy.
	Share float64 `json:"share"`
}

// Moment is what happened in a stretch of time.
type Moment struct {
	At       time.Duration `json:"at_ns"` // since the recording's begin
	Switches uint64        `json:"switches"`
	// Busy is the share of all CPUs' time.
	Busy float64 `json:"busy"`
}

// Usage is the result.
type Usage struct {
	Tasks   []Task        `json:"tasks"` // those that ran the longest first
	Names   []Group       `json:"names"`
	Cgroups []Group       `json:"cgroups,omitempty"`
	CPUs    []CPU         `json:"cpus"`
	Step    time.Duration `json:"step_ns"` // between moments
	Moments []Moment      `json:"moments"`
	// LostSwitches is how many switches are missing in the recording: the time around
	// them belongs to nobody.
	LostSwitches uint64 `json:"lost_switches"`
}

// moments is how many stretches the time is divided into at most.
const moments = 128

// An Analysis sums spans up.
type Analysis struct {
	tracker  *sched.Tracker
	tasks    []Times // by sched.Task.Index
	last     []int   // the CPU that a task ran on last, and one
	cpus     []CPU
	step     uint64
	switches [moments]uint64
	busy     [moments]uint64
}

// New prepares an analysis of a recording's events.
func New(c *event.Catalog) *Analysis {
	a := &Analysis{tracker: sched.NewTracker(c), step: 1e6}
	a.tracker.OnSpan, a.tracker.OnInterrupt = a.span, a.interrupt
	return a
}

// Wants says whether events of this number matter.
func (a *Analysis) Wants(id int) bool { return a.tracker.Wants(id) }

// Add takes an event; they come in the order of time.
func (a *Analysis) Add(r *event.Record) { a.tracker.Add(r) }

// Span is the time of the first and the last event, and how many there were.
func (a *Analysis) Span() (first, last, events uint64) {
	return a.tracker.First, a.tracker.Last, a.tracker.Events
}

func (a *Analysis) cpu(n int) *CPU {
	for n >= len(a.cpus) {
		a.cpus = append(a.cpus, CPU{CPU: len(a.cpus)})
	}
	return &a.cpus[n]
}

func (a *Analysis) span(s *sched.Span) {
	i := s.Task.Index
	for i >= len(a.tasks) {
		a.tasks, a.last = append(a.tasks, Times{}), append(a.last, 0)
	}
	t, d := &a.tasks[i], time.Duration(s.To-s.From)
	switch s.State {
	case sched.Running:
		t.Run += d
		c := a.cpu(s.CPU)
		if !s.Open {
			c.Switches++
			a.moment(s.To, func(at int) { a.switches[at]++ })
		}
		if s.Task.PID == 0 {
			c.Idle += d
			return
		}
		c.Busy += d
		a.spread(s.From, s.To)
		switch {
		case s.Open:
		case s.Left == sched.Preempted:
			t.Involuntary++
		default:
			t.Voluntary++
		}
		if a.last[i] != 0 && a.last[i] != s.CPU+1 {
			t.Migrations++
		}
		a.last[i] = s.CPU + 1
	case sched.Runnable, sched.Preempted:
		t.Wait += d
		t.MaxWait = max(t.MaxWait, d)
		if s.State == sched.Runnable {
			t.Wakeups++
		}
	case sched.Sleeping:
		t.Sleep += d
	case sched.Blocked:
		t.Blocked += d
	case sched.Stopped:
		t.Stopped += d
	}
}

func (a *Analysis) interrupt(i *sched.Interrupt) {
	c := a.cpu(i.CPU)
	if i.Soft {
		c.SoftIRQ += time.Duration(i.To - i.From)
	} else {
		c.IRQ += time.Duration(i.To - i.From)
	}
}

// moment finds a time's stretch, which become longer as time goes on.
func (a *Analysis) moment(at uint64, do func(int)) {
	if at < a.tracker.First {
		return
	}
	since := at - a.tracker.First
	for since/a.step >= moments {
		a.step *= 2
		for i := range moments / 2 {
			a.switches[i] = a.switches[2*i] + a.switches[2*i+1]
			a.busy[i] = a.busy[2*i] + a.busy[2*i+1]
		}
		clear(a.switches[moments/2:])
		clear(a.busy[moments/2:])
	}
	do(int(since / a.step))
}

// spread adds busy time to the stretches that it is in.
func (a *Analysis) spread(from, to uint64) {
	a.moment(to, func(last int) {
		for i := last; i >= 0; i-- {
			begin := a.tracker.First + uint64(i)*a.step
			a.busy[i] += to - max(from, begin, a.tracker.First)
			if to = begin; from >= begin {
				return
			}
		}
	})
}

// Result ends the analysis and says what was found.
func (a *Analysis) Result() Usage {
	a.tracker.Finish()
	u := Usage{Step: time.Duration(a.step), LostSwitches: a.tracker.Lost}
	var whole time.Duration
	for _, c := range a.cpus {
		known := c.Busy + c.Idle
		whole += known
		if known > 0 {
			c.Share = float64(c.Busy) / float64(known)
			u.CPUs = append(u.CPUs, c)
		}
	}
	names, cgroups := map[string]*Group{}, map[string]*Group{}
	for _, t := range a.tracker.Tasks() {
		if t.PID == 0 || t.Index >= len(a.tasks) {
			continue
		}
		x := Task{Task: t.Comm, PID: t.PID, Cgroup: t.Cgroup, Times: a.tasks[t.Index]}
		if whole > 0 {
			x.Share = float64(x.Run) / float64(whole)
		}
		u.Tasks = append(u.Tasks, x)
		group(names, t.Comm, &x.Times)
		if t.Cgroup != "" {
			group(cgroups, t.Cgroup, &x.Times)
		}
	}
	slices.SortFunc(u.Tasks, func(x, y Task) int {
		return cmp.Or(cmp.Compare(y.Run, x.Run), cmp.Compare(y.Wait, x.Wait), cmp.Compare(x.PID, y.PID))
	})
	u.Names, u.Cgroups = sorted(names), sorted(cgroups)
	if n := len(u.CPUs); n > 0 && a.tracker.Last >= a.tracker.First {
		for i := range int(min(moments-1, (a.tracker.Last-a.tracker.First)/a.step)) + 1 {
			length := min(a.step, a.tracker.Last-a.tracker.First-uint64(i)*a.step)
			m := Moment{At: time.Duration(uint64(i) * a.step), Switches: a.switches[i]}
			if length > 0 {
				m.Busy = float64(a.busy[i]) / float64(length) / float64(n)
			}
			u.Moments = append(u.Moments, m)
		}
	}
	return u
}

func group(m map[string]*Group, name string, t *Times) {
	if m[name] == nil {
		m[name] = &Group{Name: name}
	}
	m[name].Tasks++
	m[name].add(t)
}

func sorted(m map[string]*Group) []Group {
	var list []Group
	for _, g := range m {
		list = append(list, *g)
	}
	slices.SortFunc(list, func(x, y Group) int {
		return cmp.Or(cmp.Compare(y.Run, x.Run), cmp.Compare(y.Wait, x.Wait), cmp.Compare(x.Name, y.Name))
	})
	return list
}
