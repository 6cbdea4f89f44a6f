package insn

import (
	"fmt"
	"strconv"
	"strings"
)

// Operand is an operand in memory: Base + Scale × Index + Displacement.
// Registers have the names that the kernel prints them under: RAX, x0, a0.
type Operand struct {
	Segment      string `json:"segment,omitempty"` // FS or GS: its base is in no register dump
	Base         string `json:"base,omitempty"`
	Index        string `json:"index,omitempty"`
	Scale        int    `json:"scale,omitempty"`
	Displacement int64  `json:"displacement"`
	Access       string `json:"access"`         // read, write, or read-write
	Size         int    `json:"size,omitempty"` // in bytes, 0 where it is not said
	Implicit     bool   `json:"implicit,omitempty"`
	// Mask is what the address is cut to where the instruction uses addresses
	// of less than 64 bits.
	Mask uint64 `json:"-"`
}

// Address computes the address from registers; ok is false where one is not
// known. The value of a program counter is the address of the instruction itself,
// as a register dump has it.
func (m *Operand) Address(value func(register string) (uint64, bool)) (addr uint64, ok bool) {
	if m.Segment != "" {
		return 0, false
	}
	addr = uint64(m.Displacement)
	for _, r := range []struct {
		name  string
		scale int
	}{{m.Base, 1}, {m.Index, m.Scale}} {
		if r.name == "" {
			continue
		}
		v, ok := value(r.name)
		if !ok {
			return 0, false
		}
		addr += v * uint64(r.scale)
	}
	if m.Mask != 0 {
		addr &= m.Mask
	}
	return addr, true
}

// String writes the operand as a formula: "RAX + 8*RCX + 0x18".
func (m *Operand) String() string {
	var parts []string
	if m.Base != "" {
		parts = append(parts, m.Base)
	}
	if m.Index != "" {
		if m.Scale > 1 {
			parts = append(parts, fmt.Sprintf("%d*%s", m.Scale, m.Index))
		} else {
			parts = append(parts, m.Index)
		}
	}
	s := strings.Join(parts, " + ")
	switch d := m.Displacement; {
	case s == "":
		s = fmt.Sprintf("0x%x", uint64(d))
	case d < 0:
		s += fmt.Sprintf(" - 0x%x", uint64(-d))
	case d > 0:
		s += fmt.Sprintf(" + 0x%x", d)
	}
	if m.Segment != "" {
		s = m.Segment + ":(" + s + ")"
	}
	return s
}

// bracketed reads the operand "[x1, x2, lsl #3]" or "[r0, #24]!" of arm and
// arm64. What is added after the access ("[x1],#8") is not part of the address.
func bracketed(operands string) (Operand, bool) {
	_, rest, ok := strings.Cut(operands, "[")
	if !ok {
		return Operand{}, false
	}
	inside, _, ok := strings.Cut(rest, "]")
	if !ok {
		return Operand{}, false
	}
	var m Operand
	for i, word := range strings.Split(inside, ",") {
		word = strings.TrimSpace(word)
		switch {
		case i == 0:
			m.Base = word
		case strings.HasPrefix(word, "#"):
			n, ok := number(word[1:])
			if !ok {
				return Operand{}, false
			}
			m.Displacement = n
		case strings.HasPrefix(word, "lsl #"):
			n, ok := number(word[len("lsl #"):])
			if !ok || n < 0 || n > 16 {
				return Operand{}, false
			}
			m.Scale = 1 << n
		case i == 1 && !strings.HasPrefix(word, "w") && !strings.HasPrefix(word, "-"):
			m.Index, m.Scale = word, 1
		default:
			return Operand{}, false // an extended or subtracted index
		}
	}
	return m, m.Base != ""
}

// suffixed reads the operand "24(a1)" or "160(%r2,%r1)" of riscv64, ppc64 and
// s390x.
func suffixed(operands string) (Operand, bool) {
	open := strings.IndexByte(operands, '(')
	if open < 0 {
		return Operand{}, false
	}
	inside, _, ok := strings.Cut(operands[open+1:], ")")
	if !ok {
		return Operand{}, false
	}
	var m Operand
	start := strings.LastIndexAny(operands[:open], " ,") + 1
	if text := operands[start:open]; text != "" {
		if m.Displacement, ok = number(text); !ok {
			return Operand{}, false
		}
	}
	index, base, two := strings.Cut(inside, ",")
	if !two {
		index, base = "", inside
	}
	m.Base, m.Index = strings.Trim(base, " %"), strings.Trim(index, " %")
	if m.Index != "" {
		m.Scale = 1
	}
	return m, m.Base != ""
}

// number reads a signed number in decimal or, with 0x, in hexadecimal.
func number(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 0, 64)
	return n, err == nil
}
