package resolve

import (
	"math/bits"
	"slices"

	"ringside/profile"
	"ringside/profile/perfdata"
)

// A slot of a cache remembers what a key led to last.
type slot[T ~int32] struct {
	key uint64
	id  T
	ok  bool
}

// cacheSize is how many slots a cache has. What is looked up again soon is found
// in it; what is not there is worked out.
const cacheSize = 1 << 16

// mix is a step of a hash.
func mix(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^v, 0x9e3779b97f4a7c15)
	return hi ^ lo
}

// forget empties the caches: addresses have another meaning now.
func (l *loader) forget() {
	clear(l.callers)
	clear(l.frames)
	clear(l.places)
	clear(l.kframes)
}

// stack returns the stack of a sample. Samples of one place come with ever new
// addresses in the innermost function and with the same callers: those are
// looked up at once.
func (l *loader) stack(r *perfdata.Record) profile.StackID {
	p := l.on(r).proc
	l.upToDate(p, r)
	if l.copied != nil && r.UserABI != 0 && len(r.UserStack) > 0 {
		return l.copiedStack(p, r)
	}
	kind := modes[r.Misc&perfdata.MiscCPUMode]
	if l.f.Attrs[r.Attr].SampleType&perfdata.SampleCallchain == 0 {
		if r.IP == 0 {
			return 0
		}
		return l.pushRef(0, l.frame(p, r.IP, kind))
	}
	chain := r.Callchain
	first := 0
	for ; first < len(chain) && chain[first] >= perfdata.ContextMax; first++ {
		var ok bool
		if kind, ok = contexts[chain[first]]; !ok {
			l.broken++
			return 0
		}
	}
	if first == len(chain) {
		return 0
	}
	h := mix(l.seed, uint64(kind))
	user := isUser(kind)
	for _, ip := range chain[first+1:] {
		if ip >= perfdata.ContextMax {
			k, ok := contexts[ip]
			if !ok {
				l.broken++
				return 0
			}
			user = user || isUser(k)
		}
		h = mix(h, ip)
	}
	if user {
		h = mix(h, uint64(p.space.version)) // else all processes have it in common
	}
	at := &l.callers[h%cacheSize]
	if at.key != h || !at.ok {
		*at = slot[profile.StackID]{h, l.push(p, chain[first+1:], kind), true}
	}
	callers := at.id
	return l.pushRef(callers, l.frame(p, chain[first], kind))
}

// push returns the stack of a chain of addresses, which begin in code of a kind.
func (l *loader) push(p *process, chain []uint64, kind profile.Kind) profile.StackID {
	l.chain = l.chain[:0]
	caller := true
	for _, ip := range chain {
		if ip < perfdata.ContextMax {
			l.chain = append(l.chain, l.frame(p, l.called(ip, caller), kind))
			caller = true
			continue
		}
		kind, caller = contexts[ip], false
	}
	var id profile.StackID
	for _, f := range slices.Backward(l.chain) {
		id = l.pushRef(id, f)
	}
	return id
}

var modes = [8]profile.Kind{
	perfdata.MiscKernel: profile.Kernel, perfdata.MiscUser: profile.User, perfdata.MiscHypervisor: profile.Hypervisor,
	perfdata.MiscGuestKernel: profile.GuestKernel, perfdata.MiscGuestUser: profile.GuestUser,
}

var contexts = map[uint64]profile.Kind{
	perfdata.ContextKernel: profile.Kernel, perfdata.ContextUser: profile.User, perfdata.ContextHypervisor: profile.Hypervisor,
	perfdata.ContextGuest: profile.GuestKernel, perfdata.ContextGuestKernel: profile.GuestKernel, perfdata.ContextGuestUser: profile.GuestUser,
}

func isUser(k profile.Kind) bool { return k == profile.User || k == profile.GuestUser }

// frame returns the frame of an address.
func (l *loader) frame(p *process, addr uint64, kind profile.Kind) profile.FrameID {
	switch kind {
	case profile.Kernel:
		return l.kernelFrame(addr)
	case profile.GuestKernel:
		return l.guestFrame(addr)
	case profile.Hypervisor:
		return l.b.Frame(profile.Frame{Kind: kind, Module: "[hypervisor]", Addr: addr})
	case profile.GuestUser:
		return l.b.Frame(profile.Frame{Kind: kind})
	}
	return l.userFrame(p, addr)
}

// userFrame returns the frame of an address in a process.
func (l *loader) userFrame(p *process, addr uint64) profile.FrameID {
	key := mix(mix(l.seed, addr), uint64(p.space.version))
	at := &l.frames[key%cacheSize]
	if at.key != key || !at.ok {
		*at = slot[profile.FrameID]{key, l.lookUp(p, addr), true}
	}
	return at.id
}

// lookUp finds the frame of an address in a process's space. What is mapped
// nowhere is no code: broken frame pointers lead there.
func (l *loader) lookUp(p *process, addr uint64) profile.FrameID {
	m := p.space.find(addr)
	if id, ok := l.dumpedFrame(p, addr); ok {
		return id
	}
	if m == nil {
		if !l.nowhereKnown {
			l.nowhere, l.nowhereKnown = l.b.Frame(profile.Frame{}), true
		}
		return l.nowhere
	}
	o := m.obj
	off := addr - m.start + m.off
	// Processes that run the same program ask for the same places of it.
	key := mix(mix(l.seed, off), o.number)
	at := &l.places[key%cacheSize]
	if at.key == key && at.ok {
		return at.id
	}
	l.open(o, p)
	*at = slot[profile.FrameID]{key, l.objectFrame(o, off), true}
	return at.id
}

// objectFrame returns the frame of an offset that was not asked for before:
// functions are few, so that names are made once.
func (l *loader) objectFrame(o *object, off uint64) profile.FrameID {
	f := profile.Frame{Module: o.module}
	lines := l.linesOf(o, o.loads.address(off))
	s, ok := o.table.find(off)
	if !ok {
		// One frame for all of the object that has no name: what the addresses tell
		// apart would be more stacks than anything can be said of.
		return l.expand(f, lines)
	}
	if lines != nil {
		f.Func = o.table.pretty(s)
		return l.expand(f, lines)
	}
	if id, ok := o.named[s]; ok {
		return id
	}
	f.Func = o.table.pretty(s)
	id := l.b.Frame(f)
	if o.named == nil {
		o.named = map[*sym]profile.FrameID{}
	}
	o.named[s] = id
	return id
}

// A cpu remembers who ran on it last.
type cpu struct {
	pid, tid int32
	proc     *process
	thread   *thread
}

// on returns who a sample is of.
func (l *loader) on(r *perfdata.Record) *cpu {
	c := &l.cpus[uint32(r.CPU)%uint32(len(l.cpus))]
	if c.proc == nil || c.pid != r.PID {
		c.pid, c.proc = r.PID, l.tasks.proc(r.PID)
	}
	if c.thread == nil || c.tid != r.TID {
		c.tid, c.thread = r.TID, l.tasks.thread(r.TID)
	}
	return c
}
