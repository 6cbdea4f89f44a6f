package btf

import (
	"fmt"
	"strconv"
	"strings"
)

// String is the type as C names it: "struct list_head *", "int [4]",
// "int (*)(struct file *, loff_t)". A function or variable is declared with its
// name, a typedef is its name.
func (s *Spec) String(id ID) string {
	t := s.Type(id)
	p := printer{spec: s, left: maxPrint}
	switch t.Kind {
	case KindFunc, KindVar:
		return p.declare(t.Elem, t.Name, 0)
	}
	return p.declare(id, "", 0)
}

// maxPrint bounds the members and parameters that one declaration prints.
const maxPrint = 1 << 12

type printer struct {
	spec *Spec
	left int
}

// declare writes the declaration of a name, "" for none, as a type. C's
// declarators are inside out: what is further from the name wraps what is nearer.
func (p *printer) declare(id ID, name string, depth int) string {
	var prefix, suffix string
	for range maxDepth {
		t := p.spec.Type(id)
		switch t.Kind {
		case KindPtr:
			name = "*" + name
			if k := p.skipTags(t.Elem).Kind; k == KindArray || k == KindFuncProto {
				name, suffix = "("+name+suffix+")", ""
			}
			id = t.Elem
		case KindArray:
			suffix += "[" + strconv.FormatUint(uint64(t.Len), 10) + "]"
			id = t.Elem
		case KindFuncProto:
			suffix += "(" + p.params(t, depth) + ")"
			id = t.Elem
		case KindTypeTag:
			id = t.Elem
		case KindConst, KindVolatile, KindRestrict:
			if under := p.skipTags(t.Elem).Kind; under == KindPtr {
				// Qualifies the pointer: between its star and the name.
				if name != "" && isIdent(name[0]) {
					name = " " + name
				}
				name = t.Kind.String() + name
			} else if word := t.Kind.String() + " "; !strings.Contains(prefix, word) {
				prefix += word
			}
			id = t.Elem
		default:
			return prefix + join(p.spec.word(t), name+suffix)
		}
	}
	return prefix + join("...", name+suffix)
}

// skipTags looks through tags, which C does not show.
func (p *printer) skipTags(id ID) Type {
	t := p.spec.Type(id)
	for range maxDepth {
		if t.Kind != KindTypeTag {
			break
		}
		t = p.spec.Type(t.Elem)
	}
	return t
}

func join(word, name string) string {
	if name == "" {
		return word
	}
	return word + " " + name
}

func (p *printer) params(t Type, depth int) string {
	params := p.spec.Params(t.ID)
	if len(params) == 0 {
		return "void"
	}
	var list []string
	for _, q := range params {
		if p.left--; p.left < 0 || depth > 8 {
			return strings.Join(append(list, "/* ... */"), ", ")
		}
		if q.Type == 0 && q.Name == "" {
			list = append(list, "...")
			continue
		}
		list = append(list, p.declare(q.Type, q.Name, depth+1))
	}
	return strings.Join(list, ", ")
}

// word is a type's own name, with the keyword that it needs.
func (s *Spec) word(t Type) string {
	name := t.Name
	switch t.Kind {
	case KindStruct, KindUnion, KindEnum, KindEnum64, KindFwd:
		keyword := t.Kind.String()
		switch {
		case t.Kind == KindEnum64:
			keyword = "enum"
		case t.Kind == KindFwd && t.Union:
			keyword = "union"
		case t.Kind == KindFwd:
			keyword = "struct"
		}
		if name == "" {
			return keyword + " {...}"
		}
		return keyword + " " + name
	case KindFunc, KindVar, KindDatasec, KindDeclTag:
		return t.Kind.String() + " " + name
	}
	if name == "" {
		return fmt.Sprintf("/* %s */", t.Kind)
	}
	return name
}

// Declare is the declaration of a type in full. Structs and unions have the
// offset and size of each member beside it, and their holes, as pahole prints
// them; of a bit-field the offset has a colon and the bit in its storage unit.
func (s *Spec) Declare(id ID) string {
	t := s.Type(id)
	p := printer{spec: s, left: maxPrint}
	var b strings.Builder
	switch t.Kind {
	case KindStruct, KindUnion:
		p.composite(&b, t, "", 0, 0)
		b.WriteString(";\n")
	case KindEnum, KindEnum64:
		p.enum(&b, t, "")
		b.WriteString(";\n")
	case KindTypedef:
		under := p.skipTags(t.Elem)
		if under.Name == "" && (under.Kind == KindStruct || under.Kind == KindUnion) {
			b.WriteString("typedef ")
			p.composite(&b, under, "", 0, 0)
			b.WriteString(" " + t.Name + ";\n")
			break
		}
		b.WriteString("typedef " + p.declare(t.Elem, t.Name, 0) + ";\n")
	default:
		b.WriteString(s.String(id) + ";\n")
	}
	return b.String()
}

// column is where the offsets stand.
const column = 58

// composite writes a struct or union that is at a byte offset in the outermost.
func (p *printer) composite(b *strings.Builder, t Type, indent string, base uint32, depth int) {
	b.WriteString(p.spec.compositeHead(t) + " {\n")
	inner := indent + "\t"
	// What is covered so far, in bits, for the holes.
	end, holes := uint64(0), uint32(0)
	for i, m := range t.Members() {
		if p.left--; p.left < 0 {
			b.WriteString(inner + "/* ... */\n")
			break
		}
		size, _ := p.spec.Size(m.Type)
		bits := uint64(m.BitSize)
		if bits == 0 {
			bits = uint64(size) * 8
		}
		if at := uint64(m.BitOffset); t.Kind == KindStruct {
			if at/8 > (end+7)/8 {
				n := at/8 - (end+7)/8
				fmt.Fprintf(b, "\n%s/* XXX %d %s hole, try to pack */\n\n", inner, n, plural(n, "byte", "bytes"))
				holes++
			}
			end = max(end, at+bits)
		}
		p.member(b, m, inner, base, size, t.Kind == KindStruct && i == int(t.Len)-1, depth)
	}
	if depth == 0 {
		fmt.Fprintf(b, "\n%s/* size: %d, members: %d", inner, t.Size, t.Len)
		if holes > 0 {
			fmt.Fprintf(b, ", holes: %d", holes)
		}
		if have := (end + 7) / 8; t.Kind == KindStruct && uint64(t.Size) > have && end > 0 {
			fmt.Fprintf(b, ", padding: %d", uint64(t.Size)-have)
		}
		b.WriteString(" */\n")
	}
	b.WriteString(indent + "}")
}

func plural(n uint64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func (s *Spec) compositeHead(t Type) string {
	if t.Name == "" {
		return t.Kind.String()
	}
	return t.Kind.String() + " " + t.Name
}

// root is what is left of a type without pointers, arrays and qualifiers.
func (p *printer) root(id ID) Type {
	t := p.spec.Type(id)
	for range maxDepth {
		switch t.Kind {
		case KindPtr, KindArray, KindConst, KindVolatile, KindRestrict, KindTypeTag:
			t = p.spec.Type(t.Elem)
		default:
			return t
		}
	}
	return p.spec.Type(0)
}

func (p *printer) member(b *strings.Builder, m Member, indent string, base, size uint32, last bool, depth int) {
	where := fmt.Sprintf("%d", base+m.BitOffset/8)
	text := m.Name
	if m.BitSize != 0 {
		// The unit that a compiler would load: as large as the declared type.
		unit := max(size, 1)
		first := m.BitOffset / 8 / unit * unit
		where = fmt.Sprintf("%d:%2d", base+first, m.BitOffset-first*8)
		text += fmt.Sprintf(":%d", m.BitSize)
	}
	b.WriteString(indent)
	line := p.declare(m.Type, text, 0)
	if last {
		// An array without a length goes on behind the struct.
		if head, ok := strings.CutSuffix(line, "[0]"); ok {
			line = head + "[]"
		}
	}
	// What has no tag is written out where it stands.
	width := column - 8*len(indent)
	t := p.root(m.Type)
	if before, after, ok := strings.Cut(line, p.spec.word(t)); ok && t.Name == "" {
		switch t.Kind {
		case KindStruct, KindUnion:
			if depth < 16 {
				b.WriteString(before)
				inside := base + m.BitOffset/8
				if p.skipTags(m.Type).Kind == KindPtr {
					inside = 0 // it is somewhere else
				}
				p.composite(b, t, indent, inside, depth+1)
				line = after
				width--
			}
		case KindEnum, KindEnum64:
			b.WriteString(before)
			p.enum(b, t, indent)
			line = after
			width--
		}
	}
	fmt.Fprintf(b, "%-*s /* %5s %5d */\n", max(0, width), line+";", where, size)
}

func (p *printer) enum(b *strings.Builder, t Type, indent string) {
	b.WriteString("enum ")
	if t.Name != "" {
		b.WriteString(t.Name + " ")
	}
	b.WriteString("{\n")
	for _, v := range p.spec.Enum(t.ID) {
		if p.left--; p.left < 0 {
			b.WriteString(indent + "\t/* ... */\n")
			break
		}
		if t.Kind == KindEnum64 && !t.Signed {
			fmt.Fprintf(b, "%s\t%s = %d,\n", indent, v.Name, uint64(v.Value))
		} else {
			fmt.Fprintf(b, "%s\t%s = %d,\n", indent, v.Name, v.Value)
		}
	}
	b.WriteString(indent + "}")
}
