package crash

import (
	"bytes"
	"strings"
)

// registerArch are the names that begin a line of a register dump, with the
// architecture that they tell where they tell one.
var registerArch = registerTable(map[string]string{
	"x86_64":      "RAX RDX RBP R10 R13 RSP ORIG_RAX",
	"i386":        "EAX ESI EDX",
	"arm64":       "x29 x28 x27 x26 x25 x24 x23 x22 x21 x20 x19 x18 x17 x16 x15 x14 x13 x12 x11 x10 x9 x8 x7 x6 x5 x4 x3 x2 x1 x0 x30 pstate pmr_save",
	"arm":         "r10 r9 r8 r7 r6 r5 r4 r3 psr xPSR",
	"riscv64":     "epc gp t1 t0 s1 a1 a2 a4 a5 a7 s2 s4 s5 s7 s8 s10 s11 t5 status",
	"powerpc":     "NIP MSR CFAR DAR DEAR",
	"mips":        "Hi Lo Status Cause BadVA Acx",
	"loongarch64": "CRMD PRMD EUEN ECFG ESTAT BADV",
	"":            "FS CS DS CR2 CR0 DR0 DR3 DR6 PKRU sp pc",
})

func registerTable(lines map[string]string) map[string]string {
	t := map[string]string{}
	for arch, names := range lines {
		for name := range strings.FieldsSeq(names) {
			t[name] = arch
		}
	}
	return t
}

// register is one name and value of a dump.
type register struct {
	name       []byte
	start, end int // of the value in the line
}

// scanRegisters reads a line of a register dump, "RAX: 0000 RBX: 0001" or
// "x29: ffff x28: 0000", and appends what it reads to regs. It adds none if the
// line is not one.
func scanRegisters(text []byte, regs []register) (_ []register, arch string) {
	i := 0
	for i < len(text) {
		i += run(text[i:], blanks)
		n := run(text[i:], symbols)
		if n == 0 || n > 8 {
			break
		}
		name := text[i : i+n]
		if len(regs) == 0 {
			a, ok := registerArch[string(name)]
			if !ok {
				return regs, ""
			}
			arch = a
		}
		i += n
		i += run(text[i:], blanks)
		if i >= len(text) || text[i] != ':' {
			break
		}
		i++
		i += run(text[i:], blanks)
		// "RSP: 0018:ffff" carries the segment in front of the value.
		if m := hexLen(text[i:]); m == 4 && i+m < len(text) && text[i+m] == ':' {
			i += m + 1
		}
		// "pc : [<c0123456>]" of arm.
		bracketed := bytes.HasPrefix(text[i:], []byte("[<"))
		if bracketed {
			i += 2
		}
		m := hexLen(text[i:])
		if m == 0 || i+m < len(text) && isSymbol(text[i+m]) {
			break
		}
		regs = append(regs, register{name, i, i + m})
		i += m
		if bracketed {
			arch = "arm"
			i += len(text[i:]) - len(bytes.TrimLeft(text[i:], ">]"))
		}
		// Flags by name: "pstate: 60000005 (nZCv ..)", "MSR:  8000 <SF,EE>".
		if rest := trimBlanks(text[i:]); len(rest) > 0 && rest[0] == '<' {
			if end := bytes.IndexByte(rest, '>'); end >= 0 {
				i = len(text) - len(rest) + end + 1
			}
		}
		if i < len(text) && text[i] == '(' {
			if end := bytes.IndexByte(text[i:], ')'); end >= 0 {
				i += end + 1
			}
		}
	}
	return regs, arch
}

// pcPrefix is how a line that names the program counter begins.
type pcPrefix struct {
	text string
	reg  string
	arch string
	link bool // the link register: the caller, not the place
}

var pcPrefixes = []pcPrefix{
	{"RIP: ", "RIP", "x86_64", false},
	{"RIP  [", "RIP", "x86_64", false},
	{"IP: ", "", "", false}, // x86 until 4.17, of both widths; RIP or EIP follow
	{"EIP: ", "EIP", "i386", false},
	{"EIP is at ", "EIP", "i386", false},
	{"pc : ", "pc", "arm64", false}, // but see parsePC
	{"lr : ", "lr", "arm64", true},
	{"PC is at ", "pc", "", false},
	{"LR is at ", "lr", "", true},
	{"NIP [", "NIP", "powerpc", false},
	{"LR [", "LR", "powerpc", true},
	{"epc : ", "epc", "riscv64", false},
	{" epc : ", "epc", "riscv64", false},
	{" ra : ", "ra", "riscv64", true},
	{"ra : ", "ra", "riscv64", true},
	{"Krnl PSW : ", "PSW", "s390x", false},
	{"epc   : ", "epc", "mips", false},
	{"ra    : ", "ra", "mips", true},
	{"era   : ", "era", "loongarch64", false},
	{"ERA: ", "era", "loongarch64", false},
	{"   ERA: ", "era", "loongarch64", false},
}

// pcLine is a line that names the program counter.
type pcLine struct {
	prefix     *pcPrefix
	sym        scanned
	addr       []byte
	file       []byte // where a symbolizer put it
	line       int
	user       bool // user space
	start, end int
}

// parsePC reads a line that names the program counter:
//
//	RIP: 0010:lab_init+0x208/0x1000 [labcrash]
//	RIP: 0033:0x47fbe9
//	RIP: 0010:[<ffffffff81234567>]  [<ffffffff81234567>] foo+0x12/0x34
//	pc : foo+0x12/0x34 [mod]
//	NIP [c000000000012345] foo+0x12/0x34
//	Krnl PSW : 0704c00180000000 0000000000123456 (foo+0x12/0x34)
//	epc   : 80123456 foo+0x12/0x34
//
// shift is what stands in front of text in its line.
func parsePC(text []byte, shift int) (pcLine, bool) {
	if len(text) == 0 {
		return pcLine{}, false
	}
	switch text[0] {
	case 'R', 'I', 'E', 'P', 'N', 'L', 'K', 'p', 'l', 'e', 'r':
	default:
		return pcLine{}, false // none of pcPrefixes
	}
	for i := range pcPrefixes {
		p := &pcPrefixes[i]
		if p.text[0] != text[0] || !bytes.HasPrefix(text, []byte(p.text)) {
			continue
		}
		l := pcLine{prefix: p}
		i := len(p.text)
		if p.arch == "arm64" && i < len(text) && text[i] == '[' {
			return pcLine{}, false // "pc : [<c0123456>]    lr :" of arm, which says it with symbols the line before
		}
		if p.text[len(p.text)-1] == '[' {
			i--
		}
		if m := hexLen(text[i:]); m == 4 && i+m < len(text) && text[i+m] == ':' {
			switch string(text[i : i+m]) {
			case "0033", "0023", "0073", "002b":
				l.user = true
			}
			i += m + 1
		}
		for {
			i += spanOf(text[i:], func(b byte) bool { return b == ' ' || b == '(' })
			if i+2 < len(text) && text[i] == '[' {
				end := bytes.IndexByte(text[i:], ']')
				if end < 0 {
					break
				}
				l.addr = bytes.Trim(text[i+1:i+end], "<>")
				i += end + 1
				continue
			}
			// A bare address in front of a symbol, or alone.
			if m := hexLen(text[i:]); m >= 8 || m > 2 && text[i] == '0' && text[i+1] == 'x' {
				if m < len(text[i:]) && isSymbol(text[i+m]) {
					break
				}
				l.addr, l.start, l.end = text[i:i+m], i, i+m
				i += m
				continue
			}
			break
		}
		sym, n := scanSymbol(text[i:])
		if n > 0 && sym.hasOff {
			l.sym, l.start, l.end = sym, i, i+n
			l.file, l.line, _ = scanPlace(bytes.TrimLeft(text[i+n:], " "))
		}
		l.start, l.end = l.start+shift, l.end+shift
		return l, len(l.sym.name) > 0 || len(l.addr) > 0
	}
	return pcLine{}, false
}
