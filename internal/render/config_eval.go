package render

import (
	"fmt"
	"io"

	"ringside/kconfig"
	"ringside/kconfig/dotconfig"
)

// ConfigEvalSchemaID names the JSON form of config eval.
const ConfigEvalSchemaID = "https://ringside.dev/schemas/config-eval.v1.json"

// ConfigEval is what was made of a configuration.
type ConfigEval struct {
	Schema  string          `json:"schema"`
	Title   string          `json:"title"` // as in the .config's heading
	Mode    string          `json:"mode"`
	Verdict string          `json:"verdict" enum:"complete,incomplete"` // incomplete: the tree could not be read in full
	Dialect kconfig.Dialect `json:"dialect"`
	Files   int             `json:"files"`
	Symbols int             `json:"symbols"`
	// Changes are the differences from the configuration that was given.
	Changes     []dotconfig.Difference `json:"changes"`
	Unmet       []kconfig.Unmet        `json:"unmet"` // selected against their dependencies
	Answers     []kconfig.Answer       `json:"answers"`
	Warnings    []string               `json:"warnings"`
	Diagnostics []kconfig.Diagnostic   `json:"diagnostics"`
}

// ConfigEvalNotes prints what the .config itself does not say.
func ConfigEvalNotes(w io.Writer, e ConfigEval, st Style) error {
	p := &printer{w: w, s: st}
	for _, x := range e.Warnings {
		p.line("%s", x)
	}
	for _, u := range e.Unmet {
		by := ""
		for _, s := range u.SelectedBy {
			by += fmt.Sprintf(" %s=%s (%s)", s.Symbol, s.Value, s.Place)
		}
		p.line("%s is selected against its dependencies by%s: %s", u.Symbol, by, u.DependsOn)
	}
	assumed := 0
	for _, a := range e.Answers {
		if a.From == kconfig.Assumed {
			assumed++
		}
	}
	if assumed > 0 {
		p.line("%s to the toolchain: %d answered, %d assumed; --json lists them, --run-shell and --answers answer them",
			plural(len(e.Answers), "question"), len(e.Answers)-assumed, assumed)
	}
	return p.err
}
