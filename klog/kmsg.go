package klog

import (
	"bytes"
	"slices"
)

// A kmsgHeader is the part of a /dev/kmsg record in front of ';'.
type kmsgHeader struct {
	pri    uint64
	seq    uint64
	us     uint64
	flag   byte
	caller Caller
	offset int // of a netconsole fragment
	total  int // 0 where the record is whole
	n      int // length, ';' included; 0 where there is no header
}

// maxHeader bounds the length of a header; the kernel's own is below 200.
const maxHeader = 320

// scanKmsg reads "6,339,5140900,-[,key=value...];".
func scanKmsg(b []byte) (h kmsgHeader) {
	var d int
	i := 0
	for _, field := range [...]*uint64{&h.pri, &h.seq, &h.us} {
		*field, d = scanUint(b[i:], 18)
		i += d
		if d == 0 || i >= len(b) || b[i] != ',' {
			return kmsgHeader{}
		}
		i++
	}
	if h.pri > 0x7fff || i+1 >= len(b) || b[i] != '-' && b[i] != 'c' && b[i] != '+' {
		return kmsgHeader{}
	}
	h.flag = b[i]
	i++
	for b[i] == ',' {
		end := slices.IndexFunc(b[i+1:min(len(b), maxHeader)], func(c byte) bool { return c == ',' || c == ';' })
		if end < 0 {
			return kmsgHeader{}
		}
		h.option(b[i+1 : i+1+end])
		i += 1 + end
	}
	if b[i] != ';' {
		return kmsgHeader{}
	}
	h.n = i + 1
	return h
}

func (h *kmsgHeader) option(kv []byte) {
	key, value, _ := bytes.Cut(kv, []byte{'='})
	switch string(key) {
	case "caller":
		h.caller = parseCaller(value)
	case "ncfrag":
		offset, n := scanUint(value, 7)
		if n > 0 && n < len(value) && value[n] == '/' {
			if total, _ := scanUint(value[n+1:], 7); total > 0 && offset < total {
				h.offset, h.total = int(offset), int(total)
			}
		}
	}
}

// parseCaller reads "T123" or "C1".
func parseCaller(b []byte) (c Caller) {
	if len(b) < 2 {
		return c
	}
	id, n := scanUint(b[1:], 10)
	if n != len(b)-1 || id > 1<<32-1 {
		return c
	}
	switch b[0] {
	case 'T':
		return Caller{CallerTask, uint32(id)}
	case 'C':
		return Caller{CallerCPU, uint32(id)}
	}
	return c
}

// scanRelease reads the "6.1.0-56-amd64," that netconsole may put in front of
// its header.
func scanRelease(b []byte) (release []byte, n int) {
	n = indexWithin(b, ',', 80)
	if n <= 0 || !isDigit(b[0]) || bytes.IndexByte(b[:n], '.') < 0 {
		return nil, 0
	}
	for _, c := range b[:n] {
		if c <= ' ' || c == ':' || c == ';' || c == '[' {
			return nil, 0
		}
	}
	return b[:n], n + 1
}

// kmsg decodes a /dev/kmsg record or a datagram of extended netconsole.
func (r *Reader) kmsg(b []byte) (int, shape) {
	rec := &r.rec
	h := scanKmsg(b)
	n := h.n
	if n == 0 {
		release, m := scanRelease(b)
		if m == 0 {
			return 0, bare
		}
		if h = scanKmsg(b[m:]); h.n == 0 {
			return 0, bare
		}
		rec.Release = release
		n = m + h.n
	}
	r.carry(Kmsg)
	if rec.Release != nil || h.total > 0 || r.ln.datagram {
		rec.Transport = Netconsole
	}
	rec.Level = int8(h.pri & 7)
	rec.Facility = int16(h.pri >> 3)
	rec.Seq = int64(h.seq)
	rec.Caller = h.caller
	rec.Cont = h.flag != '-'
	r.setTime(int64(h.us))
	r.fromPrintk()
	r.dict = true
	if h.total > 0 {
		return len(b), r.fragment(h, b[n:])
	}
	r.kmsgText(b[n:])
	return len(b), decoded
}

// kmsgText makes the record's text of a kmsg message, which is escaped.
func (r *Reader) kmsgText(text []byte) {
	plain, changed := unescapeHex(text)
	if changed {
		r.rec.Text, _ = clean(plain, nil)
		return
	}
	r.setText(text)
}

// isDictionaryLine recognises the " SUBSYSTEM=pci" lines behind a kmsg record,
// and the user data that netconsole adds.
func isDictionaryLine(b []byte) bool {
	if b[0] != ' ' {
		return false
	}
	for i, c := range b[1:] {
		if c == '=' {
			return i > 0
		}
		if !isUpper(c) && !isLower(c) && !isDigit(c) && c != '_' && c != '/' && c != '-' && c != '.' {
			return false
		}
	}
	return false
}
