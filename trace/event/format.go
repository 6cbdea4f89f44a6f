// Package event knows the events of ftrace: how the kernel lays an event's
// fields out and how it prints them, as told by the "format" files of tracefs.
//
// A recording carries the formats of the kernel that made it. [ParseFormat]
// reads one; a [Catalog] holds all of a recording together with the tables that
// printing needs (symbols, names of tasks). trace.dat and the tracepoints of
// perf.data share both: [ReadTracingData] reads the header that either embeds.
//
//	wakeup := catalog.Format("sched", "sched_wakeup")
//	pid := wakeup.Uint("pid") // resolved once …
//	for rec := range records {
//		if rec.Format == wakeup {
//			use(pid.Int(rec.Data)) // … read without a look-up
//		}
//	}
//
// Formats and data come from files and may be hostile: sizes and depths are
// bounded, and a field that lies outside of an event reads as zero. How an event
// is printed ([Format.PrintFmt]) is kept as text, which package printfmt
// understands; a [Printer] prints the fields as they are.
package event

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Record is one event of any recording.
type Record struct {
	// Time is in nanoseconds of the recording's clock.
	Time uint64
	CPU  int
	// Format is the layout of Data; nil for an event that the recording does not
	// describe.
	Format *Format
	// Missed is how many events are missing in front of this one on its CPU; -1
	// where nobody counted them.
	Missed int64
	// Data is the event from common_type on. It is only valid until the next
	// record is read.
	Data []byte
}

// Layout is what formats of one machine have in common.
type Layout struct {
	BigEndian bool
	// LongSize is the size of a long in bytes: 4 or 8.
	LongSize int
}

func (l Layout) order() binary.ByteOrder {
	if l.BigEndian {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// Array says how a field's values are stored.
type Array uint8

// The ways an array is stored.
const (
	Scalar     Array = iota
	Fixed            // in place
	Dynamic          // __data_loc: length and offset from the event's start
	DynamicRel       // __rel_loc: length and offset from the field's end
)

// Field is one member of an event.
type Field struct {
	Name   string
	Type   string // as declared, without the name
	Offset int
	Size   int
	Signed bool
	Array  Array
	// Elem is the size of an array's element, Size for a scalar.
	Elem int

	big bool
}

// Format is the layout and the print format of one event.
type Format struct {
	System   string
	Name     string
	ID       int
	Fields   []Field
	PrintFmt string
	Layout   Layout
}

const (
	maxFormat = 1 << 20 // bytes of one format
	maxFields = 4096
	maxEvent  = 1 << 20 // bytes of one event
)

// ParseFormat reads the format file of one event.
func ParseFormat(system, text string, layout Layout) (*Format, error) {
	if len(text) > maxFormat {
		return nil, fmt.Errorf("event format of %d bytes: more than %d is no format of a kernel", len(text), maxFormat)
	}
	f := &Format{System: system, ID: -1, Layout: layout}
	n := 0
	// What it prints comes last and may have several lines.
	text, print, _ := strings.Cut(text, "\nprint fmt:")
	f.PrintFmt = strings.TrimSpace(print)
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		switch key, value, _ := strings.Cut(line, ":"); key {
		case "name":
			f.Name = strings.TrimSpace(value)
		case "ID":
			id, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16)
			if err != nil {
				return nil, fmt.Errorf("event format, line %d: %w", n, err)
			}
			f.ID = int(id)
		case "field", "field special":
			field, err := parseField(value, layout)
			if err != nil {
				return nil, fmt.Errorf("event format of %q, line %d: %w", f.Name, n, err)
			}
			if len(f.Fields) == maxFields {
				return nil, fmt.Errorf("event format of %q, line %d: more than %d fields", f.Name, n, maxFields)
			}
			f.Fields = append(f.Fields, field)
		}
	}
	if f.Name == "" || f.ID < 0 {
		return nil, errors.New("event format has no name or no ID")
	}
	return f, nil
}

// parseHead reads a format's name and number only, which come first.
func parseHead(system, text string) (Head, error) {
	h := Head{System: system, ID: -1}
	for line := range strings.Lines(text) {
		switch key, value, _ := strings.Cut(line, ":"); key {
		case "name":
			h.Name = strings.TrimSpace(value)
		case "ID":
			id, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16)
			if err != nil {
				return h, fmt.Errorf("event format: %w", err)
			}
			h.ID = int(id)
		}
		if h.Name != "" && h.ID >= 0 {
			return h, nil
		}
	}
	return h, errors.New("event format has no name or no ID")
}

// parseField reads "int common_pid;	offset:4;	size:4;	signed:1;".
func parseField(text string, layout Layout) (Field, error) {
	parts := strings.Split(text, ";")
	f := Field{big: layout.BigEndian}
	for _, part := range parts[1:] {
		key, value, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok {
			continue
		}
		v, err := strconv.Atoi(value)
		if err != nil || v < 0 || v > maxEvent {
			return f, fmt.Errorf("field %q: %s is %q", parts[0], key, value)
		}
		switch key {
		case "offset":
			f.Offset = v
		case "size":
			f.Size = v
		case "signed":
			f.Signed = v != 0
		}
	}
	decl := strings.TrimSpace(parts[0])
	count := -1
	if open := strings.LastIndexByte(decl, '['); open >= 0 && strings.HasSuffix(decl, "]") {
		// The kernel writes names of constants too: then the size decides.
		count, _ = strconv.Atoi(decl[open+1 : len(decl)-1])
		f.Array = Fixed
		decl = strings.TrimSpace(decl[:open])
	}
	if cut := strings.LastIndexAny(decl, " *"); cut >= 0 {
		f.Type, f.Name = strings.TrimSpace(decl[:cut+1]), decl[cut+1:]
	} else {
		f.Name = decl
	}
	if rest, ok := strings.CutPrefix(f.Type, "__data_loc"); ok {
		f.Array, f.Type = Dynamic, strings.TrimSpace(rest)
	} else if rest, ok := strings.CutPrefix(f.Type, "__rel_loc"); ok {
		f.Array, f.Type = DynamicRel, strings.TrimSpace(rest)
	}
	f.Type = strings.TrimSpace(strings.TrimSuffix(f.Type, "[]"))
	switch {
	case f.Array == Fixed && count > 0 && f.Size%count == 0:
		f.Elem = f.Size / count
	case f.Array == Fixed && f.Size == 0, f.Array == Dynamic, f.Array == DynamicRel, f.Array == Fixed:
		f.Elem, _ = TypeSize(strings.Fields(f.Type), layout)
	default:
		f.Elem = f.Size
	}
	if f.Name == "" {
		return f, fmt.Errorf("field %q has no name", parts[0])
	}
	return f, nil
}

// TypeSize returns the size of a C type given as words, as far as formats use
// them, and whether it has a sign.
func TypeSize(words []string, layout Layout) (size int, signed bool) {
	size, signed = 4, true
	long := false
	for _, w := range words {
		switch strings.TrimLeft(w, "_") {
		case "unsigned", "dev_t":
			signed = false
		case "char":
			size = 1
		case "u8", "bool", "uint8_t":
			size, signed = 1, false
		case "s8", "int8_t":
			size = 1
		case "short", "s16", "int16_t":
			size = 2
		case "u16", "le16", "be16", "uint16_t":
			size, signed = 2, false
		case "u32", "le32", "be32", "uint32_t":
			size, signed = 4, false
		case "u64", "le64", "be64", "uint64_t", "dma_addr_t", "phys_addr_t", "sector_t":
			size, signed = 8, false
		case "s64", "int64_t", "loff_t", "ktime_t":
			size = 8
		case "long", "ssize_t":
			if long {
				size = 8
			} else {
				size = layout.LongSize
			}
			long = true
		case "size_t", "uintptr_t", "ino_t":
			size, signed = layout.LongSize, false
		}
		if strings.HasSuffix(w, "*") {
			size, signed = layout.LongSize, false
		}
	}
	return size, signed
}

// Field returns the field of a name.
// It is nil for none, and reads as zero.
func (f *Format) Field(name string) *Field {
	if f == nil {
		return nil
	}
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			return &f.Fields[i]
		}
	}
	return nil
}

// Uint reads a number; 0 where the event is too short for it.
func (f *Field) Uint(data []byte) uint64 { return f.number().Uint(data) }

// Int reads a number with its sign.
func (f *Field) Int(data []byte) int64 { return f.number().Int(data) }

// Bytes reads an array, a part of data.
func (f *Field) Bytes(data []byte) []byte { return f.text().Raw(data) }

// Text reads a string up to its NUL, a part of data.
func (f *Field) Text(data []byte) []byte { return f.text().Bytes(data) }

func (f *Field) number() Number {
	if f == nil || f.Array != Scalar {
		return Number{}
	}
	return Number{offset: f.Offset, size: f.Size, signed: f.Signed, big: f.big}
}

func (f *Field) text() Text {
	if f == nil {
		return Text{}
	}
	return Text{field: *f, big: f.big, valid: true}
}

// Number reads one field of every event of a format. The zero Number reads zero.
type Number struct {
	offset, size int
	signed, big  bool
}

// Uint resolves a numeric field; Valid of the result says whether there is one.
func (f *Format) Uint(name string) Number {
	return f.Field(name).number()
}

// Valid reports whether the format has such a field.
func (n Number) Valid() bool { return n.size > 0 }

// Uint reads the field; 0 where the event is too short for it. A signed field
// is sign-extended.
func (n Number) Uint(data []byte) uint64 {
	if n.size <= 0 || n.offset < 0 || len(data)-n.size < n.offset {
		return 0
	}
	return readInt(data[n.offset:n.offset+n.size], n.signed, n.big)
}

// Int is Uint as a signed number.
func (n Number) Int(data []byte) int64 { return int64(n.Uint(data)) }

// Int reads a number of 1, 2, 4 or 8 bytes, extended by its sign if it has one.
// Of any other length it is zero.
func (l Layout) Int(b []byte, signed bool) uint64 { return readInt(b, signed, l.BigEndian) }

func readInt(b []byte, signed, big bool) uint64 {
	if !big { // as nearly all are
		switch len(b) {
		case 4:
			if v := binary.LittleEndian.Uint32(b); signed {
				return uint64(int64(int32(v)))
			} else {
				return uint64(v)
			}
		case 8:
			return binary.LittleEndian.Uint64(b)
		}
	}
	var order binary.ByteOrder = binary.LittleEndian
	if big {
		order = binary.BigEndian
	}
	switch len(b) {
	case 1:
		if signed {
			return uint64(int64(int8(b[0])))
		}
		return uint64(b[0])
	case 2:
		if v := order.Uint16(b); signed {
			return uint64(int64(int16(v)))
		} else {
			return uint64(v)
		}
	case 4:
		if v := order.Uint32(b); signed {
			return uint64(int64(int32(v)))
		} else {
			return uint64(v)
		}
	case 8:
		return order.Uint64(b)
	}
	return 0
}

// Text reads one string or array field of every event of a format.
type Text struct {
	field Field
	big   bool
	valid bool
}

// Text resolves a string or array field.
func (f *Format) Text(name string) Text {
	return f.Field(name).text()
}

// Valid reports whether the format has such a field.
func (t Text) Valid() bool { return t.valid }

// Raw returns the field's bytes, a part of data; nil where they are not in it.
func (t Text) Raw(data []byte) []byte {
	if !t.valid {
		return nil
	}
	start, size := t.field.Offset, t.field.Size
	switch t.field.Array {
	case Dynamic, DynamicRel:
		if start > len(data)-4 {
			return nil
		}
		loc := readInt(data[start:start+4], false, t.big)
		size = int(loc >> 16)
		at := int(loc & 0xffff)
		if t.field.Array == DynamicRel {
			at += start + 4
		}
		start = at
	case Fixed:
		if size == 0 { // a flexible array at the end
			size = max(0, len(data)-start)
		}
	}
	if start > len(data) {
		return nil
	}
	return data[start:min(len(data), start+size)]
}

// Bytes returns a string's bytes up to its NUL.
func (t Text) Bytes(data []byte) []byte { return upToNUL(t.Raw(data)) }

func upToNUL(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}
