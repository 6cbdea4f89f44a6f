package shell

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"ringside/symbol/btf"
	"ringside/vmcore/kernel"
)

type valueKind uint8

const (
	kindNone valueKind = iota // what a NULL pointer points to
	kindNumber
	kindFloat
	kindText
	kindPlace
)

// value is what an expression is. A number with a type is a pointer that is kept
// nowhere.
type value struct {
	kind   valueKind
	n      uint64
	signed bool
	f      float64
	s      string
	place  kernel.Value
	spec   *btf.Spec
	typ    btf.ID
}

func boolValue(b bool) value {
	if b {
		return value{kind: kindNumber, n: 1}
	}
	return value{kind: kindNumber}
}

// env is what names mean.
type env struct {
	s    *Shell
	w    *kernel.Walk
	cols []string
	row  *row
}

// kindOf returns the type behind typedefs; of nothing it is void.
func kindOf(v kernel.Value) btf.Type {
	if !v.Valid() {
		return btf.Type{}
	}
	return v.Spec().Type(v.Spec().Resolve(v.TypeID()))
}

// load turns a place into a number.
func (v value) load() (value, error) {
	if v.kind != kindPlace {
		return v, nil
	}
	t := kindOf(v.place)
	switch t.Kind {
	case btf.KindStruct, btf.KindUnion:
		return v, fmt.Errorf("%s is no number: name one of its members", v.place.Type())
	case btf.KindArray: // it is the address of its first element
		return value{kind: kindNumber, n: v.place.Addr()}, nil
	}
	if size := v.place.Size(); size < 1 || size > 8 || !v.place.Walk().Readable(v.place.Addr(), size) {
		return v, fmt.Errorf("%s at %#x is not in the dump", v.place.Type(), v.place.Addr())
	}
	if t.Kind == btf.KindPtr {
		return value{kind: kindNumber, n: v.place.Ptr(), spec: v.place.Spec(), typ: v.place.TypeID()}, nil
	}
	if t.Signed {
		return value{kind: kindNumber, n: uint64(v.place.Int()), signed: true}, nil
	}
	return value{kind: kindNumber, n: v.place.Uint()}, nil
}

// isText reports whether a place is characters, or points to some.
func isText(p kernel.Value) bool {
	t := kindOf(p)
	if t.Kind != btf.KindArray && t.Kind != btf.KindPtr {
		return false
	}
	elem := p.Spec().Type(p.Spec().Resolve(t.Elem))
	return elem.Kind == btf.KindInt && elem.Size == 1
}

// text returns a value as text.
func (v value) text(e *env) (string, error) {
	switch v.kind {
	case kindNone:
		return "", nil
	case kindText:
		return v.s, nil
	case kindPlace:
		if isText(v.place) {
			return v.place.Str(), nil
		}
		if k := kindOf(v.place).Kind; k == btf.KindEnum || k == btf.KindEnum64 {
			return v.place.Enum(), nil
		}
	}
	n, err := v.load()
	if err != nil {
		return "", err
	}
	return n.String(), nil
}

// String writes a loaded value.
func (v value) String() string {
	switch {
	case v.kind == kindText:
		return v.s
	case v.kind == kindFloat:
		return fmt.Sprint(v.f)
	case v.kind == kindNone:
		return "NULL"
	case v.signed:
		return fmt.Sprint(int64(v.n))
	case v.typ != 0 || v.n>>32 != 0:
		return fmt.Sprintf("%#x", v.n)
	}
	return fmt.Sprint(v.n)
}

func (v value) truth(e *env) (bool, error) {
	if v.kind == kindText {
		return v.s != "", nil
	}
	n, err := v.load()
	return n.kind != kindNone && (n.n != 0 || n.f != 0), err
}

func (v value) float() float64 {
	switch {
	case v.kind == kindFloat:
		return v.f
	case v.signed:
		return float64(int64(v.n))
	}
	return float64(v.n)
}

// right evaluates the right side of an operator. A name that means nothing else
// is a text beside a text, and a constant beside an enum.
func (e *env) right(left value, b node) (value, error) {
	if b.name != "" {
		if left.kind == kindText || left.kind == kindPlace && isText(left.place) {
			if !e.column(b.name) {
				return value{kind: kindText, s: b.name}, nil
			}
		}
		if left.kind == kindPlace && left.place.Valid() {
			for _, c := range left.place.Spec().Enum(left.place.Spec().Resolve(left.place.TypeID())) {
				if c.Name == b.name {
					return value{kind: kindNumber, n: uint64(c.Value), signed: true}, nil
				}
			}
		}
	}
	return b.eval(e)
}

func (e *env) compare(op token, x, y value) (value, error) {
	var order int
	if x.kind == kindText || y.kind == kindText {
		a, err := x.text(e)
		if err != nil {
			return x, err
		}
		b, err := y.text(e)
		if err != nil {
			return y, err
		}
		order = strings.Compare(a, b)
	} else {
		a, err := x.load()
		if err != nil {
			return a, exprErr(op.col, "%v", err)
		}
		b, err := y.load()
		if err != nil {
			return b, exprErr(op.col, "%v", err)
		}
		switch {
		case a.kind == kindFloat || b.kind == kindFloat:
			order = cmp.Compare(a.float(), b.float())
		case a.signed && int64(a.n) < 0 != (b.signed && int64(b.n) < 0):
			order = -1
		case b.signed && int64(b.n) < 0 && !(a.signed && int64(a.n) < 0):
			order = 1
		default:
			order = cmp.Compare(a.n, b.n)
		}
	}
	switch op.text {
	case "==", "=":
		return boolValue(order == 0), nil
	case "!=":
		return boolValue(order != 0), nil
	case "<":
		return boolValue(order < 0), nil
	case "<=":
		return boolValue(order <= 0), nil
	case ">":
		return boolValue(order > 0), nil
	}
	return boolValue(order >= 0), nil
}

func (e *env) arithmetic(op token, x, y value) (value, error) {
	a, err := x.load()
	if err != nil {
		return a, exprErr(op.col, "%v", err)
	}
	b, err := y.load()
	if err != nil {
		return b, exprErr(op.col, "%v", err)
	}
	if a.kind == kindText || b.kind == kindText {
		return a, exprErr(op.col, "%s wants numbers, and a text is none", op.text)
	}
	if (op.text == "/" || op.text == "%") && b.n == 0 && b.f == 0 {
		return a, exprErr(op.col, "division by zero")
	}
	if a.kind == kindFloat || b.kind == kindFloat {
		f := map[string]func(a, b float64) float64{
			"+": func(a, b float64) float64 { return a + b }, "-": func(a, b float64) float64 { return a - b },
			"*": func(a, b float64) float64 { return a * b }, "/": func(a, b float64) float64 { return a / b }, "%": math.Mod,
		}[op.text]
		if f == nil {
			return a, exprErr(op.col, "%s wants whole numbers", op.text)
		}
		return value{kind: kindFloat, f: f(a.float(), b.float())}, nil
	}
	out := value{kind: kindNumber, signed: a.signed || b.signed, spec: a.spec, typ: a.typ}
	step := uint64(1)
	if a.typ != 0 && (op.text == "+" || op.text == "-") { // a pointer goes by elements
		if size, ok := a.spec.Size(a.spec.Type(a.spec.Resolve(a.typ)).Elem); ok && size > 0 {
			step = uint64(size)
		}
		if b.typ != 0 {
			return value{kind: kindNumber, n: uint64(int64(a.n-b.n) / int64(step)), signed: true}, nil
		}
	}
	switch op.text {
	case "+":
		out.n = a.n + b.n*step
	case "-":
		out.n = a.n - b.n*step
		out.signed = out.signed || a.typ == 0 && b.n > a.n
	case "*":
		out.n = a.n * b.n
	case "/":
		out.n = a.n / b.n
		if out.signed && b.n != math.MaxUint64 {
			out.n = uint64(int64(a.n) / int64(b.n))
		} else if out.signed {
			out.n = -a.n
		}
	case "%":
		out.n = a.n % b.n
	case "&":
		out.n = a.n & b.n
	case "|":
		out.n = a.n | b.n
	case "^":
		out.n = a.n ^ b.n
	case "<<":
		out.n = a.n << min(b.n, 64)
	case ">>":
		out.n = a.n >> min(b.n, 64)
	}
	return out, nil
}

func (e *env) unary(op token, v value) (value, error) {
	switch op.text {
	case "*":
		return e.deref(op.col, v)
	case "&":
		if v.kind != kindPlace || !v.place.Valid() {
			return v, exprErr(op.col, "only what is in memory has an address")
		}
		return value{kind: kindNumber, n: v.place.Addr(), spec: v.place.Spec(), typ: pointerTo(v.place)}, nil
	case "!":
		t, err := v.truth(e)
		return boolValue(!t), err
	}
	n, err := v.load()
	if err != nil {
		return n, exprErr(op.col, "%v", err)
	}
	switch {
	case n.kind == kindText:
		return n, exprErr(op.col, "%s wants a number", op.text)
	case op.text == "~":
		return value{kind: kindNumber, n: ^n.n}, nil
	case n.kind == kindFloat:
		n.f = -n.f
		return n, nil
	}
	return value{kind: kindNumber, n: -n.n, signed: true}, nil
}

// pointerTo returns the type of a pointer to a place, 0 where there is none.
func pointerTo(p kernel.Value) btf.ID {
	id, _ := p.Spec().TypeByName(p.Type() + " *")
	return id
}

// deref returns what a pointer points to.
func (e *env) deref(col int, v value) (value, error) {
	n, err := v.load()
	if err != nil {
		return n, exprErr(col, "%v", err)
	}
	if n.kind == kindNone || n.typ != 0 && n.n == 0 {
		return value{}, nil
	}
	if n.typ == 0 || n.kind != kindNumber {
		return n, exprErr(col, "%s is a number: a cast says what it points to, such as (struct task_struct *)", n)
	}
	t := n.spec.Type(n.spec.Resolve(n.typ))
	if t.Kind != btf.KindPtr {
		return n, exprErr(col, "it is not a pointer")
	}
	return value{kind: kindPlace, place: e.w.Typed(n.spec, t.Elem, n.n)}, nil
}

// member returns a member of a structure, or of what a pointer points to.
func (e *env) member(col int, v value, name string) (value, error) {
	if v.kind == kindNone {
		return v, nil
	}
	if v.kind != kindPlace || kindOf(v.place).Kind == btf.KindPtr {
		var err error
		if v, err = e.deref(col, v); err != nil || v.kind == kindNone {
			return v, err
		}
	}
	if !v.place.Valid() {
		return v, exprErr(col, "what has the member %q is not in the dump", name)
	}
	if !v.place.Has(name) {
		return v, exprErr(col, "%s has no member %q%s", v.place.Type(), name, likely(v.place.Spec(), v.place.TypeID(), name))
	}
	return value{kind: kindPlace, place: v.place.Field(name)}, nil
}

// likely names members of a type that somebody may have meant.
func likely(spec *btf.Spec, id btf.ID, name string) string {
	var near []string
	for _, m := range memberNames(spec, spec.Resolve(id)) {
		if (strings.Contains(m, name) || strings.Contains(name, m)) && len(near) < 5 {
			near = append(near, m)
		}
	}
	if near == nil {
		return ": `whatis " + spec.String(id) + "` lists them"
	}
	return ": there is " + strings.Join(near, ", ")
}

func (e *env) index(col int, v, i value) (value, error) {
	n, err := i.load()
	if err != nil || n.kind != kindNumber {
		return n, exprErr(col, "an index is a number")
	}
	if v.kind == kindNone {
		return v, nil
	}
	if v.kind == kindPlace && kindOf(v.place).Kind == btf.KindArray {
		return value{kind: kindPlace, place: v.place.Index(int(n.n))}, nil
	}
	p, err := e.arithmetic(token{text: "+", col: col}, v, n)
	if err != nil {
		return p, err
	}
	return e.deref(col, p)
}

func (e *env) cast(op token, v value, spec *btf.Spec, id btf.ID) (value, error) {
	n, err := v.load()
	if err != nil {
		return n, exprErr(op.col, "%v", err)
	}
	t := spec.Type(spec.Resolve(id))
	switch {
	case t.Kind == btf.KindPtr && n.kind != kindText:
		return value{kind: kindNumber, n: n.n, spec: spec, typ: id}, nil
	case (t.Kind == btf.KindInt || t.Kind == btf.KindEnum) && n.kind != kindText:
		bits := min(uint(t.Size)*8, 64)
		out := value{kind: kindNumber, n: n.n << (64 - bits) >> (64 - bits), signed: t.Signed}
		if t.Signed {
			out.n = uint64(int64(n.n<<(64-bits)) >> (64 - bits))
		}
		return out, nil
	}
	return n, exprErr(op.col, "a cast to %s has no meaning; to a pointer to it, it has", spec.String(id))
}
