package render

import (
	"fmt"
	"io"
	"strings"

	"ringside/ktest/flake"
)

// FlakesSchemaID names the JSON form of [Flakes].
const FlakesSchemaID = "https://ringside.dev/schemas/test-flakes.v1.json"

// Flakes is the JSON of "test flakes".
type Flakes struct {
	Schema string              `json:"schema"`
	Runs   int                 `json:"runs"`
	Storms []string            `json:"storms"` // runs whose failures are the machine's
	Tests  []Flake             `json:"tests"`  // the gravest first
	Counts map[flake.Class]int `json:"counts"`
}

// Flake is one test and what its history says.
type Flake struct {
	Path string `json:"path"`
	flake.Verdict
	BrokeWith string `json:"broke_with,omitempty"` // the run
	Act       string `json:"act"`
}

// FlakeReport writes what is not well.
func FlakeReport(w io.Writer, d *Flakes, all bool, st Style) error {
	p := &printer{w: w, s: st}
	roles := map[flake.Class]role{flake.Broken: danger, flake.Undecided: caution, flake.Flaky: caution, flake.Well: good}
	for i := range d.Tests {
		t := &d.Tests[i]
		if t.Class == flake.Well && !all {
			continue
		}
		p.line("%s %s", st.paint(roles[t.Class], fmt.Sprintf("%-9s", t.Class)), t.Path)
		sure := max(t.Broken, t.Flaky, t.Well)
		say := []string{fmt.Sprintf("fails in %.0f %% (95 %%: %.0f to %.0f)", 100*t.Rate, 100*t.Low, 100*t.High), fmt.Sprintf("%d of %d runs bad", t.Bad, t.Runs), fmt.Sprintf("%.1f %% sure", 100*sure)}
		switch t.Class {
		case flake.Broken:
			say = append([]string{"since " + t.BrokeWith}, say...)
		case flake.Undecided:
			say = append(say, fmt.Sprintf("broken %.1f %%, flaky %.1f %%: %s would tell", 100*t.Broken, 100*t.Flaky, plural(t.Reruns, "run")+" more"))
		}
		if t.Storms > 0 {
			say = append(say, fmt.Sprintf("%d more in runs that went wrong as a whole", t.Storms))
		}
		p.line("          %s", st.paint(faint, strings.Join(say, "; ")))
		p.line("          %s", t.Act)
	}
	for _, s := range d.Storms {
		p.line("%s  %s", st.paint(caution, "machine"), s+": far more tests failed than usual; its failures do not count")
	}
	p.line("%s", st.paint(faint, fmt.Sprintf("%s, %s: %d broken, %d flaky, %d undecided, %d well", plural(d.Runs, "run"), plural(len(d.Tests), "test"),
		d.Counts[flake.Broken], d.Counts[flake.Flaky], d.Counts[flake.Undecided], d.Counts[flake.Well])))
	return p.err
}
