package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Source is where a console comes from.
type Source interface {
	// Open opens the source. Reading from it ends when ctx does.
	Open(ctx context.Context) (io.ReadCloser, error)
	// Again reports whether the source is worth opening again when it ends.
	Again() bool
	// String names the source.
	String() string
}

// Baud is the speed of a serial line where none is said.
const Baud = 115200

// Named returns the source that an argument names:
//
//   - standard input, that is in
//     tcp://HOST:PORT       a console server
//     telnet://HOST:PORT    the same, with telnet's negotiation taken out
//     unix:PATH             a socket, as QEMU makes it for a serial port
//     PATH of a device      a serial line at baud
//     PATH of a pipe        what is written to it
//     PATH of a file        what is appended to it, also after it was rotated
func Named(name string, in io.Reader, baud int) (Source, error) {
	if name == "-" {
		return reader{in}, nil
	}
	if path, ok := strings.CutPrefix(name, "unix:"); ok {
		return dialled{"unix", path, false}, nil
	}
	if u, err := url.Parse(name); err == nil && u.Host != "" {
		switch {
		case u.Scheme != "tcp" && u.Scheme != "telnet":
			return nil, fmt.Errorf("%s: use tcp://HOST:PORT or telnet://HOST:PORT", name)
		case u.Port() == "" && u.Scheme == "telnet":
			return dialled{"tcp", net.JoinHostPort(u.Hostname(), "23"), true}, nil
		case u.Port() == "":
			return nil, fmt.Errorf("%s: say the port, as in tcp://%s:7001", name, u.Host)
		}
		return dialled{"tcp", u.Host, u.Scheme == "telnet"}, nil
	}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s is a folder; give the console's file or device", name)
	case info.Mode()&os.ModeCharDevice != 0:
		return serial{name, baud}, nil
	case info.Mode().IsRegular():
		return growing{name}, nil
	}
	return file{name}, nil
}

// reader is a source that is open already, and ends once.
type reader struct{ r io.Reader }

func (s reader) Open(ctx context.Context) (io.ReadCloser, error) { return interruptible(ctx, s.r), nil }
func (s reader) Again() bool                                     { return false }
func (s reader) String() string                                  { return "standard input" }

// interruptible makes a reader end with ctx though its Read may go on waiting.
func interruptible(ctx context.Context, r io.Reader) io.ReadCloser {
	pr, pw := io.Pipe()
	go func() {
		_, err := io.Copy(pw, r)
		pw.CloseWithError(err)
	}()
	stop := context.AfterFunc(ctx, func() { pr.CloseWithError(ctx.Err()) })
	return closer{pr, func() error { stop(); return pr.Close() }}
}

type closer struct {
	io.Reader
	close func() error
}

func (c closer) Close() error { return c.close() }

// file is a named pipe: it ends when its last writer closes it, and begins
// again with the next.
type file struct{ path string }

func (s file) Open(ctx context.Context) (io.ReadCloser, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	return endWith(ctx, f), nil
}
func (s file) Again() bool    { return true }
func (s file) String() string { return s.path }

// endWith closes c when ctx ends.
func endWith(ctx context.Context, c io.ReadCloser) io.ReadCloser {
	stop := context.AfterFunc(ctx, func() { c.Close() })
	return closer{c, func() error { stop(); return c.Close() }}
}

// dialled is a socket.
type dialled struct {
	network, address string
	telnet           bool
}

func (s dialled) Open(ctx context.Context) (io.ReadCloser, error) {
	d := net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	conn, err := d.DialContext(ctx, s.network, s.address)
	if err != nil {
		return nil, err
	}
	c := endWith(ctx, conn)
	if s.telnet {
		return closer{newTelnet(conn, conn), c.Close}, nil
	}
	return c, nil
}
func (s dialled) Again() bool { return true }
func (s dialled) String() string {
	if s.telnet {
		return "telnet " + s.address
	}
	return s.network + " " + s.address
}

// Command is a source that is what a command prints. It has a terminal for its
// standard input where the system can make one, because ipmitool insists.
type Command []string

// Open starts the command.
func (s Command) Open(ctx context.Context) (io.ReadCloser, error) {
	cmd := exec.CommandContext(ctx, s[0], s[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	tty, err := terminal()
	if err == nil {
		cmd.Stdin = tty.slave
	}
	pr, pw := io.Pipe()
	cmd.Stdout, cmd.Stderr = pw, pw
	if err := cmd.Start(); err != nil {
		tty.Close()
		return nil, err
	}
	go func() {
		err := cmd.Wait()
		tty.Close()
		pw.CloseWithError(err)
	}()
	return closer{pr, func() error {
		// A reader that leaves ends the command's next write, and so the command.
		return pr.Close()
	}}, nil
}

// Again reports false: a command that ends has said all.
func (s Command) Again() bool { return false }

func (s Command) String() string { return strings.Join(s, " ") }

// pump reads src and sends what it gives, opening it again where that makes
// sense, until ctx ends.
func pump(ctx context.Context, src Source, out chan<- chunk) {
	send := func(c chunk) bool {
		select {
		case out <- c:
			return true
		case <-ctx.Done():
			return false
		}
	}
	pause := time.Second
	for {
		r, err := src.Open(ctx)
		if err == nil {
			if !send(chunk{kind: Connected}) {
				r.Close()
				return
			}
			var n int64
			n, err = copyChunks(r, send)
			r.Close()
			if n > 0 {
				pause = time.Second
			}
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		if ctx.Err() != nil {
			return
		}
		if !src.Again() {
			send(chunk{kind: Ended, err: err})
			return
		}
		if !send(chunk{kind: Disconnected, err: err}) {
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		pause = min(2*pause, 30*time.Second)
	}
}

// copyChunks sends what r gives until it ends.
func copyChunks(r io.Reader, send func(chunk) bool) (int64, error) {
	var n int64
	for {
		buf := make([]byte, 32<<10)
		m, err := r.Read(buf)
		n += int64(m)
		if m > 0 && !send(chunk{data: buf[:m]}) {
			return n, context.Canceled
		}
		if err != nil {
			return n, err
		}
	}
}
