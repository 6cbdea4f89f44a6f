package insn

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/arch/arm/armasm"
	"golang.org/x/arch/arm64/arm64asm"
	"golang.org/x/arch/loong64/loong64asm"
	"golang.org/x/arch/ppc64/ppc64asm"
	"golang.org/x/arch/riscv64/riscv64asm"
	"golang.org/x/arch/s390x/s390xasm"
)

// unit is what the instructions of an architecture are made of.
type unit struct {
	size   int                               // of all, or the smallest
	decode func(word uint32) (decoded, bool) // nil: as data
}

// units has no decoder where x/arch has none (MIPS, Thumb), and where
// instructions differ in size.
var units = map[string]unit{
	"arm64":       {4, arm64},
	"arm":         {4, arm},
	"thumb":       {2, nil},
	"powerpc":     {4, ppc64},
	"loongarch64": {4, loong64},
	"mips":        {4, nil},
	"riscv64":     {2, nil},
	"s390x":       {2, nil},
}

func decodeWords(code []byte, trap int, u unit) *Listing {
	l := &Listing{Confidence: 1}
	for at := 0; at < len(code); at += u.size {
		if at+u.size > len(code) {
			l.Instructions = append(l.Instructions, data(code, at, trap, len(code)-at))
			break
		}
		in, ok := decoded{}, false
		if u.decode != nil {
			in, ok = guard(func(b []byte) (decoded, bool) { return u.decode(binary.BigEndian.Uint32(b)) }, code[at:at+u.size])
		}
		if !ok {
			l.Instructions = append(l.Instructions, data(code, at, trap, u.size))
			continue
		}
		in.size = u.size
		l.Instructions = append(l.Instructions, instruction(code, at, trap, in))
	}
	return l
}

// decodeForward decodes instructions that say their own size in their first
// bytes. Before the trap they are read from the one start that leads to it.
func decodeForward(code []byte, trap int, d decoder) *Listing {
	l := &Listing{Confidence: 1}
	start := 0
	for ; start < min(trap, 6); start += 2 {
		at := start
		for at < trap {
			in, ok := guard(d, code[at:])
			if !ok {
				at += 2
				continue
			}
			at += in.size
		}
		if at == trap {
			break
		}
	}
	if start > 0 {
		start = min(start, trap)
		l.Instructions = append(l.Instructions, data(code, 0, trap, start))
		l.Confidence = 0.7
	}
	for at := start; at < len(code); {
		in, ok := guard(d, code[at:])
		if !ok || at < trap && at+in.size > trap {
			n := min(2, len(code)-at)
			l.Instructions = append(l.Instructions, data(code, at, trap, n))
			at += n
			continue
		}
		l.Instructions = append(l.Instructions, instruction(code, at, trap, in))
		at += in.size
	}
	return l
}

func arm64(word uint32) (decoded, bool) {
	d := decoded{size: 4}
	if text, ok := arm64Atomic(word); ok {
		d.text = text
		d.memory = []Operand{{Base: arm64Register(word>>5&31, true), Access: "read-write", Size: 1 << (word >> 30)}}
		return d, true
	}
	inst, err := arm64asm.Decode(binary.LittleEndian.AppendUint32(nil, word))
	if err != nil {
		return d, false
	}
	d.text = strings.TrimSpace(arm64asm.GNUSyntax(inst))
	op, operands := mnemonic(d.text)
	if op == "brk" {
		d.planted = brk(uint64(word >> 5 & 0xffff))
	}
	if m, ok := bracketed(operands); ok && op != "prfm" && op != "prfum" {
		m.Access, m.Size = loadOrStore(op), armSize(op, operands)
		d.memory = []Operand{m}
	}
	return d, true
}

// arm64Atomic decodes the atomics of ARMv8.1 (LSE), which x/arch does not know.
func arm64Atomic(w uint32) (string, bool) {
	size := []string{"b", "h", "", ""}[w>>30]
	reg := func(n uint32) string {
		prefix := "w"
		if w>>30 == 3 {
			prefix = "x"
		}
		if n == 31 {
			return prefix + "zr"
		}
		return fmt.Sprint(prefix, n)
	}
	rs, rn, rt := w>>16&31, w>>5&31, w&31
	order := func(acquire, release uint32) string {
		return []string{"", "l", "a", "al"}[acquire<<1|release]
	}
	switch {
	case w&0x3f200c00 == 0x38200000 && (w>>15&1 == 0 || w>>12&7 == 0):
		op := []string{"add", "clr", "eor", "set", "smax", "smin", "umax", "umin"}[w>>12&7]
		name := "ld" + op
		if w>>15&1 == 1 {
			name = "swp"
		}
		name += order(w>>23&1, w>>22&1) + size
		return fmt.Sprintf("%s %s, %s, [%s]", name, reg(rs), reg(rt), arm64Register(rn, true)), true
	case w&0x3fa07c00 == 0x08a07c00:
		return fmt.Sprintf("cas%s %s, %s, [%s]", order(w>>22&1, w>>15&1)+size, reg(rs), reg(rt), arm64Register(rn, true)), true
	}
	return "", false
}

func arm64Register(n uint32, base bool) string {
	if n == 31 && base {
		return "sp"
	}
	return fmt.Sprintf("x%d", n)
}

func arm(word uint32) (decoded, bool) {
	d := decoded{size: 4}
	switch word & 0xfff000f0 {
	case 0xe7f000f0: // the permanently undefined instruction
		d.text = fmt.Sprintf("udf #%d", word>>4&0xfff0|word&0xf)
		d.planted = planted(plantedBreak)
		return d, true
	case 0xe1200070:
		d.text = fmt.Sprintf("bkpt #%d", word>>4&0xfff0|word&0xf)
		d.planted = planted(plantedInt3)
		return d, true
	}
	inst, err := armasm.Decode(binary.LittleEndian.AppendUint32(nil, word), armasm.ModeARM)
	if err != nil {
		return d, false
	}
	d.text = armasm.GNUSyntax(inst)
	op, operands := mnemonic(d.text)
	if m, ok := bracketed(operands); ok && op != "pld" {
		m.Access, m.Size = loadOrStore(op), armSize(op, operands)
		m.Mask = 1<<32 - 1
		d.memory = []Operand{m}
	}
	return d, true
}

func ppc64(word uint32) (decoded, bool) {
	inst, err := ppc64asm.Decode(binary.BigEndian.AppendUint32(nil, word), binary.BigEndian)
	if err != nil {
		return decoded{}, false
	}
	d := decoded{size: 4, text: relative(ppc64asm.GNUSyntax(inst, here))}
	op, operands := mnemonic(d.text)
	if word == 0x0fe00000 { // twi 31,0,0 (arch/powerpc/include/asm/bug.h)
		d.planted = planted(plantedBreak)
	}
	if m, ok := suffixed(operands); ok && !strings.HasPrefix(op, "la") {
		m.Access = "read"
		if strings.HasPrefix(op, "st") {
			m.Access = "write"
		}
		d.memory = []Operand{m}
	}
	return d, true
}

func loong64(word uint32) (decoded, bool) {
	inst, err := loong64asm.Decode(binary.LittleEndian.AppendUint32(nil, word))
	if err != nil {
		return decoded{}, false
	}
	d := decoded{size: 4, text: loong64asm.GNUSyntax(inst)}
	op, operands := mnemonic(d.text)
	words := strings.Split(strings.ReplaceAll(operands, " ", ""), ",")
	load, store := strings.HasPrefix(op, "ld"), strings.HasPrefix(op, "st")
	switch {
	case op == "break":
		d.planted = planted(plantedBreak)
	case (load || store) && len(words) == 3:
		m := Operand{Base: strings.TrimPrefix(words[1], "$"), Access: "read"}
		if store {
			m.Access = "write"
		}
		if n, ok := number(words[2]); ok {
			m.Displacement = n
		} else {
			m.Index, m.Scale = strings.TrimPrefix(words[2], "$"), 1
		}
		d.memory = []Operand{m}
	case strings.HasPrefix(op, "am") && len(words) == 3:
		d.memory = []Operand{{Base: strings.TrimPrefix(words[2], "$"), Access: "read-write"}}
	}
	return d, true
}

// riscv64 decodes an instruction out of halfwords, printed most significant
// digit first.
func riscv64(code []byte) (decoded, bool) {
	if len(code) < 2 {
		return decoded{}, false
	}
	word := []byte{code[1], code[0]}
	if code[1]&3 == 3 {
		if len(code) < 4 {
			return decoded{}, false
		}
		word = append(word, code[3], code[2])
	}
	inst, err := riscv64asm.Decode(word)
	if err != nil {
		return decoded{}, false
	}
	d := decoded{size: len(word), text: riscvNames(riscv64asm.GNUSyntax(inst))}
	op, operands := mnemonic(d.text)
	if op == "ebreak" {
		d.planted = planted(plantedBreak)
	}
	if m, ok := suffixed(operands); ok && op != "jalr" && op != "jr" {
		switch op = strings.TrimPrefix(op, "c."); {
		case strings.HasPrefix(op, "am"), strings.HasPrefix(op, "sc."):
			m.Access = "read-write"
		case strings.HasPrefix(op, "s"), strings.HasPrefix(op, "fs"):
			m.Access = "write"
		default:
			m.Access = "read"
		}
		d.memory = []Operand{m}
	}
	return d, true
}

// riscvABI are the names that the kernel prints the registers under.
var riscvABI = []string{
	"zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
	"a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
}

// riscvNames replaces x10 by a0 in the operands of text.
func riscvNames(text string) string {
	op, operands, ok := strings.Cut(text, " ")
	if !ok {
		return text
	}
	var b strings.Builder
	for len(operands) > 0 {
		i := strings.IndexByte(operands, 'x')
		if i < 0 {
			break
		}
		n, digits := 0, 0
		for j := i + 1; j < len(operands) && operands[j] >= '0' && operands[j] <= '9' && digits < 3; j++ {
			n, digits = n*10+int(operands[j]-'0'), digits+1
		}
		if digits == 0 || n >= len(riscvABI) || i > 0 && operands[i-1] == '0' {
			b.WriteString(operands[:i+1])
			operands = operands[i+1:]
			continue
		}
		b.WriteString(operands[:i])
		b.WriteString(riscvABI[n])
		operands = operands[i+1+digits:]
	}
	return op + " " + b.String() + operands
}

func s390x(code []byte) (decoded, bool) {
	if len(code) < 2 {
		return decoded{}, false
	}
	size := []int{2, 4, 4, 6}[code[0]>>6]
	if size > len(code) {
		return decoded{}, false
	}
	if code[0] == 0xaf { // monitor call (arch/s390/include/asm/bug.h)
		return decoded{size: 4, text: fmt.Sprintf("mc %d,%d", int(code[2]&0xf)<<8|int(code[3]), code[1]), planted: planted(plantedBreak)}, true
	}
	inst, err := s390xasm.Decode(code[:size])
	if err != nil {
		return decoded{}, false
	}
	d := decoded{size: size, text: relative(s390xasm.GNUSyntax(inst, here))}
	op, operands := mnemonic(d.text)
	if m, ok := suffixed(operands); ok && !strings.HasPrefix(op, "la") && strings.Count(operands, "(") == 1 {
		m.Access = "read"
		if strings.HasPrefix(op, "st") || strings.HasPrefix(op, "mv") {
			m.Access = "write"
		}
		d.memory = []Operand{m}
	}
	return d, true
}

// loadOrStore says what an instruction of arm or arm64 does to memory.
func loadOrStore(op string) string {
	if strings.HasPrefix(op, "st") {
		return "write"
	}
	return "read"
}

// armSize returns the size of an access of arm or arm64, 0 where several
// registers move.
func armSize(op, operands string) int {
	switch {
	case strings.Contains(op, "ldm"), strings.Contains(op, "stm"), op == "ldp", op == "stp":
		return 0
	case strings.HasSuffix(op, "b"):
		return 1
	case strings.HasSuffix(op, "h"):
		return 2
	case strings.HasPrefix(operands, "x") && !strings.HasSuffix(op, "sw"):
		return 8
	}
	return 4
}
