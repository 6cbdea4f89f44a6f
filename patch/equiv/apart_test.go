package equiv

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"
)

// The print does not depend on what apart finds: with it and without it lines are counted
// the same.
func TestApartChangesNoPrint(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	line := func() string {
		return []string{"}\n", "\n", "\treturn 0;\n", "int a;\n", "\tspin_lock(&lock);\n", "\tspin_unlock(&lock);\n", "static void f(void)\n", "{\n", "\tgoto out;\n"}[r.IntN(9)]
	}
	c := NewCounter()
	for range 2000 {
		var a, b bytes.Buffer
		for range r.IntN(200) {
			switch l := line(); r.IntN(12) {
			case 0:
				a.WriteString(l)
			case 1:
				b.WriteString(l)
			case 2:
				a.WriteString(l)
				b.WriteString(line())
			default:
				a.WriteString(l)
				b.WriteString(l)
			}
		}
		if r.IntN(3) == 0 {
			b.WriteString("no newline at the end")
		}
		var n net
		for text, by := range map[*bytes.Buffer]int32{&a: -1, &b: 1} {
			for l := range bytes.SplitSeq(text.Bytes(), newline) {
				if h, ok := lineHash(l); ok {
					n.add(h, by)
				}
			}
		}
		want := n.print()
		c.File(a.Bytes(), b.Bytes())
		if got := c.Print(); !(got.Empty() && want.Empty()) && !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v, and counting all lines gives %+v of\n%s\n---\n%s", got, want, &a, &b)
		}
	}
}
