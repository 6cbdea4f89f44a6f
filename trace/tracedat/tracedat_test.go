package tracedat

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"ringside/trace/event"
)

func corpus(t testing.TB) string {
	dir := os.Getenv("RINGSIDE_CORPUS")
	if dir == "" {
		t.Skip("RINGSIDE_CORPUS is not set: no recordings to read")
	}
	return filepath.Join(dir, "trace")
}

var reportLine = regexp.MustCompile(`^(?:(\w+):)? .*-(\d+) +\[(\d+)\] +(\d+)\.(\d{6}): (\w+):`)

// line is what a report says of an event, whatever its text.
type line struct {
	instance, pid, cpu, event string
	us                        uint64
}

func report(t *testing.T, path string) []line {
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	x, err := xz.NewReader(bufio.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var lines []line
	s := bufio.NewScanner(x)
	for s.Scan() {
		m := reportLine.FindStringSubmatch(s.Text())
		if m == nil {
			continue
		}
		sec, _ := strconv.ParseUint(m[4], 10, 64)
		us, _ := strconv.ParseUint(m[5], 10, 64)
		cpu := strings.TrimLeft(m[3][:2], "0") + m[3][2:]
		lines = append(lines, line{m[1], m[2], cpu, m[6], sec*1e6 + us})
	}
	return lines
}

// TestReports holds the events of the corpus against trace-cmd's report: each
// event's instance, task, CPU, name and time in microseconds. In reports of
// function_graph an exit of a leaf is folded into its entry.
func TestReports(t *testing.T) {
	dir := corpus(t)
	for _, name := range []string{"sched_v6", "default", "guest-sched_v7", "guest-func_v7", "guest-fgraph_v7", "guest-inst_v7"} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(dir, name+".dat"))
			if err != nil {
				t.Fatal(err)
			}
			f, err := Open(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			if len(f.Problems) > 0 {
				t.Errorf("problems: %q", f.Problems)
			}
			left := map[line]int{}
			want := report(t, filepath.Join(dir, name+".report.txt.xz"))
			for _, l := range want {
				left[l]++
			}
			events, folded := 0, 0
			for i := range f.Buffers {
				var last uint64
				loss, err := f.Buffers[i].Each(nil, func(r *event.Record) bool {
					if r.Time < last {
						t.Errorf("time goes back from %d to %d", last, r.Time)
					}
					last = r.Time
					l := line{f.Buffers[i].Name, strconv.FormatInt(r.Format.Uint("common_pid").Int(r.Data), 10), strconv.Itoa(r.CPU), r.Format.Name, (r.Time + 500) / 1000}
					events++
					if left[l] > 0 {
						left[l]--
					} else if l.event == "funcgraph_exit" {
						folded++
					} else {
						t.Errorf("not in the report: %+v", l)
					}
					return events < 1_000_000
				})
				if err != nil || len(loss.Problems) > 0 {
					t.Errorf("%v, %q", err, loss.Problems)
				}
			}
			t.Logf("%d events, %d lines of the report, %d exits folded by it", events, len(want), folded)
			if events-folded != len(want) {
				t.Errorf("%d events, the report has %d", events-folded, len(want))
			}
		})
	}
}

func TestFilterAndTruncation(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(corpus(t), "sched_v6.dat"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	id := f.Catalog.Format("sched", "sched_switch").ID
	n := 0
	if _, err := f.Buffers[0].Each(func(i int) bool { return i == id }, func(*event.Record) bool { n++; return true }); err != nil || n != 1706 {
		t.Errorf("%d sched_switch, want 1706: %v", n, err)
	}
	cut := data[:len(data)-300_000]
	f, err = Open(bytes.NewReader(cut), int64(len(cut)))
	if err != nil || len(f.Problems) == 0 {
		t.Fatalf("truncated: %v, %q", err, f.Problems)
	}
	n = 0
	if _, err := f.Buffers[0].Each(nil, func(*event.Record) bool { n++; return true }); err != nil || n == 0 || n >= 15014 {
		t.Errorf("truncated: %d events, %v", n, err)
	}
}

func FuzzPages(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x21\x00\x00\x00\x05\x00\x00\x00"), false)
	f.Add(bytes.Repeat([]byte{0x80, 0, 0, 0xc0, 0x1e}, 40), true)
	f.Fuzz(func(t *testing.T, data []byte, big bool) {
		layout := event.Layout{LongSize: 8, BigEndian: big}
		file := &File{Catalog: event.NewCatalog(layout), r: bytes.NewReader(data), size: int64(len(data))}
		b := Buffer{file: file, PageSize: 64, CPUs: []CPU{{Size: int64(len(data))}}}
		n := 0
		if _, err := b.Each(nil, func(r *event.Record) bool { n += len(r.Data); return true }); err != nil || n > len(data) {
			t.Errorf("%d bytes of events out of %d: %v", n, len(data), err)
		}
	})
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(event.Magic + "7\x00\x00\x08\x00\x10\x00\x00none\x00\x00\x20\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Open(bytes.NewReader(data), int64(len(data)))
		if err == nil && len(file.Buffers) == 0 && !file.Latency && len(file.Problems) == 0 {
			t.Error("a file without events and without a problem")
		}
	})
}
