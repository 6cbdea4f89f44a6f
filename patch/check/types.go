package check

import (
	"fmt"
	"slices"
	"strings"

	"ringside/symbol/btf"
)

// maxTypes bounds how many types are said to differ.
const maxTypes = 200

// Types compares the structs and unions of two kernels, as their BTF has them, and gives a
// finding for each whose size or members differ.
func Types(before, after *btf.Spec) []Finding {
	r := &reviewer{off: map[string]bool{}}
	names := structs(before)
	var order []string
	for name := range names {
		order = append(order, name)
	}
	slices.Sort(order)
	now := structs(after)
	for _, name := range order {
		id, ok := now[name]
		if !ok {
			r.add("abi-struct", Finding{Text: name + " is gone"})
			continue
		}
		if text := differs(before, names[name], after, id); text != "" {
			r.add("abi-struct", Finding{Text: name + " " + text})
		}
		if len(r.out) >= maxTypes {
			r.add("abi-struct", Finding{Text: fmt.Sprintf("more than %d types differ", maxTypes)})
			break
		}
	}
	return r.out
}

// structs are the named structs and unions of a kernel that are defined once.
func structs(s *btf.Spec) map[string]btf.ID {
	out := map[string]btf.ID{}
	twice := map[string]bool{}
	for id := btf.ID(1); int(id) <= s.Types(); id++ {
		t := s.Type(id)
		word := ""
		switch t.Kind {
		case btf.KindStruct:
			word = "struct "
		case btf.KindUnion:
			word = "union "
		}
		if word == "" || t.Name == "" {
			continue
		}
		if _, ok := out[word+t.Name]; ok {
			twice[word+t.Name] = true
		}
		out[word+t.Name] = id
	}
	for name := range twice {
		delete(out, name)
	}
	return out
}

// differs says how a type has changed; nothing if it has not.
func differs(a *btf.Spec, x btf.ID, b *btf.Spec, y btf.ID) string {
	var parts []string
	sizeA, _ := a.Size(x)
	sizeB, _ := b.Size(y)
	if sizeA != sizeB {
		parts = append(parts, fmt.Sprintf("has %d bytes and had %d", sizeB, sizeA))
	}
	type place struct {
		off  uint32
		size uint32
		decl string
	}
	members := func(s *btf.Spec, id btf.ID) (map[string]place, []string) {
		m, order := map[string]place{}, []string(nil)
		for i, f := range s.Members(id) {
			name := f.Name
			if name == "" {
				name = fmt.Sprintf("member %d", i+1)
			}
			size, _ := s.Size(f.Type)
			m[name] = place{f.BitOffset, size, s.String(f.Type)}
			order = append(order, name)
		}
		return m, order
	}
	was, order := members(a, x)
	is, fresh := members(b, y)
	var moved, gone, added, other []string
	for _, name := range order {
		p, ok := is[name]
		switch {
		case !ok:
			gone = append(gone, name)
		case p.off != was[name].off:
			moved = append(moved, fmt.Sprintf("%s (%d → %d)", name, was[name].off/8, p.off/8))
		case p.decl != was[name].decl || p.size != was[name].size:
			other = append(other, fmt.Sprintf("%s (%s → %s)", name, was[name].decl, p.decl))
		}
	}
	for _, name := range fresh {
		if _, ok := was[name]; !ok {
			added = append(added, fmt.Sprintf("%s (at %d)", name, is[name].off/8))
		}
	}
	for _, l := range []struct {
		what string
		list []string
	}{{"gets", added}, {"loses", gone}, {"moves", moved}, {"changes the type of", other}} {
		if len(l.list) > 0 {
			more := ""
			if len(l.list) > 4 {
				more = fmt.Sprintf(" and %d more", len(l.list)-4)
			}
			parts = append(parts, l.what+" "+strings.Join(l.list[:min(4, len(l.list))], ", ")+more)
		}
	}
	return strings.Join(parts, "; ")
}
