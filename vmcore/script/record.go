package script

import (
	"encoding"
	"reflect"
	"strings"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"ringside/vmcore/object"
)

func record(fields starlark.StringDict) starlark.Value {
	return starlarkstruct.FromStringDict(starlarkstruct.Default, fields)
}

// fromGo makes a value of what a reader of objects returns. Members have the
// names that they have in JSON; addresses are numbers and times are seconds.
func fromGo(v reflect.Value) starlark.Value {
	switch x := v.Interface().(type) {
	case object.Addr:
		return starlark.MakeUint64(uint64(x))
	case time.Duration:
		return seconds(x)
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err != nil {
			return starlark.None
		}
		return starlark.String(text)
	}
	switch v.Kind() {
	case reflect.Bool:
		return starlark.Bool(v.Bool())
	case reflect.String:
		return starlark.String(strings.ToValidUTF8(v.String(), "?"))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return starlark.MakeInt64(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return starlark.MakeUint64(v.Uint())
	case reflect.Float32, reflect.Float64:
		return starlark.Float(v.Float())
	case reflect.Pointer:
		if v.IsNil() {
			return starlark.None
		}
		return fromGo(v.Elem())
	case reflect.Slice:
		out := make([]starlark.Value, v.Len())
		for i := range out {
			out[i] = fromGo(v.Index(i))
		}
		return starlark.NewList(out)
	case reflect.Struct:
		fields := starlark.StringDict{}
		addFields(fields, v)
		return record(fields)
	}
	return starlark.None
}

// addFields adds the members of a struct, those of embedded ones among them.
func addFields(fields starlark.StringDict, v reflect.Value) {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !f.IsExported():
		case f.Anonymous && name == "":
			addFields(fields, v.Field(i))
		case name == "-" && f.Name == "Addr": // JSON has it elsewhere
			fields["addr"] = fromGo(v.Field(i))
		case name != "" && name != "-":
			fields[strings.TrimSuffix(name, "_ns")] = fromGo(v.Field(i))
		}
	}
}
