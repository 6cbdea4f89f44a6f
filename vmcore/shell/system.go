package shell

import (
	"fmt"
	"strings"

	"ringside/vmcore"
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

func systemCommands() []command {
	return []command{
		{[]string{"log", "dmesg"}, "[-m] [-T]", "the kernel's log; -m with levels, -T with callers", false, (*call).log},
		{[]string{"sys"}, "", "what was running, and for how long", false, (*call).sys},
		{[]string{"mods", "mod", "lsmod"}, "", "the modules", true, (*call).mods},
		{[]string{"locks", "waits"}, "", "the locks that somebody waits for, with who holds them", true, (*call).locks},
		{[]string{"irqs", "irq"}, "[-s]", "the interrupts; -s with their counts by CPU", true, (*call).irqs},
		{[]string{"mounts", "mount"}, "", "what is mounted", true, (*call).mounts},
		{[]string{"net"}, "[-s]", "the network devices; -s the sockets counted", true, (*call).net},
		{[]string{"timers", "timer"}, "", "the timers, by CPU", true, (*call).timers},
		{[]string{"works"}, "", "the work in flight and pending on workqueues", true, (*call).works},
		{[]string{"blocks"}, "", "the disks' requests that have not ended", true, (*call).blocks},
		{[]string{"dev"}, "[-d]", "the numbers of character devices; -d the disks", true, (*call).dev},
		{[]string{"waitq"}, "ADDRESS", "the tasks that wait on a wait queue", true, (*call).waitq},
	}
}

func (c *call) log() (result, error) {
	style := object.LogStyle{Level: c.option("-m"), Caller: c.option("-T")}
	if err := c.only("log"); err != nil {
		return result{}, err
	}
	var b strings.Builder
	_, err := object.Log(c.w, func(r object.Record) bool {
		return style.Write(&b, r) == nil && b.Len() < maxText
	})
	return result{text: b.String()}, err
}

// sys is the first thing that people look at.
func (c *call) sys() (result, error) {
	k := c.s.k
	s := object.SystemOf(c.w)
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%11s: "+format+"\n", append([]any{name}, args...)...)
	}
	if s.Node != "" {
		line("node", "%s", cellText(s.Node))
	}
	line("release", "%s", cellText(s.Release))
	if s.Version != "" {
		line("version", "%s", cellText(s.Version))
	}
	line("machine", "%s", cellText(s.Machine))
	if len(s.CPUs) > 0 {
		line("cpus", "%d", len(s.CPUs))
	}
	if s.Uptime > 0 {
		line("uptime", "%s", s.Uptime)
	}
	if !s.DumpTime.IsZero() {
		line("date", "%s", s.DumpTime.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	if len(s.Load) > 0 {
		line("load", "%.2f", s.Load)
	}
	if len(s.Taint) > 0 {
		line("taint", "%s", strings.Join(s.Taint, " "))
	}
	if s.CmdLine != "" {
		line("cmdline", "%s", cellText(s.CmdLine))
	}
	if s.PanicCPU != nil {
		line("panic", "on CPU %d", *s.PanicCPU)
	}
	info := k.Dump.Info()
	line("dump", "%s, %d of %d pages", info.Format, info.PagesPresent, info.Pages)
	for _, step := range k.Ladder() {
		mark := "reached"
		if !step.Reached {
			mark = "not reached"
		}
		line("rung", "%s %s: %s", step.Rung, mark, cellText(step.Text))
	}
	return result{text: b.String()}, nil
}

func (c *call) mods() (result, error) {
	t := tableOf(c.w, object.Modules(c.w), "")
	for i, m := range c.s.k.Modules() { // in the same order
		if i < len(t.rows) {
			t.rows[i].obj = m.Value(c.w)
		}
	}
	return result{table: t}, nil
}

// document runs some sections of a triage.
func (c *call) document(names ...string) (*vmcore.Document, error) {
	return vmcore.Triage(c.ctx, c.s.k, vmcore.Options{Sections: names})
}

func (c *call) locks() (result, error) {
	doc, err := c.document(vmcore.SectionCPUs, vmcore.SectionTasks, vmcore.SectionWaits)
	if err != nil {
		return result{}, err
	}
	t := &table{cols: []string{"addr", "kind", "name", "owners", "waiters", "note"}}
	if doc.Sections.Waits == nil {
		return result{table: t}, nil
	}
	names := func(refs []vmcore.TaskRef) string {
		var s []string
		for _, r := range refs {
			s = append(s, fmt.Sprintf("%s:%d", r.Comm, r.TID))
		}
		return strings.Join(s, " ")
	}
	types := map[object.LockKind]string{object.KindMutex: "struct mutex", object.KindRWSem: "struct rw_semaphore", object.KindSemaphore: "struct semaphore", object.KindCompletion: "struct completion"}
	for _, l := range doc.Sections.Waits.Locks {
		r := row{cells: []any{l.Addr, string(l.Kind), l.Name, names(l.Owners), names(l.Waiters), l.Note}}
		if typ := types[l.Kind]; typ != "" {
			r.obj = c.w.At(typ, uint64(l.Addr))
		}
		t.rows = append(t.rows, r)
	}
	return result{table: t}, nil
}

func (c *call) irqs() (result, error) {
	counts := c.option("-s")
	if err := c.only("irq"); err != nil {
		return result{}, err
	}
	irqs := object.ReadIRQs(c.w)
	t := &table{cols: []string{"irq", "addr", "chip", "flow", "handler", "action", "total", "disabled", "unhandled"}}
	if counts {
		for _, cpu := range irqs.CPUs {
			t.cols = append(t.cols, fmt.Sprintf("cpu%d", cpu))
		}
	}
	for _, l := range irqs.Lines {
		var names, handlers []string
		for _, a := range l.Actions {
			names, handlers = append(names, a.Name), append(handlers, a.Handler)
		}
		r := row{obj: c.w.At("struct irq_desc", uint64(l.Addr)), cells: []any{int64(l.Number), l.Addr, l.Chip, l.Flow, strings.Join(handlers, ","), strings.Join(names, ","), l.Total, int64(l.Disabled), l.Unhandled}}
		if counts {
			for i := range irqs.CPUs {
				n := uint64(0)
				if i < len(l.Counts) {
					n = l.Counts[i]
				}
				r.cells = append(r.cells, n)
			}
		}
		t.rows = append(t.rows, r)
	}
	return result{table: t}, nil
}

func (c *call) mounts() (result, error) {
	return result{table: tableOf(c.w, object.Mounts(c.w), "struct mount")}, nil
}

func (c *call) net() (result, error) {
	n := object.ReadNetwork(c.w)
	if c.option("-s") {
		return result{table: tableOf(c.w, n.Sockets, "")}, nil
	}
	return result{table: tableOf(c.w, n.Devices, "struct net_device")}, nil
}

func (c *call) timers() (result, error) {
	timers := object.ReadTimers(c.w)
	t := &table{cols: []string{"cpu", "clock", "in", "function", "addr"}}
	add := func(x object.Timer, clock, typ string) {
		t.rows = append(t.rows, row{obj: c.w.At(typ, uint64(x.Addr)), cells: []any{int64(x.CPU), clock, x.In.Seconds(), x.Function, x.Addr}})
	}
	for _, wheel := range timers.Wheels {
		for _, x := range wheel.Timers {
			x.CPU = wheel.CPU
			add(x, wheel.Base, "struct timer_list")
		}
	}
	for _, x := range timers.High {
		add(x, x.Clock, "struct hrtimer")
	}
	return result{table: t}, nil
}

func (c *call) works() (result, error) {
	t := &table{cols: []string{"pool", "cpu", "state", "function", "queue", "worker", "pid", "since", "stalled"}}
	for _, p := range object.WorkPools(c.w) {
		for _, x := range p.Busy {
			t.rows = append(t.rows, row{cells: []any{int64(p.ID), int64(p.CPU), "busy", x.Function, x.Queue, x.Comm, int64(x.TID), x.Since.Seconds(), p.Stalled.Seconds()}})
		}
		for _, x := range p.Pending {
			t.rows = append(t.rows, row{obj: c.w.At("struct work_struct", uint64(x.Addr)), cells: []any{int64(p.ID), int64(p.CPU), "pending", x.Function, x.Queue, nil, nil, nil, p.Stalled.Seconds()}})
		}
	}
	return result{table: t}, nil
}

func (c *call) blocks() (result, error) {
	t := &table{cols: []string{"disk", "state", "op", "sector", "bytes", "age", "hwq", "tag", "addr"}}
	for _, d := range object.Disks(c.w) {
		for _, r := range d.Requests {
			t.rows = append(t.rows, row{obj: c.w.At("struct request", uint64(r.Addr)), cells: []any{d.Name, r.State, r.Op, r.Sector, r.Bytes, r.Age.Seconds(), int64(r.HWQ), int64(r.Tag), r.Addr}})
		}
	}
	return result{table: t}, nil
}

// The kernel's table of character devices, fs/char_dev.c.
const (
	charMajors = 255
	maxOfMajor = 1000
)

func (c *call) dev() (result, error) {
	if c.option("-d") {
		return result{table: tableOf(c.w, object.Disks(c.w), "struct gendisk")}, nil
	}
	if err := c.only("dev"); err != nil {
		return result{}, err
	}
	t := &table{cols: []string{"major", "minor", "count", "name", "addr"}}
	at, ok := c.s.symbol("chrdevs")
	if !ok {
		return result{}, fmt.Errorf("dev: the kernel's symbols have no chrdevs: %s", c.s.k.Rung())
	}
	heads := c.w.At(fmt.Sprintf("struct char_device_struct *[%d]", charMajors), at)
	for _, head := range heads.Elements() {
		n := 0
		for v := range c.w.Chain(head.Deref(), "next") {
			t.rows = append(t.rows, row{obj: v, cells: []any{v.Field("major").Uint(), v.Field("baseminor").Uint(), v.Field("minorct").Int(), v.Field("name").Str(), object.Addr(v.Addr())}})
			if n++; n >= maxOfMajor {
				break
			}
		}
	}
	return result{table: t}, nil
}

// waitq lists who waits on a wait queue. Its entries were called otherwise until
// 4.13, and those that come from a task name it.
func (c *call) waitq() (result, error) {
	if len(c.args) != 1 {
		return result{}, fmt.Errorf("waitq: the address of a wait_queue_head is expected")
	}
	at, err := c.address(c.args[0])
	if err != nil {
		return result{}, err
	}
	if !c.s.k.HasField("struct wait_queue_entry", "entry") {
		return result{}, fmt.Errorf("waitq: wait queues of kernels before 4.13 are not read: `list` goes along their task_list")
	}
	head := c.w.At("struct wait_queue_head", at)
	var tasks []object.Task
	for e := range c.w.List(head.Field("head"), "struct wait_queue_entry", "entry") {
		if p := e.Field("private").Ptr(); isTask(c.w, p) {
			tasks = append(tasks, object.TaskAt(c.w, p))
		}
		if len(tasks) >= maxEntries {
			break
		}
	}
	return result{table: taskTable(tasks)}, nil
}

// isTask reports whether an address is that of a task: one whose thread group
// has a leader that says the same of itself.
func isTask(w *kernel.Walk, at uint64) bool {
	if !w.Readable(at, 1) {
		return false
	}
	leader := w.At("struct task_struct", at).Field("group_leader").Ptr()
	return w.Readable(leader, 1) && w.At("struct task_struct", leader).Field("group_leader").Ptr() == leader
}
