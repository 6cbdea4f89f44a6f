package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"ringside/crash"
)

// Security is what a report may mean to somebody who attacks the machine. It is
// a class to sort by, not a verdict: whether the code can be reached and steered
// is for people to find out.
type Security struct {
	Class     string `json:"class"`     // "use-after-free write"
	Primitive string `json:"primitive"` // what it gives: read, write, call, free, leak, crash, none
	CWE       int    `json:"cwe"`       // of the Common Weakness Enumeration, 0 where none fits
	// Rating is how much it matters if it can be reached: high, medium, low.
	Rating  string   `json:"rating"`
	Hints   []string `json:"hints,omitempty"` // what speaks for or against an attacker's control
	Reasons []Reason `json:"reasons"`         // the facts that the class rests on
}

// Reason is a fact and where the report has it.
type Reason struct {
	Text     string   `json:"text"`
	Evidence []string `json:"evidence"` // fields of the report
}

// weakness is an entry of the table by which reports are classed.
type weakness struct {
	class     string
	cwe       int
	primitive string // "access" stands for read or write, as the report says
	rating    string
}

// mechanisms are the reasons that sanitizers and checks give, the more specific
// first: part of crash.Fault.Reason.
var mechanisms = []struct {
	part string
	weakness
}{
	{"use-after-free", weakness{"use-after-free", 416, "access", "high"}},
	{"use-after-scope", weakness{"use-after-scope", 562, "access", "medium"}},
	{"double-free", weakness{"double free", 415, "free", "high"}},
	{"invalid-free", weakness{"invalid free", 763, "free", "high"}},
	{"slab-out-of-bounds", weakness{"heap out-of-bounds", 787, "access", "high"}},
	{"vmalloc-out-of-bounds", weakness{"heap out-of-bounds", 787, "access", "high"}},
	{"stack-out-of-bounds", weakness{"stack out-of-bounds", 121, "access", "high"}},
	{"global-out-of-bounds", weakness{"global out-of-bounds", 787, "access", "medium"}},
	{"out-of-bounds", weakness{"out-of-bounds", 787, "access", "high"}},
	{"null-ptr-deref", weakness{"null pointer dereference", 476, "crash", "low"}},
	{"wild-memory-access", weakness{"wild pointer", 822, "access", "medium"}},
	{"user-memory-access", weakness{"user pointer dereference", 822, "access", "medium"}},
	{"memory corruption", weakness{"heap corruption", 787, "write", "high"}},
	{"uninit", weakness{"uninitialised memory", 908, "none", "medium"}},
	{"infoleak", weakness{"information leak", 200, "leak", "high"}},
	{"invalid-access", weakness{"wrong memory tag", 119, "access", "high"}},
}

// weaknesses are the classes of kinds that need no closer look.
var weaknesses = map[crash.Kind]weakness{
	crash.KindRefcount:        {"reference count misuse", 911, "free", "medium"},
	crash.KindUsercopy:        {"copy beyond an object", 119, "leak", "medium"},
	crash.KindFortify:         {"buffer overflow", 120, "write", "medium"},
	crash.KindStackCorruption: {"stack buffer overflow", 121, "write", "high"},
	crash.KindCFI:             {"control-flow violation", 843, "call", "high"},
	crash.KindListCorruption:  {"list corruption", 787, "write", "medium"},
	crash.KindSlab:            {"heap corruption", 787, "write", "high"},
	crash.KindStackOverflow:   {"stack exhaustion", 674, "crash", "low"},
	crash.KindDoubleFault:     {"stack exhaustion", 674, "crash", "low"},
	crash.KindKCSAN:           {"data race", 362, "none", "low"},
	crash.KindODebug:          {"use of an active object after free", 416, "access", "medium"},
	crash.KindLeak:            {"memory leak", 401, "crash", "low"},
	crash.KindBug:             {"reachable assertion", 617, "crash", "low"},
	crash.KindWarning:         {"reachable assertion", 617, "none", "low"},
	crash.KindRustPanic:       {"reachable assertion", 617, "crash", "low"},
	crash.KindDivide:          {"divide by zero", 369, "crash", "low"},
	crash.KindNullDeref:       {"null pointer dereference", 476, "crash", "low"},
	crash.KindSoftLockup:      {"endless loop", 835, "crash", "low"},
	crash.KindHardLockup:      {"endless loop with interrupts off", 835, "crash", "low"},
	crash.KindRCUStall:        {"endless loop", 835, "crash", "low"},
	crash.KindHungTask:        {"task blocked for ever", 833, "crash", "low"},
	crash.KindDeadlock:        {"possible deadlock", 833, "crash", "low"},
	crash.KindOOM:             {"memory exhaustion", 400, "crash", "low"},
	crash.KindBadPage:         {"page state corrupted", 672, "access", "medium"},
	crash.KindBadMM:           {"page state corrupted", 672, "none", "low"},
}

// security classes a report. It returns nil for what is no weakness of the kernel.
func security(k *facts) *Security {
	r := k.report
	switch r.Class {
	case crash.ClassHardware, crash.ClassUser, crash.ClassIO, crash.ClassFilesystem, crash.ClassUnknown:
		return nil
	}
	w, why, ok := k.weakness()
	if !ok {
		return nil
	}
	s := &Security{Class: w.class, Primitive: w.primitive, CWE: w.cwe, Rating: w.rating, Reasons: why}
	access := ""
	if r.Fault != nil {
		access = r.Fault.Access
	}
	if s.Primitive == "access" {
		s.direction(access)
	}
	if r.Fault != nil && r.Fault.Access != "" && s.Primitive != "free" && s.Primitive != "crash" {
		s.Reasons = append(s.Reasons, Reason{"the access was a " + r.Fault.Access + sizeText(r.Fault.Size), []string{"fault.access"}})
	}
	k.hints(s)
	return s
}

// direction completes a class by what the access did.
func (s *Security) direction(access string) {
	switch access {
	case "write":
		s.Class, s.Primitive = s.Class+" write", "write"
	case "read":
		s.Class, s.Primitive = s.Class+" read", "read"
		if s.CWE == 787 || s.CWE == 121 {
			s.CWE = 125
		}
		if s.Rating == "high" && s.CWE == 125 {
			s.Rating = "medium"
		}
	case "exec":
		s.Class, s.Primitive, s.Rating = s.Class+" call", "call", "high"
	default:
		s.Primitive = "read" // the least that it can be
	}
}

func sizeText(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" of %d bytes", n)
}

// weakness classes the report by what the check or the address says.
func (k *facts) weakness() (weakness, []Reason, bool) {
	r := k.report
	headline := []string{"headline"}
	if f := r.Fault; f != nil {
		reason := strings.ToLower(strings.ReplaceAll(f.Reason, " ", "-"))
		switch r.Kind {
		case crash.KindKASAN, crash.KindKFENCE, crash.KindKMSAN:
			for _, m := range mechanisms {
				if strings.Contains(reason, strings.ReplaceAll(m.part, " ", "-")) {
					return m.weakness, []Reason{{fmt.Sprintf("%s saw it: %s", strings.ToUpper(string(r.Kind)), f.Reason), []string{"fault.reason"}}}, true
				}
			}
		case crash.KindUBSAN:
			for _, m := range []struct {
				part string
				weakness
			}{
				{"array-index-out-of-bounds", weakness{"array index out of bounds", 129, "access", "medium"}},
				{"shift-out-of-bounds", weakness{"shift out of bounds", 1335, "none", "low"}},
				{"overflow", weakness{"integer overflow", 190, "none", "low"}},
			} {
				if strings.Contains(reason, m.part) {
					return m.weakness, []Reason{{"UBSAN saw it: " + f.Reason, []string{"fault.reason"}}}, true
				}
			}
		}
	}
	if r.Class == crash.ClassFault {
		if w, why, ok := k.faultWeakness(); ok {
			return w, why, true
		}
	}
	if doubleFree(k) != nil {
		return weakness{"double free", 415, "free", "high"}, []Reason{{"the check of the allocator failed", []string{"pc"}}}, true
	}
	w, ok := weaknesses[r.Kind]
	return w, []Reason{{"what kind of report it is", headline}}, ok
}

// faultWeakness classes a fault by the address that was used.
func (k *facts) faultWeakness() (weakness, []Reason, bool) {
	r := k.report
	jumped := r.Fault != nil && r.Fault.Access == "exec"
	for _, s := range k.suspects() {
		if !s.used {
			break
		}
		why := []Reason{{fmt.Sprintf("%s was %s", s.name, s.is.Text), []string{s.field}}}
		switch s.is.Class {
		case ValuePoison:
			switch {
			case isListPoison(s.is.Poison), strings.HasPrefix(s.is.Poison, "POISON_") && s.is.Poison != "POISON_INUSE", s.is.Poison == "PAGE_POISON", s.is.Poison == "KEY_DESTROY", s.is.Poison == "SLUB_RED_INACTIVE":
				return weakness{"use-after-free", 416, "access", "high"}, why, true
			case s.is.Poison == "POISON_INUSE":
				return weakness{"use of uninitialised memory", 908, "access", "medium"}, why, true
			}
			return weakness{"use of a poisoned pointer", 825, "access", "medium"}, why, true
		case ValueNull, ValueNullOffset:
			if jumped {
				return weakness{"null function pointer", 476, "crash", "low"}, why, true
			}
			return weakness{"null pointer dereference", 476, "crash", "low"}, why, true
		case ValueError:
			return weakness{"error pointer dereference", 252, "crash", "low"}, why, true
		case ValueShadow:
			if real, err := parseAddress(s.is.Real); err == nil && real < shadowWindow {
				return weakness{"null pointer dereference", 476, "crash", "low"}, why, true
			}
			return weakness{"wild pointer", 822, "access", "medium"}, why, true
		case ValueUser:
			if jumped {
				return weakness{"jump into user space", 822, "call", "high"}, why, true
			}
			return weakness{"user pointer dereference", 822, "access", "medium"}, why, true
		case ValueNonCanonical:
			return weakness{"wild pointer", 822, "access", "medium"}, why, true
		case ValueText, ValueModule:
			if r.Fault != nil && r.Fault.Access == "write" {
				return weakness{"write to read-only memory", 119, "write", "medium"}, why, true
			}
		}
	}
	if h := stackGuard(k); h != nil {
		return weakness{"stack out-of-bounds", 121, "access", "medium"}, []Reason{{"the address is in the guard page of the stack", h.Evidence}}, true
	}
	if r.Kind == crash.KindPageFault && r.Fault != nil && r.Fault.Address != "" {
		if jumped {
			return weakness{"jump to memory that is not code", 822, "call", "high"}, []Reason{{"the CPU was to run what is not code", []string{"fault.access"}}}, true
		}
		return weakness{"wild pointer", 822, "access", "medium"}, []Reason{{"the address is of the kernel and not mapped", []string{"fault.address"}}}, true
	}
	if r.Kind == crash.KindGPF {
		return weakness{"wild pointer", 822, "access", "medium"}, []Reason{{"the CPU refused the address", []string{"headline"}}}, true
	}
	return weakness{}, nil, false
}

// hints adds what speaks for or against an attacker's control.
func (k *facts) hints(s *Security) {
	r := k.report
	for i := range r.Frames {
		name := strings.TrimPrefix(strings.TrimPrefix(r.Frames[i].Function, "__"), "do_")
		if !r.Frames[i].Reliable {
			continue
		}
		call := ""
		for _, prefix := range []string{"x64_sys_", "ia32_sys_", "arm64_sys_", "riscv_sys_", "s390x_sys_", "se_sys_", "sys_"} {
			if rest, ok := strings.CutPrefix(name, prefix); ok && call == "" {
				call = rest
			}
		}
		if call != "" && call != "call" {
			s.Hints = append(s.Hints, "reached from the system call "+call+": a program asked for it")
			break
		}
	}
	for i := range r.Frames {
		if n := r.Frames[i].Function; strings.HasPrefix(n, "net_rx_action") || strings.HasPrefix(n, "__netif_receive_skb") || strings.HasPrefix(n, "usb_hcd_giveback_urb") || strings.HasPrefix(n, "hub_port_connect") || strings.HasPrefix(n, "l2cap_recv") {
			what := "a packet from the network"
			if strings.HasPrefix(n, "usb_") || strings.HasPrefix(n, "hub_") {
				what = "a device on the USB"
			}
			s.Hints = append(s.Hints, "reached while handling "+what+": what it sends may be somebody else's choice")
			break
		}
	}
	if slices.ContainsFunc(r.Stacks, func(st crash.Stack) bool { return st.Name == "freed" }) && strings.HasPrefix(s.Class, "use-after-free") {
		s.Hints = append(s.Hints, "the report names who freed it: between the two an attacker could put an object of his own in its place")
	}
	if f := k.fault; f != nil && f.Pointer != nil && f.Pointer.Is.Class != ValuePoison && printableText(f.Pointer.Value) {
		s.Hints = append(s.Hints, fmt.Sprintf("%s held bytes that are text: data may have overwritten the pointer", f.Pointer.Register))
	}
	if s.Rating != "low" {
		switch r.Class {
		case crash.ClassFault, crash.ClassMemory:
			if r.Workqueue != "" || strings.HasPrefix(r.Task, "kworker/") || strings.HasPrefix(r.Task, "ksoftirqd/") {
				s.Hints = append(s.Hints, "it ran in a kernel thread: who caused the work is not on this stack")
			}
		}
	}
}

// printableText reports whether a register holds eight bytes of text.
func printableText(value string) bool {
	v, err := parseAddress(value)
	if err != nil || len(value) < 16 {
		return false
	}
	for ; v != 0; v >>= 8 {
		if b := byte(v); b < ' ' || b > '~' {
			return false
		}
	}
	return value[0] != '0' || value[1] != '0'
}
