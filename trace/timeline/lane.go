package timeline

import "ringside/trace/sched"

// slice is a stretch of time in a row.
type slice struct {
	from, to uint64 // since the begin of the page
	what     int    // a task, a CPU, a name
	state    sched.State
	n        uint32 // how many were merged into it
	busy     uint64 // the time that they had
	main     uint64 // the time of what it is called by
}

// lane is a row. Its slices do not overlap, but where interrupts interrupt each
// other.
type lane struct {
	slices  []slice
	spent   [8]uint64 // by state
	dropped bool
}

func (l *lane) busy() (d uint64) {
	for s, v := range l.spent {
		if s != int(sched.Sleeping) {
			d += v
		}
	}
	return d
}

// add appends a slice and returns by how many there are more. Sleep is what is
// between slices: it is not kept.
func (l *lane) add(s slice, least uint64) int {
	l.spent[s.state&7] += s.to - s.from
	if s.state == sched.Sleeping || s.state == sched.Stopped {
		return 0
	}
	s.main = s.busy
	if n := len(l.slices); n > 0 && l.slices[n-1].join(&s, least) {
		return 0
	}
	l.slices = append(l.slices, s)
	return 1
}

// merge joins neighbours that are shorter than least together.
func (l *lane) merge(least uint64) {
	out := l.slices[:0]
	for _, s := range l.slices {
		if n := len(out); n > 0 && out[n-1].join(&s, least) {
			continue
		}
		out = append(out, s)
	}
	l.slices = out
}

// join takes a neighbour in, if both are shorter than least together. The result
// is called by the one that has the most time.
func (s *slice) join(o *slice, least uint64) bool {
	if o.from < s.from || o.to < s.from || o.to-s.from > least || s.n+o.n < s.n {
		return false
	}
	s.to = max(s.to, o.to)
	s.n += o.n
	s.busy += o.busy
	switch {
	case s.what == o.what && s.state == o.state:
		s.main += o.main
	case o.main > s.main:
		s.what, s.state, s.main = o.what, o.state, o.main
	}
	return true
}
