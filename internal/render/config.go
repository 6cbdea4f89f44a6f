package render

import (
	"io"

	"ringside/kconfig/dotconfig"
)

// ConfigDiffSchemaID names the JSON form of config diff.
const ConfigDiffSchemaID = "https://ringside.dev/schemas/config-diff.v1.json"

// ConfigDiff is what two configurations differ in.
type ConfigDiff struct {
	Schema      string                 `json:"schema"`
	A           string                 `json:"a"`
	B           string                 `json:"b"`
	Differences []dotconfig.Difference `json:"differences"`
}

// ConfigDiffReport prints the differences, one a line.
func ConfigDiffReport(w io.Writer, d ConfigDiff, st Style) error {
	p := &printer{w: w, s: st}
	for _, x := range d.Differences {
		p.line("%-40s %s %s %s", x.Name, x.Old, p.s.paint(faint, "→"), x.New)
	}
	p.line("%s", p.s.paint(faint, plural(len(d.Differences), "difference")))
	return p.err
}
