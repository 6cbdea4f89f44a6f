package path

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ringside/trace/event"
	"ringside/trace/internal/tracetest"
)

// A client asks a server, which reads from a disk, whose interrupt wakes it. While
// the server runs and waits, the client sleeps: the path is the server's.
func TestCriticalPath(t *testing.T) {
	e := tracetest.New(t, tracetest.Events())
	a := New(e.Catalog, Options{})
	change := func(at uint64, cpu int, prev string, prevPID, state int, next string, nextPID int) {
		a.Add(e.Record(at, cpu, prevPID, 0, "sched:sched_switch", "prev_comm", prev, "prev_pid", prevPID, "prev_state", state, "next_comm", next, "next_pid", nextPID))
	}
	wake := func(at uint64, cpu, by, flags int, comm string, pid int) {
		a.Add(e.Record(at, cpu, by, flags, "sched:sched_wakeup", "comm", comm, "pid", pid))
	}
	change(1000, 0, "idle", 0, 0, "client", 5)
	change(1000, 1, "idle", 0, 0, "server", 6)
	change(1010, 1, "server", 6, 1, "hog", 7)
	wake(2000, 0, 5, 0, "server", 6)
	change(2100, 0, "client", 5, 1, "idle", 0)
	change(2500, 1, "hog", 7, 0, "server", 6) // waited 500 for hog
	change(3000, 1, "server", 6, 2, "hog", 7)
	a.Add(e.Record(6990, 0, 0, 0, "irq:irq_handler_entry", "irq", 14, "name", "ata"))
	wake(7000, 0, 0, 8, "server", 6)
	a.Add(e.Record(7010, 0, 0, 0, "irq:irq_handler_exit", "irq", 14))
	change(7100, 1, "hog", 7, 0, "server", 6)
	wake(8000, 1, 6, 0, "client", 5)
	change(8200, 0, "idle", 0, 0, "client", 5)
	change(9000, 0, "client", 5, 1, "idle", 0)
	a.Finish()
	p, err := a.Find("client")
	if err != nil {
		t.Fatal(err)
	}
	type seg struct {
		at    uint64
		d     time.Duration
		task  string
		state string
		cause string
		depth int
	}
	want := []seg{
		{1000, 1100, "client", "running", "", 0},
		{2100, 400, "server", "runnable", "CPU held by hog", 1},
		{2500, 500, "server", "running", "", 1},
		{3000, 4000, "server", "blocked", "interrupt 14 ata", 1},
		{7000, 100, "server", "runnable", "CPU held by hog", 1},
		{7100, 900, "server", "running", "", 1},
		{8000, 200, "client", "runnable", "CPU held by <idle>", 0},
		{8200, 800, "client", "running", "", 0},
	}
	var got []seg
	for _, s := range p.Segments {
		got = append(got, seg{s.Begin, s.For, s.Task, s.State, s.Cause, s.Depth})
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if p.Parts[0].What != "server blocked: interrupt 14 ata" || p.Parts[0].Share != .5 || p.Span != 8000 {
		t.Errorf("parts %+v of %v", p.Parts, p.Span)
	}
	chains := a.Chains(10)
	var rows []string
	for _, c := range chains {
		rows = append(rows, strings.Join(c.Names, " → "))
	}
	if !slices.Contains(rows, "interrupt 14 ata → server → client") || !slices.Contains(rows, "client → server") {
		t.Errorf("chains %q", rows)
	}
	if _, err := a.Find("nobody"); err == nil {
		t.Error("a path of nobody")
	}
}

// Of any recording, each nanosecond of the window has one cause, whoever is asked
// for: the segments follow each other without a gap.
func whole(t *testing.T, a *Analysis, p Path) {
	t.Helper()
	at := p.Begin
	var sum time.Duration
	for _, s := range p.Segments {
		if s.Begin != at && !p.Truncated {
			t.Fatalf("a segment at %d, the one before ended at %d", s.Begin, at)
		}
		at += uint64(s.For)
		sum += s.For
	}
	if sum != p.Span && !p.Truncated {
		t.Fatalf("segments of %v in %v", sum, p.Span)
	}
}

func TestCorpus(t *testing.T) {
	for _, name := range []string{"sched_v6", "guest-sched_v7"} {
		t.Run(name, func(t *testing.T) {
			f, _ := tracetest.Corpus(t, name)
			a := New(f.Catalog, Options{})
			if _, err := f.Buffers[0].Each(nil, func(r *event.Record) bool { a.Add(r); return true }); err != nil {
				t.Fatal(err)
			}
			a.Finish()
			n := 0
			for _, x := range a.tracker.Tasks() {
				if x.PID == 0 {
					continue
				}
				p, err := a.Find(x.Comm)
				if err != nil {
					continue
				}
				whole(t, a, p)
				n++
			}
			t.Logf("%d tasks, most frequent chain %+v", n, a.Chains(1))
			if n == 0 {
				t.Error("no task has a path")
			}
		})
	}
}

// Random records, with times that go back and values that no kernel writes.
func FuzzAdd(f *testing.F) {
	f.Add([]byte("\x01\x02\x03\x04 any bytes at all, some of which are numbers of tasks"))
	e := tracetest.New(f, tracetest.Events())
	f.Fuzz(func(t *testing.T, data []byte) {
		a := New(e.Catalog, Options{})
		e.Random(data, a.Add)
		a.Finish()
		a.Chains(5)
		for i, x := range a.tracker.Tasks() {
			if i == 20 {
				break
			}
			if p, err := a.Find(x.Comm); err == nil {
				whole(t, a, p)
			}
		}
	})
}
