// Package tracefs records with the kernel's own tracer, in an instance of its
// own, so that nobody else's tracing is disturbed, and writes what
// trace-cmd reads: trace.dat, version 6 (trace-cmd.dat.v6(5)).
//
// Where tracefs is not mounted it is not mounted either: [Attach] opens it
// through a mount that is in no name space (fsopen(2), fsmount(2)) and is gone
// with the descriptor.
package tracefs

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Tree is tracefs, or an instance in it.
type Tree struct {
	fd int
}

// Attach opens tracefs.
func Attach() (*Tree, error) {
	fs, err := unix.Fsopen("tracefs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open tracefs: %w%s", err, remedy(err))
	}
	defer closeFD(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, fmt.Errorf("open tracefs: %w%s", err, remedy(err))
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open tracefs: %w%s", err, remedy(err))
	}
	return &Tree{fd: fd}, nil
}

// remedy says what would let tracefs be opened.
func remedy(err error) string {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return ": run it as root (CAP_SYS_ADMIN), outside a container that takes it away"
	case errors.Is(err, unix.ENODEV):
		return ": this kernel was built without CONFIG_TRACING"
	case errors.Is(err, unix.ENOSYS):
		return ": this needs Linux 5.2 or newer"
	}
	return ""
}

// closeFD closes what was only read, or written whole: there is nothing that
// its end could still say.
func closeFD(fd int) { _ = unix.Close(fd) }

// Close gives the tree up.
func (t *Tree) Close() error { return unix.Close(t.fd) }

// Read reads a whole file.
func (t *Tree) Read(name string) ([]byte, error) {
	fd, err := t.open(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer closeFD(fd)
	return readAll(fd, name)
}

// maxFile bounds what is read of one file; kallsyms has some ten megabytes.
const maxFile = 64 << 20

func readAll(fd int, name string) ([]byte, error) {
	b := make([]byte, 0, 4096)
	for {
		n, err := unix.Read(fd, b[len(b):cap(b)])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return b, fmt.Errorf("read %s: %w", name, err)
		}
		if n == 0 {
			return b, nil
		}
		if b = b[:len(b)+n]; len(b) > maxFile {
			return b, fmt.Errorf("read %s: it is larger than %d MiB", name, maxFile>>20)
		}
		b = slices.Grow(b, 1)
	}
}

// Write writes to a file, whole.
func (t *Tree) Write(name, text string) error {
	fd, err := t.open(name, unix.O_WRONLY|unix.O_TRUNC)
	if err != nil {
		return err
	}
	defer closeFD(fd)
	if _, err := unix.Write(fd, []byte(text)); err != nil {
		return fmt.Errorf("write %q to tracing/%s: %w", text, name, err)
	}
	return nil
}

func (t *Tree) open(name string, flags int) (int, error) {
	fd, err := unix.Openat(t.fd, name, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open tracing/%s: %w", name, err)
	}
	return fd, nil
}

// List returns the names in a folder, sorted.
func (t *Tree) List(dir string) ([]string, error) {
	fd, err := t.open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer closeFD(fd)
	var names []string
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err != nil {
			return nil, fmt.Errorf("list tracing/%s: %w", dir, err)
		}
		if n == 0 {
			break
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
	slices.Sort(names)
	return names, nil
}

// Format returns the format file of an event, "sched:sched_switch". Its error
// is nil where the kernel has the event.
func (t *Tree) Format(event string) ([]byte, error) {
	system, name, ok := strings.Cut(event, ":")
	if !ok || strings.ContainsAny(event, "/.\x00") {
		return nil, fmt.Errorf("event %q: write system:name", event)
	}
	b, err := t.Read(path.Join("events", system, name, "format"))
	if errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("this kernel has no event %s", event)
	}
	return b, err
}

// ID returns the number of an event, which perf_event_open takes.
func (t *Tree) ID(event string) (uint64, error) {
	format, err := t.Format(event)
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(format), "\nID: ")
	line, _, _ := strings.Cut(rest, "\n")
	if id, err := strconv.ParseUint(line, 10, 32); ok && err == nil {
		return id, nil
	}
	return 0, fmt.Errorf("the format of event %s has no ID line", event)
}

// Instance makes an instance of its own name, which Remove takes away again.
func (t *Tree) Instance(name string) (*Tree, error) {
	dir := path.Join("instances", name)
	if err := unix.Mkdirat(t.fd, dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a trace instance: %w", err)
	}
	fd, err := t.open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, errors.Join(err, t.Remove(name))
	}
	return &Tree{fd: fd}, nil
}

// Remove removes an instance.
func (t *Tree) Remove(name string) error {
	if err := unix.Unlinkat(t.fd, path.Join("instances", name), unix.AT_REMOVEDIR); err != nil {
		return fmt.Errorf("remove the trace instance %s: %w", name, err)
	}
	return nil
}

// writeSized writes the length of b, in so many bytes, and b.
func writeSized(w io.Writer, wordSize int, b []byte) error {
	var head [8]byte
	native.PutUint64(head[:], uint64(len(b)))
	if wordSize == 4 {
		native.PutUint32(head[:4], uint32(len(b)))
	}
	if _, err := w.Write(head[:wordSize]); err != nil {
		return err
	}
	_, err := w.Write(b)
	return err
}
