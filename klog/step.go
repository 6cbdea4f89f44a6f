package klog

import (
	"bytes"
	"io"
)

// maxEnvelopes bounds how many envelopes are peeled off one line.
const maxEnvelopes = 6

// A verdict says what became of a piece of input.
type verdict uint8

const (
	isRecord verdict = iota // r.rec is a record
	isNote                  // the piece holds no message
)

// step takes one step through the input and reports whether r.rec is a record
// now. Records that are due come first, then what is left of the line at work,
// then the next line.
func (r *Reader) step() (bool, error) {
	if len(r.more) > 0 {
		r.rec.Lost = 0 // told by the first line
		return r.splitText(), nil
	}
	if r.queued < len(r.queue) {
		r.rec = r.queue[r.queued]
		r.queue[r.queued] = Record{}
		r.queued++
		return r.splitFirst(), nil
	}
	r.queue, r.queued = r.queue[:0], 0

	if r.at >= len(r.ln.b) {
		if !r.nextLine() {
			return false, r.finish()
		}
		if r.at >= len(r.ln.b) {
			return false, nil
		}
	}
	if r.piece() != isRecord || r.interrupted() || !r.order() {
		return false, nil
	}
	return r.splitFirst(), nil
}

// finish releases, one batch a call, what is held back at the end of the
// input, and returns the input's error once nothing is left.
func (r *Reader) finish() error {
	r.release(true)
	if r.queued < len(r.queue) {
		return nil
	}
	r.in.release()
	if r.in.err == nil {
		return io.EOF
	}
	return r.in.err
}

// nextRaw reads the next line, from a reassembled dump while there is one.
func (r *Reader) nextRaw(ln *line) bool {
	return r.parts.replay(ln) || r.in.next(ln)
}

// nextLine reads the next line and cleans it.
func (r *Reader) nextLine() bool {
	ln := &r.ln
	r.at = 0
	if !r.nextRaw(ln) {
		ln.b = nil
		return false
	}
	if ln.off == 0 && hasPrefix(ln.b, "\xef\xbb\xbf") {
		// A byte order mark, left by an editor on another system.
		ln.b = ln.b[3:]
		ln.off += 3
	}
	if ln.dirty {
		ln.b, ln.cuts = clean(ln.b, ln.cuts)
		ln.dirty = false
	}
	return true
}

// order passes a record with a sequence number through the window that puts
// such records into their order; see sequencer. It reports whether r.rec is
// due now.
func (r *Reader) order() bool {
	rec := &r.rec
	if rec.Seq >= 0 && (rec.Transport == Kmsg || rec.Transport == Netconsole) {
		return r.sequence()
	}
	r.boot.see(rec)
	if r.seq.held() == 0 {
		return true
	}
	// A line of another kind ends the sequence: what is held goes first.
	r.release(true)
	r.queue = append(r.queue, own(rec))
	return false
}

// own returns a copy of rec that stays valid when the block moves on.
func own(rec *Record) Record {
	c := *rec
	n := len(rec.Text) + len(rec.Host) + len(rec.Release)
	mem := make([]byte, 0, n)
	keep := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		i := len(mem)
		mem = append(mem, b...)
		return mem[i:len(mem):len(mem)]
	}
	c.Text, c.Host, c.Release = keep(rec.Text), keep(rec.Host), keep(rec.Release)
	return c
}

// splitFirst makes the first line of a multi-line message the record: on a
// console each is a line with a stamp of its own, and so they are here.
func (r *Reader) splitFirst() bool {
	if bytes.IndexByte(r.rec.Text, '\n') >= 0 {
		r.more, r.moreAt = r.rec.Text, r.rec.TextStart
		return r.splitText()
	}
	return r.kept()
}

// splitText moves the next line out of more.
func (r *Reader) splitText() bool {
	text, rest, _ := bytes.Cut(r.more, []byte{'\n'})
	r.more = rest
	r.rec.TextStart = r.moreAt
	if r.moreAt >= 0 {
		r.moreAt += int64(len(text)) + 1
	}
	r.rec.Text = text[:len(text):len(text)]
	return r.kept()
}

// kept reports whether the record says anything; what an empty one knows of
// lost records passes to the next.
func (r *Reader) kept() bool {
	if len(r.rec.Text) > 0 {
		return true
	}
	r.lost += r.rec.Lost
	r.rec.Lost = 0
	return false
}
