package insn

import "fmt"

// Planted says what a trap that software planted stands for.
type Planted struct {
	By   string `json:"by"`             // BUG, KASAN, UBSAN, CFI, KPROBES, KGDB, FAULT
	Text string `json:"text"`           // in words
	Code uint64 `json:"code"`           // the immediate
	Size int    `json:"size,omitempty"` // of the access that KASAN refused
	// Access is what KASAN refused: read or write.
	Access string `json:"access,omitempty"`
	// Registers that the check compared: the target of the call and the hash of
	// the type expected, for CFI.
	Target string `json:"target,omitempty"`
	Type   string `json:"type,omitempty"`
}

// brk explains the immediate of an arm64 BRK instruction
// (arch/arm64/include/asm/brk-imm.h).
func brk(imm uint64) *Planted {
	p := &Planted{Code: imm}
	switch {
	case imm == 0x800:
		p.By, p.Text = "BUG", "a BUG() or WARN() of the source"
	case imm&^0xff == 0x900: // KASAN_BRK_IMM, arch/arm64/mm/kasan_init.c and traps.c
		p.By, p.Size, p.Access = "KASAN", 1<<(imm&0xf), "read"
		if imm&0x10 != 0 {
			p.Access = "write"
		}
		p.Text = fmt.Sprintf("KASAN's tag check of a %s of %d bytes", p.Access, p.Size)
		if imm&0xf == 0xf {
			p.Size, p.Text = 0, fmt.Sprintf("KASAN's tag check of a %s of variable size", p.Access)
		}
	case imm&^0xff == 0x5500:
		p.By, p.Text = "UBSAN", "UBSAN: "+ubsanCheck(imm&0xff)
	case imm&^0x3ff == 0x8000: // CFI_BRK_IMM_BASE; the registers are in the immediate
		p.By, p.Text = "CFI", "control-flow integrity: an indirect call to a function of another type"
		p.Target, p.Type = fmt.Sprintf("x%d", imm&0x1f), fmt.Sprintf("x%d", imm>>5&0x1f)
	case imm == 0x100:
		p.By, p.Text = "FAULT", "code that must never run (AARCH64_BREAK_FAULT)"
	case imm >= 4 && imm <= 7:
		p.By, p.Text = "KPROBES", "a probe"
	case imm == 0x400, imm == 0x401:
		p.By, p.Text = "KGDB", "a breakpoint of kgdb"
	default:
		p.By, p.Text = "unknown", fmt.Sprintf("a trap with the number 0x%x", imm)
	}
	return p
}

// ubsanChecks are the checks in the order of Clang's SanitizerHandler, which
// numbers the traps of CONFIG_UBSAN_TRAP (include/linux/ubsan.h).
var ubsanChecks = []string{
	"addition overflows", "unreachable code was reached", "control-flow check failed", "division overflows or by zero", "dynamic type mismatch",
	"conversion from float overflows", "call through a pointer of another function type", "implicit conversion changes the value",
	"invalid argument of a builtin", "invalid cast of an object", "load of a value that its type cannot have", "function ends without return",
	"multiplication overflows", "negation overflows", "null argument", "null return value", "null argument where none is allowed",
	"null return value where none is allowed", "index out of bounds", "pointer arithmetic overflows", "shift out of bounds", "subtraction overflows",
	"misaligned or null pointer, or object too small", "alignment assumption violated", "variable-length array with no length",
}

func ubsanCheck(n uint64) string {
	if n < uint64(len(ubsanChecks)) {
		return ubsanChecks[n]
	}
	return fmt.Sprintf("check number %d", n)
}

var (
	plantedUD2   = Planted{By: "BUG", Text: "a BUG() or WARN() of the source, or code that the compiler holds unreachable"}
	plantedInt3  = Planted{By: "KPROBES", Text: "a breakpoint: a probe, code being patched, or padding between functions that was jumped into"}
	plantedBreak = Planted{By: "BUG", Text: "a BUG() or WARN() of the source, or a probe"}
)

func planted(p Planted) *Planted { return &p }
