package dotconfig

// A Difference is a symbol with other values in two configurations. Absent is what one
// of them does not have; that is not the same as n, which is "is not set".
type Difference struct {
	Name string `json:"symbol"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

// Absent is the value in a Difference of a symbol that a file has no line for.
const Absent = "absent"

// Diff gives the symbols in which two configurations differ, in the order of a and then
// what only b has.
func Diff(a, b *File) []Difference {
	list := []Difference{}
	for v := range a.All() {
		w, ok := b.Lookup(v.Name)
		switch {
		case !ok:
			list = append(list, Difference{v.Name, written(v), Absent})
		case written(v) != written(w):
			list = append(list, Difference{v.Name, written(v), written(w)})
		}
	}
	for w := range b.All() {
		if _, ok := a.Lookup(w.Name); !ok {
			list = append(list, Difference{w.Name, Absent, written(w)})
		}
	}
	return list
}

// written gives a value as its line has it.
func written(v Value) string {
	if v.Quoted {
		return Quote(v.Text)
	}
	return v.Text
}
