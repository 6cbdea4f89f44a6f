package wire

import (
	"encoding/binary"
	"errors"
)

// The plan is written as its fields one after the other: numbers as varints, bytes and
// lists with their length before them. It is no JSON because every run waits for the init:
// under emulation a decoder that works by reflection takes longer than everything else that
// the init does.

// Encode writes a plan.
func (p *Plan) Encode() []byte {
	var e encoder
	e.bytes(p.Key)
	e.text(p.Results)
	e.number(int64(len(p.Modules)))
	for _, m := range p.Modules {
		e.text(m.File)
		e.text(m.Name)
		e.text(m.Params)
	}
	for _, s := range []string{p.Root.Kind, p.Root.Tag, p.Root.Device, p.Root.Type} {
		e.text(s)
	}
	e.number(int64(len(p.Steps)))
	for _, s := range p.Steps {
		e.list(s.Argv)
		e.list(s.Env)
		e.text(s.Dir)
	}
	e.list(p.Collect)
	e.number(p.Output)
	e.number(int64(p.Rows))
	e.number(int64(p.Columns))
	if p.Terminal {
		e.number(1)
	} else {
		e.number(0)
	}
	return e.b
}

type encoder struct{ b []byte }

func (e *encoder) number(n int64) { e.b = binary.AppendVarint(e.b, n) }
func (e *encoder) bytes(v []byte) { e.number(int64(len(v))); e.b = append(e.b, v...) }
func (e *encoder) text(s string)  { e.bytes([]byte(s)) }
func (e *encoder) list(l []string) {
	e.number(int64(len(l)))
	for _, s := range l {
		e.text(s)
	}
}

// ErrPlan is the end of what is no plan.
var ErrPlan = errors.New("the plan is damaged")

// Decode reads a plan.
func (p *Plan) Decode(b []byte) error {
	d := decoder{b: b}
	p.Key, p.Results = d.bytes(), d.text()
	for range d.count() {
		p.Modules = append(p.Modules, Module{File: d.text(), Name: d.text(), Params: d.text()})
	}
	p.Root = Root{Kind: d.text(), Tag: d.text(), Device: d.text(), Type: d.text()}
	for range d.count() {
		p.Steps = append(p.Steps, Step{Argv: d.list(), Env: d.list(), Dir: d.text()})
	}
	p.Collect = d.list()
	p.Output, p.Rows, p.Columns = d.number(), int(d.number()), int(d.number())
	p.Terminal = d.number() == 1
	if d.bad || len(d.b) > 0 {
		return ErrPlan
	}
	return nil
}

type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) number() int64 {
	n, size := binary.Varint(d.b)
	if size <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[size:]
	return n
}

// count reads a length, which cannot be more than there are bytes.
func (d *decoder) count() int {
	n := d.number()
	if n < 0 || n > int64(len(d.b)) {
		d.bad, d.b = true, nil
		return 0
	}
	return int(n)
}

func (d *decoder) bytes() []byte {
	n := d.count()
	v := append([]byte(nil), d.b[:n]...)
	d.b = d.b[n:]
	return v
}

func (d *decoder) text() string { return string(d.bytes()) }

func (d *decoder) list() (l []string) {
	for range d.count() {
		l = append(l, d.text())
	}
	return l
}

// Encode writes what a step ended with.
func (x *Ended) Encode() []byte {
	var e encoder
	for _, n := range []int64{int64(x.Step), int64(x.Exit), int64(x.Signal), x.Took, x.Lost} {
		e.number(n)
	}
	e.text(x.Error)
	return e.b
}

// Decode reads it.
func (x *Ended) Decode(b []byte) error {
	d := decoder{b: b}
	x.Step, x.Exit, x.Signal, x.Took, x.Lost = int(d.number()), int(d.number()), int(d.number()), d.number(), d.number()
	x.Error = d.text()
	if d.bad {
		return ErrPlan
	}
	return nil
}

// Number and ParseNumber are the payload of TypeBegun: the number of a step.
func Number(n int) []byte { return binary.AppendVarint(nil, int64(n)) }

// ParseNumber reads it, -1 where it is none.
func ParseNumber(b []byte) int {
	n, size := binary.Varint(b)
	if size <= 0 {
		return -1
	}
	return int(n)
}
