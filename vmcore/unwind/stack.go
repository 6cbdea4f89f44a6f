package unwind

import (
	"debug/elf"
	"errors"

	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
)

// maxFrames bounds one stack. The largest kernel stack has room for some two
// thousand.
const maxFrames = 512

// Frame is one function that had not returned.
type Frame struct {
	// PC is the address of the instruction that was interrupted, where Exact is
	// set, and else the address that the function called from here returns to.
	PC uint64
	SP uint64 // the stack pointer in this frame, 0 where it is not known
	// Exact says that PC is the instruction itself.
	Exact bool
	// Reliable is not set for what only lay on the stack.
	Reliable bool
	kernel.Location
	// Regs are those that an interrupt or exception had saved here.
	Regs *dump.Regs
}

// Stack is the frames of a task or a CPU, the innermost first.
type Stack struct {
	Frames []Frame
	// User are the registers of user space from which the kernel was entered.
	User *dump.Regs
	// End says why the frames end before the stack does; "" where they do not.
	End string
}

// PCs returns the addresses of the frames that are reliable.
func (s Stack) PCs() []uint64 {
	var pcs []uint64
	for _, f := range s.Frames {
		if f.Reliable {
			pcs = append(pcs, f.PC)
		}
	}
	return pcs
}

// ErrMachine says that stacks of this machine are not read.
var ErrMachine = errors.New("stacks of this machine are not read; those of x86_64 and arm64 are")

// Task unwinds a task that is not on a CPU, from where the scheduler left it.
func Task(task kernel.Value) (Stack, error) {
	w := task.Walk()
	switch w.Kernel().Machine {
	case elf.EM_X86_64:
		return x86Task(task), w.Err()
	case elf.EM_AARCH64:
		return arm64Task(task), w.Err()
	}
	return Stack{}, ErrMachine
}

// Regs unwinds from registers: those of a CPU, or of an exception. task is what ran
// there, by which return addresses are found that a tracer replaced; it may be
// invalid.
func Regs(w *kernel.Walk, r dump.Regs, task kernel.Value) (Stack, error) {
	switch w.Kernel().Machine {
	case elf.EM_X86_64:
		return x86Regs(w, r, task), w.Err()
	case elf.EM_AARCH64:
		return arm64Regs(w, r, task), w.Err()
	}
	return Stack{}, ErrMachine
}

// add appends a frame with its symbol.
func (s *Stack) add(w *kernel.Walk, f Frame) {
	at := f.PC
	if !f.Exact && at > 0 {
		at-- // a call may be the last instruction of a function
	}
	f.Location, _ = w.Kernel().Locate(at)
	if f.Symbol != "" {
		f.Offset = f.PC - f.Addr
	}
	s.Frames = append(s.Frames, f)
}

// leftovers adds the addresses of code that lie on the rest of a stack.
func (s *Stack) leftovers(w *kernel.Walk, sp, end uint64) {
	for at := sp &^ 7; at < end && len(s.Frames) < maxFrames; at += 8 {
		pc, err := w.U64(at)
		if err != nil {
			return
		}
		if pc = w.Kernel().Canonical(pc); w.Kernel().IsText(pc - 1) {
			s.add(w, Frame{PC: pc})
		}
	}
}

// stackEnd returns where the stack that holds sp ends; one of unknown size ends
// with its page.
func stackEnd(task kernel.Value, sp uint64) uint64 {
	if base := task.Field("stack").Ptr(); base != 0 && sp >= base && sp < base+maxStack {
		for size := uint64(4 << 10); size <= maxStack; size *= 2 {
			if sp < base+size && size >= 16<<10 {
				return base + size
			}
		}
	}
	return sp | 0xfff
}

// maxStack is the largest kernel stack: 64 KiB pages, or KASAN on arm64.
const maxStack = 128 << 10
