package jitdump

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"
)

// made writes a dump with one function, its lines, and its move.
func made(o binary.AppendByteOrder, magic string) []byte {
	b := []byte(magic)
	b = o.AppendUint32(b, 1)
	b = o.AppendUint32(b, 40)
	b = o.AppendUint32(b, 62)
	b = o.AppendUint32(b, 0)
	b = o.AppendUint32(b, 4711)
	b = o.AppendUint64(b, 100)
	b = o.AppendUint64(b, 0)
	record := func(typ uint32, time uint64, body []byte) {
		b = o.AppendUint32(b, typ)
		b = o.AppendUint32(b, uint32(16+len(body)))
		b = append(o.AppendUint64(b, time), body...)
	}
	lines := o.AppendUint64(nil, 0x1000)
	lines = o.AppendUint64(lines, 2)
	for i, file := range []string{"a.js", "\xff"} {
		lines = o.AppendUint64(lines, 0x1000+8*uint64(i))
		lines = o.AppendUint32(lines, 7+uint32(i))
		lines = o.AppendUint32(lines, 0)
		lines = append(append(lines, file...), 0)
	}
	record(debugInfo, 200, lines)
	ids := o.AppendUint64(nil, 0)
	load := append([]byte{}, ids...)
	for _, v := range []uint64{0x1000, 0x1000, 16, 1} {
		load = o.AppendUint64(load, v)
	}
	record(codeLoad, 200, append(append(load, "fib a.js\x00"...), make([]byte, 16)...))
	move := append([]byte{}, ids...)
	for _, v := range []uint64{0x1000, 0x1000, 0x2000, 16, 1} {
		move = o.AppendUint64(move, v)
	}
	record(codeMove, 300, move)
	record(codeClose, 400, nil)
	return b
}

func TestEvents(t *testing.T) {
	for magic, o := range map[string]binary.AppendByteOrder{"DTiJ": binary.LittleEndian, "JiTD": binary.BigEndian} {
		f, err := Open(bytes.NewReader(made(o, magic)))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for e, err := range f.Events() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%d %d %x %x+%d %q %v", e.Kind, e.Time, e.Old, e.Addr, e.Size, e.Name, e.Lines))
		}
		want := `[0 200 0 1000+16 "fib a.js" [{4096 a.js 7} {4104 a.js 8}] 1 300 1000 2000+16 "" []]`
		if fmt.Sprint(got) != want || f.PID != 4711 {
			t.Errorf("%s: process %d, %v", magic, f.PID, got)
		}
	}
}

// A dump that ends too early gives what it has and says where it ends.
func TestCut(t *testing.T) {
	whole := made(binary.LittleEndian, "DTiJ")
	for n := range whole {
		f, err := Open(bytes.NewReader(whole[:n]))
		if err != nil {
			if n >= 40 {
				t.Errorf("%d bytes: %v", n, err)
			}
			continue
		}
		for _, err := range f.Events() {
			if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
	}
}

func FuzzEvents(f *testing.F) {
	f.Add(made(binary.LittleEndian, "DTiJ"))
	f.Add(made(binary.BigEndian, "JiTD"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		d, err := Open(bytes.NewReader(data))
		if err != nil {
			return
		}
		for range d.Events() {
		}
	})
}
