package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"ringside/crash"
)

// rule makes a hypothesis from facts, or nil where they do not fit.
type rule struct {
	id    string
	apply func(k *facts) *Hypothesis
}

// facts is what rules reason over.
type facts struct {
	doc    *crash.Document
	report *crash.Report
	space  space
	fault  *FaultingInstruction // the instruction that trapped, nil where the log has none
}

var rules = []rule{
	{"cause/earlier-report", earlierReport},
	{"memory/slab-poison", slabPoison},
	{"memory/list-poison", listPoison},
	{"memory/poison", otherPoison},
	{"memory/kasan-shadow", kasanShadow},
	{"memory/bit-flip", bitFlip},
	{"pointer/error-value", errorPointer},
	{"pointer/null-member", nullMember},
	{"pointer/null-function", nullFunction},
	{"pointer/wild", wildPointer},
	{"memory/stack-guard", stackGuard},
	{"memory/double-free", doubleFree},
	{"hang/spins", spins},
	{"hang/held-by", heldBy},
	{"hang/waits-for-lock", waitsForLock},
	{"hang/victim-of-stall", victimOfStall},
	{"module/out-of-tree", outOfTree},
	{"hardware/part", faultyPart},
	{"hardware/taint", hardwareTaint},
	{"oom/high-order", highOrder},
}

func earlierReport(k *facts) *Hypothesis {
	doc, r := k.doc, k.report
	if r.CausedBy == nil || r.RepeatOf != nil {
		return nil
	}
	c := &doc.Reports[*r.CausedBy]
	return &Hypothesis{
		Text:       fmt.Sprintf("A consequence of report %d (%s): %s.", c.Index+1, c.Title, r.Cause),
		Confidence: 0.8, Evidence: []string{"caused_by"},
		Check: "Look at that report first; this one may vanish with it.",
	}
}

func nullFunction(k *facts) *Hypothesis {
	r := k.report
	if r.Kind != crash.KindNullDeref || r.Fault == nil || r.Fault.Access != "exec" || r.Guilty == nil {
		return nil
	}
	return &Hypothesis{
		Text:       fmt.Sprintf("%s called an operation that its object does not implement.", r.Guilty.Function),
		Confidence: 0.75, Evidence: []string{"fault.access", "guilty"},
		Check: "Find the indirect call at the guilty offset; is the operation optional, and is it checked?",
	}
}

func doubleFree(k *facts) *Hypothesis {
	r := k.report
	if r.Kind != crash.KindBug || len(r.Frames) == 0 {
		return nil
	}
	f := r.Frames[0].Function
	for _, free := range []string{"kfree", "__kmem_cache_free", "kmem_cache_free", "__slab_free", "do_slab_free"} {
		if strings.HasPrefix(f, free) {
			return &Hypothesis{
				Text:       "An object was freed twice, or a pointer that the allocator did not hand out was freed: the check stands in " + f + ".",
				Confidence: 0.7, Evidence: []string{"pc", "guilty"},
				Check: "Boot with slub_debug=FU (or KASAN) and repeat: the report then names both frees.",
			}
		}
	}
	return nil
}

func spins(k *facts) *Hypothesis {
	r := k.report
	if r.Kind.Family() != "stall" || r.Guilty == nil || r.Guilty.Why == "" {
		return nil
	}
	h := &Hypothesis{
		Text:       fmt.Sprintf("%s does not end or does not let go of the CPU.", r.Guilty.Function),
		Confidence: 0.6, Evidence: []string{"guilty"},
		Check: "Compare the program counter of the repeated reports: the same few bytes mean a tight loop.",
	}
	if r.Repeats > 0 {
		h.Confidence = 0.8
		h.Text += fmt.Sprintf(" It was found there %d times.", r.Repeats+1)
	}
	if fl, ok := r.Registers["EFLAGS"]; ok && r.Kind != crash.KindSoftLockup {
		if v, err := parseAddress(fl); err == nil && v&0x200 == 0 {
			h.Text += " Interrupts were off (EFLAGS bit 9 clear)."
			h.Evidence = append(h.Evidence, "registers.EFLAGS")
			h.Confidence = 0.85
		}
	}
	return h
}

func waitsForLock(k *facts) *Hypothesis {
	doc, r := k.doc, k.report
	if r.Kind != crash.KindHungTask || heldBy(k) != nil {
		return nil
	}
	lock := ""
	for i := range r.Frames {
		switch f := r.Frames[i].Function; {
		case strings.HasPrefix(f, "__mutex_lock"), strings.HasPrefix(f, "mutex_lock"):
			lock = "a mutex"
		case strings.HasPrefix(f, "rwsem_down_read"):
			lock = "a read-write semaphore (to read)"
		case strings.HasPrefix(f, "rwsem_down_write"):
			lock = "a read-write semaphore (to write)"
		case strings.HasPrefix(f, "io_schedule"):
			lock = "I/O"
		}
		if lock != "" {
			break
		}
	}
	if lock == "" {
		return nil
	}
	h := &Hypothesis{
		Text:       fmt.Sprintf("%s waits for %s that its holder does not release.", r.Task, lock),
		Confidence: 0.7, Evidence: []string{"task", "guilty"},
		Check: "Find the holder: sysrq-d or a vmcore (lock owner), or lockdep's \"Showing all locks held\".",
	}
	var others []string
	for i := range doc.Reports {
		if o := &doc.Reports[i]; o.Kind == crash.KindHungTask && o.Boot == r.Boot && o.Task != r.Task && o.RepeatOf == nil && !slices.Contains(others, o.Task) {
			others = append(others, o.Task)
		}
	}
	if len(others) > 0 {
		h.Text += " Other tasks that hang at the same time, one of which may hold it: " + strings.Join(others, ", ") + "."
	}
	return h
}

func victimOfStall(k *facts) *Hypothesis {
	r := k.report
	if r.Kind != crash.KindHungTask {
		return nil
	}
	for i := range r.Frames {
		if f := r.Frames[i].Function; strings.HasPrefix(f, "synchronize_rcu") || strings.HasPrefix(f, "__wait_rcu_gp") || strings.HasPrefix(f, "rcu_barrier") {
			return &Hypothesis{
				Text:       r.Task + " waits for an RCU grace period: it is the victim of whatever holds that up, not the culprit.",
				Confidence: 0.85, Evidence: []string{"task", "guilty"},
				Check: "Look for an RCU stall or soft lockup in the same boot.",
			}
		}
	}
	return nil
}

func outOfTree(k *facts) *Hypothesis {
	r := k.report
	if r.Guilty == nil || r.Guilty.Module == "" {
		return nil
	}
	for _, m := range r.Modules {
		if m.Name == r.Guilty.Module && strings.ContainsAny(m.Flags, "OP") {
			return &Hypothesis{
				Text:       fmt.Sprintf("The fault is in %s, a module from outside the kernel tree (%s): ask who ships it, upstream cannot help.", m.Name, m.Flags),
				Confidence: 0.5, Evidence: []string{"guilty", "modules", "taint"},
				Check: "Reproduce without the module, or with its newest version.",
			}
		}
	}
	return nil
}

func hardwareTaint(k *facts) *Hypothesis {
	r := k.report
	if r.Class == crash.ClassHardware || !strings.ContainsRune(r.TaintFlags, 'M') {
		return nil
	}
	return &Hypothesis{
		Text:       "This machine has had a machine check since it booted (taint M): its memory or CPU may be at fault.",
		Confidence: 0.6, Evidence: []string{"taint"},
		Check: "Look at the machine's MCE and EDAC records, and whether other hosts show this signature.",
	}
}

func highOrder(k *facts) *Hypothesis {
	r := k.report
	if r.Kind != crash.KindAllocFailure {
		return nil
	}
	if _, order, ok := strings.Cut(r.Headline, "order:"); ok && len(order) > 0 && order[0] >= '4' && order[0] <= '9' {
		return &Hypothesis{
			Text:       "It asked for 2^" + order[:1] + " contiguous pages: memory was fragmented rather than used up.",
			Confidence: 0.7, Evidence: []string{"headline"},
			Check: "Compare the free blocks per order in the Mem-Info; can the caller use kvmalloc() or smaller pieces?",
		}
	}
	return nil
}
