package sched

import (
	"fmt"
	"strconv"

	"ringside/trace/event"
)

// Task is one task.
type Task struct {
	// Index numbers tasks from 1 on, also where a number is used again. 0 is of
	// those who were too many, who are one.
	Index int
	PID   int // 0 for an idle task, of which each CPU has one
	Comm  string
	// Cgroup is where the recording says which it is.
	Cgroup string

	state  State
	since  uint64
	cpu    int
	cut    bool
	waker  Waker // who made it Runnable
	waking Waker // of sched_waking, until sched_wakeup
}

// Context is what a CPU did when it woke a task.
type Context uint8

// The contexts.
const (
	InTask Context = iota
	InSoftIRQ
	InHardIRQ
)

// Waker is who woke a task.
type Waker struct {
	// Task is who ran; nil where nobody is known. In an interrupt it is whom the
	// interrupt came over.
	Task    *Task
	Context Context
	// What is the interrupt or softirq, where its entry was recorded.
	What string
	CPU  int
	At   uint64
}

// String names the waker.
func (w Waker) String() string {
	switch {
	case w.Task == nil:
		return ""
	case w.Context == InTask:
		return w.Task.Comm
	case w.What != "":
		return w.What
	case w.Context == InHardIRQ:
		return "an interrupt"
	}
	return "a softirq"
}

// Span is a stretch of time in which a task was in one state.
type Span struct {
	Task     *Task
	State    State
	From, To uint64
	// CPU is where it ran, or, of another state, where it ran before; -1 where
	// that is not known.
	CPU int
	// Left is what a Running task did next.
	Left State
	// Waker is who ended a wait, or made the task Runnable.
	Waker Waker
	// Cut says that the span began before the recording, Open that it went on
	// after its end.
	Cut, Open bool
}

// Interrupt is a stretch of time in a handler or in a softirq.
type Interrupt struct {
	CPU      int
	Soft     bool
	Name     string
	From, To uint64
}

const (
	maxCPUs = 1 << 16
	maxMade = 1 << 18 // tasks, in all of a recording
	maxNest = 16      // handlers that have not ended, on a CPU
)

type cpu struct {
	task *Task // that runs, as far as known
	seen bool  // a switch
	idle *Task
	irqs []Interrupt // that have not ended
	soft []Interrupt
}

// Tracker follows tasks through the events of a buffer. Its functions are called
// when something is over: in the order of its end. What they are given is valid
// until they return.
type Tracker struct {
	OnSpan      func(*Span)
	OnInterrupt func(*Interrupt)
	// First and Last are the times of the first and the last event.
	First, Last uint64
	Events      uint64
	// Lost is how many switches are missing: a task left a CPU that another one
	// had as far as known.
	Lost uint64

	catalog *event.Catalog
	take    []func(*event.Record)
	tasks   Table[*Task]
	list    []*Task
	others  *Task
	cpus    []*cpu
	names   map[int]string // of interrupts
}

// NewTracker prepares for a recording's events.
func NewTracker(c *event.Catalog) *Tracker {
	k := &Tracker{catalog: c, others: &Task{PID: -1, Comm: "others"}, names: map[int]string{}}
	for _, h := range c.Heads() {
		reads := k.reader(h)
		if reads == nil {
			continue
		}
		if need := h.ID + 1 - len(k.take); need > 0 {
			k.take = append(k.take, make([]func(*event.Record), need)...)
		}
		k.take[h.ID] = func(r *event.Record) {
			k.take[r.Format.ID] = reads(r.Format)
			k.take[r.Format.ID](r)
		}
	}
	return k
}

// Wants says whether events of this number matter.
func (k *Tracker) Wants(id int) bool { return id < len(k.take) && k.take[id] != nil }

// Add takes an event; they come in the order of time.
func (k *Tracker) Add(r *event.Record) {
	if k.Events == 0 {
		k.First = r.Time
	}
	k.Events++
	k.Last = max(k.Last, r.Time)
	if r.Format != nil && uint(r.CPU) < maxCPUs && k.Wants(r.Format.ID) {
		k.take[r.Format.ID](r)
	}
}

// Finish hands out what is open at the end of the recording.
func (k *Tracker) Finish() {
	for _, t := range k.list {
		k.leave(t, k.Last, Span{Open: true})
	}
	for _, c := range k.cpus {
		if c != nil && c.idle != nil {
			k.leave(c.idle, k.Last, Span{Open: true})
		}
	}
}

// Tasks are all tasks that were seen, by Index less one.
func (k *Tracker) Tasks() []*Task { return k.list }

func (k *Tracker) reader(h event.Head) func(*event.Format) func(*event.Record) {
	switch h.System + ":" + h.Name {
	case "sched:sched_switch":
		return k.switches
	case "sched:sched_wakeup", "sched:sched_wakeup_new":
		return k.wakeups
	case "sched:sched_waking":
		return k.wakings
	case "sched:sched_process_fork":
		return k.forks
	case "cgroup:cgroup_attach_task", "cgroup:cgroup_transfer_tasks":
		return k.attaches
	case "irq:irq_handler_entry":
		return k.irqEntries
	case "irq:irq_handler_exit":
		return k.irqExits
	case "irq:softirq_entry":
		return k.softirqEntries
	case "irq:softirq_exit":
		return k.softirqExits
	}
	return nil
}

func (k *Tracker) cpu(n int) *cpu {
	if n >= len(k.cpus) {
		k.cpus = append(k.cpus, make([]*cpu, n+1-len(k.cpus))...)
	}
	if k.cpus[n] == nil {
		k.cpus[n] = &cpu{}
	}
	return k.cpus[n]
}

// task finds a task, on a CPU for those who are idle; nil for what is none.
func (k *Tracker) task(pid, on int) *Task {
	if pid == 0 {
		c := k.cpu(on)
		if c.idle == nil {
			c.idle = k.add(0, "<idle>")
		}
		return c.idle
	}
	at := k.tasks.At(pid)
	if at == nil {
		return nil
	}
	if *at == nil {
		*at = k.add(pid, k.catalog.Comm(pid))
	}
	return *at
}

func (k *Tracker) add(pid int, comm string) *Task {
	if len(k.list) >= maxMade {
		return k.others
	}
	t := &Task{Index: len(k.list) + 1, PID: pid, Comm: comm, cpu: -1}
	k.list = append(k.list, t)
	return t
}

func (t *Task) learn(comm []byte) {
	if t.Index > 0 && t.PID > 0 && len(comm) > 0 && t.Comm != string(comm) {
		t.Comm = string(comm)
	}
}

// leave ends a task's state and hands it out.
func (k *Tracker) leave(t *Task, now uint64, s Span) {
	if t.Index > 0 && t.state != Unknown && t.state != Dead && now >= t.since && k.OnSpan != nil {
		s.Task, s.State, s.From, s.To, s.CPU, s.Cut = t, t.state, t.since, now, t.cpu, t.cut
		if !t.state.Waits() {
			s.Waker = t.waker
		}
		k.OnSpan(&s)
	}
	t.state, t.cut = Unknown, false
}

func (t *Task) enter(s State, now uint64) { t.state, t.since = s, now }

// wake ends a task's wait.
func (k *Tracker) wake(t *Task, w Waker, now uint64) {
	switch t.state {
	case Running, Runnable, Preempted: // it does not wait
		return
	}
	k.leave(t, now, Span{Waker: w})
	t.waker = w
	t.enter(Runnable, now)
}

func (k *Tracker) switches(f *event.Format) func(*event.Record) {
	prev, state, next := NewWord(f, "prev_pid"), f.Uint("prev_state"), NewWord(f, "next_pid")
	prevComm, nextComm := NewComm(f, "prev_comm"), NewComm(f, "next_comm")
	return func(r *event.Record) {
		now, c := r.Time, k.cpu(r.CPU)
		from, to := k.task(prev.Int(r.Data), r.CPU), k.task(next.Int(r.Data), r.CPU)
		if from == nil || to == nil {
			return
		}
		from.learn(prevComm.Bytes(r.Data))
		to.learn(nextComm.Bytes(r.Data))
		lost := c.task != nil && c.task != from
		if from.state != Running {
			// It ran since before the recording, or, where its switch is missing,
			// since nobody knows when; but an idle CPU takes who is woken at once.
			began := now
			switch {
			case !c.seen:
				began, from.cut = max(k.First, from.since), true
			case lost && c.task.PID == 0 && from.state == Runnable && from.since >= c.task.since:
				began = from.since
				k.leave(c.task, began, Span{})
			}
			from.cpu = r.CPU
			from.enter(Running, began)
		}
		if lost {
			c.task.state = Unknown
			k.Lost++
		}
		left := Left(state.Uint(r.Data))
		if from.PID == 0 {
			left = Sleeping
		}
		k.leave(from, now, Span{Left: left})
		from.cpu, from.waking, from.waker = r.CPU, Waker{}, Waker{}
		switch {
		case left == Dead:
			if at := k.tasks.At(from.PID); at != nil && from.PID > 0 {
				*at = nil // the number may be used again
			}
		case from.PID != 0:
			from.enter(left, now)
		}
		// Without sched_wakeup, sched_waking is what is known.
		if to.PID != 0 && to.waking.Task != nil && now >= to.waking.At {
			k.wake(to, to.waking, to.waking.At)
		}
		k.leave(to, now, Span{})
		to.cpu, to.waking, to.waker = r.CPU, Waker{}, Waker{}
		to.enter(Running, now)
		c.task, c.seen = to, true
	}
}

// waker reads who wakes.
func (k *Tracker) waker(r *event.Record, by, flags Word) Waker {
	w := Waker{Task: k.task(by.Int(r.Data), r.CPU), CPU: r.CPU, At: r.Time}
	c := k.cpu(r.CPU)
	switch f := flags.Int(r.Data); {
	case f&FlagHardIRQ != 0:
		w.Context = InHardIRQ
		if n := len(c.irqs); n > 0 {
			w.What = c.irqs[n-1].Name
		}
	case f&FlagSoftIRQ != 0:
		w.Context = InSoftIRQ
		if n := len(c.soft); n > 0 {
			w.What = c.soft[n-1].Name
		}
	}
	return w
}

func (k *Tracker) wakeups(f *event.Format) func(*event.Record) {
	pid, by, flags, comm := NewWord(f, "pid"), NewWord(f, "common_pid"), NewWord(f, "common_flags"), NewComm(f, "comm")
	return func(r *event.Record) {
		t := k.task(pid.Int(r.Data), r.CPU)
		if t == nil || t.PID == 0 {
			return
		}
		t.learn(comm.Bytes(r.Data))
		w := t.waking // the CPU that wakes may let the task's own put it on the queue
		if w.Task == nil {
			w = k.waker(r, by, flags)
		}
		t.waking = Waker{}
		k.wake(t, w, r.Time)
	}
}

func (k *Tracker) wakings(f *event.Format) func(*event.Record) {
	pid, by, flags, comm := NewWord(f, "pid"), NewWord(f, "common_pid"), NewWord(f, "common_flags"), NewComm(f, "comm")
	return func(r *event.Record) {
		t := k.task(pid.Int(r.Data), r.CPU)
		if t == nil || t.PID == 0 {
			return
		}
		t.learn(comm.Bytes(r.Data))
		if t.state != Running && t.state != Runnable && t.state != Preempted {
			t.waking = k.waker(r, by, flags)
		}
	}
}

func (k *Tracker) forks(f *event.Format) func(*event.Record) {
	parent, child := f.Uint("parent_pid"), f.Uint("child_pid")
	return func(r *event.Record) {
		p, c := k.task(int(parent.Int(r.Data)), r.CPU), k.task(int(child.Int(r.Data)), r.CPU)
		if p != nil && c != nil && c.PID != 0 {
			c.Cgroup = p.Cgroup
		}
	}
}

func (k *Tracker) attaches(f *event.Format) func(*event.Record) {
	pid, path, id := f.Uint("pid"), f.Text("dst_path"), f.Uint("dst_id")
	return func(r *event.Record) {
		t := k.task(int(pid.Int(r.Data)), r.CPU)
		if t == nil || t.PID <= 0 {
			return
		}
		if t.Cgroup = string(path.Bytes(r.Data)); t.Cgroup == "" {
			t.Cgroup = "cgroup " + strconv.FormatUint(id.Uint(r.Data), 10)
		}
	}
}

func (k *Tracker) irqEntries(f *event.Format) func(*event.Record) {
	irq, name := NewWord(f, "irq"), f.Text("name")
	return func(r *event.Record) {
		n, c := irq.Int(r.Data), k.cpu(r.CPU)
		if k.names[n] == "" && len(k.names) < 1<<12 {
			k.names[n] = fmt.Sprintf("interrupt %d %s", n, name.Bytes(r.Data))
		}
		if len(c.irqs) == maxNest { // their ends were lost
			c.irqs = c.irqs[:0]
		}
		c.irqs = append(c.irqs, Interrupt{CPU: r.CPU, Name: k.names[n], From: r.Time})
	}
}

func (k *Tracker) irqExits(*event.Format) func(*event.Record) {
	return func(r *event.Record) { c := k.cpu(r.CPU); c.irqs = k.ended(c.irqs, r.Time) }
}

// ended hands out the last interrupt that began.
func (k *Tracker) ended(list []Interrupt, now uint64) []Interrupt {
	n := len(list) - 1
	if n < 0 {
		return list
	}
	if i := list[n]; i.From <= now && k.OnInterrupt != nil {
		i.To = now
		k.OnInterrupt(&i)
	}
	return list[:n]
}

func (k *Tracker) softirqEntries(f *event.Format) func(*event.Record) {
	vec := NewWord(f, "vec")
	var names [256]string
	for v := range names {
		names[v] = "softirq " + strconv.Itoa(v)
	}
	for v, n := range Vectors() {
		names[v] = "softirq " + n
	}
	return func(r *event.Record) {
		c := k.cpu(r.CPU)
		if len(c.soft) == maxNest {
			c.soft = c.soft[:0]
		}
		c.soft = append(c.soft, Interrupt{CPU: r.CPU, Soft: true, Name: names[uint8(vec.Int(r.Data))], From: r.Time})
	}
}

func (k *Tracker) softirqExits(*event.Format) func(*event.Record) {
	return func(r *event.Record) { c := k.cpu(r.CPU); c.soft = k.ended(c.soft, r.Time) }
}
