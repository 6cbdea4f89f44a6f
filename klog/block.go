package klog

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"
)

// A line is one physical line, or a piece of one between lone carriage
// returns, without its end.
type line struct {
	b        []byte    // aliases the block until the next line is read
	cuts     []cut     // what was removed from b
	off      int64     // of the first physical byte
	end      int64     // behind the last physical byte, line end included
	no       int       // 1-based
	dirty    bool      // b holds control bytes other than tabs
	clipped  bool      // b was cut at the limit
	datagram bool      // b may hold several lines
	decoded  bool      // b is not a copy of physical bytes any more
	wall     time.Time // from an envelope that is gone from b
	carried  Transport // by that envelope
}

// offset returns where byte i of the line is in the input.
func (l *line) offset(i int) int64 {
	if len(l.cuts) == 0 {
		return l.off + int64(i)
	}
	return l.off + int64(i+removedBefore(l.cuts, i))
}

// contiguous reports whether bytes i to j of the line lie together in the input.
func (l *line) contiguous(i, j int) bool {
	return !l.decoded && (len(l.cuts) == 0 || j <= i || removedBefore(l.cuts, i) == removedBefore(l.cuts, j-1))
}

// A block reads an input in large pieces and cuts it into lines in place.
type block struct {
	r        io.Reader
	buf      []byte
	pos, end int   // unread bytes are buf[pos:end]
	base     int64 // input offset of buf[0]
	lines    int   // line ends seen
	max      int   // longest line kept
	full     int   // what buf may grow to: a line of max bytes and what is read ahead fit in
	pending  bool  // what was read last has no line end
	err      error
}

// lookahead is how many bytes behind a line can be looked at.
const lookahead = 4 << 10

// defaultMaxLine is the longest line kept where nobody says otherwise.
const defaultMaxLine = 64 << 10

// firstSize is how large a block starts. Most logs are no larger.
const firstSize = 16 << 10

// buffers hands the memory of readers that are done to the next ones.
var buffers sync.Pool

func newBlock(r io.Reader, maxLine int) block {
	bl := block{r: r, max: maxLine, full: 3*maxLine + 64<<10}
	if buf, ok := buffers.Get().(*[]byte); ok {
		bl.buf = (*buf)[:min(len(*buf), bl.full)]
	} else {
		bl.buf = make([]byte, min(firstSize, bl.full))
	}
	return bl
}

// grow makes room behind the unread bytes, which move. A line that was cut out
// of them keeps the memory that it is in.
func (bl *block) grow() {
	if len(bl.buf) == bl.full {
		return
	}
	buf := make([]byte, min(4*len(bl.buf), bl.full))
	n := copy(buf, bl.buf[bl.pos:bl.end])
	bl.base += int64(bl.pos)
	bl.buf, bl.pos, bl.end = buf, 0, n
}

// release gives the memory back. The block is at its end from then on.
func (bl *block) release() {
	if bl.buf == nil {
		return
	}
	bl.pending = bl.unended()
	bl.base += int64(bl.pos)
	if buf := bl.buf[:cap(bl.buf)]; len(buf) <= 3*defaultMaxLine+64<<10 {
		buffers.Put(&buf)
	}
	bl.buf, bl.pos, bl.end = nil, 0, 0
}

// unended reports whether the line that was read last has no end.
func (bl *block) unended() bool {
	return bl.pending || bl.pos > 0 && bl.buf[bl.pos-1] != '\n'
}

func (bl *block) offset() int64 { return bl.base + int64(bl.pos) }

// fill reads more, keeping the unread bytes. It reports false when there is no
// more to read; err then says why.
func (bl *block) fill() bool {
	if bl.err != nil {
		return false
	}
	if bl.compact(); bl.end == len(bl.buf) {
		bl.grow()
	}
	n := bl.read(bl.buf[bl.end:])
	bl.end += n
	return n > 0
}

// compact moves the unread bytes to the front.
func (bl *block) compact() {
	if bl.pos > 0 {
		n := copy(bl.buf, bl.buf[bl.pos:bl.end])
		bl.base += int64(bl.pos)
		bl.pos, bl.end = 0, n
	}
}

// ahead returns the unread bytes, at least lookahead of them unless the input
// ends before. Unlike fill it leaves the line at work in its place.
func (bl *block) ahead() []byte {
	for bl.end-bl.pos < lookahead {
		if bl.end == len(bl.buf) {
			bl.grow()
		}
		n := bl.read(bl.buf[bl.end:])
		if n == 0 {
			break
		}
		bl.end += n
	}
	return bl.buf[bl.pos:bl.end]
}

// read reads once, but for readers that return nothing without an error.
func (bl *block) read(p []byte) int {
	if len(p) == 0 || bl.err != nil {
		return 0
	}
	for range 64 {
		n, err := bl.r.Read(p)
		if n < 0 || n > len(p) {
			n, err = 0, errors.New("klog: the input's reader returned an impossible count")
		}
		bl.err = err
		if n > 0 || err != nil {
			return n
		}
	}
	bl.err = io.ErrNoProgress
	return 0
}

// next reads one line into ln, or reports false at the end of the input.
func (bl *block) next(ln *line) bool {
	*ln = line{cuts: ln.cuts[:0], no: bl.lines + 1}
	if len(bl.buf) == bl.full && len(bl.buf)-bl.pos < bl.max+2*lookahead {
		bl.compact()
	}
	scanned := 0
	for {
		data := bl.buf[bl.pos:bl.end]
		j := indexControl(data[scanned:])
		if j < 0 {
			scanned = len(data)
			if len(data) > bl.max {
				bl.clip(ln)
				return true
			}
			if bl.fill() {
				continue
			}
			if len(data) == 0 {
				return false
			}
			bl.take(ln, len(data), len(data))
			return true
		}
		j += scanned
		switch data[j] {
		case '\n':
			bl.lines++
			bl.take(ln, j, j+1)
			return true
		case '\r':
			k := j + 1
			for k < len(data) && data[k] == '\r' {
				k++
			}
			if k == len(data) && k <= bl.max && bl.fill() {
				scanned = j
				continue
			}
			if k < len(data) && data[k] == '\n' {
				bl.lines++
				k++
			}
			bl.take(ln, j, k)
			return true
		}
		ln.dirty = true
		scanned = j + 1
	}
}

// take makes the first n unread bytes the line and passes over size bytes.
func (bl *block) take(ln *line, n, size int) {
	ln.off = bl.offset()
	ln.end = ln.off + int64(size)
	if n > bl.max {
		n, ln.clipped = bl.max, true
	}
	ln.b = bl.buf[bl.pos : bl.pos+n : bl.pos+n]
	bl.pos += size
}

// clip keeps the first max unread bytes as the line and skips to its end in
// the memory there is, however long it is.
func (bl *block) clip(ln *line) {
	bl.grow()
	ln.off = bl.offset()
	ln.clipped = true
	ln.b = bl.buf[bl.pos : bl.pos+bl.max : bl.pos+bl.max]
	from := bl.pos + bl.max
	i := bytes.IndexByte(bl.buf[from:bl.end], '\n')
	for i < 0 {
		// The bytes from here on are in nobody's use: read over them.
		bl.base += int64(bl.end - from)
		n := bl.read(bl.buf[from:])
		bl.end = from + n
		if n == 0 {
			bl.pos = from
			ln.end = bl.offset()
			return
		}
		i = bytes.IndexByte(bl.buf[from:bl.end], '\n')
	}
	bl.lines++
	bl.pos = from + i + 1
	ln.end = bl.offset()
}

// raw copies the next n bytes of the input, line ends or not, to the end of
// dst as far as they fit into limit, and skips the rest of them. It reports
// false when the input ends before.
func (bl *block) raw(dst []byte, n int64, limit int) ([]byte, bool) {
	for n > 0 {
		if bl.pos == bl.end && !bl.fill() {
			return dst, false
		}
		piece := bl.buf[bl.pos:min(bl.end, bl.pos+int(min(n, int64(len(bl.buf)))))]
		bl.lines += bytes.Count(piece, []byte{'\n'})
		bl.pos += len(piece)
		n -= int64(len(piece))
		dst = append(dst, piece[:min(len(piece), max(0, limit-len(dst)))]...)
	}
	return dst, true
}

// peek returns up to n unread bytes, less only at the end of the input.
func (bl *block) peek(n int) []byte {
	for bl.end-bl.pos < n && bl.fill() {
	}
	return bl.buf[bl.pos:min(bl.end, bl.pos+n)]
}

// skip passes over n bytes that were peeked at.
func (bl *block) skip(n int) {
	bl.lines += bytes.Count(bl.buf[bl.pos:bl.pos+n], []byte{'\n'})
	bl.pos += n
}
