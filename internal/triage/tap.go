package triage

import "bytes"

// LineTap hands the lines of what flows by to a function. Of long lines it
// keeps the beginning.
type LineTap struct {
	Line func([]byte)
	rest []byte
}

const maxTapLine = 4 << 10

// Write implements [io.Writer]. It never fails.
func (t *LineTap) Write(b []byte) (int, error) {
	n := len(b)
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			t.rest = append(t.rest, b[:min(len(b), max(0, maxTapLine-len(t.rest)))]...)
			return n, nil
		}
		if len(t.rest) > 0 {
			t.rest = append(t.rest, b[:min(i, max(0, maxTapLine-len(t.rest)))]...)
			t.Line(t.rest)
			t.rest = t.rest[:0]
		} else {
			t.Line(b[:i])
		}
		b = b[i+1:]
	}
}
