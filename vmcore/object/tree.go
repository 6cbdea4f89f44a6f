package object

import (
	"fmt"
	"strings"

	"ringside/symbol/btf"
	"ringside/vmcore/kernel"
)

// Tree is a value as text, with its members.
type Tree struct {
	Name    string `json:"name,omitempty"`
	Type    string `json:"type"`
	Addr    string `json:"addr,omitempty"`
	Text    string `json:"text,omitempty"` // of what has no members
	Members []Tree `json:"members,omitempty"`
}

// Bounds of one tree.
const (
	maxTreeNodes = 20_000
	maxElements  = 64
)

// TreeOf reads a value with its members. Structures more than depth levels down
// are left out.
func TreeOf(v kernel.Value, depth int) Tree {
	left := maxTreeNodes
	t := treeOf(v, depth, &left)
	if v.Valid() {
		t.Addr = fmt.Sprintf("%#x", v.Addr())
	}
	return t
}

func treeOf(v kernel.Value, depth int, left *int) Tree {
	if !v.Valid() {
		return Tree{Text: "NULL"}
	}
	t := Tree{Type: v.Type()}
	if *left--; *left < 0 {
		t.Text = "…"
		return t
	}
	spec := v.Spec()
	id := spec.Resolve(v.TypeID())
	typ := spec.Type(id)
	switch typ.Kind {
	case btf.KindStruct, btf.KindUnion:
		if depth < 0 {
			t.Text = "{…}"
			return t
		}
		for _, m := range spec.Members(id) {
			f := v.Member(m)
			child := treeOf(f, depth-1, left)
			child.Name = m.Name
			t.Members = append(t.Members, child)
		}
	case btf.KindArray:
		elem := spec.Type(spec.Resolve(typ.Elem))
		if elem.Kind == btf.KindInt && elem.Size == 1 && printable(v.Str()) {
			t.Text = fmt.Sprintf("%q", v.Str())
			return t
		}
		if depth < 0 {
			t.Text = fmt.Sprintf("{… %d}", v.Len())
			return t
		}
		for i, e := range v.Elements() {
			if i == maxElements {
				t.Members = append(t.Members, Tree{Name: "…", Text: fmt.Sprintf("%d more", v.Len()-i)})
				break
			}
			child := treeOf(e, depth-1, left)
			child.Name = fmt.Sprintf("[%d]", i)
			t.Members = append(t.Members, child)
		}
	case btf.KindPtr:
		t.Text = pointerText(v, spec.Type(spec.Resolve(typ.Elem)))
	case btf.KindEnum, btf.KindEnum64:
		t.Text = v.Enum()
	case btf.KindFloat:
		t.Text = fmt.Sprintf("%#x", v.Uint())
	default:
		if typ.Signed {
			t.Text = fmt.Sprint(v.Int())
		} else if n := v.Uint(); n > 0xffff {
			t.Text = fmt.Sprintf("%d (%#x)", n, n)
		} else {
			t.Text = fmt.Sprint(n)
		}
	}
	return t
}

// pointerText writes a pointer, with the symbol or the text that it points to.
func pointerText(v kernel.Value, elem btf.Type) string {
	p := v.Uint()
	if p == 0 {
		return "NULL"
	}
	text := fmt.Sprintf("%#x", p)
	if loc, ok := v.Walk().Kernel().Locate(v.Ptr()); ok && loc.Symbol != "" {
		return text + " <" + loc.String() + ">"
	}
	if elem.Kind == btf.KindInt && elem.Size == 1 {
		if s, err := v.Walk().CString(v.Ptr(), 128); err == nil && s != "" && printable(s) {
			text += fmt.Sprintf(" %q", s)
		}
	}
	return text
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r > '~' })
}
