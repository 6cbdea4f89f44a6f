package klog

// isoLine decodes what starts with an ISO 8601 stamp.
func (r *Reader) isoLine(b []byte, t isoStamp) (int, shape) {
	if t.n >= len(b) || b[t.n] != ' ' && b[t.n] != '\t' && !callerAt(b[t.n:]) {
		return 0, bare
	}
	if t.frac == ',' && t.zone == ':' && t.sep == 'T' && r.rec.Transport != CI {
		r.rec.Wall = t.time
		r.carry(DmesgISO)
		r.fromPrintk()
		return t.n + r.behindStamp(b[t.n:]), opened
	}
	transport := Syslog3164 // rsyslog's high-precision file format
	if t.zone == '0' || t.frac == 0 {
		transport = Journal // -o short-iso, short-iso-precise
	}
	return r.stampedLine(b, t.n, t.time, transport)
}

// ciClock decodes the "16:29:06.123 " of ts(1), Jenkins and KernelCI.
func (r *Reader) ciClock(b []byte) (int, shape) {
	_, _, n := scanClock(b)
	if n == 0 || n >= len(b) || b[n] != ' ' && b[n] != '\t' {
		return 0, bare
	}
	r.carry(CI)
	return n + ciGap(b[n:]), wrapped
}

// ciBracket decodes "[2026-11-23T16:29:06.123Z] " and "[16:29:06] ".
func (r *Reader) ciBracket(b []byte) (int, shape) {
	if !isDigit(b[1]) || r.rec.HasTime {
		return 0, bare
	}
	t := scanISO(b[1:])
	n := t.n
	if n == 0 {
		_, _, n = scanClock(b[1:])
	}
	if n == 0 || 1+n >= len(b) || b[1+n] != ']' {
		return 0, bare
	}
	if r.rec.Wall.IsZero() {
		r.rec.Wall = t.time
	}
	n += 2
	r.carry(CI)
	return n + ciGap(b[n:]), wrapped
}

// ciGap returns the length of what separates a test system's stamp from the
// line it stands on: one blank, more in front of what is an envelope itself,
// and GitLab's stream mark ("00O ", "01E+").
func ciGap(b []byte) int {
	if len(b) == 0 || b[0] != ' ' && b[0] != '\t' {
		return 0
	}
	n := 1
	if len(b) >= 5 && isStreamMark(b[1:4]) && (b[4] == ' ' || b[4] == '+') {
		n = 5
	}
	k := n
	for k < len(b) && (b[k] == ' ' || b[k] == '\t') {
		k++
	}
	if k > n && k < len(b) {
		if _, m := scanStamp(b[k:]); m > 0 {
			return k
		}
		if _, m := scanPri(b[k:]); m > 0 {
			return k
		}
	}
	return n
}

// isStreamMark recognises GitLab's mark of a stream, its number and O for
// standard output or E for standard error.
func isStreamMark(b []byte) bool {
	return len(b) == 3 && unhex(b[0]) >= 0 && unhex(b[1]) >= 0 && (b[2] == 'O' || b[2] == 'E')
}
