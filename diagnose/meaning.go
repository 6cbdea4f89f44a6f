package diagnose

import (
	"fmt"
	"strconv"
	"strings"

	"ringside/crash"
)

// meanings say what a kind is, for someone who has not met it before.
var meanings = map[crash.Kind]string{
	crash.KindUnknown:         "The kernel complained, but the beginning of what it said is not in this log.",
	crash.KindPageFault:       "The kernel used an address that is not mapped, or not for this kind of access.",
	crash.KindGPF:             "The CPU refused an access: most often a pointer that is not an address at all, such as a freed or overwritten one.",
	crash.KindDivide:          "The kernel divided by zero, or the quotient did not fit.",
	crash.KindInvalidOpcode:   "The CPU met an instruction it cannot run: a BUG() whose place was not printed, or a jump into data.",
	crash.KindDoubleFault:     "A fault happened while the CPU was delivering another one: almost always the kernel stack had run out.",
	crash.KindStackOverflow:   "A kernel stack ran out: recursion, or very large variables on the stack.",
	crash.KindStackCorruption: "The canary at the end of a stack frame was overwritten: a buffer on the stack was written past its end.",
	crash.KindExternalAbort:   "A bus or device answered an access with an error.",
	crash.KindSError:          "The hardware reported an error that belongs to no particular instruction.",
	crash.KindOops:            "The kernel faulted; the log does not say how.",
	crash.KindCFI:             "An indirect call went to a function of another type, or to none.",
	crash.KindBug:             "A BUG() check failed: the code found a state that its author held impossible, and gave up.",
	crash.KindWarning:         "A WARN() check failed: the code found a state that should not be, and went on.",
	crash.KindRefcount:        "A reference counter was used wrongly: an object is, or will be, freed while in use, or never.",
	crash.KindListCorruption:  "A linked list's neighbours do not point to each other: an entry was added or removed twice, or its memory was overwritten.",
	crash.KindUsercopy:        "A copy between kernel and user space would have crossed the bounds of its object.",
	crash.KindFortify:         "A string or memory function was asked to write past the end of an object whose size the compiler knows.",
	crash.KindODebug:          "An object with a timer, work or RCU head still in use was freed, or used before it was set up.",
	crash.KindKASAN:           "KASAN caught an access to memory that was not the code's to touch.",
	crash.KindKFENCE:          "KFENCE caught a bad access in its sample of allocations; in production that usually means many that were not sampled.",
	crash.KindKMSAN:           "KMSAN saw a value used, or handed to user space, that nothing had initialised.",
	crash.KindKCSAN:           "KCSAN saw two CPUs access one place at the same time, at least one writing, without agreement.",
	crash.KindUBSAN:           "UBSAN saw an operation whose result C leaves undefined.",
	crash.KindLeak:            "An allocation has no pointer to it left.",
	crash.KindSlab:            "The allocator found its own bookkeeping, or a guard around an object, overwritten.",
	crash.KindBadPage:         "A page was freed or mapped while its flags or counters say that it is in use.",
	crash.KindBadMM:           "An address space was torn down with counters that are not zero.",
	crash.KindDeadlock:        "Lockdep proved that two orders of taking locks exist that can block each other for ever. It need not have happened yet.",
	crash.KindLockState:       "A lock is taken both with and without interrupts enabled: an interrupt at the wrong time would deadlock.",
	crash.KindLockdep:         "A lock was handled against its rules.",
	crash.KindRCUUsage:        "An RCU-protected pointer was read without the protection.",
	crash.KindSpinlock:        "A spinlock was found in an impossible state: uninitialised, overwritten, or held by the one who wants it.",
	crash.KindAtomicSleep:     "Code that may sleep ran where sleeping is forbidden: under a spinlock, in an interrupt, with preemption off.",
	crash.KindPreempt:         "Per-CPU data was used while the task could still move to another CPU.",
	crash.KindSoftLockup:      "A CPU ran kernel code for so long, without letting anything else run, that the watchdog stepped in.",
	crash.KindHardLockup:      "A CPU did not even take timer interrupts any more.",
	crash.KindRCUStall:        "A CPU or task has held up an RCU grace period: it did not pass through the scheduler, or stayed in a read-side section.",
	crash.KindHungTask:        "A task has waited in uninterruptible sleep for longer than the limit: what it waits for does not come.",
	crash.KindWorkqueueLockup: "A worker pool has not made progress.",
	crash.KindOOM:             "Memory ran out and the kernel killed a process to get some back.",
	crash.KindAllocFailure:    "An allocation could not be met: too little memory, or too fragmented for its order.",
	crash.KindPanic:           "The kernel stopped on purpose.",
	crash.KindMachineCheck:    "The CPU reported a hardware error.",
	crash.KindHardwareError:   "The firmware reported a hardware error.",
	crash.KindEDAC:            "The memory controller reported an error.",
	crash.KindPCIe:            "A PCI Express link reported an error.",
	crash.KindIOMMU:           "A device accessed memory it was not given.",
	crash.KindGPU:             "A GPU stopped answering.",
	crash.KindFilesystem:      "A file system found its data on disk, or in memory, inconsistent.",
	crash.KindFSShutdown:      "A file system shut itself down to protect its data.",
	crash.KindIOError:         "A block device failed a request.",
	crash.KindIOTimeout:       "A block device did not answer in time.",
	crash.KindNetdevWatchdog:  "A network device stopped sending.",
	crash.KindNetdevRef:       "A network device cannot be removed because something still holds a reference to it.",
	crash.KindIRQ:             "An interrupt kept firing that no driver claimed; the kernel has switched it off.",
	crash.KindSegfault:        "A program used a bad address. The kernel only reports it.",
}

// pageSize bounds what counts as a small offset from NULL: the first page is
// never mapped.
const pageSize = 4096

// meaning says what happened in r, with its particulars.
func meaning(r *crash.Report) string {
	if r.Kind == crash.KindNullDeref || r.Kind == crash.KindPageFault {
		if s := faultMeaning(r); s != "" {
			return s
		}
	}
	m := meanings[r.Kind]
	if m == "" {
		m = "The kernel reported: " + r.Headline
	}
	switch f := r.Fault; r.Kind {
	case crash.KindKASAN, crash.KindKFENCE:
		if f != nil && f.Reason != "" {
			m = fmt.Sprintf("%s It was a %s", m, strings.ReplaceAll(f.Reason, "-", " "))
			if f.Access != "" {
				m += " on " + f.Access
			}
			if f.Size > 0 {
				m += fmt.Sprintf(" of %d bytes", f.Size)
			}
			m += "."
		}
	case crash.KindPanic:
		if f != nil && f.Reason != "" {
			m = fmt.Sprintf("The kernel stopped on purpose: %s.", strings.TrimRight(f.Reason, ". "))
		}
	}
	return m
}

func faultMeaning(r *crash.Report) string {
	if r.Fault == nil || r.Fault.Address == "" {
		return ""
	}
	addr, err := parseAddress(r.Fault.Address)
	if err != nil {
		return ""
	}
	verb := map[string]string{"read": "read from", "write": "wrote to", "exec": "jumped to"}[r.Fault.Access]
	if verb == "" {
		verb = "accessed"
	}
	s := spaceOf(r)
	is := s.classify(addr)
	switch {
	case addr == 0 && r.Fault.Access == "exec":
		return "The kernel called through a function pointer that was NULL."
	case addr == 0:
		return fmt.Sprintf("The kernel %s address 0: a NULL pointer itself was dereferenced.", verb)
	case addr < pageSize:
		return fmt.Sprintf("The kernel %s address 0x%x: the member at offset 0x%x of a structure whose pointer was NULL.", verb, addr, addr)
	case is.Class == ValueError:
		return fmt.Sprintf("The kernel %s address 0x%x, which is an error number (%s) used as a pointer: a return value was not checked with IS_ERR().", verb, addr, errnoText(int(-is.Offset), s.arch))
	case is.Class == ValuePoison, is.Class == ValueShadow:
		return fmt.Sprintf("The kernel %s address 0x%x: %s.", verb, addr, is.Text)
	case r.Fault.Access == "exec" && is.Class == ValueUser:
		return fmt.Sprintf("The kernel jumped to 0x%x, an address of user space.", addr)
	case is.Class == ValueUser && s.wide():
		return fmt.Sprintf("The kernel %s 0x%x, an address of user space or a small number used as a pointer.", verb, addr)
	}
	m := fmt.Sprintf("The kernel %s address 0x%x, %s", verb, addr, is.Text)
	if r.Fault.Reason != "" {
		return m + ": " + r.Fault.Reason + "."
	}
	return m + "; it is not mapped for that."
}

func parseAddress(s string) (uint64, error) {
	return strconv.ParseUint(strings.TrimPrefix(s, "0x"), 16, 64)
}
