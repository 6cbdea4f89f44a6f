package vmcore

import (
	"fmt"
	"strings"
	"time"

	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// readBlocks lists the disks and the requests that have not ended.
func (t *triage) readBlocks(w *kernel.Walk) error {
	t.doc.Sections.Disks = object.Disks(w)
	return w.Err()
}

// stuckAfter is how old a request has to be before it is a finding: drivers give
// up after 30 s, and a disk that is well answers within milliseconds.
const stuckAfter = 10 * time.Second

// stuckWithHang is how old a request has to be where the kernel itself found that
// somebody waits for too long.
const stuckWithHang = 2 * time.Second

// stuckIO are the disks with requests that do not end, and who waits for them.
func (t *triage) stuckIO() []Finding {
	var list []Finding
	after, waiters := stuckAfter, t.ioWaiters()
	if len(waiters) > 0 && t.hangReport() != nil {
		after = stuckWithHang
	}
	for _, d := range t.doc.Sections.Disks {
		var oldest *object.Request
		stuck, held := 0, 0
		for i := range d.Requests {
			r := &d.Requests[i]
			if r.Age < after {
				continue
			}
			stuck++
			if r.State == "queued" {
				held++
			}
			if oldest == nil || r.Age > oldest.Age {
				oldest = r
			}
		}
		if oldest == nil {
			continue
		}
		f := Finding{Kind: FindingIO, Confidence: 0.9, weight: weightChain - 0.03, Report: t.hangReport(),
			Title: fmt.Sprintf("%s: %d requests do not end, the oldest is a %s of %.0f s", d.Name, stuck, oldest.Op, oldest.Age.Seconds())}
		if len(waiters) > 0 {
			f.weight = weightChain + 0.01 // what they wait for is at the end of their chains
		}
		if t.diedOfOther() {
			f.weight = weightReport
		}
		f.Evidence = append(f.Evidence, Evidence{Object: "struct request " + oldest.Addr.String(),
			Text: fmt.Sprintf("%s of %d bytes at sector %d, %s, tag %d of hardware queue %d, for %.1f s", oldest.Op, oldest.Bytes, oldest.Sector, oldest.State, oldest.Tag, oldest.HWQ, oldest.Age.Seconds())})
		switch {
		case d.Quiesced > 0:
			f.Evidence = append(f.Evidence, Evidence{Text: "the driver has stopped the queue: it is resetting the device, or lost it", Object: "struct request_queue " + d.Queue.String()})
		case held == stuck:
			f.Evidence = append(f.Evidence, Evidence{Text: "none of them was given to the driver", Object: "struct request_queue " + d.Queue.String()})
		}
		f.Evidence = append(f.Evidence, waiters...)
		f.Next = []string{"look at the device and what leads to it (cable, path, hypervisor, storage server): the driver " + d.Driver + " has got no answer",
			"the log's last lines about " + d.Name + " say whether the driver has tried to abort or to reset"}
		list = append(list, f)
	}
	return list
}

// ioWaiters are the groups of tasks that wait for input or output.
func (t *triage) ioWaiters() (list []Evidence) {
	s := t.doc.Sections.Tasks
	if s == nil {
		return nil
	}
	for _, g := range s.Groups {
		if g.State != "D" {
			continue
		}
		var stack []string
		io := false
		for _, f := range g.Frames {
			io = io || f.Symbol == "io_schedule" || f.Symbol == "io_schedule_timeout" || strings.HasPrefix(f.Symbol, "submit_bio_wait") || strings.HasPrefix(f.Symbol, "blk_")
			stack = append(stack, f.String())
		}
		if !io {
			continue
		}
		list = append(list, Evidence{Text: fmt.Sprintf("%d wait for input or output: %s: %s", g.Count, sentence(g.Comms[:min(len(g.Comms), 5)]), strings.Join(shorten(stack), " ← "))})
		if len(list) == maxChains {
			break
		}
	}
	return list
}
