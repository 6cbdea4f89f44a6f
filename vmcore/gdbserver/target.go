package gdbserver

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"strings"

	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// thread is one task as gdb sees it.
type thread struct {
	id   int // unique and above zero, which the PIDs of idle tasks are not
	name string
	note string // what `info threads` says beside the name
	regs func() map[string]uint64
}

// idleThreads is where the numbers of idle tasks begin: above PID_MAX_LIMIT.
const idleThreads = 1 << 30

// target is what a session looks at.
type target struct {
	machine elf.Machine
	threads []thread
	byID    map[int]int
	first   int    // the index of the thread that the dump is about
	text    uint64 // where the kernel's first segment is
	// read fills p as far as memory is there and returns how far that is.
	read func(p []byte, addr uint64) int
	// monitor answers gdb's `monitor` command.
	monitor func(w io.Writer, command string) error
}

func (t *target) add(th thread) {
	if t.byID == nil {
		t.byID = map[int]int{}
	}
	if _, twice := t.byID[th.id]; twice || th.id <= 0 { // a task list that lies
		return
	}
	t.byID[th.id] = len(t.threads)
	t.threads = append(t.threads, th)
}

// errTypes says that a dump has no types.
var errTypes = errors.New("threads need the kernel's types, and the dump has none: without them a debugger finds no task")

// newTarget makes a target of a kernel.
func newTarget(ctx context.Context, k *kernel.Kernel) (*target, error) {
	if _, _, err := features(k.Machine); err != nil {
		return nil, err
	}
	if k.Types == nil {
		return nil, errTypes
	}
	t := &target{machine: k.Machine}
	w := k.Walk(ctx)
	running := map[uint64]object.CPU{}
	cpus := object.CPUs(w)
	for _, c := range cpus {
		running[c.Curr.Addr] = c
	}
	about := uint64(0)
	if p := object.SystemOf(w).PanicCPU; p != nil {
		for _, c := range cpus {
			if c.Number == *p {
				about = c.Curr.Addr
			}
		}
	}
	if about == 0 && len(cpus) > 0 {
		about = cpus[0].Curr.Addr
	}
	for task := range object.Tasks(w) {
		th := thread{id: task.PID, name: task.Comm, note: note(task)}
		if task.PID == 0 {
			th.id = idleThreads + task.CPU
		}
		addr := task.Addr
		if cpu, ok := running[addr]; ok {
			th.note = note(cpu.Curr)
			th.regs = func() map[string]uint64 { return noteRegs(cpu.Regs) }
		} else {
			th.regs = func() map[string]uint64 {
				return savedRegs(k.Machine, k.Walk(ctx).At("struct task_struct", addr))
			}
		}
		if addr == about {
			t.first = len(t.threads)
		}
		t.add(th)
	}
	if len(t.threads) == 0 {
		return nil, errors.New("no task can be read from the dump")
	}
	t.first = min(t.first, len(t.threads)-1)
	for _, name := range []string{"_text", "_stext"} {
		if a, ok := k.Symbol(name); ok && t.text == 0 {
			t.text = a
		}
	}
	mem := k.Walk(ctx)
	t.read = func(p []byte, addr uint64) int {
		if mem.Err() != nil && ctx.Err() == nil { // a session may last longer than a walk
			mem = k.Walk(ctx)
		}
		return readSome(mem, p, addr)
	}
	t.monitor = func(out io.Writer, command string) error { return monitor(ctx, k, out, command) }
	return t, nil
}

// note is what is said about a task beside its number.
func note(t object.Task) string {
	s := "state " + t.State.Letter
	switch {
	case t.OnCPU:
		s += fmt.Sprintf(", on CPU %d", t.CPU)
	case t.KnowsWaited && t.PID != 0:
		s += fmt.Sprintf(", off CPU for %.1f s", t.Waited.Seconds())
	}
	return s
}

// readSome reads page by page, up to the first that is not there.
func readSome(w *kernel.Walk, p []byte, addr uint64) int {
	page := uint64(1) << w.Kernel().PageShift()
	done := 0
	for done < len(p) {
		at := addr + uint64(done)
		n := min(len(p)-done, int(page-at&(page-1)))
		if at < addr || w.Read(p[done:done+n], at) != nil {
			break
		}
		done += n
	}
	return done
}

// noteRegs are a CPU's registers; nothing where the dump has none.
func noteRegs(r *dump.Regs) map[string]uint64 {
	regs := map[string]uint64{}
	if r == nil {
		return regs
	}
	for _, reg := range r.Named {
		regs[reg.Name] = reg.Value
	}
	if f, ok := regs["pstate"]; ok {
		regs["cpsr"] = f
	}
	return regs
}

// savedRegs are those that the scheduler saved when it took a task off its CPU.
func savedRegs(machine elf.Machine, task kernel.Value) map[string]uint64 {
	regs := map[string]uint64{}
	w := task.Walk()
	switch machine {
	case elf.EM_X86_64:
		sp := task.Field("thread.sp").Ptr()
		frame := w.At("struct inactive_task_frame", sp)
		if !frame.Valid() || !w.Readable(sp, frame.Size()) {
			return regs
		}
		for name, member := range map[string]string{"rip": "ret_addr", "rbp": "bp", "rbx": "bx", "r12": "r12", "r13": "r13", "r14": "r14", "r15": "r15"} {
			if frame.Has(member) {
				regs[name] = frame.Field(member).Uint()
			}
		}
		regs["rsp"] = sp + uint64(frame.Size())
	case elf.EM_AARCH64:
		c := task.Field("thread.cpu_context")
		if !c.Valid() || !w.Readable(c.Addr(), c.Size()) {
			return regs
		}
		for i := 19; i <= 28; i++ {
			name := fmt.Sprintf("x%d", i)
			regs[name] = c.Field(name).Uint()
		}
		regs["x29"], regs["sp"] = c.Field("fp").Uint(), c.Field("sp").Uint()
		regs["pc"] = w.Kernel().Canonical(c.Field("pc").Uint())
		regs["x30"] = regs["pc"]
	}
	return regs
}

// monitor answers what gdb has no packet for.
func monitor(ctx context.Context, k *kernel.Kernel, out io.Writer, command string) error {
	w := k.Walk(ctx)
	verb, arg, _ := strings.Cut(strings.TrimSpace(command), " ")
	switch verb {
	case "log":
		style := object.LogStyle{}
		_, err := object.Log(w, func(r object.Record) bool { return style.Write(out, r) == nil })
		return err
	case "modules":
		for _, m := range k.Modules() {
			for _, r := range m.Ranges {
				if r.Text {
					fmt.Fprintf(out, "add-symbol-file %s.ko %#x\n", m.Name, r.Start)
					break
				}
			}
		}
		return w.Err()
	case "stack":
		return monitorStack(w, out, strings.TrimSpace(arg))
	}
	_, err := io.WriteString(out, "monitor log        the kernel's log\nmonitor modules    where the modules are, as gdb's commands\nmonitor stack PID  a stack by the kernel's own unwind tables, for which no vmlinux is needed\n")
	return err
}

// monitorStack prints the stack of the thread with a number.
func monitorStack(w *kernel.Walk, out io.Writer, id string) error {
	cpus := object.CPUs(w)
	onCPU := map[uint64]bool{}
	for _, c := range cpus {
		onCPU[c.Curr.Addr] = true
	}
	for task := range object.Tasks(w) {
		if fmt.Sprint(task.PID) != id {
			continue
		}
		task.OnCPU = onCPU[task.Addr]
		stack, err := object.StackOf(task, cpus)
		for i, f := range stack.Frames {
			fmt.Fprintf(out, "#%-2d %#x %s\n", i, f.PC, f.Location)
		}
		if stack.End != "" {
			fmt.Fprintln(out, stack.End)
		}
		return err
	}
	return fmt.Errorf("no task has the number %q: `info threads` lists them", id)
}
