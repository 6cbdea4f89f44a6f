package report

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"ringside/trace/event"
	"ringside/trace/ftracetext"
	"ringside/trace/tracedat"
)

// rules are where Ringside prints other words than trace-cmd 3.1.6 on purpose:
// each makes of trace-cmd's line what Ringside should print.
var rules = []func(theirs, ours string) string{
	// The format of sched_switch names each state of a task. trace-cmd prints
	// letters of its own, which are those of older kernels.
	func(theirs, _ string) string {
		return state.ReplaceAllStringFunc(theirs, strings.NewReplacer("W", "I", "X", "Z", "Z", "X", "x", "P").Replace)
	},
	// Of a timer trace-cmd prints the same flags always, whichever are set.
	func(theirs, ours string) string {
		head, flags, ok := strings.Cut(theirs, " flags=")
		if !ok || flags != "D|P|I" || !strings.Contains(head, " timer_start: ") || !strings.HasPrefix(ours, head+" flags=") {
			return theirs
		}
		return ours
	},
	// trace-cmd computes with 0 for a variable of the kernel.
	func(theirs, _ string) string { return age.ReplaceAllString(theirs, " age=?") },
	// What trace-cmd cannot parse is no measure.
	func(theirs, ours string) string {
		if head, _, ok := strings.Cut(theirs, "[FAILED TO PARSE]"); ok && strings.HasPrefix(ours, head) && !strings.Contains(ours, "[FAILED") {
			return ours
		}
		return theirs
	},
	// The reports of the corpus were made to name no machine.
	func(theirs, _ string) string { return strings.ReplaceAll(theirs, "=/srv/loadgen/", "=/tmp/perflab/") },
}

var age = regexp.MustCompile(` age=7378697627\d+`)

var state = regexp.MustCompile(`\] [A-Za-z|]+ ==> `)

func open(t testing.TB, path string) *tracedat.File {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := tracedat.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// text is the report of a recording, without its first line.
func text(t testing.TB, f *tracedat.File, o Options) []byte {
	t.Helper()
	width := 0
	for i := range f.Buffers {
		width = max(width, len(f.Buffers[i].Name))
	}
	var streams []iter.Seq[*Event]
	var reports []*Report
	for i := range f.Buffers {
		reports = append(reports, New(f.Catalog, o))
		streams = append(streams, func(yield func(*Event) bool) {
			add, flush := Leaves(f.Catalog, yield)
			if _, err := f.Buffers[i].Each(nil, add); err != nil {
				t.Error(err)
			}
			flush()
		})
	}
	var b []byte
	tracedat.Merge(streams, func(e *Event) uint64 { return e.Time }, func(i int, e *Event) bool {
		switch {
		case width > 0 && f.Buffers[i].Name != "":
			b = fmt.Appendf(b, "%*s: ", width, f.Buffers[i].Name)
		case width > 0:
			b = fmt.Appendf(b, "%*s  ", width, "")
		}
		b = reports[i].Append(b, e)
		return true
	})
	return b
}

// score counts how many lines are as trace-cmd has them.
type score struct{ all, same, ruled int }

// compare holds a recording's lines against trace-cmd's.
func (sc *score) compare(t *testing.T, name string, f *tracedat.File, report io.Reader) {
	t.Helper()
	got := strings.Split(fmt.Sprintf("cpus=%d\n%s", f.CPUs, text(t, f, Options{})), "\n")
	s := bufio.NewScanner(report)
	n, bad := 0, 0
	for ; s.Scan(); n++ {
		want, line := s.Text(), ""
		if n < len(got) {
			line = got[n]
		}
		if line == want {
			sc.same++
			continue
		}
		// trace-cmd takes the exit behind lost events for that of the entry in
		// front of them, and does not say what was lost.
		if n+2 < len(got) && strings.HasSuffix(got[n+1], " EVENTS DROPPED]") && strings.HasSuffix(line, "() {") && strings.HasSuffix(want, "();") {
			got = append(got[:n+1], got[n+3:]...)
			sc.ruled++
			continue
		}
		for _, r := range rules {
			want = r(want, line)
		}
		if line == want {
			sc.ruled++
		} else if bad++; bad < 5 {
			t.Errorf("%s, line %d:\n%q, trace-cmd has\n%q", name, n+1, line, want)
		}
	}
	sc.all += n
	if n != len(got)-1 {
		t.Errorf("%s: %d lines, trace-cmd has %d", name, len(got)-1, n)
	}
}

// check fails where fewer lines are the same than per mille promise, or others
// differ than by the rules.
func (sc *score) check(t *testing.T, promille int) {
	t.Helper()
	t.Logf("of %d lines of trace-cmd report %.2f %% are the same, %.3f %% with the rules",
		sc.all, 100*float64(sc.same)/float64(sc.all), 100*float64(sc.same+sc.ruled)/float64(sc.all))
	if sc.all == 0 || sc.same*1000 < sc.all*promille || sc.same+sc.ruled < sc.all {
		t.Errorf("of %d lines %d are the same, %d by the rules", sc.all, sc.same, sc.ruled)
	}
}

// TestKinds prints a few events of many kinds.
func TestKinds(t *testing.T) {
	report, err := os.Open(filepath.Join("testdata", "events.report.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer report.Close()
	var sc score
	sc.compare(t, "events", open(t, filepath.Join("testdata", "events.dat")), report)
	sc.check(t, 950)
}

// TestReport holds the lines of the corpus's recordings against those of
// trace-cmd report.
func TestReport(t *testing.T) {
	corpus := os.Getenv("RINGSIDE_CORPUS")
	if corpus == "" {
		t.Skip("RINGSIDE_CORPUS is not set: no recordings to print")
	}
	var sc score
	for _, name := range []string{"sched_v6", "default", "guest-sched_v7", "guest-func_v7", "guest-fgraph_v7", "guest-inst_v7"} {
		packed, err := os.ReadFile(filepath.Join(corpus, "trace", name+".report.txt.xz"))
		if err != nil {
			t.Fatal(err)
		}
		x, err := xz.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		sc.compare(t, name, open(t, filepath.Join(corpus, "trace", name+".dat")), x)
	}
	sc.check(t, 997)
}

func TestUnknownAndMissed(t *testing.T) {
	c := event.NewCatalog(event.Layout{LongSize: 8})
	got := string(New(c, Options{Nanoseconds: true}).Append(nil, &Event{Record: &event.Record{Time: 1_000_000_123, CPU: 3, Missed: 7, Data: []byte{1, 0xab}}}))
	if want := "CPU:3 [7 EVENTS DROPPED]\n           <...>--1    [003]     1.000000123: [UNKNOWN EVENT] 01 ab\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	got = string(New(c, Options{Ticks: true}).Append(nil, &Event{Record: &event.Record{Time: 12345, Missed: -1}}))
	if want := "CPU:0 [EVENTS DROPPED]\n           <...>--1    [000]        12345: [UNKNOWN EVENT]\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzReport prints whatever opens as a recording.
func FuzzReport(f *testing.F) {
	var b bytes.Buffer
	if _, err := ftracetext.Convert(&b, strings.NewReader(seed)); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes(), true)
	f.Add(b.Bytes()[:b.Len()-5000], false)
	f.Fuzz(func(t *testing.T, data []byte, latency bool) {
		file, err := tracedat.Open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		n := 0
		for i := range file.Buffers {
			r := New(file.Catalog, Options{Latency: latency})
			add, flush := Leaves(file.Catalog, func(e *Event) bool {
				n += len(r.Append(nil, e))
				return n < 1<<24
			})
			if _, err := file.Buffers[i].Each(nil, add); err == nil {
				flush()
			}
		}
	})
}

const seed = `   a-1 [0] 9.1: sched_switch: a:1 [120] R ==> b:2 [120]
CPU:0 [12 EVENTS DROPPED]
   b-2 [0] 9.2: funcgraph_entry:  |  f() {
   b-2 [0] 9.3: funcgraph_entry: + 9.183 us |    g();
   b-2 [0] 9.4: sched_wakeup: a:1 [120] CPU:000
   b-2 [0] 9.5: function: f <-- g
   b-2 [0] 9.6: tracing_mark_write: hello
   b-2 [0] 9.7: x: y
`
