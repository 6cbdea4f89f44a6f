package crash

import "bytes"

// registerNames are the names that introduce a register dump, by architecture.
// A line is a dump only if it starts with one of them.
var registerArch = map[string]string{
	"RAX": "x86_64", "RDX": "x86_64", "RBP": "x86_64", "R10": "x86_64", "R13": "x86_64", "RSP": "x86_64", "ORIG_RAX": "x86_64",
	"EAX": "i386", "ESI": "i386", "EDX": "i386",
	"x29": "arm64", "x26": "arm64", "x23": "arm64", "x20": "arm64", "x17": "arm64", "x14": "arm64", "x11": "arm64", "x8": "arm64", "x5": "arm64", "x2": "arm64", "x28": "arm64", "x30": "arm64", "x0": "arm64", "x1": "arm64",
	"r10": "arm", "r9": "arm", "r8": "arm", "r7": "arm", "r6": "arm", "r5": "arm", "r4": "arm", "r3": "arm",
	"t0": "riscv64", "s1": "riscv64", "a1": "riscv64", "a4": "riscv64", "a7": "riscv64", "s4": "riscv64", "s7": "riscv64", "s10": "riscv64", "t5": "riscv64", "gp": "riscv64", "status": "riscv64",
	"FS": "", "CS": "", "DS": "", "CR2": "", "CR0": "", "DR0": "", "DR3": "", "PKRU": "", "sp": "", "pstate": "arm64", "psr": "arm",
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
		m := hexLen(text[i:])
		if m == 0 {
			break
		}
		regs = append(regs, register{name, i, i + m})
		i += m
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
	{"IP: ", "RIP", "", false},
	{"EIP: ", "EIP", "i386", false},
	{"EIP is at ", "EIP", "i386", false},
	{"pc : ", "pc", "arm64", false},
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

// scanCode reads a "Code:" line and appends its digits to hex. trap is the
// index of the trapping byte, which is marked <..> or (..), -1 without one.
func scanCode(text, hex []byte) (_ []byte, trap int, ok bool) {
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(text, " "), []byte("Code: "))
	if !ok {
		return hex, -1, false
	}
	trap = -1
	for word := range bytes.FieldsSeq(rest) {
		mark := word[0] == '<' || word[0] == '('
		word = bytes.Trim(word, "<>()")
		if hexLen(word) != len(word) || len(word)%2 != 0 || len(word) > 16 {
			break
		}
		if mark && trap < 0 {
			trap = len(hex) / 2
		}
		hex = append(hex, word...)
	}
	return hex, trap, true
}
