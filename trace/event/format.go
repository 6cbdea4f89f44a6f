package event

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Order is the byte order and word size of the machine that recorded.
type Order struct {
	Big  bool
	Long int // bytes of a long: 4 or 8
}

// Uint16 reads two bytes; so do its sisters with more.
func (o Order) Uint16(b []byte) uint16 {
	v := binary.LittleEndian.Uint16(b)
	if o.Big {
		v = bits.ReverseBytes16(v)
	}
	return v
}

// Uint32 reads four bytes.
func (o Order) Uint32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if o.Big {
		v = bits.ReverseBytes32(v)
	}
	return v
}

// Uint64 reads eight bytes.
func (o Order) Uint64(b []byte) uint64 {
	v := binary.LittleEndian.Uint64(b)
	if o.Big {
		v = bits.ReverseBytes64(v)
	}
	return v
}

// A Field is one field of an event.
type Field struct {
	Name   string
	Type   string // as C declares it, without the name
	Offset int
	Size   int
	Signed bool
	Array  bool
	// Located fields hold where their value is: its length and offset in the
	// record (__data_loc), from the record's or from the field's own end
	// (__rel_loc).
	Located  bool
	Relative bool
	Order    Order
}

// Uint reads a number; a record that is too short has 0.
func (f *Field) Uint(rec []byte) uint64 {
	if f == nil || f.Offset < 0 || f.Offset+f.Size > len(rec) || f.Offset+f.Size < f.Offset {
		return 0
	}
	b := rec[f.Offset:]
	switch f.Size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(f.Order.Uint16(b))
	case 4:
		return uint64(f.Order.Uint32(b))
	case 8:
		return f.Order.Uint64(b)
	}
	return 0
}

// Int reads a number with its sign.
func (f *Field) Int(rec []byte) int64 {
	v := f.Uint(rec)
	if f == nil {
		return 0
	}
	switch f.Size {
	case 1:
		return int64(int8(v))
	case 2:
		return int64(int16(v))
	case 4:
		return int64(int32(v))
	}
	return int64(v)
}

// Bytes returns a field's value as it is; of a located field what it points to.
func (f *Field) Bytes(rec []byte) []byte {
	if f == nil || f.Offset < 0 || f.Size < 0 || f.Offset > len(rec)-f.Size {
		return nil
	}
	if !f.Located {
		return rec[f.Offset : f.Offset+f.Size]
	}
	v := f.Uint(rec)
	at, n := int(v&0xffff), int(v>>16&0xffff)
	if f.Relative {
		at += f.Offset + f.Size
	}
	if at > len(rec) || n > len(rec)-at {
		return nil
	}
	return rec[at : at+n]
}

// Text reads an array of characters up to its end, without copying it.
func (f *Field) Text(rec []byte) []byte {
	b := f.Bytes(rec)
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return b
}

// A Format is one event.
type Format struct {
	System string
	Name   string
	ID     int
	Common []Field // of all events
	Fields []Field // its own
	Print  string  // what is behind "print fmt:"
	Order  Order
}

// Field returns a field by name, or nil.
func (f *Format) Field(name string) *Field {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			return &f.Fields[i]
		}
	}
	for i := range f.Common {
		if f.Common[i].Name == name {
			return &f.Common[i]
		}
	}
	return nil
}

// bounds of a format that is plausible.
const (
	maxFormat = 4 << 20
	maxFields = 1024
	maxOffset = 1 << 20
)

// Parse reads a format file.
func Parse(system string, text []byte, o Order) (*Format, error) {
	if len(text) > maxFormat {
		return nil, fmt.Errorf("format of an event of %s: %d bytes", system, len(text))
	}
	f := &Format{System: system, ID: -1, Order: o}
	common := true
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line := string(bytes.TrimRight(line, "\n"))
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "name:"):
			f.Name = strings.TrimSpace(line[5:])
		case strings.HasPrefix(line, "ID:"):
			id, err := strconv.ParseUint(strings.TrimSpace(line[3:]), 10, 31)
			if err != nil {
				return nil, fmt.Errorf("format of %s:%s: line %d: %w", system, f.Name, n, err)
			}
			f.ID = int(id)
		case strings.HasPrefix(line, "print fmt:"):
			f.Print = strings.TrimSpace(line[len("print fmt:"):])
		case strings.HasPrefix(trimmed, "field"):
			fd, err := field(trimmed, o)
			if err != nil {
				return nil, fmt.Errorf("format of %s:%s: line %d: %w", system, f.Name, n, err)
			}
			if len(f.Common)+len(f.Fields) >= maxFields {
				return nil, fmt.Errorf("format of %s:%s: more than %d fields", system, f.Name, maxFields)
			}
			if common {
				f.Common = append(f.Common, fd)
			} else {
				f.Fields = append(f.Fields, fd)
			}
		case trimmed == "" && len(f.Common) > 0:
			common = false // an empty line ends them
		}
	}
	if f.Name == "" || f.ID < 0 {
		return nil, fmt.Errorf("format of an event of %s: it has no name or no ID", system)
	}
	return f, nil
}

// field reads a line "field:unsigned char comm[16];	offset:8;	size:16;	signed:0;".
func field(line string, o Order) (Field, error) {
	f := Field{Order: o}
	for part := range strings.SplitSeq(line, ";") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok {
			continue
		}
		var err error
		switch key {
		case "field", "field special":
			f.declare(value)
		case "offset":
			f.Offset, err = strconv.Atoi(value)
		case "size":
			f.Size, err = strconv.Atoi(value)
		case "signed":
			f.Signed = value == "1"
		}
		if err != nil {
			return f, err
		}
	}
	if f.Name == "" {
		return f, errors.New("a field without a name")
	}
	if f.Offset < 0 || f.Size < 0 || f.Offset > maxOffset || f.Size > maxOffset {
		return f, fmt.Errorf("field %s: %d bytes at offset %d", f.Name, f.Size, f.Offset)
	}
	return f, nil
}

// declare takes a C declaration apart.
func (f *Field) declare(decl string) {
	decl = strings.TrimSpace(decl)
	if i := strings.IndexByte(decl, '['); i >= 0 {
		// "char comm[16]", or "__data_loc char[] name".
		if j := strings.IndexByte(decl[i:], ']'); j >= 0 {
			f.Array = true
			decl = decl[:i] + "[]" + decl[i+j+1:]
			if strings.HasSuffix(decl, "[]") {
				decl = decl[:len(decl)-2]
			}
		}
	}
	i := strings.LastIndexAny(decl, " *")
	f.Name, f.Type = decl[i+1:], strings.TrimSpace(decl[:i+1])
	for _, p := range []struct {
		prefix   string
		relative bool
	}{{"__data_loc", false}, {"__rel_loc", true}} {
		if rest, ok := strings.CutPrefix(f.Type, p.prefix+" "); ok {
			f.Type, f.Located, f.Relative, f.Array = strings.TrimSpace(rest), true, p.relative, true
		}
	}
}
