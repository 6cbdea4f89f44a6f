package diagnose

import (
	"fmt"

	"ringside/crash"
)

// next says what to do about r, the most useful first.
func next(doc *crash.Document, r *crash.Report, hs []Hypothesis) []string {
	var steps []string
	add := func(format string, args ...any) { steps = append(steps, fmt.Sprintf(format, args...)) }
	if len(hs) > 0 && hs[0].Check != "" {
		add("%s", hs[0].Check)
	}
	switch r.Class {
	case crash.ClassUser:
		add("Take it to the owner of the program; the kernel needs no action.")
	case crash.ClassHardware:
		add("Check the machine before the kernel: firmware log, memory test, the same part on other hosts.")
	case crash.ClassLocking:
		add("Read both lock orders in the report and decide which one is wrong; lockdep proved the possibility, not the event.")
	}
	for _, m := range r.Missing {
		switch m {
		case "head":
			add("Get the lines before line %d: the kernel's first words are missing (raise log_buf_len, or use pstore or netconsole).", r.Lines.First)
		case "stack":
			add("Get the stack: the log has none for this report (console level too high, or the log was filtered).")
		case "end":
			add("Get the rest of the log: it ends at line %d in the middle of the report.", r.Lines.Last)
		}
	}
	if g := r.Guilty; g != nil {
		where := fmt.Sprintf("%s+0x%x/0x%x", g.Function, g.Offset, g.Size)
		image := "vmlinux"
		if g.Module != "" {
			image = g.Module + ".ko"
		}
		switch {
		case g.File != "":
			add("Open %s:%d.", g.File, g.Line)
		case g.Size > 0:
			add("Find the line: scripts/faddr2line %s %s, with the debug file of %s.", image, where, orUnknown(r.Kernel))
		}
	}
	switch r.Kind {
	case crash.KindSoftLockup, crash.KindRCUStall, crash.KindHungTask, crash.KindHardLockup:
		if !r.Panicked {
			add("Capture a dump while it hangs (sysrq-c with kdump), or set softlockup_panic, hung_task_panic or panic_on_rcu_stall for the next time.")
		}
	case crash.KindOOM, crash.KindAllocFailure:
		add("Compare what the Mem-Info counts with MemTotal: what does not add up was leaked by the kernel.")
	case crash.KindWarning, crash.KindRefcount, crash.KindKFENCE:
		add("The system went on: decide whether it can stay in service, then fix at leisure.")
	}
	if r.Kernel == "" {
		add("Find out which kernel this was: the log does not say.")
	}
	return steps
}

func orUnknown(release string) string {
	if release == "" {
		return "this kernel"
	}
	return release
}
