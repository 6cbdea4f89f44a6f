package kconfig

import "ringside/kconfig/dotconfig"

// A Report is what of a .config does not hold under a tree.
type Report struct {
	// Lost are lines whose symbols have another value, or no line, when evaluated.
	Lost []Lost `json:"lost"`
	// Gone are symbols that the tree does not have.
	Gone []Gone `json:"gone"`
	// Unmet are symbols that are selected against their dependencies.
	Unmet []Unmet `json:"unmet"`
	// Invalid are lines that could not be read, or that do not fit the symbol's type.
	Invalid []string `json:"invalid"`
}

// A Lost line asks for a value that its symbol does not get.
type Lost struct {
	Symbol string   `json:"symbol"`
	Line   int      `json:"line"`
	Asked  string   `json:"asked"`
	Got    string   `json:"got"`
	Source Source   `json:"source"` // what gave it that value
	Why    []Reason `json:"why"`
}

// A Gone symbol is of another kernel.
type Gone struct {
	Symbol string `json:"symbol"`
	Line   int    `json:"line"`
	Asked  string `json:"asked"`
	// Mentioned says that files of the tree mention it, though none defines it.
	Mentioned bool `json:"mentioned,omitempty"`
}

// Clean says that all lines hold.
func (r *Report) Clean() bool {
	return len(r.Lost)+len(r.Gone)+len(r.Unmet)+len(r.Invalid) == 0
}

// Check says what of the .config that the evaluation began with does not hold.
func (c *Config) Check(f *dotconfig.File) *Report {
	r := &Report{Lost: []Lost{}, Gone: []Gone{}, Unmet: c.Unmet(), Invalid: append([]string{}, c.Warnings...)}
	for _, w := range f.Warnings {
		r.Invalid = append(r.Invalid, w.String())
	}
	for v := range f.All() {
		id, known := c.t.names[v.Name]
		if !known || c.t.symbols[id].Type == Unknown {
			if !v.Unset {
				r.Gone = append(r.Gone, Gone{v.Name, v.Line, v.Text, known})
			}
			continue
		}
		got := c.lineOf(id)
		asked := v.Text
		if v.Quoted {
			asked = dotconfig.Quote(v.Text)
		}
		if got == asked || v.Text == "n" && got == dotconfig.Absent {
			continue
		}
		e := &explainer{c: c, seen: map[symID]bool{id: true}}
		source, reason := e.source(id)
		r.Lost = append(r.Lost, Lost{v.Name, v.Line, asked, got, source, append(e.limits(id), reason)})
	}
	return r
}
