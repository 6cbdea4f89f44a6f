package insn

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files")

// parse reads a Code: line as the kernel prints it.
func parse(t *testing.T, line string) (code []byte, trap int) {
	t.Helper()
	trap = -1
	for word := range strings.FieldsSeq(line) {
		if word[0] == '<' || word[0] == '(' {
			trap = len(code)
		}
		b, err := hex.DecodeString(strings.Trim(word, "<>()"))
		if err != nil {
			t.Fatal(err)
		}
		code = append(code, b...)
	}
	return code, trap
}

func trapOf(t *testing.T, arch, line string) *Instruction {
	t.Helper()
	code, trap := parse(t, line)
	l, err := Decode(arch, code, trap)
	if err != nil {
		t.Fatalf("%s %s: %v", arch, line, err)
	}
	if got := l.At(); got != nil {
		return got
	}
	t.Fatalf("%s %s: no instruction is marked", arch, line)
	return nil
}

func TestTrap(t *testing.T) {
	for _, tt := range []struct {
		arch, line, text, memory, access string
		size                             int
	}{
		{"x86_64", "<48> 8b 50 18", "mov 0x18(%rax),%rdx", "RAX + 0x18", "read", 8},
		{"x86_64", "<48> 89 45 f8", "mov %rax,-0x8(%rbp)", "RBP - 0x8", "write", 8},
		{"x86_64", "<8a> 83 00 c0 ff ff", "mov -0x4000(%rbx),%al", "RBX - 0x4000", "read", 1},
		{"x86_64", "<c6> 44 07 18 ff", "movb $0xff,0x18(%rdi,%rax)", "RDI + RAX + 0x18", "write", 1},
		{"x86_64", "<48> 8b 04 d0", "mov (%rax,%rdx,8),%rax", "RAX + 8*RDX", "read", 8},
		{"x86_64", "<65> 48 8b 04 25 80 fb 01 00", "mov %gs:0x1fb80,%rax", "GS:(0x1fb80)", "read", 8},
		{"x86_64", "<f0> 0f b1 15 59 c2 1b 00", "lock cmpxchg %edx,0x1bc259(%rip)", "RIP + 0x1bc261", "read-write", 4},
		{"x86_64", "<ff> 50 18", "callq *0x18(%rax)", "RAX + 0x18", "read", 8},
		{"x86_64", "<f3> 48 ab", "rep stos %rax,%es:(%rdi)", "RDI", "write", 0},
		{"x86_64", "<41> 83 78 08 00", "cmpl $0x0,0x8(%r8)", "R8 + 0x8", "read", 4},
		{"x86_64", "<53>", "push %rbx", "RSP - 0x8", "write", 8},
		{"x86_64", "<f3> 0f 1e fa", "endbr64", "", "", 0},
		{"i386", "<8b> 40 18", "mov 0x18(%eax),%eax", "EAX + 0x18", "read", 4},
		{"arm64", "(f9400c20)", "ldr x0, [x1,#24]", "x1 + 0x18", "read", 8},
		{"arm64", "(b9001c3f)", "str wzr, [x1,#28]", "x1 + 0x1c", "write", 4},
		{"arm64", "(f8408420)", "ldr x0, [x1],#8", "x1", "read", 8},
		{"arm64", "(f8627820)", "ldr x0, [x1,x2,lsl #3]", "x1 + 8*x2", "read", 8},
		{"arm64", "(b8e10020)", "ldaddal w1, w0, [x1]", "x1", "read-write", 4},
		{"arm64", "(c8a0fc41)", "casl x0, x1, [x2]", "x2", "read-write", 8},
		{"arm", "(e5903018)", "ldr r3, [r0, #24]", "r0 + 0x18", "read", 4},
		{"riscv64", "(0503) (0185)", "", "", "", 0},
		{"riscv64", "(3503) 0185", "ld a0,24(a0)", "a0 + 0x18", "read", 0},
		{"riscv64", "(6518)", "ld a4,8(a0)", "a0 + 0x8", "read", 0},
		{"powerpc", "<e8630018>", "ld r3,24(r3)", "r3 + 0x18", "read", 0},
		{"powerpc", "<f8010010>", "std r0,16(r1)", "r1 + 0x10", "write", 0},
		{"loongarch64", "(28c06084)", "ld.d $a0, $a0, 24", "a0 + 0x18", "read", 0},
		{"loongarch64", "<29c06076>", "st.d $fp, $sp, 24", "sp + 0x18", "write", 0},
		{"s390x", "<e3> 20 b0 18 00 04", "lg %r2,24(%r11)", "r11 + 0x18", "read", 0},
		{"mips", "<8c430000>", ".inst 0x8c430000", "", "", 0},
		{"thumb", "(681b)", ".inst 0x681b", "", "", 0},
	} {
		if tt.text == "" {
			continue
		}
		in := trapOf(t, tt.arch, tt.line)
		if in.Text != tt.text || in.Offset != 0 {
			t.Errorf("%s %s: %+d %q, want %q", tt.arch, tt.line, in.Offset, in.Text, tt.text)
		}
		var memory, access string
		size := 0
		if len(in.Memory) > 0 {
			memory, access, size = in.Memory[0].String(), in.Memory[0].Access, in.Memory[0].Size
		}
		if memory != tt.memory || access != tt.access || tt.size != 0 && size != tt.size {
			t.Errorf("%s %s: memory %q %q of %d, want %q %q of %d", tt.arch, tt.text, memory, access, size, tt.memory, tt.access, tt.size)
		}
	}
}

func TestPlanted(t *testing.T) {
	for _, tt := range []struct{ arch, line, by, text string }{
		{"x86_64", "<0f> 0b", "BUG", "WARN()"},
		{"x86_64", "<67> 0f b9 40 12", "UBSAN", "index out of bounds"},
		{"x86_64", "<0f> b9 1f", "BUG", "WARN()"},
		{"x86_64", "<cc>", "KPROBES", "breakpoint"},
		{"x86_64", "<d6>", "BUG", "unreachable"},
		{"arm64", "(d4210000)", "BUG", "WARN()"},
		{"arm64", "(d4212240)", "KASAN", "write of 4 bytes"},
		{"arm64", "(d4212060)", "KASAN", "read of 8 bytes"},
		{"arm64", "(d42aa240)", "UBSAN", "index out of bounds"},
		{"arm64", "(d4304500)", "CFI", "another type"},
		{"arm64", "(d4200080)", "KPROBES", "probe"},
		{"arm64", "(d4202000)", "FAULT", "never run"},
		{"arm64", "(d4246a80)", "unknown", "0x2354"},
		{"arm", "(e7f001f2)", "BUG", "WARN()"},
		{"riscv64", "(9002)", "BUG", "WARN()"},
		{"powerpc", "<0fe00000>", "BUG", "WARN()"},
		{"loongarch64", "<002a0001>", "BUG", "WARN()"},
		{"s390x", "<af> 00 00 00", "BUG", "WARN()"},
	} {
		in := trapOf(t, tt.arch, tt.line)
		if in.Planted == nil {
			t.Errorf("%s %s: %q is not seen as planted", tt.arch, tt.line, in.Text)
			continue
		}
		if in.Planted.By != tt.by || !strings.Contains(in.Planted.Text, tt.text) {
			t.Errorf("%s %s: %+v, want %s: %s", tt.arch, tt.line, in.Planted, tt.by, tt.text)
		}
		if len(in.Memory) > 0 {
			t.Errorf("%s %s: a trap touches memory: %+v", tt.arch, tt.line, in.Memory)
		}
	}
	if p := trapOf(t, "arm64", "(d4304500)").Planted; p.Target != "x8" || p.Type != "x17" {
		t.Errorf("CFI: target %s, type %s, want x8 and x17", p.Target, p.Type)
	}
}

// TestListing holds whole listings to what a person found right. The boundaries
// were compared with objdump.
func TestListing(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.code")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no inputs: %v", err)
	}
	for _, path := range inputs {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		arch, line, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
		code, trap := parse(t, line)
		l, err := Decode(arch, code, trap)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		var b bytes.Buffer
		fmt.Fprintf(&b, "confidence %.2f\n", l.Confidence)
		for _, in := range l.Instructions {
			mark := "  "
			if in.Trap {
				mark = "=>"
			}
			fmt.Fprintf(&b, "%s %4d  %-22s  %s\n", mark, in.Offset, in.Bytes, in.Text)
		}
		golden := strings.TrimSuffix(path, ".code") + ".golden"
		if *update {
			if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Errorf("%s changed; if that is meant, run with -update and read the diff. Now:\n%s", golden, b.String())
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, arch string
		code       []byte
		trap       int
		want       string
	}{
		{"nothing", "x86_64", nil, 0, "there is none"},
		{"trap behind the end", "x86_64", []byte{0x90}, 1, "byte 1 of 1"},
		{"too much", "x86_64", make([]byte, maxCode+1), 0, "at most 4096"},
		{"trap within a word", "arm64", make([]byte, 8), 2, "not at a multiple"},
		{"odd trap", "s390x", make([]byte, 8), 7, "not at a multiple"},
	} {
		if _, err := Decode(tt.arch, tt.code, tt.trap); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestAddress(t *testing.T) {
	regs := map[string]uint64{"RAX": 0x1000, "RDX": 3, "RIP": 0xffffffff81000000, "EAX": 0xfffffff0}
	value := func(name string) (uint64, bool) { v, ok := regs[name]; return v, ok }
	for _, tt := range []struct {
		m    Operand
		want uint64
		ok   bool
	}{
		{Operand{Base: "RAX", Index: "RDX", Scale: 8, Displacement: 0x18}, 0x1030, true},
		{Operand{Base: "RAX", Displacement: -0x8}, 0xff8, true},
		{Operand{Base: "RIP", Displacement: 7}, 0xffffffff81000007, true},
		{Operand{Base: "EAX", Displacement: 0x20, Mask: 1<<32 - 1}, 0x10, true},
		{Operand{Displacement: 0x18}, 0x18, true},
		{Operand{Segment: "GS", Displacement: 0x18}, 0, false},
		{Operand{Base: "RBX"}, 0, false},
	} {
		if got, ok := tt.m.Address(value); got != tt.want || ok != tt.ok {
			t.Errorf("%s: 0x%x %v, want 0x%x %v", tt.m.String(), got, ok, tt.want, tt.ok)
		}
	}
}

// FuzzDecode: a listing covers its input byte by byte, whatever that is.
func FuzzDecode(f *testing.F) {
	archs := []string{"x86_64", "i386", "arm64", "arm", "thumb", "riscv64", "powerpc", "s390x", "loongarch64", "mips", ""}
	f.Add(uint8(0), []byte("\x48\x89\xd1\x48\x8b\x50\x18\x0f\x0b"), 3)
	f.Add(uint8(0), []byte("\xf0\xf0\xf0\x66\x66\x67\x65\x0f\x0b\xd6\xcc"), 7)
	f.Add(uint8(1), []byte("\x8b\x40\x18\x64\xa1\x00\x00\x00\x00"), 3)
	f.Add(uint8(2), []byte("\xd5\x03\x20\x1f\xd4\x21\x00\x00\xf9\x40\x0c\x20"), 4)
	f.Add(uint8(3), []byte("\xe5\x90\x30\x18\xe7\xf0\x01\xf2"), 4)
	f.Add(uint8(5), []byte("\x35\x03\x01\x85\x90\x02\x65"), 4)
	f.Add(uint8(6), []byte("\xe8\x63\x00\x18\x0f\xe0\x00\x00"), 0)
	f.Add(uint8(7), []byte("\xe3\x20\xb0\x18\x00\x04\xaf\x00\x00\x00\xd2"), 6)
	f.Add(uint8(8), []byte("\x28\xc0\x60\x84\x00\x2a\x00\x01"), -1)
	f.Fuzz(func(t *testing.T, which uint8, code []byte, trap int) {
		l, err := Decode(archs[int(which)%len(archs)], code, trap)
		if err != nil {
			return
		}
		at, traps := -max(trap, 0), 0
		var all strings.Builder
		for _, in := range l.Instructions {
			if in.Offset != at {
				t.Fatalf("instruction at %d, want %d", in.Offset, at)
			}
			if in.Text == "" {
				t.Fatalf("%s at %d has no text", in.Bytes, at)
			}
			if in.Trap {
				traps++
			}
			at += len(in.Bytes) / 2
			all.WriteString(in.Bytes)
			for i := range in.Memory {
				in.Memory[i].Address(func(string) (uint64, bool) { return ^uint64(0), true })
			}
		}
		if all.String() != hex.EncodeToString(code) {
			t.Fatalf("listing has %s, want %x", all.String(), code)
		}
		if trap >= 0 && traps != 1 {
			t.Fatalf("%d instructions are marked as the trap", traps)
		}
		if l.Confidence < 0 || l.Confidence > 1 {
			t.Fatalf("confidence %v", l.Confidence)
		}
	})
}
