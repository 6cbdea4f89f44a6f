package klog

import (
	"unicode/utf16"
	"unicode/utf8"
)

// object decodes a JSON object on one line: an entry of journalctl -o json, or
// a line of LAVA's log, - {"dt": "...", "lvl": "target", "msg": "..."}. The
// scanner takes what such writers produce and stops where the line was cut; it
// does not judge the rest.
func (r *Reader) object(b []byte) (int, shape) {
	start := indexWithin(b, '{', 8)
	if start < 0 {
		return 0, bare
	}
	var f journalFields
	var dt, lvl, msg []byte
	s := jsonScanner{b: b, i: start + 1}
	for s.key() {
		name := s.name
		value := s.value()
		if into := f.field(name); into != nil {
			*into = value
			continue
		}
		switch string(name) {
		case "dt":
			dt = value
		case "lvl":
			lvl = value
		case "msg":
			msg = value
		}
	}
	if f.realtime != nil || f.message != nil && (f.transport != nil || f.identifier != nil || f.priority != nil) {
		for _, v := range [...]*[]byte{&f.realtime, &f.monotonic, &f.priority, &f.facility, &f.transport, &f.identifier, &f.host, &f.boot} {
			*v = unquote(*v)
		}
		f.message, f.at = r.jsonMessage(f.message)
		r.entry(&f, JournalJSON)
		return len(b), decoded
	}
	if dt == nil || lvl == nil || msg == nil {
		return 0, bare
	}
	wall := scanISO(unquote(dt)).time
	if text := unquote(lvl); string(text) != "target" && string(text) != "feedback" {
		// The dispatcher's own words.
		r.rec.Wall = wall
		r.rec.Origin = OriginUser
		r.carry(CI)
		r.rec.Text, _ = clean(jsonText(msg), nil)
		return len(b), decoded
	}
	// What the machine wrote is the line at work now.
	ln := &r.ln
	ln.wall, ln.carried = wall, CI
	ln.b, _ = clean(jsonText(msg), nil)
	ln.datagram, ln.decoded = true, true
	r.at = 0
	return 0, silent
}

// jsonMessage decodes a message and returns where it is in the input, -1 where
// it was written in another way there.
func (r *Reader) jsonMessage(v []byte) (text []byte, at int64) {
	from := cap(r.ln.b) - cap(v) + 1 // behind the quote
	text = jsonText(v)
	escaped := len(v) == 0 || v[0] != '"' || len(text) < len(v)-2
	if escaped || !r.ln.contiguous(from, from+len(text)) {
		return text, -1
	}
	return text, r.ln.offset(from)
}

// A jsonScanner walks over the members of one object.
type jsonScanner struct {
	b    []byte
	i    int
	name []byte // of the member at work, without quotes
}

func (s *jsonScanner) blank() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\t' || s.b[s.i] == ',') {
		s.i++
	}
}

// key moves to the next member's value.
func (s *jsonScanner) key() bool {
	s.blank()
	if s.i >= len(s.b) || s.b[s.i] != '"' {
		return false
	}
	from := s.i + 1
	if !s.skipString() {
		return false
	}
	s.name = s.b[from : s.i-1]
	s.blank()
	if s.i >= len(s.b) || s.b[s.i] != ':' {
		return false
	}
	s.i++
	s.blank()
	return true
}

// value returns the value's raw bytes and moves behind it; where the line was
// cut, as much as there is.
func (s *jsonScanner) value() []byte {
	from := s.i
	depth := 0
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case '"':
			s.skipString()
			if depth == 0 {
				return s.b[from:s.i]
			}
			continue
		case '[', '{':
			depth++
		case ']', '}':
			if depth == 0 {
				return s.b[from:s.i]
			}
			if depth--; depth == 0 {
				s.i++
				return s.b[from:s.i]
			}
		case ',':
			if depth == 0 {
				return s.b[from:s.i]
			}
		}
		s.i++
	}
	return s.b[from:]
}

// skipString moves behind the string that starts here, or to the end of the
// input and reports false.
func (s *jsonScanner) skipString() bool {
	for s.i++; s.i < len(s.b); s.i++ {
		switch s.b[s.i] {
		case '\\':
			s.i++
		case '"':
			s.i++
			return true
		}
	}
	s.i = len(s.b)
	return false
}

// unquote takes the quotes off a short value that holds no escapes.
func unquote(v []byte) []byte {
	if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
		return v[1 : len(v)-1]
	}
	return v
}

// jsonText decodes, in place, a text: a string, or the array of numbers by
// which journalctl writes bytes that are not UTF-8. null, which stands for a
// text that journalctl found too long, gives nothing.
func jsonText(v []byte) []byte {
	if len(v) == 0 {
		return nil
	}
	switch v[0] {
	case '[':
		return jsonBytes(v)
	case '"':
		return jsonString(v[1:])
	}
	return nil
}

func jsonBytes(v []byte) []byte {
	w := 0
	for i := 1; i < len(v); {
		n, d := scanUint(v[i:], 3)
		if d == 0 {
			i++
			continue
		}
		i += d
		v[w] = byte(n)
		w++
	}
	return v[:w]
}

// jsonString decodes up to the closing quote.
func jsonString(v []byte) []byte {
	w := 0
	for i := 0; i < len(v); i++ {
		c := v[i]
		if c == '"' {
			break
		}
		if c != '\\' || i+1 >= len(v) {
			v[w] = c
			w++
			continue
		}
		i++
		switch c = v[i]; c {
		case 'n':
			c = '\n'
		case 't':
			c = '\t'
		case 'r':
			c = '\r'
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'u':
			u, ok := hex4(v[i+1:])
			if !ok {
				break
			}
			i += 4
			if utf16.IsSurrogate(u) && i+6 < len(v) && v[i+1] == '\\' && v[i+2] == 'u' {
				if low, ok := hex4(v[i+3:]); ok {
					u = utf16.DecodeRune(u, low)
					i += 6
				}
			}
			// Never longer than the escape it comes from.
			w += utf8.EncodeRune(v[w:w+utf8.UTFMax], u)
			continue
		}
		v[w] = c
		w++
	}
	return v[:w]
}

func hex4(b []byte) (u rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		h := unhex(c)
		if h < 0 {
			return 0, false
		}
		u = u<<4 | rune(h)
	}
	return u, true
}
