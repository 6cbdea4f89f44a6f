package resolve

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"ringside/profile"
	"ringside/profile/jitdump"
	"ringside/profile/perfdata"
)

// A dump is the code that a runtime has made, at one time of the recording.
type dump struct {
	module string
	events []jitdump.Event // those to come, by time
	timed  bool            // their clock is that of the recording
	code   space           // what is there now; each object is one function
}

// maxDumped bounds the changes of a dump that are held.
const maxDumped = 1 << 20

// isDump says whether a file is one that a runtime maps to make itself known.
func isDump(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(base, "jit-") && strings.HasSuffix(base, ".dump")
}

// openDump reads the dump that a process has mapped.
func (l *loader) openDump(p *process, name string) {
	if l.opt.Dump == nil {
		return
	}
	r, err := l.opt.Dump(name)
	if err != nil {
		l.b.Warn("code that was made at run time has no names: " + err.Error())
		return
	}
	defer r.Close()
	f, err := jitdump.Open(r)
	if err != nil {
		l.b.Warn(name + ": " + err.Error())
		return
	}
	d := &dump{module: name, timed: !f.OwnClock && len(l.f.Attrs) > 0 && l.f.Attrs[0].Monotonic()}
	for e, err := range f.Events() {
		if err != nil {
			l.b.Warn(name + ": " + err.Error())
			break
		}
		if len(d.events) == maxDumped {
			l.b.Warn(name + ": it has more changes than are held; names of late code are missing")
			break
		}
		d.events = append(d.events, e)
	}
	slices.SortStableFunc(d.events, func(a, b jitdump.Event) int { return cmp.Compare(a.Time, b.Time) })
	l.jit(p).dump = d
	p.dumped = true
}

// at brings a process's dump to the time of a sample.
func (d *dump) at(p *process, time uint64, next func() int) {
	n := 0
	for ; n < len(d.events) && (!d.timed || d.events[n].Time <= time); n++ {
		e := &d.events[n]
		o := &object{module: d.module, made: e}
		if e.Kind == jitdump.Move {
			m := d.code.find(e.Old)
			if m == nil {
				continue
			}
			o = m.obj
		}
		d.code.add(mapping{start: e.Addr, end: e.Addr + e.Size, obj: o})
	}
	if n == 0 {
		return
	}
	d.events = d.events[n:]
	// Addresses have another meaning now.
	if p.space.shared {
		p.space = &space{maps: slices.Clone(p.space.maps), before: p.space.before}
	}
	p.space.version = next()
}

// upToDate brings the dump of a sample's process to its time.
func (l *loader) upToDate(p *process, r *perfdata.Record) {
	if p.dumped && p.jit != nil && p.jit.dump != nil && len(p.jit.dump.events) > 0 {
		p.jit.dump.at(p, r.Time, func() int {
			l.tasks.version++
			return l.tasks.version
		})
	}
}

// dumpedFrame returns the frame of code that a runtime has made.
func (l *loader) dumpedFrame(p *process, addr uint64) (profile.FrameID, bool) {
	if p.jit == nil || p.jit.dump == nil {
		return 0, false
	}
	m := p.jit.dump.code.find(addr)
	if m == nil {
		return 0, false
	}
	f := profile.Frame{Func: m.obj.made.Name, Module: m.obj.module}
	if l.opt.Lines != nil {
		off := addr - m.start + m.off + m.obj.made.Addr
		for _, x := range m.obj.made.Lines {
			if x.Addr > off {
				break
			}
			f.File, f.Line = x.File, x.Line
		}
	}
	return l.b.Frame(f), true
}
