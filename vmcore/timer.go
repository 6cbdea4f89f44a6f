package vmcore

import (
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// readTimers lists the timers that are set.
func (t *triage) readTimers(w *kernel.Walk) error {
	t.doc.Sections.Timers = object.ReadTimers(w)
	return w.Err()
}
