package klog

import (
	"bytes"
	"io"
	"time"
)

// Options bound and steer a [Reader]. The zero value is ready to use.
type Options struct {
	// MaxLine is the longest line kept, in bytes; what is beyond is skipped
	// and the record is marked Clipped. 0 means 64 KiB; less than 256 counts
	// as 256.
	MaxLine int

	// Year completes wall times of transports that do not write the year, as
	// RFC 3164 syslog. With 0 such times are in year 0.
	Year int
}

// Stats counts what a Reader saw.
type Stats struct {
	Bytes      int64
	Lines      int64
	Records    int64
	Lost       int64 // records known to be lost, from sequence numbers and printk's own drop notes
	Clipped    int64 // lines longer than MaxLine
	Boots      int
	Transports map[Transport]int64 // records by transport
}

// Reader turns an input into records.
type Reader struct {
	in  block
	ln  line   // the physical line at work
	at  int    // what of ln.b is not decoded yet; len(ln.b) when all is
	rec Record // what Next returns

	// steady says that the next line may be tried on the fast path: nothing
	// is held back, and rec is what a console line before has left there.
	steady bool
	run    int // console lines in a row

	more      []byte   // further lines of a multi-line message
	moreAt    int64    // where they are in the input, or -1
	queue     []Record // held records that are due, oldest first
	queued    int      // index of the next of them
	seq       sequencer
	parts     dump
	dict      bool // kmsg "KEY=value" lines may follow
	scratch   []byte
	lost      int64 // to be told with the next record
	boot      bootTracker
	hosts     hostTable
	monoHost  []byte // host of a journalctl -o short-monotonic stream
	padding   int    // width of the last syslog or journal prefix, for continuation lines
	padOrigin Origin // of the line that had it
	bootID    []byte
	lastWall  time.Time // for dmesg's relative times
	year      int

	counts  [transports]int64
	records int64
	sumLost int64
	clipped int64
}

// NewReader returns a Reader of r.
func NewReader(r io.Reader, o Options) *Reader {
	rd := &Reader{}
	rd.Reset(r, o)
	return rd
}

// Reset makes r a Reader of in, as if it were new; of nil, one that holds
// nothing until the next Reset.
func (r *Reader) Reset(in io.Reader, o Options) {
	r.in.release()
	if in == nil {
		*r = Reader{}
		return
	}
	if o.MaxLine == 0 {
		o.MaxLine = defaultMaxLine
	}
	*r = Reader{in: newBlock(in, max(o.MaxLine, 256)), year: o.Year}
	r.seq.limit = 4 * r.in.max
}

// Stats reports what was read so far.
func (r *Reader) Stats() Stats {
	s := Stats{
		Bytes:      r.in.offset(),
		Lines:      int64(r.in.lines),
		Records:    r.records,
		Lost:       r.sumLost,
		Clipped:    r.clipped,
		Transports: make(map[Transport]int64),
	}
	if r.in.unended() {
		s.Lines++
	}
	if r.records > 0 {
		s.Boots = r.boot.index + 1
	}
	for t, n := range r.counts {
		if n > 0 {
			s.Transports[Transport(t)] = n
		}
	}
	return s
}

// Next returns the next record, or io.EOF after the last. Any other error is
// the input's own (a truncated archive, a limit): the records before it are
// good, and Next returns the error again if called again.
//
// Lines that hold no message are not records: empty ones, the dictionary lines
// of /dev/kmsg, pstore's part headers, and printk's notes on dropped messages,
// which are told by Record.Lost of the next record instead.
func (r *Reader) Next() (*Record, error) {
	if r.steady && r.consoleLine() {
		return &r.rec, nil
	}
	for {
		ok, err := r.step()
		if err != nil {
			return nil, err
		}
		if ok {
			r.settle()
			return &r.rec, nil
		}
	}
}

// consoleLine is the fast path: one clean line with printk's own stamp, in
// whole in the block, and nothing special about it. It reports false, with
// nothing consumed, for every other line. Of rec it sets only what differs
// between two such lines.
func (r *Reader) consoleLine() bool {
	b := r.in.buf[r.in.pos:r.in.end]
	if len(b) < 64 {
		return false
	}
	i, level, facility := 0, int8(-1), int16(-1)
	if b[0] == '<' && b[1]-'0' <= 7 && b[2] == '>' {
		i, level, facility = 3, int8(b[1]-'0'), 0
	}
	us, n := scanStamp(b[i:])
	if n == 0 || us < r.boot.last {
		return false
	}
	i += n
	var caller Caller
	if b[i] == '[' {
		caller, n = scanCaller(b[i:])
		i += n
	}
	if i >= len(b)-1 || b[i] != ' ' {
		return false
	}
	i++
	if b[i] == '[' && caller.Kind == CallerNone {
		// util-linux sets the caller off with a blank.
		if c, n := scanCaller(b[i:]); n > 0 && i+n+1 < len(b) && b[i+n] == ' ' {
			caller = c
			i += n + 1
		}
	}
	n = indexControl(b[i:])
	if n <= 0 {
		return false
	}
	end := i + n + 1
	if b[i+n] == '\r' && end < len(b) {
		end++
	}
	if b[end-1] != '\n' || end == len(b) || b[end] == '*' || end > r.in.max || b[i] == 'L' {
		return false
	}
	text := b[i : i+n : i+n]
	for g := bytes.IndexByte(text, '['); g >= 0; {
		if c := b[i+g+1]; c == ' ' || isDigit(c) {
			if _, n := scanStamp(text[g:]); n > 0 {
				return false
			}
		}
		d := bytes.IndexByte(text[g+1:], '[')
		if d < 0 {
			break
		}
		g += d + 1
	}

	off := r.in.offset()
	r.in.pos += end
	r.in.lines++
	r.boot.last = us
	r.records++
	r.counts[Console]++
	rec := &r.rec
	rec.Text = text
	rec.Span = Span{off, off + int64(end)}
	rec.TextStart = off + int64(i)
	rec.Line = r.in.lines
	rec.Time = time.Duration(us) * time.Microsecond
	rec.Caller = caller
	rec.Level = level
	rec.Facility = facility
	return true
}

// settle accounts for the record about to be returned and decides whether the
// next line may be tried on the fast path.
func (r *Reader) settle() {
	rec := &r.rec
	r.records++
	r.counts[rec.Transport]++
	if rec.Clipped {
		r.clipped++
	}
	rec.Lost += r.lost
	r.lost = 0
	plain := rec.Transport == Console && rec.HasTime && rec.Origin == OriginKernel && rec.Wall.IsZero()
	if !plain {
		r.run = 0
		r.steady = false
		return
	}
	r.run++
	r.steady = r.run > hostLookahead && r.at >= len(r.ln.b) && len(r.more) == 0 && r.queued == len(r.queue) &&
		r.monoHost == nil && !r.parts.open() && !r.dict && rec.Lost == 0 && !rec.Clipped
}
