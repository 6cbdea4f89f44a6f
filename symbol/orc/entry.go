package orc

import "fmt"

// Reg is the register, or place, that a rule starts from.
type Reg uint8

// The registers of all versions. They are not numbered as any version does it.
const (
	RegUndefined  Reg = iota
	RegPrevSP         // the caller's stack pointer, once it is known
	RegSP             // sp + offset
	RegBP             // bp + offset
	RegSPIndirect     // *sp + offset
	RegBPIndirect     // *(bp + offset)
	RegR10
	RegR13
	RegDI
	RegDX
	RegAX
)

var regNames = [...]string{"undefined", "prevsp", "sp", "bp", "(sp)", "(bp)", "r10", "r13", "di", "dx", "ax"}

func (r Reg) String() string {
	if int(r) < len(regNames) {
		return regNames[r]
	}
	return fmt.Sprintf("register %d", uint8(r))
}

// Type says what lies at the caller's stack pointer.
type Type uint8

// The types, numbered as since 6.4.
const (
	// TypeUndefined is code that no rule is for.
	TypeUndefined Type = iota
	// TypeEnd is where stacks end: the code that a task or CPU started in.
	TypeEnd
	// TypeCall is an ordinary frame: the return address is below.
	TypeCall
	// TypeRegs is an interrupt or exception: a whole struct pt_regs.
	TypeRegs
	// TypeRegsPartial is one whose pt_regs is not filled: only the part that the
	// processor pushed.
	TypeRegsPartial
)

var typeNames = [...]string{"undefined", "end", "call", "regs", "regs-partial"}

func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Entry is the rule for a stretch of code. The caller's stack pointer is SPReg
// with SPOff; its frame pointer is saved at BPReg with BPOff, or unchanged where
// BPReg is RegUndefined.
type Entry struct {
	SPReg, BPReg Reg
	SPOff, BPOff int16
	Type         Type
	// Signal says that the frame above was interrupted here rather than called
	// from here: its own address is to be looked up, not the one before.
	Signal bool
	// End is Type == TypeEnd.
	End bool
}

func (e Entry) String() string {
	return fmt.Sprintf("sp:%s%+d bp:%s%+d type:%s signal:%t", e.SPReg, e.SPOff, e.BPReg, e.BPOff, e.Type, e.Signal)
}

// The numbers of the registers in versions 1 to 3, and since version 4.
var (
	regs1 = [16]Reg{1: RegPrevSP, RegDX, RegDI, RegBP, RegSP, RegR10, RegR13, RegBPIndirect, RegSPIndirect}
	regs4 = [16]Reg{1: RegAX, RegDX, RegSP, RegBP, RegDI, RegR10, RegR13, RegPrevSP, RegSPIndirect, RegBPIndirect}
)

// entrySize is the size of struct orc_entry in every version.
const entrySize = 6

// decode makes an entry of its 6 bytes.
func (v Version) decode(b []byte) Entry {
	flags := uint16(b[4]) | uint16(b[5])<<8
	e := Entry{
		SPOff: int16(uint16(b[0]) | uint16(b[1])<<8),
		BPOff: int16(uint16(b[2]) | uint16(b[3])<<8),
	}
	regs := &regs1
	if v >= V4 {
		regs = &regs4
	}
	e.SPReg, e.BPReg = regs[flags&15], regs[flags>>4&15]
	if v >= V3 {
		if e.Type = Type(flags >> 8 & 7); e.Type > TypeRegsPartial {
			e.Type = TypeUndefined
		}
		e.Signal = flags>>11&1 != 0
		e.End = e.Type == TypeEnd
		return e
	}
	// Two bits: call, regs, partial regs. The end is a bit of its own, and what
	// is undefined has no register.
	end := flags >> 10 & 1
	e.Type = [4]Type{TypeCall, TypeRegs, TypeRegsPartial, TypeUndefined}[flags>>8&3]
	// The unwinder of version 1 has no bit for it and takes all frames with
	// registers as interrupted.
	e.Signal = e.Type == TypeRegs || e.Type == TypeRegsPartial
	if v == V2 {
		end, e.Signal = flags>>11&1, flags>>10&1 != 0
	}
	switch {
	case end != 0:
		e.Type, e.End = TypeEnd, true
	case e.SPReg == RegUndefined:
		e.Type = TypeUndefined
	}
	return e
}
