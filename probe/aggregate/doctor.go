package aggregate

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"ringside/probe"
)

// Examine tries which programs this kernel takes, and says why not.
func Examine() []probe.Check {
	nothing := asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}
	var list []probe.Check
	for _, x := range []struct {
		what string
		spec ebpf.ProgramSpec
	}{
		{"eBPF programs at events", ebpf.ProgramSpec{Type: ebpf.TracePoint}},
		{"eBPF programs at functions (fentry)", ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFEntry, AttachTo: "vfs_read"}},
	} {
		x.spec.Name, x.spec.License, x.spec.Instructions = "ringside", "GPL", nothing
		c := probe.Check{What: x.what, OK: true, Says: "yes"}
		p, err := ebpf.NewProgram(&x.spec)
		if err == nil {
			err = p.Close()
		}
		switch {
		case err == nil:
		case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
			c.OK, c.Says = false, fmt.Sprintf("%v: without CAP_BPF and CAP_PERFMON, or a policy of this host (lockdown, a security module, a sandbox) refuses it even to root", unix.EPERM)
		default:
			c.OK, c.Says = false, err.Error()
		}
		list = append(list, c)
	}
	return list
}
