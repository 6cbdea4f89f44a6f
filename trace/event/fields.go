package event

import (
	"bytes"
	"strconv"
	"strings"
)

// A Printer prints the fields of one format without what the format says of how
// to print them. What can be known of a field without an event is found out once.
type Printer struct {
	items []printed
}

type printed struct {
	head string // " name="
	kind printKind
	num  Number
	fd   *Field
}

type printKind uint8

const (
	printUnsigned printKind = iota
	printSigned
	printHex
	printHex32
	printText
	printBytes
)

// NewPrinter prepares for a format's own fields.
func NewPrinter(f *Format) *Printer {
	p := &Printer{}
	for i := range f.Fields {
		fd := &f.Fields[i]
		if strings.HasPrefix(fd.Name, "common_") {
			continue
		}
		p.items = append(p.items, printed{head: " " + fd.Name + "=", kind: fd.printKind(), num: f.Uint(fd.Name), fd: fd})
	}
	return p
}

func (f *Field) printKind() printKind {
	long := strings.Contains(f.Type, "long") // which often holds an address
	switch {
	case f.Array != Scalar && (strings.Contains(f.Type, "char") || strings.Contains(f.Type, "u8") || strings.Contains(f.Type, "s8")):
		return printText
	case f.Array != Scalar || f.Size > 8:
		return printBytes
	case strings.Contains(f.Type, "*"), long && !f.Signed:
		return printHex
	case long && f.Size == 4:
		return printHex32
	case f.Signed:
		return printSigned
	}
	return printUnsigned
}

// Append appends an event's fields, " name=value" each, as trace-cmd report -R
// does: an address or what may hold one in hexadecimal, text as it is, bytes that
// are no text as ARRAY[01, 02].
func (p *Printer) Append(b, data []byte) []byte {
	for i := range p.items {
		x := &p.items[i]
		b = append(b, x.head...)
		switch x.kind {
		case printText:
			if raw := x.fd.Bytes(data); isText(raw) {
				b = append(b, upToNUL(raw)...)
			} else {
				b = appendArray(b, raw)
			}
		case printBytes:
			b = appendArray(b, x.fd.Bytes(data))
		case printHex:
			b = strconv.AppendUint(append(b, "0x"...), x.num.Uint(data), 16)
		case printHex32:
			b = strconv.AppendUint(append(b, "0x"...), uint64(uint32(x.num.Uint(data))), 16)
		case printSigned:
			b = appendSigned(b, x.num.Int(data), x.fd.Size)
		default:
			b = strconv.AppendUint(b, x.num.Uint(data), 10)
		}
	}
	return b
}

// appendSigned appends a number; one of two bytes is two wide at least.
func appendSigned(b []byte, v int64, size int) []byte {
	if size == 2 && v >= 0 && v < 10 {
		b = append(b, ' ')
	}
	return strconv.AppendInt(b, v, 10)
}

// isText reports whether bytes up to a NUL can be printed.
func isText(b []byte) bool {
	for _, c := range b {
		switch {
		case c == 0:
			return true
		case c >= 0x7f, c < ' ' && bytes.IndexByte([]byte("\t\n\v\f\r"), c) < 0:
			return false
		}
	}
	return true
}

func appendArray(b, raw []byte) []byte {
	const digits = "0123456789abcdef"
	b = append(b, "ARRAY["...)
	for i, c := range raw {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, digits[c>>4], digits[c&15])
	}
	return append(b, ']')
}
