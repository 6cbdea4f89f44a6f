package printfmt

import (
	"bytes"

	"ringside/trace/event"
)

// A BPrint prints the events of trace_printk whose format is a constant: the
// event holds the format's address and the arguments as the kernel's vbin_printf
// packs them.
type BPrint struct {
	catalog *event.Catalog
	layout  event.Layout
	ip, fmt event.Number
	buf     *event.Field
	formats map[uint64][]packed
}

// packed is one part of a format.
type packed struct {
	literal string
	verb    verb // conv is 0 for none
}

// maxPacked bounds how many formats are remembered.
const maxPacked = 1 << 16

// NewBPrint prepares for the format of ftrace:bprint.
func NewBPrint(f *event.Format, catalog *event.Catalog) *BPrint {
	return &BPrint{
		catalog: catalog, layout: f.Layout, ip: f.Uint("ip"), fmt: f.Uint("fmt"), buf: f.Field("buf"),
		formats: map[uint64][]packed{},
	}
}

// Append appends the function that printed, and what.
func (p *BPrint) Append(b, data []byte) []byte {
	b = AppendSymbol(b, p.catalog, p.ip.Uint(data), false)
	b = append(b, ": "...)
	addr := p.fmt.Uint(data)
	parts, ok := p.formats[addr]
	if !ok {
		text, known := p.catalog.Printk(addr)
		if !known {
			return append(appendHex(append(b, "(NO FORMAT FOUND at "...), addr), ")\n"...)
		}
		parts = p.parse(text)
		if len(p.formats) >= maxPacked {
			clear(p.formats)
		}
		p.formats[addr] = parts
	}
	r := unpacker{layout: p.layout}
	if p.buf != nil {
		r.rest = data[min(p.buf.Offset, len(data)):]
	}
	r.at = len(data) - len(r.rest)
	for i := range parts {
		b = append(b, parts[i].literal...)
		if parts[i].verb.conv != 0 {
			b = p.value(b, parts[i].verb, &r)
		}
	}
	return b
}

// parse cuts a format into its parts. What is not known of it stays as it is.
func (p *BPrint) parse(text string) []packed {
	l := lexer{src: text}
	unquoted, _ := l.unquote(0)
	s := string(unquoted)
	var parts []packed
	var literal []byte
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			literal = append(literal, s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '%' {
			literal = append(literal, '%')
			i++
			continue
		}
		v, n, err := parseVerb(s[i+1:], p.layout.LongSize)
		if err != nil {
			literal = append(literal, '%')
			continue
		}
		parts = append(parts, packed{string(literal), v})
		literal = nil
		i += n
	}
	return append(parts, packed{literal: string(literal)})
}

// value unpacks an argument and prints it.
func (p *BPrint) value(b []byte, v verb, r *unpacker) []byte {
	if v.starWidth {
		if v.width = int(int32(r.number(4))); v.width < 0 {
			v.minus, v.width = true, -v.width
		}
		v.width = min(v.width, maxWidth)
	}
	if v.starPr {
		v.prec = max(-1, min(int(int32(r.number(4))), maxWidth))
	}
	start := len(b)
	switch v.conv {
	case 's':
		return v.cut(appendText(b, r.text()), start)
	case 'p':
		switch v.pointer {
		case "", "x", "K", "e":
			return appendPointer(b, r.number(p.layout.LongSize))
		case "s", "S", "f", "F", "B":
			return AppendSymbol(b, p.catalog, r.number(p.layout.LongSize), v.pointer != "s" && v.pointer != "f")
		}
		return appendText(b, r.text()) // the kernel printed it already
	}
	return v.appendNumber(b, r.number(max(4, v.size)))
}

// unpacker reads arguments: numbers are aligned to 4 bytes, strings are not.
type unpacker struct {
	layout event.Layout
	rest   []byte
	at     int
}

func (r *unpacker) skip(n int) {
	n = min(n, len(r.rest))
	r.rest, r.at = r.rest[n:], r.at+n
}

func (r *unpacker) number(size int) uint64 {
	r.skip(-r.at & 3)
	b := r.rest
	r.skip(size)
	if len(b) < size {
		return 0
	}
	return r.layout.Int(b[:size], false)
}

func (r *unpacker) text() []byte {
	n := bytes.IndexByte(r.rest, 0)
	if n < 0 {
		n = len(r.rest)
	}
	b := r.rest[:n]
	r.skip(n + 1)
	return b
}
