package perfdata

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
)

// entry is a record that waits for its turn.
type entry struct {
	time uint64
	at   int32 // in the arena
	size int32
}

// A queue holds records back until nothing older can come.
type queue struct {
	arena   []byte
	spare   []byte
	entries []entry
	merged  []entry // room for sorting
	runs    []int
	newest  uint64 // of all records so far
	limit   uint64 // what is not newer may go when the round ends
	gone    uint64 // the newest that went
	window  int
	forced  bool
}

func (q *queue) add(b []byte, time uint64) {
	q.entries = append(q.entries, entry{time, int32(len(q.arena)), int32(len(b))})
	q.arena = append(q.arena, b...)
	q.newest = max(q.newest, time)
}

// sort puts entries in the order of time; those of one time stay as they came.
// What comes is the CPUs' buffers one after the other, each in order: runs,
// which are merged.
func (q *queue) sort() {
	runs := append(q.runs[:0], 0)
	for i := 1; i < len(q.entries); i++ {
		if q.entries[i].time < q.entries[i-1].time {
			runs = append(runs, i)
		}
	}
	for len(runs) > 1 {
		out := q.merged[:0]
		joined := 0
		for i := 0; i < len(runs); i += 2 {
			a := q.entries[runs[i]:]
			var b []entry
			if i+1 < len(runs) {
				a, b = q.entries[runs[i]:runs[i+1]], q.entries[runs[i+1]:]
				if i+2 < len(runs) {
					b = q.entries[runs[i+1]:runs[i+2]]
				}
			}
			runs[joined] = len(out)
			joined++
			for len(a) > 0 && len(b) > 0 {
				if b[0].time < a[0].time {
					out, b = append(out, b[0]), b[1:]
				} else {
					out, a = append(out, a[0]), a[1:]
				}
			}
			out = append(append(out, a...), b...)
		}
		runs = runs[:joined]
		q.entries, q.merged = out, q.entries
	}
	q.runs = runs
}

// flush gives what is not newer than limit, in order.
func (q *queue) flush(limit uint64, yield func([]byte) bool) bool {
	q.sort()
	n := 0
	for ; n < len(q.entries) && q.entries[n].time <= limit; n++ {
		e := q.entries[n]
		q.gone = max(q.gone, e.time)
		if !yield(q.arena[e.at : e.at+e.size]) {
			return false
		}
	}
	// What is left moves to the other arena.
	kept := q.spare[:0]
	left := q.entries[n:]
	for i := range left {
		at := int32(len(kept))
		kept = append(kept, q.arena[left[i].at:left[i].at+left[i].size]...)
		left[i].at = at
	}
	q.entries = append(q.entries[:0], left...)
	q.arena, q.spare = kept, q.arena
	return true
}

// errStopped ends a walk that its caller has ended.
var errStopped = errors.New("stopped")

// inOrder gives a stream's records by time.
func (f *File) inOrder(s *stream, yield func(b []byte) bool) error {
	q := queue{window: f.limits.window()}
	var r Record
	for {
		b, err := s.next()
		if err != nil {
			// What was read before is given all the same.
			if !q.flush(^uint64(0), yield) {
				return errStopped
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			f.lost.add("records behind one that cannot be read", -1)
			return err
		}
		typ := f.u32(b)
		if typ == recordRound {
			if !q.flush(q.limit, yield) {
				return errStopped
			}
			q.limit = q.newest
			continue
		}
		if typ >= recordUser {
			if err := f.meta(typ, b); err != nil {
				f.Warnings = append(f.Warnings, err.Error())
			}
			continue
		}
		r.Type, r.Body = typ, b[8:]
		var time uint64
		if typ == RecordSample {
			if len(f.Attrs) > 0 {
				time, _ = f.sampleTime(&f.Attrs[f.sampleAttr(r.Body)], r.Body)
			}
		} else {
			f.sampleID(&r)
			time = r.Time
		}
		if q.forced && time < q.gone && time != 0 {
			f.lost.add("records that came too late to be put in order", 1)
		}
		q.add(b, time)
		if len(q.arena) > q.window {
			// Without rounds, half of it goes: buffers are emptied in turn, so
			// that what comes next is hardly older.
			q.forced = true
			times := make([]uint64, len(q.entries))
			for i := range q.entries {
				times[i] = q.entries[i].time
			}
			slices.Sort(times)
			if !q.flush(times[len(times)/2], yield) {
				return errStopped
			}
		}
	}
}

// meta reads what the pipe form has in records and the file form in its header.
func (f *File) meta(typ uint32, b []byte) error {
	switch typ {
	case recordAttr:
		return f.attrRecord(b[8:])
	case recordUpdate:
		return f.updateRecord(b[8:])
	case recordBuildID:
		return f.buildIDs(b)
	case recordFeature:
		if len(b) < 16 {
			return nil
		}
		id := f.u64(b[8:])
		switch id {
		case featureBuildID, featureHostname, featureRelease, featureVersion, featureArch, featureCPUs, featureCommand, featureEventDesc:
			if err := f.feature(int(id), b[16:]); err != nil {
				return fmt.Errorf("feature %d is not used: %w", id, err)
			}
		}
	}
	return nil
}

// attrRecord reads HEADER_ATTR: an attribute and its numbers.
func (f *File) attrRecord(b []byte) error {
	if !f.Pipe || len(f.Attrs) >= maxAttrs {
		return nil
	}
	if len(b) < attrMin {
		return fmt.Errorf("an event's attribute has %d bytes", len(b))
	}
	size := int(f.u32(b[4:]))
	if size == 0 {
		size = attrMin
	}
	if size < attrMin || size > len(b) {
		return fmt.Errorf("an event's attribute says it has %d bytes of %d", size, len(b))
	}
	a, err := f.attr(b[:size])
	if err != nil {
		return err
	}
	for ids := b[size:]; len(ids) >= 8; ids = ids[8:] {
		a.IDs = append(a.IDs, f.u64(ids))
	}
	f.Attrs = append(f.Attrs, a)
	f.index()
	return nil
}

// updateRecord reads EVENT_UPDATE: here only the name of an event.
func (f *File) updateRecord(b []byte) error {
	const name = 2 // PERF_EVENT_UPDATE__NAME
	if len(b) < 16 || f.u64(b) != name {
		return nil
	}
	if i, ok := f.byID[f.u64(b[8:])]; ok {
		f.Attrs[i].Name = cString(b[16:])
	}
	return nil
}

// pipeStart reads what a pipe begins with: the events, so that they are known
// before the first record is asked for.
func (f *File) pipeStart() error {
	f.index()
	s := newStream(f, f.streams[0])
	f.started = s
	for {
		b, err := s.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		typ := f.u32(b)
		if typ < recordUser {
			s.held = slices.Clone(b)
			return nil
		}
		if typ == recordRound {
			continue
		}
		if err := f.meta(typ, b); err != nil {
			f.Warnings = append(f.Warnings, err.Error())
		}
	}
}

// Records gives every record in the order of time, once. An error is the last
// thing that is given.
func (f *File) Records() iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		var r Record
		give := func(b []byte) bool {
			if f.decode(&r, b) {
				return yield(&r, nil)
			}
			return true
		}
		var err error
		if len(f.streams) == 1 {
			s := f.started
			if s == nil {
				s = newStream(f, f.streams[0])
			}
			defer s.close()
			err = f.inOrder(s, give)
		} else {
			err = f.merged(give)
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	}
}

// decode reads a record's common fields.
func (f *File) decode(r *Record, b []byte) bool {
	r.Type, r.Misc, r.Body = f.u32(b), f.u16(b[4:]), b[8:]
	if r.Type == RecordSample {
		if !f.sample(r) {
			f.lost.add("samples that are shorter than what they should hold", 1)
			return false
		}
		return true
	}
	f.sampleID(r)
	switch r.Type {
	case RecordLost:
		if len(r.Body) >= 16 {
			f.lost.add("events that the kernel had no room for", int64(f.u64(r.Body[8:])&(1<<62-1)))
		}
	case RecordLostSamples:
		if len(r.Body) >= 8 {
			f.lost.add("samples that the kernel had no room for", int64(f.u64(r.Body)&(1<<62-1)))
		}
	case RecordThrottle:
		f.lost.add("times that sampling was throttled", 1)
	}
	return true
}

// merged gives the records of several streams, each of which is put in order by
// itself.
func (f *File) merged(yield func([]byte) bool) error {
	type head struct {
		b    []byte
		time uint64
		next func() ([]byte, bool)
	}
	var heads []*head
	var errs []error
	var r Record
	timeOf := func(b []byte) uint64 {
		r.Type, r.Body = f.u32(b), b[8:]
		if r.Type == RecordSample {
			if len(f.Attrs) == 0 {
				return 0
			}
			t, _ := f.sampleTime(&f.Attrs[f.sampleAttr(r.Body)], r.Body)
			return t
		}
		f.sampleID(&r)
		return r.Time
	}
	whole := f.limits
	defer func() { f.limits = whole }()
	f.limits.Window = whole.window() / len(f.streams)
	for _, in := range f.streams {
		s := newStream(f, in)
		defer s.close()
		next, stop := iter.Pull(func(yield func([]byte) bool) {
			if err := f.inOrder(s, yield); err != nil && !errors.Is(err, errStopped) {
				errs = append(errs, err)
			}
		})
		defer stop()
		if b, ok := next(); ok {
			heads = append(heads, &head{b, timeOf(b), next})
		}
	}
	for len(heads) > 0 {
		least := 0
		for i, h := range heads {
			if h.time < heads[least].time {
				least = i
			}
		}
		h := heads[least]
		if !yield(h.b) {
			return errStopped
		}
		b, ok := h.next()
		if !ok {
			heads = slices.Delete(heads, least, least+1)
			continue
		}
		h.b, h.time = b, timeOf(b)
	}
	return errors.Join(errs...)
}
