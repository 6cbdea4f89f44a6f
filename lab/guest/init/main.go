//go:build linux

// Command init is the first program of a guest of the lab. It loads modules, makes the
// root, runs the steps of its plan and tells what became of them over the results' line.
//
// Every run waits for it, and an emulated kernel takes long to unpack what is large: it
// stands on system calls alone, without package os and what that brings along. It is built
// by scripts/lab-init into the files that package guest embeds.
//
// main.go is its way from begin to end, root.go makes the root, step.go runs commands,
// tar.go brings files back, sys.go holds the system calls.
package main

import (
	"errors"
	"sync"
	"syscall"

	"ringside/lab/guest/wire"
)

// guest is the init with its line to the lab.
type guest struct {
	plan wire.Plan
	line file

	mu  sync.Mutex // of out
	out *wire.Writer
}

func main() {
	mountSystem()
	g, err := open()
	if err != nil {
		// Without a line there is nobody to tell but the console.
		_, _ = file(2).Write([]byte("ringside init: " + err.Error() + "\n"))
		off()
	}
	if err := g.run(); err != nil {
		g.send(wire.TypeFailure, []byte(err.Error()))
	}
	g.send(wire.TypeOff, nil)
	// What the line's driver still holds would be lost with the machine.
	g.line.drain()
	syscall.Sync()
	off()
}

// mountSystem makes what every program expects. What fails is found out by who needs it.
func mountSystem() {
	for _, m := range []struct{ source, target, kind, data string }{
		{"proc", "/proc", "proc", ""}, {"sysfs", "/sys", "sysfs", ""}, {"devtmpfs", "/dev", "devtmpfs", "mode=0755"},
		{"tmpfs", "/tmp", "tmpfs", "mode=1777"}, {"tmpfs", "/run", "tmpfs", "mode=0755"},
		{"debugfs", "/sys/kernel/debug", "debugfs", ""}, {"tracefs", "/sys/kernel/tracing", "tracefs", ""},
	} {
		_ = syscall.Mkdir(m.target, 0o755)
		_ = syscall.Mount(m.source, m.target, m.kind, syscall.MS_NOSUID, m.data)
	}
	_ = syscall.Mkdir("/dev/pts", 0o755)
	_ = syscall.Mount("devpts", "/dev/pts", "devpts", syscall.MS_NOSUID, "gid=5,mode=620,ptmxmode=666")
	for _, l := range [][2]string{{"/proc/self/fd", "/dev/fd"}, {"/proc/self/fd/0", "/dev/stdin"}, {"/proc/self/fd/1", "/dev/stdout"}, {"/proc/self/fd/2", "/dev/stderr"}} {
		_ = syscall.Symlink(l[0], l[1])
	}
}

// open reads the plan, which nobody shall see after it, and opens the line.
func open() (*guest, error) {
	text, err := readFile(wire.PlanFile)
	if err != nil {
		return nil, err
	}
	if err := syscall.Unlink(wire.PlanFile); err != nil {
		return nil, failed{"remove the plan", err}
	}
	g := new(guest)
	if err := g.plan.Decode(text); err != nil {
		return nil, err
	}
	clear(text)
	fd, err := syscall.Open(g.plan.Results, syscall.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, failed{"open " + g.plan.Results, err}
	}
	if err := raw(fd); err != nil {
		return nil, failed{g.plan.Results, err}
	}
	g.line = file(fd)
	g.out = wire.NewWriter(g.line, g.plan.Key)
	return g, nil
}

// send tells the lab something. A line that is broken leaves nobody to tell.
func (g *guest) send(t wire.Type, payload []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = g.out.Write(t, payload)
}

func (g *guest) run() error {
	var u syscall.Utsname
	if err := syscall.Uname(&u); err != nil {
		return failed{"uname", err}
	}
	g.send(wire.TypeHello, []byte(text(u.Release[:])))
	for _, m := range g.plan.Modules {
		if err := load(m); err != nil {
			return failed{"module " + m.Name, err}
		}
	}
	if err := g.enterRoot(); err != nil {
		return failed{"root " + g.plan.Root.Kind, err}
	}
	installApplets()
	g.send(wire.TypeReady, nil)
	for i := range g.plan.Steps {
		g.step(i)
	}
	g.collect()
	return nil
}

// failed is an error with what was being done.
type failed struct {
	what string
	err  error
}

func (f failed) Error() string { return f.what + ": " + f.err.Error() }
func (f failed) Unwrap() error { return f.err }

// text reads a field of a utsname.
func text[T int8 | uint8](field []T) string {
	var b []byte
	for _, c := range field {
		if c == 0 {
			break
		}
		b = append(b, byte(c))
	}
	return string(b)
}

// load inserts a module, and removes it from the initramfs. One that is in already is no
// error.
func load(m wire.Module) error {
	name := wire.Modules + m.File
	fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	err = finitModule(fd, m.Params)
	_ = syscall.Close(fd)
	_ = syscall.Unlink(name)
	if errors.Is(err, syscall.EEXIST) {
		return nil
	}
	return err
}

// off ends the machine. Where the kernel cannot switch off it is restarted, which the lab
// takes for the same.
func off() {
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)
	select {} // init must not return
}
