package latency

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ulikunitz/xz"

	"ringside/trace/event"
	"ringside/trace/tracedat"
)

const common = "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"

func format(t *testing.T, system, name, fields string) *event.Format {
	t.Helper()
	f, err := event.ParseFormat(system, "name: "+name+"\nID: 1\nformat:\n"+common+fields+"\nprint fmt: \"\"\n", event.Layout{LongSize: 8})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A task is woken, waits while another has its CPU, runs, is preempted and runs
// again: two waits, of which one was a wake-up, with their story.
func TestStory(t *testing.T) {
	sw := format(t, "sched", "sched_switch", "\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;\n\tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;\n\tfield:long prev_state;\toffset:32;\tsize:8;\tsigned:1;\n\tfield:char next_comm[16];\toffset:40;\tsize:16;\tsigned:0;\n\tfield:pid_t next_pid;\toffset:56;\tsize:4;\tsigned:1;\n")
	wk := format(t, "sched", "sched_wakeup", "\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:0;\n\tfield:pid_t pid;\toffset:24;\tsize:4;\tsigned:1;\n")
	a := New([]*event.Format{sw, wk}, Options{})
	change := func(at uint64, prev string, prevPID, state uint32, next string, nextPID uint32) {
		b := make([]byte, 64)
		binary.LittleEndian.PutUint32(b[4:], prevPID)
		copy(b[8:], prev)
		binary.LittleEndian.PutUint32(b[24:], prevPID)
		binary.LittleEndian.PutUint32(b[32:], state)
		copy(b[40:], next)
		binary.LittleEndian.PutUint32(b[56:], nextPID)
		a.Add(&event.Record{Time: at, CPU: 1, Format: sw, Data: b})
	}
	wake := func(at uint64, comm string, pid, by uint32) {
		b := make([]byte, 32)
		binary.LittleEndian.PutUint32(b[4:], by)
		copy(b[8:], comm)
		binary.LittleEndian.PutUint32(b[24:], pid)
		a.Add(&event.Record{Time: at, CPU: 0, Format: wk, Data: b})
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

var (
	wakeLine   = regexp.MustCompile(`\[(\d+)\] +(\d+)\.(\d+): sched_wakeup(?:_new)?: +.*?([^ ].*):(\d+) \[`)
	switchLine = regexp.MustCompile(`\[(\d+)\] +(\d+)\.(\d+): sched_switch: +.*:(\d+) \[-?\d+\] (\S+) ==> .*:(\d+) \[`)
)

// The corpus' recordings give what a plain reading of trace-cmd's report gives:
// as many waits, and the same percentiles within the bucket and the
// microsecond to which the report is rounded.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("RINGSIDE_CORPUS")
	if dir == "" {
		t.Skip("SKIPPED: RINGSIDE_CORPUS is not set")
	}
	for _, name := range []string{"sched_v6", "guest-sched_v7"} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(dir, "trace", name+".dat"))
			if err != nil {
				t.Fatal(err)
			}
			f, err := tracedat.Open(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			a := New(f.Catalog.Formats(), Options{Comm: f.Catalog.Comm})
			if _, err := f.Buffers[0].Each(nil, func(r *event.Record) bool { a.Add(r); return true }); err != nil {
				t.Fatal(err)
			}
			got := a.Result()[RunQueue]
			packed, err := os.Open(filepath.Join(dir, "trace", name+".report.txt.xz"))
			if err != nil {
				t.Fatal(err)
			}
			defer packed.Close()
			x, err := xz.NewReader(packed)
			if err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			if _, err := text.ReadFrom(x); err != nil {
				t.Fatal(err)
			}
			waits := map[string]int64{}
			var want []int64
			for row := range strings.Lines(text.String()) {
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
