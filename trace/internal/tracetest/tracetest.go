// Package tracetest makes events for tests of analyses: records out of names and
// values, and the corpus' recordings.
package tracetest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"ringside/trace/event"
	"ringside/trace/tracedat"
)

// A Stream makes records of events by name.
type Stream struct {
	t       testing.TB
	Catalog *event.Catalog
}

// New knows events: "system:name" with fields, each of 4 bytes but where a
// size is given, as "comm/16".
func New(t testing.TB, events map[string]string) *Stream {
	c := event.NewCatalog(event.Layout{LongSize: 8})
	id := 0
	for name, fields := range events {
		id++
		system, name, _ := strings.Cut(name, ":")
		text := fmt.Sprintf("name: %s\nID: %d\nformat:\n\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n", name, id)
		at := 8
		for _, f := range strings.Fields(fields) {
			f, size, found := strings.Cut(f, "/")
			n := 4
			if found {
				n, _ = strconv.Atoi(size)
			}
			if n > 8 {
				text += fmt.Sprintf("\tfield:char %s[%d];\toffset:%d;\tsize:%d;\tsigned:0;\n", f, n, at, n)
			} else {
				text += fmt.Sprintf("\tfield:int %s;\toffset:%d;\tsize:%d;\tsigned:1;\n", f, at, n)
			}
			at += n
		}
		c.AddFormat(system, text+"\nprint fmt: \"\"\n")
	}
	return &Stream{t, c}
}

// Record makes an event; values are "field=value".
func (s *Stream) Record(at uint64, cpu, pid, flags int, name string, values ...any) *event.Record {
	system, short, _ := strings.Cut(name, ":")
	f := s.Catalog.Format(system, short)
	if f == nil {
		s.t.Fatalf("no event %q", name)
	}
	b := make([]byte, f.Fields[len(f.Fields)-1].Offset+f.Fields[len(f.Fields)-1].Size)
	b[2] = byte(flags)
	binary.LittleEndian.PutUint32(b[4:], uint32(pid))
	for i := 0; i < len(values); i += 2 {
		fd := f.Field(values[i].(string))
		switch v := values[i+1].(type) {
		case string:
			copy(b[fd.Offset:fd.Offset+fd.Size], v)
		case int:
			if fd.Size == 8 {
				binary.LittleEndian.PutUint64(b[fd.Offset:], uint64(v))
			} else {
				binary.LittleEndian.PutUint32(b[fd.Offset:], uint32(v))
			}
		}
	}
	return &event.Record{Time: at, CPU: cpu, Format: f, Data: b}
}

// Events are what the analyses read, with the fields that they do.
func Events() map[string]string {
	return map[string]string{
		"sched:sched_switch":           "prev_comm/16 prev_pid prev_state/8 next_comm/16 next_pid",
		"sched:sched_wakeup":           "comm/16 pid",
		"sched:sched_waking":           "comm/16 pid",
		"sched:sched_process_fork":     "parent_pid child_pid",
		"cgroup:cgroup_attach_task":    "dst_id/8 pid dst_path/32",
		"cgroup:cgroup_transfer_tasks": "dst_id/8 pid dst_path/32",
		"sched:sched_wakeup_new":       "comm/16 pid",
		"irq:irq_handler_entry":        "irq name/16",
		"irq:irq_handler_exit":         "irq",
		"irq:softirq_raise":            "vec",
		"irq:softirq_entry":            "vec",
		"irq:softirq_exit":             "vec",
		"preemptirq:irq_disable":       "caller_offs parent_offs",
		"preemptirq:irq_enable":        "caller_offs parent_offs",
		"preemptirq:preempt_disable":   "caller_offs parent_offs",
		"preemptirq:preempt_enable":    "caller_offs parent_offs",
		"raw_syscalls:sys_enter":       "id/8",
		"raw_syscalls:sys_exit":        "id/8",
		"syscalls:sys_enter_read":      "fd",
		"syscalls:sys_exit_read":       "ret",
		"lock:contention_begin":        "lock_addr/8 flags",
		"lock:contention_end":          "lock_addr/8 ret",
		"block:block_rq_issue":         "dev sector/8 rwbs/16",
		"block:block_rq_complete":      "dev sector/8 rwbs/16",
	}
}

// Corpus opens a recording of the corpus and what trace-cmd reports of it.
func Corpus(t testing.TB, name string) (f *tracedat.File, report string) {
	t.Helper()
	dir := os.Getenv("RINGSIDE_CORPUS")
	if dir == "" {
		t.Skip("SKIPPED: RINGSIDE_CORPUS is not set: no recordings to read")
	}
	data, err := os.ReadFile(filepath.Join(dir, "trace", name+".dat"))
	if err != nil {
		t.Fatal(err)
	}
	f, err = tracedat.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	packed, err := os.Open(filepath.Join(dir, "trace", name+".report.txt.xz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	x, err := xz.NewReader(bufio.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(x)
	if err != nil {
		t.Fatal(err)
	}
	return f, string(text)
}

// Random calls take with records made of bytes that a fuzzer gives: any values,
// times that go back.
func (s *Stream) Random(data []byte, take func(*event.Record)) {
	formats := s.Catalog.Formats()
	for len(data) > 8 {
		format := formats[int(data[0])%len(formats)]
		n := min(len(data), 4+int(data[1])%80)
		take(&event.Record{Time: uint64(data[2]) << (data[3] % 64), CPU: int(int8(data[4])), Format: format, Data: data[4:n]})
		data = data[n:]
	}
}
