package latency

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"ringside/trace/event"
	"ringside/trace/sched"
)

// reader returns what takes the events of a name, nil where they do not matter.
func (a *Analysis) reader(h event.Head) func(*event.Record) {
	var reads func(*event.Format) func(*event.Record)
	switch h.System + ":" + h.Name {
	case "sched:sched_switch":
		reads = a.switched
	case "sched:sched_wakeup", "sched:sched_wakeup_new":
		reads = a.woken
	case "sched:sched_waking":
		reads = a.waking
	case "sched:sched_process_fork":
		reads = a.forked
	case "cgroup:cgroup_attach_task", "cgroup:cgroup_transfer_tasks":
		reads = a.attached
	case "irq:irq_handler_entry":
		reads = a.irqEntry
	case "irq:irq_handler_exit":
		reads = a.irqExit
	case "irq:softirq_raise":
		reads = a.softirqRaise
	case "irq:softirq_entry":
		reads = a.softirqEntry
	case "irq:softirq_exit":
		reads = a.softirqExit
	case "preemptirq:irq_disable":
		reads = func(f *event.Format) func(*event.Record) { return a.disabled(f, 0) }
	case "preemptirq:irq_enable":
		reads = func(f *event.Format) func(*event.Record) { return a.enabled(f, IRQOff, 0) }
	case "preemptirq:preempt_disable":
		reads = func(f *event.Format) func(*event.Record) { return a.disabled(f, 1) }
	case "preemptirq:preempt_enable":
		reads = func(f *event.Format) func(*event.Record) { return a.enabled(f, PreemptOff, 1) }
	case "block:block_rq_issue", "block:block_rq_complete":
		return a.blockReader(h)
	case "raw_syscalls:sys_enter":
		reads = a.rawEnter
	case "raw_syscalls:sys_exit":
		reads = a.sysExit
	case "lock:contention_begin", "lock:contention_end":
		return a.lockReader(h)
	default:
		if h.System != "syscalls" {
			return nil
		}
		if name, ok := strings.CutPrefix(h.Name, "sys_enter_"); ok {
			reads = func(f *event.Format) func(*event.Record) { return a.sysEnter(f, name) }
		} else if strings.HasPrefix(h.Name, "sys_exit_") {
			reads = a.sysExit
		} else {
			return nil
		}
	}
	return a.lazily(reads)
}

// lazily puts off what has to be known of a format until there is an event of
// it: most have none.
func (a *Analysis) lazily(reads func(*event.Format) func(*event.Record)) func(*event.Record) {
	return func(r *event.Record) {
		take := reads(r.Format)
		a.take[r.Format.ID] = take
		take(r)
	}
}

func (a *Analysis) irqEntry(f *event.Format) func(*event.Record) {
	irq, name, parts := sched.NewWord(f, "irq"), f.Text("name"), a.kind(IRQ).parts
	known := map[int]*Part{}
	return func(r *event.Record) {
		n := irq.Int(r.Data)
		p := known[n]
		if p == nil {
			p = part(parts, fmt.Sprintf("%d %s", n, name.Bytes(r.Data)))
			if len(known) < maxParts {
				known[n] = p
			}
		}
		c := a.cpu(r.CPU)
		if len(c.irqs) == 16 { // their ends were lost
			c.irqs = c.irqs[:0]
		}
		c.irqs = append(c.irqs, handler{n, r.Time, p})
	}
}

func (a *Analysis) irqExit(f *event.Format) func(*event.Record) {
	irq, kind := sched.NewWord(f, "irq"), a.kind(IRQ)
	return func(r *event.Record) {
		c := a.cpu(r.CPU)
		n := irq.Int(r.Data)
		for i := len(c.irqs) - 1; i >= 0; i-- {
			if h := c.irqs[i]; h.irq == n {
				c.irqs = c.irqs[:i]
				a.ended(kind, h.part, h.at, r, 0)
				return
			}
		}
	}
}

// ended counts an interval; a task's by pid.
func (a *Analysis) ended(c *collector, p *Part, from uint64, r *event.Record, pid int) {
	if r.Time < from {
		return
	}
	d := time.Duration(r.Time - from)
	if c.count(p, d) {
		what := p.Name
		if pid > 0 {
			what += " by " + a.name(pid)
		}
		c.tell(Story{Begin: from, Latency: d, CPU: r.CPU, What: what, PID: pid})
	}
}

func (a *Analysis) softirqRaise(f *event.Format) func(*event.Record) {
	vec := sched.NewWord(f, "vec")
	return func(r *event.Record) {
		// Raised again before it ran, it still waits since the first time.
		if v := vec.Int(r.Data); uint(v) < vectors {
			if w := &a.cpu(r.CPU).wait[v]; !w.open {
				*w = section{open: true, at: r.Time}
			}
		}
	}
}

func (a *Analysis) softirqEntry(f *event.Format) func(*event.Record) {
	vec, wait := sched.NewWord(f, "vec"), a.kind(SoftIRQWait)
	parts := vectorParts(wait)
	return func(r *event.Record) {
		v := vec.Int(r.Data)
		if uint(v) >= vectors {
			return
		}
		c := a.cpu(r.CPU)
		if w := &c.wait[v]; w.open {
			w.open = false
			a.ended(wait, parts[v], w.at, r, 0)
		}
		c.soft[v] = section{open: true, at: r.Time}
	}
}

func (a *Analysis) softirqExit(f *event.Format) func(*event.Record) {
	vec, kind := sched.NewWord(f, "vec"), a.kind(SoftIRQ)
	parts := vectorParts(kind)
	return func(r *event.Record) {
		v := vec.Int(r.Data)
		if uint(v) >= vectors {
			return
		}
		if s := &a.cpu(r.CPU).soft[v]; s.open {
			s.open = false
			a.ended(kind, parts[v], s.at, r, 0)
		}
	}
}

func vectorParts(c *collector) (list [vectors]*Part) {
	for v := range list {
		list[v] = part(c.parts, vector(v))
	}
	return list
}

func vector(v int) string {
	if names := sched.Vectors(); v < len(names) {
		return names[v]
	}
	return strconv.Itoa(v)
}

// disabled takes the beginning of a stretch without interrupts or preemption.
func (a *Analysis) disabled(f *event.Format, which int) func(*event.Record) {
	caller := sched.NewWord(f, "caller_offs")
	return func(r *event.Record) {
		a.cpu(r.CPU).off[which] = section{open: true, at: r.Time, caller: uint64(caller.Int(r.Data))}
	}
}

// enabled takes its end. What it was is the function that began it.
func (a *Analysis) enabled(f *event.Format, kind string, which int) func(*event.Record) {
	c, pid := a.kind(kind), sched.NewWord(f, "common_pid")
	text, _ := a.catalog.Address("_stext")
	known := map[uint64]*Part{}
	return func(r *event.Record) {
		s := &a.cpu(r.CPU).off[which]
		if !s.open {
			return
		}
		s.open = false
		p := known[s.caller]
		if p == nil {
			name, _, ok := a.catalog.Symbol(text + s.caller)
			if !ok || text == 0 {
				name = fmt.Sprintf("_stext+%#x", s.caller)
			}
			p = part(c.parts, name)
			if len(known) < maxParts {
				known[s.caller] = p
			}
		}
		a.ended(c, p, s.at, r, pid.Int(r.Data))
	}
}

// rawEnter takes raw_syscalls:sys_enter.
func (a *Analysis) rawEnter(f *event.Format) func(*event.Record) {
	id, pid, c := f.Uint("id"), sched.NewWord(f, "common_pid"), a.kind(Syscall)
	var known [1024]*Part
	return func(r *event.Record) {
		t := a.tasks.At(pid.Int(r.Data))
		if t == nil {
			return
		}
		// Where syscalls:* are recorded too, they name the call: the twin of an
		// entry comes within microseconds.
		if t.sysOpen && r.Time-t.sysAt < 2000 {
			return
		}
		n := id.Uint(r.Data)
		var p *Part
		if n < uint64(len(known)) {
			p = known[n]
		}
		if p == nil {
			p = part(c.parts, "call "+strconv.FormatInt(int64(n), 10))
			if n < uint64(len(known)) {
				known[n] = p
			}
		}
		t.sysOpen, t.sysAt, t.sysPart = true, r.Time, p
	}
}

// sysEnter takes syscalls:sys_enter_NAME.
func (a *Analysis) sysEnter(f *event.Format, name string) func(*event.Record) {
	pid, p := sched.NewWord(f, "common_pid"), part(a.kind(Syscall).parts, name)
	return func(r *event.Record) {
		if t := a.tasks.At(pid.Int(r.Data)); t != nil {
			t.sysOpen, t.sysAt, t.sysPart = true, r.Time, p
		}
	}
}

// sysExit takes the end of a system call.
func (a *Analysis) sysExit(f *event.Format) func(*event.Record) {
	pid, c := sched.NewWord(f, "common_pid"), a.kind(Syscall)
	return func(r *event.Record) {
		p := pid.Int(r.Data)
		if t := a.tasks.At(p); t != nil && t.sysOpen {
			t.sysOpen = false
			a.ended(c, t.sysPart, t.sysAt, r, p)
		}
	}
}
