package ftracetext

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ringside/trace/event"
	"ringside/trace/latency"
	"ringside/trace/report"
	"ringside/trace/tracedat"
)

// open converts a text and opens what comes out.
func open(t testing.TB, text string) (*tracedat.File, Stats) {
	t.Helper()
	var b bytes.Buffer
	stats, err := Convert(&b, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	f, err := tracedat.Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil || len(f.Problems) > 0 {
		t.Fatal(err, f.Problems)
	}
	return f, stats
}

// lines prints what a recording holds, each buffer by itself.
func lines(t testing.TB, f *tracedat.File, o report.Options) string {
	t.Helper()
	var b []byte
	for i := range f.Buffers {
		r := report.New(f.Catalog, o)
		if _, err := f.Buffers[i].Each(nil, func(e *event.Record) bool {
			if f.Buffers[i].Name != "" {
				b = append(append(b, f.Buffers[i].Name...), ": "...)
			}
			b = r.Append(b, &report.Event{Record: e})
			return true
		}); err != nil {
			t.Error(err)
		}
	}
	return string(b)
}

const kernelText = `# tracer: nop
#
# entries-in-buffer/entries-written: 9/9   #P:2
#
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
#              | |         |   |||||     |         |
 Web: Content-1-9028    [000] d..3.  2996.784367: sched_stat_runtime: comm=Web: Content-1 pid=9028 runtime=866575 [ns]
          <idle>-0       [001] d.h2.  2996.785518: irq_handler_entry: irq=27 name=virtio2-requests
              sh-9156    [001] dN.2.  2996.785582: sched_switch: prev_comm=sh prev_pid=9156 prev_prio=120 prev_state=R+ ==> next_comm=a b next_pid=9114 next_prio=120
             a b-9114    ( 9100) [001] d..2.  2996.785583: sched_wakeup: comm=x:1 pid=77 prio=120 target_cpu=000
CPU:1 [LOST 12 EVENTS]
            link-9114    [001] .....  2996.787796: sys_openat(dfd: ffffff9c, filename: 7f, flags: 80000)
            link-9114    [001] .....  2999.787799: sys_openat -> 0x3
            link-9114    [001] .....  2999.787800: tracing_mark_write: hello [000] 1.0: you
            link-9114    [001] ...1.  2999.787801: vfs_read <-ksys_read
            link-9114    [001] .....  2999.787802: block_rq_issue: 254,0 RA 16384 () 12862728 + 32 be,0,4 [link]
 => nothing
`

func TestConvert(t *testing.T) {
	f, stats := open(t, kernelText)
	if stats.Events != 9 || stats.Others != 1 || f.CPUs != 2 {
		t.Errorf("%+v, %d CPUs", stats, f.CPUs)
	}
	const want = `Web: Content-1-9028  [000]  2996.784367: sched_stat_runtime:   comm=Web: Content-1 pid=9028 runtime=866575 [ns]
          <idle>-0     [001]  2996.785518: irq_handler_entry:    irq=27 name=virtio2-requests
              sh-9156  [001]  2996.785582: sched_switch:         sh:9156 [120] R ==> a b:9114 [120]
             a b-9114  [001]  2996.785583: sched_wakeup:         x:1:77 [120] CPU:000
CPU:1 [12 EVENTS DROPPED]
             a b-9114  [001]  2996.787796: sys_enter_openat:     (dfd: ffffff9c, filename: 7f, flags: 80000)
             a b-9114  [001]  2999.787799: sys_exit_openat:      0x3
             a b-9114  [001]  2999.787800: print:                hello [000] 1.0: you
             a b-9114  [001]  2999.787801: function:             vfs_read
             a b-9114  [001]  2999.787802: block_rq_issue:       254,0 RA 16384 () 12862728 + 32 be,0,4 [link]
`
	if got := strings.TrimLeft(lines(t, f, report.Options{}), " "); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	issue := f.Catalog.Format("block", "block_rq_issue")
	fields := ""
	if _, err := f.Buffers[0].Each(func(id int) bool { return id == issue.ID }, func(r *event.Record) bool {
		fields = string(event.NewPrinter(issue).Append(nil, r.Data))
		return true
	}); err != nil || !strings.HasPrefix(fields, " dev=266338304 rwbs=RA bytes=16384 sector=12862728 nr_sector=32 ") {
		t.Errorf("%q, %v", fields, err)
	}
}

// TestAgain converts the text of a conversion: nothing may change any more.
func TestAgain(t *testing.T) {
	f, _ := open(t, kernelText)
	once := lines(t, f, report.Options{})
	f, _ = open(t, once)
	if again := lines(t, f, report.Options{}); again != once {
		t.Errorf("%s\nwas\n%s", again, once)
	}
}

func TestBuffers(t *testing.T) {
	f, _ := open(t, "one:               sh-9156  [001]  5.000001: a:                    x=1\n"+
		"two:               sh-9156  [001]  5.000002: b:                    y\n"+
		"                   sh-9156  [000]  5.000003: c:                    \n")
	if len(f.Buffers) != 3 || f.Buffers[1].Name != "one" || f.Buffers[2].Name != "two" {
		t.Fatalf("%+v", f.Buffers)
	}
	if got := lines(t, f, report.Options{}); !strings.Contains(got, "two:               sh-9156  [001]     5.000002: b:                    y\n") {
		t.Errorf("%s", got)
	}
}

func TestTicks(t *testing.T) {
	f, _ := open(t, "  sh-1 [001] 6323499188111: a: x\n  sh-1 [001] 6323499188110: a: y\n  sh-1 [001] 9999999999999: a: z\n")
	want := "              sh-1     [001] 6323499188111: a:                    x\n              sh-1     [001] 6323499188110: a:                    y\n" +
		"              sh-1     [001] 9999999999999: a:                    z\n"
	if got := lines(t, f, report.Options{Ticks: f.Buffers[0].Ticks()}); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestNoEvents(t *testing.T) {
	for _, text := range []string{"", "# tracer: function_graph\n 0)   1.2 us    |  vfs_read();\n", "one\ntwo [000] 1.0: x: y\n", "-1 [0] 1: x: y"} {
		if _, err := Convert(&bytes.Buffer{}, strings.NewReader(text)); !errors.Is(err, ErrNoEvents) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestIs(t *testing.T) {
	for text, want := range map[string]bool{
		"# tracer: nop\n": true, kernelText[200:]: true, "cpus=2\n   a-1 [000] 1.0: b: c\n": true,
		"": false, "nothing\nof that kind [000] 1.0: b: c\n": false, event.Magic: false, "   a-1 [000] 1.0: b: c": false,
	} {
		if got := Is([]byte(text)); got != want {
			t.Errorf("%.40q: %v, want %v", text, got, want)
		}
	}
}

// TestGraph reads the calls of function_graph: what is printed of them again is
// what was read.
func TestGraph(t *testing.T) {
	const text = `            busy-214   [000]   129.785536: funcgraph_entry:      ! 203.381 us |  mutex_unlock();
       trace-cmd-212   [001]   129.839685: funcgraph_entry:                   |  vfs_read() {
       trace-cmd-212   [001]   129.839721: funcgraph_entry:      + 15.183 us  |    apparmor_file_permission();
       trace-cmd-212   [001]   129.839755: funcgraph_exit:       + 38.808 us  |  }
       trace-cmd-212   [001]   129.839757: funcgraph_exit:         1.808 us   |}
`
	f, stats := open(t, text)
	if stats.Events != 7 {
		t.Errorf("%d events, want 7: a leaf is two", stats.Events)
	}
	r := report.New(f.Catalog, report.Options{})
	var got []byte
	add, flush := report.Leaves(f.Catalog, func(e *report.Event) bool { got = r.Append(got, e); return true })
	if _, err := f.Buffers[0].Each(nil, add); err != nil {
		t.Fatal(err)
	}
	flush()
	if want := strings.ReplaceAll(text, " us   |}", " us   |  }"); string(got) != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	exit := f.Catalog.Format("ftrace", "funcgraph_exit")
	var names []string
	if _, err := f.Buffers[0].Each(func(id int) bool { return id == exit.ID }, func(r *event.Record) bool {
		name, _, _ := f.Catalog.Function(exit.Uint("func").Uint(r.Data))
		names = append(names, name)
		return true
	}); err != nil || !slices.Equal(names, []string{"mutex_unlock", "apparmor_file_permission", "vfs_read", ""}) {
		t.Errorf("%q, %v", names, err)
	}
}

func analyse(t *testing.T, f *tracedat.File) map[string]latency.Latency {
	t.Helper()
	a := latency.New(f.Catalog, latency.Options{})
	if _, err := f.Buffers[0].Each(a.Wants, func(r *event.Record) bool { a.Add(r); return true }); err != nil {
		t.Fatal(err)
	}
	return a.Result()
}

// TestLatency holds what the text of the corpus's recordings says of latencies
// against what the recordings say. Times in the text are right to 1 ns or 1 µs.
func TestLatency(t *testing.T) {
	corpus := os.Getenv("RINGSIDE_CORPUS")
	if corpus == "" {
		t.Skip("RINGSIDE_CORPUS is not set: no recordings to print")
	}
	for _, name := range []string{"sched_v6", "default", "guest-sched_v7"} {
		data, err := os.ReadFile(filepath.Join(corpus, "trace", name+".dat"))
		if err != nil {
			t.Fatal(err)
		}
		f, err := tracedat.Open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		want := analyse(t, f)
		for _, o := range []report.Options{{Nanoseconds: true}, {}} {
			exact := time.Microsecond
			if o.Nanoseconds {
				exact = 0
			}
			made, stats := open(t, lines(t, f, o))
			got := analyse(t, made)
			if stats.Others > 0 || len(want) == 0 || len(got) != len(want) {
				t.Errorf("%s: %d kinds of latency, want %d; %d lines are no events", name, len(got), len(want), stats.Others)
			}
			for kind, w := range want {
				g := got[kind]
				if g.N != w.N {
					t.Errorf("%s: %s: %d times, want %d", name, kind, g.N, w.N)
				}
				// A percentile is the middle of a bucket: 1.6 % is its width.
				for _, x := range [][2]time.Duration{{g.P50, w.P50}, {g.P90, w.P90}, {g.P99, w.P99}, {g.P999, w.P999}} {
					room := exact
					if exact > 0 {
						room += max(x[0], x[1]) / 60
					}
					if d := (x[0] - x[1]).Abs(); d > room {
						t.Errorf("%s: %s: a percentile of %v, want %v", name, kind, x[0], x[1])
					}
				}
				if d := (g.Max - w.Max).Abs(); d > exact {
					t.Errorf("%s: %s: %v at most, want %v", name, kind, g.Max, w.Max)
				}
			}
			t.Logf("%s, right to %v: %d events, %d kinds of latency", name, exact, stats.Events, len(got))
		}
	}
}

func FuzzConvert(f *testing.F) {
	f.Add([]byte(kernelText))
	f.Add([]byte("one:               sh-9156  [001]  5.000001: a:                    x=1\nCPU:1 [3 EVENTS DROPPED]\n sh-1 [000] 77: sched_switch: a:b:1 [1] R ==> c:2 [3]\n"))
	f.Add([]byte("  a-2 [1] 9.1: funcgraph_entry:  |  f() {\n  a-2 [1] 9.2: funcgraph_entry: + 9.183 us |    g();\n  a-2 [1] 9.3: funcgraph_exit: 1.0 us |  }\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var b bytes.Buffer
		stats, err := Convert(&b, bytes.NewReader(text))
		if err != nil {
			return
		}
		file, err := tracedat.Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil || len(file.Problems) > 0 {
			t.Fatal(err, file.Problems)
		}
		n := 0
		for i := range file.Buffers {
			loss, err := file.Buffers[i].Each(nil, func(r *event.Record) bool {
				if r.Format == nil {
					t.Fatal("an event without a format")
				}
				n++
				return true
			})
			if err != nil || len(loss.Problems) > 0 {
				t.Fatal(err, loss.Problems)
			}
		}
		if n != stats.Events {
			t.Errorf("%d events, %d were converted", n, stats.Events)
		}
	})
}
