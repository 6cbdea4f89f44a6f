package dump

import (
	"debug/elf"
	"encoding/binary"
)

// prRegs is where struct elf_prstatus of a 64-bit kernel has its registers, and
// prPID its process.
const (
	prRegs = 112
	prPID  = 32
)

var registers = map[elf.Machine][]string{
	elf.EM_X86_64: {
		"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi",
		"orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs",
	},
	elf.EM_AARCH64: {
		"x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
		"x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30",
		"sp", "pc", "pstate",
	},
}

// cpus takes what describes processors out of notes: PRSTATUS, and QEMU's
// beside it. The rest is returned as it is, and so is PRSTATUS where the
// machine's layout is not known.
func cpus(notes []Note, machine elf.Machine, order binary.ByteOrder) (list []CPU, rest []Note) {
	names, known := registers[machine]
	// QEMU calls the machine an i386 when the first CPU is not in long mode; its
	// own note is that of a 64-bit CPU all the same.
	x86 := machine == elf.EM_X86_64 || machine == elf.EM_386
	var controls []*CPU
	for _, n := range notes {
		switch {
		case known && n.Name == "CORE" && n.Type == ntPRStatus && len(n.Desc) >= prRegs+8*len(names):
			c := CPU{Index: len(list), PID: int(int32(order.Uint32(n.Desc[prPID:])))}
			c.Regs.Named = make([]Reg, len(names))
			for i, name := range names {
				c.Regs.Named[i] = Reg{name, order.Uint64(n.Desc[prRegs+8*i:])}
			}
			c.Regs.point(machine)
			list = append(list, c)
		case n.Name == "QEMU" && n.Type == 0 && x86 && len(n.Desc) >= qemuState:
			controls = append(controls, qemuCPU(n.Desc))
		default:
			rest = append(rest, n)
		}
	}
	// QEMU writes one of each for each CPU, first all of the one kind.
	for i, c := range controls {
		if i < len(list) {
			list[i].Control = c.Control
			continue
		}
		c.Index = i
		list = append(list, *c)
	}
	return list, rest
}

// point sets the registers that have a meaning on every machine.
func (r *Regs) point(machine elf.Machine) {
	get := func(name string) uint64 { v, _ := r.Get(name); return v }
	switch machine {
	case elf.EM_X86_64:
		r.PC, r.SP, r.FP, r.Flags = get("rip"), get("rsp"), get("rbp"), get("eflags")
	case elf.EM_AARCH64:
		r.PC, r.SP, r.FP, r.Flags = get("pc"), get("sp"), get("x29"), get("pstate")
	}
}

// QEMU's note for an x86 CPU: version and size, 18 registers, 10 segments of 24
// bytes, cr0–cr4, and since QEMU 2.12 kernel_gs_base.
const (
	qemuState    = 432
	qemuSegments = 8 + 18*8
	qemuControl  = qemuSegments + 10*24
)

func qemuCPU(b []byte) *CPU {
	le := binary.LittleEndian
	c := &CPU{Control: &Control{}}
	for i, name := range []string{
		"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip", "eflags",
	} {
		c.Regs.Named = append(c.Regs.Named, Reg{name, le.Uint64(b[8+8*i:])})
	}
	c.Regs.point(elf.EM_X86_64)
	segment := func(i int) Segment {
		s := b[qemuSegments+24*i:]
		return Segment{Selector: le.Uint32(s), Limit: le.Uint32(s[4:]), Flags: le.Uint32(s[8:]), Base: le.Uint64(s[16:])}
	}
	// cs ds es fs gs ss ldt tr gdt idt
	k := c.Control
	k.CS, k.TR, k.GDT, k.IDT = segment(0), segment(7), segment(8), segment(9)
	k.FSBase, k.GSBase = segment(3).Base, segment(4).Base
	k.CR0, k.CR2 = le.Uint64(b[qemuControl:]), le.Uint64(b[qemuControl+16:])
	k.CR3, k.CR4 = le.Uint64(b[qemuControl+24:]), le.Uint64(b[qemuControl+32:])
	if len(b) >= qemuState+8 {
		k.KernelGSBase = le.Uint64(b[qemuState:])
	}
	return c
}
