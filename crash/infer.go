package crash

import (
	"strings"
	"sync"
)

// inferKinds tell what a stack without its head was, by a function that only
// such a report has on it; the most specific first. A name that ends in '*' is
// a beginning.
var inferKinds = []struct {
	functions string
	kind      Kind
}{
	{"kasan_report* __kasan_report kasan_object_err print_address_description", KindKASAN},
	{"kfence_report_error", KindKFENCE},
	{"kmsan_report __msan_warning*", KindKMSAN},
	{"kcsan_report*", KindKCSAN},
	{"__ubsan_handle_* ubsan_epilogue", KindUBSAN},
	{"refcount_warn_saturate refcount_error_report", KindRefcount},
	{"__list_add_valid* __list_del_entry_valid*", KindListCorruption},
	{"usercopy_abort report_usercopy", KindUsercopy},
	{"fortify_panic __fortify_panic __fortify_report", KindFortify},
	{"skb_panic", KindBug},
	{"debug_print_object", KindODebug},
	{"ref_tracker_dir_exit ref_tracker_free", KindRefTracker},
	{"sysfs_warn_dup", KindDuplicateName},
	{"object_err slab_err slab_bug", KindSlab},
	{"bad_page", KindBadPage},
	{"__might_resched ___might_sleep __might_sleep __schedule_bug", KindAtomicSleep},
	{"check_preemption_disabled debug_smp_processor_id __this_cpu_preempt_check", KindPreempt},
	{"spin_bug spin_dump rwlock_bug", KindSpinlock},
	{"print_circular_bug* print_deadlock_bug print_bad_irq_dependency print_irq_inversion_bug*", KindDeadlock},
	{"print_usage_bug*", KindLockState},
	{"lockdep_rcu_suspicious", KindRCUUsage},
	{"print_unlock_imbalance_bug debug_check_no_locks_freed debug_check_no_locks_held register_lock_class print_lock_invalid_wait_context lockdep_sys_exit", KindLockdep},
	{"watchdog_timer_fn", KindSoftLockup},
	{"watchdog_hardlockup_check watchdog_overflow_callback", KindHardLockup},
	{"rcu_dump_cpu_stacks print_cpu_stall print_other_cpu_stall", KindRCUStall},
	{"oom_kill_process out_of_memory", KindOOM},
	{"warn_alloc", KindAllocFailure},
	{"__stack_chk_fail", KindStackCorruption},
	{"__warn warn_slowpath_* report_bug", KindWarning},
	{"panic vpanic", KindPanic},
	{"asm_exc_general_protection general_protection", KindGPF},
	{"asm_exc_invalid_op invalid_op do_invalid_op", KindBug},
	{"asm_exc_divide_error divide_error", KindDivide},
	{"asm_exc_page_fault page_fault async_page_fault do_mem_abort do_translation_fault do_DataAbort", KindPageFault},
	{"save_trace mark_lock* print_lock_class_header", KindLockdep},
}

// inference is inferKinds indexed: for a name, which entry it is in.
type inference struct {
	exact    map[string]int
	prefixes []inferPrefix
}

type inferPrefix struct {
	text  string
	entry int
}

var sharedInference = sync.OnceValue(func() *inference {
	x := &inference{exact: map[string]int{}}
	for i, k := range inferKinds {
		for name := range strings.FieldsSeq(k.functions) {
			if p, ok := strings.CutSuffix(name, "*"); ok {
				x.prefixes = append(x.prefixes, inferPrefix{p, i})
			} else if _, ok := x.exact[name]; !ok {
				x.exact[name] = i
			}
		}
	}
	return x
})

// entry returns the first entry of inferKinds that function is in, or how many
// there are.
func (x *inference) entry(function string) int {
	at := len(inferKinds)
	if i, ok := x.exact[function]; ok {
		at = i
	}
	for _, p := range x.prefixes {
		if p.entry < at && strings.HasPrefix(function, p.text) {
			at = p.entry
		}
	}
	return at
}

// inferred is the kind that the report's stack, registers and code speak for.
func (b *builder) inferred() Kind {
	r := &b.rep
	if b.implied != KindNone {
		return b.implied
	}
	x, at := sharedInference(), len(inferKinds)
	for i := range r.Frames {
		if f := &r.Frames[i]; f.Reliable && f.Function != "" {
			at = min(at, x.entry(baseName(f.Function)))
		}
	}
	if at < len(inferKinds) {
		return inferKinds[at].kind
	}
	if b.fatal {
		return KindOops
	}
	if c := r.Code; c != nil && c.Trap >= 0 && strings.HasPrefix(c.Bytes[min(2*c.Trap, len(c.Bytes)):], "0f0b") {
		// ud2 is what BUG() and WARN() are made of; only BUG() ends the trace.
		if b.seen.end {
			return KindBug
		}
		return KindWarning
	}
	if len(r.Frames) > 0 && b.atStart {
		switch r.Frames[0].Function {
		case "__schedule", "schedule", "context_switch", "__switch_to":
			return KindHungTask // the only report that begins with a task that sleeps
		}
	}
	if _, ok := r.Registers["CR2"]; ok && b.pc != nil {
		return KindOops
	}
	return KindUnknown
}
