package aggregate

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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

// What a program of ours allocates in the kernel and does not free is found by
// where it was allocated; what is freed again is not.
func TestKept(t *testing.T) {
	e := engine(t)
	e.Function = func(uint64) string { return "f" }
	c := probe.Capture{With: probe.EBPF, Measure: []probe.Measure{{
		Name: "slab", Title: "Slab memory",
		Begin: []probe.Point{
			{Event: "kmem:kmalloc", Key: []string{"ptr"}},
			{Event: "kmem:kmem_cache_alloc", Key: []string{"ptr"}},
		},
		End: []probe.Point{
			{Event: "kmem:kfree", Key: []string{"ptr"}},
			{Event: "kmem:kmem_cache_free", Key: []string{"ptr"}},
		},
		Kept: &probe.Kept{Size: "bytes_alloc", Stack: true},
		By:   []string{"comm"},
	}}}
	if err := e.Check(c); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	const leaked, freed = 300, 300
	var kept []int
	defer func() {
		for _, fd := range kept {
			unix.Close(fd)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var done time.Duration
	rec, err := e.Capture(ctx, c, probe.Session{PID: os.Getpid(), Progress: func(p probe.Progress) {
		if done == 0 {
			for i := range leaked + freed {
				fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
				if err != nil {
					t.Error(err)
					break
				}
				if i < leaked {
					kept = append(kept, fd)
				} else {
					unix.Close(fd)
				}
			}
			done = p.Elapsed + 100*time.Millisecond
		}
		// The leak is in the first half of the recording.
		if p.Elapsed > 3*done {
			cancel()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	table := rec.Tables[0]
	stacked := slices.ContainsFunc(table.Rows, func(r probe.Row) bool {
		return r.Count >= leaked && len(r.Stack) > 2 && r.Bytes >= 16*leaked
	})
	if !stacked || table.Made < leaked+freed || table.Lost != 0 {
		t.Errorf("%d kept of %d, %d lost, no row with the %d that leaked: %+v", table.Count, table.Made, table.Lost, leaked, table.Rows[:min(3, len(table.Rows))])
	}
	if table.Count > table.Made-freed {
		t.Errorf("%d are kept of %d, %d of which were freed", table.Count, table.Made, freed)
	}
}

// A time that is in the event is taken instead of the clock: a timer never
// expires before its time, and not an hour later.
func TestAt(t *testing.T) {
	e := engine(t)
	c := probe.Capture{With: probe.EBPF, Measure: []probe.Measure{{
		Name: "late", Title: "Late",
		Begin: []probe.Point{{Event: "timer:hrtimer_start", Key: []string{"hrtimer"}, At: "softexpires"}},
		End:   []probe.Point{{Event: "timer:hrtimer_expire_entry", Key: []string{"hrtimer"}, At: "now"}},
		By:    []string{"comm"},
	}}}
	if err := e.Check(c); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	rec, err := e.Capture(ctx, c, probe.Session{Progress: func(p probe.Progress) {
		if p.Events > 10 {
			cancel()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if l := rec.Tables[0]; l.Count == 0 || l.Max <= 0 || l.Histogram.Quantile(.5) > time.Minute {
		t.Errorf("%d timers, the latest by %v, half by %v", l.Count, l.Max, l.Histogram.Quantile(.5))
	}
}

func TestSymbolic(t *testing.T) {
	got := symbolic([]byte(`print fmt: "%s %s", __print_symbolic(REC->reason, { 2, "NOT_SPECIFIED" }, { 0x3, "NO_SOCKET" }), __print_symbolic(REC->vec, { 0, "HI" }` + "\n__print_symbolic(REC->x, {"))
	if len(got) != 2 || got["reason"][3] != "NO_SOCKET" || got["reason"][2] != "NOT_SPECIFIED" || got["vec"][0] != "HI" {
		t.Errorf("got %v", got)
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
