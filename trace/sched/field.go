package sched

import (
	"encoding/binary"
	"math/bits"

	"ringside/trace/event"
)

// A Word reads one field of up to four bytes without looking at its description
// again: what is read millions of times. The zero Word reads zero.
type Word struct {
	at   int
	size int
	big  bool
}

// NewWord resolves a field; of one of another size it reads zero.
func NewWord(f *event.Format, name string) Word {
	fd := f.Field(name)
	if fd == nil || fd.Array != event.Scalar || fd.Size != 1 && fd.Size != 2 && fd.Size != 4 {
		return Word{}
	}
	return Word{at: fd.Offset, size: fd.Size, big: f.Layout.BigEndian}
}

// Int reads the field as the kernel's int.
func (w Word) Int(data []byte) int {
	if w.size == 4 && uint(w.at)+4 <= uint(len(data)) {
		v := binary.LittleEndian.Uint32(data[w.at:])
		if w.big {
			v = bits.ReverseBytes32(v)
		}
		return int(int32(v))
	}
	return w.short(data)
}

func (w Word) short(data []byte) int {
	switch {
	case w.size == 0 || w.at+w.size > len(data):
		return 0
	case w.size == 1:
		return int(data[w.at])
	case w.size == 2 && w.big:
		return int(binary.BigEndian.Uint16(data[w.at:]))
	case w.size == 2:
		return int(binary.LittleEndian.Uint16(data[w.at:]))
	}
	return 0
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

// Bytes reads the name up to its NUL, a part of data.
func (c Comm) Bytes(data []byte) []byte {
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
