package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// serial is a serial line.
type serial struct {
	path string
	baud int
}

func (s serial) Again() bool    { return true }
func (s serial) String() string { return fmt.Sprintf("%s at %d baud", s.path, s.baud) }

// Open opens the line and makes it raw: 8 data bits, no parity, no flow
// control, nothing translated, no modem lines asked for.
func (s serial) Open(ctx context.Context) (io.ReadCloser, error) {
	// Not blocking, so that the runtime polls the line and Close ends a Read.
	fd, err := unix.Open(s.path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: s.path, Err: err}
	}
	if err := raw(fd, s.baud); err != nil {
		return nil, errors.Join(fmt.Errorf("set %s to %d baud: %w", s.path, s.baud, err), unix.Close(fd))
	}
	return endWith(ctx, os.NewFile(uintptr(fd), s.path)), nil
}

// raw sets a line's modes; any speed that the hardware can do is allowed
// (BOTHER, asm-generic/termbits.h). What is no serial line is left as it is.
func raw(fd, baud int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
	if err == unix.ENOTTY {
		return nil
	}
	if err != nil {
		return err
	}
	t.Iflag, t.Oflag, t.Lflag = unix.IGNBRK, 0, 0
	t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.BOTHER
	t.Ispeed, t.Ospeed = uint32(baud), uint32(baud)
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(fd, unix.TCSETS2, t)
}

// pty is a terminal that nobody sits at.
type pty struct{ master, slave *os.File }

// terminal makes one.
func terminal() (pty, error) {
	m, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return pty{}, err
	}
	fd := int(m.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	var s *os.File
	if err == nil {
		s, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		m.Close()
		return pty{}, err
	}
	return pty{m, s}, nil
}

// Close closes both ends.
func (p pty) Close() {
	if p.master != nil {
		p.master.Close()
		p.slave.Close()
	}
}
