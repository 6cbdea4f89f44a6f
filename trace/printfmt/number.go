package printfmt

import (
	"fmt"
	"math/bits"

	"ringside/trace/event"
)

// number computes a value out of an event's bytes. It is held as 64 bits,
// extended as its type says.
type number func(data []byte) uint64

// place finds bytes in an event: from where an address points up to the end of
// what it points to.
type place func(data []byte) []byte

// compiler turns expressions of one format into functions.
type compiler struct {
	format  *event.Format
	catalog *event.Catalog
	left    int               // expressions that may still be compiled
	seen    map[uint64]string // of the first __print_flags
}

// constants are names that formats hold as names. The address of a page is
// printed as its number, as trace-cmd does: where the kernel has its pages, no
// recording says.
var constants = map[string]uint64{
	"HI_SOFTIRQ": 0, "TIMER_SOFTIRQ": 1, "NET_TX_SOFTIRQ": 2, "NET_RX_SOFTIRQ": 3, "BLOCK_SOFTIRQ": 4,
	"IRQ_POLL_SOFTIRQ": 5, "TASKLET_SOFTIRQ": 6, "SCHED_SOFTIRQ": 7, "HRTIMER_SOFTIRQ": 8, "RCU_SOFTIRQ": 9,
	"HRTIMER_NORESTART": 0, "HRTIMER_RESTART": 1, "true": 1, "false": 0, "NULL": 0, "vmemmap_base": 0, "mem_map": 0,
}

// unknownName is a name whose value only the kernel knew: a variable, or a
// constant that it did not resolve.
type unknownName string

func (e unknownName) Error() string { return fmt.Sprintf("the value of %q is not known", string(e)) }

func (c *compiler) spend() error {
	if c.left--; c.left < 0 {
		return fmt.Errorf("more than %d expressions", maxNodes)
	}
	return nil
}

var intType = ctype{size: 4, signed: true}

func constant(v uint64) number { return func([]byte) uint64 { return v } }

// extend holds a value as its type says.
func extend(v uint64, t ctype) uint64 {
	if t.pointer || t.size <= 0 || t.size >= 8 {
		return v
	}
	shift := uint(64 - 8*t.size)
	if t.signed {
		return uint64(int64(v<<shift) >> shift)
	}
	return v << shift >> shift
}

// number compiles an expression that has a numeric value.
func (c *compiler) number(n *node) (number, ctype, error) {
	if err := c.spend(); err != nil {
		return nil, ctype{}, err
	}
	switch n.kind {
	case nodeNumber:
		return constant(n.value), n.typ, nil
	case nodeName:
		v, ok := constants[n.text]
		if !ok {
			return nil, ctype{}, unknownName(n.text)
		}
		return constant(v), intType, nil
	case nodeField:
		f := c.format.Field(n.text)
		if f == nil {
			return nil, ctype{}, fmt.Errorf("there is no field %q", n.text)
		}
		num := c.format.Uint(n.text)
		if !num.Valid() {
			return constant(0), ctype{size: c.format.Layout.LongSize}, nil // the address of an array
		}
		return num.Uint, ctype{size: f.Size, signed: f.Signed}, nil
	case nodeUnary:
		return c.unary(n)
	case nodeBinary:
		return c.binary(n)
	case nodeCond:
		cond, _, err := c.number(n.kids[0])
		if err != nil {
			return nil, ctype{}, err
		}
		yes, t1, err := c.number(n.kids[1])
		if err != nil {
			return nil, ctype{}, err
		}
		no, t2, err := c.number(n.kids[2])
		if err != nil {
			return nil, ctype{}, err
		}
		t := common(t1, t2)
		return func(d []byte) uint64 {
			if cond(d) != 0 {
				return extend(yes(d), t)
			}
			return extend(no(d), t)
		}, t, nil
	case nodeCast:
		v, from, err := c.number(n.kids[0])
		t := n.typ
		if t.pointer {
			t = ctype{size: c.format.Layout.LongSize}
		}
		if err != nil || t.size >= 8 && from.size <= 8 || t == from {
			return v, t, err
		}
		return func(d []byte) uint64 { return extend(v(d), t) }, t, nil
	case nodeIndex:
		at, elem, err := c.place(n)
		if err != nil {
			return nil, ctype{}, err
		}
		return c.load(at, elem)
	case nodeCall:
		return c.call(n)
	}
	return nil, ctype{}, fmt.Errorf("%s where a number is wanted", n)
}

// load reads a value where an address points.
func (c *compiler) load(at place, t ctype) (number, ctype, error) {
	if t.size != 1 && t.size != 2 && t.size != 4 && t.size != 8 {
		return nil, ctype{}, fmt.Errorf("a value of %d bytes", t.size)
	}
	layout := c.format.Layout
	return func(d []byte) uint64 {
		b := at(d)
		if len(b) < t.size {
			return 0
		}
		return layout.Int(b[:t.size], t.signed)
	}, t, nil
}

// promote is C's integer promotion.
func promote(t ctype) ctype {
	if t.pointer {
		return ctype{size: 8}
	}
	if t.size < 4 {
		return intType
	}
	return t
}

// common is the type of both operands.
func common(a, b ctype) ctype {
	a, b = promote(a), promote(b)
	switch {
	case a.size > b.size:
		return a
	case b.size > a.size:
		return b
	}
	return ctype{size: a.size, signed: a.signed && b.signed}
}

func (c *compiler) unary(n *node) (number, ctype, error) {
	switch n.text {
	case "*":
		at, elem, err := c.place(n.kids[0])
		if err != nil {
			return nil, ctype{}, err
		}
		return c.load(at, elem)
	case "&":
		return constant(0), ctype{size: c.format.Layout.LongSize}, nil // an address in the kernel's buffer
	}
	v, t, err := c.number(n.kids[0])
	if err != nil {
		return nil, ctype{}, err
	}
	t = promote(t)
	switch n.text {
	case "!":
		return func(d []byte) uint64 { return truth(v(d) == 0) }, intType, nil
	case "~":
		return func(d []byte) uint64 { return extend(^v(d), t) }, t, nil
	}
	return func(d []byte) uint64 { return extend(-v(d), t) }, t, nil
}

func truth(ok bool) uint64 {
	if ok {
		return 1
	}
	return 0
}

func (c *compiler) binary(n *node) (number, ctype, error) {
	x, tx, err := c.number(n.kids[0])
	if err != nil {
		return nil, ctype{}, err
	}
	y, ty, err := c.number(n.kids[1])
	if err != nil {
		return nil, ctype{}, err
	}
	t := common(tx, ty)
	if n.text == "<<" || n.text == ">>" {
		t = promote(tx)
	}
	f, result, err := operation(n.text, x, y, t)
	if err == nil && n.kids[0].kind == nodeNumber && n.kids[1].kind == nodeNumber {
		f = constant(f(nil))
	}
	return f, result, err
}

// operation computes with two operands of one type.
func operation(op string, x, y number, t ctype) (number, ctype, error) {
	less := func(a, b uint64) bool { return a < b }
	if t.signed {
		less = func(a, b uint64) bool { return int64(a) < int64(b) }
	}
	bitsOf := uint64(8 * t.size)
	switch op {
	case "||":
		return func(d []byte) uint64 { return truth(x(d) != 0 || y(d) != 0) }, intType, nil
	case "&&":
		return func(d []byte) uint64 { return truth(x(d) != 0 && y(d) != 0) }, intType, nil
	case "|":
		return func(d []byte) uint64 { return extend(x(d)|y(d), t) }, t, nil
	case "^":
		return func(d []byte) uint64 { return extend(x(d)^y(d), t) }, t, nil
	case "&":
		return func(d []byte) uint64 { return extend(x(d)&y(d), t) }, t, nil
	case "==":
		return func(d []byte) uint64 { return truth(extend(x(d), t) == extend(y(d), t)) }, intType, nil
	case "!=":
		return func(d []byte) uint64 { return truth(extend(x(d), t) != extend(y(d), t)) }, intType, nil
	case "<":
		return func(d []byte) uint64 { return truth(less(extend(x(d), t), extend(y(d), t))) }, intType, nil
	case ">":
		return func(d []byte) uint64 { return truth(less(extend(y(d), t), extend(x(d), t))) }, intType, nil
	case "<=":
		return func(d []byte) uint64 { return truth(!less(extend(y(d), t), extend(x(d), t))) }, intType, nil
	case ">=":
		return func(d []byte) uint64 { return truth(!less(extend(x(d), t), extend(y(d), t))) }, intType, nil
	case "<<":
		return func(d []byte) uint64 { return extend(x(d)<<(y(d)%bitsOf), t) }, t, nil
	case ">>":
		if t.signed {
			return func(d []byte) uint64 { return uint64(int64(x(d)) >> (y(d) % bitsOf)) }, t, nil
		}
		return func(d []byte) uint64 { return x(d) >> (y(d) % bitsOf) }, t, nil
	case "+":
		return func(d []byte) uint64 { return extend(x(d)+y(d), t) }, t, nil
	case "-":
		return func(d []byte) uint64 { return extend(x(d)-y(d), t) }, t, nil
	case "*":
		return func(d []byte) uint64 { return extend(x(d)*y(d), t) }, t, nil
	case "/", "%":
		rest := op == "%"
		return func(d []byte) uint64 { return divide(extend(x(d), t), extend(y(d), t), t, rest) }, t, nil
	}
	return nil, ctype{}, fmt.Errorf("operator %q", op)
}

// divide is C's division; by zero, which no kernel does, it is zero.
func divide(a, b uint64, t ctype, rest bool) uint64 {
	switch {
	case b == 0:
		return 0
	case t.signed && int64(b) == -1: // would overflow for the least number
		if rest {
			return 0
		}
		return extend(-a, t)
	case t.signed && rest:
		return uint64(int64(a) % int64(b))
	case t.signed:
		return uint64(int64(a) / int64(b))
	case rest:
		return a % b
	}
	return a / b
}

// call compiles a function with a numeric value.
func (c *compiler) call(n *node) (number, ctype, error) {
	unsigned := ctype{size: 8}
	switch n.text {
	case "__get_dynamic_array_len", "__get_rel_dynamic_array_len":
		at, err := c.dynamic(n)
		return func(d []byte) uint64 { return uint64(len(at(d))) }, intType, err
	case "__get_dynamic_array", "__get_rel_dynamic_array", "__get_str", "__get_rel_str", "__get_sockaddr", "__get_rel_sockaddr":
		_, err := c.dynamic(n)
		return constant(0), ctype{size: c.format.Layout.LongSize}, err // an address in the kernel's buffer
	}
	args := make([]number, len(n.kids))
	types := make([]ctype, len(n.kids))
	for i, kid := range n.kids {
		var err error
		if args[i], types[i], err = c.number(kid); err != nil {
			return nil, ctype{}, err
		}
	}
	switch {
	case len(args) == 2 && n.text == "__builtin_expect":
		return args[0], types[0], nil
	case len(args) != 1:
	case n.text == "jiffies_to_msecs": // how long a jiffy is, no recording tells
		return args[0], types[0], nil
	case n.text == "__print_ns_to_secs":
		return func(d []byte) uint64 { return args[0](d) / 1e9 }, unsigned, nil
	case n.text == "__print_ns_without_secs":
		return func(d []byte) uint64 { return args[0](d) % 1e9 }, ctype{size: 4}, nil
	case n.text == "__le16_to_cpup":
		if n.kids[0].kind != nodeNumber {
			at, _, err := c.place(n.kids[0])
			return func(d []byte) uint64 {
				if b := at(d); len(b) >= 2 {
					return uint64(b[0]) | uint64(b[1])<<8
				}
				return 0
			}, ctype{size: 2}, err
		}
	case n.text == "ntohs" || n.text == "htons" || n.text == "be16_to_cpu" || n.text == "cpu_to_be16":
		if c.format.Layout.BigEndian {
			return args[0], ctype{size: 2}, nil
		}
		return func(d []byte) uint64 { return uint64(bits.ReverseBytes16(uint16(args[0](d)))) }, ctype{size: 2}, nil
	case n.text == "ntohl" || n.text == "htonl" || n.text == "be32_to_cpu" || n.text == "cpu_to_be32":
		if c.format.Layout.BigEndian {
			return args[0], ctype{size: 4}, nil
		}
		return func(d []byte) uint64 { return uint64(bits.ReverseBytes32(uint32(args[0](d)))) }, ctype{size: 4}, nil
	}
	return nil, ctype{}, fmt.Errorf("function %q with %d arguments is not known", n.text, len(args))
}

// dynamic finds the array that a call such as __get_str(name) names.
func (c *compiler) dynamic(n *node) (place, error) {
	if len(n.kids) != 1 || n.kids[0].kind != nodeName {
		return nil, fmt.Errorf("%s takes the name of a field", n.text)
	}
	t := c.format.Text(n.kids[0].text)
	if !t.Valid() {
		return nil, fmt.Errorf("there is no field %q", n.kids[0].text)
	}
	return t.Raw, nil
}

// place compiles an expression that is an address in the event. The type is
// that of what it points to.
func (c *compiler) place(n *node) (place, ctype, error) {
	if err := c.spend(); err != nil {
		return nil, ctype{}, err
	}
	switch n.kind {
	case nodeField:
		f := c.format.Field(n.text)
		if f == nil {
			return nil, ctype{}, fmt.Errorf("there is no field %q", n.text)
		}
		return c.format.Text(n.text).Raw, ctype{size: f.Elem, signed: f.Signed}, nil
	case nodeCall:
		switch n.text {
		case "__get_dynamic_array", "__get_rel_dynamic_array", "__get_str", "__get_rel_str",
			"__get_sockaddr", "__get_rel_sockaddr", "__get_sockaddr_rel":
			at, err := c.dynamic(n)
			if err != nil {
				return nil, ctype{}, err
			}
			f := c.format.Field(n.kids[0].text)
			return at, ctype{size: f.Elem, signed: f.Signed}, nil
		}
	case nodeCast:
		at, elem, err := c.place(n.kids[0])
		if n.typ.pointer {
			elem = ctype{size: n.typ.size, signed: n.typ.signed}
		}
		return at, elem, err
	case nodeUnary:
		if n.text == "&" {
			return c.place(n.kids[0])
		}
	case nodeIndex:
		return c.offset(n.kids[0], n.kids[1])
	case nodeBinary:
		if n.text == "+" {
			return c.offset(n.kids[0], n.kids[1])
		}
	}
	return nil, ctype{}, fmt.Errorf("%s is no address within the event", n)
}

// offset is an address and a number of elements beyond it.
func (c *compiler) offset(base, index *node) (place, ctype, error) {
	at, elem, err := c.place(base)
	if err != nil {
		return nil, ctype{}, err
	}
	i, _, err := c.number(index)
	if err != nil {
		return nil, ctype{}, err
	}
	if elem.size <= 0 {
		return nil, ctype{}, fmt.Errorf("an array of elements whose size is not known")
	}
	size := uint64(elem.size)
	return func(d []byte) []byte {
		b := at(d)
		if k := i(d); k < uint64(len(b))/size {
			return b[k*size:]
		}
		return nil
	}, elem, nil
}
