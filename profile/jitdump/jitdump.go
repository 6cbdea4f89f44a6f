// Package jitdump reads jit-PID.dump: what a runtime tells of the code that it
// makes while it runs, with the time of each change, so that an address can be
// given the name that it had when it was sampled.
//
// V8 writes it with --perf-prof, LLVM, OpenJDK and .NET with their agents. Code
// bytes are skipped; a dump that ends too early gives what it has.
//
// Source: tools/perf/Documentation/jitdump-specification.txt.
package jitdump

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Kind is what has happened to code.
type Kind uint8

// The kinds of events.
const (
	Load Kind = iota // it is at Addr now
	Move             // it was at Old and is at Addr now
)

// A Line says where code from Addr on came from.
type Line struct {
	Addr uint64
	File string
	Line int
}

// An Event is one change.
type Event struct {
	Kind  Kind
	Time  uint64 // ns of the dump's clock
	Addr  uint64
	Old   uint64
	Size  uint64
	Name  string
	Lines []Line // of loads, by address
}

// A File is a dump.
type File struct {
	PID int32
	// OwnClock says that times count ticks of the processor and not ns of
	// CLOCK_MONOTONIC.
	OwnClock bool

	in    *bufio.Reader
	order binary.ByteOrder
	at    int64
}

// Bounds of a dump.
const (
	maxRecord = 256 << 20
	maxBody   = 4 << 20 // of a record, without its code
	maxName   = 4 << 10
	maxLines  = 1 << 16 // of a function
)

// ErrMagic says that a file is no dump.
var ErrMagic = errors.New("it does not begin as a jitdump does")

// Open reads a dump's header.
func Open(r io.Reader) (*File, error) {
	f := &File{in: bufio.NewReaderSize(r, 64<<10), order: binary.LittleEndian}
	head := make([]byte, 40)
	if _, err := io.ReadFull(f.in, head); err != nil {
		return nil, fmt.Errorf("jitdump: its header is cut: %w", err)
	}
	switch string(head[:4]) {
	case "DTiJ":
	case "JiTD":
		f.order = binary.BigEndian
	default:
		return nil, fmt.Errorf("jitdump: %w", ErrMagic)
	}
	size := int64(f.order.Uint32(head[8:]))
	if size < 40 || size > maxName {
		return nil, fmt.Errorf("jitdump: byte 8: a header of %d bytes", size)
	}
	if _, err := f.in.Discard(int(size - 40)); err != nil {
		return nil, fmt.Errorf("jitdump: its header is cut: %w", err)
	}
	f.at = size
	f.PID = int32(f.order.Uint32(head[20:]))
	f.OwnClock = f.order.Uint64(head[32:])&1 != 0
	return f, nil
}

// The types of records.
const (
	codeLoad  = 0
	codeMove  = 1
	debugInfo = 2
	codeClose = 3
)

// Events gives all changes in the order of the dump. An error is the last thing
// that is given.
func (f *File) Events() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		var lines []Line
		head := make([]byte, 16)
		for {
			if _, err := io.ReadFull(f.in, head); err != nil {
				if !errors.Is(err, io.EOF) {
					yield(Event{}, fmt.Errorf("jitdump: byte %d: cut within a record: %w", f.at, err))
				}
				return
			}
			typ, size := f.order.Uint32(head), int64(f.order.Uint32(head[4:]))
			if size < 16 || size > maxRecord {
				yield(Event{}, fmt.Errorf("jitdump: byte %d: a record of %d bytes", f.at, size))
				return
			}
			if typ == codeClose {
				return
			}
			body := make([]byte, min(size-16, f.wanted(typ)))
			if _, err := io.ReadFull(f.in, body); err != nil {
				yield(Event{}, fmt.Errorf("jitdump: byte %d: cut within a record: %w", f.at, io.ErrUnexpectedEOF))
				return
			}
			if _, err := f.in.Discard(int(size) - 16 - len(body)); err != nil {
				yield(Event{}, fmt.Errorf("jitdump: byte %d: cut within a record: %w", f.at, io.ErrUnexpectedEOF))
				return
			}
			f.at += size
			e := Event{Time: f.order.Uint64(head[8:])}
			ok := false
			switch typ {
			case debugInfo:
				lines = f.lines(body)
				continue
			case codeLoad:
				ok = f.load(&e, body)
				e.Lines, lines = lines, nil
			case codeMove:
				ok = f.move(&e, body)
			}
			if ok && !yield(e, nil) {
				return
			}
		}
	}
}

// wanted is how much of a record is read: of code, what is before it.
func (f *File) wanted(typ uint32) int64 {
	switch typ {
	case codeLoad:
		return 40 + maxName
	case codeMove:
		return 48
	case debugInfo:
		return maxBody
	}
	return 0
}

// load reads pid, tid, virtual address, address, size, number and name.
func (f *File) load(e *Event, b []byte) bool {
	if len(b) < 40 {
		return false
	}
	e.Kind, e.Addr, e.Size = Load, f.order.Uint64(b[16:]), f.order.Uint64(b[24:])
	e.Name, _ = text(b[40:])
	return e.Addr+e.Size >= e.Addr
}

// move reads pid, tid, virtual address, old and new address, size and number.
func (f *File) move(e *Event, b []byte) bool {
	if len(b) < 40 {
		return false
	}
	e.Kind, e.Old, e.Addr, e.Size = Move, f.order.Uint64(b[16:]), f.order.Uint64(b[24:]), f.order.Uint64(b[32:])
	return e.Addr+e.Size >= e.Addr
}

// lines reads address, number of entries, and those: address, line,
// discriminator, file; a file of one byte 0xff is the one before.
func (f *File) lines(b []byte) []Line {
	if len(b) < 16 {
		return nil
	}
	n := f.order.Uint64(b[8:])
	b = b[16:]
	var list []Line
	file := ""
	for range min(n, maxLines) {
		if len(b) < 17 {
			break
		}
		x := Line{Addr: f.order.Uint64(b), Line: int(int32(f.order.Uint32(b[8:])))}
		name, rest := text(b[16:])
		b = rest
		if name != "\xff" {
			file = name
		}
		x.File = file
		list = append(list, x)
	}
	return list
}

// text reads up to a zero.
func text(b []byte) (string, []byte) {
	for i, c := range b {
		if c == 0 {
			return string(b[:i]), b[i+1:]
		}
	}
	return string(b), nil
}
