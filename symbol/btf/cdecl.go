package btf

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// TypeByName finds the type of a C type name: "struct list_head", "u64",
// "enum pid_type", "unsigned long", "struct page *", "int [4]", "char *[2]".
// Pointers and arrays are made where the compiler has not. A single word is a
// typedef, an integer, or the tag of a struct, union or enum, in this order.
func (s *Spec) TypeByName(cdecl string) (ID, bool) {
	words, rest := typeWords(cdecl)
	id, ok := s.baseType(words)
	if !ok {
		return 0, false
	}
	// The suffix: any number of *, then any number of [n].
	for {
		rest = strings.TrimLeft(rest, " \t")
		for _, qualifier := range []string{"const", "volatile", "restrict", "__user", "__rcu", "__percpu", "__iomem"} {
			if after, ok := strings.CutPrefix(rest, qualifier); ok {
				rest = strings.TrimLeft(after, " \t")
			}
		}
		after, ok := strings.CutPrefix(rest, "*")
		if !ok {
			break
		}
		rest = after
		if id, ok = s.make(madeKey{kind: KindPtr, elem: id}); !ok {
			return 0, false
		}
	}
	var dims []uint32
	for rest != "" {
		n, after, ok := strings.Cut(strings.TrimPrefix(rest, "["), "]")
		if !ok || rest[0] != '[' || len(dims) == maxDepth {
			return 0, false
		}
		dim := uint64(0)
		if n = strings.TrimSpace(n); n != "" {
			var err error
			if dim, err = strconv.ParseUint(n, 0, 32); err != nil {
				return 0, false
			}
		}
		dims = append(dims, uint32(dim))
		rest = strings.TrimLeft(after, " \t")
	}
	// int [2][3] is two arrays of three: the last is made first.
	for i := len(dims) - 1; i >= 0; i-- {
		if id, ok = s.make(madeKey{KindArray, id, dims[i]}); !ok {
			return 0, false
		}
	}
	return id, true
}

// typeWords cuts the words off that a type name begins with, less qualifiers.
func typeWords(cdecl string) (words []string, rest string) {
	rest = cdecl
	for {
		rest = strings.TrimLeft(rest, " \t")
		n := 0
		for n < len(rest) && isIdent(rest[n]) {
			n++
		}
		if n == 0 || len(words) == 8 {
			return words, rest
		}
		switch w := rest[:n]; w {
		case "const", "volatile":
		default:
			words = append(words, w)
		}
		rest = rest[n:]
	}
}

func isIdent(c byte) bool {
	return c == '_' || c >= 0x80 || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func (s *Spec) baseType(words []string) (ID, bool) {
	switch len(words) {
	case 0:
		return 0, false
	case 1:
		if words[0] == "void" {
			return 0, true
		}
		for _, kind := range []Kind{KindTypedef, KindInt, KindFloat} {
			if id, ok := s.Named(kind, words[0]); ok {
				return id, true
			}
		}
		if id, ok := s.integer(words); ok {
			return id, true
		}
		if id, ok := s.Struct(words[0]); ok {
			return id, true
		}
		return s.enum(words[0])
	case 2:
		switch words[0] {
		case "struct", "union":
			if id, ok := s.Struct(words[0] + " " + words[1]); ok {
				return id, true
			}
			// Only declared: good enough to be pointed to.
			return s.Named(KindFwd, words[1])
		case "enum":
			return s.enum(words[1])
		}
	}
	return s.integer(words)
}

func (s *Spec) enum(tag string) (ID, bool) {
	return s.lookup(tag, func(r record) bool { return r.kind() == KindEnum || r.kind() == KindEnum64 })
}

// integer finds an integer type whose name has the same meaning: compilers do
// not agree on "long unsigned int" and "unsigned long".
func (s *Spec) integer(words []string) (ID, bool) {
	longs, short, char, wide := 0, false, false, false
	sign := ""
	for _, w := range words {
		switch w {
		case "long":
			longs++
		case "short":
			short = true
		case "char":
			char = true
		case "int":
		case "signed", "unsigned":
			sign = w
		case "__int128":
			wide = true
		default:
			return 0, false
		}
	}
	var names []string
	unsigned := sign == "unsigned"
	switch {
	case wide && unsigned:
		names = []string{"__int128 unsigned", "unsigned __int128"}
	case wide:
		names = []string{"__int128"}
	case char && sign != "":
		names = []string{sign + " char"}
	case char:
		names = []string{"char"}
	default:
		width := [...]string{"", "long", "long long"}[min(longs, 2)]
		if short {
			width = "short"
		}
		switch {
		case width == "" && unsigned:
			names = []string{"unsigned int"}
		case width == "":
			names = []string{"int"}
		case unsigned:
			names = []string{width + " unsigned int", "unsigned " + width}
		default:
			names = []string{width + " int", width}
		}
	}
	for _, name := range names {
		if id, ok := s.Named(KindInt, name); ok {
			return id, true
		}
	}
	return 0, false
}

// Types that are made have IDs above those of any BTF; those made by a Spec that
// is split are above those made by a base.
const (
	firstMade      ID = 1 << 31
	firstMadeSplit ID = 3 << 30
	madeSize          = typeSize + 12
	maxMade           = 1 << 16
)

type madeKey struct {
	kind Kind
	elem ID
	n    uint32
}

// make returns a pointer or array type, kept in the same raw form that a compiled
// one has, so that nothing else needs to know.
func (s *Spec) make(key madeKey) (ID, bool) {
	s.madeMu.Lock()
	defer s.madeMu.Unlock()
	if id, ok := s.madeID[key]; ok {
		return id, true
	}
	if len(s.madeID) >= maxMade {
		return 0, false
	}
	order := s.ByteOrder().(binary.AppendByteOrder)
	id := firstMade
	if s.base != nil {
		id = firstMadeSplit
	}
	id += ID(len(s.made) / madeSize)
	b := order.AppendUint32(s.made, 0)
	b = order.AppendUint32(b, uint32(key.kind)<<24)
	if key.kind == KindPtr {
		b = order.AppendUint32(b, uint32(key.elem))
		b = append(b, make([]byte, 12)...)
	} else {
		b = order.AppendUint32(b, 0)
		b = order.AppendUint32(b, uint32(key.elem))
		b = order.AppendUint32(b, 0) // the type of the index, which nobody asks for
		b = order.AppendUint32(b, key.n)
	}
	s.made = b
	if s.madeID == nil {
		s.madeID = make(map[madeKey]ID)
	}
	s.madeID[key] = id
	return id, true
}

func (s *Spec) madeAt(id ID) record {
	first := firstMadeSplit
	if id < firstMadeSplit {
		first = firstMade
		for s.base != nil {
			s = s.base
		}
	} else if s.base == nil {
		return record{}
	}
	s.madeMu.RLock()
	defer s.madeMu.RUnlock()
	at := uint64(id-first) * madeSize
	if at+madeSize > uint64(len(s.made)) {
		return record{}
	}
	b := s.made[at : at+madeSize]
	r := record{info: s.u32(b, 4), size: s.u32(b, 8)}
	if r.kind() == KindArray {
		r.body = b[typeSize:]
	}
	return r
}
