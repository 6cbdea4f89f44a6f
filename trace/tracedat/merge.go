package tracedat

import "iter"

// Merge hands out what several streams give in the order of time, each with the
// number of its stream, until yield says no. Each stream must be in the order of
// time itself; of what has the same time, the stream that comes first in the list
// is first. What a stream gives must stay valid until it is asked for the next.
func Merge[T any](streams []iter.Seq[T], time func(T) uint64, yield func(stream int, x T) bool) {
	if len(streams) == 1 { // as most recordings
		for x := range streams[0] {
			if !yield(0, x) {
				return
			}
		}
		return
	}
	type source struct {
		stream int
		next   func() (T, bool)
		head   T
		time   uint64
	}
	var open []*source
	for i, s := range streams {
		next, stop := iter.Pull(s)
		defer stop()
		if x, ok := next(); ok {
			open = append(open, &source{i, next, x, time(x)})
		}
	}
	for len(open) > 0 {
		first := 0
		for i, s := range open {
			if s.time < open[first].time {
				first = i
			}
		}
		s := open[first]
		if !yield(s.stream, s.head) {
			return
		}
		var ok bool
		if s.head, ok = s.next(); ok {
			s.time = time(s.head)
		} else {
			open = append(open[:first], open[first+1:]...)
		}
	}
}
