package event

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

const wakeup = `name: sched_wakeup
ID: 318
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:char comm[16];	offset:8;	size:16;	signed:0;
	field:pid_t pid;	offset:24;	size:4;	signed:1;
	field:__data_loc char[] name;	offset:28;	size:4;	signed:0;

print fmt: "comm=%s pid=%d", REC->comm, REC->pid
`

func wakeupData() []byte {
	b := make([]byte, 32)
	b[0], b[1] = 62, 1
	copy(b[8:], "bash")
	b[24], b[25], b[26], b[27] = 0xfe, 0xff, 0xff, 0xff
	b[28], b[30] = 32, 4
	return append(b, "abc\x00"...)
}

func TestFormat(t *testing.T) {
	f, err := ParseFormat("sched", wakeup, Layout{LongSize: 8})
	if err != nil {
		t.Fatal(err)
	}
	if f.ID != 318 || f.Name != "sched_wakeup" || len(f.Fields) != 5 {
		t.Fatalf("format: %+v", f.Fields)
	}
	d := wakeupData()
	if got := f.Uint("pid").Int(d); got != -2 {
		t.Errorf("pid = %d, want -2", got)
	}
	if got := f.Text("comm").Bytes(d); string(got) != "bash" {
		t.Errorf("comm = %q", got)
	}
	if got := f.Text("name").Bytes(d); string(got) != "abc" {
		t.Errorf("name = %q", got)
	}
	if f.Uint("none").Valid() || f.Text("none").Valid() {
		t.Error("a field that is not there is valid")
	}
	for n := range d {
		f.Uint("pid").Uint(d[:n])
		f.Text("name").Bytes(d[:n])
	}
}

func TestFormatErrors(t *testing.T) {
	for name, text := range map[string]string{
		"empty":  "",
		"no ID":  "name: x\n",
		"bad ID": "name: x\nID: 99999999\n",
		"size":   "name: x\nID: 1\n\tfield:int a;\toffset:0;\tsize:-4;\n",
	} {
		if f, err := ParseFormat("s", text, Layout{LongSize: 8}); err == nil {
			t.Errorf("%s: no error, but %+v", name, f)
		}
	}
}

func TestTracingData(t *testing.T) {
	corpus := os.Getenv("RINGSIDE_CORPUS")
	if corpus == "" {
		t.Skip("RINGSIDE_CORPUS is not set: no recordings to read")
	}
	b, err := os.ReadFile(filepath.Join(corpus, "trace", "sched_v6.dat"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := ReadTracingData(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Problems) > 0 {
		t.Errorf("problems: %v", c.Problems)
	}
	f := c.Format("sched", "sched_switch")
	if f == nil || !f.Uint("prev_pid").Valid() || !f.Text("next_comm").Valid() {
		t.Fatalf("sched_switch: %+v", f)
	}
	if got := c.Comm(25874); got != "busy" {
		t.Errorf("task 25874 is %q, want busy", got)
	}
	short, err := ReadTracingData(bytes.NewReader(b[:len(b)/8]))
	if err == nil || short == nil || len(short.Formats()) == 0 {
		t.Errorf("a truncated header: %v, %v", short, err)
	}
}

func FuzzParseFormat(f *testing.F) {
	f.Add(wakeup, wakeupData())
	f.Fuzz(func(t *testing.T, text string, data []byte) {
		format, err := ParseFormat("s", text, Layout{LongSize: 8})
		if err != nil {
			return
		}
		for _, field := range format.Fields {
			format.Uint(field.Name).Uint(data)
			format.Text(field.Name).Bytes(data)
		}
	})
}
