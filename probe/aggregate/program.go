package aggregate

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/cilium/ebpf/asm"

	"ringside/probe"
)

// Where a program keeps what on its stack, below the frame pointer.
const (
	keyAt     = -16  // of an interval: two words
	sinceAt   = -24  // when it began
	indexAt   = -28  // into an array
	labelAt   = -64  // of a row: two words and a text of 16 bytes
	valueAt   = -88  // of a row: count, total, max
	zeroIndex = -92  // the index of the sums
	keptAt    = -152 // of what is kept: since when, size, stack, label
	textSize  = 16   // of TASK_COMM_LEN
	labelSize = 32   // of labelAt
	maxInsns  = 4096 // of one program; the kernel's own limit is far higher
)

// What the sums are, in order.
const (
	sumCount = iota
	sumTotal
	sumMax
	sumLost
	sums
)

// tables are the maps of one measure, by their descriptors.
type tables struct {
	begun, histogram, sums, rows, stacks int
}

// A step is what a program does at one event for one measure.
type step struct {
	point   probe.Point
	begins  bool // it begins an interval; otherwise it ends one, or counts
	measure probe.Measure
	tables  tables
}

// An assembler writes the program of one event.
type assembler struct {
	event  string
	fields map[string]field
	insns  asm.Instructions
	labels int
	pid    int // of the only process that counts, or 0
}

// program writes what is done at an event: its steps, one after the other. R6
// has the event, R7 an interval's beginning or duration.
func program(event string, fields map[string]field, steps []step, pid int) (asm.Instructions, error) {
	a := &assembler{event: event, fields: fields, pid: pid}
	a.add(asm.Mov.Reg(asm.R6, asm.R1))
	for _, s := range steps {
		end := a.label()
		if err := a.step(s, end); err != nil {
			return nil, fmt.Errorf("event %s: %w", event, err)
		}
		// A jump needs an instruction to go to.
		a.add(asm.Mov.Imm(asm.R0, 0).WithSymbol(end))
	}
	a.add(asm.Mov.Imm(asm.R0, 0), asm.Return())
	if len(a.insns) > maxInsns {
		return nil, fmt.Errorf("event %s: its program has %d instructions", event, len(a.insns))
	}
	return a.insns, nil
}

func (a *assembler) add(i ...asm.Instruction) { a.insns = append(a.insns, i...) }

func (a *assembler) label() string {
	a.labels++
	return "l" + strconv.Itoa(a.labels)
}

func (a *assembler) step(s step, end string) error {
	for _, c := range s.point.When {
		if err := a.condition(c, end); err != nil {
			return err
		}
	}
	kept := s.measure.Kept != nil
	if a.pid != 0 && (slices.Contains(s.point.Key, "task") || kept && s.begins) {
		a.add(asm.FnGetCurrentPidTgid.Call(), asm.RSh.Imm(asm.R0, 32), asm.JNE.Imm(asm.R0, int32(a.pid), end))
	}
	if len(s.measure.Begin) == 0 {
		a.add(asm.Mov.Imm(asm.R7, 0))
		return a.account(s, end)
	}
	if err := a.key(s.point.Key); err != nil {
		return err
	}
	if kept {
		return a.keep(s, end)
	}
	if s.begins {
		if err := a.now(s.point); err != nil {
			return err
		}
		a.add(asm.StoreMem(asm.RFP, sinceAt, asm.R0, asm.DWord))
		a.mapPtr(asm.R1, s.tables.begun)
		a.stack(asm.R2, keyAt)
		a.stack(asm.R3, sinceAt)
		a.add(asm.Mov.Imm(asm.R4, 0), asm.FnMapUpdateElem.Call(), asm.JEq.Imm(asm.R0, 0, end))
		a.lost(s, end)
		return nil
	}
	a.lookup(s.tables.begun, keyAt)
	a.add(asm.JEq.Imm(asm.R0, 0, end), asm.LoadMem(asm.R7, asm.R0, 0, asm.DWord))
	a.mapPtr(asm.R1, s.tables.begun)
	a.stack(asm.R2, keyAt)
	a.add(asm.FnMapDeleteElem.Call())
	if err := a.now(s.point); err != nil {
		return err
	}
	a.add(asm.Sub.Reg(asm.R0, asm.R7), asm.Mov.Reg(asm.R7, asm.R0))
	// Clocks of CPUs may differ by a hair.
	positive := a.label()
	a.add(asm.JSGE.Imm(asm.R7, 0, positive), asm.Mov.Imm(asm.R7, 0))
	a.add(asm.Mov.Imm(asm.R0, 0).WithSymbol(positive))
	a.histogram(s.tables)
	return a.account(s, end)
}

// now leaves the point's time in R0.
func (a *assembler) now(p probe.Point) error {
	if p.At != "" {
		return a.load(asm.R0, p.At)
	}
	a.add(asm.FnKtimeGetNs.Call())
	return nil
}

// mapPtr loads a map.
func (a *assembler) mapPtr(r asm.Register, fd int) { a.add(asm.LoadMapPtr(r, fd)) }

// stack loads the address of something on the stack.
func (a *assembler) stack(r asm.Register, at int32) {
	a.add(asm.Mov.Reg(r, asm.RFP), asm.Add.Imm(r, at))
}

// lookup leaves the address of a map's value in R0, or zero.
func (a *assembler) lookup(fd int, keyAt int32) {
	a.mapPtr(asm.R1, fd)
	a.stack(asm.R2, keyAt)
	a.add(asm.FnMapLookupElem.Call())
}

// load reads a number out of the event.
func (a *assembler) load(r asm.Register, name string) error {
	f, ok := a.fields[name]
	if !ok {
		return fmt.Errorf("it has no field %s", name)
	}
	size, ok := map[int]asm.Size{1: asm.Byte, 2: asm.Half, 4: asm.Word, 8: asm.DWord}[f.size]
	if !ok || f.offset%f.size != 0 || f.offset < 8 {
		return fmt.Errorf("its field %s is no number that a program may read", name)
	}
	a.add(asm.LoadMem(r, asm.R6, int16(f.offset), size))
	if f.signed && f.size < 8 {
		shift := int32(64 - 8*f.size)
		a.add(asm.LSh.Imm(r, shift), asm.ArSh.Imm(r, shift))
	}
	return nil
}

// condition goes on where c holds and to end otherwise.
func (a *assembler) condition(c probe.Condition, end string) error {
	if err := a.load(asm.R2, c.Field); err != nil {
		return err
	}
	for _, v := range slices.Concat(c.Is, c.Not) {
		if int64(int32(v)) != v {
			return fmt.Errorf("its field %s is compared with %d, which has more than 32 bits", c.Field, v)
		}
	}
	for _, v := range c.Not {
		a.add(asm.JEq.Imm(asm.R2, int32(v), end))
	}
	if len(c.Is) > 0 {
		is := a.label()
		for _, v := range c.Is {
			a.add(asm.JEq.Imm(asm.R2, int32(v), is))
		}
		a.add(asm.Ja.Label(end), asm.Mov.Imm(asm.R0, 0).WithSymbol(is))
	}
	return nil
}

// zero clears a word of the stack, by way of R1.
func (a *assembler) zero(at int16) {
	a.add(asm.Mov.Imm(asm.R1, 0), asm.StoreMem(asm.RFP, at, asm.R1, asm.DWord))
}

// number leaves a part of a key in R0.
func (a *assembler) number(part string) error {
	switch part {
	case "task":
		a.add(asm.FnGetCurrentPidTgid.Call(), asm.LSh.Imm(asm.R0, 32), asm.RSh.Imm(asm.R0, 32))
		return nil
	case "cpu":
		a.add(asm.FnGetSmpProcessorId.Call())
		return nil
	}
	return a.load(asm.R0, part)
}

func (a *assembler) key(parts []string) error {
	for i := range 2 {
		at := int16(keyAt + 8*i)
		if i >= len(parts) {
			a.zero(at)
			continue
		}
		if err := a.number(parts[i]); err != nil {
			return err
		}
		a.add(asm.StoreMem(asm.RFP, at, asm.R0, asm.DWord))
	}
	return nil
}

// histogram counts the duration in R7, as probe.Bucket does.
func (a *assembler) histogram(t tables) {
	small, found := a.label(), a.label()
	a.add(asm.Mov.Reg(asm.R4, asm.R7), asm.JLT.Imm(asm.R7, probe.SubBuckets, small))
	// R3 = the highest bit of R7.
	a.add(asm.Mov.Reg(asm.R2, asm.R7), asm.Mov.Imm(asm.R3, 0))
	for _, shift := range []int32{32, 16, 8, 4, 2, 1} {
		next := a.label()
		a.add(
			asm.Mov.Reg(asm.R4, asm.R2), asm.RSh.Imm(asm.R4, shift), asm.JEq.Imm(asm.R4, 0, next),
			asm.Mov.Reg(asm.R2, asm.R4), asm.Add.Imm(asm.R3, shift),
			asm.Mov.Imm(asm.R0, 0).WithSymbol(next),
		)
	}
	const bits = 5 // of SubBuckets
	a.add(
		asm.Mov.Reg(asm.R5, asm.R3), asm.Sub.Imm(asm.R5, bits), asm.And.Imm(asm.R5, 63),
		asm.Mov.Reg(asm.R4, asm.R7), asm.RSh.Reg(asm.R4, asm.R5), asm.And.Imm(asm.R4, probe.SubBuckets-1),
		asm.Sub.Imm(asm.R3, bits-1), asm.LSh.Imm(asm.R3, bits), asm.Add.Reg(asm.R4, asm.R3),
	)
	a.add(asm.StoreMem(asm.RFP, indexAt, asm.R4, asm.Word).WithSymbol(small))
	a.lookup(t.histogram, indexAt)
	a.add(asm.JEq.Imm(asm.R0, 0, found))
	a.bump(0, 1)
	a.add(asm.Mov.Imm(asm.R0, 0).WithSymbol(found))
}

// bump adds to a word of the value at R0, which belongs to this CPU alone.
func (a *assembler) bump(at int16, n int32) {
	a.add(asm.LoadMem(asm.R1, asm.R0, at, asm.DWord), asm.Add.Imm(asm.R1, n), asm.StoreMem(asm.R0, at, asm.R1, asm.DWord))
}

// lost counts what did not fit.
func (a *assembler) lost(s step, end string) {
	a.add(asm.StoreImm(asm.RFP, zeroIndex, 0, asm.Word))
	a.lookup(s.tables.sums, zeroIndex)
	a.add(asm.JEq.Imm(asm.R0, 0, end))
	a.bump(8*sumLost, 1)
}

// total adds the duration in R7 to the count, total and maximum at R0.
func (a *assembler) total() {
	least := a.label()
	a.bump(8*sumCount, 1)
	a.add(
		asm.LoadMem(asm.R1, asm.R0, 8*sumTotal, asm.DWord), asm.Add.Reg(asm.R1, asm.R7), asm.StoreMem(asm.R0, 8*sumTotal, asm.R1, asm.DWord),
		asm.LoadMem(asm.R1, asm.R0, 8*sumMax, asm.DWord), asm.JGE.Reg(asm.R1, asm.R7, least), asm.StoreMem(asm.R0, 8*sumMax, asm.R7, asm.DWord),
		asm.Mov.Imm(asm.R1, 0).WithSymbol(least),
	)
}

// account adds the duration in R7 to the sums, and to its row.
func (a *assembler) account(s step, end string) error {
	a.add(asm.StoreImm(asm.RFP, zeroIndex, 0, asm.Word))
	a.lookup(s.tables.sums, zeroIndex)
	a.add(asm.JEq.Imm(asm.R0, 0, end))
	a.total()
	if len(s.measure.By) == 0 {
		return nil
	}
	if err := a.row(s.measure.By, labelAt); err != nil {
		return err
	}
	known := a.label()
	a.lookup(s.tables.rows, labelAt)
	a.add(asm.JNE.Imm(asm.R0, 0, known))
	for _, at := range []int16{valueAt, valueAt + 8, valueAt + 16} {
		a.zero(at)
	}
	a.mapPtr(asm.R1, s.tables.rows)
	a.stack(asm.R2, labelAt)
	a.stack(asm.R3, valueAt)
	a.add(asm.Mov.Imm(asm.R4, 1), asm.FnMapUpdateElem.Call()) // BPF_NOEXIST
	a.lookup(s.tables.rows, labelAt)
	a.add(asm.JNE.Imm(asm.R0, 0, known))
	a.lost(s, end)
	a.add(asm.Ja.Label(end), asm.Mov.Imm(asm.R1, 0).WithSymbol(known))
	a.total()
	return nil
}

// row writes the label of a row to the stack: numbers first, then the text.
func (a *assembler) row(by []string, base int16) error {
	for at := base; at < base+labelSize; at += 8 {
		a.zero(at)
	}
	numbers, texts := 0, 0
	for _, name := range by {
		f, isField := a.fields[name]
		switch {
		case name == "comm" && !isField:
			texts++
			a.stack(asm.R1, int32(base)+16)
			a.add(asm.Mov.Imm(asm.R2, textSize), asm.FnGetCurrentComm.Call())
		case f.text:
			texts++
			a.copyText(f, base+16)
		default:
			if numbers++; numbers > 2 {
				return fmt.Errorf("by has more than two numbers")
			}
			if err := a.number(name); err != nil {
				return err
			}
			a.add(asm.StoreMem(asm.RFP, base+int16(8*(numbers-1)), asm.R0, asm.DWord))
		}
		if texts > 1 {
			return fmt.Errorf("by has more than one text")
		}
	}
	return nil
}

// copyText copies an array of characters in the widest pieces that are aligned
// on both sides.
func (a *assembler) copyText(f field, to int16) {
	for done := 0; done < min(f.size, textSize); {
		left := min(f.size, textSize) - done
		width, size := 1, asm.Byte
		for _, w := range []struct {
			width int
			size  asm.Size
		}{{8, asm.DWord}, {4, asm.Word}, {2, asm.Half}} {
			if left >= w.width && (f.offset+done)%w.width == 0 && done%w.width == 0 {
				width, size = w.width, w.size
				break
			}
		}
		a.add(asm.LoadMem(asm.R1, asm.R6, int16(f.offset+done), size), asm.StoreMem(asm.RFP, to+int16(done), asm.R1, size))
		done += width
	}
}
