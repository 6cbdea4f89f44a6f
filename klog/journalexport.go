package klog

import "encoding/binary"

// maxExportField is the longest binary field that is believed; journald itself
// refuses longer ones. A length beyond it means that the input is no export.
const maxExportField = 768 << 20

// exported decodes a block of journalctl -o export: "FIELD=value" lines, or
// "FIELD" and a binary value behind its length, up to an empty line.
func (r *Reader) exported(b []byte) (int, shape) {
	if !hasPrefix(b, "__CURSOR=") && !hasPrefix(b, "__REALTIME_TIMESTAMP=") && !hasPrefix(b, "__MONOTONIC_TIMESTAMP=") {
		return 0, bare
	}
	f := journalFields{at: -1}
	if r.scratch == nil {
		r.scratch = make([]byte, 0, 2*r.in.max)
	}
	r.scratch = r.scratch[:0]
	r.exportField(&f, b)
	for {
		if !r.nextRaw(&r.ln) {
			r.ln.b, r.at = nil, 0
			break
		}
		r.at = 0
		line := r.ln.b
		if len(line) == 0 {
			break
		}
		r.rec.Clipped = r.rec.Clipped || r.ln.clipped
		if r.exportField(&f, line) {
			r.rec.Span.End = r.ln.end
			r.at = len(line)
			continue
		}
		name := fieldName(line)
		if name < len(line) || r.parts.open() || !r.binaryField(&f, line) {
			// Not a part of the block: the next line to decode.
			if r.ln.dirty {
				r.ln.b, r.ln.cuts = clean(r.ln.b, r.ln.cuts)
				r.ln.dirty = false
			}
			break
		}
		r.ln.b, r.at = nil, 0
		r.rec.Span.End = r.in.offset()
	}
	r.entry(&f, JournalExport)
	return len(b), decoded
}

// fieldName returns the length of the field name at the start of b.
func fieldName(b []byte) int {
	n := 0
	for n < len(b) && (isUpper(b[n]) || isDigit(b[n]) || b[n] == '_') {
		n++
	}
	return n
}

// exportField takes a "FIELD=value" line, and reports whether b is one. Values
// are copied, for the block moves on before the entry is complete.
func (r *Reader) exportField(f *journalFields, b []byte) bool {
	n := fieldName(b)
	if n == 0 || n >= len(b) || b[n] != '=' {
		return false
	}
	if into := f.field(b[:n]); into != nil {
		r.keepField(into, b[n+1:])
		if into == &f.message {
			f.at = r.ln.offset(n + 1)
		}
	}
	return true
}

func (r *Reader) keepField(into *[]byte, value []byte) {
	// A field may occur more than once; the scratch stays bounded, and where
	// it is, for the values are slices of it.
	if room := cap(r.scratch) - len(r.scratch); len(value) > room {
		value = value[:room]
		r.rec.Clipped = true
	}
	at := len(r.scratch)
	r.scratch = append(r.scratch, value...)
	*into = r.scratch[at:]
}

// binaryField takes the value behind a line that holds a field's name alone.
func (r *Reader) binaryField(f *journalFields, name []byte) bool {
	into := f.field(name)
	head := r.in.peek(8)
	if len(head) < 8 {
		return false
	}
	size := binary.LittleEndian.Uint64(head)
	if size > maxExportField {
		return false
	}
	at, limit := len(r.scratch), 0
	if into != nil {
		limit = min(cap(r.scratch), at+r.in.max)
	}
	r.in.skip(8)
	if into == &f.message {
		f.at = r.in.offset()
	}
	var whole bool
	r.scratch, whole = r.in.raw(r.scratch, int64(size), limit)
	if into != nil {
		*into = r.scratch[at:]
		whole = whole && uint64(len(*into)) == size
	}
	if !whole {
		r.rec.Clipped = true
	}
	if end := r.in.peek(1); len(end) == 1 && end[0] == '\n' {
		r.in.skip(1)
	}
	return true
}
