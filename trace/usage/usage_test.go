package usage

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringside/trace/event"
	"ringside/trace/internal/tracetest"
)

// Two CPUs: a task is moved, woken, preempted and blocked; the sums are known.
func TestTimes(t *testing.T) {
	e := tracetest.New(t, tracetest.Events())
	a := New(e.Catalog)
	change := func(at uint64, cpu int, prev string, prevPID, state int, next string, nextPID int) {
		a.Add(e.Record(at, cpu, prevPID, 0, "sched:sched_switch", "prev_comm", prev, "prev_pid", prevPID, "prev_state", state, "next_comm", next, "next_pid", nextPID))
	}
	wake := func(at uint64, pid, by int) { a.Add(e.Record(at, 0, by, 0, "sched:sched_wakeup", "pid", pid)) }
	a.Add(e.Record(1000, 0, 5, 0, "cgroup:cgroup_attach_task", "pid", 9, "dst_path", "/box"))
	change(2000, 0, "hog", 7, 0, "job", 9) // hog ran since the begin
	change(3000, 0, "job", 9, 2, "hog", 7)
	change(3000, 1, "swapper/1", 0, 0, "x", 8)
	wake(5000, 9, 7)
	change(5400, 1, "x", 8, 1, "job", 9)
	a.Add(e.Record(6000, 0, 7, 0, "irq:irq_handler_entry", "irq", 3))
	a.Add(e.Record(6300, 0, 7, 0, "irq:irq_handler_exit", "irq", 3))
	change(7000, 1, "job", 9, 1, "swapper/1", 0)
	change(9000, 0, "hog", 7, 256, "swapper/0", 0)
	u := a.Result()
	job := u.Tasks[1]
	want := Times{Run: 2600, Wait: 400, MaxWait: 400, Blocked: 2000, Sleep: 2000, Voluntary: 2, Wakeups: 1, Migrations: 1, Share: job.Share}
	if job.Task != "job" || job.PID != 9 || job.Cgroup != "/box" || job.Times != want {
		t.Errorf("job %+v, want %+v", job, want)
	}
	if hog := u.Tasks[0]; hog.Run != 7000 || hog.Involuntary != 2 || hog.Wait != 1000 || hog.Share != 7000./16000 {
		t.Errorf("hog %+v", hog)
	}
	if c := u.CPUs[1]; c.Busy != 4000 || c.Idle != 4000 || c.Switches != 3 || c.Share != .5 {
		t.Errorf("CPU 1 %+v", c)
	}
	if c := u.CPUs[0]; c.IRQ != 300 || c.Busy != 8000 || c.Idle != 0 {
		t.Errorf("CPU 0 %+v", c)
	}
	if len(u.Cgroups) != 1 || u.Cgroups[0].Run != 2600 || len(u.Moments) != 1 || u.Moments[0].Switches != 6 || u.Moments[0].Busy != 12000./16000 {
		t.Errorf("cgroups %+v, moments %+v", u.Cgroups, u.Moments)
	}
}

var switchLine = regexp.MustCompile(`\[(\d+)\] +(\d+)\.(\d+): sched_switch: +(?:.*):(\d+) \[-?\d+\] (\S+) ==> .*:(\d+) \[`)

// The corpus' recordings give what a plain reading of trace-cmd's report gives:
// each task's time on a CPU within the rounding of the report, and as many
// switches of each kind.
func TestCorpus(t *testing.T) {
	for _, name := range []string{"sched_v6", "guest-sched_v7"} {
		t.Run(name, func(t *testing.T) {
			f, text := tracetest.Corpus(t, name)
			a := New(f.Catalog)
			if _, err := f.Buffers[0].Each(nil, func(r *event.Record) bool { a.Add(r); return true }); err != nil {
				t.Fatal(err)
			}
			u := a.Result()
			type sums struct{ us, voluntary, involuntary int64 }
			want := map[string]*sums{}
			in, ran := map[string]int64{}, map[string]string{} // since when a CPU runs which task
			lost := 0
			for row := range strings.Lines(text) {
				m := switchLine.FindStringSubmatch(row)
				if m == nil {
					continue
				}
				s, _ := strconv.ParseInt(m[2], 10, 64)
				us, _ := strconv.ParseInt(m[3], 10, 64)
				us += s * 1e6
				if want[m[4]] == nil {
					want[m[4]] = &sums{}
				}
				w := want[m[4]]
				if at, ok := in[m[1]]; ok {
					if ran[m[1]] == m[4] { // else its switch is not in the recording
						w.us += us - at
					} else {
						lost++
					}
				} else {
					w.us += us - int64(a.tracker.First/1000)
				}
				if strings.HasPrefix(m[5], "R") {
					w.involuntary++
				} else {
					w.voluntary++
				}
				in[m[1]], ran[m[1]] = us, m[6]
			}
			checked := 0
			for _, x := range u.Tasks {
				w := want[strconv.Itoa(x.PID)]
				if w == nil {
					continue
				}
				n := w.voluntary + w.involuntary
				// The task that a CPU ran at the end has no switch in the report.
				if d := int64(x.Run/time.Microsecond) - w.us; d < -n-1 || d > n+1 && d > int64(a.tracker.Last-a.tracker.First)/1000/2 {
					t.Errorf("%s %d ran %v, by the report %d µs", x.Task, x.PID, x.Run, w.us)
				}
				if int64(x.Voluntary) != w.voluntary || int64(x.Involuntary) != w.involuntary {
					t.Errorf("%s %d: %d+%d switches, by the report %d+%d", x.Task, x.PID, x.Voluntary, x.Involuntary, w.voluntary, w.involuntary)
				}
				checked++
			}
			var whole time.Duration
			for _, c := range u.CPUs {
				known := c.Busy + c.Idle
				if span := time.Duration(a.tracker.Last - a.tracker.First); known != span && lost == 0 || known > span || known < span*98/100 {
					t.Errorf("CPU %d: %v are known of %v", c.CPU, known, span)
				}
				whole += known
			}
			t.Logf("%d tasks, %d CPUs, %v; %d switches lost", checked, len(u.CPUs), whole, lost)
			if checked == 0 {
				t.Error("no task of the report")
			}
		})
	}
}

// Random records, with times that go back and values that no kernel writes.
func FuzzAdd(f *testing.F) {
	f.Add([]byte("\x01\x02\x03\x04 any bytes at all, some of which are numbers of tasks"))
	e := tracetest.New(f, tracetest.Events())
	f.Fuzz(func(t *testing.T, data []byte) {
		a := New(e.Catalog)
		e.Random(data, a.Add)
		u := a.Result()
		for _, x := range u.Tasks {
			if x.Run < 0 || x.Wait < 0 || x.MaxWait > x.Wait || x.Share < 0 {
				t.Errorf("%+v", x)
			}
		}
		if len(u.Moments) > moments {
			t.Errorf("%d moments", len(u.Moments))
		}
	})
}
