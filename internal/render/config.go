package render

import (
	"io"

	"ringside/kconfig/meaning"
)

// ConfigDiffSchemaID names the JSON form of config diff.
const ConfigDiffSchemaID = "https://ringside.dev/schemas/config-diff.v1.json"

// ConfigDiff is what two configurations differ in.
type ConfigDiff struct {
	Schema      string           `json:"schema"`
	A           string           `json:"a"`
	B           string           `json:"b"`
	Differences []meaning.Change `json:"differences"`
}

// ConfigDiffReport prints the differences, one a line.
func ConfigDiffReport(w io.Writer, d ConfigDiff, st Style) error {
	p := &printer{w: w, s: st}
	for _, x := range d.Differences {
		meaningLine(p, x)
	}
	p.line("%s", p.s.paint(faint, plural(len(d.Differences), "difference")))
	return p.err
}
