package kernel

import (
	"fmt"
	"iter"
	"strings"

	"ringside/symbol/btf"
)

// Value is a typed place in the kernel's memory. The zero Value is nothing, and
// all that is asked of nothing is zero: a NULL pointer is the end of a path, not
// a fault.
type Value struct {
	w    *Walk
	spec *btf.Spec
	typ  btf.ID
	addr uint64
	// of a bit-field
	bitOff, bitSize uint32
}

// At returns the value of a C type at an address: "struct task_struct", "u64",
// "char [16]".
func (w *Walk) At(typ string, addr uint64) Value {
	id, ok := w.k.TypeID(typ)
	if !ok {
		w.fault(Fault{Addr: addr, Path: typ, Text: "the kernel has no type of this name"})
		return Value{}
	}
	return w.Typed(w.k.Types, id, addr)
}

// Typed returns the value of a type of a BTF at an address.
func (w *Walk) Typed(spec *btf.Spec, id btf.ID, addr uint64) Value {
	if addr == 0 || spec == nil {
		return Value{}
	}
	return Value{w: w, spec: spec, typ: id, addr: w.k.Canonical(addr)}
}

// Global returns a global variable. BTF knows the types of few variables, so the
// caller says it.
func (w *Walk) Global(symbol, typ string) Value {
	addr, ok := w.k.Symbol(symbol)
	if !ok {
		w.fault(Fault{Path: symbol, Text: "the kernel has no symbol of this name"})
		return Value{}
	}
	return w.At(typ, addr)
}

// PerCPU returns one CPU's copy of a per-CPU variable, whose type BTF knows;
// where it does not, typ is taken.
func (w *Walk) PerCPU(symbol, typ string, cpu int) Value {
	addr, ok := w.k.Symbol(symbol)
	if !ok {
		w.fault(Fault{Path: symbol, Text: "the kernel has no per-CPU variable of this name"})
		return Value{}
	}
	addr, ok = w.k.PerCPU(addr, cpu)
	if !ok {
		w.fault(Fault{Path: symbol, Text: fmt.Sprintf("there is no per-CPU area of CPU %d", cpu)})
		return Value{}
	}
	if id, ok := w.k.perCPUType(symbol); ok && typ == "" {
		return w.Typed(w.k.Types, id, addr)
	}
	return w.At(typ, addr)
}

// Valid reports whether there is anything.
func (v Value) Valid() bool { return v.w != nil }

// Addr returns where it is.
func (v Value) Addr() uint64 { return v.addr }

// Walk returns the walk that reads it.
func (v Value) Walk() *Walk { return v.w }

// Spec and TypeID return its type.
func (v Value) Spec() *btf.Spec { return v.spec }

// TypeID returns its type within [Value.Spec].
func (v Value) TypeID() btf.ID { return v.typ }

// Type returns its type as C writes it.
func (v Value) Type() string {
	if v.w == nil {
		return ""
	}
	return v.spec.String(v.typ)
}

// Size returns the size of its type.
func (v Value) Size() int {
	if v.w == nil {
		return 0
	}
	n, _ := v.spec.Size(v.typ)
	return int(n)
}

// Has reports whether its type has a member, which may be a path: "se.vruntime".
func (v Value) Has(path string) bool {
	if v.w == nil {
		return false
	}
	_, ok := v.spec.Field(v.typ, path)
	return ok
}

// Field returns a member. A path goes through members that are structures, not
// through pointers; anonymous ones need no name.
func (v Value) Field(path string) Value {
	if v.w == nil {
		return Value{}
	}
	f, ok := v.spec.Field(v.typ, path)
	if !ok {
		v.w.fault(Fault{Addr: v.addr, Path: v.Type() + "." + path, Text: "the type has no such member"})
		return Value{}
	}
	return Value{w: v.w, spec: v.spec, typ: f.Type, addr: v.addr + uint64(f.Offset), bitOff: f.BitOffset, bitSize: f.BitSize}
}

// First returns the first member that there is: kernels rename them.
func (v Value) First(paths ...string) Value {
	for _, p := range paths {
		if v.Has(p) {
			return v.Field(p)
		}
	}
	if v.w != nil {
		v.w.fault(Fault{Addr: v.addr, Path: v.Type() + "." + strings.Join(paths, "|"), Text: "the type has no such member"})
	}
	return Value{}
}

// Follow goes along members that are pointers: v.Follow("mm", "exe_file") is
// v->mm->exe_file, dereferenced.
func (v Value) Follow(paths ...string) Value {
	for _, p := range paths {
		v = v.Field(p).Deref()
	}
	return v
}

// Uint returns an integer, an enum, a pointer or a bit-field.
func (v Value) Uint() uint64 {
	if v.w == nil {
		return 0
	}
	size := v.Size()
	if size < 1 || size > 8 {
		v.w.fault(Fault{Addr: v.addr, Path: v.Type(), Text: "it is not an integer"})
		return 0
	}
	n, err := v.w.Uint(v.addr, size)
	if err != nil {
		v.failed(err)
		return 0
	}
	if v.bitSize > 0 {
		shift := v.bitOff
		if v.w.k.BigEndian() {
			shift = uint32(size)*8 - v.bitOff - v.bitSize
		}
		n = n >> shift & (1<<v.bitSize - 1)
	}
	return n
}

// Int returns a signed integer.
func (v Value) Int() int64 {
	bits := uint(v.Size() * 8)
	if v.bitSize > 0 {
		bits = uint(v.bitSize)
	}
	n := v.Uint()
	if bits == 0 || bits >= 64 {
		return int64(n)
	}
	return int64(n<<(64-bits)) >> (64 - bits)
}

// Bool reports whether it is not zero.
func (v Value) Bool() bool { return v.Uint() != 0 }

// Ptr returns a pointer's value.
func (v Value) Ptr() uint64 {
	if v.w == nil {
		return 0
	}
	return v.w.k.Canonical(v.Uint())
}

// IsPointer reports whether it is one.
func (v Value) IsPointer() bool {
	return v.w != nil && v.spec.Type(v.spec.Resolve(v.typ)).Kind == btf.KindPtr
}

// Deref returns what a pointer points to; nothing where it is NULL.
func (v Value) Deref() Value {
	if v.w == nil {
		return Value{}
	}
	t := v.spec.Type(v.spec.Resolve(v.typ))
	if t.Kind != btf.KindPtr {
		v.w.fault(Fault{Addr: v.addr, Path: v.Type(), Text: "it is not a pointer"})
		return Value{}
	}
	return v.w.Typed(v.spec, t.Elem, v.Ptr())
}

// As returns the same place as another type.
func (v Value) As(typ string) Value {
	if v.w == nil {
		return Value{}
	}
	return v.w.At(typ, v.addr)
}

// Len returns the length of an array.
func (v Value) Len() int {
	if v.w == nil {
		return 0
	}
	t := v.spec.Type(v.spec.Resolve(v.typ))
	if t.Kind != btf.KindArray {
		return 0
	}
	return int(t.Len)
}

// Index returns an element of an array, or of what a pointer points to the first
// of. An array's length is not checked: many end in one that has none.
func (v Value) Index(i int) Value {
	if v.w == nil {
		return Value{}
	}
	t := v.spec.Type(v.spec.Resolve(v.typ))
	base := v.addr
	switch t.Kind {
	case btf.KindArray:
	case btf.KindPtr:
		if base = v.Ptr(); base == 0 {
			return Value{}
		}
	default:
		v.w.fault(Fault{Addr: v.addr, Path: v.Type(), Text: "it has no elements"})
		return Value{}
	}
	size, _ := v.spec.Size(t.Elem)
	return v.w.Typed(v.spec, t.Elem, base+uint64(int64(i)*int64(size)))
}

// Elements goes through an array.
func (v Value) Elements() iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		for i := range v.Len() {
			if v.w.Err() != nil || !yield(i, v.Index(i)) {
				return
			}
		}
	}
}

// maxText bounds the strings that are read through a pointer.
const maxText = 4096

// Str returns the text of a char array, or what a char pointer points to.
func (v Value) Str() string {
	if v.w == nil {
		return ""
	}
	t := v.spec.Type(v.spec.Resolve(v.typ))
	addr, n := v.addr, maxText
	switch t.Kind {
	case btf.KindArray:
		if t.Len > 0 {
			n = min(int(t.Len), maxText)
		}
	case btf.KindPtr:
		if addr = v.Ptr(); addr == 0 {
			return ""
		}
	default:
		v.w.fault(Fault{Addr: v.addr, Path: v.Type(), Text: "it is not text"})
		return ""
	}
	s, err := v.w.CString(addr, n)
	if err != nil {
		v.failed(err)
	}
	return s
}

// Container returns the structure whose member this is.
func (v Value) Container(typ, member string) Value {
	if v.w == nil {
		return Value{}
	}
	id, ok := v.w.k.TypeID(typ)
	if !ok {
		v.w.fault(Fault{Addr: v.addr, Path: typ, Text: "the kernel has no type of this name"})
		return Value{}
	}
	f, ok := v.w.k.Types.Field(id, member)
	if !ok {
		v.w.fault(Fault{Addr: v.addr, Path: typ + "." + member, Text: "the type has no such member"})
		return Value{}
	}
	return v.w.Typed(v.w.k.Types, id, v.addr-uint64(f.Offset))
}

// Enum returns the name of an enum's value, or the number.
func (v Value) Enum() string {
	if v.w == nil {
		return ""
	}
	n := v.Int()
	if name, ok := v.spec.EnumName(v.spec.Resolve(v.typ), n); ok {
		return name
	}
	return fmt.Sprint(n)
}

// Fault keeps something that is wrong with it.
func (v Value) Fault(text string) {
	if v.w != nil {
		v.w.fault(Fault{Addr: v.addr, Path: v.Type(), Text: text})
	}
}

func (v Value) failed(err error) {
	if v.w.stop == nil {
		v.w.fault(Fault{Addr: v.addr, Path: v.Type(), Text: err.Error()})
	}
}

// Member returns a member that the type's own list has.
func (v Value) Member(m btf.Member) Value {
	if v.w == nil {
		return Value{}
	}
	f := Value{w: v.w, spec: v.spec, typ: m.Type, addr: v.addr + uint64(m.BitOffset/8)}
	if m.BitSize != 0 {
		// A bit-field is read as a whole of its type, aligned as that is.
		size := uint32(max(f.Size(), 1))
		at := m.BitOffset / (size * 8) * size
		f.addr, f.bitOff, f.bitSize = v.addr+uint64(at), m.BitOffset-at*8, m.BitSize
	}
	return f
}
