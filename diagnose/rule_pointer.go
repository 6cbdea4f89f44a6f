package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ringside/crash"
)

// suspect is a number of the report that says something as an address.
type suspect struct {
	field string // of the report
	name  string // in words
	is    Value
	used  bool // it is the address that faulted, or the pointer it was made from
}

// suspects returns the address that faulted, the pointer that it was made from
// and the registers, in that order.
func (k *facts) suspects() []suspect {
	r := k.report
	var list []suspect
	if f := r.Fault; f != nil && f.Address != "" {
		if a, err := parseAddress(f.Address); err == nil {
			list = append(list, suspect{"fault.address", "the address", k.space.classify(a), true})
		}
	}
	culprit := ""
	if f := k.fault; f != nil && f.Address != "" && (f.Agrees == nil || !*f.Agrees) {
		if a, err := parseAddress(f.Address); err == nil {
			list = append(list, suspect{"code", "the address computed from the registers", k.space.classify(a), true})
		}
	}
	if k.fault != nil && k.fault.Pointer != nil {
		p := k.fault.Pointer
		culprit = printedName(r, p.Register)
		list = append(list, suspect{"registers." + culprit, p.Register, p.Is, true})
	}
	var rest []suspect
	for name, v := range r.Registers {
		a, err := parseAddress(v)
		if err != nil || name == culprit || strings.HasPrefix(name, "CR") || strings.HasPrefix(name, "DR") {
			continue
		}
		rest = append(rest, suspect{"registers." + name, name, k.space.classify(a), false})
	}
	slices.SortFunc(rest, func(a, b suspect) int { return cmp.Compare(a.name, b.name) })
	return append(list, rest...)
}

// poisonIn makes a hypothesis of the poisons that wanted accepts, from where they
// speak the loudest.
func (k *facts) poisonIn(wanted func(name string) bool, text func(v Value) string, check string) *Hypothesis {
	if k.report.Class == crash.ClassHang {
		return nil
	}
	var h *Hypothesis
	poison := ""
	for _, s := range k.suspects() {
		if s.is.Class != ValuePoison || !wanted(s.is.Poison) || h != nil && s.is.Poison != poison {
			continue
		}
		if h == nil {
			poison = s.is.Poison
			h = &Hypothesis{Text: fmt.Sprintf("%s: %s was %s", text(s.is), s.name, s.is.Text), Confidence: 0.9, Check: check}
			if !s.used {
				h.Text += "; the access that failed did not use it"
				h.Confidence = 0.5
			}
			h.Text += "."
		}
		h.Evidence = append(h.Evidence, s.field)
	}
	return h
}

func isSlabPoison(name string) bool {
	return strings.HasPrefix(name, "POISON_") || strings.HasPrefix(name, "SLUB_") || name == "PAGE_POISON"
}

func isListPoison(name string) bool { return strings.HasPrefix(name, "LIST_") }

func slabPoison(k *facts) *Hypothesis {
	return k.poisonIn(isSlabPoison, func(v Value) string {
		switch v.Poison {
		case "POISON_INUSE":
			return "A field was used before anything was written to it"
		case "SLUB_RED_ACTIVE", "SLUB_RED_INACTIVE":
			return "Memory beyond the end of an object was used"
		}
		return "A use after free"
	}, "Run the load with KASAN, or boot with slub_debug=FZPU, to see who freed it.")
}

func listPoison(k *facts) *Hypothesis {
	return k.poisonIn(isListPoison, func(Value) string { return "A list entry was used after list_del()" },
		"Look for a second list_del() of the entry, or for a walk of the list without its lock.")
}

func otherPoison(k *facts) *Hypothesis {
	return k.poisonIn(func(name string) bool { return !isSlabPoison(name) && !isListPoison(name) }, func(Value) string { return "A number that the kernel writes there on purpose was used as a pointer" },
		"Look in include/linux/poison.h who writes it, and for a use of the object after that.")
}

// kasanShadow undoes KASAN's address translation.
func kasanShadow(k *facts) *Hypothesis {
	r := k.report
	if r.Fault == nil || r.Class != crash.ClassFault {
		return nil
	}
	a, err := parseAddress(r.Fault.Address)
	if err != nil {
		return nil
	}
	v := k.space.classify(a)
	if v.Class != ValueShadow {
		return nil
	}
	real, _ := parseAddress(v.Real)
	h := &Hypothesis{
		Text:       fmt.Sprintf("KASAN's check faulted on the shadow of a pointer of about %s", v.Real),
		Confidence: 0.9, Evidence: []string{"fault.address"},
		Check: "Look for that pointer in the registers; the address that faulted is KASAN's, not the code's.",
	}
	if real < shadowWindow<<4 {
		h.Text += ": a NULL pointer with that offset."
		h.Check = "Treat it as a NULL pointer dereference; the address that faulted is KASAN's, not the code's."
	} else {
		h.Text += fmt.Sprintf(": %s.", space{arch: k.space.arch, levels: k.space.levels}.classify(real).Text)
	}
	return h
}

// bitFlip suspects the memory or the CPU where one bit makes the difference
// between the address that faulted and one that another register holds.
func bitFlip(k *facts) *Hypothesis {
	r := k.report
	if r.Fault == nil || r.Class != crash.ClassFault || k.space.arch != "x86_64" && k.space.arch != "arm64" {
		return nil
	}
	a, err := parseAddress(r.Fault.Address)
	if err != nil || a < 1<<47 {
		return nil
	}
	v := k.space.classify(a)
	if v.Class == ValueError || v.Class == ValuePoison || v.Class == ValueShadow {
		return nil
	}
	near := flipped(r, k.space, a)
	if len(near) == 0 {
		return nil
	}
	h := &Hypothesis{
		Text:       fmt.Sprintf("The address differs in one bit from a kernel pointer in %s: the memory or the CPU may have flipped it.", strings.Join(near, ", ")),
		Confidence: 0.5, Evidence: []string{"fault.address"},
		Check: "Test the memory, look at EDAC and machine-check records, and whether this host alone shows such addresses.",
	}
	if v.Class != ValueNonCanonical {
		h.Confidence = 0.3
	}
	for _, n := range near {
		h.Evidence = append(h.Evidence, "registers."+n)
	}
	return h
}

func errorPointer(k *facts) *Hypothesis {
	r := k.report
	if r.Fault == nil || r.Class != crash.ClassFault {
		return nil
	}
	for _, s := range k.suspects() {
		if !s.used || s.is.Class != ValueError {
			continue
		}
		n := int(-s.is.Offset)
		h := &Hypothesis{
			Text:       fmt.Sprintf("An error pointer (errno %d", n),
			Confidence: 0.8, Evidence: []string{s.field},
			Check: "Look for a call near the guilty function that can return ERR_PTR() and is not checked.",
		}
		if s.field == "fault.address" {
			if e, ok := errnoOf(n, k.space.arch); ok {
				h.Text += ", " + e.Name
			}
			h.Text += ", or a small offset from one) was used without IS_ERR()."
			if p := k.fault; p != nil && p.Pointer != nil && p.Pointer.Is.Class == ValueError {
				continue // the register says it exactly
			}
			return h
		}
		h.Text = fmt.Sprintf("%s held %s, which was used as a pointer without IS_ERR().", s.name, s.is.Text)
		h.Confidence = 0.95
		return h
	}
	return nil
}

func nullMember(k *facts) *Hypothesis {
	r := k.report
	if r.Kind != crash.KindNullDeref || r.Fault == nil || r.Fault.Access == "exec" {
		return nil
	}
	a, err := parseAddress(r.Fault.Address)
	if err != nil || a >= pageSize {
		return nil
	}
	h := &Hypothesis{
		Text:       "A pointer was NULL where the code takes it for granted: a failed lookup or allocation that is not checked, or an object used before it is set up or after it is torn down.",
		Confidence: 0.6, Evidence: []string{"fault.address"},
		Check: fmt.Sprintf("Find which structure has a member at offset 0x%x in the guilty function (pahole, or the disassembly of Code).", a),
	}
	if f := k.fault; f != nil && f.Pointer != nil && f.Agrees != nil && *f.Agrees {
		h.Text += fmt.Sprintf(" It was in %s.", f.Pointer.Register)
		h.Evidence = append(h.Evidence, "code", "registers."+printedName(r, f.Pointer.Register))
		h.Confidence = 0.75
		return h
	}
	var zero []string
	for _, name := range []string{"RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "R8", "R12", "R13", "R14", "R15", "x0", "x1", "x2", "x19", "x20"} {
		if v, ok := r.Registers[name]; ok && strings.Trim(v, "0x") == "" {
			zero = append(zero, name)
		}
	}
	if n := len(zero); n > 0 && n <= 6 {
		h.Text += " Registers that were zero: " + strings.Join(zero, ", ") + "."
		for _, name := range zero {
			h.Evidence = append(h.Evidence, "registers."+name)
		}
	}
	return h
}

// stackGuard recognises the pages that are left unmapped on both sides of a
// kernel stack (CONFIG_VMAP_STACK).
func stackGuard(k *facts) *Hypothesis {
	r := k.report
	if r.Fault == nil || r.Class != crash.ClassFault {
		return nil
	}
	a, err := parseAddress(r.Fault.Address)
	for _, name := range []string{"RSP", "sp"} {
		sp, ok := register(r, name)
		if err != nil || !ok || sp < 1<<63 {
			continue
		}
		for _, size := range []uint64{16 << 10, 32 << 10} { // THREAD_SIZE, without and with KASAN
			base := sp &^ (size - 1)
			var side string
			switch a &^ (pageSize - 1) {
			case base - pageSize:
				side = "below the end"
			case base + size:
				side = "above the beginning"
			default:
				continue
			}
			h := &Hypothesis{
				Text:       fmt.Sprintf("The address is in the guard page %s of the stack that %s points into", side, name),
				Confidence: 0.8, Evidence: []string{"fault.address", "registers." + name},
				Check: "Look at the sizes of the frames on the stack, for recursion, and for a variable on the stack that is used beyond its end.",
			}
			if side == "below the end" {
				h.Text += ": the stack ran out, or something ran over its end."
			} else {
				h.Text += ": something read or wrote past the beginning of the stack."
			}
			return h
		}
	}
	return nil
}

// wildPointer is for pointers that are no address and no pattern that is known.
func wildPointer(k *facts) *Hypothesis {
	if k.report.Class != crash.ClassFault {
		return nil
	}
	for _, s := range k.suspects() {
		if !s.used {
			return nil
		}
		switch s.is.Class {
		case ValueNonCanonical:
			return &Hypothesis{
				Text:       fmt.Sprintf("A pointer was overwritten, or read from memory that is not what the code takes it for (%s is %s).", s.name, s.is.Text),
				Confidence: 0.5, Evidence: []string{s.field},
				Check: "Read the number as text and as other fields of the object: what it is says who wrote it. KASAN finds the writer.",
			}
		case ValueUser:
			if k.report.Fault.Access == "exec" || k.report.Fault.Reason != "" && strings.Contains(k.report.Fault.Reason, "user") {
				return nil
			}
			return &Hypothesis{
				Text:       fmt.Sprintf("A number, or a pointer of user space, was used as a kernel pointer (%s).", s.name),
				Confidence: 0.4, Evidence: []string{s.field},
				Check: "Look for a pointer from user space that is used without copy_from_user(), and for an integer where a pointer should be.",
			}
		case ValuePoison, ValueShadow, ValueError, ValueNull, ValueNullOffset:
			return nil
		}
	}
	return nil
}
