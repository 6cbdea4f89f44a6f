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
	recent  [recentSeqs / 64]uint64 // which of the numbers below next were seen
}

// held returns how many records wait.
func (s *sequencer) held() int { return len(s.window) + len(s.partial) }

func (s *sequencer) saw(seq int64) bool {
	return s.recent[seq%recentSeqs/64]&(1<<(seq%64)) != 0
}

func (s *sequencer) mark(seq int64) { s.recent[seq%recentSeqs/64] |= 1 << (seq % 64) }

// pass moves next behind seq and returns how many numbers that skips.
func (s *sequencer) pass(seq int64) (gap int64) {
	if !s.started {
		s.started = true
		s.next = seq
	}
	gap = seq - s.next
	for k := max(s.next, seq-recentSeqs); k < seq; k++ {
		s.recent[k%recentSeqs/64] &^= 1 << (k % 64)
	}
	s.mark(seq)
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
		if r.restarted(rec) {
			r.restart(rec)
			return false
		}
		if s.saw(rec.Seq) {
			return false // a duplicate
		}
		// Later than the window lasts: it was counted as lost.
		s.mark(rec.Seq)
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
	s.pass(rec.Seq)
	r.boot.see(rec)
	if len(s.window) > 0 {
		r.follow()
	}
	return true
}

// restarted reports whether a number below the expected one is another boot's.
func (r *Reader) restarted(rec *Record) bool {
	back := r.boot.last - rec.Time.Microseconds()
	return r.seq.next-rec.Seq > recentSeqs || back > 10*bootBack ||
		back > bootBack && hasPrefix(rec.Text, bannerText)
}

// restart begins another boot's sequence with rec.
func (r *Reader) restart(rec *Record) {
	s := &r.seq
	first := own(rec)
	r.release(true)
	s.started = false
	clear(s.recent[:])
	s.pass(first.Seq)
	boot := r.boot.index
	r.boot.see(&first)
	if r.boot.index == boot {
		r.boot.advance()
		r.boot.see(&first)
	}
	r.queue = append(r.queue, first)
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
	if gap := min(s.pass(rec.Seq), mostLost); gap > 0 {
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
				s.mark(late.Seq)
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
