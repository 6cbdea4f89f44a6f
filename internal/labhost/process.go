package labhost

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ringside/lab"
)

// process is a program with channels.
type process struct {
	cmd      *exec.Cmd
	channels []net.Conn
	stderr   *tail
	done     chan struct{}

	mu     sync.Mutex
	state  string
	closed bool
}

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const maxSaid = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if over := len(t.b) - maxSaid; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.b))
}

// start starts a program whose channels are connected sockets. It dies with this process,
// however that ends: the kernel sees to it.
func start(path string, args []string, channels int, dir string) (*process, error) {
	p := &process{stderr: &tail{}, done: make(chan struct{})}
	// Not with the context of a request: it is ended in order, and by the kernel at the worst.
	p.cmd = exec.CommandContext(context.Background(), path, args...)
	p.cmd.Stderr, p.cmd.Dir = p.stderr, dir
	// A group of its own: an interrupt at the terminal is for us, who then end it in order.
	p.cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL, Setpgid: true}
	var theirs []*os.File
	defer func() {
		for _, f := range theirs {
			f.Close()
		}
	}()
	for range channels {
		ours, other, err := pair()
		if err != nil {
			p.closeChannels()
			return nil, err
		}
		p.channels = append(p.channels, ours)
		theirs = append(theirs, other)
	}
	p.cmd.ExtraFiles = theirs
	started := make(chan error, 1)
	go func() {
		// The kernel sends the signal when the thread that started the process ends, and Go
		// may end a thread: this one stays until the process is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		err = p.cmd.Wait()
		p.mu.Lock()
		p.state = p.cmd.ProcessState.String()
		if err != nil && p.cmd.ProcessState == nil {
			p.state = err.Error()
		}
		p.mu.Unlock()
		close(p.done)
	}()
	if err := <-started; err != nil {
		p.closeChannels()
		return nil, err
	}
	return p, nil
}

// pair returns the two ends of a connection.
func pair() (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a channel: %w", err)
	}
	ours := os.NewFile(uintptr(fds[0]), "channel")
	defer ours.Close() // FileConn makes a copy
	conn, err := net.FileConn(ours)
	if err != nil {
		_ = unix.Close(fds[1])
		return nil, nil, fmt.Errorf("make a channel: %w", err)
	}
	return conn, os.NewFile(uintptr(fds[1]), "channel"), nil
}

func (p *process) closeChannels() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		for _, c := range p.channels {
			_ = c.Close()
		}
	}
}

func (p *process) Channel(i int) io.ReadWriteCloser { return p.channels[i] }
func (p *process) Done() <-chan struct{}            { return p.done }

func (p *process) Said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if said := p.stderr.String(); said != "" {
		return p.state + ": " + said
	}
	return p.state
}

func (p *process) Kill() {
	_ = p.cmd.Process.Kill() // it may be gone
	<-p.done
	p.closeChannels()
}

// Usage adds up the threads' times, as the scheduler counts them
// (Documentation/scheduler/sched-stats.rst).
func (p *process) Usage() (lab.Usage, error) {
	var u lab.Usage
	files, err := filepath.Glob("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/task/*/schedstat")
	if err != nil || len(files) == 0 {
		return u, os.ErrProcessDone
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // the thread has ended
		}
		fields := strings.Fields(string(b))
		if len(fields) < 2 {
			continue
		}
		ran, err1 := strconv.ParseInt(fields[0], 10, 64)
		waited, err2 := strconv.ParseInt(fields[1], 10, 64)
		if err1 == nil && err2 == nil {
			u.CPU += time.Duration(ran)
			u.Ready = max(u.Ready, time.Duration(waited))
		}
	}
	return u, nil
}

// folder is a host for one run: its files are in the run's folder.
type folder struct{ dir string }

func (f folder) Start(_ context.Context, path string, args []string, channels int) (lab.Process, error) {
	p, err := start(path, args, channels, f.dir)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(f.dir, pidFile), []byte(identity(p.cmd.Process.Pid)), 0o644); err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}

func (f folder) Create(name string) (io.WriteCloser, error) {
	return os.Create(filepath.Join(f.dir, filepath.Base(name)))
}

func (f folder) Size(name string) (int64, error) {
	info, err := os.Stat(filepath.Join(f.dir, filepath.Base(name)))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
