package vmcore

import (
	"fmt"
	"time"

	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// readWorkPools lists the pools of workers.
func (t *triage) readWorkPools(w *kernel.Walk) error {
	t.doc.Sections.WorkPools = object.WorkPools(w)
	return w.Err()
}

// stalledAfter is what the kernel's own watchdog of workqueues allows.
const stalledAfter = 30 * time.Second

// stalledPools are the pools whose work nobody takes up.
func (t *triage) stalledPools() []Finding {
	var list []Finding
	for _, p := range t.doc.Sections.WorkPools {
		if p.Stalled < stalledAfter || len(p.Pending) == 0 {
			continue
		}
		where := fmt.Sprintf("of CPU %d", p.CPU)
		if p.CPU < 0 {
			where = "of no CPU's own"
		}
		f := Finding{Kind: FindingHung, Confidence: 0.7, weight: weightReport,
			Title: fmt.Sprintf("the workqueue pool %d %s has taken up none of %d pending works for %.0f s", p.ID, where, len(p.Pending), p.Stalled.Seconds()),
			Next:  []string{"look at what its workers wait for: ringside vmcore works lists them", "work that waits for long belongs on a queue of its own (WQ_MEM_RECLAIM, WQ_UNBOUND)"}}
		f.Evidence = append(f.Evidence, Evidence{Object: "struct worker_pool " + p.Addr.String(),
			Text: fmt.Sprintf("first in line: %s %s; %d of %d workers are idle", p.Pending[0].Function, p.Pending[0].Queue, p.Idle, p.Workers)})
		for i, b := range p.Busy {
			if i == maxChains {
				break
			}
			f.Evidence = append(f.Evidence, Evidence{Text: fmt.Sprintf("%s:%d (%s) does %s of %s, for %.0f s", b.Comm, b.TID, b.State, b.Function, b.Queue, b.Since.Seconds())})
		}
		list = append(list, f)
	}
	return list
}
