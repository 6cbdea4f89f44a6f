package klog

import "time"

const (
	monthNames   = "JanFebMarAprMayJunJulAugSepOctNovDec"
	weekdayNames = "MonTueWedThuFriSatSun"
)

// scanName looks a three-letter name up in a table of them.
func scanName(b []byte, table string) int {
	if len(b) < 3 || !isUpper(b[0]) {
		return -1
	}
	for i := 0; i < len(table); i += 3 {
		if string(b[:3]) == table[i:i+3] {
			return i / 3
		}
	}
	return -1
}

func scanMonth(b []byte) int   { return scanName(b, monthNames) }
func scanWeekday(b []byte) int { return scanName(b, weekdayNames) }

func twoDigits(b []byte) (int, bool) {
	if len(b) < 2 || !isDigit(b[0]) || !isDigit(b[1]) {
		return 0, false
	}
	return int(b[0]-'0')*10 + int(b[1]-'0'), true
}

// scanClock reads "16:29:06" with an optional fraction behind '.' or ','.
func scanClock(b []byte) (d time.Duration, frac byte, n int) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' {
		return 0, 0, 0
	}
	h, ok1 := twoDigits(b)
	m, ok2 := twoDigits(b[3:])
	s, ok3 := twoDigits(b[6:])
	if !ok1 || !ok2 || !ok3 || h > 23 || m > 59 || s > 60 {
		return 0, 0, 0
	}
	d = time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second
	n = 8
	if n+1 < len(b) && (b[n] == '.' || b[n] == ',') && isDigit(b[n+1]) {
		v, digits := scanUint(b[n+1:], 9)
		frac = b[n]
		n += 1 + digits
		for ; digits < 9; digits++ {
			v *= 10
		}
		d += time.Duration(v)
	}
	return d, frac, n
}

// An isoStamp is an ISO 8601 time and what tells its writers apart.
type isoStamp struct {
	time time.Time
	frac byte // '.' or ',' in front of the fraction, 0 without one
	zone byte // 'Z', ':' for "+00:00", '0' for "+0000", 0 without one
	sep  byte // 'T' or ' '
	n    int  // length
}

// scanISO reads "2026-11-23T16:29:06.123456+00:00" in its usual variants.
func scanISO(b []byte) (t isoStamp) {
	if len(b) < len("2026-11-23T16:29:06") || b[4] != '-' || b[7] != '-' || b[10] != 'T' && b[10] != ' ' {
		return t
	}
	year, d := scanUint(b, 4)
	month, ok1 := twoDigits(b[5:])
	day, ok2 := twoDigits(b[8:])
	clock, frac, n := scanClock(b[11:])
	if d != 4 || !ok1 || !ok2 || n == 0 || month < 1 || month > 12 || day < 1 || day > 31 {
		return t
	}
	t.frac, t.sep, n = frac, b[10], n+11
	east := time.Duration(0)
	if n < len(b) {
		switch b[n] {
		case 'Z':
			t.zone = 'Z'
			n++
		case '+', '-':
			hours, ok := twoDigits(b[n+1:])
			if !ok {
				break
			}
			i := n + 3
			t.zone = '0'
			if i < len(b) && b[i] == ':' {
				t.zone = ':'
				i++
			}
			minutes, ok := twoDigits(b[min(i, len(b)):])
			if !ok {
				t.zone = 0
				break
			}
			east = time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
			if b[n] == '-' {
				east = -east
			}
			n = i + 2
		}
	}
	t.time = time.Date(int(year), time.Month(month), day, 0, 0, 0, 0, time.UTC).Add(clock - east)
	t.n = n
	return t
}

// scanBSD reads RFC 3164's "Nov 23 16:29:06", with an optional fraction as
// journalctl -o short-precise writes it.
func scanBSD(b []byte, year int) (t time.Time, frac byte, n int) {
	month := scanMonth(b)
	if month < 0 || len(b) < len("Nov 23 16:29:06") || b[3] != ' ' || b[6] != ' ' {
		return t, 0, 0
	}
	day, d := scanUint(b[4:], 2)
	if b[4] == ' ' {
		day, d = scanUint(b[5:], 1)
		d++
	}
	clock, frac, n := scanClock(b[7:])
	if d != 2 || day < 1 || day > 31 || n == 0 {
		return t, 0, 0
	}
	return time.Date(year, time.Month(month+1), int(day), 0, 0, 0, 0, time.UTC).Add(clock), frac, 7 + n
}

// scanCtime reads "Mon Nov 23 16:29:06 2026".
func scanCtime(b []byte) (t time.Time, n int) {
	if len(b) < len("Mon Nov 23 16:29:06 2026") || scanWeekday(b) < 0 || b[3] != ' ' {
		return t, 0
	}
	year, d := scanUint(b[20:], 4)
	if d != 4 || b[19] != ' ' {
		return t, 0
	}
	t, frac, n := scanBSD(b[4:], int(year))
	if n != 15 || frac != 0 {
		return time.Time{}, 0
	}
	return t, 24
}

// scanEpoch reads seconds since 1970 with a fraction, "1763915346.123456".
func scanEpoch(b []byte) (t time.Time, n int) {
	if len(b) < len("1763915346.123456") || b[10] != '.' {
		return t, 0
	}
	secs, d := scanUint(b, 10)
	frac, f := scanUint(b[11:], 9)
	if d != 10 || f < 3 {
		return t, 0
	}
	n = 11 + f
	for ; f < 9; f++ {
		frac *= 10
	}
	return time.Unix(int64(secs), int64(frac)).UTC(), n
}
