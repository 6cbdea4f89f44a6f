package btf

import "iter"

// Type is one type as the compiler wrote it, modifiers and typedefs included.
type Type struct {
	ID   ID
	Kind Kind
	Name string
	// Size in bytes, of kinds that have one of their own; [Spec.Size] knows all.
	Size uint32
	// Elem is what the type refers to: the target of a pointer, the element of an
	// array, what a typedef or modifier stands for, the prototype of a function,
	// the result of a prototype, the type of a variable.
	Elem ID
	// Len counts the elements of an array, else members, values or parameters.
	Len uint32
	// Bits is the width of an integer, Signed, Char and Bool what it holds.
	// Signed speaks for enums too.
	Bits               uint8
	Signed, Char, Bool bool
	// Union says of a forward declaration that it is one of a union.
	Union bool

	spec *Spec
}

// Members of a struct or union.
func (t Type) Members() []Member { return t.spec.Members(t.ID) }

// Member is one member of a struct or union. Of an anonymous one the Name is
// empty. BitSize is 0 where it is no bit-field; BitOffset counts from the
// beginning of the struct, on big-endian machines from the most significant bit.
type Member struct {
	Name               string
	Type               ID
	BitOffset, BitSize uint32
}

// Param is a parameter of a function. The last one of a variadic function has
// neither name nor type.
type Param struct {
	Name string
	Type ID
}

// EnumValue is one value of an enum. An unsigned one above the range of int64 is
// negative here, with the same bits.
type EnumValue struct {
	Name  string
	Value int64
}

// record is a type in its raw form.
type record struct {
	name uint32
	info uint32
	size uint32 // or the type that it refers to
	body []byte
}

func (r record) kind() Kind { return kindOf(r.info) }
func (r record) vlen() int  { return vlenOf(r.info) }

// at finds the record of a type. That of void, or of an ID out of range, is zero.
func (s *Spec) at(id ID) record {
	if id >= firstMade {
		return s.madeAt(id)
	}
	for id < s.first {
		if s.base == nil {
			return record{}
		}
		s = s.base
	}
	i := int(id - s.first)
	if i >= len(s.offs) {
		return record{}
	}
	end := len(s.types)
	if i+1 < len(s.offs) {
		end = int(s.offs[i+1])
	}
	b := s.types[s.offs[i]:end]
	r := record{name: s.u32(b, 0), info: s.u32(b, 4), size: s.u32(b, 8)}
	// The last record has bytes behind it that scan could not read.
	n, _ := s.bodySize(r.kind(), r.vlen())
	r.body = b[typeSize : typeSize+n]
	return r
}

// Type returns a type; one of kind void for an ID that there is not.
func (s *Spec) Type(id ID) Type {
	r := s.at(id)
	t := Type{ID: id, Kind: r.kind(), Name: s.name(r.name), spec: s}
	switch t.Kind {
	case KindVoid:
		t.ID, t.Name = 0, "void"
	case KindInt:
		enc := s.u32(r.body, 0)
		t.Size, t.Bits = r.size, uint8(enc)
		t.Signed, t.Char, t.Bool = enc>>24&1 != 0, enc>>24&2 != 0, enc>>24&4 != 0
	case KindArray:
		t.Elem, t.Len = ID(s.u32(r.body, 0)), s.u32(r.body, 8)
	case KindEnum, KindEnum64:
		t.Size, t.Len, t.Signed = r.size, uint32(r.vlen()), flagOf(r.info)
	case KindStruct, KindUnion, KindDatasec:
		t.Size, t.Len = r.size, uint32(r.vlen())
	case KindFloat:
		t.Size = r.size
	case KindFwd:
		t.Union = flagOf(r.info)
	case KindFuncProto:
		t.Elem, t.Len = ID(r.size), uint32(r.vlen())
	case KindPtr, KindTypedef, KindVolatile, KindConst, KindRestrict, KindFunc, KindVar, KindDeclTag, KindTypeTag:
		t.Elem = ID(r.size)
	}
	return t
}

// maxDepth bounds chains of references: the kernel's own limit is 32.
const maxDepth = 64

// Resolve strips typedefs, const, volatile, restrict and tags. A chain without
// an end resolves to void.
func (s *Spec) Resolve(id ID) ID {
	id, _ = s.resolve(id)
	return id
}

func (s *Spec) resolve(id ID) (ID, record) {
	for range maxDepth {
		r := s.at(id)
		switch r.kind() {
		case KindTypedef, KindVolatile, KindConst, KindRestrict, KindTypeTag:
			id = ID(r.size)
		case KindVoid:
			return 0, r
		default:
			return id, r
		}
	}
	return 0, record{}
}

// Size is that of a value in bytes; false for what has none (void, functions,
// what is only declared, what would not fit into 32 bits).
func (s *Spec) Size(id ID) (uint32, bool) {
	n := uint64(1)
	for range maxDepth {
		_, r := s.resolve(id)
		switch r.kind() {
		case KindInt, KindStruct, KindUnion, KindEnum, KindEnum64, KindFloat, KindDatasec:
			n *= uint64(r.size)
		case KindPtr:
			n *= uint64(s.PointerSize())
		case KindVar:
			id = ID(r.size)
			continue
		case KindArray:
			id = ID(s.u32(r.body, 0))
			if n *= uint64(s.u32(r.body, 8)); n > 1<<32-1 {
				return 0, false
			}
			continue
		default:
			return 0, false
		}
		return uint32(n), n <= 1<<32-1
	}
	return 0, false
}

// PointerSize is that of long, which BTF leaves unsaid for pointers.
func (s *Spec) PointerSize() uint32 {
	if s.base != nil {
		return s.base.PointerSize()
	}
	s.pointerOnce.Do(func() {
		s.pointer = 8
		for _, name := range []string{"long unsigned int", "unsigned long", "long int", "long"} {
			if id, ok := s.Named(KindInt, name); ok && s.at(id).size == 4 {
				s.pointer = 4
			}
		}
	})
	return s.pointer
}

// Members of a struct or union, through typedefs and modifiers.
func (s *Spec) Members(id ID) []Member {
	_, r := s.resolve(id)
	if k := r.kind(); k != KindStruct && k != KindUnion {
		return nil
	}
	members := make([]Member, r.vlen())
	for i := range members {
		members[i] = s.member(r, i)
		members[i].Name = s.name(s.u32(r.body, 12*i))
	}
	return members
}

// member decodes the i-th member but for its name.
func (s *Spec) member(r record, i int) (m Member) {
	m.Type = ID(s.u32(r.body, 12*i+4))
	m.BitOffset = s.u32(r.body, 12*i+8)
	if flagOf(r.info) {
		m.BitSize = m.BitOffset >> 24
		m.BitOffset &= 1<<24 - 1
		return m
	}
	// Structs without the flag have bit-fields too: those whose offset did not
	// need 24 bits are integers of an odd width (pahole before 1.13).
	if _, t := s.resolve(m.Type); t.kind() == KindInt {
		if enc := s.u32(t.body, 0); enc&0xff != t.size*8 {
			m.BitSize = enc & 0xff
			m.BitOffset += enc >> 16 & 0xff
		}
	}
	return m
}

// Enum returns the values of an enum, through typedefs and modifiers.
func (s *Spec) Enum(id ID) []EnumValue {
	_, r := s.resolve(id)
	if k := r.kind(); k != KindEnum && k != KindEnum64 {
		return nil
	}
	values := make([]EnumValue, r.vlen())
	for i := range values {
		name, v := s.enumValue(r, i)
		values[i] = EnumValue{s.name(name), v}
	}
	return values
}

// EnumName is the name of a value, the first where there are several.
func (s *Spec) EnumName(id ID, v int64) (string, bool) {
	_, r := s.resolve(id)
	if k := r.kind(); k != KindEnum && k != KindEnum64 {
		return "", false
	}
	for i := range r.vlen() {
		name, w := s.enumValue(r, i)
		// Before 6.0 no flag told the sign of an enum, so -1 may be in it as
		// 0xffffffff; in 32 bits both are the same.
		if w == v || r.kind() == KindEnum && r.size <= 4 && v == int64(int32(w)) {
			return s.name(name), true
		}
	}
	return "", false
}

func (s *Spec) enumValue(r record, i int) (name uint32, v int64) {
	if r.kind() == KindEnum64 {
		b := r.body[12*i:]
		return s.u32(b, 0), int64(s.u32(b, 8))<<32 | int64(s.u32(b, 4))
	}
	b := r.body[8*i:]
	raw := s.u32(b, 4)
	if flagOf(r.info) {
		return s.u32(b, 0), int64(int32(raw))
	}
	return s.u32(b, 0), int64(raw)
}

// Func finds the prototype of a function, with the names of its parameters.
func (s *Spec) Func(name string) (ID, bool) {
	id, ok := s.Named(KindFunc, name)
	if !ok {
		return 0, false
	}
	proto := ID(s.at(id).size)
	return proto, s.at(proto).kind() == KindFuncProto
}

// Params of a function or of its prototype.
func (s *Spec) Params(id ID) []Param {
	_, r := s.resolve(id)
	if r.kind() == KindFunc {
		_, r = s.resolve(ID(r.size))
	}
	if r.kind() != KindFuncProto {
		return nil
	}
	params := make([]Param, r.vlen())
	for i := range params {
		params[i] = Param{s.name(s.u32(r.body, 8*i)), ID(s.u32(r.body, 8*i+4))}
	}
	return params
}

// Var is a variable whose type is known. In kernels that are only per-CPU ones,
// of section ".data..percpu"; Offset counts from the beginning of the section.
type Var struct {
	Name         string
	Type         ID
	Offset, Size uint32
	Section      string
}

// Vars are the variables of this Spec; those of its base, whose offsets count
// from another beginning, are not among them.
func (s *Spec) Vars() iter.Seq[Var] {
	return func(yield func(Var) bool) {
		for _, id := range s.datas {
			r := s.at(id)
			section := s.name(r.name)
			for i := range r.vlen() {
				b := r.body[12*i:]
				v := s.at(ID(s.u32(b, 0)))
				if v.kind() != KindVar {
					continue
				}
				if !yield(Var{s.name(v.name), ID(v.size), s.u32(b, 4), s.u32(b, 8), section}) {
					return
				}
			}
		}
	}
}
