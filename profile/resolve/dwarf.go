package resolve

import (
	"io"

	"ringside/profile"
	"ringside/profile/perfdata"
	"ringside/profile/unwind"
)

// stacks is how the stacks of processes are followed that were recorded as
// copies.
type stacks struct {
	unwinder unwind.Unwinder
	proc     *process // whose it is
	pcs      []uint64
}

// armMask is the registers that perf records on arm64.
const armMask = 1<<33 - 1

// copies prepares for stacks that were copied.
func (l *loader) copies() {
	for i := range l.f.Attrs {
		a := &l.f.Attrs[i]
		if a.SampleType&perfdata.SampleStackUser == 0 || a.SampleType&perfdata.SampleRegsUser == 0 {
			continue
		}
		arch, ok := unwind.ArchOf(l.f.Arch)
		if !ok && l.f.Arch == "" { // a pipe may not tell
			arch, ok = unwind.X86_64, true
			if a.RegsUser == armMask {
				arch = unwind.ARM64
			}
		}
		if !ok {
			l.b.Warn("stacks of processes on " + l.f.Arch + " were copied, and cannot be followed: user frames end at the innermost")
			return
		}
		l.copied = &stacks{}
		l.copied.unwinder = unwind.Unwinder{Arch: arch, Find: l.tablesAt}
		return
	}
}

// tablesAt finds the tables of what is mapped at an address of the process whose
// stack is followed.
func (l *loader) tablesAt(pc uint64) (*unwind.Tables, uint64) {
	m := l.copied.proc.space.find(pc)
	if m == nil || m.obj.jit {
		return nil, 0
	}
	o := m.obj
	l.open(o, l.copied.proc)
	if !o.unwindRead {
		o.unwindRead = true
		if file, debug := l.files(o); file != nil {
			var from io.ReaderAt
			if debug != nil {
				defer debug.Close()
				from = debug
			}
			defer file.Close()
			o.unwind, _ = unwind.Open(file, from) // without them the frame pointer is followed
		}
	}
	off := pc - m.start + m.off
	return o.unwind, pc - o.loads.address(off)
}

// copiedStack returns the stack of a sample that has a copy of its process's:
// the kernel's part is its call chain.
func (l *loader) copiedStack(p *process, r *perfdata.Record) profile.StackID {
	s := l.copied
	s.proc, s.pcs = p, s.pcs[:0]
	regs, ok := s.unwinder.Arch.Regs(l.f.Attrs[r.Attr].RegsUser, r.UserRegs)
	switch {
	case ok && r.UserABI == perfdata.ABI64:
		s.pcs = s.unwinder.Unwind(s.pcs, regs, r.UserStack)
	case ok:
		s.pcs = append(s.pcs, regs.PC) // a 32-bit program
	}
	var id profile.StackID
	for i := len(s.pcs) - 1; i >= 0; i-- {
		id = l.pushRef(id, l.userFrame(p, s.pcs[i]))
	}
	kind := modes[r.Misc&perfdata.MiscCPUMode]
	l.chain = l.chain[:0]
	caller := false
	for _, ip := range r.Callchain {
		if ip >= perfdata.ContextMax {
			if kind, ok = contexts[ip]; !ok {
				l.broken++
				return id
			}
			continue
		}
		if kind == profile.Kernel || kind == profile.GuestKernel {
			l.chain = append(l.chain, l.frame(p, l.called(ip, caller), kind))
			caller = true
		}
	}
	for i := len(l.chain) - 1; i >= 0; i-- {
		id = l.pushRef(id, l.chain[i])
	}
	return id
}
