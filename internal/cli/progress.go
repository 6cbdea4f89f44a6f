package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// progress says on a terminal how far long work is.
type progress struct {
	w io.Writer // nil: nobody looks
}

// newProgress returns the progress of a verb.
func newProgress(s Streams) *progress {
	if f, ok := s.Err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &progress{w: f}
	}
	return &progress{}
}

// progressAfter is from when on work is long.
const progressAfter = time.Second

// reader passes r on and says how far it is.
func (p *progress) reader(r io.ReadCloser, what string, size int64) io.ReadCloser {
	if p == nil || p.w == nil {
		return r
	}
	return &progressReader{ReadCloser: r, p: p, what: what, size: size, next: time.Now().Add(progressAfter)}
}

// counter says how many of something are done.
func (p *progress) counter(what string) *progressCounter {
	return &progressCounter{p: p, what: what, next: time.Now().Add(progressAfter)}
}

type progressCounter struct {
	p    *progress
	what string
	next time.Time
	said bool
}

func (c *progressCounter) set(done, of int) {
	if now := time.Now(); c.p.w != nil && now.After(c.next) {
		c.next, c.said = now.Add(progressAfter/5), true
		fmt.Fprintf(c.p.w, "\r\x1b[K%s: %d of %d", c.what, done, of)
	}
}

// end takes the line away.
func (c *progressCounter) end() {
	if c.said {
		_, _ = io.WriteString(c.p.w, "\r\x1b[K")
	}
}

type progressReader struct {
	io.ReadCloser
	p       *progress
	what    string
	n, size int64
	next    time.Time
	said    bool
}

func (r *progressReader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	r.n += int64(n)
	if now := time.Now(); now.After(r.next) {
		r.next, r.said = now.Add(progressAfter/5), true
		line := bytes.NewBufferString("\r\x1b[K" + r.what + fmt.Sprintf(": %d MiB", r.n>>20))
		if r.size > 0 {
			fmt.Fprintf(line, " of %d (%d %%)", r.size>>20, r.n*100/r.size)
		}
		_, _ = r.p.w.Write(line.Bytes()) // a terminal that has gone is nobody's loss
	}
	return n, err
}

// Close takes the line away.
func (r *progressReader) Close() error {
	if r.said {
		r.said = false
		_, _ = io.WriteString(r.p.w, "\r\x1b[K")
	}
	return r.ReadCloser.Close()
}
