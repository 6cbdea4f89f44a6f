package vmcore

import (
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// readIRQs lists the interrupts.
func (t *triage) readIRQs(w *kernel.Walk) error {
	t.doc.Sections.IRQs = object.ReadIRQs(w)
	return w.Err()
}

// readSystemObjects runs the sections that need no other.
func (t *triage) readSystemObjects() {
	t.section(SectionIRQs, t.readIRQs)
	t.section(SectionMounts, t.readMounts)
	t.section(SectionRunq, t.readRunQueues)
	t.section(SectionDisks, t.readBlocks)
	t.section(SectionNet, t.readNetwork)
	t.section(SectionTimers, t.readTimers)
	t.section(SectionWorks, t.readWorkPools)
}
