package klog

import "bytes"

// glueSlack is how far a stamp inside a line may lie before the last one, in
// microseconds: CPUs race to the console.
const (
	glueSlack = 1_000_000
	glueDay   = 24 * 3600 * 1_000_000
)

// glued returns where a second kernel message starts inside text, or -1. That
// happens where a writer does not end its line, a login prompt or a dying
// program, and printk goes on behind it. The inner stamp must be exactly
// printk's, have text behind it, and continue the clock; a stamp quoted in a
// message does not pass that easily.
func (r *Reader) glued(text []byte) int {
	last := r.boot.last
	known := r.boot.stamped
	if r.rec.HasTime {
		last, known = r.rec.Time.Microseconds(), true
	}
	for g := 0; ; g++ {
		i := bytes.IndexByte(text[g:], '[')
		if i < 0 {
			return -1
		}
		g += i
		us, n := scanStamp(text[g:])
		if n == 0 {
			continue
		}
		e := g + n
		if _, c := scanCaller(text[e:]); c > 0 {
			e += c
		}
		if e+1 >= len(text) || text[e] != ' ' {
			continue
		}
		if known && (us < last-glueSlack || us >= last+glueDay) && !isEarlyText(text[e+1:]) {
			continue
		}
		if g >= 3 && text[g-1] == '>' && text[g-3] == '<' && text[g-2]-'0' <= 7 {
			g -= 3
		}
		return g
	}
}

// note decodes printk's own notes about its output:
// "** 12 printk messages dropped **" and
// "** replaying previous printk message **".
func (r *Reader) note(b []byte) (int, shape) {
	const (
		dropped  = " printk messages dropped **"
		replayed = "** replaying previous printk message **"
	)
	var n int
	if hasPrefix(b, replayed) {
		n = len(replayed)
	} else {
		if !hasPrefix(b, "** ") {
			return 0, bare
		}
		v, d := scanUint(b[3:], 18)
		if d == 0 || !hasPrefix(b[3+d:], dropped) {
			return 0, bare
		}
		n = 3 + d + len(dropped)
		r.lose(int64(v))
	}
	for n < len(b) && b[n] == ' ' {
		n++
	}
	return n, silent
}

// mostLost bounds every count of lost records: what claims more is no number
// that a kernel wrote.
const mostLost = 1 << 40

// lose accounts for records that are known to be lost in front of the next.
func (r *Reader) lose(n int64) {
	r.lost = min(r.lost+min(n, mostLost), mostLost)
	r.sumLost = min(r.sumLost+min(n, mostLost), mostLost)
}

// interrupted reports whether the line just decoded was cut short by printk and
// is printed again in whole: the next line is printk's note that says so, and
// the message behind the note begins with this one.
func (r *Reader) interrupted() bool {
	next := r.in.buf[r.in.pos:r.in.end]
	if len(next) == 0 || next[0] != '*' || r.at < len(r.ln.b) || !hasPrefix(next, "** replaying ") {
		return false
	}
	_, again, ok := bytes.Cut(next, []byte{'\n'})
	if !ok {
		return false
	}
	if i := bytes.IndexByte(again, '\n'); i >= 0 {
		again = again[:i]
	}
	if _, n := scanPri(again); n > 0 {
		again = again[n:]
	}
	if _, n := scanStamp(again); n > 0 {
		again = again[n:]
		if _, c := scanCaller(again); c > 0 {
			again = again[c:]
		}
		again = bytes.TrimPrefix(again, []byte{' '})
	}
	return bytes.HasPrefix(again, r.rec.Text)
}
