package lab

import (
	"bytes"
	"fmt"
	"io"
)

// console keeps the begin and the end of what a machine prints, each up to a limit: a
// guest may print without end. All is counted.
type console struct {
	out   io.WriteCloser
	limit int64 // of the begin and of the end

	bytes, lines int64
	err          error // the first of out
	tail         []byte
	start        int // of the tail, which is a ring once it is full
}

func newConsole(out io.WriteCloser, limit int64) *console { return &console{out: out, limit: limit} }

func (c *console) Write(b []byte) (int, error) {
	c.lines += int64(bytes.Count(b, []byte{'\n'}))
	n := len(b)
	if room := c.limit - c.bytes; room > 0 {
		k := min(int64(n), room)
		if _, err := c.out.Write(b[:k]); err != nil && c.err == nil {
			c.err = err
		}
		b = b[k:]
	}
	c.bytes += int64(n)
	c.keep(b)
	return n, nil
}

// keep puts what does not fit into the begin into the ring.
func (c *console) keep(b []byte) {
	if over := int64(len(b)) - c.limit; over > 0 {
		b = b[over:]
	}
	if room := c.limit - int64(len(c.tail)); room > 0 {
		k := min(int64(len(b)), room)
		c.tail = append(c.tail, b[:k]...)
		b = b[k:]
	}
	for len(b) > 0 {
		k := copy(c.tail[c.start:], b)
		b = b[k:]
		c.start = (c.start + k) % len(c.tail)
	}
}

// lost is how much of the middle was not kept.
func (c *console) lost() int64 { return max(0, c.bytes-c.limit-int64(len(c.tail))) }

// finish writes the end.
func (c *console) finish() error {
	if lost := c.lost(); lost > 0 && c.err == nil {
		_, c.err = fmt.Fprintf(c.out, "\n[ringside: %d bytes were not kept]\n", lost)
	}
	for _, part := range [][]byte{c.tail[c.start:], c.tail[:c.start]} {
		if len(part) > 0 && c.err == nil {
			_, c.err = c.out.Write(part)
		}
	}
	if err := c.out.Close(); c.err == nil {
		c.err = err
	}
	return c.err
}
