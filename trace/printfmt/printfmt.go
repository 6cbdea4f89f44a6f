// Package printfmt prints trace events in the words of their kernel: as the
// "print fmt" of their format says, a printf format with arguments in C.
//
//	p := printfmt.New(format, catalog) // parsed and compiled once …
//	line = p.Append(line, rec.Data)    // … printed without an allocation
//
// What is understood is the C that kernels write there: fields, arithmetic with
// C's types, conditions, casts, arrays, the __print_* and __get_* helpers, min and
// max as statement expressions, and the kernel's extensions of %p. A format that
// goes beyond is not printed in part: the event says that it could not be parsed
// and lists its fields ([Printer.Err] says why).
//
// trace_printk's own events, whose format is in the event, are printed by a
// [BPrint]. Formats come from files and may be hostile: depth and number of
// expressions are bounded, and what lies outside of an event reads as zero.
package printfmt

import (
	"errors"
	"fmt"
	"strconv"

	"ringside/trace/event"
)

// Failed begins what is printed of an event whose format was not understood.
const Failed = "[FAILED TO PARSE]"

// A Printer prints the events of one format.
type Printer struct {
	ops []op
	raw *event.Printer
	err error

	flags map[uint64]string
}

// op prints one part of a format.
type op struct {
	kind    opKind
	literal string // printed before the value
	verb    verb
	num     number
	field   event.Number // of a value that is a field as it is
	text    text
	width   number
	prec    number
}

type opKind uint8

const (
	opLiteral opKind = iota
	opField
	opNumber
	opText
)

// New compiles a format's print format. Addresses become names by the catalog.
func New(f *event.Format, catalog *event.Catalog) *Printer {
	p := &Printer{raw: event.NewPrinter(f)}
	c := &compiler{format: f, catalog: catalog, left: maxNodes}
	format, args, err := parse(f.PrintFmt, f.Layout)
	if err == nil {
		p.ops, err = c.ops(format, args)
		p.flags = c.seen
	}
	if err != nil {
		p.ops, p.err = nil, fmt.Errorf("event %s:%s: print fmt: %w", f.System, f.Name, err)
	}
	return p
}

// Err says why a format was not understood.
func (p *Printer) Err() error { return p.err }

// Flags are the values that the format's first __print_flags names.
func (p *Printer) Flags() map[uint64]string { return p.flags }

// Fields appends the fields as they are: " name=value" each.
func (p *Printer) Fields(b, data []byte) []byte { return p.raw.Append(b, data) }

// ops compiles a printf format with its arguments.
func (c *compiler) ops(format string, args []*node) ([]op, error) {
	var ops []op
	var literal []byte
	take := func() (*node, error) {
		if len(args) == 0 {
			return nil, fmt.Errorf("%q has more conversions than arguments", format)
		}
		n := args[0]
		args = args[1:]
		return n, nil
	}
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			literal = append(literal, format[i])
			continue
		}
		if i+1 < len(format) && format[i+1] == '%' {
			literal = append(literal, '%')
			i++
			continue
		}
		v, n, err := parseVerb(format[i+1:], c.format.Layout.LongSize)
		if err != nil {
			return nil, err
		}
		i += n
		o := op{literal: string(literal), verb: v}
		literal = nil
		for _, star := range []struct {
			used bool
			to   *number
		}{{v.starWidth, &o.width}, {v.starPr, &o.prec}} {
			if !star.used {
				continue
			}
			arg, err := take()
			if err != nil {
				return nil, err
			}
			if *star.to, _, err = c.number(arg); err != nil {
				return nil, err
			}
		}
		arg, err := take()
		if err != nil {
			return nil, err
		}
		err = c.value(&o, arg)
		var unknown unknownName
		if errors.As(err, &unknown) && v.conv != 's' {
			o = op{literal: o.literal + "?"}
		} else if err != nil {
			return nil, err
		}
		ops = append(ops, o)
	}
	if len(literal) > 0 {
		ops = append(ops, op{literal: string(literal)})
	}
	return ops, nil
}

// value compiles the argument of a conversion.
func (c *compiler) value(o *op, arg *node) (err error) {
	switch o.verb.conv {
	case 's':
		o.kind = opText
		o.text, err = c.text(arg)
	case 'p':
		o.kind = opText
		o.text, err = c.pointer(o.verb, arg, o.width)
		o.width, o.verb = nil, verb{prec: -1} // of a pointer it has another meaning
	default:
		o.kind = opNumber
		var t ctype
		if o.num, t, err = c.number(arg); err != nil {
			return err
		}
		if arg.kind == nodeField && o.verb.plain() && t.size <= o.verb.size && (o.verb.conv == 'u' && !t.signed || o.verb.conv == 'd' && (t.signed || t.size < o.verb.size)) {
			o.kind, o.field = opField, c.format.Uint(arg.text)
		}
	}
	return err
}

// Append appends what an event says.
func (p *Printer) Append(b, data []byte) []byte {
	if p.err != nil {
		return p.raw.Append(append(b, Failed...), data)
	}
	return appendOps(b, p.ops, data)
}

func appendOps(b []byte, ops []op, data []byte) []byte {
	for i := range ops {
		o := &ops[i]
		b = append(b, o.literal...)
		switch o.kind {
		case opField:
			if o.verb.conv == 'd' {
				b = strconv.AppendInt(b, o.field.Int(data), 10)
			} else {
				b = strconv.AppendUint(b, o.field.Uint(data), 10)
			}
		case opNumber:
			if o.width == nil && o.prec == nil {
				b = o.verb.appendNumber(b, o.num(data))
				continue
			}
			v := o.starred(data)
			b = v.appendNumber(b, o.num(data))
		case opText:
			start := len(b)
			b = o.text(b, data)
			switch {
			case o.width != nil || o.prec != nil:
				v := o.starred(data)
				b = v.cut(b, start)
			case o.verb.width > 0 || o.verb.prec >= 0:
				b = o.verb.cut(b, start)
			}
		}
	}
	return b
}

// starred is the conversion with the width and the precision of an event.
func (o *op) starred(data []byte) verb {
	v := o.verb
	if o.width != nil {
		if v.width = int(int32(o.width(data))); v.width < 0 {
			v.minus = true
			v.width = -v.width
		}
		v.width = min(v.width, maxWidth)
	}
	if o.prec != nil {
		v.prec = max(-1, min(int(int32(o.prec(data))), maxWidth))
	}
	return v
}
