package render_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ringside/internal/render"
)

type level int

func (l level) MarshalText() ([]byte, error) { return []byte(strings.Repeat("l", int(l))), nil }

type byPointer struct{ n int }

func (b *byPointer) MarshalJSON() ([]byte, error) { return json.Marshal(map[string]int{"n": b.n}) }

type embedded struct {
	A int `json:"a"`
}

type all struct {
	Text    string             `json:"text"`
	Level   level              `json:"level"`
	Pointer *all               `json:"pointer,omitempty"`
	Nil     *all               `json:"nil"`
	List    []all              `json:"list,omitempty"`
	Empty   []int              `json:"empty"`
	None    []int              `json:"none"`
	Bytes   []byte             `json:"bytes,omitempty"`
	Map     map[string]any     `json:"map,omitempty"`
	Any     any                `json:"any"`
	Array   [2]float64         `json:"array"`
	Times   []time.Time        `json:"times,omitempty"`
	Time    time.Time          `json:"time,omitzero"`
	Custom  []byPointer        `json:"custom,omitempty"`
	Outer   struct{ embedded } `json:"outer"`
	Raw     json.RawMessage    `json:"raw,omitempty"`
	Dash    int                `json:"-"`
	private int
	Nothing struct{} `json:"nothing"`
	Quoted  struct {
		N int `json:"n,string"`
	} `json:"quoted"`
}

// JSON must write what the standard library does.
func TestJSON(t *testing.T) {
	inner := all{Text: "inner <&> \u2028", Level: 2, Empty: []int{}, Any: map[string]int{"b": 1, "a": 2}}
	deep := inner
	for range 8 {
		deep = all{List: []all{deep, inner}, Pointer: &inner}
	}
	full := all{Text: "x", private: 1, Dash: 3, Level: 1, Pointer: &inner, List: []all{inner, deep}, Bytes: []byte("abc"), Map: map[string]any{"k": []int{1, 2}},
		Any: []any{1, "two", nil, inner}, Array: [2]float64{1.5, 2}, Times: []time.Time{time.Unix(0, 0).UTC()}, Time: time.Unix(1, 0).UTC(),
		Custom: []byPointer{{1}, {2}}, Raw: json.RawMessage(`{"a":[1,2]}`)}
	for _, v := range []any{full, &full, []all{full, {}}, all{}, nil, []int{}, map[string]int{"a": 1}, "text", []string(nil), level(3), &byPointer{4}, []any{}} {
		var want, got bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		if err := render.JSON(&got, v); err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() {
			t.Errorf("%T:\n%s\nwant\n%s", v, got.String(), want.String())
		}
	}
}

func TestJSONError(t *testing.T) {
	if err := render.JSON(&bytes.Buffer{}, struct {
		List []any `json:"list"`
	}{[]any{1, func() {}}}); err == nil {
		t.Error("a function was written")
	}
}
