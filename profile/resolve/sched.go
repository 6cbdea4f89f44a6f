package resolve

import (
	"bytes"
	"errors"
	"fmt"

	"ringside/profile"
	"ringside/profile/perfdata"
	"ringside/trace/event"
)

// sched follows tasks off and onto their CPUs.
type sched struct {
	kind    Kind
	prevPID event.Number
	nextPID event.Number
	wokenID []event.Number // by attribute, not valid where it is no wake-up
	switchA map[int]bool
	event   int
	off     map[int32]*absence
	unseen  int64 // returns that were not recorded
}

// An absence is a task that is not on a CPU.
type absence struct {
	since uint64
	stack profile.StackID
	label profile.LabelID
	woken bool
}

// maxAbsent bounds the tasks that are followed.
const maxAbsent = 1 << 20

// scheduling prepares for a profile of scheduling events.
func (l *loader) scheduling() error {
	if len(l.f.Tracing) == 0 {
		return errors.New("this recording has no scheduling events: record sched:sched_switch with call chains, as 'ringside probe run off-cpu' does")
	}
	h, err := event.ReadTracingData(bytes.NewReader(l.f.Tracing))
	if err != nil {
		return fmt.Errorf("formats of the recorded events: %w", err)
	}
	s := &sched{kind: l.opt.Kind, switchA: map[int]bool{}, off: map[int32]*absence{}, wokenID: make([]event.Number, len(l.f.Attrs))}
	wakes := false
	for i := range l.f.Attrs {
		a := &l.f.Attrs[i]
		if !a.Tracepoint() {
			continue
		}
		f := h.ByID(int(a.Config))
		if f == nil || f.System != "sched" {
			continue
		}
		switch f.Name {
		case "sched_switch":
			s.prevPID, s.nextPID = f.Uint("prev_pid"), f.Uint("next_pid")
			s.switchA[i] = true
		case "sched_wakeup", "sched_wakeup_new":
			s.wokenID[i] = f.Uint("pid")
			wakes = true
		}
	}
	if !s.prevPID.Valid() || !s.nextPID.Valid() {
		return errors.New("this recording has no sched:sched_switch: record it with call chains, as 'ringside probe run off-cpu' does")
	}
	if s.kind == Wakeup && !wakes {
		return errors.New("this recording has no sched:sched_wakeup: record it with call chains, as 'ringside probe run off-cpu' does")
	}
	name := "off-CPU"
	if s.kind == Wakeup {
		name = "wait until woken"
	}
	s.event = l.b.Event(profile.Event{Name: name, Unit: "ns"})
	l.sched = s
	return nil
}

// sample takes one event.
func (s *sched) sample(l *loader, r *perfdata.Record) {
	if a := s.off[r.TID]; a != nil && r.TID != 0 {
		// It runs although its return was not recorded: kernels lose switches
		// from the idle task now and then. It came back at or before now.
		delete(s.off, r.TID)
		s.unseen++
		if s.kind == OffCPU {
			s.add(l, a, r.Time, a.stack, a.label)
		}
	}
	switch {
	case s.switchA[r.Attr]:
		prev, next := int32(s.prevPID.Int(r.Raw)), int32(s.nextPID.Int(r.Raw))
		if a := s.off[next]; a != nil {
			delete(s.off, next)
			if s.kind == OffCPU {
				s.add(l, a, r.Time, a.stack, a.label)
			}
		}
		if prev == 0 || len(s.off) >= maxAbsent {
			return // the idle task waits for nothing
		}
		s.off[prev] = &absence{since: r.Time, stack: l.stack(r), label: s.label(l, r)}
	case s.kind == Wakeup && r.Attr < len(s.wokenID) && s.wokenID[r.Attr].Valid():
		pid := int32(s.wokenID[r.Attr].Int(r.Raw))
		if a := s.off[pid]; a != nil && !a.woken {
			a.woken = true
			// The waker's stack, and above it what was woken: the picture reads
			// from who woke to whom.
			comm, _ := l.tasks.comm(pid)
			target := l.b.Frame(profile.Frame{Func: "woke " + comm, Kind: profile.Marker})
			s.add(l, a, r.Time, l.b.Push(l.stack(r), target), s.label(l, r))
		}
	}
}

// add counts an absence that has ended.
func (s *sched) add(l *loader, a *absence, now uint64, stack profile.StackID, label profile.LabelID) {
	if now < a.since {
		return
	}
	l.b.AddAt(a.since, stack, label, 1, int64(min(now-a.since, 1<<62)))
}

// label is of the task that leaves, or wakes.
func (s *sched) label(l *loader, r *perfdata.Record) profile.LabelID {
	comm, ok := l.tasks.comm(r.TID)
	if !ok {
		comm = ":unknown"
	}
	return l.b.Label(profile.Labels{Event: s.event, Comm: comm, PID: r.PID, TID: r.TID, CPU: r.CPU, Cgroup: l.cgroups[r.Cgroup]})
}
