package event

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// A Printer prints the fields of one format. What can be known of a field
// without an event is found out once.
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
	printAddress
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
		x := printed{head: " " + fd.Name + "=", num: f.Uint(fd.Name), fd: fd}
		switch {
		case strings.Contains(fd.Type, "char") && (fd.Array != Scalar || fd.Size > 8):
			x.kind = printText
		case fd.Array != Scalar || fd.Size > 8:
			x.kind = printBytes
		case strings.Contains(fd.Type, "*"):
			x.kind = printAddress
		case fd.Signed:
			x.kind = printSigned
		}
		p.items = append(p.items, x)
	}
	return p
}

// Append appends an event's fields, " name=value" each: numbers as their sign
// says, addresses in hexadecimal, text as it is but for what does not belong on
// a terminal.
func (p *Printer) Append(b, data []byte) []byte {
	for i := range p.items {
		x := &p.items[i]
		b = append(b, x.head...)
		switch x.kind {
		case printText:
			b = appendText(b, x.fd.Text(data))
		case printBytes:
			b = hex.AppendEncode(b, x.fd.Bytes(data))
		case printAddress:
			b = append(b, "0x"...)
			b = strconv.AppendUint(b, x.num.Uint(data), 16)
		case printSigned:
			b = strconv.AppendInt(b, x.num.Int(data), 10)
		default:
			b = strconv.AppendUint(b, x.num.Uint(data), 10)
		}
	}
	return b
}

// appendText appends text; control characters become question marks.
func appendText(b, text []byte) []byte {
	for _, c := range text {
		if c < ' ' || c == 0x7f {
			c = '?'
		}
		b = append(b, c)
	}
	return b
}
