package klog

import (
	"bytes"
	"time"
)

// hostLookahead is how many lines are looked at to learn whether a word is a
// host's name.
const hostLookahead = 32

// A hostTable remembers the hosts that have proved to write syslog lines. The
// layout "stamp host tag: text" alone proves nothing: "16:29:06 ACPI PCI: text"
// looks the same.
type hostTable struct {
	known  [][]byte // at most maxHosts
	next   int      // the one to be replaced
	denied []byte
}

// maxHosts bounds how many hosts are remembered.
const maxHosts = 8

func (t *hostTable) has(host []byte) bool {
	for _, k := range t.known {
		if bytes.Equal(k, host) {
			return true
		}
	}
	return false
}

func (t *hostTable) add(host []byte) {
	switch {
	case len(host) == 0 || t.has(host):
	case len(t.known) < maxHosts:
		t.known = append(t.known, bytes.Clone(host))
	default:
		t.known[t.next] = append(t.known[t.next][:0], host...)
		t.next = (t.next + 1) % maxHosts
	}
}

// A tag is what stands in front of a syslog message: "kernel:", "sshd[123]:".
type tag struct {
	name []byte
	pid  bool
	n    int // length with the colon and one blank; 0 where there is no tag
}

func (t tag) kernel() bool { return string(t.name) == "kernel" }

func scanTag(b []byte) (t tag) {
	i := 0
	for i < len(b) && i < 64 && isTagByte(b[i]) {
		i++
	}
	if i == 0 || i == len(b) {
		return t
	}
	t.name = b[:i]
	if b[i] == '[' {
		_, d := scanUint(b[i+1:], 10)
		i += 1 + d
		if d == 0 || i >= len(b) || b[i] != ']' {
			return tag{}
		}
		t.pid = true
		i++
	}
	if i >= len(b) || b[i] != ':' {
		return tag{}
	}
	i++
	if i < len(b) {
		if b[i] != ' ' {
			return tag{}
		}
		i++
	}
	t.n = i
	return t
}

func isTagByte(c byte) bool {
	return isLower(c) || isUpper(c) || isDigit(c) || c == '_' || c == '-' || c == '.' || c == '/' || c == '@' || c == '(' || c == ')' || c == '+'
}

// scanHost reads a host name or address and the blank behind it.
func scanHost(b []byte) (host []byte, n int) {
	i := 0
	for i < len(b) && i < 255 && (isLower(b[i]) || isUpper(b[i]) || isDigit(b[i]) || b[i] == '-' || b[i] == '.' || b[i] == '_' || b[i] == ':' || b[i] == '%') {
		i++
	}
	if i == 0 || i >= len(b) || b[i] != ' ' || b[i-1] == ':' {
		return nil, 0
	}
	if _, _, n := scanClock(b); n > 0 {
		return nil, 0 // another stamp, not an address
	}
	return b[:i], i + 1
}

// scanSelector reads the "kern.err " of busybox's syslogd and logread.
func scanSelector(b []byte) (facility, level, n int) {
	end := indexWithin(b, ' ', 20)
	if end < 0 {
		return 0, 0, 0
	}
	f, l, ok := bytes.Cut(b[:end], []byte{'.'})
	if !ok {
		return 0, 0, 0
	}
	facility, level = lookup(facilityNames[:], f), lookup(levelNames[:], l)
	if facility < 0 || level < 0 {
		return 0, 0, 0
	}
	return facility, level, end + 1
}

// tagged decodes "host tag[pid]: text" behind a stamp. It reports false, with
// nothing noted, where that is not proved: by the kernel's tag, by a process
// ID, by the host being known or showing up so in the lines that follow.
func (r *Reader) tagged(b []byte, t Transport) bool {
	host, at := scanHost(b)
	if isStreamMark(host) {
		return false
	}
	facility, level, sel := scanSelector(b)
	if sel > 0 {
		host, at = nil, sel // no host, as logread
	} else if at > 0 {
		if facility, level, sel = scanSelector(b[at:]); sel > 0 {
			at += sel
		}
	}
	g := scanTag(b[at:])
	kernel := g.kernel()
	switch {
	case g.n == 0:
		// Without a tag: a syslog server's file of netconsole datagrams.
		if at == 0 {
			if g = scanTag(b); g.n == 0 || !g.kernel() {
				return false
			}
			kernel = true
			break
		}
		if _, n := scanStamp(b[at:]); n == 0 {
			return false
		}
		kernel = true
	case at == 0 && !kernel:
		return false
	case kernel || g.pid || sel > 0 || r.hosts.has(host):
	case !r.announced(host):
		return false
	}
	r.hosts.add(host)
	rec := &r.rec
	rec.Host = host
	if sel > 0 {
		rec.Facility, rec.Level = int16(facility), int8(level)
	}
	r.carry(t)
	r.message(b[at+g.n:], kernel)
	return true
}

// announced looks ahead for a line that proves host to be one.
func (r *Reader) announced(host []byte) bool {
	if len(host) == 0 || bytes.Equal(host, r.hosts.denied) {
		return false
	}
	ahead := r.in.ahead()
	for range hostLookahead {
		l, rest, ok := bytes.Cut(ahead, []byte{'\n'})
		if !ok {
			break
		}
		ahead = rest
		head := l[:min(len(l), 320)]
		i := bytes.Index(head, host)
		if i < 1 || head[i-1] != ' ' || i+len(host) >= len(head) || head[i+len(host)] != ' ' {
			continue
		}
		if g := scanTag(head[i+len(host)+1:]); g.n > 0 && (g.kernel() || g.pid) {
			return true
		}
	}
	r.hosts.denied = append(r.hosts.denied[:0], host...)
	return false
}

// message makes the record's text of a syslog or journal message, which may
// still carry printk's stamp and caller.
func (r *Reader) message(text []byte, kernel bool) {
	rec := &r.rec
	r.pad(cap(r.ln.b) - cap(text))
	if !kernel {
		rec.Origin = OriginUser
		r.padOrigin = OriginUser
		r.missed(text)
		r.setText(text)
		return
	}
	rec.Origin, r.padOrigin = OriginKernel, OriginKernel
	us, n := scanStamp(text)
	if n == 0 {
		us, n = scanLooseStamp(text)
	}
	if n > 0 {
		r.setTime(us)
		n += r.behindStamp(text[n:])
	}
	text = text[n:]
	if rec.Transport == Syslog3164 {
		if plain, changed := unescapeOctal(text); changed {
			rec.Text, _ = clean(plain, nil)
			return
		}
	}
	r.setText(text)
}

// unescapeOctal decodes, in place, the "#011" by which rsyslog writes control
// characters.
func unescapeOctal(b []byte) ([]byte, bool) {
	i := bytes.Index(b, []byte("#0"))
	if i < 0 {
		return b, false
	}
	w, changed := i, false
	for i < len(b) {
		if b[i] == '#' && i+3 < len(b) && b[i+1] == '0' && b[i+2]-'0' <= 3 && b[i+3]-'0' <= 7 {
			b[w] = (b[i+2]-'0')<<3 | (b[i+3] - '0')
			i += 4
			changed = true
		} else {
			b[w] = b[i]
			i++
		}
		w++
	}
	return b[:w], changed
}

// missed accounts for journald's note on kernel messages it did not get.
func (r *Reader) missed(text []byte) {
	if !hasPrefix(text, "Missed ") {
		return
	}
	if v, d := scanUint(text[7:], 18); d > 0 && string(text[7+d:]) == " kernel messages" {
		r.lose(int64(v))
	}
}

// syslog3164 decodes "Nov 23 16:29:06 host kernel: text". The same stamp comes
// from ts(1) in front of a console line and from journalctl.
func (r *Reader) syslog3164(b []byte) (int, shape) {
	t, frac, n := scanBSD(b, r.year)
	if n == 0 || n >= len(b) || b[n] != ' ' {
		return 0, bare
	}
	transport := Syslog3164
	if frac != 0 {
		transport = Journal // -o short-precise
	}
	return r.stampedLine(b, n, t, transport)
}

// stampedLine goes on behind a calendar stamp that ends at n: with a syslog or
// journal line if it is one, else with what a test system put the stamp on.
func (r *Reader) stampedLine(b []byte, n int, t time.Time, transport Transport) (int, shape) {
	if r.rec.Wall.IsZero() {
		r.rec.Wall = t
	}
	if r.rec.Transport == Plain || r.rec.Transport == CI {
		if r.tagged(b[n+1:], transport) {
			return len(b), decoded
		}
	}
	r.carry(CI)
	return n + ciGap(b[n:]), wrapped
}

// syslog5424 decodes "1 2026-11-23T16:29:06.123Z host kernel - - - text"
// behind the priority.
func (r *Reader) syslog5424(b []byte) (int, shape) {
	if !hasPrefix(b, "1 ") || len(b) < 4 {
		return 0, bare
	}
	i := 2
	var wall time.Time
	if b[i] == '-' && b[i+1] == ' ' {
		i += 2
	} else {
		t := scanISO(b[i:])
		if t.n == 0 || t.zone == 0 || i+t.n >= len(b) || b[i+t.n] != ' ' {
			return 0, bare
		}
		wall = t.time
		i += t.n + 1
	}
	var field [4][]byte // host, application, process, message ID
	for f := range field {
		n := indexWithin(b[i:], ' ', 256)
		if n <= 0 {
			return 0, bare
		}
		field[f] = b[i : i+n]
		i += n + 1
	}
	n := structuredData(b[i:])
	if n == 0 {
		return 0, bare
	}
	i += n
	if i < len(b) {
		if b[i] != ' ' {
			return 0, bare
		}
		i++
	}
	if hasPrefix(b[i:], "\xef\xbb\xbf") {
		i += 3
	}
	r.rec.Wall = wall
	if string(field[0]) != "-" {
		r.rec.Host = field[0]
	}
	r.carry(Syslog5424)
	app := field[1]
	kernel := string(app) == "kernel" || string(app) == "-" && r.rec.Facility == 0
	r.message(b[i:], kernel)
	return len(b), decoded
}

// structuredData returns the length of RFC 5424's "-" or "[id name="value"]...".
func structuredData(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	if b[0] == '-' {
		return 1
	}
	i := 0
	for i < len(b) && b[i] == '[' {
		quoted := false
		for i++; i < len(b); i++ {
			c := b[i]
			if quoted && c == '\\' {
				i++
			} else if c == '"' {
				quoted = !quoted
			} else if c == ']' && !quoted {
				break
			}
		}
		if i >= len(b) {
			return 0
		}
		i++
	}
	return i
}
