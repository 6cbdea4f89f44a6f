package klog

// datagram decodes a line of a capture that wrote each datagram as Python
// prints bytes, b'6,1,0,-;text\n', and makes its content the line at work.
func (r *Reader) datagram(b []byte) (int, shape) {
	if len(b) < 4 || b[1] != '\'' && b[1] != '"' {
		return 0, bare
	}
	// Other programs print bytes too: a kernel's datagram begins with a
	// header, a priority or a stamp.
	if c := b[2]; !isDigit(c) && c != '<' && c != '[' {
		return 0, bare
	}
	quote := b[1]
	if b[len(b)-1] != quote && !r.ln.clipped {
		return 0, bare
	}
	end := len(b)
	if b[end-1] == quote {
		end--
	}
	if end <= 2 {
		return 0, silent
	}
	ln := &r.ln
	ln.datagram = true
	ln.decoded = len(ln.cuts) > 0
	ln.cuts = append(ln.cuts[:0], cut{0, 2})
	w := b[:0]
	for i := 2; i < end; i++ {
		c := b[i]
		if c != '\\' || i+1 >= end {
			w = append(w, c)
			continue
		}
		from := i
		i++
		switch c = b[i]; c {
		case 'n':
			c = '\n'
		case '\\', '\'', '"':
		default:
			// The byte has no byte of its own in the input.
			ln.decoded = true
			c = b[i]
			switch c {
			case 't':
				c = '\t'
			case 'r':
				c = '\r'
			case 'x':
				if i+2 < end {
					hi, lo := unhex(b[i+1]), unhex(b[i+2])
					if hi >= 0 && lo >= 0 {
						c = byte(hi<<4 | lo)
						i += 2
					}
				}
			}
		}
		ln.cuts = append(ln.cuts, cut{len(w), ln.cuts[len(ln.cuts)-1].removed + i - from})
		w = append(w, c)
	}
	if ln.decoded {
		w, ln.cuts = clean(w, ln.cuts)
	}
	ln.b, r.at = w, 0
	return 0, silent
}

// Bounds of the messages of which fragments are kept. The kernel's own limit
// of a message is 8 KiB.
const (
	maxFragmented = 16
	maxMessage    = 16 << 10
)

// A fragmented message is one that netconsole sent in several datagrams.
type fragmented struct {
	rec  Record // its Text is nil until the message is whole
	body []byte // of the full size, as sent: text and dictionary, escaped
	have []bool // by byte of body
	got  int
}

// fragment adds a fragment, and makes the record of the message once it is
// whole.
func (r *Reader) fragment(h kmsgHeader, text []byte) shape {
	rec := &r.rec
	if h.total > min(r.in.max, maxMessage) {
		r.kmsgText(text) // no kernel sends that; show what there is
		rec.Clipped = true
		return decoded
	}
	if r.seq.started && rec.Seq < r.seq.next && r.restarted(rec, text) {
		r.restart()
	}
	f := r.seq.fragmented(rec, h.total)
	if f == nil {
		return silent // a late fragment of a message that was given up
	}
	for i, c := range text[:min(len(text), h.total-h.offset)] {
		if k := h.offset + i; !f.have[k] {
			f.have[k] = true
			f.body[k] = c
			f.got++
		}
	}
	f.rec.Span.Start = min(f.rec.Span.Start, rec.Span.Start)
	f.rec.Span.End = max(f.rec.Span.End, rec.Span.End)
	// In a capture as text the message's own line end is the line's.
	onlyEnd := f.got == h.total-1 && !f.have[h.total-1] && !r.ln.datagram
	if f.got < h.total && !onlyEnd {
		return silent
	}
	r.rec = f.finish()
	r.seq.drop(f)
	return decoded
}

// finish makes the record of what there is of a fragmented message.
func (f *fragmented) finish() Record {
	rec := f.rec
	body := f.body[:0]
	for i, ok := range f.have {
		if ok {
			body = append(body, f.body[i])
		} else if i < len(f.have)-1 {
			rec.Clipped = true
		}
	}
	for i, c := range body {
		if c == '\n' {
			body = body[:i] // the dictionary follows
			break
		}
	}
	body, _ = unescapeHex(body)
	rec.Text, _ = clean(body, nil)
	rec.TextStart = -1
	return rec
}
