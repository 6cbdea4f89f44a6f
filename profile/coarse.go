package profile

// coarse gives up of labels what is needed least: first the thread, then the
// process, at last the CPU.
func (l Labels) coarse(step int) Labels {
	if step > 0 {
		l.TID = -1
	}
	if step > 1 {
		l.PID = -1
	}
	if step > 2 {
		l.CPU = -1
	}
	return l
}

// coarsen makes labels one step coarser and adds cells up; it returns false where
// that cannot be done any more.
func (b *Builder) coarsen() bool {
	if b.coarse == 3 {
		return false
	}
	b.coarse++
	old := b.p.Labels
	b.now = make([]LabelID, len(old))
	for i, l := range old {
		b.now[i] = b.Label(l) // what was finer stays where it is: its number is known outside
	}
	for i := range b.p.Cells {
		c := &b.p.Cells[i]
		c.Label = b.now[c.Label]
	}
	b.settleCells(0)
	return true
}

// dropLabels removes the labels that no cell has.
func (b *Builder) dropLabels() {
	to := make([]LabelID, len(b.p.Labels))
	for i := range b.p.Cells {
		to[b.p.Cells[i].Label] = 1
	}
	kept := b.p.Labels[:0]
	for i, l := range b.p.Labels {
		if to[i] != 0 {
			to[i] = LabelID(len(kept))
			kept = append(kept, l)
		}
	}
	b.p.Labels = kept
	for i := range b.p.Cells {
		c := &b.p.Cells[i]
		c.Label = to[c.Label]
	}
	step := []string{"threads", "threads and processes", "threads, processes and CPUs"}[b.coarse-1]
	b.Warn("the profile is too large to tell " + step + " apart")
}
