package unwind

import (
	"fmt"

	"ringside/symbol/orc"
	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
)

// ptRegs are the members of x86_64's struct pt_regs, in their order. This is what
// the entry code pushes, and has not changed since 2.6.
var ptRegs = []string{"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi", "orig_rax", "rip", "cs", "eflags", "rsp", "ss"}

const (
	regsBP    = 4 * 8
	regsIP    = 16 * 8
	regsSize  = 21 * 8
	iretSize  = 5 * 8
	userLevel = 3 // the privilege level in cs
)

// x86State is where the unwinder is.
type x86State struct {
	w          *kernel.Walk
	pc, sp, bp uint64
	exact      bool // pc is an instruction, not a return address
	regs       *dump.Regs
	stack      Stack
	returns    returns
}

func x86Task(task kernel.Value) Stack {
	w := task.Walk()
	sp := task.Field("thread.sp").Ptr()
	frame := w.At("struct inactive_task_frame", sp)
	st := x86State{w: w, sp: sp + uint64(frame.Size()), bp: frame.Field("bp").Uint(), pc: frame.Field("ret_addr").Uint()}
	if fork, ok := w.Kernel().Symbol("ret_from_fork"); ok && st.pc == fork {
		st.exact = true
	}
	if fork, ok := w.Kernel().Symbol("ret_from_fork_asm"); ok && st.pc == fork { // 6.6 and later
		st.exact = true
	}
	if !frame.Valid() || st.pc == 0 {
		return Stack{End: "the stack pointer that the scheduler saved leads nowhere"}
	}
	st.returns = returns{w: w, task: task}
	return st.run(task)
}

func x86Regs(w *kernel.Walk, r dump.Regs, task kernel.Value) Stack {
	if cs, ok := r.Get("cs"); ok && cs&userLevel == userLevel {
		return Stack{User: &r}
	}
	st := x86State{w: w, pc: r.PC, sp: r.SP, bp: r.FP, exact: true, regs: &r, returns: returns{w: w, task: task}}
	return st.run(kernel.Value{})
}

// run unwinds to the end.
func (st *x86State) run(task kernel.Value) Stack {
	for {
		st.stack.add(st.w, Frame{PC: st.pc, SP: st.sp, Exact: st.exact, Reliable: true, Regs: st.regs})
		if len(st.stack.Frames) >= maxFrames {
			st.stack.End = fmt.Sprintf("it has more than %d frames", maxFrames)
			break
		}
		before := st.sp
		more, err := st.step()
		if err != nil {
			st.stack.End = err.Error()
			st.stack.leftovers(st.w, before, stackEnd(task, before))
			break
		}
		if !more {
			break
		}
	}
	return st.stack
}

// reg returns a register that only an interrupted frame has.
func (st *x86State) reg(name string) (uint64, error) {
	if st.regs != nil {
		if v, ok := st.regs.Get(name); ok {
			return v, nil
		}
	}
	return 0, fmt.Errorf("the rule at %#x needs %s, which was not saved", st.pc, name)
}

// noCode is the rule for a call through a NULL pointer: the caller's return
// address is on top of the stack.
var noCode = orc.Entry{SPReg: orc.RegSP, SPOff: 8, BPReg: orc.RegUndefined, Type: orc.TypeCall}

// framePointer is the rule for code that has none, such as what BPF was compiled
// to.
var framePointer = orc.Entry{SPReg: orc.RegBP, SPOff: 16, BPReg: orc.RegPrevSP, BPOff: -16, Type: orc.TypeCall}

// rule returns how to get from this frame to its caller.
func (st *x86State) rule() (orc.Entry, error) {
	at := st.pc
	if !st.exact {
		at--
	}
	if e, ok := st.w.Kernel().ORC(at); ok {
		return e, nil
	}
	// Nothing is where a wild pointer led; a call brought us there.
	if st.exact && !st.w.Kernel().IsText(st.pc) && len(st.stack.Frames) == 1 || st.exact && st.pc == 0 {
		return noCode, nil
	}
	if st.bp&7 == 0 && st.bp >= st.sp && st.bp < st.sp+maxStack {
		return framePointer, nil
	}
	return orc.Entry{}, fmt.Errorf("nothing says how the code at %#x uses the stack", st.pc)
}

// step goes to the caller; more is false at the stack's end.
func (st *x86State) step() (more bool, err error) {
	e, err := st.rule()
	if err != nil {
		return false, err
	}
	if e.Type == orc.TypeEnd || e.End {
		return false, nil
	}
	var sp uint64
	indirect := false
	switch e.SPReg {
	case orc.RegSP:
		sp = st.sp + uint64(int64(e.SPOff))
	case orc.RegBP:
		sp = st.bp + uint64(int64(e.SPOff))
	case orc.RegSPIndirect:
		sp, indirect = st.sp, true
	case orc.RegBPIndirect:
		sp, indirect = st.bp+uint64(int64(e.SPOff)), true
	case orc.RegR10:
		sp, err = st.reg("r10")
	case orc.RegR13:
		sp, err = st.reg("r13")
	case orc.RegDI:
		sp, err = st.reg("rdi")
	case orc.RegDX:
		sp, err = st.reg("rdx")
	case orc.RegAX:
		sp, err = st.reg("rax")
	default:
		return false, fmt.Errorf("the unwind tables say nothing of the code at %#x", st.pc)
	}
	if err != nil {
		return false, err
	}
	if indirect {
		if sp, err = st.w.U64(sp); err != nil {
			return false, fmt.Errorf("the stack pointer of the next frame is not in the dump: %w", err)
		}
		if e.SPReg == orc.RegSPIndirect {
			sp += uint64(int64(e.SPOff))
		}
	}
	oldBP := st.bp
	switch e.Type {
	case orc.TypeCall:
		more, err = st.call(sp)
	case orc.TypeRegs:
		more, err = st.exception(sp, regsSize)
	case orc.TypeRegsPartial:
		more, err = st.exception(sp, iretSize)
	default:
		return false, fmt.Errorf("the unwind tables say nothing of the code at %#x", st.pc)
	}
	if err != nil || !more || e.Type == orc.TypeRegs {
		return more, err
	}
	switch e.BPReg {
	case orc.RegPrevSP:
		st.bp, err = st.w.U64(sp + uint64(int64(e.BPOff)))
	case orc.RegBP:
		st.bp, err = st.w.U64(oldBP + uint64(int64(e.BPOff)))
	}
	if err != nil {
		return false, fmt.Errorf("the frame pointer of the next frame is not in the dump: %w", err)
	}
	return true, nil
}

// call returns from a function: the return address is under the stack pointer
// that its caller had.
func (st *x86State) call(sp uint64) (bool, error) {
	pc, err := st.w.U64(sp - 8)
	if err != nil {
		return false, fmt.Errorf("the return address at %#x is not in the dump: %w", sp-8, err)
	}
	if pc == 0 {
		return false, nil
	}
	pc = st.returns.real(pc, sp-8)
	if sp <= st.sp && st.regs == nil && sp+maxStack > st.sp {
		return false, fmt.Errorf("the stack does not grow at %#x", st.sp)
	}
	if !st.w.Kernel().IsText(pc) && !st.w.Readable(pc, 1) {
		return false, fmt.Errorf("%#x on the stack at %#x is not code", pc, sp-8)
	}
	st.pc, st.sp, st.exact, st.regs = pc, sp, false, nil
	return true, nil
}

// exception returns from an interrupt or exception to what it interrupted.
func (st *x86State) exception(at uint64, size int) (bool, error) {
	var raw [regsSize]byte
	if err := st.w.Read(raw[regsSize-size:], at); err != nil {
		return false, fmt.Errorf("the registers that an exception saved at %#x are not in the dump: %w", at, err)
	}
	r := &dump.Regs{}
	order := st.w.Kernel().Order
	for i, name := range ptRegs {
		if i*8 >= regsSize-size {
			r.Named = append(r.Named, dump.Reg{Name: name, Value: order.Uint64(raw[i*8:])})
		}
	}
	r.PC, _ = r.Get("rip")
	r.SP, _ = r.Get("rsp")
	r.Flags, _ = r.Get("eflags")
	r.FP = st.bp
	if size == regsSize {
		r.FP = order.Uint64(raw[regsBP:])
	}
	if cs, _ := r.Get("cs"); cs&userLevel == userLevel {
		st.stack.User = r
		return false, nil
	}
	if r.PC == st.pc && r.SP == st.sp {
		return false, fmt.Errorf("the exception at %#x returns to itself", at)
	}
	st.pc, st.sp, st.bp, st.exact, st.regs = r.PC, r.SP, r.FP, true, r
	return true, nil
}
