package unwind

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// self opens the test's own program, or another one of this machine.
func self(t testing.TB, path string) *Tables {
	t.Helper()
	if path == "" {
		var err error
		if path, err = os.Executable(); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	defer f.Close()
	x, err := Open(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

var x86Names = map[string]uint64{"rax": 0, "rdx": 1, "rcx": 2, "rbx": 3, "rsi": 4, "rdi": 5, "rbp": 6, "rsp": 7, "r8": 8, "r9": 9, "r10": 10, "r11": 11, "r12": 12, "r13": 13, "r14": 14, "r15": 15, "ra": 16}

// Rules are those that readelf works out, at every address where they change.
func TestRowsAreReadelfs(t *testing.T) {
	tool, err := exec.LookPath("readelf")
	if err != nil {
		t.Skip("SKIPPED: readelf is not installed")
	}
	for _, path := range []string{"/bin/bash", "/lib/x86_64-linux-gnu/libc.so.6", "/usr/bin/perl"} {
		text, err := exec.CommandContext(t.Context(), tool, "-wF", path).Output()
		if len(text) == 0 {
			t.Logf("SKIPPED: %s: %v", path, err)
			continue
		}
		x := self(t, path)
		var columns []string
		inFDE := false
		checked, bad := 0, 0
		for line := range strings.Lines(string(text)) {
			part := strings.Fields(line)
			switch {
			case strings.Contains(line, " FDE "):
				inFDE = true
			case strings.Contains(line, " CIE"):
				inFDE = false
			case len(part) > 2 && part[0] == "LOC":
				columns = part[2:]
			case strings.Contains(line, "ZERO terminator"):
			case inFDE && len(part) == len(columns)+2:
				pc, err := strconv.ParseUint(part[0], 16, 64)
				if err != nil {
					continue
				}
				checked++
				if got := rowText(x, pc, columns); got != strings.Join(part[1:], " ") {
					if bad++; bad < 4 {
						t.Errorf("%s %#x: %s, want %s", path, pc, got, strings.Join(part[1:], " "))
					}
				}
			}
		}
		t.Logf("%s: %d of %d rows are the same", path, checked-bad, checked)
		if checked == 0 {
			t.Errorf("%s: no rows", path)
		}
	}
}

// rowText writes a row as readelf does.
func rowText(x *Tables, pc uint64, columns []string) string {
	r, ok := x.row(pc)
	if !ok {
		return "none"
	}
	out := []string{"exp"}
	if r.cfaExpr == nil {
		for name, n := range x86Names {
			if n == r.cfaReg {
				out[0] = fmt.Sprintf("%s%+d", name, r.cfaOff)
			}
		}
	}
	for _, c := range columns {
		n, ok := x86Names[c]
		if !ok {
			return "column " + c
		}
		switch r.rules[n].kind {
		case ruleNone, ruleUndefined:
			out = append(out, "u")
		case ruleSame:
			out = append(out, "s")
		case ruleOffset:
			out = append(out, fmt.Sprintf("c%+d", r.rules[n].n))
		case ruleValOffset:
			out = append(out, fmt.Sprintf("v%+d", r.rules[n].n))
		case ruleRegister:
			out = append(out, "r")
		case ruleExpr:
			out = append(out, "exp")
		case ruleValExpr:
			out = append(out, "vexp")
		}
	}
	return strings.Join(out, " ")
}

// Tables without a search table are indexed, with the same result.
func TestIndexIsTheSearchTable(t *testing.T) {
	x := self(t, "/lib/x86_64-linux-gnu/libc.so.6")
	if x.search == nil {
		t.Skip("SKIPPED: this C library has no search table")
	}
	y := self(t, "/lib/x86_64-linux-gnu/libc.so.6")
	y.search, y.index = nil, y.eh.entries()
	if len(y.index) < len(x.search.b)/8 {
		t.Errorf("%d entries, the search table has %d", len(y.index), len(x.search.b)/8)
	}
	for i := range len(x.search.b) / 8 {
		pc, _ := x.search.at(i)
		a, ok := x.find(pc)
		b, ok2 := y.find(pc)
		if ok != ok2 || ok && (a.start != b.start || a.end != b.end) {
			t.Fatalf("%#x: %v and %v", pc, a, b)
		}
	}
}

func TestExpressions(t *testing.T) {
	w := &walk{base: 0x1000, stack: binary.LittleEndian.AppendUint64(nil, 0x1122334455667788), order: binary.LittleEndian}
	w.regs.set(7, 0x1000)
	w.regs.set(16, 0x401026)
	for name, tc := range map[string]struct {
		expr []byte
		want uint64
		ok   bool
	}{
		"the linkage table's, first":   {[]byte{0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22}, 0x1008, true},
		"load":                         {[]byte{0x77, 0, 0x06}, 0x1122334455667788, true},
		"load a part":                  {[]byte{0x77, 0, 0x94, 2}, 0x7788, true},
		"load beyond the stack":        {[]byte{0x77, 1, 0x06}, 0, false},
		"arithmetic":                   {[]byte{0x08, 7, 0x09, 0xfd, 0x1e, 0x1f, 0x32, 0x1b}, 10, true},
		"dup, swap, rot, over, pick":   {[]byte{0x31, 0x32, 0x33, 0x17, 0x16, 0x14, 0x15, 2, 0x12, 0x13, 0x1c}, 0, true},
		"a branch":                     {[]byte{0x31, 0x28, 1, 0, 0x30, 0x35}, 5, true},
		"a loop without an end":        {[]byte{0x30, 0x2f, 0xfc, 0xff}, 0, false},
		"division by zero":             {[]byte{0x31, 0x30, 0x1b}, 0, false},
		"nothing":                      {nil, 0, false},
		"an unknown operation":         {[]byte{0xf3}, 0, false},
		"a register that is not known": {[]byte{0x73, 0}, 0, false},
		"too deep":                     {bytes.Repeat([]byte{0x31}, 100), 0, false},
	} {
		if got, ok := w.eval(tc.expr); ok != tc.ok || ok && got != tc.want {
			t.Errorf("%s: %#x %v, want %#x %v", name, got, ok, tc.want, tc.ok)
		}
	}
}

// arm64's return address is in a register, and may carry a code.
func TestARM64(t *testing.T) {
	cieBody := []byte{1, 'z', 'R', 0, 1, 0x78, 30, 1, 0x00, 0x0c, 31, 0}
	fdeBody := func(start, size uint64, program ...byte) []byte {
		b := binary.LittleEndian.AppendUint64(nil, start)
		b = binary.LittleEndian.AppendUint64(b, size)
		return append(append(b, 0), program...)
	}
	eh := ehFrame(cieBody,
		fdeBody(0x1000, 0x100, 0x44, 0x2d, 0x0e, 32, 0x9d, 4, 0x9e, 3), // +4: signed, CFA sp+32, x29 at c-32, x30 at c-24
		fdeBody(0x2000, 0x100, 0x07, 30))                               // the thread's first function
	x := newTables(eh, nil, nil)
	u := Unwinder{Arch: ARM64, Find: func(uint64) (*Tables, uint64) { return x, 0 }}
	values := make([]uint64, 33)
	values[31], values[32], values[30] = 0x7000, 0x1000, 0x2010
	regs, ok := ARM64.Regs(1<<33-1, values)
	if !ok {
		t.Fatal("no registers")
	}
	if got := fmt.Sprintf("%x", u.Unwind(nil, regs, make([]byte, 64))); got != "[1000 200f]" {
		t.Errorf("at the first instruction: %s", got)
	}
	values[32], values[30] = 0x1010, 0xbad
	stack := make([]byte, 64)
	binary.LittleEndian.PutUint64(stack[8:], 0x2020|0xab<<48)
	regs, _ = ARM64.Regs(1<<33-1, values)
	if got := fmt.Sprintf("%x", u.Unwind(nil, regs, stack)); got != "[1010 201f]" {
		t.Errorf("within: %s", got)
	}
}

// ehFrame makes a section of one common part and its descriptions.
func ehFrame(cie []byte, fdes ...[]byte) []byte {
	entry := func(b []byte, id uint32, body []byte) []byte {
		b = binary.LittleEndian.AppendUint32(b, uint32(4+len(body)))
		b = binary.LittleEndian.AppendUint32(b, id)
		return append(b, body...)
	}
	b := entry(nil, 0, cie)
	for _, f := range fdes {
		b = entry(b, uint32(len(b)+4), f)
	}
	return b
}

func newTables(eh, search, debug []byte) *Tables {
	x := &Tables{rows: map[uint64]*row{}}
	r := reader{order: binary.LittleEndian, wide: true}
	r.b = eh
	x.eh = section{reader: r, isEH: true, cies: map[int]*cie{}}
	r.b = debug
	x.debug = section{reader: r, cies: map[int]*cie{}}
	x.debugIdx = x.debug.entries()
	if len(search) >= 8 {
		x.search = &searchIndex{binary.LittleEndian, search[:len(search)&^7], 0}
	} else {
		x.index = x.eh.entries()
	}
	return x
}

// A stack without an end, and tables that say anything, are bounded.
func FuzzUnwind(f *testing.F) {
	cie := []byte{1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x00, 0x0c, 7, 8, 0x90, 1}
	fde := binary.LittleEndian.AppendUint64(nil, 0x1000)
	fde = append(binary.LittleEndian.AppendUint64(fde, 0x100), 0, 0x0a, 0x41, 0x0e, 16, 0x86, 2, 0x0b, 0x0f, 2, 0x77, 8)
	f.Add(ehFrame(cie, fde), []byte{}, []byte{}, make([]byte, 256), uint64(0x1001))
	f.Add([]byte{}, []byte{0, 16, 0, 0, 0, 0, 0, 0}, ehFrame(cie, fde), bytes.Repeat([]byte{0x10, 0x10, 0, 0, 0, 0, 0, 0}, 16), uint64(0x1010))
	f.Fuzz(func(t *testing.T, eh, search, debug, stack []byte, pc uint64) {
		x := newTables(eh, search, debug)
		for _, a := range []Arch{X86_64, ARM64} {
			u := Unwinder{Arch: a, Find: func(uint64) (*Tables, uint64) { return x, 0 }, Max: 64}
			var regs Regs
			regs.PC = pc
			for n := range uint64(registers) {
				regs.set(n, 0x7000+n)
			}
			if got := u.Unwind(nil, regs, stack); len(got) > 64 {
				t.Fatalf("%d frames", len(got))
			}
		}
	})
}

// An ELF file may be anything.
func FuzzOpen(f *testing.F) {
	path, err := os.Executable()
	if err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:4096])
	f.Add([]byte("\x7fELF"))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := Open(bytes.NewReader(data), bytes.NewReader(data))
		if err == nil {
			x.row(0x1000)
		}
	})
}
