package render

import (
	"fmt"
	"io"

	"ringside/kbuild"
)

// ConfigSourcesSchemaID names the JSON form of config sources.
const ConfigSourcesSchemaID = "https://ringside.dev/schemas/config-sources.v1.json"

// ConfigSources is what a configuration compiles.
type ConfigSources struct {
	Schema string `json:"schema"`
	Tree   string `json:"tree"`
	Arch   string `json:"arch"`
	Config string `json:"config"`
	// Units are the compiled files; without --all those of vmlinux, modules and vDSOs.
	Units []ConfigUnit `json:"units,omitempty"`
	// Files are the answers to --why.
	Files []kbuild.Presence `json:"files,omitempty"`
	// Problems are what of the Makefiles could not be evaluated.
	Problems []kbuild.Problem `json:"problems"`
	// Contradictions are files of which the Makefiles say otherwise than what was built.
	Contradictions []kbuild.Presence `json:"contradictions,omitempty"`
}

// ConfigUnit is one object, with the conditions that it stands under.
type ConfigUnit struct {
	kbuild.Unit
	Why []kbuild.Step `json:"why"`
}

// ConfigSourcesReport prints one compiled file a line.
func ConfigSourcesReport(w io.Writer, sources []string) error {
	for _, s := range sources {
		if _, err := fmt.Fprintln(w, s); err != nil {
			return err
		}
	}
	return nil
}

// ConfigPresence prints why files are compiled or not.
func ConfigPresence(w io.Writer, files []kbuild.Presence, st Style) error {
	p := &printer{w: w, s: st}
	for i, f := range files {
		if i > 0 {
			p.line("")
		}
		into := ""
		if len(f.Targets) > 0 {
			into = " into " + someOf(f.Targets, 6)
		}
		path := f.Path
		if f.Lines != nil {
			path = fmt.Sprintf("%s:%d-%d", path, f.Lines.First, f.Lines.Last)
		}
		p.line("%s: %s%s", p.s.paint(strong, path), stateWords[f.State], into)
		for _, r := range f.Why {
			place := r.File
			if r.Line > 0 {
				place = fmt.Sprintf("%s:%d", r.File, r.Line)
			}
			symbol := ""
			if r.Symbol != "" {
				symbol = fmt.Sprintf("   CONFIG_%s=%s", r.Symbol, r.Value)
			}
			p.line("    %-34s %s%s", place, r.Text, p.s.paint(faint, symbol))
		}
	}
	return p.err
}

var stateWords = map[kbuild.State]string{
	kbuild.Unknown: "unknown", kbuild.Compiled: "compiled", kbuild.NotCompiled: "not compiled", kbuild.Absent: "not in this tree",
}

// someOf gives the first of a list, and how many more there are.
func someOf(list []string, n int) string {
	out := ""
	for i, s := range list {
		if i == n {
			return fmt.Sprintf("%s and %d more", out, len(list)-n)
		}
		if i > 0 {
			out += ", "
		}
		out += s
	}
	return out
}
