package crash

import (
	"bytes"

	"ringside/klog"
)

// Bounds of what one report keeps of dumps of tasks.
const (
	maxTasks      = 4096
	maxTaskStack  = 16
	maxWorkers    = 1024
	maxRCUBlocker = 1024
)

// Task is an entry of a dump of tasks, or what a CPU was found running.
type Task struct {
	Comm    string    `json:"comm"`
	PID     int       `json:"pid"` // -1 where it is not said
	State   string    `json:"state,omitempty"`
	CPU     *int      `json:"cpu,omitempty"` // that it was running on
	Stack   []string  `json:"stack"`         // functions, innermost first: "foo", "bar [mod]"
	Span    klog.Span `json:"span"`
	LogLine int       `json:"log_line"`
}

// Worker is work that a workqueue's dump shows in flight.
type Worker struct {
	Workqueue string    `json:"workqueue"`
	PID       int       `json:"pid"`
	Function  string    `json:"function"`
	Pending   int       `json:"pending"` // how many wait behind it in the same pool
	Span      klog.Span `json:"span"`
	LogLine   int       `json:"log_line"`
}

// RCUBlocker is a CPU or task that holds up a grace period.
type RCUBlocker struct {
	CPU     *int      `json:"cpu,omitempty"`
	PID     int       `json:"pid,omitempty"`
	Starved bool      `json:"starved,omitempty"` // the grace-period kthread gets no time on this CPU
	Span    klog.Span `json:"span"`
	LogLine int       `json:"log_line"`
}

// taskDump follows the dump of tasks within a report.
type taskDump struct {
	cur       int    // position in Report.Tasks plus one, 0 for none
	workqueue string // whose pools are being listed
	workers   int    // position in Report.Workers where the current pool's begin
}

// openTask begins an entry of the dump.
func (b *builder) openTask(rec *klog.Record, t Task) {
	b.dumped.cur = 0
	if len(b.rep.Tasks) >= maxTasks || !b.room.take(1) {
		return
	}
	t.Stack, t.LogLine, t.Span = []string{}, rec.Line, textSpan(rec, 0, len(rec.Text))
	b.rep.Tasks = append(b.rep.Tasks, t)
	b.dumped.cur = len(b.rep.Tasks)
}

// runs says who was running on the CPU whose backtrace has begun.
func (b *builder) runs(l cpuLine) {
	if i := b.dumped.cur; i > 0 && b.rep.Tasks[i-1].CPU != nil && b.rep.Tasks[i-1].Comm == "" && *b.rep.Tasks[i-1].CPU == l.cpu {
		b.rep.Tasks[i-1].Comm, b.rep.Tasks[i-1].PID = l.comm, l.pid
	}
}

// taskFrame adds a frame to the task whose stack is being printed.
func (b *builder) taskFrame(f *Frame) {
	if b.dumped.cur == 0 || !f.Reliable || f.Function == "" || f.Inline {
		return
	}
	t := &b.rep.Tasks[b.dumped.cur-1]
	if len(t.Stack) >= maxTaskStack || !b.room.take(1) {
		return
	}
	t.Stack = append(t.Stack, inModule(baseName(f.Function), f.Module))
}

func inModule(function, module string) string {
	if module != "" {
		return function + " [" + module + "]"
	}
	return function
}

// dumpLine reads a line of the kernel's dumps of tasks, workqueues and RCU that
// no other part of the grammar reads. It reports whether it was one.
func (b *builder) dumpLine(rec *klog.Record, text []byte) bool {
	if comm, state, pid, ok := parseTaskOf(text); ok {
		b.openTask(rec, Task{Comm: comm, PID: pid, State: state})
		return true
	}
	return b.workqueueLine(rec, text) || b.rcuLine(rec, text)
}

// parseTaskOf reads the line that begins a task's entry, of any kernel
// (kernel/sched/core.c, sched_show_task):
//
//	task:foo             state:D stack:0     pid:12    tgid:12    ppid:2      flags:0x00004000
//	task:foo             state:R  running task     stack:24168 pid:14797 ppid:5615
//	foo             D ffff88007a5a8000     0  1234      1 0x00000000
//	foo             R  running task     0  1234      1 0x00000000
func parseTaskOf(text []byte) (comm, state string, pid int, ok bool) {
	if comm, pid, ok = parseTask(text); ok {
		if _, rest, found := bytes.Cut(text, []byte(" state:")); found && len(rest) > 0 {
			state = string(rest[:1])
		}
		return comm, state, pid, true
	}
	text = bytes.TrimRight(text[:min(len(text), 128)], " ")
	if flags := len(text) - len("0x00000000"); flags < 0 || text[flags] != '0' || text[flags+1] != 'x' {
		return "", "", 0, false // every line of a report asks: no list of words for each
	}
	fields := bytes.Fields(text)
	n := len(fields)
	if n < 5 || len(fields[n-1]) != len("0x00000000") || !bytes.HasPrefix(fields[n-1], []byte("0x")) || hexLen(fields[n-1]) != len(fields[n-1]) || len(fields[0]) > 16 {
		return "", "", 0, false
	}
	for i := 1; i <= 3; i++ {
		if f := fields[n-1-i]; spanOf(f, isDigit) != len(f) {
			if i < 3 {
				return "", "", 0, false
			}
		}
	}
	pid, _ = atoi(fields[n-3])
	s := fields[1]
	if bytes.IndexByte([]byte("RSDTtXZPIWK"), s[0]) < 0 || spanOf(s[1:], isDigit) != len(s)-1 {
		return "", "", 0, false
	}
	return clip(fields[0]), string(s[:1]), pid, true
}

// workqueueLine reads a dump of workqueues (kernel/workqueue.c, show_one_workqueue
// and show_pwq):
//
//	workqueue events: flags=0x0
//	  pwq 2: cpus=1 node=0 flags=0x0 nice=0 active=2/256 refcnt=3
//	    in-flight: 12:foo_work_fn [mod] for 30s, 34(RESCUER):bar_fn BAR(56)
//	    pending: baz_fn, 2*qux_fn
func (b *builder) workqueueLine(rec *klog.Record, text []byte) bool {
	d := &b.dumped
	if rest, ok := bytes.CutPrefix(text, []byte("workqueue ")); ok {
		name, flags, ok := bytes.Cut(rest, []byte(": flags="))
		if !ok || hexLen(flags) == 0 {
			return false
		}
		d.workqueue, d.workers = clip(name), len(b.rep.Workers)
		return true
	}
	if d.workqueue == "" {
		return false
	}
	if bytes.HasPrefix(text, []byte("pwq ")) {
		d.workers = len(b.rep.Workers)
		return true
	}
	if rest, ok := bytes.CutPrefix(text, []byte("in-flight: ")); ok {
		for item := range bytes.SplitSeq(rest, []byte(", ")) {
			pid, n := atoi(item)
			item = bytes.TrimPrefix(item[n:], []byte("(RESCUER)"))
			name, found := bytes.CutPrefix(item, []byte(":"))
			sym, m := parseSymbol(name)
			if n == 0 || !found || m == 0 || len(b.rep.Workers) >= maxWorkers || !b.room.take(1) {
				continue
			}
			b.rep.Workers = append(b.rep.Workers, Worker{Workqueue: d.workqueue, PID: pid, Function: inModule(baseName(sym.name), sym.module),
				LogLine: rec.Line, Span: textSpan(rec, 0, len(rec.Text))})
		}
		return true
	}
	if rest, ok := bytes.CutPrefix(text, []byte("pending: ")); ok {
		n := bytes.Count(rest, []byte(",")) + 1
		for i := d.workers; i < len(b.rep.Workers); i++ {
			b.rep.Workers[i].Pending += n
		}
		return true
	}
	return bytes.HasPrefix(text, []byte("inactive: ")) || bytes.HasPrefix(text, []byte("delayed: "))
}

// rcuLine notes who holds up a grace period (kernel/rcu/tree_stall.h). The lines
// are details too, so it never takes one.
//
//	rcu: 	0-...0: (1 ticks this GP) idle=7184/1/0x4000000000000000 softirq=350/350 fqs=7056
//	rcu: 	Tasks blocked on level-0 rcu_node (CPUs 0-1): P5812/1:b..l
func (b *builder) rcuLine(rec *klog.Record, text []byte) bool {
	if b.rep.Kind != KindRCUStall {
		return false
	}
	text = bytes.TrimLeft(bytes.TrimPrefix(text, []byte("rcu: ")), " \t")
	add := func(r RCUBlocker) {
		if len(b.rep.RCUBlockers) < maxRCUBlocker && b.room.take(1) {
			r.LogLine, r.Span = rec.Line, textSpan(rec, 0, len(rec.Text))
			b.rep.RCUBlockers = append(b.rep.RCUBlockers, r)
		}
	}
	if n, m := atoi(text); m > 0 && m < len(text) && (text[m] == '-' || text[m] == ':') && (bytes.Contains(text, []byte(" this GP) idle=")) || bytes.Contains(text, []byte(" GPs behind) idle="))) {
		add(RCUBlocker{CPU: &n})
	}
	if bytes.HasPrefix(text, []byte("Tasks blocked on level-")) {
		if _, list, ok := bytes.Cut(text, []byte("): ")); ok {
			for word := range bytes.FieldsSeq(list) {
				if pid, m := atoi(bytes.TrimPrefix(word, []byte("P"))); m > 0 && word[0] == 'P' {
					add(RCUBlocker{PID: pid})
				}
			}
		}
	}
	return false
}

// starved notes the CPU on which the grace-period kthread gets no time:
//
//	rcu: rcu_preempt kthread starved for 10492 jiffies! g12045 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=0
func (b *builder) starved(rec *klog.Record) {
	if _, rest, ok := bytes.Cut(rec.Text, []byte("->cpu=")); ok && len(b.rep.RCUBlockers) < maxRCUBlocker && b.room.take(1) {
		if n, m := atoi(rest); m > 0 {
			b.rep.RCUBlockers = append(b.rep.RCUBlockers, RCUBlocker{CPU: &n, Starved: true, LogLine: rec.Line, Span: textSpan(rec, 0, len(rec.Text))})
		}
	}
}
