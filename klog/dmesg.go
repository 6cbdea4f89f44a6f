package klog

import "time"

// facilityNames and levelNames are syslog's, in the order of their numbers, as
// dmesg -x and journald's and busybox's syslog write them.
var (
	facilityNames = [...]string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"res0", "res1", "res2", "res3", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
	}
	levelNames = [...]string{"emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"}
)

func lookup(names []string, b []byte) int {
	for i, n := range names {
		if string(b) == n {
			return i
		}
	}
	return -1
}

// decodedPriority decodes dmesg -x: "kern  :err   : [   12.345678] text". The
// stamp, in any of dmesg's forms, may be missing.
func (r *Reader) decodedPriority(b []byte) (int, shape) {
	facility, n := columnName(b, facilityNames[:])
	if n == 0 {
		return 0, bare
	}
	level, m := columnName(b[n:], levelNames[:])
	if m == 0 {
		return 0, bare
	}
	n += m
	if n < len(b) && b[n] == ' ' {
		n++
	}
	r.rec.Facility, r.rec.Level = int16(facility), int8(level)
	r.rec.Transport = DmesgDecoded
	r.fromPrintk()
	if n < len(b) && (b[n] == '[' || isDigit(b[n])) {
		return n, wrapped
	}
	return n, opened
}

// columnName reads one of names, padded with blanks to six and ended by ':'.
func columnName(b []byte, names []string) (i, n int) {
	end := indexWithin(b, ':', 12)
	if end < 6 {
		return 0, 0
	}
	k := end
	for k > 0 && b[k-1] == ' ' {
		k--
	}
	if end != max(6, k) {
		return 0, 0
	}
	if i = lookup(names, b[:k]); i < 0 {
		return 0, 0
	}
	return i, end + 1
}

// dmesgBracket decodes the stamps that only dmesg writes: -T's
// "[Mon Nov 23 16:29:06 2026]", -d's "[   12.345678 <    0.000123>]" and their
// combination, and -e's "[Nov23 16:29]" and "[  +0.000012]".
func (r *Reader) dmesgBracket(b []byte) (int, shape) {
	if isUpper(b[1]) {
		if t, n := scanCtime(b[1:]); n > 0 {
			n += 1 + scanDelta(b[1+n:])
			if n < len(b) && b[n] == ']' {
				r.rec.Wall = t
				return r.dmesgStamp(b, n+1, DmesgHuman)
			}
			return 0, bare
		}
		if t, ok := r.minute(b); ok {
			r.rec.Wall, r.lastWall = t, t
			return r.dmesgStamp(b, len("[Nov23 16:29]"), DmesgDelta)
		}
		return 0, bare
	}
	if d, n := scanRelative(b); n > 0 {
		if !r.lastWall.IsZero() {
			r.lastWall = r.lastWall.Add(d)
			r.rec.Wall = r.lastWall
		}
		return r.dmesgStamp(b, n, DmesgDelta)
	}
	i := 1
	for i < len(b) && i < 12 && b[i] == ' ' {
		i++
	}
	secs, d := scanUint(b[i:], 11)
	i += d
	if d == 0 || i >= len(b) || b[i] != '.' {
		return 0, bare
	}
	frac, d := scanUint(b[i+1:], 6)
	i += 1 + d
	delta := 0
	if d == 6 {
		delta = scanDelta(b[i:])
	}
	if delta == 0 || i+delta >= len(b) || b[i+delta] != ']' {
		return 0, bare
	}
	r.setTime(int64(secs)*1e6 + int64(frac))
	return r.dmesgStamp(b, i+delta+1, DmesgDelta)
}

func (r *Reader) dmesgStamp(b []byte, n int, t Transport) (int, shape) {
	if n < len(b) && b[n] != ' ' && !callerAt(b[n:]) {
		return 0, bare
	}
	r.fromPrintk()
	r.carry(t)
	return n + r.behindStamp(b[n:]), opened
}

// callerAt reports whether b starts with a caller, as older versions of
// util-linux leave it: right behind the stamp.
func callerAt(b []byte) bool {
	_, n := scanCaller(b)
	return n > 0 && (n == len(b) || b[n] == ' ')
}

// minute reads "[Nov23 16:29]".
func (r *Reader) minute(b []byte) (time.Time, bool) {
	month := -1
	if len(b) >= len("[Nov23 16:29]") {
		month = scanMonth(b[1:])
	}
	if month < 0 || b[6] != ' ' || b[9] != ':' || b[12] != ']' {
		return time.Time{}, false
	}
	day, d := scanUint(b[4:], 2)
	if b[4] == ' ' {
		day, d = scanUint(b[5:], 1)
		d++
	}
	h, ok1 := twoDigits(b[7:])
	m, ok2 := twoDigits(b[10:])
	if d != 2 || day < 1 || day > 31 || !ok1 || !ok2 || h > 23 || m > 59 {
		return time.Time{}, false
	}
	return time.Date(r.year, time.Month(month+1), int(day), h, m, 0, 0, time.UTC), true
}

// scanRelative reads "[  +0.000012]".
func scanRelative(b []byte) (d time.Duration, n int) {
	i := 1
	for i < len(b) && i < 12 && b[i] == ' ' {
		i++
	}
	if i >= len(b) || b[i] != '+' && b[i] != '-' {
		return 0, 0
	}
	back := b[i] == '-'
	secs, k := scanUint(b[i+1:], 9)
	i += 1 + k
	if k == 0 || i+7 >= len(b) || b[i] != '.' || b[i+7] != ']' {
		return 0, 0
	}
	frac, k := scanUint(b[i+1:], 6)
	if k != 6 {
		return 0, 0
	}
	d = time.Duration(secs)*time.Second + time.Duration(frac)*time.Microsecond
	if back {
		d = -d
	}
	return d, i + 8
}

// scanDelta reads the " <    0.000123>" that dmesg -d puts into a stamp.
func scanDelta(b []byte) int {
	if !hasPrefix(b, " <") {
		return 0
	}
	i := 2
	for i < len(b) && i < 14 && (b[i] == ' ' || b[i] == '-') {
		i++
	}
	_, k := scanUint(b[i:], 11)
	i += k
	if k == 0 || i >= len(b) || b[i] != '.' {
		return 0
	}
	_, k = scanUint(b[i+1:], 6)
	i += 1 + k
	if k != 6 || i >= len(b) || b[i] != '>' {
		return 0
	}
	return i + 1
}
