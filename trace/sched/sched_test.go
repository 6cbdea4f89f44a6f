package sched

import (
	"testing"

	"ringside/trace/event"
	"ringside/trace/internal/tracetest"
)

func TestLeft(t *testing.T) {
	for state, want := range map[uint64]State{
		0: Preempted, 0x100: Preempted, 1: Sleeping, 2: Blocked, 0x82: Sleeping, 4: Stopped, 8: Stopped, 0x10: Dead, 0x20: Dead, 0x40: Sleeping, 0x80: Sleeping,
	} {
		if got := Left(state); got != want {
			t.Errorf("prev_state %#x is %v, want %v", state, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	var table Table[int]
	if table.At(-1) != nil || table.At(MaxPID) != nil {
		t.Error("what is no task's number has a place")
	}
	*table.At(0), *table.At(5), *table.At(MaxPID - 1) = 1, 2, 3
	sum := 0
	table.All(func(_ int, v *int) bool { sum += *v; return true })
	if sum != 6 || *table.At(5) != 2 {
		t.Errorf("the table has %d in it", sum)
	}
	// Numbers that are far apart do not make it grow without an end.
	for pid := 0; pid < MaxPID; pid += 1 << blockBits {
		table.At(pid)
		if table.used > maxBlocks {
			t.Fatalf("%d blocks", table.used)
		}
	}
}

// The states of a task, with who woke it: by sched_waking where that is
// recorded, since sched_wakeup may come from elsewhere.
func TestTracker(t *testing.T) {
	e := tracetest.New(t, tracetest.Events())
	k := NewTracker(e.Catalog)
	type row struct {
		state    State
		from, to uint64
		waker    string
		cut      bool
		open     bool
	}
	var got []row
	k.OnSpan = func(s *Span) {
		if s.Task.PID == 9 {
			got = append(got, row{s.State, s.From, s.To, s.Waker.String(), s.Cut, s.Open})
		}
	}
	change := func(at uint64, cpu, prev, state, next int) {
		k.Add(e.Record(at, cpu, prev, 0, "sched:sched_switch", "prev_pid", prev, "prev_state", state, "next_pid", next))
	}
	e.Catalog.AddComms("7 hog\n9 job\n")
	k.Add(e.Record(100, 1, 0, 0, "irq:softirq_entry", "vec", 1))
	change(200, 0, 9, 1, 7)
	k.Add(e.Record(300, 1, 0, FlagSoftIRQ, "sched:sched_waking", "pid", 9))
	k.Add(e.Record(320, 0, 7, 0, "sched:sched_wakeup", "pid", 9))
	change(400, 0, 7, 0, 9)
	change(500, 0, 9, 0x100, 7)
	change(600, 0, 7, 1, 9)
	k.Add(e.Record(650, 1, 0, 0, "irq:softirq_exit", "vec", 1))
	k.Finish()
	want := []row{
		{Running, 100, 200, "", true, false},
		{Sleeping, 200, 320, "softirq TIMER", false, false},
		{Runnable, 320, 400, "softirq TIMER", false, false},
		{Running, 400, 500, "", false, false},
		{Preempted, 500, 600, "", false, false},
		{Running, 600, 650, "", false, true},
	}
	if len(got) != len(want) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%d: got %+v, want %+v", i, got[i], want[i])
		}
	}
}

// An idle CPU whose switch is missing took the task that was woken; where
// another one ran, nobody knows since when.
func TestLostSwitches(t *testing.T) {
	e := tracetest.New(t, tracetest.Events())
	k := NewTracker(e.Catalog)
	ran := map[int]uint64{}
	k.OnSpan = func(s *Span) {
		if s.State == Running {
			ran[s.Task.PID] += s.To - s.From
		}
	}
	change := func(at uint64, prev, next int) {
		k.Add(e.Record(at, 0, prev, 0, "sched:sched_switch", "prev_pid", prev, "prev_state", 1, "next_pid", next))
	}
	change(100, 5, 0)
	k.Add(e.Record(150, 1, 5, 0, "sched:sched_wakeup", "pid", 6))
	change(180, 6, 7)
	change(200, 8, 9)
	if k.Finish(); k.Lost != 2 || ran[0] != 50 || ran[6] != 30 || ran[7] != 0 || ran[8] != 0 {
		t.Errorf("%d are missing, tasks ran for %v", k.Lost, ran)
	}
}

// Random records: spans are in order, and no task is in two states at a time.
func FuzzTracker(f *testing.F) {
	f.Add([]byte("\x01\x02\x03\x04 any bytes at all, some of which are numbers of tasks"))
	e := tracetest.New(f, tracetest.Events())
	f.Fuzz(func(t *testing.T, data []byte) {
		k := NewTracker(e.Catalog)
		k.OnSpan = func(s *Span) {
			if s.To < s.From || s.Task == nil || s.State == Unknown || s.State == Running && s.CPU < 0 {
				t.Errorf("%+v", s)
			}
		}
		k.OnInterrupt = func(i *Interrupt) {
			if i.To < i.From {
				t.Errorf("%+v", i)
			}
		}
		e.Random(data, func(r *event.Record) { k.Add(r) })
		k.Finish()
	})
}
