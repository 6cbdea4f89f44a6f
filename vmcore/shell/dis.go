package shell

import (
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ringside/insn"
)

// Bounds of dis.
const (
	maxCode = 4096 // of one decoding
	maxDis  = 10_000
)

// dis disassembles.
func (c *call) dis() (result, error) {
	reverse, forward := c.option("-r"), c.option("-f")
	c.option("-l", "-s") // lines are told where a vmlinux is there
	if err := c.only("dis"); err != nil {
		return result{}, err
	}
	if len(c.args) == 0 {
		return result{}, errors.New("dis: an address or a function is expected")
	}
	at, err := c.address(c.args[0])
	if err != nil {
		return result{}, err
	}
	loc, known := c.s.k.Locate(at)
	from, to, count := at, at+maxCode, 1
	switch {
	case len(c.args) > 1:
		if count, err = strconv.Atoi(c.args[1]); err != nil || count < 1 || count > maxDis {
			return result{}, fmt.Errorf("dis: %s is no count from 1 to %d", c.args[1], maxDis)
		}
		to = at + uint64(count)*16
	case known && loc.Size > 0 && (loc.Offset == 0 || reverse || forward):
		from, to, count = loc.Addr, loc.Addr+loc.Size, maxDis
		if forward {
			from = at
		}
	}
	arch := c.s.k.Dump.Info().Arch
	if c.s.k.Machine == elf.EM_AARCH64 {
		arch = "arm64" // as the kernel names it
	}
	var b strings.Builder
	n := 0
	for from < to && n < count {
		code, err := c.code(from, min(to-from, maxCode))
		if err != nil {
			return result{text: b.String()}, err
		}
		list, err := insn.Decode(arch, code, 0)
		if err != nil {
			return result{}, err
		}
		step := 0
		for i, in := range list.Instructions {
			size := len(in.Bytes) / 2
			if i > 0 && i == len(list.Instructions)-1 && from+uint64(len(code)) < to {
				break // it may go on in what was not read
			}
			a := from + uint64(in.Offset)
			if n >= count || reverse && a > at {
				return result{text: b.String()}, nil
			}
			c.instruction(&b, a, in)
			n, step = n+1, in.Offset+size
		}
		from += uint64(max(step, 1))
		if c.ctx.Err() != nil {
			return result{}, c.ctx.Err()
		}
	}
	return result{text: b.String()}, nil
}

// code reads code as the kernel would print it: where instructions are words,
// their most significant byte first.
func (c *call) code(at, n uint64) ([]byte, error) {
	p := make([]byte, n)
	for c.w.Read(p, at) != nil {
		if n /= 2; n < 16 {
			return nil, fmt.Errorf("the code at %#x is not in the dump", at)
		}
		p = p[:n]
	}
	if c.s.k.Machine == elf.EM_AARCH64 {
		p = p[:n&^3]
		for w := range slices.Chunk(p, 4) {
			slices.Reverse(w)
		}
	}
	return p, nil
}

// instruction writes one instruction, with the symbol of what it calls.
func (c *call) instruction(b *strings.Builder, at uint64, in insn.Instruction) {
	where := ""
	if loc, ok := c.s.k.Locate(at); ok && loc.Symbol != "" {
		where = fmt.Sprintf(" <%s+%d>", loc.Symbol, loc.Offset)
	}
	if lines := c.s.k.Lines(at); len(lines) > 0 {
		l := lines[0]
		where += fmt.Sprintf(" %s:%d", l.File, l.Line)
	}
	fmt.Fprintf(b, "%#x%s:\t%s", at, where, in.Text)
	if to, ok := target(at, in); ok {
		if loc, ok := c.s.k.Locate(to); ok && loc.Symbol != "" {
			fmt.Fprintf(b, "  # %#x <%s>", to, loc)
		}
	}
	b.WriteByte('\n')
}

// target returns where an x86 call or jump by displacement goes.
func target(at uint64, in insn.Instruction) (uint64, bool) {
	code, err := hex.DecodeString(in.Bytes)
	if err != nil || len(code) < 5 {
		return 0, false
	}
	near := len(code) == 5 && (code[0] == 0xe8 || code[0] == 0xe9)
	conditional := len(code) == 6 && code[0] == 0x0f && code[1]&0xf0 == 0x80
	if !near && !conditional {
		return 0, false
	}
	rel := int32(binary.LittleEndian.Uint32(code[len(code)-4:]))
	return at + uint64(len(code)) + uint64(int64(rel)), true
}
