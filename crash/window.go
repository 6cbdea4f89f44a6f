package crash

import (
	"bytes"
	"cmp"
	"slices"

	"ringside/klog"
)

// Two reports whose lines alternate, in a log without caller IDs, are told
// apart by competing hypotheses: that the lines are one sequence, or that they
// are two of which each CPU printed every other line. A report prints its
// registers, its frames, its details each in a run, so that neighbours are of
// the same shape. Where that holds much better for lines two apart than for
// neighbours, there are two sequences, and each is read by itself.

// window is the records since a report opened, while one is open.
type window struct {
	records []klog.Record
	shapes  []shape
	text    []byte // the texts of records, one after the other
	host    []byte // of the last record
	release []byte // likewise
	first   int    // serial number of the first report that was opened since
	full    bool
}

// Bounds of a window. What comes later is read as it stands.
const (
	maxWindow     = 1024
	maxWindowText = 128 << 10
)

// minAlternation is by how many pairs the hypothesis of two sequences must be
// the better one. A single report is always the worse for being split.
const minAlternation = 6

// maxAgainst is how much may speak against a part of the stretch.
const maxAgainst = 3

// shape is what a line looks like.
type shape uint8

const (
	shapeBlank shape = iota
	shapeOther
	shapeFrame
	shapeRegister
	shapeHead
)

// frameness is whether a line is known to be one of a stack.
type frameness uint8

const (
	frameUnknown frameness = iota
	frameYes
	frameNo
)

func knownFrame(is bool) frameness {
	if is {
		return frameYes
	}
	return frameNo
}

func shapeOf(text []byte, head bool, known frameness) shape {
	trimmed := trimBlanks(text)
	switch {
	case head:
		return shapeHead
	case len(trimmed) == 0:
		return shapeBlank
	case bytes.Contains(trimmed, []byte("+0x")):
		if known == frameUnknown {
			_, ok := scanFrame(text)
			known = knownFrame(ok)
		}
		if known == frameYes {
			return shapeFrame
		}
	case len(trimmed) > 12 && bytes.IndexByte(trimmed[:min(len(trimmed), 10)], ':') > 0:
		if n := run(trimmed, symbols); n > 0 && n <= 8 {
			if _, ok := registerArch[string(trimmed[:n])]; ok {
				return shapeRegister
			}
		}
	}
	return shapeOther
}

// add keeps rec.
func (w *window) add(rec *klog.Record, head bool, known frameness) {
	if w.full = w.full || len(w.records) >= maxWindow || len(w.text)+len(rec.Text) > maxWindowText; w.full {
		return
	}
	if n := len(w.records); n > 0 && rec.Line == w.records[n-1].Line+2 {
		// An empty message is no record, but it was one of the sequence.
		w.records = append(w.records, klog.Record{Line: rec.Line - 1})
		w.shapes = append(w.shapes, shapeBlank)
	}
	own := *rec
	if w.host == nil || !bytes.Equal(w.host, rec.Host) {
		w.host = bytes.Clone(rec.Host)
	}
	if w.release == nil || !bytes.Equal(w.release, rec.Release) {
		w.release = bytes.Clone(rec.Release)
	}
	own.Host, own.Release = w.host, w.release // rec's are gone with the next line
	w.records = append(w.records, own)
	w.shapes = append(w.shapes, shapeOf(rec.Text, head, known))
	w.text = append(w.text, rec.Text...)
}

func (w *window) reset() {
	clear(w.records)
	w.records, w.shapes, w.text, w.full = w.records[:0], w.shapes[:0], w.text[:0], false
	w.host, w.release = nil, nil
}

// alternation returns the stretch of records in which two sequences alternate.
func (w *window) alternation() (from, to int, ok bool) {
	// The stretch with the greatest sum of gains.
	best, sum, start := 0, 0, 0
	for i := range w.shapes {
		if sum <= 0 {
			sum, start = 0, i
		}
		if sum += w.gain(i); sum > best {
			best, from, to = sum, start, i+3
		}
	}
	// What hardly speaks against it belongs to it too: a stretch of frames says
	// nothing, each end of a run in a single sequence a little.
	if w.gains(0, from) >= -maxAgainst {
		from = 0
	}
	if w.gains(to-2, len(w.shapes)) >= -maxAgainst {
		to = len(w.shapes)
	}
	return from, to, best >= minAlternation
}

// gain is how much better record i goes with the one after the next than with
// the next.
func (w *window) gain(i int) int {
	same := func(j int) int {
		if j < len(w.shapes) && w.shapes[i] == w.shapes[j] && w.shapes[i] != shapeHead && w.shapes[i] != shapeBlank {
			return 1
		}
		return 0
	}
	return same(i+2) - same(i+1)
}

func (w *window) gains(from, to int) int {
	sum := 0
	for i := max(from, 0); i < to; i++ {
		sum += w.gain(i)
	}
	return sum
}

// watch keeps rec for a later judgement, if its lines could be of two reports.
// before is how many reports had been opened before it.
func (p *Parser) watch(s *stream, rec *klog.Record, head bool, before int) {
	if rec.Caller != (klog.Caller{}) || p.split {
		return
	}
	if s.window == nil {
		s.window = p.mem.window()
		s.window.first = before
	}
	s.window.add(rec, head, p.asFrame)
}

// judge decides between the hypotheses, and reads the records of a stream again
// if they were of two sequences.
func (p *Parser) judge(s *stream) {
	w := s.window
	if w == nil {
		return
	}
	s.window = nil
	defer p.mem.putWindow(w)
	if w.full {
		return
	}
	from, to, ok := w.alternation()
	if !ok {
		return
	}
	parts := [2]*Parser{p.sequence(), p.sequence()}
	offset := 0
	for i := range w.records {
		rec := &w.records[i]
		n := len(rec.Text)
		if n == 0 {
			continue
		}
		rec.Text = w.text[offset : offset+n]
		offset += n
		which := 0
		switch {
		case i < from:
		case i < to:
			which = (i - from) & 1
		case w.shapes[i] == w.shapes[to-1] && w.shapes[to-1] != w.shapes[to-2]:
			which = (to - 1 - from) & 1
		default:
			which = (to - 2 - from) & 1
		}
		parts[which].Record(rec)
	}
	p.replace(keyOf(&w.records[0]), w.first, parts[:])
}

// replace puts the reports of parts in the place of those that the stream key
// has opened since serial number first.
func (p *Parser) replace(key streamKey, first int, parts []*Parser) {
	at := len(p.reports)
	for at > 0 && p.reports[at-1].serial >= first {
		at--
	}
	since := slices.Clone(p.reports[at:])
	p.reports = p.reports[:at]
	for _, b := range since {
		if b.key != key {
			p.reports = append(p.reports, b)
			continue
		}
		p.mem.drop(b)
	}
	for _, part := range parts {
		part.ending = p.ending
		part.closeAll()
		p.serial = max(p.serial, part.serial)
		for _, b := range part.reports {
			b.interleaved = true
			p.keep(b)
		}
	}
	p.lastNMI = nil
	slices.SortStableFunc(p.reports[at:], func(a, b *builder) int { return cmp.Compare(a.rep.Lines.First, b.rep.Lines.First) })
}

// sequence returns a parser for one of two sequences, in the state of p.
func (p *Parser) sequence() *Parser {
	q := &Parser{g: p.g, structure: p.structure, mem: p.mem, max: p.max, boots: p.boots, boot: p.boot, bootIndex: p.bootIndex,
		room: p.room, streams: map[streamKey]*stream{}, stamped: p.stamped, records: p.records, serial: p.serial, split: true}
	return q
}
