package unwind

import "encoding/binary"

// A Finder returns the tables of the object that is mapped at an address, and
// what has to be taken from the address to get the one that the object's file
// counts. Without tables the frame pointer is followed.
type Finder func(pc uint64) (t *Tables, bias uint64)

// An Unwinder follows stacks.
type Unwinder struct {
	Arch  Arch
	Order binary.ByteOrder // of the stack; little-endian where it is nil
	Find  Finder
	// Max is how many frames a stack may have: 512.
	Max int
}

// A walk is one stack that is being followed.
type walk struct {
	regs  Regs
	base  uint64 // where the copy of the stack begins
	stack []byte
	order binary.ByteOrder
}

// load reads memory: only the stack was copied.
func (w *walk) load(addr uint64, size int) (uint64, bool) {
	off := addr - w.base
	if size < 1 || size > 8 || off > uint64(len(w.stack)) || uint64(size) > uint64(len(w.stack))-off {
		return 0, false
	}
	b := w.stack[off:]
	switch size {
	case 8:
		return w.order.Uint64(b), true
	case 4:
		return uint64(w.order.Uint32(b)), true
	case 2:
		return uint64(w.order.Uint16(b)), true
	case 1:
		return uint64(b[0]), true
	}
	return 0, false
}

// Unwind appends the program counters of a stack to list, the innermost first.
// Those of callers are within the call, one before the address of return. stack
// is what was copied from the stack pointer on.
func (u *Unwinder) Unwind(list []uint64, regs Regs, stack []byte) []uint64 {
	sp, _ := regs.get(u.Arch.sp())
	w := &walk{regs: regs, base: sp, stack: stack, order: u.Order}
	if w.order == nil {
		w.order = binary.LittleEndian
	}
	most := u.Max
	if most <= 0 {
		most = 512
	}
	if regs.PC < firstPage {
		return list
	}
	list = append(list, regs.PC)
	interrupted := true // the innermost was, and what a signal interrupted
	for range most - 1 {
		pc := w.regs.PC
		if !interrupted {
			pc--
		}
		var x *row
		var found bool
		if t, bias := u.Find(pc); t != nil {
			x, found = t.row(pc - bias)
		}
		var ok bool
		if found {
			interrupted = x.signal
			ok = w.step(u.Arch, x)
		} else {
			interrupted = false
			ok = w.fallback(u.Arch)
		}
		if !ok || w.regs.PC < firstPage {
			return list
		}
		at := w.regs.PC
		if !interrupted && !u.trampoline(at) {
			at--
		}
		list = append(list, at)
	}
	return list
}

// firstPage is where nothing is ever mapped: a return address there ends a stack.
const firstPage = 4096

// trampoline says that an address is where a handler of signals returns to: it
// was never called, so that what is before it is another function.
func (u *Unwinder) trampoline(pc uint64) bool {
	t, bias := u.Find(pc)
	if t == nil {
		return false
	}
	x, ok := t.row(pc - bias)
	return ok && x.signal
}

// step computes the caller's registers by a row of rules.
func (w *walk) step(a Arch, x *row) bool {
	var cfa uint64
	var ok bool
	if x.cfaExpr != nil {
		cfa, ok = w.eval(x.cfaExpr)
	} else if cfa, ok = w.regs.get(x.cfaReg); ok {
		cfa += uint64(x.cfaOff)
	}
	if !ok || x.ra >= registers {
		return false
	}
	old := w.regs
	next := old
	for i := range x.rules {
		r := &x.rules[i]
		n := uint64(i)
		var v uint64
		ok := true
		switch r.kind {
		case ruleNone, ruleSame:
			continue
		case ruleUndefined:
			ok = false
		case ruleOffset:
			v, ok = w.load(cfa+uint64(r.n), 8)
		case ruleValOffset:
			v = cfa + uint64(r.n)
		case ruleRegister:
			v, ok = old.get(uint64(r.n))
		case ruleExpr:
			if v, ok = w.eval(r.expr, cfa); ok {
				v, ok = w.load(v, 8)
			}
		case ruleValExpr:
			v, ok = w.eval(r.expr, cfa)
		}
		if !ok {
			next.known &^= 1 << n
			continue
		}
		next.set(n, v)
	}
	if k := x.rules[a.sp()].kind; k == ruleNone || k == ruleSame {
		next.set(a.sp(), cfa)
	}
	if a == X86_64 && x.rules[x86RA].kind == ruleNone {
		return false
	}
	pc, ok := next.get(x.ra)
	if !ok {
		return false
	}
	if x.signed {
		pc &= 1<<48 - 1
	}
	sp, known := next.get(a.sp())
	if before, _ := old.get(a.sp()); !known || sp < before || sp == before && pc == old.PC {
		// A stack that does not shrink goes on forever; a signal's may be elsewhere.
		if !known || !x.signal {
			return false
		}
	}
	next.PC = pc
	w.regs = next
	return true
}

// maxFrame is how far a frame pointer may be from the stack pointer.
const maxFrame = 1 << 14

// fallback follows the frame pointer.
func (w *walk) fallback(a Arch) bool {
	n := uint64(x86BP)
	if a == ARM64 {
		n = armFP
	}
	fp, ok := w.regs.get(n)
	sp, _ := w.regs.get(a.sp())
	if !ok || fp < sp || fp-sp > maxFrame {
		return false
	}
	next, ok1 := w.load(fp, 8)
	pc, ok2 := w.load(fp+8, 8)
	if !ok1 || !ok2 {
		return false
	}
	w.regs.set(n, next)
	w.regs.set(a.sp(), fp+16)
	w.regs.PC = pc
	if a == ARM64 {
		w.regs.set(armLR, pc)
	}
	return true
}
