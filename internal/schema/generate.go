package schema

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"strings"
	"time"
)

// dialect is the version of JSON Schema in use.
const dialect = "https://json-schema.org/draft/2020-12/schema"

// Generate returns the schema of p as the bytes of its file.
func Generate(p Published, src *Source) ([]byte, error) {
	g := &generator{src: src, refs: map[reflect.Type]string{}, taken: map[string]reflect.Type{}}
	root, err := g.object(p.Type, p.ID)
	if err != nil {
		return nil, fmt.Errorf("schema of %v: %w", p.Type, err)
	}
	doc := Object{{"$schema", dialect}, {"$id", p.ID}, {"title", p.Title}}
	doc = append(doc, root...)
	if len(g.defs) > 0 {
		doc = doc.With("$defs", g.defs)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(doc); err != nil {
		return nil, fmt.Errorf("schema of %v: %w", p.Type, err)
	}
	return out.Bytes(), nil
}

// A generator makes one schema. Each struct but the root becomes a definition.
type generator struct {
	src   *Source
	defs  Object
	refs  map[reflect.Type]string
	taken map[string]reflect.Type
}

var (
	timeType = reflect.TypeFor[time.Time]()
	rawType  = reflect.TypeFor[json.RawMessage]()
)

// value returns the schema of a value of type t.
func (g *generator) value(t reflect.Type) (Object, error) {
	switch {
	case t == timeType:
		return Object{{"type", "string"}, {"format", "date-time"}}, nil
	case t == rawType:
		return Object{}, nil // anything
	case t.Implements(reflect.TypeFor[json.Marshaler]()), reflect.PointerTo(t).Implements(reflect.TypeFor[json.Marshaler]()):
		return nil, fmt.Errorf("%v writes its own JSON, which reflection cannot see", t)
	}
	if t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return g.text(t)
	}
	switch t.Kind() {
	case reflect.Bool:
		return Object{{"type", "boolean"}}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return Object{{"type", "integer"}}, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return Object{{"type", "integer"}, {"minimum", 0}}, nil
	case reflect.Float32, reflect.Float64:
		return Object{{"type", "number"}}, nil
	case reflect.String:
		return g.text(t)
	case reflect.Slice:
		elem := t.Elem()
		if elem.Kind() == reflect.Pointer {
			elem = elem.Elem() // of a tree: no list of ours has a null in it
		}
		items, err := g.value(elem)
		return Object{{"type", "array"}, {"items", items}}, err
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			return nil, fmt.Errorf("%v has keys that are no strings", t)
		}
		values, err := g.value(t.Elem())
		return Object{{"type", "object"}, {"additionalProperties", values}}, err
	case reflect.Struct:
		ref, err := g.definition(t)
		return Object{{"$ref", ref}}, err
	}
	return nil, fmt.Errorf("%v has no JSON form", t)
}

// text returns the schema of a string type. The constants of the type are
// examples, not an enumeration: later versions may know more.
func (g *generator) text(t reflect.Type) (Object, error) {
	s := Object{{"type", "string"}}
	if t.PkgPath() == "" {
		return s, nil
	}
	p, err := g.src.load(t.PkgPath())
	if err != nil {
		return nil, err
	}
	if about := p.types[t.Name()]; about != "" {
		s = s.With("description", about)
	}
	if values := p.values[t.Name()]; len(values) > 0 {
		s = s.With("examples", values)
	}
	return s, nil
}

// definition returns the reference to the definition of a struct, which it
// makes on the first call.
func (g *generator) definition(t reflect.Type) (string, error) {
	if ref, ok := g.refs[t]; ok {
		return ref, nil
	}
	// The first of several types of a name has it; the next is told by its
	// package. A schema's order follows its fields, and so that stays.
	name := t.Name()
	if _, ok := g.taken[name]; ok {
		pkg := path.Base(t.PkgPath())
		name = strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
	if other, ok := g.taken[name]; ok {
		return "", fmt.Errorf("%v and %v would both be the definition %q; rename one", other, t, name)
	}
	ref := "#/$defs/" + name
	g.taken[name], g.refs[t] = t, ref
	at := len(g.defs)
	g.defs = g.defs.With(name, nil) // keeps the place before what it refers to
	s, err := g.object(t, "")
	g.defs[at].Value = s
	return ref, err
}

// object returns the schema of a struct. With an id, its field "schema" is
// that and nothing else.
func (g *generator) object(t reflect.Type, id string) (Object, error) {
	p, err := g.src.load(t.PkgPath())
	if err != nil {
		return nil, err
	}
	s := Object{}
	if about := p.types[t.Name()]; about != "" {
		s = s.With("description", about)
	}
	properties, required := Object{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && tag == "" || !f.IsExported() || tag == "-" {
			continue // an embedded struct's fields come by themselves
		}
		if tag == "" {
			return nil, fmt.Errorf("%v.%s has no json tag", t, f.Name)
		}
		optional := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		if !optional {
			required = append(required, tag)
		}
		if id != "" && tag == "schema" {
			properties = properties.With(tag, Object{{"const", id}})
			continue
		}
		v, err := g.field(f, optional)
		if err != nil {
			return nil, fmt.Errorf("%v.%s: %w", t, f.Name, err)
		}
		about, err := g.about(t, f)
		if err != nil {
			return nil, err
		}
		properties = properties.With(tag, describe(v, about))
	}
	s = s.With("type", "object").With("properties", properties)
	if len(required) > 0 {
		s = s.With("required", required)
	}
	return s, nil
}

// field returns the schema of a field's value. A pointer that is always
// written is null where it points nowhere.
func (g *generator) field(f reflect.StructField, optional bool) (Object, error) {
	t := f.Type
	if t.Kind() != reflect.Pointer {
		return g.value(t)
	}
	v, err := g.value(t.Elem())
	if err != nil || optional {
		return v, err
	}
	if v[0].Name == "type" {
		v[0].Value = []any{v[0].Value, "null"}
		return v, nil
	}
	return Object{{"anyOf", []any{v, Object{{"type", "null"}}}}}, nil
}

// about returns the comment of a field, which may be promoted from an embedded
// struct.
func (g *generator) about(t reflect.Type, f reflect.StructField) (string, error) {
	for _, i := range f.Index[:len(f.Index)-1] {
		t = t.Field(i).Type
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
	}
	p, err := g.src.load(t.PkgPath())
	if err != nil {
		return "", err
	}
	return p.fields[t.Name()+"."+f.Name], nil
}

// describe puts a field's own description first, in place of its type's.
func describe(v Object, about string) Object {
	if about == "" {
		return v
	}
	out := Object{{"description", about}}
	for _, m := range v {
		if m.Name != "description" {
			out = append(out, m)
		}
	}
	return out
}
