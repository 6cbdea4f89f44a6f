package vmcore

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ringside/crash"
	"ringside/diagnose"
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// SectionPointers is what the registers of the crash point to.
const SectionPointers = "pointers"

// PointerSection is what the registers of the log's primary report point to.
type PointerSection struct {
	Report    int        `json:"report"`
	Registers []Register `json:"registers"`
	// Bad is the pointer whose use the CPU refused.
	Bad *Register `json:"bad,omitempty"`
	// Freed is the free object that the bad pointer was read from, and Why how
	// that is known.
	Freed *Object `json:"freed,omitempty"`
	Why   string  `json:"why,omitempty"`
	// Flipped is what the bad pointer is when one bit of it is turned.
	Flipped *Flip `json:"flipped,omitempty"`
}

// Register is a register that holds a pointer.
type Register struct {
	Name  string `json:"register"`
	Value Addr   `json:"value"`
	object.Pointer
}

// Object is an object of a slab cache.
type Object struct {
	Addr Addr `json:"addr"`
	object.SlabObject
}

// Flip is a pointer with one bit turned.
type Flip struct {
	Bit  int            `json:"bit"`
	Addr Addr           `json:"addr"`
	To   object.Pointer `json:"to"`
}

// pointerRegister names the registers that may hold a pointer to an object.
var pointerRegister = regexp.MustCompile(`^(R([A-D]X|[SD]I|BP|SP|[89]|1[0-5])|[xX]([0-9]|[12][0-9]|30)|lr|sp)$`)

func (t *triage) readPointers(w *kernel.Walk) error {
	doc := t.doc.Crash
	if doc == nil || doc.Primary == nil || *doc.Primary < 0 || *doc.Primary >= len(doc.Reports) {
		return nil
	}
	r := &doc.Reports[*doc.Primary]
	if len(r.Registers) == 0 {
		return nil
	}
	p := object.NewPointers(w)
	s := &PointerSection{Report: *doc.Primary, Registers: []Register{}}
	t.doc.Sections.Pointers = s
	for name, text := range r.Registers {
		v, ok := hexNumber(text)
		if !ok || !pointerRegister.MatchString(name) || v < 4096 {
			continue
		}
		if d := p.Describe(v); d.Class != object.PointsUser && d.Class != object.PointsNonCanonical {
			s.Registers = append(s.Registers, Register{name, Addr(v), d})
		}
	}
	slices.SortFunc(s.Registers, func(a, b Register) int {
		return cmp.Or(cmp.Compare(pointerRank(a.Class), pointerRank(b.Class)), cmp.Compare(a.Name, b.Name))
	})
	name, bad, ok := badPointer(doc, r)
	if !ok {
		return w.Err()
	}
	s.Bad = &Register{name, Addr(bad), p.Describe(bad)}
	if s.Bad.Good() {
		return w.Err()
	}
	s.freed(w, p)
	if s.Freed == nil && (s.Bad.Class == object.PointsUnmapped || s.Bad.Class == object.PointsNonCanonical) {
		var caches []string
		for _, r := range s.Registers {
			if r.Object != nil && name == "" { // an address with the instruction's displacement in it
				caches = append(caches, r.Object.Cache)
			}
		}
		if good, bit, ok := p.Flipped(bad, caches); ok {
			s.Flipped = &Flip{bit, Addr(good.Addr), good}
		}
	}
	return w.Err()
}

// badPointer is the pointer that the faulting instruction used: the register of
// its operand, or the address that the CPU reported.
func badPointer(doc *crash.Document, r *crash.Report) (register string, value uint64, ok bool) {
	if r.Class != crash.ClassFault && r.Fault == nil {
		return "", 0, false
	}
	if f := diagnose.Explain(doc, r.Index).Fault; f != nil && f.Pointer != nil {
		value, ok = hexNumber(f.Pointer.Value)
		return f.Pointer.Register, value, ok
	}
	if r.Fault != nil {
		value, ok = hexNumber(r.Fault.Address)
	}
	if register, base := baseOf(r, value); ok && register != "" {
		return register, base, true
	}
	return "", value, ok
}

// maxDisplacement is how far a member may be from where its pointer points.
const maxDisplacement = 4096

// baseOf returns the one register that a faulting address may have been computed
// from, for the code of an oops that cannot be decoded.
func baseOf(r *crash.Report, addr uint64) (register string, value uint64) {
	for name, text := range r.Registers {
		v, ok := hexNumber(text)
		if !ok || v < maxDisplacement || addr-v >= maxDisplacement || !pointerRegister.MatchString(name) {
			continue
		}
		if register != "" && v != value {
			return "", 0
		}
		if register == "" || name < register {
			register, value = name, v
		}
	}
	return register, value
}

func hexNumber(text string) (uint64, bool) {
	v, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
	return v, err == nil
}

// freed looks whether the bad pointer came out of an object that was freed.
func (s *PointerSection) freed(w *kernel.Walk, p *object.Pointers) {
	if s.Bad.Class == object.PointsNull || s.Bad.Class == object.PointsError {
		return // any object that was cleared before it was freed holds such
	}
	bad := uint64(s.Bad.Value)
	for i := range s.Registers {
		r := &s.Registers[i]
		if r.Class != object.PointsFreed {
			continue
		}
		for at := r.Object.Start; at+8 <= r.Object.Start+min(r.Object.Size, 1<<16); at += 8 {
			if word, err := w.U64(at); err == nil && word == bad {
				s.Freed = &Object{Addr(r.Object.Start), *r.Object}
				s.Why = fmt.Sprintf("%s points to it, and it holds the bad pointer at offset %d", r.Name, at-r.Object.Start)
				return
			}
		}
	}
	switch s.Bad.Class {
	case object.PointsFreed:
		s.Freed = &Object{Addr(s.Bad.Object.Start), *s.Bad.Object}
		s.Why = "the pointer points into it"
	case object.PointsNonCanonical, object.PointsUnmapped, object.PointsUser:
		// The link of a free list is no address where the kernel is hardened.
		if o, ok := p.FreedLink(bad); ok {
			s.Freed = &Object{Addr(o.Start), o}
			s.Why = "the bad pointer is the link of the slab allocator's free list that lies in it"
		}
	}
}

// pointerRank puts first what says most.
func pointerRank(class string) int {
	order := []string{object.PointsFreed, object.PointsPoison, object.PointsSlab, object.PointsVmalloc, object.PointsPage, object.PointsSymbol,
		object.PointsPerCPU, object.PointsModule, object.PointsUnmapped, object.PointsStack}
	if i := slices.Index(order, class); i >= 0 {
		return i
	}
	return len(order)
}

// maxOperands is how many registers are told of in a finding.
const maxOperands = 5

// pointerEvidence says what the operands of a crash are.
func (t *triage) pointerEvidence(report int) (list []Evidence) {
	s := t.doc.Sections.Pointers
	if s == nil || s.Report != report {
		return nil
	}
	if s.Bad != nil && s.Bad.Class != object.PointsNull {
		list = append(list, s.Bad.evidence())
	}
	for _, r := range s.Registers {
		if len(list) > maxOperands {
			break
		}
		if r.Class == object.PointsStack || s.Bad != nil && r.Name == s.Bad.Name {
			continue
		}
		list = append(list, r.evidence())
	}
	return list
}

func (r Register) evidence() Evidence {
	name := r.Name
	if name == "" {
		name = "the address"
	}
	e := Evidence{Text: fmt.Sprintf("%s %s is %s", name, r.Value, r.Text)}
	if r.Object != nil && r.Object.Type != "" {
		e.Object = fmt.Sprintf("%s %s", r.Object.Type, Addr(r.Object.Start))
	}
	return e
}

// badPointers are the findings about the pointer that the crash is about.
func (t *triage) badPointers() []Finding {
	s := t.doc.Sections.Pointers
	if s == nil || s.Bad == nil {
		return nil
	}
	r := &t.doc.Crash.Reports[s.Report]
	in := ""
	if r.Guilty != nil {
		in = " in " + r.Guilty.Function
		if r.Guilty.Module != "" {
			in += " [" + r.Guilty.Module + "]"
		}
	}
	const weight = weightPrimary + 0.01 // it explains the primary report
	f := Finding{Report: new(s.Report), weight: weight, Evidence: []Evidence{s.Bad.evidence()}}
	switch {
	case s.Freed != nil:
		f.Kind, f.Confidence = FindingFreed, 0.95
		f.Title = fmt.Sprintf("use after free%s: an object of %s", in, s.Freed.Cache)
		obj := s.Freed.Type
		if obj == "" {
			obj = s.Freed.Cache + " object"
		}
		f.Evidence = append(f.Evidence, Evidence{Text: fmt.Sprintf("%s is a free object of %s, number %d of its slab: %s", s.Freed.Addr, s.Freed.Cache, s.Freed.Index, s.Why), Object: fmt.Sprintf("%s %s", obj, s.Freed.Addr)})
		f.Next = []string{"find who freed it: KASAN, or slub_debug=FZPU on the command line, names the place", "look for a reference that is used without being counted"}
	case s.Bad.Class == object.PointsPoison && strings.Contains(s.Bad.Text, "freed"):
		f.Kind, f.Confidence = FindingFreed, 0.9
		f.Title = "use after free" + in + ": a pointer was read out of freed memory"
		f.Next = []string{"KASAN, or slub_debug=FZPU on the command line, names who allocated and who freed it"}
	case s.Flipped != nil:
		f.Kind, f.Confidence = FindingBitFlip, 0.8
		f.Title = fmt.Sprintf("one bit of a pointer is wrong%s: bit %d", in, s.Flipped.Bit)
		f.Evidence = append(f.Evidence, Evidence{Text: fmt.Sprintf("with bit %d turned it is %s, %s; no other bit makes it a pointer", s.Flipped.Bit, s.Flipped.Addr, s.Flipped.To.Text)})
		if o := s.Flipped.To.Object; o != nil {
			for _, reg := range s.Registers {
				if reg.Object != nil && reg.Object.Cache == o.Cache && reg.Name != s.Bad.Name {
					f.Evidence, f.Confidence = append(f.Evidence, Evidence{Text: fmt.Sprintf("%s points to an object of the same cache", reg.Name)}), 0.9
					break
				}
			}
		}
		f.Next = []string{"test the memory of this machine (memtest86+, EDAC counters, the mainboard's log) before looking for a bug", "other crashes of the same machine with other wrong bits speak for the hardware, the same bit in others for software"}
	default:
		return nil
	}
	return []Finding{f}
}
