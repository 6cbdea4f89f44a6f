package printfmt

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"ringside/trace/event"
)

// pointer compiles what %p and its extensions print.
func (c *compiler) pointer(v verb, n *node, length number) (text, error) {
	suffix := v.pointer
	kind := byte(0)
	if suffix != "" {
		kind = suffix[0]
	}
	switch kind {
	case 'F', 'S', 'B', 'f', 's':
		addr, _, err := c.number(n)
		offset := kind == 'F' || kind == 'S' || kind == 'B'
		catalog := c.catalog
		return func(b, d []byte) []byte { return AppendSymbol(b, catalog, addr(d), offset) }, err
	case 'M', 'm':
		return c.bytes(n, 6, "INVALIDMAC", func(b, p []byte) []byte { return appendMAC(b, p, suffix) })
	case 'U':
		return c.bytes(n, 16, "INVALIDUUID", func(b, p []byte) []byte { return appendUUID(b, p, suffix[1:]) })
	case 'I', 'i':
		if len(suffix) > 1 {
			return c.network(n, suffix)
		}
	case 'h':
		at, _, err := c.place(n)
		if err != nil {
			return nil, err
		}
		delim := map[string]string{"h": " ", "hC": ":", "hD": "-", "hN": ""}[suffix]
		if length == nil {
			length = constant(max(uint64(v.width), 1))
		}
		return func(b, d []byte) []byte { return appendHexBytes(b, first(at(d), min(length(d), 64)), delim) }, nil
	case 'b':
		at, _, err := c.place(n)
		layout := c.format.Layout
		print := appendBitmask
		if suffix == "bl" {
			print = appendCPUs
		}
		return func(b, d []byte) []byte {
			mask := at(d)
			if length != nil {
				mask = first(mask, (length(d)+7)/8)
			}
			return print(b, mask, layout)
		}, err
	case 'a': // an address of the bus, by reference
		at, _, err := c.place(n)
		layout := c.format.Layout
		return func(b, d []byte) []byte {
			return fmt.Appendf(b, "0x%016x", layout.Int(first(at(d), 8), false))
		}, err
	case 'e':
		num, _, err := c.number(n)
		return func(b, d []byte) []byte { return strconv.AppendInt(b, int64(num(d)), 10) }, err
	case 'x', 'K':
		num, _, err := c.number(n)
		digits := 2 * c.format.Layout.LongSize
		hex := verb{zero: true, width: digits, prec: -1, size: 8, conv: 'x'}
		return func(b, d []byte) []byte { return hex.appendNumber(b, num(d)) }, err
	}
	num, _, err := c.number(n)
	return func(b, d []byte) []byte { return appendPointer(b, num(d)) }, err
}

// appendPointer appends an address as C's %p does.
func appendPointer(b []byte, v uint64) []byte {
	if v == 0 {
		return append(b, "(nil)"...)
	}
	return appendHex(append(b, "0x"...), v)
}

// AppendSymbol appends the function that an address is in, with its offset if
// that is wanted, or the address where none is known.
func AppendSymbol(b []byte, c *event.Catalog, addr uint64, offset bool) []byte {
	name, off, ok := c.Function(addr)
	if !ok {
		return appendHex(append(b, "0x"...), addr)
	}
	b = append(b, name...)
	if offset {
		b = appendHex(append(b, "+0x"...), off)
	}
	return b
}

// bytes compiles what prints a fixed number of bytes.
func (c *compiler) bytes(n *node, size int, invalid string, print func(b, p []byte) []byte) (text, error) {
	at, _, err := c.place(n)
	return func(b, d []byte) []byte {
		p := at(d)
		if len(p) < size {
			return append(b, invalid...)
		}
		return print(b, p[:size])
	}, err
}

func appendMAC(b, p []byte, suffix string) []byte {
	delim := ":"
	switch {
	case suffix[0] == 'm':
		delim = ""
	case strings.Contains(suffix, "F"):
		delim = "-"
	}
	reverse := strings.Contains(suffix, "R")
	for i := range p {
		if i > 0 {
			b = append(b, delim...)
		}
		if reverse {
			b = appendHexByte(b, p[len(p)-1-i])
		} else {
			b = appendHexByte(b, p[i])
		}
	}
	return b
}

// guid is the order of the bytes of a UUID whose first fields are little-endian.
var guid = [16]int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}

func appendUUID(b, p []byte, order string) []byte {
	set := lower
	if order == "L" || order == "B" {
		set = upper
	}
	for i := range 16 {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		at := i
		if strings.EqualFold(order, "l") {
			at = guid[i]
		}
		b = append(b, set[p[at]>>4], set[p[at]&15])
	}
	return b
}

// network compiles %pI4, %pI6, %pIS and their kin.
func (c *compiler) network(n *node, suffix string) (text, error) {
	short := suffix[0] == 'I'
	compressed := strings.Contains(suffix[2:], "c")
	reverse := strings.Contains(suffix[2:], "l") || strings.Contains(suffix[2:], "h") && !c.format.Layout.BigEndian
	v6 := func(b, p []byte) []byte {
		if compressed {
			return appendIPv6(b, p)
		}
		for i := 0; i < 16; i += 2 {
			if i > 0 && short {
				b = append(b, ':')
			}
			b = appendHexByte(appendHexByte(b, p[i]), p[i+1])
		}
		return b
	}
	switch suffix[1] {
	case '4':
		return c.bytes(n, 4, "INVALIDIPv4", func(b, p []byte) []byte { return appendIPv4(b, p, reverse, !short) })
	case '6':
		return c.bytes(n, 16, "INVALIDIPv6", v6)
	}
	at, _, err := c.place(n)
	layout, port := c.format.Layout, strings.Contains(suffix[2:], "p")
	return func(b, d []byte) []byte {
		p := at(d)
		if len(p) < 2 {
			return b
		}
		const inet, inet6 = 2, 10
		switch layout.Int(p[:2], false) {
		case inet:
			if len(p) < 8 {
				return append(b, "INVALIDIPv4"...)
			}
			b = appendIPv4(b, p[4:8], reverse, !short)
			if port {
				b = strconv.AppendUint(append(b, ':'), uint64(binary.BigEndian.Uint16(p[2:])), 10)
			}
		case inet6:
			if len(p) < 28 {
				return append(b, "INVALIDIPv6"...)
			}
			if !port {
				return v6(b, p[8:24])
			}
			b = append(v6(append(b, '['), p[8:24]), "]:"...)
			b = strconv.AppendUint(b, uint64(binary.BigEndian.Uint16(p[2:])), 10)
		}
		return b
	}, err
}

func appendIPv4(b, p []byte, reverse, padded bool) []byte {
	for i := range 4 {
		if i > 0 {
			b = append(b, '.')
		}
		x := p[i]
		if reverse {
			x = p[3-i]
		}
		if padded {
			b = append(b, '0'+x/100, '0'+x/10%10, '0'+x%10)
		} else {
			b = strconv.AppendUint(b, uint64(x), 10)
		}
	}
	return b
}

// appendIPv6 appends an address in its compressed form, which ends like an IPv4
// address where it holds one.
func appendIPv6(b, p []byte) []byte {
	var words [8]uint16
	for i := range words {
		words[i] = binary.BigEndian.Uint16(p[2*i:])
	}
	mapped := binary.BigEndian.Uint64(p) == 0 && binary.BigEndian.Uint32(p[8:]) == 0xffff
	isatap := binary.BigEndian.Uint32(p[8:])|0x02000000 == 0x02005efe
	n := 8
	if mapped || isatap {
		n = 6
	}
	longest, at := 1, -1
	for i := 0; i < n; i++ {
		k := i
		for k < n && words[k] == 0 {
			k++
		}
		if k-i > longest {
			longest, at = k-i, i
		}
	}
	colon := false
	for i := 0; i < n; i++ {
		if i == at {
			if colon || i == 0 {
				b = append(b, ':')
			}
			b = append(b, ':')
			colon = false
			i += longest - 1
			continue
		}
		if colon {
			b = append(b, ':')
		}
		b = appendHex(b, uint64(words[i]))
		colon = true
	}
	if n == 6 {
		if colon {
			b = append(b, ':')
		}
		b = appendIPv4(b, p[12:16], false, false)
	}
	return b
}
