package schema

import (
	"bytes"
	"encoding/json"
)

// Object is a JSON object that keeps the order of its members: a schema is
// read by people too, who want the fields as the output has them.
type Object []Member

// Member is one member of an Object.
type Member struct {
	Name  string
	Value any
}

// With returns o with one more member.
func (o Object) With(name string, value any) Object {
	return append(o, Member{name, value})
}

// MarshalJSON writes the members in their order.
func (o Object) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	out.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := e.Encode(m.Name); err != nil {
			return nil, err
		}
		out.WriteByte(':')
		if err := e.Encode(m.Value); err != nil {
			return nil, err
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}
