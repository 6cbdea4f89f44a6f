package vmcore

import (
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// readNetwork lists the network devices and counts the sockets.
func (t *triage) readNetwork(w *kernel.Walk) error {
	t.doc.Sections.Network = object.ReadNetwork(w)
	return w.Err()
}
