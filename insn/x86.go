package insn

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/arch/x86/x86asm"
)

// decodeX86 finds the boundaries before the trap by trying every start.
func decodeX86(code []byte, trap, mode int) *Listing {
	d := func(b []byte) (decoded, bool) { return x86(b, mode) }
	if trap < 0 {
		l := &Listing{Confidence: 0.3}
		l.forward(code, 0, trap, d)
		return l
	}
	// Each offset before the trap is decoded once, whatever starts lead to it.
	size := make([]int, trap)
	odd := make([]bool, trap)
	for i := range size {
		if in, ok := guard(d, code[i:min(len(code), i+15)]); ok {
			size[i], odd[i] = in.size, implausible(in.text)
		}
	}
	votes, begun := make([]int, trap), make([]int, trap)
	var chains [][]int
	for start := range min(trap, 16) {
		var chain []int
		at := start
		for at < trap && size[at] > 0 {
			chain = append(chain, at)
			at += size[at]
		}
		if at == trap {
			chains = append(chains, chain)
			for _, i := range chain {
				votes[i]++
			}
			for i := start; i < trap; i++ {
				begun[i]++
			}
		}
	}
	l := &Listing{}
	from := trap
	if best := bestChain(chains, votes, begun, odd); best != nil {
		from = best[0]
		l.Confidence = float64(votes[best[len(best)-1]]) / float64(len(chains))
		for _, at := range best {
			in, _ := guard(d, code[at:min(len(code), at+15)])
			l.Instructions = append(l.Instructions, instruction(code, at, trap, in))
		}
	}
	if trap == 0 {
		l.Confidence = 1
	}
	if from > 0 {
		l.Instructions = slices.Insert(l.Instructions, 0, data(code, 0, trap, from))
	}
	l.forward(code, trap, trap, d)
	return l
}

// bestChain returns the chain that most of the others that had begun agree with,
// boundary by boundary, and that has few instructions that compilers do not make;
// nil if there is none.
func bestChain(chains [][]int, votes, begun []int, odd []bool) []int {
	var best []int
	top := 0.0
	for _, chain := range chains {
		sum := 0.0
		for _, i := range chain {
			sum += float64(votes[i])/float64(begun[i]) - 0.4
			if odd[i] {
				sum -= 2
			}
		}
		if best == nil || sum > top {
			best, top = chain, sum
		}
	}
	return best
}

// forward decodes from at to the end.
func (l *Listing) forward(code []byte, at, trap int, d decoder) {
	for at < len(code) {
		in, ok := guard(d, code[at:min(len(code), at+15)])
		if !ok {
			// What is cut off at the end of the line is no instruction.
			n := 1
			if len(code)-at < 15 {
				n = len(code) - at
			}
			l.Instructions = append(l.Instructions, data(code, at, trap, n))
			at += n
			continue
		}
		l.Instructions = append(l.Instructions, instruction(code, at, trap, in))
		at += in.size
	}
}

// implausible reports whether compiled kernel code hardly ever has such an
// instruction: a sign of a wrong boundary.
func implausible(text string) bool {
	op, operands := mnemonic(text)
	switch strings.TrimRight(op, "lqwb") {
	case "aaa", "aas", "aam", "aad", "daa", "das", "in", "out", "ins", "outs", "hlt", "iret", "ljmp", "lcall", "lret", "enter", "xlat", "loop", "loope", "loopne",
		"cmc", "std", "lahf", "sahf", "arp", "bound", "into", "icebp", "int", "les", "lds", "salc", "jecxz", "jrcxz":
		return true
	case "add":
		return operands == "%al,(%rax)" || operands == "%al,(%eax)"
	}
	return strings.HasPrefix(op, "f") && op != "fxsave" && op != "fxrstor" && op != "fninit"
}

// special are instructions that x/arch does not know.
var special = []struct {
	bytes []byte
	text  string
}{
	{[]byte{0xf3, 0x0f, 0x1e, 0xfa}, "endbr64"},
	{[]byte{0xf3, 0x0f, 0x1e, 0xfb}, "endbr32"},
	{[]byte{0x0f, 0x01, 0xca}, "clac"},
	{[]byte{0x0f, 0x01, 0xcb}, "stac"},
	{[]byte{0x0f, 0x01, 0xc1}, "vmcall"},
	{[]byte{0x0f, 0x01, 0xd9}, "vmmcall"},
}

// x86 decodes one instruction.
func x86(code []byte, mode int) (decoded, bool) {
	for _, s := range special {
		if bytes.HasPrefix(code, s.bytes) {
			return decoded{text: s.text, size: len(s.bytes)}, true
		}
	}
	if code[0] == 0xd6 && mode == 64 {
		return decoded{text: "udb", size: 1, planted: planted(plantedUD2)}, true
	}
	inst, err := x86asm.Decode(code, mode)
	if err != nil || inst.Op == 0 {
		return decoded{}, false
	}
	for i, a := range inst.Args {
		// Displacements of 32 bits are signed; x/arch leaves them as they are.
		if m, ok := a.(x86asm.Mem); ok && inst.AddrSize == 64 && (m.Base != 0 || m.Index != 0 || m.Disp>>32 == 0) && m.Disp == int64(uint32(m.Disp)) {
			m.Disp = int64(int32(m.Disp))
			inst.Args[i] = m
		}
	}
	d := decoded{size: inst.Len, text: absolute(&inst, relative(x86asm.GNUSyntax(inst, here, nil))), memory: x86Memory(&inst)}
	switch inst.Op {
	case x86asm.UD2:
		d.planted = planted(plantedUD2)
	case x86asm.UD1:
		d.planted = ud1(&inst)
	case x86asm.INT:
		if inst.Len == 1 {
			d.planted = planted(plantedInt3)
		}
	}
	if d.planted != nil {
		d.memory = nil
	}
	return d, true
}

// absolute writes an address of 64 bits as one, and not as a negative number.
func absolute(inst *x86asm.Inst, text string) string {
	for _, a := range inst.Args {
		if m, ok := a.(x86asm.Mem); ok && m.Base == 0 && m.Index == 0 && m.Disp < 0 {
			return strings.Replace(text, fmt.Sprintf("-0x%x", uint64(-m.Disp)), fmt.Sprintf("0x%x", uint64(m.Disp)), 1)
		}
	}
	return text
}

// ud1 explains Clang's trap of UBSAN, "ud1 0x12(%eax),%eax"
// (arch/x86/kernel/traps.c, decode_bug).
func ud1(inst *x86asm.Inst) *Planted {
	for _, a := range inst.Args {
		if m, ok := a.(x86asm.Mem); ok && m.Base == x86asm.EAX {
			n := uint64(m.Disp) & 0xffffffff
			return &Planted{By: "UBSAN", Text: "UBSAN: " + ubsanCheck(n), Code: n}
		}
	}
	return planted(plantedUD2)
}

// x86Memory returns the operands of inst in memory.
func x86Memory(inst *x86asm.Inst) []Operand {
	var list []Operand
	slot := int64(inst.Mode / 8)
	stack := x86asm.RSP.String()
	if inst.Mode == 32 {
		stack = x86asm.ESP.String()
	}
	switch inst.Op {
	case x86asm.LEA, x86asm.NOP, x86asm.PREFETCHT0, x86asm.PREFETCHT1, x86asm.PREFETCHT2, x86asm.PREFETCHNTA, x86asm.PREFETCHW, x86asm.INVLPG:
		return nil
	}
	for i, a := range inst.Args {
		m, ok := a.(x86asm.Mem)
		if !ok {
			continue
		}
		o := Operand{Base: x86Name(m.Base), Index: x86Name(m.Index), Displacement: m.Disp, Access: x86Access(inst, i), Size: inst.MemBytes}
		if m.Index != 0 {
			o.Scale = int(m.Scale)
		}
		for _, p := range inst.Prefix {
			switch p & 0xff {
			case x86asm.PrefixFS:
				o.Segment = "FS"
			case x86asm.PrefixGS:
				o.Segment = "GS"
			}
			if p == 0 {
				break
			}
		}
		if m.Base == x86asm.RIP || m.Base == x86asm.EIP {
			// Relative to the next instruction; the dump has this one's.
			o.Displacement += int64(inst.Len)
		}
		if inst.AddrSize == 32 {
			o.Mask = 1<<32 - 1
		}
		list = append(list, o)
	}
	switch inst.Op {
	case x86asm.PUSH, x86asm.CALL, x86asm.PUSHF, x86asm.PUSHFQ:
		list = append(list, Operand{Base: stack, Displacement: -slot, Access: "write", Size: int(slot), Implicit: true})
	case x86asm.POP, x86asm.RET, x86asm.POPF, x86asm.POPFQ, x86asm.LEAVE:
		list = append(list, Operand{Base: stack, Access: "read", Size: int(slot), Implicit: true})
	}
	return list
}

// x86Name returns the name that the kernel prints for a register's whole.
func x86Name(r x86asm.Reg) string {
	switch {
	case r == 0:
		return ""
	case r >= x86asm.R8L && r <= x86asm.R15L:
		return (x86asm.R8 + r - x86asm.R8L).String()
	}
	return r.String()
}

// x86Access says what inst does to its operand i in memory.
func x86Access(inst *x86asm.Inst, i int) string {
	op := inst.Op.String()
	switch inst.Op {
	case x86asm.CMP, x86asm.TEST, x86asm.PUSH, x86asm.CALL, x86asm.JMP, x86asm.BT, x86asm.MUL, x86asm.DIV, x86asm.IDIV, x86asm.FXRSTOR, x86asm.FXRSTOR64,
		x86asm.CMPSB, x86asm.CMPSW, x86asm.CMPSD, x86asm.CMPSQ, x86asm.SCASB, x86asm.SCASW, x86asm.SCASD, x86asm.SCASQ, x86asm.LDMXCSR, x86asm.LGDT, x86asm.LIDT:
		return "read"
	case x86asm.MOV, x86asm.MOVNTI, x86asm.POP, x86asm.FXSAVE, x86asm.FXSAVE64, x86asm.STMXCSR:
	default:
		if i == 0 && !strings.HasPrefix(op, "MOV") && !strings.HasPrefix(op, "VMOV") && !strings.HasPrefix(op, "SET") && !strings.HasPrefix(op, "STOS") && !strings.HasPrefix(op, "XSAVE") {
			return "read-write"
		}
	}
	if i == 0 {
		return "write"
	}
	return "read"
}
