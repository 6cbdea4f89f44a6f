package diagnose

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"ringside/crash"
)

// shadowOffsets are where KASAN keeps its shadow: the check of pointer p reads
// the byte at (p >> 3) + offset (arch/*/include/asm/kasan.h). The shadow of a
// small p is not mapped, so that the check itself faults.
var shadowOffsets = []struct {
	arch   string
	offset uint64
}{
	{"x86_64", 0xdffffc0000000000},
	{"arm64", 0xdfff800000000000}, // 48-bit addresses
	{"arm64", 0xdffffd0000000000}, // 39-bit addresses
	{"riscv64", 0xdfffffff00000000},
	{"s390x", 0x001c000000000000},
}

// shadowWindow is how far from NULL a pointer may be to count as one.
const shadowWindow = 1 << 20

// kasanShadow undoes KASAN's address translation.
func kasanShadow(_ *crash.Document, r *crash.Report) *Hypothesis {
	if r.Fault == nil || r.Class != crash.ClassFault {
		return nil
	}
	a, err := parseAddress(r.Fault.Address)
	if err != nil {
		return nil
	}
	for _, s := range shadowOffsets {
		if r.Arch != "" && r.Arch != s.arch || a < s.offset || a >= s.offset+shadowWindow {
			continue
		}
		return &Hypothesis{
			Text:       fmt.Sprintf("KASAN's check faulted on the shadow of a pointer of about 0x%x: a NULL pointer with that offset.", (a-s.offset)<<3),
			Confidence: 0.9, Evidence: []string{"fault.address"},
			Check: "Treat it as a NULL pointer dereference; the address that faulted is KASAN's, not the code's.",
		}
	}
	return nil
}

// bitFlip suspects the memory or the CPU where one bit makes the difference
// between the address that faulted and one that another register holds, and the
// address is not what code would compute: not canonical, or in no mapping near.
func bitFlip(_ *crash.Document, r *crash.Report) *Hypothesis {
	if r.Fault == nil || r.Class != crash.ClassFault || r.Arch != "x86_64" && r.Arch != "arm64" {
		return nil
	}
	a, err := parseAddress(r.Fault.Address)
	if err != nil || canonical(a) || a < 1<<47 || a>>48 == 0xdfff || a>>48 == 0xdead || repeats(a) {
		return nil
	}
	var near []string
	for name, v := range r.Registers {
		p, err := parseAddress(v)
		if err != nil || !canonical(p) || p < 1<<63 {
			continue
		}
		// The bit must be one that decides whether the address is canonical:
		// low bits differ between any two fields of one object.
		if x := a ^ p; bits.OnesCount64(x&^(pageSize-1)) == 1 && bits.Len64(x) > 47 {
			near = append(near, name)
		}
	}
	if len(near) == 0 {
		return nil
	}
	slices.Sort(near)
	evidence := []string{"fault.address"}
	for _, n := range near {
		evidence = append(evidence, "registers."+n)
	}
	return &Hypothesis{
		Text:       fmt.Sprintf("The address differs in one bit from a kernel pointer in %s: the memory or the CPU may have flipped it.", strings.Join(near, ", ")),
		Confidence: 0.5, Evidence: evidence,
		Check: "Test the memory, look at EDAC and machine-check records, and whether this host alone shows such addresses.",
	}
}

// canonical reports whether a is an address that the CPU accepts, with 48 bits.
func canonical(a uint64) bool { return a>>47 == 0 || a>>47 == 1<<17-1 }

// repeats reports whether a is a pattern of one byte, as poisons are.
func repeats(a uint64) bool { return a == a&0xff*0x0101010101010101 }
