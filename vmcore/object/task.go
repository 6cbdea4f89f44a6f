package object

import (
	"cmp"
	"iter"
	"strings"
	"time"

	"ringside/vmcore/kernel"
)

// Task is one thread. Its values are those at the moment of the dump.
type Task struct {
	Addr  uint64
	PID   int // the thread's
	TGID  int // of its process: what user space calls the PID
	PPID  int
	Comm  string
	State State
	CPU   int
	// OnCPU says that a CPU was running it.
	OnCPU  bool
	Kernel bool // a kernel thread
	Nice   int
	Policy string
	// Ran is the CPU time that it had used, Waited how long ago it was last on a
	// CPU.
	Ran    time.Duration
	Waited time.Duration
	// KnowsWaited says that Waited is known: sched_info is an option.
	KnowsWaited bool
	RSS         uint64 // bytes in memory of its process
	Value       kernel.Value
}

// State is what a task was doing, by the letter that ps prints.
type State struct {
	Letter string // R S D T t X Z P I
	Bits   uint64
	// Killable: a fatal signal ends an uninterruptible wait.
	Killable bool
	// NoLoad marks kernel threads that are idle though they look blocked.
	NoLoad bool
}

// Task states, include/linux/sched.h. They have moved once, in 4.14, all above
// the ones used here but TASK_NOLOAD and TASK_NEW.
const (
	taskInterruptible   = 0x1
	taskUninterruptible = 0x2
	taskStopped         = 0x4
	taskTraced          = 0x8
	exitDead            = 0x10
	exitZombie          = 0x20
	taskParked          = 0x40
	taskWakeKill        = 0x100
	taskNoLoad          = 0x400
	taskFrozen          = 0x8000
	pfKthread           = 0x00200000
)

// stateOf reads both words of a task's state.
func stateOf(v kernel.Value) State {
	bits := v.First("__state", "state").Uint()
	exit := v.Field("exit_state").Uint()
	s := State{Bits: bits | exit, Killable: bits&taskWakeKill != 0, NoLoad: bits&taskNoLoad != 0}
	switch {
	case exit&exitZombie != 0:
		s.Letter = "Z"
	case exit&exitDead != 0:
		s.Letter = "X"
	case bits&taskUninterruptible != 0 && s.NoLoad:
		s.Letter = "I"
	case bits&taskUninterruptible != 0:
		s.Letter = "D"
	case bits&taskInterruptible != 0:
		s.Letter = "S"
	case bits&taskTraced != 0:
		s.Letter = "t"
	case bits&taskStopped != 0:
		s.Letter = "T"
	case bits&taskParked != 0:
		s.Letter = "P"
	default:
		s.Letter = "R"
	}
	return s
}

// Blocked reports whether the task waits for something that a signal does not
// end: what the kernel's hung-task detector looks for.
func (s State) Blocked() bool { return s.Letter == "D" }

// Tasks goes through all threads: the idle tasks first, then every process with
// its threads.
func Tasks(w *kernel.Walk) iter.Seq[Task] {
	return func(yield func(Task) bool) {
		k := w.Kernel()
		now := clock(w)
		for _, cpu := range k.CPUs() {
			if idle := runqueue(w, cpu).Field("idle").Deref(); idle.Valid() {
				if !yield(taskOf(idle, now)) {
					return
				}
			}
		}
		init := w.Global("init_task", "struct task_struct")
		for leader := range w.List(init.Field("tasks"), "struct task_struct", "tasks") {
			if !threads(leader, func(v kernel.Value) bool { return yield(taskOf(v, now)) }) {
				return
			}
		}
	}
}

// threads goes through the threads of a process.
func threads(leader kernel.Value, yield func(kernel.Value) bool) bool {
	w := leader.Walk()
	signal := leader.Field("signal").Deref()
	if !signal.Valid() || !signal.Has("thread_head") { // a process that is being reaped
		return yield(leader)
	}
	seen := false
	for v := range w.List(signal.Field("thread_head"), "struct task_struct", "thread_node") {
		seen = seen || v.Addr() == leader.Addr()
		if !yield(v) {
			return false
		}
	}
	return seen || yield(leader)
}

// TaskAt reads the task at an address.
func TaskAt(w *kernel.Walk, addr uint64) Task {
	return taskOf(w.At("struct task_struct", addr), clock(w))
}

func taskOf(v kernel.Value, now time.Duration) Task {
	t := Task{Value: v, Addr: v.Addr(), PID: int(v.Field("pid").Int()), TGID: int(v.Field("tgid").Int()),
		Comm: strings.ToValidUTF8(v.Field("comm").Str(), "?"), State: stateOf(v), Kernel: v.Field("flags").Uint()&pfKthread != 0}
	t.PPID = int(v.Field("real_parent").Deref().Field("tgid").Int())
	switch { // moved into thread_info in 4.9, back and out again
	case v.Has("on_cpu"):
		t.OnCPU = v.Field("on_cpu").Bool()
	}
	switch {
	case v.Has("cpu"):
		t.CPU = int(v.Field("cpu").Uint())
	case v.Has("thread_info.cpu"):
		t.CPU = int(v.Field("thread_info.cpu").Uint())
	case v.Has("wake_cpu"):
		t.CPU = int(v.Field("wake_cpu").Uint())
	}
	t.Nice = int(v.Field("static_prio").Int()) - 120
	t.Policy = policyName(v.Field("policy").Uint())
	t.Ran = time.Duration(v.Field("se.sum_exec_runtime").Uint())
	if v.Has("sched_info.last_arrival") && now > 0 {
		if last := time.Duration(v.Field("sched_info.last_arrival").Uint()); last > 0 && last <= now {
			t.Waited, t.KnowsWaited = now-last, true
		}
	}
	t.RSS = rss(v.Field("mm").Deref())
	return t
}

// policyName names a scheduling policy, include/uapi/linux/sched.h.
func policyName(n uint64) string {
	names := []string{"normal", "fifo", "rr", "batch", "iso", "idle", "deadline", "ext"}
	if n < uint64(len(names)) {
		return names[n]
	}
	return ""
}

// runqueue returns a CPU's struct rq.
func runqueue(w *kernel.Walk, cpu int) kernel.Value {
	return w.PerCPU("runqueues", "struct rq", cpu)
}

// clock returns the scheduler's latest time on any CPU: what the times of tasks
// are to be compared with.
func clock(w *kernel.Walk) (now time.Duration) {
	for _, cpu := range w.Kernel().CPUs() {
		now = max(now, time.Duration(runqueue(w, cpu).Field("clock").Uint()))
	}
	return now
}

// rss returns the bytes that a process has in memory: of files, of anonymous
// memory and of shared memory. The counters were one struct of atomics until 6.2
// and are per-CPU counters since.
func rss(mm kernel.Value) uint64 {
	if !mm.Valid() {
		return 0
	}
	const file, anon, shmem = 0, 1, 3 // enum in mm_types_task.h; 2 is what was swapped out
	pages := int64(0)
	for _, i := range []int{file, anon, shmem} {
		switch {
		case mm.Has("rss_stat.count"):
			pages += mm.Field("rss_stat.count").Index(i).Field("counter").Int()
		case mm.Has("rss_stat"):
			pages += perCPUCounter(mm.Field("rss_stat").Index(i))
		}
	}
	return uint64(max(pages, 0)) << mm.Walk().Kernel().PageShift()
}

// perCPUCounter sums a struct percpu_counter.
func perCPUCounter(v kernel.Value) int64 {
	n := v.Field("count").Int()
	if p := v.Field("counters"); p.Ptr() != 0 {
		for _, cpu := range v.Walk().Kernel().CPUs() {
			n += p.PerCPUOf(cpu).Int()
		}
	}
	return n
}

// ByPID orders tasks as ps does.
func ByPID(a, b Task) int { return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.CPU, b.CPU)) }
