package crash

// chain orders the reports of each boot into causes and consequences. Each rule
// needs more than "it came later": the same task or function, the kernel's own
// taint flag, or two watchdogs that look at the same stall.
func chain(reports []Report) {
	for i := range reports {
		link(reports, i)
	}
	spreadPanic(reports)
	for i := range reports {
		reports[i].Impact = impact(&reports[i])
	}
}

// link finds what report i follows from: a report of the same event if there is
// one, else the nearest report that it is a consequence of.
func link(reports []Report, i int) {
	r := &reports[i]
	for _, wantRepeat := range []bool{true, false} {
		for j := i - 1; j >= 0 && j >= i-maxLook && reports[j].Boot == r.Boot; j-- {
			c := &reports[j]
			rule := consequence(c, r)
			if rule == "" || (rule == ruleRepeat) != wantRepeat {
				continue
			}
			root := j
			if c.RepeatOf != nil {
				root = *c.RepeatOf
			}
			if rule == ruleStall || rule == ruleWait {
				// The watchdog that barked first stands for the stall.
				for up := reports[root].CausedBy; up != nil && reports[root].Cause == ruleStall; up = reports[root].CausedBy {
					root = *up
				}
			}
			r.CausedBy, r.Cause = &root, rule
			if wantRepeat {
				r.RepeatOf = &root
				reports[root].Repeats++
			}
			return
		}
	}
}

// maxLook bounds how many earlier reports are considered as causes.
const maxLook = 64

const (
	ruleRepeat = "same event reported again"
	ruleStall  = "another watchdog saw the same stall"
	ruleWait   = "waits while the CPU is stalled"
	ruleDied   = "the kernel had oopsed before (taint D)"
	ruleTask   = "same task, right after"
	ruleMemory = "same task, after memory was misused"
)

// consequence returns the rule by which r follows from c, which came before it,
// or "".
func consequence(c, r *Report) string {
	dt, known := gap(c, r)
	sameTask := c.PID != nil && r.PID != nil && *c.PID == *r.PID && c.Task == r.Task
	sameSpot := c.Guilty != nil && r.Guilty != nil && c.Guilty.Function == r.Guilty.Function
	cFamily, rFamily := c.Kind.Family(), r.Kind.Family()
	hang := r.Class == ClassHang && c.Class == ClassHang
	switch {
	case hang && c.Kind == r.Kind && (sameTask || sameSpot && rFamily == "stall"):
		return ruleRepeat
	case c.Kind == r.Kind && r.Kind.Weight() == WeightEvent && r.Title == c.Title:
		return ruleRepeat
	case hang && cFamily == "stall" && rFamily == "stall" && (sameSpot || sameTask) && (!known || dt < 180):
		return ruleStall
	case hang && cFamily == "stall" && r.Kind == KindHungTask && (!known || dt < 180):
		return ruleWait
	case contains(r.TaintFlags, 'D') && !contains(c.TaintFlags, 'D') && c.Kind.Weight() >= WeightOops:
		return ruleDied
	case sameTask && c.Class == ClassMemory && r.Kind.Weight() >= WeightWarning && (!known || dt < 5):
		return ruleMemory
	case sameTask && r.Kind.Weight() >= WeightWarning && c.Kind.Weight() >= WeightWarning && known && dt < 1 && !hang:
		return ruleTask
	}
	return ""
}

// gap is the time from c to r in seconds.
func gap(c, r *Report) (float64, bool) {
	if c.Time == nil || r.Time == nil {
		return 0, false
	}
	return *r.Time - *c.Time, true
}

func contains(flags string, flag byte) bool {
	for i := range len(flags) {
		if flags[i] == flag {
			return true
		}
	}
	return false
}

// spreadPanic marks what led to a panic: the causes of a report that panicked,
// and for a panic on hung tasks all the tasks that hung.
func spreadPanic(reports []Report) {
	for i := range reports {
		r := &reports[i]
		if !r.Panicked {
			continue
		}
		for at := r; at.CausedBy != nil; {
			at = &reports[*at.CausedBy]
			at.Panicked = true
		}
		if r.Kind != KindHungTask {
			continue
		}
		for j := i - 1; j >= 0 && reports[j].Boot == r.Boot; j-- {
			if dt, known := gap(&reports[j], r); reports[j].Kind == KindHungTask && (!known || dt < 180) {
				reports[j].Panicked = true
			}
		}
	}
}

func impact(r *Report) string {
	if r.Panicked {
		return "panic"
	}
	return [...]string{"event", "warning", "error", "hang", "oops", "panic"}[r.Kind.Weight()]
}

// primary picks the report that a log is about: the gravest, and of those the
// first; and of a chain the cause.
func primary(reports []Report) *int {
	best := -1
	weight := func(r *Report) Weight {
		if r.Panicked {
			return WeightPanic
		}
		return r.Kind.Weight()
	}
	for i := range reports {
		if best < 0 || weight(&reports[i]) > weight(&reports[best]) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	for reports[best].CausedBy != nil {
		best = *reports[best].CausedBy
	}
	return &best
}
