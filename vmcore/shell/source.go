package shell

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"ringside/vmcore/script"
)

// maxScript bounds a script.
const maxScript = 1 << 20

// source runs a script, and prints what it says and reports.
func (c *call) source() (result, error) {
	if len(c.args) == 0 {
		return result{}, errors.New("source: the name of a script is expected")
	}
	if c.s.o.Open == nil {
		return result{}, errors.New("source: files cannot be read from here")
	}
	f, err := c.s.o.Open(c.args[0])
	if err != nil {
		return result{}, err
	}
	src, err := io.ReadAll(io.LimitReader(f, maxScript+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return result{}, err
	}
	r, err := script.Run(c.ctx, c.s.k, c.args[0], src, script.Options{Args: c.args[1:]})
	var b strings.Builder
	for _, line := range r.Output {
		b.WriteString(line + "\n")
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s: %s\n", f.Kind, f.Title)
		for _, e := range f.Evidence {
			b.WriteString("  - " + e.Text + "\n")
		}
	}
	if err != nil && b.Len() > 0 { // what it had said until then is worth having
		return result{text: b.String()}, &partError{err}
	}
	return result{text: b.String()}, err
}

// partError comes with a part of an answer.
type partError struct{ err error }

func (e *partError) Error() string { return e.err.Error() }
func (e *partError) Unwrap() error { return e.err }
