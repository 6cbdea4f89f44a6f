package diagnose

import (
	"fmt"

	"ringside/crash"
)

// heldBy names who holds what the hung task waits for, and what that one waits
// for itself.
func heldBy(k *facts) *Hypothesis {
	doc, r := k.doc, k.report
	if r.Kind != crash.KindHungTask || r.PID == nil {
		return nil
	}
	for i := range doc.Reports {
		from := &doc.Reports[i]
		if from.Boot != r.Boot {
			continue
		}
		for _, w := range from.Waits {
			if w.PID != *r.PID || w.HolderPID == w.PID {
				continue
			}
			h := &Hypothesis{
				Text:       fmt.Sprintf("%s:%d holds the %s that %s:%d waits for.", w.Holder, w.HolderPID, w.On, w.Task, w.PID),
				Confidence: 0.85, Evidence: []string{"waits"},
				Check: fmt.Sprintf("Find out what %s:%d does: its stack in this log, sysrq-t, or /proc/%d/stack.", w.Holder, w.HolderPID, w.HolderPID),
			}
			if next := waitOf(doc, r.Boot, w.HolderPID); next != nil {
				h.Text += fmt.Sprintf(" That one waits for the %s of %s:%d.", next.On, next.Holder, next.HolderPID)
				if next.HolderPID == w.PID {
					h.Text += " They wait for each other: a deadlock."
					h.Confidence = 0.95
				}
			}
			return h
		}
	}
	return nil
}

// waitOf returns what task pid waits for, nil if the log does not say.
func waitOf(doc *crash.Document, boot, pid int) *crash.Wait {
	for i := range doc.Reports {
		if doc.Reports[i].Boot != boot {
			continue
		}
		for j := range doc.Reports[i].Waits {
			if w := &doc.Reports[i].Waits[j]; w.PID == pid {
				return w
			}
		}
	}
	return nil
}
