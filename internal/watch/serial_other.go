//go:build !linux

package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// serial is a serial line, which this system's port of Ringside cannot set up.
type serial struct {
	path string
	baud int
}

func (s serial) Again() bool    { return false }
func (s serial) String() string { return s.path }

func (s serial) Open(context.Context) (io.ReadCloser, error) {
	return nil, fmt.Errorf("%s: %w", s.path, errors.New("serial lines are read on Linux only; pipe a terminal program into 'ringside crash watch -'"))
}

// pty is a terminal that nobody sits at.
type pty struct{ slave *os.File }

func terminal() (pty, error) { return pty{}, errors.ErrUnsupported }

// Close does nothing.
func (pty) Close() {}
