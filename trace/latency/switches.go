package latency

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"ringside/trace/event"
	"ringside/trace/sched"
)

// name is what a task is called.
func (a *Analysis) name(pid int) string {
	if t := a.tasks.At(pid); t != nil && t.name != "" {
		return t.name
	}
	return a.catalog.Comm(pid)
}

// learn notes a task's name. As long as it stays the same nothing is made of it.
func (t *task) learn(pid int, c *sched.Comm, data []byte) {
	raw := c.Raw(data)
	if raw != nil && *raw == t.comm && t.name != "" {
		return
	}
	n := string(c.Bytes(data))
	if raw != nil {
		t.comm = *raw
	}
	if pid == 0 {
		n = "<idle>"
	}
	if n != t.name {
		t.name, t.runq, t.wakeup = n, nil, nil
	}
}

// waker says who wakes: a task, or what interrupted it.
func (a *Analysis) waker(flags, pid int, on int) string {
	if flags&(sched.FlagHardIRQ|sched.FlagSoftIRQ) == 0 {
		return a.name(pid)
	}
	c := a.cpu(on)
	what := "an interrupt"
	if flags&sched.FlagHardIRQ == 0 {
		what = "a softirq"
		for v := range c.soft {
			if c.soft[v].open {
				what = "softirq " + vector(v)
			}
		}
	} else if n := len(c.irqs); n > 0 {
		what = "interrupt " + c.irqs[n-1].part.Name
	}
	return what + " over " + a.name(pid)
}

// waking takes sched_waking: the waker is in it, though the task may be put on a
// queue by somebody else.
func (a *Analysis) waking(f *event.Format) func(*event.Record) {
	pid, by, flags := sched.NewWord(f, "pid"), sched.NewWord(f, "common_pid"), sched.NewWord(f, "common_flags")
	return func(r *event.Record) {
		p := pid.Int(r.Data)
		if t := a.tasks.At(p); t != nil && p != 0 && !t.waits {
			t.waking, t.waker = r.Time, a.waker(flags.Int(r.Data), by.Int(r.Data), r.CPU)
		}
	}
}

// woken takes a wake-up.
func (a *Analysis) woken(f *event.Format) func(*event.Record) {
	pid, by, flags := sched.NewWord(f, "pid"), sched.NewWord(f, "common_pid"), sched.NewWord(f, "common_flags")
	comm := sched.NewComm(f, "comm")
	return func(r *event.Record) {
		p := pid.Int(r.Data)
		t := a.tasks.At(p)
		// Woken again while it waits: it waits since the first time.
		if t == nil || p == 0 || t.waits {
			return
		}
		t.learn(p, &comm, r.Data)
		if t.waking == 0 {
			t.waker = a.waker(flags.Int(r.Data), by.Int(r.Data), r.CPU)
		}
		t.waits, t.woken, t.since, t.waking = true, true, r.Time, 0
	}
}

// switched takes a switch from one task to another.
func (a *Analysis) switched(f *event.Format) func(*event.Record) {
	prev, state, next := sched.NewWord(f, "prev_pid"), f.Uint("prev_state"), sched.NewWord(f, "next_pid")
	prevComm, nextComm := sched.NewComm(f, "prev_comm"), sched.NewComm(f, "next_comm")
	runq, wakeup := a.kind(RunQueue), a.kind(Wakeup)
	return func(r *event.Record) {
		from, to := prev.Int(r.Data), next.Int(r.Data)
		if t := a.tasks.At(from); t != nil {
			t.learn(from, &prevComm, r.Data)
			preempted := from != 0 && sched.Left(state.Uint(r.Data)) == sched.Preempted
			t.waits, t.woken, t.waking = preempted, false, 0
			t.since, t.waker = r.Time, ""
		}
		t := a.tasks.At(to)
		if t == nil {
			return
		}
		t.learn(to, &nextComm, r.Data)
		at := a.cpu(r.CPU)
		if !t.waits && t.waking > 0 { // sched_wakeup is not recorded
			t.waits, t.woken, t.since = true, true, t.waking
		}
		if t.waits && to != 0 && r.Time >= t.since {
			if t.runq == nil {
				t.runq, t.wakeup = part(runq.parts, t.name), part(wakeup.parts, t.name)
			}
			d := time.Duration(r.Time - t.since)
			tell := runq.count(t.runq, d)
			tellWakeup := t.woken && wakeup.count(t.wakeup, d)
			if t.cgroup != "" {
				part(runq.cgroups, t.cgroup).add(d)
				if t.woken {
					part(wakeup.cgroups, t.cgroup).add(d)
				}
			}
			if tell || tellWakeup {
				s := Story{Begin: t.since, Latency: d, CPU: r.CPU, What: t.name, PID: to, Waker: t.waker, Held: at.held(t.since, r.Time)}
				if tell {
					runq.tell(s)
				}
				if tellWakeup {
					wakeup.tell(s)
				}
			}
		}
		t.waits, t.woken, t.waking = false, false, 0
		at.turns[at.n%history] = turn{r.Time, to, t.name}
		at.n++
	}
}

// held says who had the CPU between two times, the longest first.
func (c *cpu) held(from, to uint64) []Held {
	var list []Held
	until := to
	for i := c.n - 1; i >= 0 && i >= c.n-history && until > from; i-- {
		t := &c.turns[i%history]
		d := time.Duration(until - max(from, min(t.from, until)))
		until = min(until, t.from)
		if d <= 0 {
			continue
		}
		k := slices.IndexFunc(list, func(h Held) bool { return h.PID == t.pid && h.Task == t.name })
		if k < 0 {
			list = append(list, Held{t.name, t.pid, d})
			continue
		}
		list[k].For += d
	}
	slices.SortStableFunc(list, func(x, y Held) int { return cmp.Compare(y.For, x.For) })
	return list
}

// attached takes cgroup:cgroup_attach_task: the task is in that cgroup from now on.
func (a *Analysis) attached(f *event.Format) func(*event.Record) {
	pid, path, id := f.Uint("pid"), f.Text("dst_path"), f.Uint("dst_id")
	return func(r *event.Record) {
		if t := a.tasks.At(int(pid.Int(r.Data))); t != nil {
			t.cgroup = string(path.Bytes(r.Data))
			if t.cgroup == "" {
				t.cgroup = "cgroup " + strconv.FormatUint(id.Uint(r.Data), 10)
			}
		}
	}
}

// forked takes sched:sched_process_fork: a child is in its parent's cgroup.
func (a *Analysis) forked(f *event.Format) func(*event.Record) {
	parent, child := f.Uint("parent_pid"), f.Uint("child_pid")
	return func(r *event.Record) {
		p := a.tasks.At(int(parent.Int(r.Data)))
		if p == nil {
			return
		}
		cgroup := p.cgroup
		if c := a.tasks.At(int(child.Int(r.Data))); c != nil {
			*c = task{cgroup: cgroup}
		}
	}
}
