package klog

import "slices"

// esc starts a terminal escape sequence.
const esc = 0x1b

// A cut says that in front of byte pos of a cleaned line, removed bytes of the
// physical line are missing in all.
type cut struct{ pos, removed int }

// clean removes terminal escape sequences and control bytes other than tabs
// from b, in place, and returns what is left with the places of the cuts. Line
// feeds, which only decoded texts hold, are kept. cuts is reused.
func clean(b []byte, cuts []cut) ([]byte, []cut) {
	cuts = cuts[:0]
	w, i := 0, 0
	for i < len(b) {
		c := b[i]
		if c >= ' ' || c == '\t' || c == '\n' {
			b[w] = c
			w++
			i++
			continue
		}
		if c == esc {
			i += escapeLen(b[i:])
		} else {
			i++
		}
		if n := len(cuts); n > 0 && cuts[n-1].pos == w {
			cuts[n-1].removed = i - w
		} else {
			cuts = append(cuts, cut{w, i - w})
		}
	}
	return b[:w], cuts
}

// escapeLen returns the length of the ECMA-48 sequence at the start of b. A
// sequence that is cut short ends where text begins that cannot belong to it:
// losing a colour is better than losing the message behind it.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return len(b)
	}
	i := 2
	switch c := b[1]; {
	case c == '[':
		for i < len(b) && b[i] >= '0' && b[i] <= '?' {
			i++
		}
		for i < len(b) && b[i] >= ' ' && b[i] <= '/' {
			i++
		}
		// "ESC [ [" would be a function key; on a log it is a cut sequence
		// with a time stamp behind it.
		if i < len(b) && b[i] >= '@' && b[i] <= '~' && b[i] != '[' {
			i++
		}
		return i
	case c == ']' || c == 'P' || c == '_' || c == '^' || c == 'X':
		for i < len(b) && b[i] != '\a' && b[i] != esc {
			i++
		}
		if i < len(b) && b[i] == '\a' {
			return i + 1
		}
		if i+1 < len(b) && b[i+1] == '\\' {
			return i + 2
		}
		return 2 // unterminated: drop the introducer only
	case c >= ' ' && c <= '/':
		for i < len(b) && b[i] >= ' ' && b[i] <= '/' {
			i++
		}
		if i < len(b) && b[i] >= '0' && b[i] <= '~' && b[i] != '[' {
			i++
		}
		return i
	case c >= '0' && c <= '~':
		return 2
	}
	return 1
}

// removedBefore returns how many physical bytes are missing in front of byte i
// of a cleaned line.
func removedBefore(cuts []cut, i int) int {
	n, found := slices.BinarySearchFunc(cuts, i, func(c cut, i int) int { return c.pos - i })
	if found {
		return cuts[n].removed
	}
	if n == 0 {
		return 0
	}
	return cuts[n-1].removed
}

// unescapeHex decodes "\xNN" in place, as /dev/kmsg writes bytes outside
// printable ASCII, and reports whether there was any.
func unescapeHex(b []byte) ([]byte, bool) {
	i := slices.Index(b, '\\')
	if i < 0 {
		return b, false
	}
	w, changed := i, false
	for i < len(b) {
		if b[i] == '\\' && i+3 < len(b) && b[i+1] == 'x' {
			hi, lo := unhex(b[i+2]), unhex(b[i+3])
			if hi >= 0 && lo >= 0 {
				b[w] = byte(hi<<4 | lo)
				w++
				i += 4
				changed = true
				continue
			}
		}
		b[w] = b[i]
		w++
		i++
	}
	return b[:w], changed
}

func unhex(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
