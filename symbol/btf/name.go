package btf

import (
	"hash/maphash"
	"path"
	"slices"
	"strings"
)

// nameIndex finds types by name: chains of IDs with the same hash, the first in
// heads, the rest in next. It stores no names, these are compared where they
// are. Each step is the number of an own type
// plus one, or 0 at the end.
type nameIndex struct {
	heads []uint32
	next  []uint32
}

func (s *Spec) names() *nameIndex {
	s.indexOnce.Do(func() {
		n := 64
		for n < len(s.offs) {
			n *= 2
		}
		x := nameIndex{heads: make([]uint32, n), next: make([]uint32, len(s.offs))}
		// From the last to the first, so that chains go upward and the first
		// type of a name is the one that is found.
		for i := len(s.offs) - 1; i >= 0; i-- {
			off := s.u32(s.types, int(s.offs[i]))
			if off == 0 {
				continue
			}
			h := &x.heads[maphash.String(s.seed, s.name(off))&uint64(n-1)]
			x.next[i], *h = *h, uint32(i+1)
		}
		s.index = x
	})
	return &s.index
}

// lookup returns the first type with a name that is wanted; its own types come
// before the base's.
func (s *Spec) lookup(name string, wanted func(record) bool) (ID, bool) {
	for ; s != nil; s = s.base {
		x := s.names()
		for at := x.heads[maphash.String(s.seed, name)&uint64(len(x.heads)-1)]; at != 0; at = x.next[at-1] {
			id := s.first + ID(at-1)
			if r := s.at(id); s.named(r.name, name) && wanted(r) {
				return id, true
			}
		}
	}
	return 0, false
}

// Named finds the first type of a kind with a name.
func (s *Spec) Named(kind Kind, name string) (ID, bool) {
	if name == "" {
		return 0, false
	}
	return s.lookup(name, func(r record) bool { return r.kind() == kind })
}

// Struct finds a struct or union by its tag, with or without the keyword before
// it. One with members is preferred to an empty one; what is only declared is not
// found.
func (s *Spec) Struct(name string) (ID, bool) {
	either, isUnion := true, false
	if tag, ok := strings.CutPrefix(name, "struct "); ok {
		name, either = tag, false
	} else if tag, ok := strings.CutPrefix(name, "union "); ok {
		name, either, isUnion = tag, false, true
	}
	if name = strings.TrimSpace(name); name == "" {
		return 0, false
	}
	fits := func(r record) bool {
		k := r.kind()
		return (k == KindStruct && (either || !isUnion)) || (k == KindUnion && (either || isUnion))
	}
	if id, ok := s.lookup(name, func(r record) bool { return fits(r) && r.vlen() > 0 }); ok {
		return id, true
	}
	return s.lookup(name, fits)
}

// Find lists the structs, unions, enums and typedefs whose names match a glob as
// of [path.Match], by name. A keyword before the glob leaves only types of that
// kind.
func (s *Spec) Find(glob string) []ID {
	kinds := []Kind{KindStruct, KindUnion, KindEnum, KindEnum64, KindTypedef}
	for word, only := range map[string][]Kind{
		"struct ": {KindStruct}, "union ": {KindUnion}, "enum ": {KindEnum, KindEnum64}, "typedef ": {KindTypedef},
	} {
		if rest, ok := strings.CutPrefix(glob, word); ok {
			glob, kinds = rest, only
			break
		}
	}
	if _, err := path.Match(glob, ""); err != nil {
		return nil
	}
	// What the names begin with is compared before the pattern is: completion
	// asks for a prefix.
	prefix := glob
	if i := strings.IndexAny(glob, `*?[\`); i >= 0 {
		prefix = glob[:i]
	}
	var found []ID
	for id := ID(1); id <= ID(s.Types()); id++ {
		r := s.at(id)
		if r.name == 0 || !slices.Contains(kinds, r.kind()) || !strings.HasPrefix(s.tail(r.name), prefix) {
			continue
		}
		if ok, _ := path.Match(glob, s.name(r.name)); ok {
			found = append(found, id)
		}
	}
	slices.SortStableFunc(found, func(a, b ID) int {
		return strings.Compare(s.name(s.at(a).name), s.name(s.at(b).name))
	})
	return found
}
