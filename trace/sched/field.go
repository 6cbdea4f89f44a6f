package sched

import (
	"encoding/binary"
	"math"

	"ringside/trace/event"
)

// A Word reads one field of up to four bytes without looking at its description
// again: what is read millions of times. NewWord makes one.
type Word struct {
	at   uint
	size uint
	big  bool
	// plain is where four bytes end that are little endian, as nearly all are, and
	// beyond any event for other fields: one comparison tells both, so that the
	// compiler puts the reading into its callers.
	plain uint
}

// NewWord resolves a field; of one of another size it reads zero.
func NewWord(f *event.Format, name string) Word {
	fd := f.Field(name)
	if fd == nil || fd.Array != event.Scalar || fd.Offset < 0 || fd.Size != 1 && fd.Size != 2 && fd.Size != 4 {
		return Word{plain: math.MaxUint}
	}
	w := Word{at: uint(fd.Offset), size: uint(fd.Size), big: f.Layout.BigEndian, plain: math.MaxUint}
	if fd.Size == 4 && !f.Layout.BigEndian {
		w.plain = w.at + 4
	}
	return w
}

// Int reads the field as the kernel's int.
func (w *Word) Int(data []byte) int {
	if w.plain <= uint(len(data)) {
		return int(int32(binary.LittleEndian.Uint32(data[w.at:])))
	}
	return w.other(data)
}

//go:noinline
func (w *Word) other(data []byte) int {
	if w.size == 0 || w.at+w.size > uint(len(data)) {
		return 0
	}
	b := data[w.at : w.at+w.size]
	switch {
	case w.size == 1:
		return int(b[0])
	case w.size == 2 && w.big:
		return int(binary.BigEndian.Uint16(b))
	case w.size == 2:
		return int(binary.LittleEndian.Uint16(b))
	case w.big:
		return int(int32(binary.BigEndian.Uint32(b)))
	}
	return int(int32(binary.LittleEndian.Uint32(b)))
}

// A Comm reads a task's name.
type Comm struct{ at, size int }

// NewComm resolves a field that is an array in place.
func NewComm(f *event.Format, name string) Comm {
	fd := f.Field(name)
	if fd == nil || fd.Array != event.Fixed || fd.Size > 64 {
		return Comm{}
	}
	return Comm{fd.Offset, fd.Size}
}

// Raw returns the array where it has the size that the kernel gives it; nil
// where it has not. Comparing it is faster than comparing names.
func (c *Comm) Raw(data []byte) *[16]byte {
	if c.size != 16 || c.at < 0 || len(data)-16 < c.at {
		return nil
	}
	return (*[16]byte)(data[c.at:])
}

// Bytes reads the name up to its NUL, a part of data.
func (c *Comm) Bytes(data []byte) []byte {
	if c.at+c.size > len(data) {
		return nil
	}
	b := data[c.at : c.at+c.size]
	for i, x := range b {
		if x == 0 {
			return b[:i]
		}
	}
	return b
}
