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
	name, value string
	start, end  int // of the value in the line
}

// parseRegisters reads a line of a register dump, "RAX: 0000 RBX: 0001" or
// "x29: ffff x28: 0000". It returns none if the line is not one.
func parseRegisters(text []byte) (regs []register, arch string) {
	i := 0
	for i < len(text) {
		i += spanOf(text[i:], func(b byte) bool { return b == ' ' || b == '\t' })
		n := spanOf(text[i:], func(b byte) bool { return isSymbol(b) && b != '.' })
		if n == 0 || n > 8 {
			break
		}
		name := string(text[i : i+n])
		if len(regs) == 0 {
			a, ok := registerArch[name]
			if !ok {
				return nil, ""
			}
			arch = a
		}
		i += n
		i += spanOf(text[i:], func(b byte) bool { return b == ' ' })
		if i >= len(text) || text[i] != ':' {
			break
		}
		i++
		i += spanOf(text[i:], func(b byte) bool { return b == ' ' })
		// "RSP: 0018:ffff" carries the segment in front of the value.
		if m := hexLen(text[i:]); m == 4 && i+m < len(text) && text[i+m] == ':' {
			i += m + 1
		}
		m := hexLen(text[i:])
		if m == 0 {
			break
		}
		regs = append(regs, register{name, string(text[i : i+m]), i, i + m})
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
	prefix     pcPrefix
	sym        symbol
	addr       string
	file       string // where a symbolizer put it
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
func parsePC(text []byte) (pcLine, bool) {
	for _, p := range pcPrefixes {
		if !bytes.HasPrefix(text, []byte(p.text)) {
			continue
		}
		l := pcLine{prefix: p}
		i := len(p.text)
		if p.text[len(p.text)-1] == '[' {
			i--
		}
		if m := hexLen(text[i:]); m == 4 && i+m < len(text) && text[i+m] == ':' {
			seg := string(text[i : i+m])
			l.user = seg == "0033" || seg == "0023" || seg == "0073" || seg == "002b"
			i += m + 1
		}
		for {
			i += spanOf(text[i:], func(b byte) bool { return b == ' ' || b == '(' })
			if i+2 < len(text) && text[i] == '[' {
				end := bytes.IndexByte(text[i:], ']')
				if end < 0 {
					break
				}
				l.addr = string(bytes.Trim(text[i+1:i+end], "<>"))
				i += end + 1
				continue
			}
			// A bare address in front of a symbol, or alone.
			if m := hexLen(text[i:]); m >= 8 || m > 2 && text[i] == '0' && text[i+1] == 'x' {
				if m < len(text[i:]) && isSymbol(text[i+m]) {
					break
				}
				l.addr, l.start, l.end = string(text[i:i+m]), i, i+m
				i += m
				continue
			}
			break
		}
		sym, n := parseSymbol(text[i:])
		if n > 0 && sym.hasOff {
			l.sym, l.start, l.end = sym, i, i+n
			l.file, l.line, _ = parsePlace(bytes.TrimLeft(text[i+n:], " "))
		}
		return l, l.sym.name != "" || l.addr != ""
	}
	return pcLine{}, false
}

// parseCode reads a "Code:" line. The trapping instruction is marked <..> or
// (..).
func parseCode(text []byte) (*Code, bool) {
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(text, " "), []byte("Code: "))
	if !ok {
		return nil, false
	}
	c := &Code{Trap: -1}
	var hex []byte
	for word := range bytes.FieldsSeq(rest) {
		mark := word[0] == '<' || word[0] == '('
		word = bytes.Trim(word, "<>()")
		if hexLen(word) != len(word) || len(word)%2 != 0 || len(word) > 16 {
			break
		}
		if mark && c.Trap < 0 {
			c.Trap = len(hex) / 2
		}
		hex = append(hex, word...)
	}
	c.Bytes = string(hex)
	return c, true
}
