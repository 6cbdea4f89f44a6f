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
	apply func(doc *crash.Document, r *crash.Report) *Hypothesis
}

var rules = []rule{
	{"cause/earlier-report", earlierReport},
	{"memory/slab-poison", slabPoison},
	{"memory/list-poison", listPoison},
	{"memory/kasan-shadow", kasanShadow},
	{"memory/bit-flip", bitFlip},
	{"pointer/error-value", errorPointer},
	{"pointer/null-member", nullMember},
	{"pointer/null-function", nullFunction},
	{"memory/double-free", doubleFree},
	{"hang/spins", spins},
	{"hang/held-by", heldBy},
	{"hang/waits-for-lock", waitsForLock},
	{"hang/victim-of-stall", victimOfStall},
	{"module/out-of-tree", outOfTree},
	{"hardware/taint", hardwareTaint},
	{"oom/high-order", highOrder},
}

func earlierReport(doc *crash.Document, r *crash.Report) *Hypothesis {
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

// poisons are the byte patterns that the allocators write into memory
// (include/linux/poison.h).
var poisons = []struct {
	pattern string
	text    string
}{
	{"6b6b6b6b", "0x6b is what SLUB fills freed objects with: a use after free"},
	{"5a5a5a5a", "0x5a is what SLUB fills fresh objects with: use of an uninitialised field"},
	{"a5a5a5a5", "0xa5 marks the end of SLUB poison: an overrun of a freed object"},
	{"cccccccc", "0xcc fills freed init memory or a red zone: use of freed or foreign memory"},
}

func slabPoison(_ *crash.Document, r *crash.Report) *Hypothesis {
	for _, p := range poisons {
		var in []string
		if r.Fault != nil && strings.Contains(r.Fault.Address, p.pattern) {
			in = append(in, "fault.address")
		}
		for name, v := range r.Registers {
			if strings.Contains(v, p.pattern) {
				in = append(in, "registers."+name)
			}
		}
		if len(in) > 0 && r.Class != crash.ClassHang {
			slices.Sort(in)
			return &Hypothesis{
				Text:       fmt.Sprintf("Freed or uninitialised memory was used: %s.", p.text),
				Confidence: 0.85, Evidence: in,
				Check: "Run the load with KASAN, or boot with slub_debug=FZPU, to see who freed it.",
			}
		}
	}
	return nil
}

func listPoison(_ *crash.Document, r *crash.Report) *Hypothesis {
	for name, v := range r.Registers {
		if strings.HasPrefix(v, "dead0000000001") || strings.HasPrefix(v, "dead0000000002") {
			return &Hypothesis{
				Text:       "A list entry was used after list_del(): a register holds LIST_POISON (0xdead0000000001xx).",
				Confidence: 0.8, Evidence: []string{"registers." + name},
				Check: "Look for a second list_del() of the entry, or for a walk of the list without its lock.",
			}
		}
	}
	return nil
}

func errorPointer(_ *crash.Document, r *crash.Report) *Hypothesis {
	if r.Fault == nil || r.Class != crash.ClassFault {
		return nil
	}
	if a, err := parseAddress(r.Fault.Address); err == nil && a >= ^uint64(0)-pageSize+1 {
		return &Hypothesis{
			Text:       fmt.Sprintf("An error pointer (errno %d, or a small offset from one) was used without IS_ERR().", -int64(a)),
			Confidence: 0.8, Evidence: []string{"fault.address"},
			Check: "Look for a call near the guilty function that can return ERR_PTR() and is not checked.",
		}
	}
	return nil
}

func nullMember(_ *crash.Document, r *crash.Report) *Hypothesis {
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

func nullFunction(_ *crash.Document, r *crash.Report) *Hypothesis {
	if r.Kind != crash.KindNullDeref || r.Fault == nil || r.Fault.Access != "exec" || r.Guilty == nil {
		return nil
	}
	return &Hypothesis{
		Text:       fmt.Sprintf("%s called an operation that its object does not implement.", r.Guilty.Function),
		Confidence: 0.75, Evidence: []string{"fault.access", "guilty"},
		Check: "Find the indirect call at the guilty offset; is the operation optional, and is it checked?",
	}
}

func doubleFree(_ *crash.Document, r *crash.Report) *Hypothesis {
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

func spins(_ *crash.Document, r *crash.Report) *Hypothesis {
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

func waitsForLock(doc *crash.Document, r *crash.Report) *Hypothesis {
	if r.Kind != crash.KindHungTask {
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

func victimOfStall(doc *crash.Document, r *crash.Report) *Hypothesis {
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

func outOfTree(_ *crash.Document, r *crash.Report) *Hypothesis {
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

func hardwareTaint(_ *crash.Document, r *crash.Report) *Hypothesis {
	if r.Class == crash.ClassHardware || !strings.ContainsRune(r.TaintFlags, 'M') {
		return nil
	}
	return &Hypothesis{
		Text:       "This machine has had a machine check since it booted (taint M): its memory or CPU may be at fault.",
		Confidence: 0.6, Evidence: []string{"taint"},
		Check: "Look at the machine's MCE and EDAC records, and whether other hosts show this signature.",
	}
}

func highOrder(_ *crash.Document, r *crash.Report) *Hypothesis {
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
