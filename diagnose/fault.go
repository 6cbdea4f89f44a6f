package diagnose

import (
	"encoding/hex"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"ringside/crash"
	"ringside/insn"
)

// FaultingInstruction is the instruction that trapped, and why.
type FaultingInstruction struct {
	Instruction string `json:"instruction"` // "mov 0x18(%rax),%rdx"
	Text        string `json:"text"`        // what it did and what was wrong, one or two sentences
	// Address is what the operand in memory comes to, computed from the registers.
	Address string `json:"address,omitempty"`
	// Agrees says whether that is the address that the CPU reported; nil where
	// there is only one of the two.
	Agrees  *bool         `json:"agrees,omitempty"`
	Pointer *Pointer      `json:"pointer,omitempty"` // the register that held the bad pointer
	Planted *insn.Planted `json:"planted,omitempty"` // the instruction is a check's trap
	// Listing is the code around it.
	Listing []insn.Instruction `json:"listing"`
	// Confidence is how sure it is that the listing is cut rightly before the
	// trap.
	Confidence float64          `json:"confidence"`
	Evidence   []crash.Evidence `json:"evidence"`
}

// Pointer is a register that was used as an address.
type Pointer struct {
	Register     string `json:"register"`
	Value        string `json:"value"` // as printed
	Is           Value  `json:"is"`
	Displacement int64  `json:"displacement"` // what the instruction added to it
}

// How much of the code around the trap is shown.
const (
	listedBefore = 5
	listedAfter  = 2
)

// fault decodes the code of r. It returns nil where the log has none that says
// something.
func fault(r *crash.Report) *FaultingInstruction {
	if r.Code == nil || r.Code.Trap < 0 {
		return nil
	}
	code, err := hex.DecodeString(r.Code.Bytes)
	if err != nil {
		return nil
	}
	s := spaceOf(r)
	arch := s.arch
	if psr, err := parseAddress(r.Registers["psr"]); arch == "arm" && err == nil && psr&0x20 != 0 {
		arch = "thumb"
	}
	l, err := insn.Decode(arch, code, r.Code.Trap)
	if err != nil {
		return nil
	}
	at := l.At()
	if at == nil || at.Data {
		return nil
	}
	f := &FaultingInstruction{Instruction: at.Text, Planted: at.Planted, Listing: l.Around(listedBefore, listedAfter), Confidence: l.Confidence}
	fields := []string{"code"}
	switch {
	case at.Planted != nil:
		fields = append(fields, f.planted(r)...)
	case len(at.Memory) > 0 && r.Class != crash.ClassHang:
		fields = append(fields, f.memory(r, s, at)...)
	default:
		fields = append(fields, f.operands(r, at)...)
	}
	for _, e := range r.Evidence {
		if slices.Contains(fields, e.Field) {
			f.Evidence = append(f.Evidence, e)
		}
	}
	return f
}

// planted explains a trap that software put there. It returns the fields that
// speak for it.
func (f *FaultingInstruction) planted(r *crash.Report) []string {
	p := f.Planted
	f.Text = fmt.Sprintf("%s is %s.", f.Instruction, p.Text)
	if p.By == "CFI" && p.Target != "" {
		var fields []string
		for _, x := range []struct{ register, what string }{{p.Target, "The function called"}, {p.Type, "The hash of the type that the call expects"}} {
			if v, ok := register(r, x.register); ok {
				f.Text += fmt.Sprintf(" %s was in %s: 0x%x.", x.what, x.register, v)
				fields = append(fields, "registers."+x.register)
			}
		}
		return fields
	}
	if r.Class == crash.ClassFault && p.By == "BUG" && r.Kind != crash.KindInvalidOpcode {
		f.Text += " The report is of another kind: the code line may be of another moment."
	}
	return nil
}

// memory explains an access: which register held what, and what that comes to.
// It returns the fields that speak for it.
func (f *FaultingInstruction) memory(r *crash.Report, s space, at *insn.Instruction) []string {
	m := &at.Memory[0]
	value := func(name string) (uint64, bool) { return register(r, name) }
	reported, known := uint64(0), false
	if r.Fault != nil && r.Fault.Address != "" {
		a, err := parseAddress(r.Fault.Address)
		reported, known = a, err == nil
	}
	if known && r.Kind != crash.KindKASAN && r.Kind != crash.KindKFENCE {
		// Several operands: the one that comes to what the CPU reported.
		for i := range at.Memory {
			if a, ok := at.Memory[i].Address(value); ok && same(s, a, reported, at.Memory[i].Size) {
				m = &at.Memory[i]
				break
			}
		}
	}
	fields := []string{"fault.address"}
	did := map[string]string{"read": "reads", "write": "writes", "read-write": "reads and writes"}[m.Access]
	if m.Size > 0 {
		did += fmt.Sprintf(" %d %s", m.Size, map[bool]string{true: "byte", false: "bytes"}[m.Size == 1])
	}
	f.Text = fmt.Sprintf("%s %s at %s", f.Instruction, did, m)
	addr, ok := m.Address(value)
	if !ok {
		f.Text += "."
		return fields
	}
	if m.Base != "" || m.Index != "" {
		f.Text += fmt.Sprintf(" = 0x%x", addr)
	}
	if m.Implicit {
		f.Text += ", the stack"
	}
	f.Text += "."
	f.Address = fmt.Sprintf("0x%x", addr)
	if p, field := culprit(r, s, m); p != nil {
		f.Pointer = p
		fields = append(fields, field)
		f.Text += fmt.Sprintf(" %s held 0x%s: %s.", p.Register, strings.TrimLeft(p.Value[:len(p.Value)-1], "0")+p.Value[len(p.Value)-1:], p.Is.Text)
	} else if is := s.classify(addr); is.bad() {
		f.Text += fmt.Sprintf(" That is %s.", is.Text)
	}
	for _, name := range []string{m.Base, m.Index} {
		if name != "" {
			fields = append(fields, "registers."+printedName(r, name))
		}
	}
	if !known || r.Class != crash.ClassFault {
		return fields
	}
	agrees := same(s, addr, reported, m.Size)
	f.Agrees = &agrees
	switch real, shadow := s.shadow(reported); {
	case agrees:
		f.Text += " It is the address that faulted."
	case shadow && same(s, addr, real, 16):
		f.Text += " The address that faulted is its KASAN shadow."
	case r.Kind == crash.KindGPF && !s.classify(reported).bad(), r.Kind == crash.KindGPF && reported == 0:
		f.Text += fmt.Sprintf(" The kernel's own guess, 0x%x, is another: this trap comes with no address.", reported)
	default:
		f.Text += fmt.Sprintf(" The address that faulted is another, 0x%x: the registers or the code are not of the same moment, or the fault came from elsewhere.", reported)
	}
	return fields
}

// same reports whether an access of size bytes at a could fault at b. Repeated
// and wide accesses may fault behind their beginning, and the tag of an address
// may be left out.
func same(s space, a, b uint64, size int) bool {
	if s.arch == "arm64" {
		a, b = a<<8, b<<8
	}
	return b-a < uint64(max(size, 1))<<map[bool]int{true: 8, false: 0}[s.arch == "arm64"]
}

// culprit returns the register of m that held a bad pointer, with the field that
// it was read from. An index is to blame only where the base is an address.
func culprit(r *crash.Report, s space, m *insn.Operand) (*Pointer, string) {
	for _, name := range []string{m.Base, m.Index} {
		v, ok := register(r, name)
		if name == "" || !ok || name == m.Index && m.Scale > 1 {
			continue
		}
		is := s.classify(v)
		if !is.bad() {
			if name == m.Base {
				if addr, ok := m.Address(func(n string) (uint64, bool) { return register(r, n) }); !ok || !s.classify(addr).bad() {
					return nil, ""
				}
			}
			continue
		}
		printed := printedName(r, name)
		if d := m.Displacement; is.Class == ValueNull && d > 0 && d < pageSize {
			is.Text = fmt.Sprintf("NULL + 0x%x, the member at that offset of a structure", d)
		}
		return &Pointer{Register: name, Value: r.Registers[printed], Is: is, Displacement: m.Displacement}, "registers." + printed
	}
	return nil, ""
}

// operands explains an instruction that touches no memory: the values of the
// registers it names.
func (f *FaultingInstruction) operands(r *crash.Report, at *insn.Instruction) []string {
	var held, fields []string
	for word := range strings.FieldsFuncSeq(at.Text, func(c rune) bool { return strings.ContainsRune(" ,()*[]#!$", c) }) {
		name := wholeRegister(strings.TrimPrefix(word, "%"))
		v, ok := register(r, name)
		field := "registers." + printedName(r, name)
		if !ok || slices.Contains(fields, field) {
			continue
		}
		held, fields = append(held, fmt.Sprintf("%s held 0x%x", name, v)), append(fields, field)
	}
	f.Text = f.Instruction + "."
	if len(held) > 0 {
		f.Text = fmt.Sprintf("%s: %s.", f.Instruction, strings.Join(held, ", "))
	}
	return fields
}

// wholeRegister returns the register of a dump that holds a part of x86's.
func wholeRegister(name string) string {
	n := strings.ToUpper(name)
	switch {
	case len(n) == 3 && n[0] == 'E':
		return "R" + n[1:]
	case len(n) > 2 && n[0] == 'R' && n[1] >= '0' && n[1] <= '9':
		return strings.TrimRight(n, "DWB")
	case len(n) > 2 && n[0] == 'R':
		return n
	}
	return name
}

// register returns the value of a register, as far as its name says.
func register(r *crash.Report, name string) (uint64, bool) {
	v, err := parseAddress(r.Registers[printedName(r, name)])
	if err != nil || name == "" {
		return 0, false
	}
	if _, whole := r.Registers[name]; !whole && len(name) == 3 && name[0] == 'E' || len(name) > 1 && name[0] == 'w' && name[1] >= '0' && name[1] <= '9' {
		v &= 1<<32 - 1
	}
	return v, true
}

// printedName is what the kernel calls a register in the dump of r.
func printedName(r *crash.Report, name string) string {
	if _, ok := r.Registers[name]; ok || len(name) < 2 {
		return name
	}
	for _, other := range []string{
		strings.Replace(name, "R", "R0", 1),  // R8 is printed as R08
		"R" + name[1:],                       // EAX is a part of RAX
		"x" + name[1:],                       // w0 of x0
		map[string]string{"fp": "s0"}[name],  // riscv64
		map[string]string{"x30": "lr"}[name], // arm64
	} {
		if _, ok := r.Registers[other]; ok && other != "" {
			return other
		}
	}
	return name
}

// flipped returns the registers whose value differs from a in one bit that no
// arithmetic on a pointer would change.
func flipped(r *crash.Report, s space, a uint64) []string {
	var near []string
	for name, v := range r.Registers {
		p, err := parseAddress(v)
		if err != nil || len(v) < 16 || s.classify(p).bad() || p < 1<<63 || strings.HasPrefix(name, "CR") || strings.HasPrefix(name, "DR") {
			continue
		}
		x := (a ^ p) &^ (pageSize - 1)
		if bits.OnesCount64(x) != 1 {
			continue
		}
		bit := bits.Len64(x) - 1
		// A high bit that makes the address impossible; or one so far up that two
		// objects which agree in all the bits between are no coincidence.
		if bit >= 47 || bit >= 30 && p>>12&(1<<18-1) != 0 {
			near = append(near, name)
		}
	}
	slices.Sort(near)
	return near
}
