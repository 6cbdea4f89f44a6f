package btf

import (
	"strconv"
	"strings"
)

// Field is where a member is in its struct. Offset is that of the byte that it
// begins in; for a bit-field, of BitSize bits, BitOffset counts on from there, on
// little-endian machines from the least significant bit.
type Field struct {
	Type               ID
	Offset             uint32
	BitOffset, BitSize uint32
}

type fieldKey struct {
	id   ID
	path string
}

// keptField is what was found at a path, or that nothing was.
type keptField struct {
	field Field
	ok    bool
}

// maxFields bounds what is remembered. The analysers ask for some hundred, users
// for what they like.
const maxFields = 1 << 14

// Field finds a member by its path, "se.sum_exec_runtime" or "numbers[0].nr", in
// a struct or union and what is anonymous in it. An index may be beyond the end:
// arrays at the end of structs go on. It does not follow pointers.
func (s *Spec) Field(id ID, path string) (Field, bool) {
	key := fieldKey{id, path}
	s.fieldMu.RLock()
	kept, known := s.fields[key]
	s.fieldMu.RUnlock()
	if known {
		return kept.field, kept.ok
	}
	f, ok := s.walk(id, path)
	s.fieldMu.Lock()
	defer s.fieldMu.Unlock()
	if s.fields == nil {
		s.fields = make(map[fieldKey]keptField)
	}
	if len(s.fields) < maxFields {
		key.path = strings.Clone(path)
		s.fields[key] = keptField{f, ok}
	}
	return f, ok
}

func (s *Spec) walk(id ID, path string) (Field, bool) {
	bit := uint64(0)
	size := uint32(0)
	for part := range strings.SplitSeq(path, ".") {
		name, index, indexed := strings.Cut(part, "[")
		steps := maxSteps
		m, ok := s.find(id, name, &steps, 0)
		if !ok {
			return Field{}, false
		}
		bit += uint64(m.BitOffset)
		id, size = m.Type, m.BitSize
		for indexed {
			number, after, ok := strings.Cut(index, "]")
			n, err := strconv.ParseUint(number, 0, 32)
			if !ok || err != nil || size != 0 {
				return Field{}, false
			}
			_, r := s.resolve(id)
			if r.kind() != KindArray {
				return Field{}, false
			}
			id = ID(s.u32(r.body, 0))
			elem, ok := s.Size(id)
			// Both factors are 32 bits wide, the product times 8 is checked below
			// before it can wrap.
			if at := n * uint64(elem); !ok || at > 1<<32-1 {
				return Field{}, false
			} else {
				bit += at * 8
			}
			if index, indexed = strings.CutPrefix(after, "["); !indexed && after != "" {
				return Field{}, false
			}
		}
		if bit/8 > 1<<32-1 {
			return Field{}, false
		}
	}
	f := Field{Type: id, Offset: uint32(bit / 8)}
	if size != 0 {
		f.BitOffset, f.BitSize = uint32(bit%8), size
	}
	return f, true
}

// maxSteps bounds the members that one name is compared with. The largest struct
// of the kernel has some five hundred.
const maxSteps = 1 << 13

// find looks for a member in a struct and in the anonymous ones inside. The
// member's offset is from the beginning of the outermost.
func (s *Spec) find(id ID, name string, steps *int, depth int) (Member, bool) {
	_, r := s.resolve(id)
	if k := r.kind(); name == "" || depth > maxDepth || k != KindStruct && k != KindUnion {
		return Member{}, false
	}
	for i := range r.vlen() {
		if *steps--; *steps < 0 {
			return Member{}, false
		}
		off := s.u32(r.body, 12*i)
		if s.named(off, name) {
			return s.member(r, i), true
		}
		if off != 0 {
			continue
		}
		if m, ok := s.find(ID(s.u32(r.body, 12*i+4)), name, steps, depth+1); ok {
			m.BitOffset += s.member(r, i).BitOffset
			return m, true
		}
	}
	return Member{}, false
}

// At is the path of what is at an offset into a value: 0x38 of a struct file is
// "f_inode". It goes down to what a machine instruction would read, but not into
// what wraps one thing only (atomic_t, refcount_t). Of a union the first member
// that reaches so far speaks for all. In the middle of a value it ends like "+2";
// it is empty where there is padding, or nothing any more.
func (s *Spec) At(id ID, offset uint32) string {
	var path strings.Builder
	steps := maxSteps
	if !s.at1(&path, id, offset, &steps, 0) {
		return ""
	}
	return strings.TrimPrefix(path.String(), ".")
}

func (s *Spec) at1(path *strings.Builder, id ID, offset uint32, steps *int, depth int) bool {
	if depth > maxDepth {
		return false
	}
	_, r := s.resolve(id)
	if size, ok := s.Size(id); !ok || offset >= size {
		return depth == 0 && s.atTrailing(path, r, offset, steps)
	}
	switch r.kind() {
	case KindArray:
		elem := ID(s.u32(r.body, 0))
		n, ok := s.Size(elem)
		if !ok || n == 0 {
			return false
		}
		path.WriteByte('[')
		path.WriteString(strconv.FormatUint(uint64(offset/n), 10))
		path.WriteByte(']')
		return s.at1(path, elem, offset%n, steps, depth+1)
	case KindStruct, KindUnion:
	default:
		if offset != 0 {
			path.WriteByte('+')
			path.WriteString(strconv.FormatUint(uint64(offset), 10))
		}
		return true
	}
	if depth > 0 && offset == 0 && s.wraps(r) {
		return true
	}
	for i := range r.vlen() {
		if *steps--; *steps < 0 {
			return false
		}
		m := s.member(r, i)
		start := m.BitOffset / 8
		if start > offset {
			continue
		}
		before := path.Len()
		if name := s.name(s.u32(r.body, 12*i)); name != "" {
			path.WriteByte('.')
			path.WriteString(name)
		}
		if m.BitSize != 0 {
			if offset <= (m.BitOffset+m.BitSize-1)/8 {
				return true
			}
		} else if s.at1(path, m.Type, offset-start, steps, depth+1) {
			return true
		}
		cut := path.String()[:before]
		path.Reset()
		path.WriteString(cut)
	}
	return false
}

// atTrailing goes on behind the end of a struct, in an array whose length the
// type does not say.
func (s *Spec) atTrailing(path *strings.Builder, r record, offset uint32, steps *int) bool {
	if r.kind() != KindStruct || r.vlen() == 0 {
		return false
	}
	last := r.vlen() - 1
	m := s.member(r, last)
	_, array := s.resolve(m.Type)
	if array.kind() != KindArray || s.u32(array.body, 8) != 0 || offset < m.BitOffset/8 {
		return false
	}
	elem := ID(s.u32(array.body, 0))
	n, ok := s.Size(elem)
	if !ok || n == 0 {
		return false
	}
	offset -= m.BitOffset / 8
	path.WriteString(s.name(s.u32(r.body, 12*last)))
	path.WriteByte('[')
	path.WriteString(strconv.FormatUint(uint64(offset/n), 10))
	path.WriteByte(']')
	return s.at1(path, elem, offset%n, steps, 1)
}

// wraps says whether a struct has one scalar member and nothing else.
func (s *Spec) wraps(r record) bool {
	for range maxDepth {
		if r.vlen() != 1 {
			return false
		}
		_, r = s.resolve(ID(s.u32(r.body, 4)))
		switch r.kind() {
		case KindStruct, KindUnion:
		case KindArray:
			return false
		default:
			return true
		}
	}
	return false
}
