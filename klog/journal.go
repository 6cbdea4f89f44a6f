package klog

import (
	"bytes"
	"time"
)

// pad remembers the width of a syslog or journal prefix: journalctl indents
// the further lines of a message by it.
func (r *Reader) pad(n int) {
	if r.ln.datagram || n < 0 {
		n = 0
	}
	r.padding = n
}

// continuation recognises journalctl's indented further lines of a message,
// and returns the length of the indentation.
func (r *Reader) continuation(b []byte) int {
	n := r.padding
	if n == 0 {
		return 0
	}
	if len(b) <= n || len(bytes.TrimLeft(b[:n], " ")) > 0 {
		r.padding = 0
		return 0
	}
	r.rec.Transport = Journal
	r.rec.Origin = r.padOrigin
	return n
}

// weekday decodes journalctl -o short-full, "Mon 2026-11-23 16:29:06 UTC host
// kernel: text", and the stamp of ctime(3), as logread writes it.
func (r *Reader) weekday(b []byte) (int, shape) {
	if t, n := scanCtime(b); n > 0 && n < len(b) && b[n] == ' ' {
		return r.stampedLine(b, n, t, Syslog3164)
	}
	if len(b) < 5 || b[3] != ' ' {
		return 0, bare
	}
	t := scanISO(b[4:])
	n := 4 + t.n
	if t.n == 0 || t.sep != ' ' || n >= len(b) || b[n] != ' ' {
		return 0, bare
	}
	zone := indexWithin(b[n+1:], ' ', 8)
	if zone < 1 {
		return 0, bare
	}
	return r.stampedLine(b, n+1+zone, t.time, Journal)
}

// monotonic decodes journalctl -o short-monotonic, whose stamp is the same as
// printk's: " host kernel: text". The host must show up again in the lines
// that follow, or have done so before.
func (r *Reader) monotonic(b []byte) (n int, ok bool) {
	if r.monoHost == nil && r.run > hostLookahead || len(b) < 2 || b[0] != ' ' {
		return 0, false
	}
	host, m := scanHost(b[1:])
	if m == 0 {
		return 0, false
	}
	g := scanTag(b[1+m:])
	if g.n == 0 {
		return 0, false
	}
	if !bytes.Equal(host, r.monoHost) {
		if !g.kernel() && !g.pid || !r.announced(host) {
			return 0, false
		}
		r.monoHost = append(r.monoHost[:0], host...)
	}
	r.rec.Host = host
	r.carry(Journal)
	r.rec.Origin = OriginUser
	if g.kernel() {
		r.rec.Origin = OriginKernel
	}
	r.padOrigin = r.rec.Origin
	r.pad(cap(r.ln.b) - cap(b) + 1 + m + g.n)
	return 1 + m + g.n, true
}

// separator decodes what journalctl itself says between the lines:
// "-- Boot 6b1f... --", "-- Reboot --", "-- Logs begin at ...".
func (r *Reader) separator(b []byte) (int, shape) {
	says := b[len("-- "):]
	for _, boot := range [...]string{"Boot ", "Reboot --"} {
		if hasPrefix(says, boot) {
			r.boot.advance()
			r.bootID = r.bootID[:0]
			return 0, silent
		}
	}
	for _, s := range [...]string{"Logs begin at ", "Journal begins at ", "No entries --", "cursor: "} {
		if hasPrefix(says, s) {
			return 0, silent
		}
	}
	return 0, bare
}

// journalFields are the fields of one journal entry that a record is made of.
// The slices are valid as long as the buffer they were found in.
type journalFields struct {
	message    []byte
	at         int64  // where the message is in the input, -1 where its bytes are not there as they are
	realtime   []byte // microseconds since 1970
	monotonic  []byte // of the source: printk's own time
	priority   []byte
	facility   []byte
	transport  []byte
	identifier []byte
	host       []byte
	boot       []byte
}

// field returns where the value of a field goes, or nil.
func (f *journalFields) field(name []byte) *[]byte {
	switch string(name) {
	case "MESSAGE":
		return &f.message
	case "__REALTIME_TIMESTAMP":
		return &f.realtime
	case "_SOURCE_MONOTONIC_TIMESTAMP":
		return &f.monotonic
	case "PRIORITY":
		return &f.priority
	case "SYSLOG_FACILITY":
		return &f.facility
	case "_TRANSPORT":
		return &f.transport
	case "SYSLOG_IDENTIFIER":
		return &f.identifier
	case "_HOSTNAME":
		return &f.host
	case "_BOOT_ID":
		return &f.boot
	}
	return nil
}

// entry makes the record of a journal entry.
func (r *Reader) entry(f *journalFields, t Transport) {
	rec := &r.rec
	r.carry(t)
	if us, n := scanUint(f.realtime, 17); n > 0 && n == len(f.realtime) {
		rec.Wall = time.UnixMicro(int64(us)).UTC()
	}
	if v, n := scanUint(f.priority, 1); n == 1 && v <= 7 {
		rec.Level = int8(v)
	}
	if v, n := scanUint(f.facility, 4); n > 0 {
		rec.Facility = int16(v)
	}
	if len(f.host) > 0 {
		rec.Host = f.host
	}
	if len(f.boot) > 0 && !bytes.Equal(f.boot, r.bootID) {
		if len(r.bootID) > 0 {
			r.boot.advance()
		}
		r.bootID = append(r.bootID[:0], f.boot[:min(len(f.boot), 64)]...)
	}
	kernel := string(f.transport) == "kernel" || len(f.transport) == 0 && string(f.identifier) == "kernel"
	var cuts []cut
	rec.Text, cuts = clean(f.message, nil)
	if len(cuts) == 0 {
		rec.TextStart = f.at
	}
	if !kernel {
		rec.Origin = OriginUser
		r.missed(rec.Text)
		return
	}
	rec.Origin = OriginKernel
	if us, n := scanUint(f.monotonic, 17); n > 0 && n == len(f.monotonic) {
		r.setTime(int64(us))
	} else if us, n := scanStamp(rec.Text); n > 0 {
		r.setTime(us)
		n += r.behindStamp(rec.Text[n:])
		rec.Text = rec.Text[n:]
		if rec.TextStart >= 0 {
			rec.TextStart += int64(n)
		}
	}
}
