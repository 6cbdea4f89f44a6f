package btf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"math/bits"
	"strings"
	"sync"
)

// ID is the number of a type in a Spec. 0 is void.
type ID uint32

// Spec is the BTF of one kernel or module.
type Spec struct {
	base *Spec
	big  bool

	types []byte   // the type section
	offs  []uint32 // where in it the type first+i begins
	first ID       // the first own type: 1, or the one after the base's last

	strs    string // the string section
	strBase uint32 // the offset of its first byte: the base's strings come before

	layout []byte // sizes of kinds, in BTF of kernels since 7.1
	notes  []string
	datas  []ID // types of kind DATASEC

	indexOnce sync.Once
	index     nameIndex
	seed      maphash.Seed

	pointerOnce sync.Once
	pointer     uint32

	fieldMu sync.RWMutex
	fields  map[fieldKey]keptField

	madeMu sync.RWMutex
	made   []byte // types that TypeByName made, madeSize bytes each
	madeID map[madeKey]ID
}

const (
	magic        = 0xeb9f
	headerSize   = 24
	layoutHeader = 32 // headers of this size have a layout section
	typeSize     = 12

	// The kernel's own limits (BTF_MAX_TYPE, BTF_MAX_NAME_OFFSET) are 2^20 and
	// 2^24; twice the kind's growth still fits.
	maxTypes   = 1 << 24
	maxStrings = 1 << 30
)

// ErrNotBTF says that the bytes do not begin with a BTF header.
var ErrNotBTF = errors.New("not BTF: no header with magic 0xeb9f")

// Parse reads BTF; base is that of vmlinux where data is that of a module, else
// nil. It keeps data, which the caller must not change. Damage does not make it
// fail as long as there is a header: what is good is usable, and [Spec.Notes]
// says what is not.
func Parse(data []byte, base *Spec) (*Spec, error) {
	if len(data) < headerSize {
		return nil, fmt.Errorf("%w (only %d bytes)", ErrNotBTF, len(data))
	}
	s := &Spec{base: base, first: 1, seed: maphash.MakeSeed()}
	switch {
	case binary.LittleEndian.Uint16(data) == magic:
	case binary.BigEndian.Uint16(data) == magic:
		s.big = true
	default:
		return nil, fmt.Errorf("%w (%#x)", ErrNotBTF, data[:2])
	}
	if v := data[2]; v != 1 {
		return nil, fmt.Errorf("BTF version %d: only version 1 is known", v)
	}
	header := s.u32(data, 4)
	if header < headerSize || uint64(header) > uint64(len(data)) {
		return nil, fmt.Errorf("BTF header at offset 4 says it is %d bytes long, of %d: the bytes are damaged or cut", header, len(data))
	}
	if base != nil {
		s.first = ID(base.Types() + 1)
		s.strBase = base.strBase + uint32(len(base.strs))
		if base.big != s.big {
			return nil, errors.New("BTF of a module has another byte order than its base: it belongs to another kernel")
		}
	}
	body := data[header:]
	s.types = s.section(body, "types", s.u32(data, 8), s.u32(data, 12))
	strs := s.section(body, "strings", s.u32(data, 16), s.u32(data, 20))
	if header >= layoutHeader {
		s.layout = s.section(body, "layout", s.u32(data, 24), s.u32(data, 28))
	}
	if len(strs) > maxStrings || uint64(len(strs))+uint64(s.strBase) > math.MaxUint32 {
		return nil, fmt.Errorf("BTF string section of %d bytes: not of a kernel", len(strs))
	}
	// One copy, of which every name is a part, instead of one for each name.
	s.strs = string(strs)
	if base == nil && s.strs != "" && s.strs[0] != 0 {
		s.note("strings: the first is not the empty one, names may be wrong")
	}
	s.scan()
	return s, nil
}

// section cuts a section out of the bytes behind the header.
func (s *Spec) section(body []byte, what string, off, n uint32) []byte {
	size := uint64(len(body))
	if uint64(off) > size {
		s.note("%s: begin at offset %d of %d, all are lost", what, off, size)
		return nil
	}
	if end := uint64(off) + uint64(n); end > size {
		s.note("%s: %d bytes of %d are missing at the end", what, end-size, n)
		n = uint32(size - uint64(off))
	}
	return body[off : off+n]
}

// scan remembers where each type begins.
func (s *Spec) scan() {
	s.offs = make([]uint32, 0, len(s.types)/16+1)
	for off := 0; off < len(s.types); {
		id := s.first + ID(len(s.offs))
		left := len(s.types) - off
		if left < typeSize {
			s.note("type %d at offset %d: cut off", id, off)
			return
		}
		if id >= maxTypes {
			s.note("type %d at offset %d: more types than a kernel has, the rest is left out", id, off)
			return
		}
		info := s.u32(s.types, off+4)
		kind := kindOf(info)
		n, known := s.bodySize(kind, vlenOf(info))
		switch {
		case !known:
			s.note("type %d at offset %d: unknown kind %d, the rest is left out", id, off, kind)
			return
		case n > left-typeSize:
			s.note("type %d at offset %d: a %s of %d bytes in the last %d", id, off, kind, typeSize+n, left)
			return
		}
		if kind == KindDatasec {
			s.datas = append(s.datas, id)
		}
		s.offs = append(s.offs, uint32(off))
		off += typeSize + n
	}
}

// bodySize is the number of bytes behind the common part of a type.
func (s *Spec) bodySize(k Kind, vlen int) (n int, known bool) {
	switch k {
	case KindInt, KindVar, KindDeclTag:
		return 4, true
	case KindArray:
		return 12, true
	case KindStruct, KindUnion, KindDatasec, KindEnum64:
		return 12 * vlen, true
	case KindEnum, KindFuncProto:
		return 8 * vlen, true
	case KindPtr, KindFwd, KindTypedef, KindVolatile, KindConst, KindRestrict, KindFunc, KindFloat, KindTypeTag:
		return 0, true
	}
	// struct btf_layout: u8 info_sz, u8 elem_sz, u16 flags, one for each kind.
	if at := int(k) * 4; k != KindVoid && at+4 <= len(s.layout) {
		return int(s.layout[at]) + int(s.layout[at+1])*vlen, true
	}
	return 0, false
}

func (s *Spec) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// Notes says what of the BTF could not be read, empty where all could.
func (s *Spec) Notes() []string { return s.notes }

// Types is the number of types, those of the base included: the highest ID.
func (s *Spec) Types() int { return int(s.first) - 1 + len(s.offs) }

// Base is the Spec that this one is split from, or nil.
func (s *Spec) Base() *Spec { return s.base }

// ByteOrder is that of the kernel.
func (s *Spec) ByteOrder() binary.ByteOrder {
	if s.big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func (s *Spec) u32(b []byte, off int) uint32 {
	v := binary.LittleEndian.Uint32(b[off:])
	if s.big {
		v = bits.ReverseBytes32(v)
	}
	return v
}

// tail returns the strings from an offset on; the name is what is before the
// first NUL. Names are compared with what tail returns, so that looking for one
// does not measure those that it is not.
func (s *Spec) tail(off uint32) string {
	for s.base != nil && off < s.strBase {
		s = s.base
	}
	if off -= s.strBase; uint64(off) < uint64(len(s.strs)) {
		return s.strs[off:]
	}
	return ""
}

// maxName is the longest name that is believed. The kernel allows 512 bytes for
// a symbol (KSYM_NAME_LEN).
const maxName = 1024

func (s *Spec) name(off uint32) string {
	if off == 0 {
		return ""
	}
	t := s.tail(off)
	if i := strings.IndexByte(t[:min(len(t), maxName)], 0); i >= 0 {
		return t[:i]
	}
	return ""
}

// named says whether the string at an offset is the name.
func (s *Spec) named(off uint32, name string) bool {
	t := s.tail(off)
	return len(t) > len(name) && t[len(name)] == 0 && t[:len(name)] == name
}
