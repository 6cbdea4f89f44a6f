package aggregate

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"ringside/probe"
	"ringside/probe/tracefs"
)

func engine(t *testing.T) *Engine {
	t.Helper()
	tree, err := tracefs.Attach()
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	t.Cleanup(func() { tree.Close() })
	return &Engine{Tree: tree}
}

// Every recipe that is measured in the kernel is taken by this kernel's
// verifier.
func TestRecipes(t *testing.T) {
	e := engine(t)
	list, err := probe.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range list {
		for _, c := range r.Captures {
			if c.With != probe.EBPF {
				continue
			}
			n++
			err := e.Check(c)
			switch {
			case err == nil:
			case strings.Contains(err.Error(), "this kernel has no event"), strings.Contains(err.Error(), "not permitted"):
				t.Logf("SKIPPED: %s: %v", r.Name, err)
			default:
				t.Errorf("%s: %v", r.Name, err)
			}
		}
	}
	if n == 0 {
		t.Error("no recipe is measured in the kernel")
	}
}

// A program that sleeps three times for a tenth of a second is in the table of
// its system calls with just that.
func TestCapture(t *testing.T) {
	e := engine(t)
	c := probe.Capture{With: probe.EBPF, Measure: []probe.Measure{
		{
			Name: "calls", Title: "In a system call",
			Begin: []probe.Point{{Event: "raw_syscalls:sys_enter", Key: []string{"task"}}},
			End:   []probe.Point{{Event: "raw_syscalls:sys_exit", Key: []string{"task"}}},
			By:    []string{"id", "comm"},
		},
		{
			Name: "starts", Title: "Programs started",
			End: []probe.Point{{Event: "sched:sched_process_exec", When: []probe.Condition{{Field: "pid", Not: []int64{0}}}}},
			By:  []string{"comm"},
		},
		{
			Name: "never", Title: "What does not happen",
			End: []probe.Point{{Event: "sched:sched_process_exec", When: []probe.Condition{{Field: "pid", Is: []int64{-1}}}}},
		},
	}}
	if err := e.Check(c); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	started := false
	rec, err := e.Capture(ctx, c, probe.Session{Progress: func(probe.Progress) {
		if started {
			return
		}
		started = true
		for range 3 {
			if err := exec.CommandContext(ctx, "sleep", "0.1").Run(); err != nil {
				t.Error(err)
			}
		}
		cancel()
	}})
	if err != nil {
		t.Fatal(err)
	}
	calls, starts, never := rec.Tables[0], rec.Tables[1], rec.Tables[2]
	i := slices.IndexFunc(calls.Rows, func(r probe.Row) bool {
		return r.Label[1] == "sleep" && r.Max > 90*time.Millisecond
	})
	if i < 0 {
		t.Fatalf("no system call of sleep took a tenth of a second: %v", calls.Rows)
	}
	if r := calls.Rows[i]; r.Count < 3 || r.Total < 300*time.Millisecond {
		t.Errorf("sleeping: %+v", r)
	}
	var rows, counted uint64
	for _, r := range calls.Rows {
		rows += r.Count
	}
	for _, n := range calls.Histogram.Counts {
		counted += n
	}
	if rows != calls.Count || counted != calls.Count || calls.Lost != 0 {
		t.Errorf("%d system calls, %d in rows, %d in the histogram, %d lost", calls.Count, rows, counted, calls.Lost)
	}
	i = slices.IndexFunc(starts.Rows, func(r probe.Row) bool { return r.Label[0] == "sleep" })
	if i < 0 || starts.Rows[i].Count < 3 {
		t.Errorf("programs that were started: %v", starts.Rows)
	}
	if never.Count != 0 {
		t.Errorf("a condition that cannot hold held %d times", never.Count)
	}
	if rec.Spent <= 0 {
		t.Errorf("the cost is %v; notes: %q", rec.Spent, rec.Notes)
	}
}

// What is not of the running task cannot be held to a process, and says so.
func TestHeldToProcess(t *testing.T) {
	e := engine(t)
	list, err := probe.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if r.Name != "runqlat" {
			continue
		}
		_, err := e.Capture(t.Context(), r.Captures[0], probe.Session{PID: 1})
		if err == nil || !strings.Contains(err.Error(), "cannot be held to one process") {
			t.Errorf("got %v", err)
		}
	}
}

func TestFields(t *testing.T) {
	const format = "name: x\nID: 7\nformat:\n" +
		"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n" +
		"\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:0;\n" +
		"\tfield:pid_t pid;\toffset:24;\tsize:4;\tsigned:1;\n" +
		"\tfield:const void * ptr;\toffset:32;\tsize:8;\tsigned:0;\n" +
		"\tfield:__data_loc char[] name;\toffset:40;\tsize:4;\tsigned:0;\n" +
		"\tfield:unsigned long args[6];\toffset:48;\tsize:48;\tsigned:0;\n" +
		"\tfield:broken\n"
	got := fields([]byte(format))
	want := map[string]field{
		"common_type": {0, 2, false, false}, "comm": {8, 16, false, true}, "pid": {24, 4, true, false}, "ptr": {32, 8, false, false},
	}
	if len(got) != len(want) {
		t.Errorf("fields: %v", got)
	}
	for name, f := range want {
		if got[name] != f {
			t.Errorf("%s: got %+v, want %+v", name, got[name], f)
		}
	}
}
