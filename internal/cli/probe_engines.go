package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ringside/probe"
	"ringside/probe/aggregate"
	"ringside/probe/boot"
	"ringside/probe/perfevent"
	"ringside/probe/tracefs"
	"ringside/symbol"
)

// engines are the ways to record that this machine has. The kernel's log is read
// from the file log, if that is not empty. Without tracefs, whose
// error is returned, those who would use it say so.
func engines(log string) (m map[string]probe.Engine, end func(), noTracefs error) {
	root := os.DirFS("/")
	tree, err := tracefs.Attach()
	m = map[string]probe.Engine{
		probe.PerfEvent: &perfevent.Engine{Root: root, Tree: tree},
		probe.Command:   commandEngine{},
		probe.KernelLog: logEngine{file: log},
	}
	if err != nil {
		m[probe.Tracefs], m[probe.EBPF] = unable{err}, unable{err}
		return m, func() {}, err
	}
	m[probe.Tracefs] = &tracefs.Engine{Tree: tree, Spool: func() (tracefs.Spool, error) {
		f, err := os.CreateTemp("", "ringside-trace-*")
		if err != nil {
			return nil, err
		}
		// It is gone when it is closed, whatever happens.
		return f, os.Remove(f.Name())
	}}
	m[probe.EBPF] = &aggregate.Engine{Tree: tree, Function: kernelFunctions()}
	return m, func() { _ = tree.Close() }, nil
}

// unable is an engine that cannot do anything here.
type unable struct{ why error }

func (u unable) Check(probe.Capture) error { return u.why }

func (u unable) Capture(context.Context, probe.Capture, probe.Session) (*probe.Recording, error) {
	return nil, u.why
}

// commandEngine records with a program that is installed.
type commandEngine struct{}

func (commandEngine) Check(c probe.Capture) error {
	if _, err := exec.LookPath(c.Argv[0]); err != nil {
		return fmt.Errorf("%s is not installed", c.Argv[0])
	}
	return nil
}

func (commandEngine) Capture(ctx context.Context, c probe.Capture, s probe.Session) (*probe.Recording, error) {
	out, ok := s.Out.(*os.File)
	if !ok {
		return nil, errors.New("a program records into a file only")
	}
	begin := time.Now()
	length := time.Second
	if deadline, ok := ctx.Deadline(); ok {
		length = max(length, time.Until(deadline).Round(time.Second))
	}
	argv := make([]string, len(c.Argv))
	for i, a := range c.Argv {
		argv[i] = strings.NewReplacer("{out}", out.Name(), "{seconds}", strconv.Itoa(int(length.Seconds()))).Replace(a)
	}
	// The program ends by itself, a little after the deadline; when the user
	// ends it, it is asked to as he would.
	run := exec.CommandContext(context.WithoutCancel(ctx), argv[0], argv[1:]...)
	text, err := run.CombinedOutput()
	if err != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(string(text)))
	}
	st, err := out.Stat()
	if err != nil {
		return nil, err
	}
	return &probe.Recording{Format: c.Makes, Progress: probe.Progress{Elapsed: time.Since(begin), Bytes: st.Size()}}, nil
}

// kernelFunctions names the running kernel's functions. The table is read when
// the first name is asked for; without one, or where addresses are hidden, there
// are no names.
func kernelFunctions() func(uint64) string {
	table := sync.OnceValue(func() *symbol.Table {
		f, err := os.Open("/proc/kallsyms")
		if err != nil {
			return nil
		}
		defer f.Close()
		t, err := symbol.ReadKallsyms(f)
		if err != nil {
			return nil
		}
		return t
	})
	return func(address uint64) string {
		t := table()
		if t == nil {
			return ""
		}
		s, ok := t.Lookup(address)
		if !ok {
			return ""
		}
		if s.Module != "" {
			return s.Name + " [" + s.Module + "]"
		}
		return s.Name
	}
}

// logEngine reads what the kernel has said already.
type logEngine struct{ file string }

func (e logEngine) open() (io.ReadCloser, error) {
	if e.file == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	if e.file != "" {
		return os.Open(e.file)
	}
	// Read to its end, not until the next message comes.
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/kmsg: %w: it needs root or CAP_SYSLOG; --from takes a log that was kept", err)
	}
	defer func() { _ = unix.Close(fd) }()
	var all bytes.Buffer
	buf := make([]byte, 16<<10)
	for all.Len() < maxLog {
		n, err := unix.Read(fd, buf)
		switch {
		case errors.Is(err, unix.EPIPE), errors.Is(err, unix.EINTR):
			continue // it was overwritten before it was read
		case errors.Is(err, unix.EAGAIN), err == nil && n == 0:
			return io.NopCloser(&all), nil
		case err != nil:
			return nil, fmt.Errorf("/dev/kmsg: %w", err)
		}
		all.Write(buf[:n])
	}
	return io.NopCloser(&all), nil
}

// maxLog is more than the largest ring of the kernel's log.
const maxLog = 256 << 20

func (e logEngine) Check(probe.Capture) error {
	if e.file == "-" {
		return nil
	}
	r, err := e.open()
	if err != nil {
		return err
	}
	return r.Close()
}

func (e logEngine) Capture(_ context.Context, _ probe.Capture, _ probe.Session) (*probe.Recording, error) {
	r, err := e.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	tables, notes, err := boot.Read(r)
	if err != nil {
		return nil, err
	}
	rec := &probe.Recording{Format: probe.Tables, Tables: tables, Notes: notes}
	for _, t := range tables {
		rec.Events += t.Count
	}
	return rec, nil
}
