package orc

import (
	"encoding/binary"
	"strings"
	"testing"
)

// raw writes an entry as a version does.
func (e Entry) raw(v Version) []byte {
	regs := &regs1
	if v >= V4 {
		regs = &regs4
	}
	number := func(r Reg) uint16 {
		for i, have := range regs {
			if have == r {
				return uint16(i)
			}
		}
		return 0
	}
	numbers := number(e.SPReg) | number(e.BPReg)<<4
	bit := func(b bool, n int) uint16 {
		if b {
			return 1 << n
		}
		return 0
	}
	flags := numbers
	old := uint16(max(e.Type, TypeCall)-TypeCall) << 8
	switch {
	case v >= V3:
		flags |= uint16(e.Type)<<8 | bit(e.Signal, 11)
	case v == V2:
		flags |= old | bit(e.Signal, 10) | bit(e.End, 11)
	default:
		flags |= old | bit(e.End, 10)
	}
	b := binary.LittleEndian.AppendUint16(nil, uint16(e.SPOff))
	b = binary.LittleEndian.AppendUint16(b, uint16(e.BPOff))
	return binary.LittleEndian.AppendUint16(b, flags)
}

const tableAddr = 0xffffffff82c00000

// rows are a small table; the addresses are those of code.
var rows = []struct {
	pc uint64
	e  Entry
}{
	{0xffffffff81000000, Entry{Type: TypeEnd, End: true}},
	{0xffffffff81000010, Entry{SPReg: RegSP, SPOff: 8, Type: TypeCall}},
	{0xffffffff81000011, Entry{SPReg: RegSP, SPOff: 16, BPReg: RegPrevSP, BPOff: -16, Type: TypeCall}},
	{0xffffffff81000014, Entry{SPReg: RegBP, SPOff: 16, BPReg: RegPrevSP, BPOff: -16, Type: TypeCall}},
	{0xffffffff81000100, Entry{SPReg: RegSP, SPOff: 0, Type: TypeRegs, Signal: true}},
	{0xffffffff81000120, Entry{SPReg: RegSPIndirect, SPOff: 8, BPReg: RegBPIndirect, BPOff: -8, Type: TypeRegsPartial, Signal: true}},
	{0xffffffff81000140, Entry{SPReg: RegR10, BPReg: RegR13, Type: TypeCall}},
	{0xffffffff81000150, Entry{SPReg: RegDI, BPReg: RegDX, Type: TypeCall}},
	{0xffffffff81000200, Entry{}},
}

// arrays lays rows out from the first or from the last.
func arrays(v Version, backward bool) (ips, entries []byte) {
	for i := range rows {
		r := rows[i]
		if backward {
			r = rows[len(rows)-1-i]
		}
		ips = binary.LittleEndian.AppendUint32(ips, uint32(r.pc-tableAddr-uint64(4*i)))
		entries = append(entries, r.e.raw(v)...)
	}
	return ips, entries
}

func TestTable(t *testing.T) {
	for v := V1; v <= V4; v++ {
		for _, backward := range []bool{false, true} {
			ips, entries := arrays(v, backward)
			x, err := New(ips, entries, tableAddr, v)
			if err != nil {
				t.Fatal(err)
			}
			if lo, hi := x.Range(); lo != rows[0].pc || hi != rows[len(rows)-1].pc+1 {
				t.Errorf("version %d: range %#x-%#x", v, lo, hi)
			}
			for i, r := range rows {
				if e, ok := x.Find(r.pc); !ok || e != r.e {
					t.Errorf("version %d, %#x: %v, want %v", v, r.pc, e, r.e)
				}
				if i+1 == len(rows) {
					break
				}
				if e, ok := x.Find(rows[i+1].pc - 1); !ok || e != r.e {
					t.Errorf("version %d, before %#x: %v, want %v", v, rows[i+1].pc, e, r.e)
				}
			}
			for _, pc := range []uint64{0, rows[0].pc - 1, rows[len(rows)-1].pc + 1, 1<<64 - 1} {
				if e, ok := x.Find(pc); ok {
					t.Errorf("version %d: %#x has %v", v, pc, e)
				}
			}
		}
	}
}

// AX is a register of version 4 only.
func TestAX(t *testing.T) {
	if e := V4.decode([]byte{8, 0, 0, 0, 0x01, 0x02}); e.SPReg != RegAX || e.Type != TypeCall {
		t.Errorf("%v", e)
	}
	// The same bytes were the caller's stack pointer before.
	if e := V3.decode([]byte{8, 0, 0, 0, 0x01, 0x02}); e.SPReg != RegPrevSP {
		t.Errorf("%v", e)
	}
}

func TestSameAddress(t *testing.T) {
	call := Entry{SPReg: RegSP, SPOff: 8, Type: TypeCall}
	var ips, entries []byte
	// The end of one section is the beginning of the next, written first.
	for i, r := range []struct {
		pc uint64
		e  Entry
	}{{0x2000, call}, {0x1000, call}, {0x2000, Entry{}}, {0x3000, Entry{}}} {
		ips = binary.LittleEndian.AppendUint32(ips, uint32(r.pc-uint64(4*i)))
		entries = append(entries, r.e.raw(V3)...)
	}
	x, err := New(ips, entries, 0, V3)
	if err != nil {
		t.Fatal(err)
	}
	if e, _ := x.Find(0x2000); e != call {
		t.Errorf("the end of a section hides the beginning of another: %v", e)
	}
}

func TestMissingPages(t *testing.T) {
	ips, entries := arrays(V3, false)
	clear(ips[8:16])
	x, err := New(ips, entries, tableAddr, V3)
	if err != nil {
		t.Fatal(err)
	}
	if x.Len() != len(rows)-2 || len(x.Notes()) != 1 || !strings.Contains(x.Notes()[0], "2 of 9") {
		t.Errorf("%d entries, %q", x.Len(), x.Notes())
	}
	if e, ok := x.Find(rows[4].pc); !ok || e != rows[4].e {
		t.Errorf("behind the hole: %v", e)
	}
	x, err = New(ips, entries[:30], tableAddr, V3)
	if err != nil || len(x.Notes()) != 2 {
		t.Errorf("%v, %q", err, x.Notes())
	}
	for name, table := range map[string]func() (*Table, error){
		"zero":    func() (*Table, error) { return New(make([]byte, 36), entries, tableAddr, V3) },
		"empty":   func() (*Table, error) { return New(nil, nil, tableAddr, V3) },
		"version": func() (*Table, error) { return New(ips, entries, tableAddr, 5) },
	} {
		if _, err := table(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestGuess(t *testing.T) {
	many := func(v Version) []byte {
		var b []byte
		for range 10 {
			for range 20 {
				b = append(b, rows[2].e.raw(v)...)
			}
			_, entries := arrays(v, false)
			b = append(b, entries...)
		}
		return b
	}
	for v := V1; v <= V4; v++ {
		if got, reason := Guess(many(v), "6.12.0"); got != v || !strings.Contains(reason, "entries") {
			t.Errorf("version %d is taken for %d: %s", v, got, reason)
		}
	}
	for release, want := range map[string]Version{
		"4.18.0-553.el8_10.x86_64":     V1,
		"5.14.0-503.11.1.el9_5.x86_64": V1,
		"5.14.0-570.12.1.el9_6.x86_64": V3,
		"6.1.0-56-cloud-amd64":         V1,
		"6.3.13":                       V2,
		"6.4.0-rc1+":                   V3,
		"7.0.4":                        V3,
		"7.1":                          V4,
		"10.0.0":                       V4,
		"":                             V3,
		"next":                         V3,
	} {
		if got, reason := Guess(nil, release); got != want {
			t.Errorf("%q: version %d, want %d (%s)", release, got, want, reason)
		}
	}
	if _, ok := VersionOf([]byte{0xfe, 0x5d}); ok {
		t.Error("half a hash is known")
	}
	if _, ok := VersionOf(make([]byte, 20)); ok {
		t.Error("no hash is known")
	}
}

func FuzzTable(f *testing.F) {
	for v := V1; v <= V4; v++ {
		ips, entries := arrays(v, v == V2)
		f.Add(ips, entries, uint64(tableAddr), int(v), uint64(0xffffffff81000012))
	}
	f.Add([]byte{0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0x7f}, make([]byte, 12), uint64(1<<64-4), 4, uint64(0))
	f.Fuzz(func(t *testing.T, ips, entries []byte, base uint64, v int, pc uint64) {
		x, err := New(ips, entries, base, Version(v))
		if err != nil {
			return
		}
		e, ok := x.Find(pc)
		lo, hi := x.Range()
		if ok != (pc >= lo && pc < hi) {
			t.Fatalf("%#x of %#x-%#x: %v, %t", pc, lo, hi, e, ok)
		}
		if e.End != (e.Type == TypeEnd) || e.Type > TypeRegsPartial || e.SPReg > RegAX {
			t.Fatalf("%v", e)
		}
		last := uint64(0)
		for at := range x.All() {
			if at < last {
				t.Fatalf("%#x comes after %#x", at, last)
			}
			last = at
		}
		Guess(entries, string(ips))
	})
}

// As large as a distribution's.
func BenchmarkNew(b *testing.B) {
	const n = 370_000
	call := rows[2].e.raw(V3)
	var ips, entries []byte
	for i := range n {
		ips = binary.LittleEndian.AppendUint32(ips, uint32(0xffffffff81000000+uint64(16*i)-tableAddr-uint64(4*i)))
		entries = append(entries, call...)
	}
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := New(ips, entries, tableAddr, V3); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("find", func(b *testing.B) {
		x, err := New(ips, entries, tableAddr, V3)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		i := uint64(0)
		for b.Loop() {
			i = (i + 7919) % n
			if _, ok := x.Find(0xffffffff81000000 + 16*i); !ok {
				b.Fatal("not found")
			}
		}
	})
}
