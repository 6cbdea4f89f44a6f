package latency

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringside/trace/event"
)

// reader returns what takes the events of a format, nil where they do not
// matter.
func (a *Analysis) reader(f *event.Format) func(*event.Record) {
	switch f.System + ":" + f.Name {
	case "sched:sched_switch":
		return a.switched(f)
	case "sched:sched_wakeup", "sched:sched_wakeup_new":
		return a.woken(f)
	case "irq:irq_handler_entry":
		irq, name := f.Uint("irq"), f.Text("name")
		names := map[uint64]string{}
		return func(r *event.Record) {
			n := irq.Uint(r.Data)
			if names[n] == "" && len(names) < maxParts {
				names[n] = fmt.Sprintf("%d %s", n, name.Bytes(r.Data))
			}
			a.kind(IRQ).begin(key{uint64(r.CPU), n}, open{at: r.Time, waker: names[n]})
		}
	case "irq:irq_handler_exit":
		irq := f.Uint("irq")
		return func(r *event.Record) { a.close(IRQ, r, key{uint64(r.CPU), irq.Uint(r.Data)}, "", 0) }
	case "irq:softirq_raise":
		vec := f.Uint("vec")
		return func(r *event.Record) {
			// Raised again before it ran, it still waits since the first time.
			c, k := a.kind(SoftIRQWait), key{uint64(r.CPU), vec.Uint(r.Data)}
			if _, raised := c.open[k]; !raised {
				c.begin(k, open{at: r.Time})
			}
		}
	case "irq:softirq_entry":
		vec := f.Uint("vec")
		return func(r *event.Record) {
			v := vec.Uint(r.Data)
			a.close(SoftIRQWait, r, key{uint64(r.CPU), v}, vector(v), 0)
			a.kind(SoftIRQ).begin(key{uint64(r.CPU), v}, open{at: r.Time})
		}
	case "irq:softirq_exit":
		vec := f.Uint("vec")
		return func(r *event.Record) {
			v := vec.Uint(r.Data)
			a.close(SoftIRQ, r, key{uint64(r.CPU), v}, vector(v), 0)
		}
	case "block:block_rq_issue":
		dev, sector := f.Uint("dev"), f.Uint("sector")
		return func(r *event.Record) {
			a.kind(Block).begin(key{dev.Uint(r.Data), sector.Uint(r.Data)}, open{at: r.Time})
		}
	case "block:block_rq_complete":
		dev, sector, rwbs := f.Uint("dev"), f.Uint("sector"), f.Text("rwbs")
		return func(r *event.Record) {
			d := dev.Uint(r.Data)
			a.close(Block, r, key{d, sector.Uint(r.Data)}, fmt.Sprintf("%d:%d %s", d>>20, d&(1<<20-1), rwbs.Bytes(r.Data)), 0)
		}
	case "raw_syscalls:sys_enter":
		id, pid := f.Uint("id"), f.Uint("common_pid")
		return func(r *event.Record) {
			a.kind(Syscall).begin(key{a: pid.Uint(r.Data)}, open{at: r.Time, waker: "call " + strconv.FormatInt(id.Int(r.Data), 10)})
		}
	case "raw_syscalls:sys_exit":
		pid := f.Uint("common_pid")
		return func(r *event.Record) { a.close(Syscall, r, key{a: pid.Uint(r.Data)}, "", int(pid.Int(r.Data))) }
	case "lock:contention_begin":
		lock, pid := f.Uint("lock_addr"), f.Uint("common_pid")
		return func(r *event.Record) {
			a.kind(Lock).begin(key{pid.Uint(r.Data), lock.Uint(r.Data)}, open{at: r.Time})
		}
	case "lock:contention_end":
		lock, pid := f.Uint("lock_addr"), f.Uint("common_pid")
		return func(r *event.Record) {
			l := lock.Uint(r.Data)
			a.close(Lock, r, key{pid.Uint(r.Data), l}, fmt.Sprintf("%#x", l), int(pid.Int(r.Data)))
		}
	}
	if f.System == "syscalls" {
		return a.syscall(f)
	}
	return nil
}

// syscall takes syscalls:sys_enter_NAME and sys_exit_NAME.
func (a *Analysis) syscall(f *event.Format) func(*event.Record) {
	pid := f.Uint("common_pid")
	if name, ok := strings.CutPrefix(f.Name, "sys_enter_"); ok {
		return func(r *event.Record) {
			a.kind(Syscall).begin(key{a: pid.Uint(r.Data)}, open{at: r.Time, waker: name})
		}
	}
	if strings.HasPrefix(f.Name, "sys_exit_") {
		return func(r *event.Record) { a.close(Syscall, r, key{a: pid.Uint(r.Data)}, "", int(pid.Int(r.Data))) }
	}
	return nil
}

// vectors are the kernel's softirqs, in its order.
var vectors = []string{"HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"}

func vector(v uint64) string {
	if v < uint64(len(vectors)) {
		return vectors[v]
	}
	return strconv.FormatUint(v, 10)
}

// close ends an interval that has no story of its own. What it was is what, or,
// without, what its beginning noted.
func (a *Analysis) close(kind string, r *event.Record, k key, what string, pid int) {
	c := a.kind(kind)
	o, d, ok := c.end(k, r.Time)
	if !ok {
		return
	}
	if what == "" {
		what = o.waker
	}
	if c.count(what, d) {
		if pid > 0 {
			what += " by " + a.name(pid)
		}
		c.tell(Story{Begin: o.at, Latency: d, CPU: r.CPU, What: what, PID: pid})
	}
}

// name is what a task is called.
func (a *Analysis) name(pid int) string {
	if pid == 0 {
		return "<idle>"
	}
	if n, ok := a.comms[pid]; ok {
		return n
	}
	if a.opt.Comm != nil {
		return a.opt.Comm(pid)
	}
	return strconv.Itoa(pid)
}

// learn remembers a task's name.
func (a *Analysis) learn(pid int, comm []byte) string {
	if n, ok := a.comms[pid]; ok && n == string(comm) {
		return n
	}
	if len(a.comms) >= maxOpen {
		clear(a.comms)
	}
	n := string(comm)
	if pid == 0 {
		n = "<idle>"
	}
	a.comms[pid] = n
	return n
}

// woken takes a wake-up.
func (a *Analysis) woken(f *event.Format) func(*event.Record) {
	pid, comm, by := f.Uint("pid"), f.Text("comm"), f.Uint("common_pid")
	return func(r *event.Record) {
		p := int(pid.Int(r.Data))
		a.learn(p, comm.Bytes(r.Data))
		c := a.kind(RunQueue)
		// Woken again while it waits: it waits since the first time.
		if _, waits := c.open[key{a: uint64(p)}]; waits || p == 0 {
			return
		}
		c.begin(key{a: uint64(p)}, open{at: r.Time, woken: true, waker: a.name(int(by.Int(r.Data)))})
	}
}

// switched takes a switch from one task to another.
func (a *Analysis) switched(f *event.Format) func(*event.Record) {
	prev, state, next := f.Uint("prev_pid"), f.Uint("prev_state"), f.Uint("next_pid")
	prevComm, nextComm := f.Text("prev_comm"), f.Text("next_comm")
	return func(r *event.Record) {
		from, to := int(prev.Int(r.Data)), int(next.Int(r.Data))
		a.learn(from, prevComm.Bytes(r.Data))
		name := a.learn(to, nextComm.Bytes(r.Data))
		at := a.cpus[r.CPU]
		if at == nil {
			at = &cpu{}
			a.cpus[r.CPU] = at
		}
		c := a.kind(RunQueue)
		// The low byte is the state proper; what is above says that it was
		// preempted.
		if from != 0 && state.Uint(r.Data)&0xff == 0 {
			c.begin(key{a: uint64(from)}, open{at: r.Time})
		} else {
			delete(c.open, key{a: uint64(from)}) // it went to sleep
		}
		if o, d, ok := c.end(key{a: uint64(to)}, r.Time); ok && to != 0 {
			story := Story{Begin: o.at, Latency: d, CPU: r.CPU, What: name, PID: to, Waker: o.waker}
			runq := c.count(name, d)
			var woke *collector
			if o.woken {
				if woke = a.kind(Wakeup); !woke.count(name, d) {
					woke = nil
				}
			}
			if runq || woke != nil {
				story.Held = at.held(o.at, r.Time)
			}
			if runq {
				c.tell(story)
			}
			if woke != nil {
				woke.tell(story)
			}
		}
		at.turns[at.n%history] = turn{r.Time, to, name}
		at.n++
	}
}

// held says who had the CPU between two times, the longest first.
func (c *cpu) held(from, to uint64) []Held {
	var list []Held
	until := to
	for i := c.n - 1; i >= 0 && i >= c.n-history && until > from; i-- {
		t := c.turns[i%history]
		d := time.Duration(until - max(from, min(t.from, until)))
		until = min(until, t.from)
		if d <= 0 {
			continue
		}
		k := slices.IndexFunc(list, func(h Held) bool { return h.PID == t.pid && h.Task == t.comm })
		if k < 0 {
			list = append(list, Held{t.comm, t.pid, d})
			continue
		}
		list[k].For += d
	}
	slices.SortStableFunc(list, func(x, y Held) int { return cmp.Compare(y.For, x.For) })
	return list
}
