package klog

import (
	"math"
	"time"
)

// A shape says what stands at the start of a piece of input.
type shape uint8

const (
	bare    shape = iota // no envelope: the text starts here
	wrapped              // an envelope was peeled off; another may follow
	opened               // the last envelope was peeled off: the text starts here
	decoded              // rec.Text was made by the decoder
	silent               // no message in it
)

// piece decodes what is left of the line at work, or as much of it as is one
// message, into r.rec.
func (r *Reader) piece() verdict {
	ln := &r.ln
	start := r.at
	b := ln.b[start:]
	r.at = len(ln.b)
	if ln.datagram {
		// A datagram: its lines are one message each.
		if n := indexWithin(b, '\n', len(b)); n >= 0 {
			b = b[:n]
			r.at = start + n + 1
		}
	}
	r.rec = Record{
		Span:      Span{ln.off, ln.end},
		TextStart: -1,
		Line:      ln.no,
		Seq:       -1,
		Level:     -1,
		Facility:  -1,
		Clipped:   ln.clipped,
		Wall:      ln.wall,
		Transport: ln.carried,
	}
	rec := &r.rec
	if start > 0 && !ln.datagram {
		rec.Span.Start = ln.offset(start)
	}
	if len(b) == 0 {
		return isNote
	}
	if r.dict {
		if isDictionaryLine(b) {
			return isNote
		}
		r.dict = false
	}

	i := 0
peel:
	for range maxEnvelopes {
		n, s := r.envelope(b[i:])
		i += n
		switch s {
		case bare, opened:
			break peel
		case decoded:
			return isRecord
		case silent:
			if i < len(b) && n > 0 {
				r.at = start + i
			}
			return isNote
		}
		if i == len(b) {
			break
		}
	}
	if rec.Transport == Plain {
		i += r.continuation(b[i:])
	} else if rec.Transport != Journal {
		r.padding = 0
	}
	text := b[i:]
	if rec.Transport <= Console || rec.Transport == CI {
		if g := r.glued(text); g >= 0 {
			text = text[:g]
			r.at = start + i + g
			if start+i+g > 0 && len(text) > 0 && !ln.datagram {
				rec.Span.End = ln.offset(r.at)
			}
		}
	}
	r.setText(text)
	return isRecord
}

// setText makes text, the rest of the line at work or a prefix of that, the
// record's.
func (r *Reader) setText(text []byte) {
	at := cap(r.ln.b) - cap(text) // both end where the line's memory does
	r.rec.Text = text[:len(text):len(text)]
	if r.ln.contiguous(at, at+len(text)) {
		r.rec.TextStart = r.ln.offset(at)
	}
}

// carry notes the transport of the outermost envelope.
func (r *Reader) carry(t Transport) {
	if r.rec.Transport == Plain {
		r.rec.Transport = t
	}
}

// fromPrintk notes that printk wrote the line; a facility other than the
// kernel's says that user space handed it to printk.
func (r *Reader) fromPrintk() {
	r.rec.Origin = OriginKernel
	if r.rec.Facility > 0 {
		r.rec.Origin = OriginUser
	}
}

// setTime takes a time since boot, unless it is beyond what can be one.
func (r *Reader) setTime(us int64) {
	if us > math.MaxInt64/int64(time.Microsecond) {
		return
	}
	r.rec.Time = time.Duration(us) * time.Microsecond
	r.rec.HasTime = true
}

// envelope peels one envelope off the start of b. Its first byte decides which
// decoders are asked; each takes its own envelope only, whole and in the exact
// form its writer gives it.
func (r *Reader) envelope(b []byte) (n int, s shape) {
	if len(b) == 0 {
		return 0, bare
	}
	outermost := r.rec.Transport == Plain && r.rec.Level < 0
	switch c := b[0]; {
	case c == '[':
		return r.bracket(b)
	case c == '<':
		return r.priority(b)
	case isDigit(c):
		return r.number(b)
	case c == '*':
		return r.note(b)
	case c == 'b' && outermost && !r.ln.datagram:
		return r.datagram(b)
	case c == '{' || hasPrefix(b, `data: {`) || hasPrefix(b, `- {"dt": `):
		return r.object(b)
	case isLower(c) && outermost:
		return r.decodedPriority(b)
	case isUpper(c):
		return r.name(b)
	case c == '_' && outermost:
		return r.exported(b)
	case c == '-' && outermost && hasPrefix(b, "-- "):
		return r.separator(b)
	}
	return 0, bare
}

// bracket decodes what starts with '['.
func (r *Reader) bracket(b []byte) (int, shape) {
	if len(b) < 4 {
		return 0, bare
	}
	us, n := scanStamp(b)
	if n == 0 {
		us, n = scanLooseStamp(b)
	}
	if n > 0 {
		return r.printkStamp(b, us, n)
	}
	if n, s := r.dmesgBracket(b); s != bare {
		return n, s
	}
	if c, n := scanCaller(b); n >= len("[    T1]") && n < len(b) && b[n] == ' ' {
		// printk.time=0 keeps the caller.
		r.rec.Caller = c
		r.carry(Console)
		r.fromPrintk()
		return n + 1, opened
	}
	return r.ciBracket(b)
}

// printkStamp goes on behind printk's own stamp, which ends at n.
func (r *Reader) printkStamp(b []byte, us int64, n int) (int, shape) {
	if r.rec.Transport == Plain && r.rec.Level < 0 {
		if m, ok := r.monotonic(b[n:]); ok {
			// journalctl shows printk's time for kernel lines only; for
			// others it is when the journal got them, on the same clock.
			r.setTime(us)
			return n + m, opened
		}
	}
	r.setTime(us)
	r.fromPrintk()
	r.carry(Console)
	return n + r.behindStamp(b[n:]), opened
}

// behindStamp reads what may stand between a stamp and the text: the caller,
// which util-linux sets off with a blank, and one blank.
func (r *Reader) behindStamp(b []byte) int {
	i := 0
	if len(b) > 2 && (b[0] == '[' || b[0] == ' ' && b[1] == '[') {
		from := 0
		if b[0] == ' ' {
			from = 1
		}
		if callerAt(b[from:]) {
			c, n := scanCaller(b[from:])
			r.rec.Caller = c
			i = from + n
		}
	}
	if i < len(b) && b[i] == ' ' {
		i++
	}
	return i
}

// priority decodes what starts with '<': a syslog priority in front of a
// console line, a raw kernel line, or a syslog line.
func (r *Reader) priority(b []byte) (int, shape) {
	pri, n := scanPri(b)
	if n == 0 || r.rec.Level >= 0 {
		return 0, bare
	}
	r.rec.Level = int8(pri & 7)
	r.rec.Facility = int16(pri >> 3)
	rest := b[n:]
	if m, s := r.syslog5424(rest); s != bare {
		return n + m, s
	}
	if len(rest) > 0 && isUpper(rest[0]) && r.rec.Transport == Plain {
		if m, s := r.syslog3164(rest); s != bare {
			return n + m, s
		}
	}
	r.carry(Console)
	r.fromPrintk()
	if len(rest) > 0 && rest[0] == '[' {
		return n, wrapped
	}
	return n, opened
}

// number decodes what starts with a digit.
func (r *Reader) number(b []byte) (int, shape) {
	if n, s := r.kmsg(b); s != bare {
		return n, s
	}
	if r.rec.HasTime {
		return 0, bare
	}
	if hasPrefix(b, "1 ") && r.rec.Level < 0 {
		if n, s := r.syslog5424(b); s != bare {
			return n, s
		}
	}
	if t := scanISO(b); t.n > 0 {
		return r.isoLine(b, t)
	}
	if t, n := scanEpoch(b); n > 0 && n < len(b) && b[n] == ' ' {
		return r.stampedLine(b, n, t, Journal)
	}
	return r.ciClock(b)
}

// name decodes what starts with a capital letter.
func (r *Reader) name(b []byte) (int, shape) {
	if scanMonth(b) >= 0 {
		return r.syslog3164(b)
	}
	if scanWeekday(b) >= 0 {
		return r.weekday(b)
	}
	if r.rec.Transport == Plain && !r.ln.datagram {
		return r.dumpHeader(b)
	}
	return 0, bare
}
