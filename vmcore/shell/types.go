package shell

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ringside/symbol/btf"
	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

func typeCommands() []command {
	return []command{
		{[]string{"struct"}, "TYPE[.MEMBER,…] [-x] [-c N] [ADDRESS]", "a structure by the kernel's own types, or how it is laid out; * is short for it", true, func(c *call) (result, error) { return c.structure("struct") }},
		{[]string{"union"}, "TYPE[.MEMBER,…] [-x] [-c N] [ADDRESS]", "the same of a union", true, func(c *call) (result, error) { return c.structure("union") }},
		{[]string{"p", "print", "eval"}, "EXPRESSION", "its value", true, func(c *call) (result, error) { return c.print(false) }},
		{[]string{"px"}, "EXPRESSION", "its value, in hexadecimal", true, func(c *call) (result, error) { return c.print(true) }},
		{[]string{"whatis"}, "TYPE|VARIABLE|FUNCTION|GLOB", "how it is declared", true, (*call).whatis},
		{[]string{"list"}, "-o TYPE.MEMBER|OFFSET [-s TYPE.MEMBER,…] [-H|-h] ADDRESS", "along a list: -H from its head, -h from one of its structures", true, (*call).list},
		{[]string{"tree"}, "-t rbtree|xarray|maple [-o TYPE.MEMBER] [-s TYPE.MEMBER,…] ROOT", "through a tree in order", true, (*call).tree},
	}
}

// resolve finds a type by its C name, with or without its keyword, in the
// kernel's types and those of its modules.
func (s *Shell) resolve(name string, keywords ...string) (*btf.Spec, btf.ID, error) {
	specs := []*btf.Spec{s.k.Types}
	for _, m := range s.k.Modules() {
		if t := m.Types(); t != nil {
			specs = append(specs, t)
		}
	}
	for _, spec := range specs {
		for _, k := range keywords {
			if id, ok := spec.TypeByName(k + " " + name); ok {
				return spec, id, nil
			}
		}
		if id, ok := spec.TypeByName(name); ok {
			return spec, id, nil
		}
	}
	text := fmt.Sprintf("the kernel has no type %q", name)
	var near []string
	for _, id := range s.k.Types.Find(name + "*") {
		if n := s.k.Types.String(id); len(near) < 5 && !slices.Contains(near, n) {
			near = append(near, n)
		}
	}
	if near != nil {
		text += "; there is " + strings.Join(near, ", ")
	}
	return nil, 0, errors.New(text)
}

// maxCount bounds how many structures in a row are printed.
const maxCount = 10_000

// structure is struct and union.
func (c *call) structure(keyword string) (result, error) {
	hexadecimal := c.option("-x")
	c.option("-o") // offsets are always told
	count := 1
	times, has, err := c.setting("-c")
	if err != nil {
		return result{}, err
	}
	if err := c.only(keyword); err != nil {
		return result{}, err
	}
	args := slices.DeleteFunc(slices.Clone(c.args), func(a string) bool { return a == "struct" || a == "union" })
	if len(args) == 0 {
		return result{}, fmt.Errorf("%s: the name of a type is expected, such as task_struct", keyword)
	}
	if len(args) > 2 && !has {
		times, has = args[2], true
	}
	if has {
		if count, err = strconv.Atoi(times); err != nil || count < 1 || count > maxCount {
			return result{}, fmt.Errorf("%s: %s is no count from 1 to %d", keyword, times, maxCount)
		}
	}
	name, members, _ := strings.Cut(args[0], ".")
	spec, id, err := c.s.resolve(name, keyword)
	if err != nil {
		return result{}, err
	}
	if len(args) == 1 {
		if members == "" {
			return result{text: spec.Declare(id) + "\n"}, nil
		}
		return c.declareMembers(spec, id, members)
	}
	at, err := c.address(args[1])
	if err != nil {
		return result{}, err
	}
	size, _ := spec.Size(id)
	var all result
	for i := range count {
		v := c.w.Typed(spec, id, at+uint64(i)*uint64(size))
		if !c.w.Readable(v.Addr(), 1) {
			return all, fmt.Errorf("%s at %#x is not in the dump", spec.String(id), v.Addr())
		}
		r, err := c.printed(v, members, hexadecimal)
		all.text += r.text
		all.values = append(all.values, r.values...)
		if err != nil || c.w.Err() != nil || len(all.text) > maxText {
			return all, err
		}
	}
	return all, nil
}

// declareMembers says where members are.
func (c *call) declareMembers(spec *btf.Spec, id btf.ID, members string) (result, error) {
	var b strings.Builder
	for m := range strings.SplitSeq(members, ",") {
		f, ok := spec.Field(id, m)
		if !ok {
			return result{}, fmt.Errorf("%s has no member %q%s", spec.String(id), m, likely(spec, id, m))
		}
		size, _ := spec.Size(f.Type)
		fmt.Fprintf(&b, "%s.%s: %s, offset %d, size %d\n", spec.String(id), m, spec.String(f.Type), f.Offset, size)
	}
	return result{text: b.String()}, nil
}

// printed prints a value, or some of its members.
func (c *call) printed(v kernel.Value, members string, hexadecimal bool) (result, error) {
	var r result
	var b strings.Builder
	parts := []string{""}
	if members != "" {
		parts = strings.Split(members, ",")
	}
	for _, m := range parts {
		x := v
		if m != "" {
			if !v.Has(m) {
				return result{}, fmt.Errorf("%s has no member %q%s", v.Type(), m, likely(v.Spec(), v.TypeID(), m))
			}
			x = v.Field(m)
		}
		t := object.TreeOf(x, 1)
		t.Name = m
		if hexadecimal {
			t = inHex(t)
		}
		writeTree(&b, t, 0)
		r.values = append(r.values, t)
	}
	r.text = b.String()
	return r, nil
}

// inHex writes the numbers of a tree in hexadecimal.
func inHex(t object.Tree) object.Tree {
	if n, err := strconv.ParseInt(t.Text, 10, 64); err == nil {
		t.Text = fmt.Sprintf("%#x", uint64(n))
	} else if _, hex, ok := strings.Cut(t.Text, " (0x"); ok {
		t.Text = "0x" + strings.TrimSuffix(hex, ")")
	}
	t.Members = slices.Clone(t.Members)
	for i := range t.Members {
		t.Members[i] = inHex(t.Members[i])
	}
	return t
}

// writeTree prints a value with its members, as C initialises it.
func writeTree(b *strings.Builder, t object.Tree, indent int) {
	pad := strings.Repeat("  ", indent)
	b.WriteString(pad)
	switch {
	case t.Name != "":
		b.WriteString(t.Name + " = ")
	case t.Type != "":
		b.WriteString(t.Type + " ")
	}
	switch {
	case t.Members == nil && t.Text != "":
		b.WriteString(t.Text)
	default:
		b.WriteString("{\n")
		for _, m := range t.Members {
			writeTree(b, m, indent+1)
		}
		b.WriteString(pad + "}")
	}
	if t.Addr != "" {
		b.WriteString("    // at " + t.Addr)
	}
	b.WriteByte('\n')
}

// print prints the value of an expression.
func (c *call) print(hexadecimal bool) (result, error) {
	if c.rest == "" {
		return result{}, errors.New("p: an expression is expected, such as init_task.comm")
	}
	n, err := compile(c.s.k, c.rest)
	if err != nil {
		return result{}, err
	}
	v, err := n.eval(c.env())
	if err != nil {
		return result{}, err
	}
	if v.kind == kindPlace {
		switch k := kindOf(v.place).Kind; {
		case !c.w.Readable(v.place.Addr(), max(1, min(v.place.Size(), 8))):
			return result{}, fmt.Errorf("%s at %#x is not in the dump", v.place.Type(), v.place.Addr())
		case k != btf.KindPtr || !hexadecimal:
			t := object.TreeOf(v.place, 1)
			if t.Name = c.rest; hexadecimal {
				t = inHex(t)
			}
			var b strings.Builder
			writeTree(&b, t, 0)
			return result{text: b.String(), values: []object.Tree{t}}, nil
		}
	}
	x, err := v.load()
	if err != nil {
		return result{}, err
	}
	text := x.String()
	switch {
	case x.kind == kindText:
		text = strconv.Quote(text)
	case x.kind == kindNumber && hexadecimal:
		text = fmt.Sprintf("%#x", x.n)
	}
	t := object.Tree{Name: c.rest, Text: text}
	if x.typ != 0 {
		t.Type = x.spec.String(x.typ)
		text = "(" + t.Type + ") " + text
	}
	if loc, ok := c.s.k.Locate(x.n); ok && x.kind == kindNumber && loc.Symbol != "" {
		text += " <" + loc.String() + ">"
	}
	return result{text: c.rest + " = " + text + "\n", values: []object.Tree{t}}, nil
}

// whatis says how something is declared.
func (c *call) whatis() (result, error) {
	name := c.rest
	if name == "" {
		return result{}, errors.New("whatis: the name of a type, variable or function is expected")
	}
	types := c.s.k.Types
	if strings.ContainsAny(name, "*?[") && !strings.HasSuffix(name, "*") {
		return c.find(name)
	}
	if id, ok := c.s.typeOf(name); ok {
		return result{text: types.String(id) + " " + name + ";\n"}, nil
	}
	if id, ok := types.Func(name); ok {
		return result{text: strings.Replace(types.String(id), "(", name+"(", 1) + ";\n"}, nil
	}
	spec, id, err := c.s.resolve(name, "struct", "union", "enum")
	if err == nil {
		return result{text: spec.Declare(id) + "\n"}, nil
	}
	if strings.HasSuffix(name, "*") {
		return c.find(name)
	}
	if _, ok := c.s.symbol(name); ok {
		return result{text: name + " is a symbol, and the kernel's BTF does not tell its type\n"}, nil
	}
	return result{}, err
}

// find lists the types that match a glob.
func (c *call) find(glob string) (result, error) {
	t := &table{cols: []string{"type", "size"}}
	types := c.s.k.Types
	for _, id := range types.Find(glob) {
		size, _ := types.Size(id)
		t.rows = append(t.rows, row{cells: []any{types.String(id), uint64(size)}})
	}
	if t.rows == nil {
		return result{}, fmt.Errorf("no type matches %q", glob)
	}
	return result{table: t}, nil
}
