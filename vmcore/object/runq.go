package object

import (
	"math/bits"
	"time"

	"ringside/vmcore/kernel"
)

// RunQueue is what a CPU ran and what else wanted to run there.
type RunQueue struct {
	CPU  int  `json:"cpu"`
	Addr Addr `json:"addr"` // of its struct rq
	// Clock is the queue's own time, Behind how far it is behind the latest of
	// any CPU: the clock of a CPU that takes no interrupts stands still.
	Clock    time.Duration `json:"clock_ns"`
	Behind   time.Duration `json:"behind_ns"`
	Current  QueuedTask    `json:"current"`
	Idle     bool          `json:"idle"`
	Switches uint64        `json:"switches"`
	Running  int           `json:"running"`
	Queued   []QueuedTask  `json:"queued"`
	// Watchdog is how long ago the soft-lockup detector's own task ran here; nil
	// where there is none.
	Watchdog *time.Duration `json:"watchdog_ns,omitempty"`
}

// QueuedTask is a task on a run queue.
type QueuedTask struct {
	Addr  Addr   `json:"addr"`
	TID   int    `json:"tid"`
	Comm  string `json:"comm"`
	Class string `json:"class"` // "fair", "rt", "deadline", "stop" or "idle"
	Prio  int    `json:"prio"`  // 0 to 99 are real-time priorities, the highest first
	// Since is for how long it has run without a switch, or waited for the CPU.
	Since time.Duration `json:"since_ns"`
}

// maxQueued bounds the tasks of one queue.
const maxQueued = 10_000

// RunQueues reads the run queues.
func RunQueues(w *kernel.Walk) []RunQueue {
	k := w.Kernel()
	now := clock(w)
	var list []RunQueue
	for _, cpu := range k.CPUs() {
		rq := runqueue(w, cpu)
		q := RunQueue{CPU: cpu, Addr: Addr(rq.Addr()), Clock: time.Duration(rq.Field("clock").Uint()), Switches: rq.Field("nr_switches").Uint(), Running: int(rq.Field("nr_running").Uint()), Queued: []QueuedTask{}}
		q.Behind = max(now-q.Clock, 0)
		curr := rq.Field("curr").Deref()
		if curr.Valid() {
			q.Current = queuedTask(curr, "sched_info.last_arrival", now)
			q.Idle = curr.Addr() == rq.Field("idle").Ptr()
		}
		q.rt(rq.Field("rt.active"), curr.Addr(), now)
		if k.HasField("struct task_struct", "dl.rb_node") && rq.Has("dl.root") {
			for t := range w.RBTree(rq.Field("dl.root"), "struct task_struct", "dl.rb_node") {
				if !q.add(t, curr.Addr(), now) {
					break
				}
			}
		}
		left := maxQueued
		q.fair(rq.Field("cfs"), curr.Addr(), now, 32, &left)
		q.Watchdog = watchdog(w, cpu, now)
		list = append(list, q)
	}
	return list
}

// queuedTask reads a task; member has when what is asked for began.
func queuedTask(t kernel.Value, member string, now time.Duration) QueuedTask {
	q := QueuedTask{Addr: Addr(t.Addr()), TID: int(t.Field("pid").Int()), Comm: t.Field("comm").Str(), Prio: int(t.Field("prio").Int())}
	switch {
	case t.Field("pid").Uint() == 0:
		q.Class = "idle"
	case q.Prio < 0:
		q.Class = "deadline"
	case q.Prio < 100:
		q.Class = "rt"
	default:
		q.Class = "fair"
	}
	if t.Has(member) {
		if at := time.Duration(t.Field(member).Uint()); at > 0 && at <= now {
			q.Since = now - at
		}
	}
	return q
}

// add puts a task on the list, unless it is the one that runs.
func (q *RunQueue) add(t kernel.Value, curr uint64, now time.Duration) bool {
	if t.Valid() && t.Addr() != curr {
		q.Queued = append(q.Queued, queuedTask(t, "sched_info.last_queued", now))
	}
	return len(q.Queued) < maxQueued
}

// rt reads the queues of real-time priorities. A group of tasks is an entity of
// its own there, which is no task.
func (q *RunQueue) rt(active kernel.Value, curr uint64, now time.Duration) {
	w := active.Walk()
	if w == nil {
		return
	}
	bitmap, queues := active.Field("bitmap"), active.Field("queue")
	groups := w.Kernel().HasField("struct sched_rt_entity", "my_q")
	for i := range bitmap.Len() {
		for word := bitmap.Index(i).Uint(); word != 0; word &= word - 1 {
			prio := i*64 + bits.TrailingZeros64(word)
			if prio >= queues.Len() { // the delimiter
				return
			}
			for e := range w.List(queues.Index(prio), "struct sched_rt_entity", "run_list") {
				if groups && e.Field("my_q").Ptr() != 0 {
					continue
				}
				if !q.add(e.Container("struct task_struct", "rt"), curr, now) {
					return
				}
			}
		}
	}
}

// fair reads a queue of the fair class, and those of the groups in it.
func (q *RunQueue) fair(cfs kernel.Value, curr uint64, now time.Duration, depth int, left *int) bool {
	w := cfs.Walk()
	if w == nil || depth == 0 {
		return depth != 0
	}
	entity := func(se kernel.Value) bool {
		if *left--; *left < 0 {
			return false
		}
		if se.Has("my_q") {
			if group := se.Field("my_q").Deref(); group.Valid() {
				return q.fair(group, curr, now, depth-1, left)
			}
		}
		return q.add(se.Container("struct task_struct", "se"), curr, now)
	}
	// What runs is not in the tree.
	if se := cfs.Field("curr").Deref(); se.Valid() && !entity(se) {
		return false
	}
	for se := range w.RBTree(cfs.Field("tasks_timeline"), "struct sched_entity", "run_node") {
		if !entity(se) {
			return false
		}
	}
	return true
}

// watchdog returns how long ago the soft-lockup detector last ran on a CPU. It
// keeps seconds of 2^30 ns; 0 and the largest number say that it was reset.
func watchdog(w *kernel.Walk, cpu int, now time.Duration) *time.Duration {
	k := w.Kernel()
	at, ok := k.Symbol("watchdog_touch_ts")
	if !ok {
		return nil
	}
	if at, ok = k.PerCPU(at, cpu); !ok {
		return nil
	}
	touched, err := w.Uint(at, k.PtrSize())
	if err != nil || touched == 0 || touched > uint64(now>>30)+1 {
		return nil
	}
	return new(max(now-time.Duration(touched<<30), 0))
}

// WatchdogLimit returns after how long a CPU counts as locked up: twice what
// kernel.watchdog_thresh says.
func WatchdogLimit(w *kernel.Walk) time.Duration {
	if at, ok := w.Kernel().Symbol("watchdog_thresh"); ok {
		if n, err := w.U32(at); err == nil && n > 0 && n <= 60 {
			return 2 * time.Duration(n) * time.Second
		}
	}
	return 20 * time.Second
}

// RCU is the state of the kernel's read-copy-update.
type RCU struct {
	Flavour string `json:"flavour"`
	// GracePeriod is the number of the latest.
	GracePeriod int64 `json:"grace_period"`
	// Running says that a grace period has not ended, Age since when.
	Running bool          `json:"running"`
	Age     time.Duration `json:"age_ns"`
	Limit   time.Duration `json:"stall_limit_ns"` // after which it is a stall
	// CPUs and Tasks are those that it waits for.
	CPUs  []int        `json:"cpus"`
	Tasks []QueuedTask `json:"tasks"`
}

// Stalled reports whether a grace period lasts for longer than it may.
func (r *RCU) Stalled() bool { return r.Running && r.Age > r.Limit && len(r.CPUs)+len(r.Tasks) > 0 }

// ReadRCU reads the state; nil where the kernel has none that is known.
func ReadRCU(w *kernel.Walk) *RCU {
	k := w.Kernel()
	if _, ok := k.Symbol("rcu_state"); !ok || k.SizeOf("struct rcu_state") == 0 {
		return nil
	}
	state := w.Global("rcu_state", "struct rcu_state")
	j := ReadJiffies(w)
	seq := state.Field("gp_seq").Int() // the lowest two bits are its state
	r := &RCU{Flavour: state.Field("name").Str(), GracePeriod: seq >> 2, Limit: 21 * time.Second, CPUs: []int{}, Tasks: []QueuedTask{}}
	if at, ok := k.Symbol("rcu_cpu_stall_timeout"); ok {
		if n, err := w.U32(at); err == nil && n >= 3 && n <= 300 {
			r.Limit = time.Duration(n) * time.Second
		}
	}
	if r.Running = seq&3 != 0; !r.Running {
		return r
	}
	r.Age = max(j.Since(state.Field("gp_start").Uint()), 0)
	now := clock(w)
	seen := map[uint64]bool{}
	for _, cpu := range k.CPUs() {
		data := w.PerCPU("rcu_data", "struct rcu_data", cpu)
		node := data.Field("mynode").Deref()
		if !node.Valid() {
			continue
		}
		if node.Field("qsmask").Uint()&data.Field("grpmask").Uint() != 0 {
			r.CPUs = append(r.CPUs, cpu)
		}
		if !seen[node.Addr()] {
			seen[node.Addr()] = true
			r.blocked(node, now)
		}
	}
	return r
}

// blocked reads the tasks that were preempted while they read, and hold up the
// grace period: those of the node's list from gp_tasks on.
func (r *RCU) blocked(node kernel.Value, now time.Duration) {
	w := node.Walk()
	first := node.Field("gp_tasks").Ptr()
	if first == 0 || !w.Kernel().HasField("struct task_struct", "rcu_node_entry") {
		return
	}
	on := false
	for t := range w.List(node.Field("blkd_tasks"), "struct task_struct", "rcu_node_entry") {
		if on = on || t.Field("rcu_node_entry").Addr() == first; !on {
			continue
		}
		if r.Tasks = append(r.Tasks, queuedTask(t, "sched_info.last_arrival", now)); len(r.Tasks) == maxQueued {
			return
		}
	}
}
