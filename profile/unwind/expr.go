package unwind

// Bounds of an expression.
const (
	maxDepth = 64
	maxOps   = 1 << 10
)

// eval runs a DWARF expression and returns what is on top of its stack.
// Operations on values of other types than an address, and those that need the
// symbols, do not occur in call frame information.
func (w *walk) eval(expr []byte, push ...uint64) (uint64, bool) {
	var buf [maxDepth]uint64
	st := append(buf[:0], push...)
	r := reader{order: w.order, b: expr, wide: true}
	pop := func() uint64 {
		if len(st) == 0 {
			r.bad = true
			return 0
		}
		v := st[len(st)-1]
		st = st[:len(st)-1]
		return v
	}
	put := func(v uint64) {
		if len(st) == maxDepth {
			r.bad = true
			return
		}
		st = append(st, v)
	}
	reg := func(n uint64, off int64) {
		v, ok := w.regs.get(n)
		r.bad = r.bad || !ok
		put(v + uint64(off))
	}
	jump := func(off int64) {
		if to := int64(r.at) + off; to >= 0 && to <= int64(len(r.b)) {
			r.at = int(to)
			return
		}
		r.bad = true
	}
	for n := 0; r.at < len(r.b) && !r.bad; n++ {
		if n > maxOps {
			return 0, false
		}
		op := r.u8()
		switch {
		case op >= 0x30 && op <= 0x4f: // lit0…
			put(uint64(op - 0x30))
			continue
		case op >= 0x70 && op <= 0x8f: // breg0…
			reg(uint64(op-0x70), r.sleb())
			continue
		}
		switch op {
		case 0x03, 0x0e, 0x0f: // addr, const8
			put(r.u64())
		case 0x06: // deref
			v, ok := w.load(pop(), 8)
			r.bad = r.bad || !ok
			put(v)
		case 0x94: // deref_size
			size := int(r.u8())
			v, ok := w.load(pop(), size)
			r.bad = r.bad || !ok
			put(v)
		case 0x08:
			put(uint64(r.u8()))
		case 0x09:
			put(uint64(int64(int8(r.u8()))))
		case 0x0a:
			put(uint64(r.u16()))
		case 0x0b:
			put(uint64(int64(int16(r.u16()))))
		case 0x0c:
			put(uint64(r.u32()))
		case 0x0d:
			put(uint64(int64(int32(r.u32()))))
		case 0x10:
			put(r.uleb())
		case 0x11:
			put(uint64(r.sleb()))
		case 0x12: // dup
			v := pop()
			put(v)
			put(v)
		case 0x13: // drop
			pop()
		case 0x14, 0x15: // over, pick
			i := 1
			if op == 0x15 {
				i = int(r.u8())
			}
			if i >= len(st) {
				return 0, false
			}
			put(st[len(st)-1-i])
		case 0x16: // swap
			a, b := pop(), pop()
			put(a)
			put(b)
		case 0x17: // rot
			a, b, c := pop(), pop(), pop()
			put(a)
			put(c)
			put(b)
		case 0x19: // abs
			if v := int64(pop()); v < 0 {
				put(uint64(-v))
			} else {
				put(uint64(v))
			}
		case 0x1f: // neg
			put(-pop())
		case 0x20: // not
			put(^pop())
		case 0x23: // plus_uconst
			put(pop() + r.uleb())
		case 0x2f: // skip
			jump(int64(int16(r.u16())))
		case 0x28: // bra
			off := int64(int16(r.u16()))
			if pop() != 0 {
				jump(off)
			}
		case 0x92: // bregx
			n := r.uleb()
			reg(n, r.sleb())
		case 0x96: // nop
		default:
			b, a := pop(), pop()
			v, ok := operate(op, a, b)
			if !ok {
				return 0, false
			}
			put(v)
		}
	}
	if r.bad || len(st) == 0 {
		return 0, false
	}
	return st[len(st)-1], true
}

// operate computes an operation on two values.
func operate(op uint8, a, b uint64) (uint64, bool) {
	cmp := func(ok bool) (uint64, bool) {
		if ok {
			return 1, true
		}
		return 0, true
	}
	switch op {
	case 0x1a:
		return a & b, true
	case 0x1b: // div
		if b == 0 {
			return 0, false
		}
		return uint64(int64(a) / int64(b)), true
	case 0x1c:
		return a - b, true
	case 0x1d: // mod
		if b == 0 {
			return 0, false
		}
		return a % b, true
	case 0x1e:
		return a * b, true
	case 0x21:
		return a | b, true
	case 0x22:
		return a + b, true
	case 0x24:
		return a << b, true
	case 0x25:
		return a >> b, true
	case 0x26:
		return uint64(int64(a) >> min(b, 63)), true
	case 0x27:
		return a ^ b, true
	case 0x29:
		return cmp(a == b)
	case 0x2a:
		return cmp(int64(a) >= int64(b))
	case 0x2b:
		return cmp(int64(a) > int64(b))
	case 0x2c:
		return cmp(int64(a) <= int64(b))
	case 0x2d:
		return cmp(int64(a) < int64(b))
	case 0x2e:
		return cmp(a != b)
	}
	return 0, false
}
