package vmcore

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// RunQueueSection is what the CPUs ran, what waited for them, and whom RCU
// waits for.
type RunQueueSection struct {
	CPUs []object.RunQueue `json:"cpus"`
	// Limit is after how long a CPU counts as locked up.
	Limit time.Duration `json:"lockup_limit_ns"`
	RCU   *object.RCU   `json:"rcu,omitempty"`
}

func (t *triage) readRunQueues(w *kernel.Walk) error {
	t.doc.Sections.RunQueues = &RunQueueSection{CPUs: object.RunQueues(w), Limit: object.WatchdogLimit(w), RCU: object.ReadRCU(w)}
	return w.Err()
}

// behindLong is how far a CPU's clock may be behind: a busy CPU's goes on with
// every tick.
const behindLong = 10 * time.Second

// weightLockup is above that of chains of tasks: those may wait for the CPU or
// the grace period.
const weightLockup = weightPrimary - 0.01

// lockups are the CPUs that do not come back, and the grace periods of RCU that
// do not end: who spins on what, since when. What the log says of them already
// gets the evidence that the memory has.
func (t *triage) lockups() []Finding {
	s := t.doc.Sections.RunQueues
	if s == nil {
		return nil
	}
	var list []Finding
	for i := range s.CPUs {
		if f, ok := t.lockedUp(s, &s.CPUs[i]); ok {
			list = append(list, f)
		}
	}
	if s.RCU != nil && s.RCU.Stalled() {
		f := t.stall(s)
		if len(list) > 0 { // a CPU that does not come back ends no grace period either
			list[0].Evidence = append(list[0].Evidence, f.Evidence...)
		} else {
			list = append(list, f)
		}
	}
	return slices.DeleteFunc(list, t.saidAlready)
}

// saidAlready gives the evidence of a finding to the log's own finding of the
// same lockup, if there is one.
func (t *triage) saidAlready(f Finding) bool {
	for i := range t.doc.Findings {
		if own := &t.doc.Findings[i]; own.Kind == FindingLockup && own.Report != nil {
			own.Evidence = append(own.Evidence, f.Evidence...)
			own.weight = max(own.weight, f.weight)
			return true
		}
	}
	return false
}

// lockedUp judges one CPU. Idle CPUs may stop their clocks, and a program may
// have a CPU for itself: neither is locked up.
func (t *triage) lockedUp(s *RunQueueSection, q *object.RunQueue) (Finding, bool) {
	if q.Idle || q.Current.TID == 0 {
		return Finding{}, false
	}
	still := q.Behind > behindLong
	unwatched := q.Watchdog != nil && *q.Watchdog > s.Limit && q.Current.Since > s.Limit
	if !still && !unwatched || !t.inKernel(q.CPU) && !still {
		return Finding{}, false
	}
	who := fmt.Sprintf("%s:%d", q.Current.Comm, q.Current.TID)
	where, stack := t.stackOfCPU(q.CPU)
	f := Finding{Kind: FindingLockup, Confidence: 0.85, weight: weightLockup, Title: fmt.Sprintf("CPU %d does not come back from %s", q.CPU, who)}
	if where != "" {
		f.Title += " in " + where
	}
	if t.diedOfOther() && !t.requested() {
		f.weight = weightReport
	}
	rq := "struct rq " + q.Addr.String()
	f.Evidence = append(f.Evidence, Evidence{Text: fmt.Sprintf("CPU %d has run %s for %.0f s without a switch", q.CPU, who, q.Current.Since.Seconds()), Object: rq})
	if still {
		f.Confidence = 0.95
		f.Evidence = append(f.Evidence, Evidence{Text: fmt.Sprintf("its clock stands %.0f s behind that of other CPUs: it takes no timer interrupt", q.Behind.Seconds()), Object: rq})
	}
	if unwatched {
		f.Evidence = append(f.Evidence, Evidence{Text: fmt.Sprintf("the soft-lockup detector has not run there for %.0f s, %.0f s are allowed", q.Watchdog.Seconds(), s.Limit.Seconds())})
	}
	if n := len(q.Queued); n > 0 {
		longest := slices.MaxFunc(q.Queued, func(a, b object.QueuedTask) int { return cmp.Compare(a.Since, b.Since) })
		f.Evidence = append(f.Evidence, Evidence{Text: fmt.Sprintf("%d tasks wait for the CPU, %s:%d for %.0f s", n, longest.Comm, longest.TID, longest.Since.Seconds())})
	}
	if len(stack) > 0 {
		f.Evidence = append(f.Evidence, Evidence{Text: fmt.Sprintf("CPU %d: %s", q.CPU, strings.Join(stack, " ← ")), Object: fmt.Sprintf("cpu %d", q.CPU)})
	}
	f.Next = []string{"read the loop that the stack is in: what ends it, and who was to bring that about", "if it spins on a lock, find its holder: ringside vmcore stack shows the other CPUs"}
	return f, true
}

// stall is a grace period of RCU that does not end.
func (t *triage) stall(s *RunQueueSection) Finding {
	r := s.RCU
	var whom []string
	f := Finding{Kind: FindingLockup, Confidence: 0.8, weight: weightLockup}
	f.Evidence = append(f.Evidence, Evidence{Text: fmt.Sprintf("the grace period %d of %s has lasted for %.0f s, %.0f s are allowed", r.GracePeriod, r.Flavour, r.Age.Seconds(), r.Limit.Seconds()), Object: "rcu_state"})
	for _, cpu := range r.CPUs {
		whom = append(whom, fmt.Sprintf("CPU %d", cpu))
		if _, stack := t.stackOfCPU(cpu); len(stack) > 0 {
			f.Evidence = append(f.Evidence, Evidence{Text: fmt.Sprintf("it waits for CPU %d: %s", cpu, strings.Join(stack, " ← ")), Object: fmt.Sprintf("cpu %d", cpu)})
		}
	}
	for _, task := range r.Tasks {
		whom = append(whom, fmt.Sprintf("%s:%d", task.Comm, task.TID))
		f.Evidence = append(f.Evidence, Evidence{Text: fmt.Sprintf("it waits for %s:%d, which was preempted while it read", task.Comm, task.TID), Object: "struct task_struct " + task.Addr.String()})
	}
	f.Title = "RCU waits for " + sentence(whom[:min(len(whom), 8)])
	if t.diedOfOther() && !t.requested() {
		f.weight = weightReport
	}
	return f
}

// requested reports whether somebody asked for the dump.
func (t *triage) requested() bool {
	doc := t.doc.Crash
	return doc != nil && doc.Primary != nil && asksForDump(&doc.Reports[*doc.Primary])
}

// inKernel reports whether a CPU was in the kernel.
func (t *triage) inKernel(cpu int) bool {
	for _, c := range t.doc.Sections.CPUs {
		if c.Number == cpu {
			return len(c.Frames) > 0
		}
	}
	return false
}

// stackOfCPU returns where a CPU was, without the interrupt that stopped it for
// the dump, and its stack.
func (t *triage) stackOfCPU(cpu int) (where string, stack []string) {
	for _, c := range t.doc.Sections.CPUs {
		if c.Number != cpu {
			continue
		}
		from := 0
		for i, f := range c.Frames {
			if f.Exception {
				from = i
			}
		}
		for _, f := range c.Frames[from:] {
			if f.Symbol == "" {
				continue
			}
			if where == "" {
				where = f.String()
			}
			if stack = append(stack, f.String()); len(stack) == 8 {
				break
			}
		}
	}
	return where, stack
}
