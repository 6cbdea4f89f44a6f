package event

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

const switchFormat = `name: sched_switch
ID: 372
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:char prev_comm[16];	offset:8;	size:16;	signed:0;
	field:pid_t prev_pid;	offset:24;	size:4;	signed:1;
	field:const void * ptr;	offset:32;	size:8;	signed:0;
	field:__data_loc char[] name;	offset:40;	size:4;	signed:0;

print fmt: "prev_comm=%s", REC->prev_comm
`

func TestParse(t *testing.T) {
	f, err := Parse("sched", []byte(switchFormat), Order{Long: 8})
	if err != nil {
		t.Fatal(err)
	}
	if f.Name != "sched_switch" || f.ID != 372 || len(f.Common) != 4 || len(f.Fields) != 4 || f.Print != `"prev_comm=%s", REC->prev_comm` {
		t.Fatalf("parsed %+v", f)
	}
	rec := make([]byte, 50)
	copy(rec[8:], "busy\x00rest")
	binary.LittleEndian.PutUint32(rec[24:], 0xffffffff)
	binary.LittleEndian.PutUint32(rec[40:], 4<<16|44)
	copy(rec[44:], "eth\x00")
	if got := f.Field("prev_comm").Text(rec); string(got) != "busy" {
		t.Errorf("prev_comm is %q", got)
	}
	if got := f.Field("prev_pid").Int(rec); got != -1 {
		t.Errorf("prev_pid is %d", got)
	}
	if n := f.Field("name"); string(n.Text(rec)) != "eth" || n.Type != "char[]" || !n.Located {
		t.Errorf("name is %q, %+v", n.Text(rec), n)
	}
	if p := f.Field("ptr"); p == nil || p.Type != "const void *" {
		t.Errorf("ptr is %+v", p)
	}
	// A record that is too short has nothing, and no field is none.
	for i := range rec {
		f.Field("name").Text(rec[:i])
		f.Field("prev_pid").Int(rec[:i])
	}
	if f.Field("absent").Uint(rec) != 0 || f.Field("absent").Text(rec) != nil || f.Field("absent").Int(rec) != 0 {
		t.Error("a field that is absent has a value")
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                 "no name or no ID",
		"name: x\nID: y\n": "line 2",
		"name: x\nID: 1\n\tfield:int a;\toffset:x;\tsize:4;\n": "line 3",
		"name: x\nID: 1\n\tfield:;\toffset:0;\tsize:4;\n":      "without a name",
	} {
		if _, err := Parse("s", []byte(text), Order{Long: 8}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// header makes the beginning of a recording, in either byte order.
func header(big bool) []byte {
	var o binary.AppendByteOrder = binary.LittleEndian
	if big {
		o = binary.BigEndian
	}
	b := []byte(Magic + "6\x00")
	if big {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = append(b, 8)
	b = o.AppendUint32(b, 4096)
	for _, name := range []string{"header_page", "header_event"} {
		b = append(b, name+"\x00"...)
		b = o.AppendUint64(b, 3)
		b = append(b, "abc"...)
	}
	b = o.AppendUint32(b, 0)
	b = o.AppendUint32(b, 1)
	b = append(b, "sched\x00"...)
	b = o.AppendUint32(b, 2)
	for _, f := range []string{switchFormat, "name: broken\n"} {
		b = o.AppendUint64(b, uint64(len(f)))
		b = append(b, f...)
	}
	b = o.AppendUint32(b, 0)
	printk := "0xffffffff82000000 : \"hello %d\\n\"\n"
	b = o.AppendUint32(b, uint32(len(printk)))
	b = append(b, printk...)
	comms := "12 my task\n13 other\nx y\n"
	b = o.AppendUint64(b, uint64(len(comms)))
	return append(b, comms...)
}

func TestReadHeader(t *testing.T) {
	for _, big := range []bool{false, true} {
		data := header(big)
		h, r, err := ReadHeader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if r.At != int64(len(data)) || h.Order.Big != big || h.PageSize != 4096 {
			t.Errorf("read %d of %d bytes: %+v", r.At, len(data), h)
		}
		if h.ByID(372) == nil || h.ByName("sched:sched_switch") != h.ByID(372) || len(h.Warnings) != 1 {
			t.Errorf("formats %v, warnings %q", h.Formats, h.Warnings)
		}
		if h.Comms[12] != "my task" || h.Printk[0xffffffff82000000] != `hello %d\n` {
			t.Errorf("names %v, printk %v", h.Comms, h.Printk)
		}
		for n := range data {
			if _, _, err := ReadHeader(bytes.NewReader(data[:n])); err == nil {
				t.Errorf("cut at byte %d: no error", n)
			}
		}
	}
}

func FuzzReadHeader(f *testing.F) {
	f.Add(header(false))
	f.Add(header(true))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, _, err := ReadHeader(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, x := range h.Formats {
			for _, fd := range x.Fields {
				fd.Uint(data)
				fd.Bytes(data)
				fd.Text(data)
			}
		}
	})
}
