package vmcore

import (
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// readMounts lists what is mounted for init.
func (t *triage) readMounts(w *kernel.Walk) error {
	t.doc.Sections.Mounts = object.Mounts(w)
	return w.Err()
}
