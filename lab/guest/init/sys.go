//go:build linux

package main

import (
	"errors"
	"io"
	"syscall"
	"unsafe"
)

// file is a file descriptor.
type file int

func (f file) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		n, err := syscall.Write(int(f), b[done:])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

func (f file) Read(b []byte) (int, error) {
	for {
		n, err := syscall.Read(int(f), b)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// drain waits until a terminal has sent all that was written to it: TCSBRK with an argument
// that is not zero (ioctl_tty(2)), which C calls tcdrain.
func (f file) drain() {
	const tcsbrk = 0x5409
	_, _, _ = syscall.Syscall(syscall.SYS_IOCTL, uintptr(f), tcsbrk, 1)
}

func (f file) close() { _ = syscall.Close(int(f)) }

// maxFile bounds what is read of one file.
const maxFile = 1 << 30

func readFile(name string) ([]byte, error) {
	fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, failed{"open " + name, err}
	}
	f := file(fd)
	defer f.close()
	b := make([]byte, 0, 8<<10)
	for len(b) < maxFile {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := f.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return b, failed{"read " + name, err}
		}
	}
	return b, nil
}

// mkdirAll makes a folder and those it is in.
func mkdirAll(name string) {
	for i := 1; i < len(name); i++ {
		if name[i] == '/' {
			_ = syscall.Mkdir(name[:i], 0o755)
		}
	}
	_ = syscall.Mkdir(name, 0o755)
}

// names lists a folder.
func names(dir string) ([]string, error) {
	fd, err := syscall.Open(dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer file(fd).close()
	var list []string
	buf := make([]byte, 16<<10)
	for {
		n, err := syscall.ReadDirent(fd, buf)
		if n <= 0 || err != nil {
			return list, err
		}
		for rest := buf[:n]; len(rest) > 0; {
			var used int
			used, _, list = syscall.ParseDirent(rest, -1, list)
			rest = rest[used:]
		}
	}
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(arg)); e != 0 {
		return e
	}
	return nil
}

// raw makes a line pass all bytes as they are, and keeps others from opening it.
func raw(fd int) error {
	var t syscall.Termios
	if err := ioctl(fd, syscall.TCGETS, unsafe.Pointer(&t)); err != nil {
		return err
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag = t.Cflag&^(syscall.CSIZE|syscall.PARENB) | syscall.CS8 | syscall.CREAD | syscall.CLOCAL
	t.Cc[syscall.VMIN], t.Cc[syscall.VTIME] = 1, 0
	if err := ioctl(fd, syscall.TCSETS, unsafe.Pointer(&t)); err != nil {
		return err
	}
	_ = ioctl(fd, syscall.TIOCEXCL, nil)
	return nil
}

func finitModule(fd int, params string) error {
	p, err := syscall.BytePtrFromString(params)
	if err != nil {
		return err
	}
	if _, _, e := syscall.Syscall(sysFinitModule, uintptr(fd), uintptr(unsafe.Pointer(p)), 0); e != 0 {
		return e
	}
	return nil
}

// openTerminal returns both ends of a new terminal.
func openTerminal(rows, columns int) (master, slave file, err error) {
	m, err := syscall.Open("/dev/ptmx", syscall.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return 0, 0, failed{"open /dev/ptmx", err}
	}
	var n, unlock int32
	if err := ioctl(m, syscall.TIOCSPTLCK, unsafe.Pointer(&unlock)); err != nil {
		return 0, 0, err
	}
	if err := ioctl(m, syscall.TIOCGPTN, unsafe.Pointer(&n)); err != nil {
		return 0, 0, err
	}
	s, err := syscall.Open("/dev/pts/"+itoa(int(n)), syscall.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return 0, 0, err
	}
	setSize(m, rows, columns)
	return file(m), file(s), nil
}

func setSize(fd, rows, columns int) {
	size := [4]uint16{uint16(rows), uint16(columns)}
	_ = ioctl(fd, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
}

// itoa writes a number that is not negative.
func itoa(n int) string {
	b := [20]byte{}
	i := len(b)
	for {
		i--
		b[i] = byte('0' + n%10)
		if n /= 10; n == 0 {
			return string(b[i:])
		}
	}
}

// now is a clock that only goes forward, in nanoseconds.
func now() int64 {
	var t [2]int64
	_, _, _ = syscall.Syscall(syscall.SYS_CLOCK_GETTIME, 1, uintptr(unsafe.Pointer(&t)), 0) // CLOCK_MONOTONIC
	return t[0]*1e9 + t[1]
}
