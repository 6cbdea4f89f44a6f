package insn

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// maxCode bounds the bytes of one listing. The kernel prints 64.
const maxCode = 4096

// Instruction is one instruction of a listing.
type Instruction struct {
	Offset int       `json:"offset"` // of its first byte, counted from the trap
	Bytes  string    `json:"bytes"`  // as printed
	Text   string    `json:"text"`   // "mov 0x18(%rax),%rdx"
	Trap   bool      `json:"trap"`   // the program counter was here
	Data   bool      `json:"data"`   // not decoded
	Memory []Operand `json:"memory,omitempty"`
	// Planted is set where the trap is what the instruction is for.
	Planted *Planted `json:"planted,omitempty"`
}

// Listing is the decoded code around a trap.
type Listing struct {
	Instructions []Instruction `json:"instructions"`
	// Confidence is how sure it is that the instructions before the trap are
	// cut rightly, 0-1. It is 1 where instructions have a fixed size.
	Confidence float64 `json:"confidence"`
}

// At returns the instruction that trapped, nil if none is marked.
func (l *Listing) At() *Instruction {
	for i := range l.Instructions {
		if l.Instructions[i].Trap {
			return &l.Instructions[i]
		}
	}
	return nil
}

// Around returns the trapping instruction with up to before and after
// neighbours.
func (l *Listing) Around(before, after int) []Instruction {
	for i := range l.Instructions {
		if l.Instructions[i].Trap {
			return l.Instructions[max(0, i-before):min(len(l.Instructions), i+after+1)]
		}
	}
	return nil
}

// Decode reads code of arch, named as the crash package names architectures,
// with "thumb" for ARM's compact form. The trap is the index of the first byte of
// the trapping instruction, -1 where the kernel marked none.
//
// Where this package has no decoder the words are listed as data. What cannot be
// decoded within a listing is data as well; only code that cannot be a listing at
// all is an error.
func Decode(arch string, code []byte, trap int) (*Listing, error) {
	switch {
	case len(code) == 0:
		return nil, fmt.Errorf("decode code: there is none")
	case len(code) > maxCode:
		return nil, fmt.Errorf("decode code: %d bytes are more than a kernel prints; pass at most %d", len(code), maxCode)
	case trap >= len(code):
		return nil, fmt.Errorf("decode code: the trap is at byte %d of %d", trap, len(code))
	}
	switch arch {
	case "x86_64":
		return decodeX86(code, trap, 64), nil
	case "i386":
		return decodeX86(code, trap, 32), nil
	}
	u, ok := units[arch]
	if !ok {
		u = unit{size: 4}
	}
	if trap > 0 && trap%u.size != 0 {
		return nil, fmt.Errorf("decode code: the trap at byte %d is not at a multiple of %d, where instructions of %s begin", trap, u.size, arch)
	}
	switch arch {
	case "s390x":
		return decodeForward(code, trap, s390x), nil
	case "riscv64":
		return decodeForward(code, trap, riscv64), nil
	}
	return decodeWords(code, trap, u), nil
}

// decoded is what a decoder says about the instruction at the head of its input.
type decoded struct {
	text    string
	size    int
	memory  []Operand
	planted *Planted
}

// decoder decodes the head of code; ok is false where it cannot. It is only
// called through guard.
type decoder func(code []byte) (decoded, bool)

// guard calls d. The decoders of x/arch are made for the output of compilers;
// what a broken log makes of it must not bring a parser down.
func guard(d decoder, code []byte) (out decoded, ok bool) {
	defer func() {
		if recover() != nil {
			out, ok = decoded{}, false
		}
	}()
	out, ok = d(code)
	return out, ok && out.size > 0 && out.size <= len(code)
}

// instruction makes the entry for code[at:at+d.size].
func instruction(code []byte, at, trap int, d decoded) Instruction {
	in := Instruction{
		Offset: at - max(trap, 0), Bytes: hex.EncodeToString(code[at : at+d.size]), Text: d.text,
		Trap: at == trap, Memory: d.memory,
	}
	if in.Trap {
		in.Planted = d.planted // elsewhere it is only padding, or the end of a path not taken
	}
	return in
}

// data makes the entry for n bytes that are not decoded.
func data(code []byte, at, trap, n int) Instruction {
	text := hex.EncodeToString(code[at : at+n])
	in := instruction(code, at, trap, decoded{text: ".byte 0x" + text, size: n})
	if n > 1 {
		in.Text = ".inst 0x" + text
	}
	in.Data = true
	return in
}

// here is the address that decoders are told an instruction has, so that the
// targets of branches can be told from numbers and shown relative.
const here = 0x5a5a5a5a0000

var hexNumber = regexp.MustCompile(`\b0x[0-9a-f]+\b`)

// relative shows addresses near here the way the assembler writes them: "." is
// the instruction itself.
func relative(text string) string {
	return hexNumber.ReplaceAllStringFunc(text, func(s string) string {
		v, err := strconv.ParseUint(s[2:], 16, 64)
		if d := int64(v) - here; err == nil && d > -1<<32 && d < 1<<32 {
			return dot(d)
		}
		return s
	})
}

// dot names the place d bytes after the instruction.
func dot(d int64) string {
	if d < 0 {
		return fmt.Sprintf(".-0x%x", -d)
	}
	return fmt.Sprintf(".+0x%x", d)
}

// mnemonic returns the operation of an instruction's text and its operands.
func mnemonic(text string) (op, operands string) {
	op, operands, _ = strings.Cut(text, " ")
	return op, strings.TrimSpace(operands)
}
