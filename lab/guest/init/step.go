//go:build linux

package main

import (
	"errors"
	"sync"
	"syscall"

	"ringside/lab/guest/wire"
)

// path is where programs are looked for.
var path = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// step runs one command and tells how it ended.
func (g *guest) step(i int) {
	g.send(wire.TypeBegun, wire.Number(i))
	began := now()
	end := wire.Ended{Step: i, Exit: -1}
	if status, err := g.execute(g.plan.Steps[i], g.plan.Terminal && i == len(g.plan.Steps)-1, &end); err != nil {
		end.Error = err.Error()
	} else if status.Signaled() {
		end.Signal = int(status.Signal())
	} else {
		end.Exit = status.ExitStatus()
	}
	end.Took = now() - began
	g.send(wire.TypeEnded, end.Encode())
}

// execute runs a command until it has ended and all that it printed has been sent.
func (g *guest) execute(s wire.Step, terminal bool, end *wire.Ended) (syscall.WaitStatus, error) {
	program, err := find(s.Argv[0])
	if err != nil {
		return 0, err
	}
	env := append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=linux", "LANG=C.UTF-8"}, s.Env...)
	attr := &syscall.ProcAttr{Dir: s.Dir, Env: env, Sys: &syscall.SysProcAttr{Setsid: true}}
	var (
		ends    []file // of the child's, which is to be the only one to hold them
		pumps   []pump
		copying sync.WaitGroup
	)
	if terminal {
		master, slave, err := openTerminal(g.plan.Rows, g.plan.Columns)
		if err != nil {
			return 0, failed{"terminal", err}
		}
		attr.Files = []uintptr{uintptr(slave), uintptr(slave), uintptr(slave)}
		attr.Sys.Setctty, attr.Sys.Ctty = true, 0
		ends = append(ends, slave)
		pumps = append(pumps, pump{wire.TypeStdout, master})
		go g.input(master)
	} else {
		in, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			return 0, err
		}
		attr.Files, ends = []uintptr{uintptr(in)}, append(ends, file(in))
		for _, t := range []wire.Type{wire.TypeStdout, wire.TypeStderr} {
			var p [2]int
			if err := syscall.Pipe2(p[:], syscall.O_CLOEXEC); err != nil {
				return 0, err
			}
			attr.Files, ends = append(attr.Files, uintptr(p[1])), append(ends, file(p[1]))
			pumps = append(pumps, pump{t, file(p[0])})
		}
	}
	pid, _, err := syscall.StartProcess(program, s.Argv, attr)
	for _, f := range ends {
		f.close()
	}
	if err != nil {
		for _, p := range pumps {
			p.from.close()
		}
		return 0, failed{program, err}
	}
	// It has ended when the pipes have: a child that it left behind may still print.
	for _, p := range pumps {
		copying.Add(1)
		go func() {
			defer copying.Done()
			g.copy(p, &end.Lost)
		}()
	}
	status, err := wait(pid)
	if !terminal {
		copying.Wait()
	}
	return status, err
}

type pump struct {
	to   wire.Type
	from file
}

// wait waits for a child. As the first process the init also gets those that others left.
func wait(pid int) (syscall.WaitStatus, error) {
	for {
		var status syscall.WaitStatus
		got, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, err
		case got == pid:
			return status, nil
		}
	}
}

// copy sends what a step prints, up to the plan's limit.
func (g *guest) copy(p pump, lost *int64) {
	defer p.from.close()
	buf := make([]byte, wire.MaxPayload)
	left := g.plan.Output
	for {
		n, err := p.from.Read(buf)
		keep := int64(n)
		if keep > left {
			g.mu.Lock()
			*lost += keep - left
			g.mu.Unlock()
			keep = left
		}
		left -= keep
		if keep > 0 {
			g.send(p.to, buf[:keep])
		}
		if err != nil {
			return
		}
	}
}

// input passes what the lab types to a terminal.
func (g *guest) input(to file) {
	r := wire.NewReader(g.line, g.plan.Key)
	for {
		f, err := r.Next()
		if err != nil {
			return
		}
		switch {
		case f.Type == wire.TypeInput:
			_, _ = to.Write(f.Payload)
		case f.Type == wire.TypeSize && len(f.Payload) == 4:
			setSize(int(to), int(f.Payload[0])<<8|int(f.Payload[1]), int(f.Payload[2])<<8|int(f.Payload[3]))
		}
	}
}

// find looks a program up as a shell would.
func find(name string) (string, error) {
	for i := range len(name) {
		if name[i] == '/' {
			return name, nil
		}
	}
	for _, dir := range path {
		var st syscall.Stat_t
		if syscall.Stat(dir+"/"+name, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFREG && st.Mode&0o111 != 0 {
			return dir + "/" + name, nil
		}
	}
	return "", errors.New(name + " is not in the guest: bring it along (--with " + name + "), or give it a root")
}
