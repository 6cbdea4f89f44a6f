package shell

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"ringside/vmcore/kernel"
	"ringside/vmcore/object"
)

// table is what commands that list things make.
type table struct {
	cols []string
	rows []row
}

// row is one thing, with the structure that it was read from.
type row struct {
	cells []any // string, bool, integers, float64, object.Addr
	obj   kernel.Value
	task  *object.Task
}

// tableOf makes a table of a slice of structs: their members that are plain, by
// the names that they have in JSON. Times are in seconds.
func tableOf(w *kernel.Walk, items any, typ string) *table {
	t := &table{}
	v := reflect.ValueOf(items)
	var fields []int
	elem := v.Type().Elem()
	for i := range elem.NumField() {
		f := elem.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" && f.Name != "Addr" || !plain(f.Type) {
			continue
		}
		if name == "-" {
			name = "addr"
		}
		fields = append(fields, i)
		t.cols = append(t.cols, strings.TrimSuffix(name, "_ns"))
	}
	for i := range v.Len() {
		r := row{}
		for n, f := range fields {
			c := cellOf(v.Index(i).Field(f), t.cols[n])
			if a, ok := c.(object.Addr); ok && typ != "" && !r.obj.Valid() {
				r.obj = w.At(typ, uint64(a))
			}
			r.cells = append(r.cells, c)
		}
		t.rows = append(t.rows, r)
	}
	return t
}

// plain reports whether a type fits into a cell.
func plain(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Int, reflect.Int64, reflect.Uint64, reflect.Float64, reflect.Uint32, reflect.Int32:
		return true
	case reflect.Slice:
		return t.Elem().Kind() == reflect.String
	case reflect.Pointer:
		return plain(t.Elem())
	}
	return false
}

func cellOf(v reflect.Value, col string) any {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		return cellOf(v.Elem(), col)
	case reflect.Slice:
		var s []string
		for i := range v.Len() {
			s = append(s, v.Index(i).String())
		}
		return strings.Join(s, ",")
	case reflect.Bool:
		return v.Bool()
	case reflect.Float64:
		return v.Float()
	case reflect.String:
		return v.String()
	case reflect.Uint64, reflect.Uint32:
		if n := v.Uint(); col == "addr" || col == "queue" || col == "base" || n>>47 == 1<<17-1 {
			return object.Addr(n)
		}
		return v.Uint()
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		return time.Duration(v.Int()).Seconds()
	}
	return v.Int()
}

// cellValue makes a value of a cell.
func cellValue(c any) value {
	switch c := c.(type) {
	case string:
		return value{kind: kindText, s: c}
	case bool:
		return boolValue(c)
	case float64:
		return value{kind: kindFloat, f: c}
	case int64:
		return value{kind: kindNumber, n: uint64(c), signed: true}
	case uint64:
		return value{kind: kindNumber, n: c}
	case object.Addr:
		return value{kind: kindNumber, n: uint64(c)}
	case nil:
		return value{}
	}
	return value{kind: kindText, s: fmt.Sprint(c)}
}

// cell makes a cell of a value.
func (v value) cell(e *env) (any, error) {
	switch v.kind {
	case kindNone:
		return nil, nil
	case kindText:
		return v.s, nil
	case kindFloat:
		return v.f, nil
	case kindPlace:
		if s, err := v.text(e); isText(v.place) || err != nil {
			return s, err
		}
	}
	n, err := v.load()
	switch {
	case err != nil:
		return nil, err
	case n.signed:
		return int64(n.n), nil
	case n.typ != 0 || n.n>>47 == 1<<17-1:
		return object.Addr(n.n), nil
	}
	return n.n, nil
}

func cellText(c any) string {
	switch c := c.(type) {
	case nil:
		return "-"
	case object.Addr:
		if c == 0 {
			return "-"
		}
	case float64:
		return fmt.Sprintf("%.3f", c)
	case string:
		if c == "" {
			return "-"
		}
		return strings.NewReplacer("\n", "?", "\t", "?").Replace(harmless(c))
	case bool:
		if c {
			return "yes"
		}
		return "-"
	}
	return fmt.Sprint(c)
}

// write prints a table in columns.
func (t *table) write(out io.Writer) error {
	width := make([]int, len(t.cols))
	right := make([]bool, len(t.cols))
	for i, c := range t.cols {
		width[i] = utf8.RuneCountInString(c)
	}
	lines := make([][]string, len(t.rows))
	for i, r := range t.rows {
		for j, c := range r.cells {
			s := cellText(c)
			lines[i] = append(lines[i], s)
			width[j] = max(width[j], utf8.RuneCountInString(s))
			switch c.(type) {
			case int64, uint64, float64:
				right[j] = true
			}
		}
	}
	for i := -1; i < len(lines); i++ {
		var b strings.Builder
		for j, name := range t.cols {
			s := strings.ToUpper(name)
			if i >= 0 {
				s = lines[i][j]
			}
			pad := strings.Repeat(" ", max(0, width[j]-utf8.RuneCountInString(s)))
			if j > 0 {
				b.WriteString("  ")
			}
			if right[j] {
				b.WriteString(pad + s)
			} else {
				b.WriteString(s + pad)
			}
		}
		if _, err := fmt.Fprintln(out, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// objects makes an object of each row.
func (t *table) objects() ([]map[string]json.RawMessage, error) {
	rows := make([]map[string]json.RawMessage, 0, len(t.rows))
	for _, r := range t.rows {
		m := map[string]json.RawMessage{}
		for i, c := range r.cells {
			raw, err := json.Marshal(c)
			if err != nil {
				return nil, fmt.Errorf("column %s: %w", t.cols[i], err)
			}
			m[t.cols[i]] = raw
		}
		rows = append(rows, m)
	}
	return rows, nil
}
