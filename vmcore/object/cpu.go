package object

import (
	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
	"ringside/vmcore/unwind"
)

// CPU is one CPU that is present.
type CPU struct {
	Number int
	Curr   Task
	// Regs are its registers from the dump's notes; nil where no note is this
	// CPU's.
	Regs    *dump.Regs
	Running int // tasks on its run queue
	Stack   unwind.Stack
}

// CPUs returns the CPUs that are present, each with what it ran and its stack.
func CPUs(w *kernel.Walk) []CPU {
	k := w.Kernel()
	var cpus []CPU
	for _, n := range k.CPUs() {
		rq := runqueue(w, n)
		c := CPU{Number: n, Running: int(rq.Field("nr_running").Uint())}
		if curr := rq.Field("curr").Deref(); curr.Valid() {
			c.Curr = taskOf(curr, clock(w))
			c.Curr.OnCPU, c.Curr.CPU = true, n
		}
		cpus = append(cpus, c)
	}
	matchNotes(w, cpus)
	for i := range cpus {
		if r := cpus[i].Regs; r != nil {
			cpus[i].Stack, _ = unwind.Regs(w, *r, cpus[i].Curr.Value)
		}
	}
	return cpus
}

// matchNotes gives each CPU its registers. The notes come in the order of the
// CPUs and do not say which: a CPU that was offline has none. What tells is where
// the registers point: to the CPU's own per-CPU area, or into the stack of what
// it ran.
func matchNotes(w *kernel.Walk, cpus []CPU) {
	k := w.Kernel()
	notes := k.Dump.CPUs()
	used := make([]bool, len(notes))
	take := func(fits func(c CPU, n dump.CPU) bool) {
		for i := range cpus {
			for j := range notes {
				if cpus[i].Regs == nil && !used[j] && fits(cpus[i], notes[j]) {
					used[j], cpus[i].Regs = true, &notes[j].Regs
				}
			}
		}
	}
	take(func(c CPU, n dump.CPU) bool {
		area, ok := k.PerCPU(0, c.Number)
		return ok && area != 0 && n.Control != nil && (n.Control.GSBase == area || n.Control.KernelGSBase == area)
	})
	take(func(c CPU, n dump.CPU) bool {
		base := c.Curr.Value.Field("stack").Ptr()
		return base != 0 && n.Regs.SP-base < stackSize(k)
	})
	if len(notes) == len(cpus) {
		take(func(c CPU, n dump.CPU) bool { return cpus[n.Index%len(cpus)].Number == c.Number })
	}
}

// stackSize is THREAD_SIZE, which no type says: the distance that kernels of a
// machine have had for years, doubled where KASAN needs room.
func stackSize(k *kernel.Kernel) uint64 {
	size := uint64(16 << 10)
	if _, ok := k.Symbol("kasan_report"); ok {
		size *= 2
	}
	return max(size, 1<<k.PageShift())
}

// StackOf unwinds a task, which may be on a CPU.
func StackOf(t Task, cpus []CPU) (unwind.Stack, error) {
	if t.OnCPU {
		for _, c := range cpus {
			if c.Curr.Addr == t.Addr && c.Regs != nil {
				return c.Stack, nil
			}
		}
		return unwind.Stack{End: "it was on a CPU whose registers are not in the dump"}, nil
	}
	return unwind.Task(t.Value)
}
