package latency

import (
	"bytes"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringside/trace/event"
	"ringside/trace/internal/tracetest"
)

// A task is woken, waits while another has its CPU, runs, is preempted and runs
// again: two waits, of which one was a wake-up, with their story.
func TestStory(t *testing.T) {
	e := tracetest.New(t, tracetest.Events())
	a := New(e.Catalog, Options{})
	change := func(at uint64, prev string, prevPID, state int, next string, nextPID int) {
		a.Add(e.Record(at, 1, prevPID, 0, "sched:sched_switch", "prev_comm", prev, "prev_pid", prevPID, "prev_state", state, "next_comm", next, "next_pid", nextPID))
	}
	wake := func(at uint64, comm string, pid, by int) {
		a.Add(e.Record(at, 0, by, 0, "sched:sched_wakeup", "comm", comm, "pid", pid))
	}
	change(1000, "swapper", 0, 0, "hog", 7)
	wake(2000, "job", 9, 7)
	wake(2500, "job", 9, 7)                 // again: it waits already
	change(6000, "hog", 7, 256, "other", 8) // hog is preempted
	change(7000, "other", 8, 1, "job", 9)   // job ran after 5000
	change(9000, "job", 9, 0, "hog", 7)     // hog again after 3000
	change(9500, "hog", 7, 1, "job", 9)     // job again after 500
	change(9900, "job", 9, 1, "swapper", 0)
	got := a.Result()
	q, w := got[RunQueue], got[Wakeup]
	if q.N != 3 || q.Max != 5000 || q.Total != 8500 || w.N != 1 || w.Max != 5000 {
		t.Fatalf("run queue %+v, wake-ups %+v", q, w)
	}
	s := q.Worst[0]
	want := Story{Begin: 2000, Latency: 5000, CPU: 1, What: "job", PID: 9, Waker: "hog", Held: []Held{{"hog", 7, 4000}, {"other", 8, 1000}}}
	if s.Begin != want.Begin || s.Latency != want.Latency || s.What != want.What || s.Waker != want.Waker || !slices.Equal(s.Held, want.Held) {
		t.Errorf("story %+v, want %+v", s, want)
	}
	if q.By[0].Name != "job" || q.By[0].N != 2 || q.By[0].Total != 5500 {
		t.Errorf("by task %+v", q.By)
	}
}

// Each kind out of its two events, with what it was.
func TestKinds(t *testing.T) {
	e := tracetest.New(t, tracetest.Events())
	e.Catalog.AddSymbols("ffffffff81000000 T _stext\nffffffff81000100 T spin\n")
	a := New(e.Catalog, Options{})
	add := func(at uint64, cpu, pid, flags int, name string, values ...any) {
		a.Add(e.Record(at, cpu, pid, flags, name, values...))
	}
	add(100, 0, 5, 0, "cgroup:cgroup_attach_task", "pid", 5, "dst_path", "/box")
	add(110, 0, 5, 0, "sched:sched_process_fork", "parent_pid", 5, "child_pid", 6)
	add(1000, 0, 5, 0, "irq:softirq_raise", "vec", 1)
	add(1100, 0, 5, 0, "irq:softirq_raise", "vec", 1)
	add(2000, 0, 5, 0, "irq:irq_handler_entry", "irq", 4, "name", "ttyS0")
	add(2100, 1, 0, 8, "irq:irq_handler_entry", "irq", 4, "name", "ttyS0")
	add(2300, 0, 5, 8, "sched:sched_waking", "comm", "child", "pid", 6)
	add(2500, 0, 5, 0, "irq:irq_handler_exit", "irq", 4)
	add(3000, 0, 5, 0, "irq:softirq_entry", "vec", 1)
	add(3400, 0, 5, 0, "irq:softirq_exit", "vec", 1)
	add(4000, 0, 5, 0, "preemptirq:irq_disable", "caller_offs", 0x104)
	add(4050, 1, 0, 0, "preemptirq:irq_enable", "caller_offs", 0x104) // another CPU's
	add(4800, 0, 5, 0, "preemptirq:irq_enable", "caller_offs", 0x108)
	add(5000, 0, 5, 0, "preemptirq:preempt_disable", "caller_offs", 0x104)
	add(5700, 0, 5, 0, "preemptirq:preempt_enable", "caller_offs", 0x104)
	add(6000, 0, 5, 0, "raw_syscalls:sys_enter", "id", 0)
	add(6010, 0, 5, 0, "syscalls:sys_enter_read", "fd", 3)
	add(6100, 0, 5, 0, "syscalls:sys_exit_read")
	add(6110, 0, 5, 0, "raw_syscalls:sys_exit", "id", 0)
	add(7000, 0, 5, 0, "lock:contention_begin", "lock_addr", 64)
	add(7001, 1, 7, 0, "lock:contention_begin", "lock_addr", 64)
	add(7300, 0, 5, 0, "lock:contention_end", "lock_addr", 64)
	add(8000, 0, 5, 0, "block:block_rq_issue", "dev", 8<<20|1, "sector", 77)
	add(8900, 1, 0, 0, "block:block_rq_complete", "dev", 8<<20|1, "sector", 77, "rwbs", "W")
	add(9000, 1, 0, 0, "sched:sched_switch", "prev_pid", 0, "next_comm", "child", "next_pid", 6)
	got := a.Result()
	for _, want := range []struct {
		kind string
		d    time.Duration
		what string
	}{
		{IRQ, 500, "4 ttyS0"}, {SoftIRQ, 400, "TIMER"}, {SoftIRQWait, 2000, "TIMER"}, {IRQOff, 800, "spin"}, {PreemptOff, 700, "spin"},
		{Syscall, 90, "read"}, {Lock, 300, "0x40"}, {Block, 900, "8:1 W"}, {Wakeup, 6700, "child"}, {RunQueue, 6700, "child"},
	} {
		l := got[want.kind]
		if l.N != 1 || l.Max != want.d || math.Abs(float64(l.P50-want.d)) > .02*float64(want.d) || len(l.By) != 1 || l.By[0].Name != want.what || l.Worst[0].Latency != want.d {
			t.Errorf("%s: %+v, want %v of %q", want.kind, l, want.d, want.what)
		}
	}
	if l := got[Wakeup]; l.Worst[0].Waker != "interrupt 4 ttyS0 over <...>" || len(l.ByCgroup) != 1 || l.ByCgroup[0].Name != "/box" {
		t.Errorf("woken by %q, cgroups %+v", l.Worst[0].Waker, l.ByCgroup)
	}
}

// Random records, with times that go back and values that no kernel writes.
func FuzzAdd(f *testing.F) {
	f.Add([]byte("\x01\x02\x03\x04 any bytes at all, some of which are numbers of tasks"))
	f.Add(bytes.Repeat([]byte{3, 0, 7, 0, 0, 0, 0, 0xff, 0xff, 0xff}, 60))
	e := tracetest.New(f, tracetest.Events())
	f.Fuzz(func(t *testing.T, data []byte) {
		a := New(e.Catalog, Options{Worst: 3})
		e.Random(data, a.Add)
		for kind, l := range a.Result() {
			if l.P50 < 0 || l.P50 > l.P99 || l.P99 > l.Max || len(l.Worst) > 3 {
				t.Errorf("%s: %+v", kind, l)
			}
		}
	})
}

var (
	wakeLine   = regexp.MustCompile(`\[(\d+)\] +(\d+)\.(\d+): sched_wakeup(?:_new)?: +.*?([^ ].*):(\d+) \[`)
	switchLine = regexp.MustCompile(`\[(\d+)\] +(\d+)\.(\d+): sched_switch: +.*:(\d+) \[-?\d+\] (\S+) ==> .*:(\d+) \[`)
)

// The corpus' recordings give what a plain reading of trace-cmd's report gives:
// as many waits, and the same percentiles within the bucket and the
// microsecond to which the report is rounded.
func TestCorpus(t *testing.T) {
	for _, name := range []string{"sched_v6", "guest-sched_v7"} {
		t.Run(name, func(t *testing.T) {
			f, text := tracetest.Corpus(t, name)
			a := New(f.Catalog, Options{})
			if _, err := f.Buffers[0].Each(nil, func(r *event.Record) bool { a.Add(r); return true }); err != nil {
				t.Fatal(err)
			}
			got := a.Result()[RunQueue]
			waits := map[string]int64{}
			var want []int64
			for row := range strings.Lines(text) {
				us := func(m []string) int64 {
					s, _ := strconv.ParseInt(m[2], 10, 64)
					u, _ := strconv.ParseInt(m[3], 10, 64)
					return s*1e6 + u
				}
				if m := wakeLine.FindStringSubmatch(row); m != nil {
					if _, ok := waits[m[5]]; !ok && m[5] != "0" {
						waits[m[5]] = us(m)
					}
				} else if m := switchLine.FindStringSubmatch(row); m != nil {
					delete(waits, m[4])
					if strings.HasPrefix(m[5], "R") && m[4] != "0" {
						waits[m[4]] = us(m)
					}
					if at, ok := waits[m[6]]; ok {
						want = append(want, us(m)-at)
						delete(waits, m[6])
					}
				}
			}
			slices.Sort(want)
			if int(got.N) != len(want) || len(want) == 0 {
				t.Fatalf("%+v, the report has %d waits", got, len(want))
			}
			for q, d := range map[float64]time.Duration{.5: got.P50, .9: got.P90, .99: got.P99} {
				w := float64(want[int(q*float64(len(want)))])
				if g := float64(d) / 1e3; math.Abs(g-w) > 1.5+.02*w {
					t.Errorf("p%v is %.1f µs, by the report %.1f µs", 100*q, g, w)
				}
			}
			t.Logf("%d waits, p50 %v, p99 %v, max %v", got.N, got.P50, got.P99, got.Max)
		})
	}
}
