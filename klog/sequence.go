package klog

import "slices"

// The window of records that wait for one before them: UDP reorders by a few
// datagrams, not by more.
const (
	windowRecords = 64
	recentSeqs    = 1024 // how far back duplicates are told from late records
)

// A sequencer puts records with sequence numbers into their order, drops
// duplicates and counts what is missing.
type sequencer struct {
	started bool
	next    int64    // the sequence number expected
	window  []Record // records beyond it, ascending; their memory is their own
	bytes   int      // of text in window
	limit   int      // of bytes
	partial []*fragmented
	recent  *[recentSeqs]int64 // times, plus one, of the numbers below next that were seen; nil before the first
}

// held returns how many records wait.
func (s *sequencer) held() int { return len(s.window) + len(s.partial) }

func (s *sequencer) saw(seq int64) bool { return s.recent != nil && s.recent[seq%recentSeqs] != 0 }

// mark notes that the number was seen with a time in microseconds.
func (s *sequencer) mark(seq, us int64) {
	if s.recent == nil {
		s.recent = new([recentSeqs]int64)
	}
	s.recent[seq%recentSeqs] = us + 1
}

// pass moves next behind seq and returns how many numbers that skips.
func (s *sequencer) pass(seq, us int64) (gap int64) {
	if !s.started {
		s.started = true
		s.next = seq
	}
	gap = seq - s.next
	s.mark(seq, us)
	for k := max(s.next, seq-recentSeqs+1); k < seq; k++ {
		s.recent[k%recentSeqs] = 0
	}
	s.next = seq + 1
	return gap
}

// hold puts rec, which came early, into the window, unless it is there already.
func (s *sequencer) hold(rec *Record) {
	i, dup := slices.BinarySearchFunc(s.window, rec.Seq, func(r Record, seq int64) int {
		return int(min(max(r.Seq-seq, -1), 1))
	})
	if !dup {
		s.window = slices.Insert(s.window, i, own(rec))
		s.bytes += len(rec.Text)
	}
}

// full reports whether the window is beyond its bounds.
func (s *sequencer) full() bool { return len(s.window) > windowRecords || s.bytes > s.limit }

// fragmented returns the message that rec is a fragment of, or nil where that
// has been delivered.
func (s *sequencer) fragmented(rec *Record, total int) *fragmented {
	for _, f := range s.partial {
		if f.rec.Seq == rec.Seq && len(f.body) == total {
			return f
		}
	}
	if s.started && rec.Seq < s.next && s.next-rec.Seq <= recentSeqs && s.saw(rec.Seq) {
		return nil
	}
	if !s.started {
		s.started, s.next = true, rec.Seq
	}
	f := &fragmented{rec: own(rec), body: make([]byte, total), have: make([]bool, total)}
	s.partial = append(s.partial, f)
	if len(s.partial) > maxFragmented {
		s.give(s.partial[0])
	}
	return f
}

func (s *sequencer) drop(f *fragmented) {
	if i := slices.Index(s.partial, f); i >= 0 {
		s.partial = slices.Delete(s.partial, i, i+1)
	}
}

// give makes a record of a message that will not get whole.
func (s *sequencer) give(f *fragmented) {
	s.drop(f)
	rec := f.finish()
	s.hold(&rec)
}

// sequence passes r.rec through the window and reports whether it is due now.
func (r *Reader) sequence() bool {
	s, rec := &r.seq, &r.rec
	if s.started && rec.Seq < s.next {
		if r.restarted(rec, rec.Text) {
			first := own(rec)
			r.restart()
			s.pass(first.Seq, first.Time.Microseconds())
			r.boot.see(&first)
			r.queue = append(r.queue, first)
			return false
		}
		if s.saw(rec.Seq) {
			return false // a duplicate
		}
		// Later than the window lasts: it was counted as lost.
		s.mark(rec.Seq, rec.Time.Microseconds())
		r.sumLost = max(0, r.sumLost-1)
		rec.Boot = r.boot.index
		return true
	}
	if s.started && rec.Seq > s.next {
		s.hold(rec)
		if s.full() {
			r.release(false)
		}
		return false
	}
	s.pass(rec.Seq, rec.Time.Microseconds())
	r.boot.see(rec)
	if len(s.window) > 0 {
		r.follow()
	}
	return true
}

// restarted reports whether a number below the expected one is another boot's:
// one that was seen with another time, or that is too far back for a datagram
// that came late. text is as much of the message as is known.
func (r *Reader) restarted(rec *Record, text []byte) bool {
	s := &r.seq
	us := rec.Time.Microseconds()
	back := r.boot.last - us
	switch {
	case s.next-rec.Seq > recentSeqs, back > bootBack && hasPrefix(text, bannerText):
		return true
	case s.saw(rec.Seq):
		return back > 0 && s.recent[rec.Seq%recentSeqs] != us+1
	}
	return back > 10*bootBack
}

// restart gives up on what is missing of one boot's sequence, for another
// begins.
func (r *Reader) restart() {
	r.release(true)
	r.seq.started = false
	if r.seq.recent != nil {
		clear(r.seq.recent[:])
	}
	r.boot.fresh()
}

// follow queues the held records that follow without a gap.
func (r *Reader) follow() {
	s := &r.seq
	n := 0
	for n < len(s.window) && s.window[n].Seq == s.next {
		r.due(&s.window[n])
		n++
	}
	s.window = slices.Delete(s.window, 0, n)
}

// due queues a held record.
func (r *Reader) due(rec *Record) {
	s := &r.seq
	s.bytes -= len(rec.Text)
	if gap := min(s.pass(rec.Seq, rec.Time.Microseconds()), mostLost); gap > 0 {
		rec.Lost += gap
		r.sumLost = min(r.sumLost+gap, mostLost)
	}
	r.boot.see(rec)
	r.queue = append(r.queue, *rec)
}

// release gives up on what is missing: on all of it, or on as much as brings
// the window back into its bounds.
func (r *Reader) release(all bool) {
	s := &r.seq
	for len(s.partial) > 0 && (all || s.partial[0].rec.Seq < s.window[0].Seq) {
		s.give(s.partial[0])
	}
	for len(s.window) > 0 && (all || s.full()) {
		if s.window[0].Seq < s.next {
			// A fragmented message whose number was given up meanwhile.
			late := s.window[0]
			s.window = slices.Delete(s.window, 0, 1)
			s.bytes -= len(late.Text)
			if !s.saw(late.Seq) {
				s.mark(late.Seq, late.Time.Microseconds())
				late.Boot = r.boot.index
				r.queue = append(r.queue, late)
			}
			continue
		}
		r.due(&s.window[0])
		s.window = slices.Delete(s.window, 0, 1)
		r.follow()
	}
}
