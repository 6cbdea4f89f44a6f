package printfmt

import (
	"errors"
	"fmt"
	"strconv"

	"ringside/trace/event"
)

// text appends what an expression says of an event.
type text func(b, data []byte) []byte

// text compiles an expression that %s prints.
func (c *compiler) text(n *node) (text, error) {
	if err := c.spend(); err != nil {
		return nil, err
	}
	switch n.kind {
	case nodeNumber, nodeName:
		if n.value == 0 && (n.kind == nodeNumber || n.text == "NULL") {
			return func(b, _ []byte) []byte { return append(b, "(null)"...) }, nil
		}
	case nodeString:
		s := n.text
		return func(b, _ []byte) []byte { return append(b, s...) }, nil
	case nodeField:
		return c.textField(n.text)
	case nodeCond:
		cond, _, err := c.number(n.kids[0])
		if err != nil {
			return nil, err
		}
		yes, err := c.text(n.kids[1])
		if err != nil {
			return nil, err
		}
		no, err := c.text(n.kids[2])
		if err != nil {
			return nil, err
		}
		return func(b, d []byte) []byte {
			if cond(d) != 0 {
				return yes(b, d)
			}
			return no(b, d)
		}, nil
	case nodeCall:
		return c.textCall(n)
	case nodeCast:
		if n.typ.pointer {
			return c.text(n.kids[0])
		}
	case nodeIndex, nodeUnary, nodeBinary:
		at, _, err := c.place(n)
		if err != nil {
			return nil, err
		}
		return func(b, d []byte) []byte { return appendText(b, upToNUL(at(d))) }, nil
	}
	return nil, fmt.Errorf("%s where a text is wanted", n)
}

// textField prints a field as a string: an array by its bytes; a pointer by
// what the recording knows to be there.
func (c *compiler) textField(name string) (text, error) {
	f := c.format.Field(name)
	if f == nil {
		return nil, fmt.Errorf("there is no field %q", name)
	}
	if f.Array == event.Scalar && f.Size == c.format.Layout.LongSize {
		num, catalog := c.format.Uint(name), c.catalog
		return func(b, d []byte) []byte {
			addr := num.Uint(d)
			if s, ok := catalog.Printk(addr); ok {
				return appendText(b, []byte(s))
			}
			return appendHex(b, addr)
		}, nil
	}
	t := c.format.Text(name)
	return func(b, d []byte) []byte { return appendText(b, t.Bytes(d)) }, nil
}

// textCall compiles a function that gives a string.
func (c *compiler) textCall(n *node) (text, error) {
	switch n.text {
	case "__get_str", "__get_rel_str", "__get_dynamic_array", "__get_rel_dynamic_array":
		at, err := c.dynamic(n)
		return func(b, d []byte) []byte { return appendText(b, upToNUL(at(d))) }, err
	case "__get_bitmask", "__get_rel_bitmask":
		at, err := c.dynamic(n)
		layout := c.format.Layout
		return func(b, d []byte) []byte { return appendBitmask(b, at(d), layout) }, err
	case "__get_cpumask", "__get_rel_cpumask":
		at, err := c.dynamic(n)
		layout := c.format.Layout
		return func(b, d []byte) []byte { return appendCPUs(b, at(d), layout) }, err
	case "__print_flags", "__print_flags_u64":
		return c.flags(n)
	case "__print_symbolic", "__print_symbolic_u64":
		return c.symbolic(n)
	case "__print_hex", "__print_hex_str":
		return c.hex(n)
	case "__print_array", "__print_dynamic_array":
		return c.array(n)
	case "__builtin_expect":
		if len(n.kids) == 2 {
			return c.text(n.kids[0])
		}
	case "jbd2_dev_to_name":
		if len(n.kids) == 1 {
			v, _, err := c.number(n.kids[0])
			return func(b, d []byte) []byte {
				dev := uint32(v(d))
				b = strconv.AppendUint(b, uint64(dev>>20), 10)
				return strconv.AppendUint(append(b, ':'), uint64(dev&(1<<20-1)), 10)
			}, err
		}
	case "scsi_trace_parse_cdb":
		return c.scsi(n)
	case "mc_event_error_type":
		if len(n.kids) == 1 {
			v, _, err := c.number(n.kids[0])
			return func(b, d []byte) []byte {
				if k := v(d); k < uint64(len(memoryErrors)) {
					return append(b, memoryErrors[k]...)
				}
				return append(b, "Info"...)
			}, err
		}
	}
	return nil, fmt.Errorf("function %q with %d arguments is not known", n.text, len(n.kids))
}

// memoryErrors are the kernel's enum hw_event_mc_err_type.
var memoryErrors = []string{"Corrected", "Uncorrected", "Deferred", "Fatal"}

// named is a value that has a name; known is false where the value itself is
// given by a name that the kernel did not resolve.
type named struct {
	value uint64
	name  string
	known bool
}

// names reads { value, "name" }, …
func (c *compiler) names(list []*node) ([]named, error) {
	var all []named
	for _, n := range list {
		if n.kind == nodeList && len(n.kids) == 0 {
			continue
		}
		if n.kind != nodeList || len(n.kids) != 2 {
			return nil, fmt.Errorf("a name without a value")
		}
		x := named{name: n.kids[1].text}
		if n.kids[1].kind != nodeString {
			continue // NULL, which ends the list
		}
		var unknown unknownName
		if v, _, err := c.number(n.kids[0]); err == nil {
			x.value, x.known = v(nil), true
		} else if !errors.As(err, &unknown) {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}

// flags compiles __print_flags(value, delimiter, names…).
func (c *compiler) flags(n *node) (text, error) {
	if len(n.kids) < 2 || n.kids[1].kind != nodeString {
		return nil, fmt.Errorf("%s takes a value, a delimiter and names", n.text)
	}
	v, _, err := c.number(n.kids[0])
	if err != nil {
		return nil, err
	}
	delim := n.kids[1].text
	list, err := c.names(n.kids[2:])
	if err != nil {
		return nil, err
	}
	if c.seen == nil {
		c.seen = map[uint64]string{}
		for _, x := range list {
			if x.known {
				c.seen[x.value] = x.name
			}
		}
	}
	return func(b, d []byte) []byte {
		val := v(d)
		start := len(b)
		for i := range list {
			x := &list[i]
			if !x.known || x.value == 0 || val&x.value != x.value {
				continue
			}
			if len(b) > start {
				b = append(b, delim...)
			}
			b = append(b, x.name...)
			val &^= x.value
		}
		if val == 0 {
			return b
		}
		if len(b) > start {
			b = append(b, delim...)
		}
		return appendHex(append(b, "0x"...), val)
	}, nil
}

// symbolic compiles __print_symbolic(value, names…).
func (c *compiler) symbolic(n *node) (text, error) {
	if len(n.kids) < 1 {
		return nil, fmt.Errorf("%s takes a value and names", n.text)
	}
	v, _, err := c.number(n.kids[0])
	if err != nil {
		return nil, err
	}
	list, err := c.names(n.kids[1:])
	if err != nil {
		return nil, err
	}
	find := func(val uint64) string {
		for _, x := range list {
			if x.known && x.value == val {
				return x.name
			}
		}
		return ""
	}
	byValue := find
	if len(list) > 16 {
		table := map[uint64]string{}
		for _, x := range list {
			if _, seen := table[x.value]; x.known && !seen {
				table[x.value] = x.name
			}
		}
		byValue = func(val uint64) string { return table[val] }
	}
	has := map[uint64]bool{} // of those whose name is empty
	for _, x := range list {
		has[x.value] = x.known || has[x.value]
	}
	return func(b, d []byte) []byte {
		val := v(d)
		if name := byValue(val); name != "" || has[val] {
			return append(b, name...)
		}
		return appendHex(append(b, "0x"...), val)
	}, nil
}

// hex compiles __print_hex(address, length) and __print_hex_str.
func (c *compiler) hex(n *node) (text, error) {
	if len(n.kids) < 2 {
		return nil, fmt.Errorf("%s takes an address and a length", n.text)
	}
	at, _, err := c.place(n.kids[0])
	if err != nil {
		return nil, err
	}
	size, _, err := c.number(n.kids[1])
	delim := " "
	if n.text == "__print_hex_str" {
		delim = ""
	}
	return func(b, d []byte) []byte { return appendHexBytes(b, first(at(d), size(d)), delim) }, err
}

// first are the first n bytes, as far as there are so many.
func first(b []byte, n uint64) []byte { return b[:min(n, uint64(len(b)))] }

func appendHexBytes(b, bytes []byte, delim string) []byte {
	for i, x := range bytes {
		if i > 0 {
			b = append(b, delim...)
		}
		b = appendHexByte(b, x)
	}
	return b
}

// array compiles __print_array(address, count, size) and
// __print_dynamic_array(field, size).
func (c *compiler) array(n *node) (text, error) {
	var at place
	var err error
	count := number(func([]byte) uint64 { return maxWidth })
	if n.text == "__print_array" {
		if len(n.kids) != 3 {
			return nil, fmt.Errorf("%s takes an address, a count and a size", n.text)
		}
		if at, _, err = c.place(n.kids[0]); err != nil {
			return nil, err
		}
		if count, _, err = c.number(n.kids[1]); err != nil {
			return nil, err
		}
	} else {
		if len(n.kids) != 2 {
			return nil, fmt.Errorf("%s takes a field and a size", n.text)
		}
		if at, err = c.dynamic(&node{kind: nodeCall, text: n.text, kids: n.kids[:1]}); err != nil {
			return nil, err
		}
	}
	elem := n.kids[len(n.kids)-1]
	if elem.kind != nodeNumber || elem.value != 1 && elem.value != 2 && elem.value != 4 && elem.value != 8 {
		return nil, fmt.Errorf("%s of elements whose size is not 1, 2, 4 or 8", n.text)
	}
	size, layout := int(elem.value), c.format.Layout
	return func(b, d []byte) []byte {
		rest := at(d)
		b = append(b, '{')
		for i, n := uint64(0), count(d); i < n && len(rest) >= size; i++ {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendHex(append(b, "0x"...), layout.Int(rest[:size], false))
			rest = rest[size:]
		}
		return append(b, '}')
	}, nil
}

// maskByte is a byte of a mask, counted from the least. A mask is an array of
// longs, each in the machine's order of bytes.
func maskByte(mask []byte, i int, layout event.Layout) byte {
	if layout.BigEndian {
		i += layout.LongSize - 1 - 2*(i%layout.LongSize)
	}
	if i >= len(mask) {
		return 0
	}
	return mask[i]
}

// appendBitmask appends a mask in hexadecimal, with a comma every 32 bits.
func appendBitmask(b, mask []byte, layout event.Layout) []byte {
	for i := len(mask) - 1; i >= 0; i-- {
		b = appendHexByte(b, maskByte(mask, i, layout))
		if i > 0 && i%4 == 0 {
			b = append(b, ',')
		}
	}
	return b
}

// appendCPUs appends the numbers of a mask's bits as ranges: 0-3,8.
func appendCPUs(b, mask []byte, layout event.Layout) []byte {
	set := func(bit int) bool {
		return bit < 8*len(mask) && maskByte(mask, bit/8, layout)>>(bit%8)&1 != 0
	}
	start := len(b)
	for bit := 0; bit < 8*len(mask); bit++ {
		if !set(bit) {
			continue
		}
		end := bit
		for set(end + 1) {
			end++
		}
		if len(b) > start {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(bit), 10)
		if end > bit {
			b = strconv.AppendInt(append(b, '-'), int64(end), 10)
		}
		bit = end
	}
	return b
}

func upToNUL(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}

// appendText appends text of an event. Of what does not belong on a terminal,
// only the ends of lines and tabs are kept.
func appendText(b, text []byte) []byte {
	start := len(b)
	b = append(b, text...)
	for i := start; i < len(b); i++ {
		if c := b[i]; c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			b[i] = '?'
		}
	}
	return b
}
