package render

import (
	"bufio"
	"bytes"
	"encoding"
	"encoding/json"
	"io"
	"reflect"
	"strings"
)

// JSON writes v, indented, with a final newline. It writes what [json.Encoder]
// would, and holds no more of it than one element of the lists within v: a
// document of ten thousand reports is hundreds of megabytes of text.
func JSON(w io.Writer, v any) error {
	s := &stream{w: bufio.NewWriterSize(w, 64<<10)}
	s.value(reflect.ValueOf(v), 0)
	s.text("\n")
	if s.err != nil {
		return s.err
	}
	return s.w.Flush()
}

// stream writes a value in pieces.
type stream struct {
	w   *bufio.Writer
	buf bytes.Buffer
	err error
}

// streamDepth is how deep lists are looked for: sections of a document, and what
// they list.
const streamDepth = 4

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// value writes a value whose line is indented by depth.
func (s *stream) value(v reflect.Value, depth int) {
	for v.IsValid() && (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && !v.IsNil() && !marshals(v.Type()) {
		v = v.Elem()
	}
	switch {
	case !v.IsValid() || depth >= streamDepth || marshals(v.Type()) || v.CanAddr() && marshals(reflect.PointerTo(v.Type())):
		s.leaf(v, depth)
	case v.Kind() == reflect.Struct && plainStruct(v.Type()):
		s.object(v, depth)
	case v.Kind() == reflect.Slice && !v.IsNil() && v.Type().Elem().Kind() != reflect.Uint8:
		s.array(v, depth)
	default:
		s.leaf(v, depth)
	}
}

func marshals(t reflect.Type) bool { return t.Implements(jsonMarshaler) || t.Implements(textMarshaler) }

// plainStruct reports whether a struct has nothing but named members, under the
// names that their tags say: what embeds another follows rules of its own.
func plainStruct(t reflect.Type) bool {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			return false
		}
		if name, options, _ := strings.Cut(f.Tag.Get("json"), ","); f.IsExported() && (name == "" || options != "" && options != "omitempty" && options != "omitzero") {
			return false
		}
	}
	return true
}

func (s *stream) object(v reflect.Value, depth int) {
	n := 0
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" && options == "" || options == "omitempty" && empty(v.Field(i)) || options == "omitzero" && zero(v.Field(i)) {
			continue
		}
		s.next("{", n, depth+1)
		n++
		s.leaf(reflect.ValueOf(name), 0)
		s.text(": ")
		s.value(v.Field(i), depth+1)
	}
	s.end("{", "}", n, depth)
}

func (s *stream) array(v reflect.Value, depth int) {
	for i := range v.Len() {
		s.next("[", i, depth+1)
		s.value(v.Index(i), depth+1)
	}
	s.end("[", "]", v.Len(), depth)
}

// next begins the n-th line within brackets.
func (s *stream) next(open string, n, depth int) {
	if n == 0 {
		s.text(open)
	} else {
		s.text(",")
	}
	s.text("\n" + indent(depth))
}

func (s *stream) end(open, shut string, n, depth int) {
	if n == 0 {
		s.text(open + shut)
		return
	}
	s.text("\n" + indent(depth) + shut)
}

func indent(depth int) string { return strings.Repeat("  ", depth) }

// leaf writes a value in one piece.
func (s *stream) leaf(v reflect.Value, depth int) {
	if s.err != nil {
		return
	}
	s.buf.Reset()
	e := json.NewEncoder(&s.buf)
	e.SetEscapeHTML(false)
	e.SetIndent(indent(depth), "  ")
	var err error
	switch {
	case !v.IsValid():
		err = e.Encode(nil)
	case v.CanAddr(): // methods may be the pointer's
		err = e.Encode(v.Addr().Interface())
	default:
		err = e.Encode(v.Interface())
	}
	if err != nil {
		s.err = err
		return
	}
	_, s.err = s.w.Write(bytes.TrimSuffix(s.buf.Bytes(), []byte("\n")))
}

func (s *stream) text(t string) {
	if s.err == nil {
		_, s.err = s.w.WriteString(t)
	}
}

// empty is what omitempty leaves out.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// zero is what omitzero leaves out.
func zero(v reflect.Value) bool {
	if z, ok := v.Interface().(interface{ IsZero() bool }); ok {
		return (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil() || z.IsZero()
	}
	return v.IsZero()
}
