package script

import (
	"fmt"
	"hash/maphash"
	"strings"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"ringside/symbol/btf"
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// place is a structure, an array or a pointer in the kernel's memory. Of a
// pointer, to is where it points.
type place struct {
	s  *session
	v  kernel.Value
	to uint64
}

var (
	_ starlark.HasAttrs   = place{}
	_ starlark.Mapping    = place{}
	_ starlark.Iterable   = place{}
	_ starlark.Comparable = place{}
)

func kindOf(v kernel.Value) btf.Type { return v.Spec().Type(v.Spec().Resolve(v.TypeID())) }

// load makes a value of the language of a place in memory.
func (s *session) load(v kernel.Value) (starlark.Value, error) {
	if !v.Valid() {
		return starlark.None, nil
	}
	t := kindOf(v)
	if t.Kind == btf.KindStruct || t.Kind == btf.KindUnion {
		return place{s: s, v: v}, nil
	}
	if n := v.Size(); n > 0 && !s.w.Readable(v.Addr(), min(n, 8)) {
		return nil, s.missing(v)
	}
	switch t.Kind {
	case btf.KindArray:
		if isChar(v.Spec(), t.Elem) {
			return starlark.String(v.Str()), nil
		}
		return place{s: s, v: v}, nil
	case btf.KindPtr:
		to := v.Ptr()
		switch {
		case to == 0:
			return starlark.None, nil
		case isChar(v.Spec(), t.Elem) && s.w.Readable(to, 1):
			return starlark.String(v.Str()), nil
		}
		return place{s: s, v: v, to: to}, nil
	case btf.KindEnum, btf.KindEnum64:
		return starlark.String(v.Enum()), nil
	}
	switch {
	case t.Bool:
		return starlark.Bool(v.Bool()), nil
	case t.Signed:
		return starlark.MakeInt64(v.Int()), nil
	}
	return starlark.MakeUint64(v.Uint()), nil
}

// isChar reports whether a type is char itself: other bytes are numbers.
func isChar(spec *btf.Spec, id btf.ID) bool {
	t := spec.Type(spec.Resolve(id))
	return t.Kind == btf.KindInt && t.Size == 1 && t.Name == "char"
}

func (s *session) missing(v kernel.Value) error {
	if err := s.w.Err(); err != nil {
		return err
	}
	return fmt.Errorf("%s at %#x is not in the dump", v.Type(), v.Addr())
}

// addr is where a structure is, or where a pointer points.
func (p place) addr() uint64 {
	if p.to != 0 {
		return p.to
	}
	return p.v.Addr()
}

// target is the structure, of a pointer the one that it points to.
func (p place) target() kernel.Value {
	if p.to != 0 {
		return p.s.w.Typed(p.v.Spec(), kindOf(p.v).Elem, p.to)
	}
	return p.v
}

func (p place) String() string {
	if p.to != 0 {
		return fmt.Sprintf("(%s) %#x", p.v.Type(), p.to)
	}
	return fmt.Sprintf("%s at %#x", p.v.Type(), p.v.Addr())
}

// Type implements starlark.Value with the type that C has for it.
func (p place) Type() string         { return p.v.Type() }
func (p place) Freeze()              {}
func (p place) Truth() starlark.Bool { return true }

func (p place) Hash() (uint32, error) {
	return uint32(maphash.Comparable(seed, p.addr())), nil
}

var seed = maphash.MakeSeed()

// CompareSameType compares addresses: two ways to the same object are equal.
func (p place) CompareSameType(op syntax.Token, y starlark.Value, _ int) (bool, error) {
	other, ok := y.(place)
	switch op {
	case syntax.EQL:
		return ok && p.addr() == other.addr(), nil
	case syntax.NEQ:
		return !ok || p.addr() != other.addr(), nil
	}
	return false, fmt.Errorf("%s %s %s: structures have no order; k.addr() of them has", p.Type(), op, y.Type())
}

// Attr implements starlark.HasAttrs with the members.
func (p place) Attr(name string) (starlark.Value, error) {
	v := p.target()
	if !v.Has(name) {
		return nil, nil // the language says that there is no such attribute
	}
	return p.s.load(v.Field(name))
}

func (p place) AttrNames() []string {
	v := p.target()
	if !v.Valid() {
		return nil
	}
	return memberNames(v.Spec(), v.Spec().Resolve(v.TypeID()), 0)
}

func memberNames(spec *btf.Spec, id btf.ID, depth int) []string {
	const deepest = 8
	var out []string
	for _, m := range spec.Members(id) {
		if m.Name != "" {
			out = append(out, m.Name)
		} else if depth < deepest {
			out = append(out, memberNames(spec, spec.Resolve(m.Type), depth+1)...)
		}
	}
	return out
}

// Get implements starlark.Mapping with the elements.
func (p place) Get(key starlark.Value) (starlark.Value, bool, error) {
	i, err := starlark.AsInt32(key)
	if err != nil {
		return nil, false, fmt.Errorf("an index of %s is a number: %w", p.Type(), err)
	}
	if kindOf(p.v).Kind != btf.KindArray && p.to == 0 {
		return nil, false, fmt.Errorf("%s has members, and no elements", p.Type())
	}
	if n := p.v.Len(); n > 0 && (i < 0 || i >= n) {
		return nil, false, fmt.Errorf("%s has no element %d", p.Type(), i)
	}
	v, err := p.s.load(p.v.Index(i))
	return v, err == nil, err
}

// Iterate implements starlark.Iterable for arrays.
func (p place) Iterate() starlark.Iterator {
	return &iterator{p: p}
}

type iterator struct {
	p  place
	at int
}

func (i *iterator) Next(v *starlark.Value) bool {
	if i.at >= i.p.v.Len() {
		return false
	}
	x, err := i.p.s.load(i.p.v.Index(i.at))
	if err != nil {
		x = starlark.None // an iterator has no errors; what is missing is None
	}
	*v = x
	i.at++
	return true
}

func (i *iterator) Done() {}

// task is a task: what is worked out about it, and the members of its
// task_struct.
type task struct {
	place
	t object.Task
}

func (t task) String() string { return fmt.Sprintf("%s:%d", t.t.Comm, t.t.PID) }

// Attr implements starlark.HasAttrs.
func (t task) Attr(name string) (starlark.Value, error) {
	switch name {
	case "state":
		return starlark.String(t.t.State.Letter), nil
	case "comm":
		return starlark.String(strings.ToValidUTF8(t.t.Comm, "?")), nil
	case "ppid":
		return starlark.MakeInt(t.t.PPID), nil
	case "cpu":
		return starlark.MakeInt(t.t.CPU), nil
	case "on_cpu":
		return starlark.Bool(t.t.OnCPU), nil
	case "kernel":
		return starlark.Bool(t.t.Kernel), nil
	case "rss":
		return starlark.MakeUint64(t.t.RSS), nil
	case "ran":
		return seconds(t.t.Ran), nil
	case "waited":
		if !t.t.KnowsWaited {
			return starlark.None, nil
		}
		return seconds(t.t.Waited), nil
	}
	return t.place.Attr(name)
}

func seconds(d time.Duration) starlark.Value { return starlark.Float(d.Seconds()) }

// CompareSameType implements starlark.Comparable.
func (t task) CompareSameType(op syntax.Token, y starlark.Value, depth int) (bool, error) {
	if other, ok := y.(task); ok {
		y = other.place
	}
	return t.place.CompareSameType(op, y, depth)
}
