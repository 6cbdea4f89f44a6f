package aggregate

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"ringside/probe"
)

const (
	// maxKept is how many things may be kept at once, maxStacks how many call
	// chains are told apart, maxFrames how deep they are: the kernel's own limit.
	maxKept   = 128 << 10
	maxStacks = 16 << 10
	maxFrames = 127

	keptSize = 3*8 + labelSize
)

// keep remembers what begins and forgets what ends.
func (a *assembler) keep(s step, end string) error {
	if !s.begins {
		a.mapPtr(asm.R1, s.tables.begun)
		a.stack(asm.R2, keyAt)
		a.add(asm.FnMapDeleteElem.Call())
		return nil
	}
	a.add(asm.FnKtimeGetNs.Call(), asm.StoreMem(asm.RFP, keptAt, asm.R0, asm.DWord))
	if name := s.measure.Kept.Size; name != "" {
		if err := a.load(asm.R7, name); err != nil {
			return err
		}
	} else {
		if err := a.load(asm.R1, s.measure.Kept.Order); err != nil {
			return err
		}
		a.add(asm.Add.Imm(asm.R1, int32(bits.TrailingZeros(uint(unix.Getpagesize())))), asm.And.Imm(asm.R1, 63), asm.Mov.Imm(asm.R7, 1), asm.LSh.Reg(asm.R7, asm.R1))
	}
	a.add(asm.StoreMem(asm.RFP, keptAt+8, asm.R7, asm.DWord))
	if s.tables.stacks != 0 {
		a.add(asm.Mov.Reg(asm.R1, asm.R6))
		a.mapPtr(asm.R2, s.tables.stacks)
		a.add(asm.Mov.Imm(asm.R3, 0), asm.FnGetStackid.Call())
	} else {
		a.add(asm.Mov.Imm(asm.R0, -1))
	}
	a.add(asm.StoreMem(asm.RFP, keptAt+16, asm.R0, asm.DWord))
	if err := a.row(s.measure.By, keptAt+24); err != nil {
		return err
	}
	a.add(asm.StoreImm(asm.RFP, zeroIndex, 0, asm.Word))
	a.lookup(s.tables.sums, zeroIndex)
	a.add(asm.JEq.Imm(asm.R0, 0, end))
	a.total()
	a.mapPtr(asm.R1, s.tables.begun)
	a.stack(asm.R2, keyAt)
	a.stack(asm.R3, keptAt)
	a.add(asm.Mov.Imm(asm.R4, 0), asm.FnMapUpdateElem.Call(), asm.JEq.Imm(asm.R0, 0, end))
	a.lost(s, end)
	return nil
}

// monotonic is the clock of the programs.
func monotonic() (uint64, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0, fmt.Errorf("read the clock: %w", err)
	}
	return uint64(t.Nano()), nil
}

// readKept sums up what began before a time and has not ended: what is younger
// had no chance to.
func (e *Engine) readKept(m measured, before uint64) (probe.Table, error) {
	t := probe.Table{Name: m.Name, Title: m.Title, By: m.By, Kept: true}
	sum, err := m.total()
	if err != nil {
		return t, err
	}
	t.Made, t.Lost = sum[sumCount], sum[sumLost]
	type row struct {
		label [labelSize]byte
		stack int64
	}
	kept := map[row]probe.Row{}
	var key [16]byte
	var value [keptSize]byte
	all := m.begun.Iterate()
	for all.Next(&key, &value) {
		if binary.NativeEndian.Uint64(value[:]) >= before {
			continue
		}
		k := row{[labelSize]byte(value[24:]), int64(binary.NativeEndian.Uint64(value[16:]))}
		r := kept[k]
		r.Count++
		r.Bytes += binary.NativeEndian.Uint64(value[8:])
		kept[k] = r
	}
	if err := all.Err(); err != nil {
		return t, err
	}
	for k, r := range kept {
		r.Label = e.label(m, k.label[:])
		if r.Stack, err = e.callChain(m, k.stack); err != nil {
			return t, err
		}
		t.Count += r.Count
		t.Bytes += r.Bytes
		t.Rows = append(t.Rows, r)
	}
	slices.SortFunc(t.Rows, func(a, b probe.Row) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Count, a.Count), slices.Compare(a.Label, b.Label), slices.Compare(a.Stack, b.Stack))
	})
	return t, nil
}

// callChain reads a call chain of the kernel; nil where it was not kept.
func (e *Engine) callChain(m measured, id int64) ([]string, error) {
	if m.stacks == nil || id < 0 {
		return nil, nil
	}
	var pcs [maxFrames]uint64
	if err := m.stacks.Lookup(uint32(id), &pcs); errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("call chain: %w", err)
	}
	var list []string
	for _, pc := range pcs {
		if pc == 0 {
			break
		}
		name := ""
		if e.Function != nil {
			name = e.Function(pc)
		}
		if name == "" {
			name = fmt.Sprintf("%#x", pc)
		}
		list = append(list, name)
	}
	// The chain begins in the tracing itself.
	if i := slices.IndexFunc(list, func(f string) bool { return !strings.Contains(f, "trace_") && !strings.HasPrefix(f, "bpf_") }); i > 0 {
		list = list[i:]
	}
	return list, nil
}

// functions are fields whose values are places in the kernel's code.
var functions = []string{"call_site", "location", "function", "caller", "func"}

// symbolic reads the words that an event's own print format has for the values
// of its fields: __print_symbolic(REC->field, { 0, "WORD" }, …).
func symbolic(format []byte) map[string]map[uint64]string {
	m := map[string]map[uint64]string{}
	const call = "__print_symbolic(REC->"
	for {
		i := bytes.Index(format, []byte(call))
		if i < 0 {
			return m
		}
		format = format[i+len(call):]
		name, rest, ok := bytes.Cut(format, []byte(","))
		if !ok {
			return m
		}
		words := map[uint64]string{}
		for {
			rest = bytes.TrimLeft(rest, ", ")
			if len(rest) == 0 || rest[0] != '{' {
				break
			}
			var number uint64
			pair, after, ok := bytes.Cut(rest[1:], []byte("}"))
			value, word, both := bytes.Cut(pair, []byte(","))
			if !ok || !both {
				break
			}
			if _, err := fmt.Sscanf(string(bytes.TrimSpace(value)), "%v", &number); err != nil {
				break
			}
			words[number] = string(bytes.Trim(word, ` "`))
			rest = after
		}
		if len(words) > 0 {
			m[string(name)] = words
		}
		format = rest
	}
}
