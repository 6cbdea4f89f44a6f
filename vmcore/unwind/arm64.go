package unwind

import (
	"fmt"

	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
)

// arm64 keeps a frame record of two words for each call: the caller's frame
// pointer and the address to return to. An exception's record is within the
// struct pt_regs that it saved.
const (
	metaFinal = 1 // FRAME_META_TYPE_FINAL
	metaRegs  = 2 // FRAME_META_TYPE_PT_REGS
)

func arm64Task(task kernel.Value) Stack {
	c := task.Field("thread.cpu_context")
	if !c.Valid() {
		return Stack{End: "the registers that the scheduler saved are not in the dump"}
	}
	return arm64Frames(task.Walk(), c.Field("pc").Ptr(), c.Field("fp").Uint(), c.Field("sp").Uint(), nil, task, task)
}

func arm64Regs(w *kernel.Walk, r dump.Regs, task kernel.Value) Stack {
	if r.Flags&0xf == 0 { // EL0t
		return Stack{User: &r}
	}
	return arm64Frames(w, r.PC, r.FP, r.SP, &r, kernel.Value{}, task)
}

func arm64Frames(w *kernel.Walk, pc, fp, sp uint64, regs *dump.Regs, task, owner kernel.Value) (s Stack) {
	k := w.Kernel()
	kept := returns{w: w, task: owner}
	s.add(w, Frame{PC: k.Canonical(pc), SP: sp, Exact: regs != nil, Reliable: true, Regs: regs})
	if regs != nil {
		// A leaf function may not have made its record yet: then its caller is
		// in the link register only.
		if lr, ok := regs.Get("x30"); ok {
			lr = k.Canonical(lr)
			first, err := w.U64(fp + 8)
			if here, ok := k.Locate(pc); ok && k.IsText(lr) && (err != nil || k.Canonical(first) != lr) {
				if from, ok := k.Locate(lr - 1); ok && from.Addr != here.Addr && leaf(w, here) {
					s.add(w, Frame{PC: lr, Reliable: true})
				}
			}
		}
	}
	for len(s.Frames) < maxFrames {
		if fp == 0 {
			return s
		}
		next, err := w.U64(fp)
		lr, err2 := w.U64(fp + 8)
		if fp&7 != 0 || err != nil || err2 != nil {
			s.End = fmt.Sprintf("the frame record at %#x is not in the dump", fp)
			s.leftovers(w, sp, stackEnd(task, sp))
			return s
		}
		if next == 0 && lr == 0 {
			// 6.14 and later say here what kind of end it is; before, it is the end.
			meta, err := w.U64(fp + 16)
			if err != nil || meta != metaRegs || !k.HasField("struct pt_regs", "stackframe.type") {
				return s
			}
			at := (w.At("u64", fp)).Container("struct pt_regs", "stackframe")
			r := arm64Saved(at)
			s.add(w, Frame{PC: k.Canonical(r.PC), SP: r.SP, Exact: true, Reliable: true, Regs: r})
			fp = r.FP
			continue
		}
		pc = kept.real(k.Canonical(lr), next)
		f := Frame{PC: pc, SP: fp + 16, Reliable: true}
		// Before 6.14 an exception's record returns to the instruction that it
		// interrupted.
		if at := (w.At("u64", fp)).Container("struct pt_regs", "stackframe"); at.Valid() && !k.HasField("struct pt_regs", "stackframe.type") && k.IsText(pc) && w.Readable(at.Addr(), at.Size()) && at.Field("pc").Ptr() == pc && at.Field("regs").Index(29).Uint() == next {
			f.Exact, f.Regs = true, arm64Saved(at)
		}
		if next != 0 && next <= fp && fp-next < maxStack {
			s.End = fmt.Sprintf("the frame record at %#x leads back to %#x", fp, next)
			return s
		}
		if !k.IsText(pc) && pc != 0 {
			if next == 0 {
				return s
			}
			s.End = fmt.Sprintf("%#x in the frame record at %#x is not code", pc, fp)
			return s
		}
		s.add(w, f)
		fp = next
	}
	s.End = fmt.Sprintf("it has more than %d frames", maxFrames)
	return s
}

// leaf reports whether a function calls nothing before it makes a frame record:
// its code has no instruction that stores x29 and x30.
func leaf(w *kernel.Walk, f kernel.Location) bool {
	for at := f.Addr; at < f.Addr+f.Offset && at < f.Addr+4096; at += 4 {
		insn, err := w.U32(at)
		if err != nil {
			return false
		}
		// stp x29, x30, [sp, #imm]! or [sp, #imm]
		if insn&0xffc07fff == 0xa9807bfd || insn&0xffc07fff == 0xa9007bfd {
			return false
		}
	}
	return true
}

// arm64Saved reads a struct pt_regs.
func arm64Saved(v kernel.Value) *dump.Regs {
	r := &dump.Regs{PC: v.Field("pc").Uint(), SP: v.Field("sp").Uint(), Flags: v.Field("pstate").Uint()}
	for i, x := range v.Field("regs").Elements() {
		r.Named = append(r.Named, dump.Reg{Name: fmt.Sprintf("x%d", i), Value: x.Uint()})
	}
	r.Named = append(r.Named, dump.Reg{Name: "sp", Value: r.SP}, dump.Reg{Name: "pc", Value: r.PC}, dump.Reg{Name: "pstate", Value: r.Flags})
	r.FP, _ = r.Get("x29")
	return r
}
