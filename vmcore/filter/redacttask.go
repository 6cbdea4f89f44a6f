package filter

import (
	"debug/elf"

	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// redactTasks overwrites what user space left in the kernel of each task: vector
// registers, and on request the general ones; and below a sleeping task's stack
// pointer what system calls of before have left there.
func (r *redactor) redactTasks() error {
	n := 0
	for t := range object.Tasks(r.w) {
		n++
		v := t.Value
		if !t.Kernel {
			r.vectors(v.Field("thread"))
		}
		stack, size := v.Field("stack").Ptr(), object.StackSize(r.k)
		if stack == 0 {
			continue
		}
		if sp := taskSP(r.k, v); !t.OnCPU && t.PID != 0 && sp > stack && sp-stack < size {
			const guard = 128 // STACK_END_MAGIC lies at the end, and functions use what is right below
			if sp-stack > 2*guard {
				r.wipe("unused parts of stacks", stack+guard, sp-stack-2*guard)
			}
		}
		if r.ask.NoUserRegisters && !t.Kernel {
			r.registers(stack + size)
		}
	}
	if n == 0 {
		r.undecided("no task was found: registers of user space were kept")
	}
	return nil
}

// vectors overwrites the registers that functions copy memory with.
func (r *redactor) vectors(thread kernel.Value) {
	const what = "vector registers of user space"
	switch {
	case thread.Has("fpu.fpstate"):
		state := thread.Field("fpu.fpstate").Deref()
		if !state.Valid() {
			return
		}
		size, regs := state.Field("size").Uint(), state.Field("regs")
		r.wipe(what, regs.Addr(), min(size, 1<<16))
	case thread.Has("fpu.state"):
		r.wipe(what, thread.Field("fpu.state").Addr(), uint64(thread.Field("fpu.state").Size()))
	case thread.Has("uw.fpsimd_state"):
		r.wipe(what, thread.Field("uw.fpsimd_state").Addr(), uint64(thread.Field("uw.fpsimd_state").Size()))
		for _, m := range []string{"sve_state", "sme_state", "za_state"} {
			if thread.Has(m) {
				if start, size, ok := r.slabs.Find(thread.Field(m).Ptr()); ok {
					r.wipe(what, start, size)
				}
			}
		}
	default:
		// 6.16 put it behind struct task_struct.
		if fpu, ok := r.k.TypeID("struct fpu"); ok && r.k.Machine == elf.EM_X86_64 {
			task := thread.Container("struct task_struct", "thread")
			at := (task.Addr() + uint64(task.Size()) + 63) &^ 63
			state := r.w.Typed(r.k.Types, fpu, at).Field("fpstate").Deref()
			if size := state.Field("size").Uint(); state.Valid() && size > 0 && size < 1<<16 {
				r.wipe(what, state.Field("regs").Addr(), size)
				return
			}
		}
		r.undecided("where the kernel keeps vector registers is not known: they were kept")
	}
}

// taskSP returns where the stack of a task that does not run begins.
func taskSP(k *kernel.Kernel, task kernel.Value) uint64 {
	thread := task.Field("thread")
	if k.Machine == elf.EM_AARCH64 {
		return thread.Field("cpu_context.sp").Uint()
	}
	if thread.Has("sp") {
		return thread.Field("sp").Uint()
	}
	return 0
}

// registers overwrites the general registers in the struct pt_regs at the top of
// a stack; what says where user space was stays.
func (r *redactor) registers(top uint64) {
	const what = "general registers of user space"
	size := r.k.SizeOf("struct pt_regs")
	if size == 0 || size > 1024 {
		r.undecided("how this kernel saves registers is not known: they were kept")
		return
	}
	regs := r.w.At("struct pt_regs", top-size)
	if r.k.Machine == elf.EM_AARCH64 {
		r.wipe(what, regs.Field("regs").Addr(), uint64(regs.Field("regs").Size()))
		return
	}
	if first, last := regs.Addr(), regs.First("orig_ax", "orig_rax").Addr(); last > first {
		r.wipe(what, first, last-first)
	}
}

// redactRandom overwrites the state that random numbers come out of.
func (r *redactor) redactRandom() error {
	const what, key = "state of the random number generator", 32
	if at, ok := r.k.Symbol("base_crng"); ok {
		r.wipe(what, at, key)
	}
	if at, ok := r.k.Symbol("input_pool"); ok {
		for _, typ := range []string{"struct blake2s_ctx", "struct blake2s_state"} {
			if n := r.k.SizeOf(typ); n > 0 {
				r.wipe(what, at, n)
				break
			}
		}
	}
	if _, ok := r.k.Symbol("crngs"); ok && r.k.HasField("struct crng", "key") {
		for _, cpu := range r.k.CPUs() {
			if v := r.w.PerCPU("crngs", "struct crng", cpu).Field("key"); v.Valid() {
				r.wipe(what, v.Addr(), uint64(v.Size()))
			}
		}
	}
	return nil
}

// redactLog overwrites the text of the kernel's log, if that was asked for. Its
// records stay, empty of sense.
func (r *redactor) redactLog() error {
	if !r.ask.NoLog {
		return nil
	}
	const what = "the kernel's log"
	if v := r.global("prb", "struct printk_ringbuffer *").Deref(); v.Valid() {
		text := v.Field("text_data_ring")
		at, size := text.Field("data").Ptr(), text.Field("size_bits").Uint()
		if size > 31 {
			r.undecided("the ring buffer of the log says that it has 2^%d bytes: the log was kept", size)
			return nil
		}
		// Each text begins with the number of its record, by which readers know it.
		r.logText(what, at, 1<<size)
		return nil
	}
	at, size := r.global("log_buf", "char *").Ptr(), r.global("log_buf_len", "unsigned int").Uint()
	if at == 0 || size == 0 || size > 1<<31 {
		r.undecided("the kernel's log was not found, and so was kept")
		return nil
	}
	r.wipe(what, at, size)
	return nil
}

// logText overwrites a ring of texts whole.
func (r *redactor) logText(what string, at, size uint64) { r.wipe(what, at, size) }
