package render

import (
	"fmt"
	"io"

	"ringside/profile/compare"
)

// ProfileDiffSchemaID names the JSON form of profile diff.
const ProfileDiffSchemaID = "https://ringside.dev/schemas/profile-diff.v1.json"

// ProfileDiff is a comparison of two profiles.
type ProfileDiff struct {
	Schema string   `json:"schema"`
	NameA  string   `json:"name_a"`
	NameB  string   `json:"name_b"`
	Why    []string `json:"why"` // in words
	compare.Result
	Omitted int `json:"omitted,omitempty"` // functions left out
}

// NewProfileDiff makes a report of at most so many functions; 0 is all.
func NewProfileDiff(a, b string, r *compare.Result, most int) ProfileDiff {
	d := ProfileDiff{Schema: ProfileDiffSchemaID, NameA: a, NameB: b, Why: r.Findings(8), Result: *r}
	if most > 0 && len(d.Functions) > most {
		d.Omitted, d.Functions = len(d.Functions)-most, d.Functions[:most]
	}
	return d
}

// ProfileDiffTable prints the comparison.
func ProfileDiffTable(w io.Writer, d ProfileDiff, st Style) error {
	p := &printer{w: w, s: st}
	p.line("%s  %s", p.s.paint(strong, string(d.Outcome)), p.s.paint(faint, fmt.Sprintf("%s, at %g %% for all %d shares together; noise from %s", d.Event, 100*d.Confidence, d.Tested, d.Noise)))
	side := func(name, of string, s compare.Side) {
		text := fmt.Sprintf("%s  %s: %d samples", name, of, s.Samples)
		if s.Recordings > 1 {
			text += fmt.Sprintf(" in %d recordings", s.Recordings)
		}
		if s.Seconds > 0 {
			text += fmt.Sprintf(", %.1f s", s.Seconds)
		}
		p.line("%s", p.s.paint(faint, text))
	}
	side("A", d.NameA, d.A)
	side("B", d.NameB, d.B)
	for _, t := range d.Why {
		p.line("- %s", t)
	}
	p.line("")
	p.line("%s", p.s.paint(faint, fmt.Sprintf("%8s %8s %8s  %-17s %8s  %-9s  %s", "SELF A", "SELF B", "CHANGE", "95 % INTERVAL", "TOTAL", "VERDICT", "NAME")))
	for i := range d.Functions {
		f := &d.Functions[i]
		c := &f.Self
		verdict := string(c.Verdict)
		if f.Changed() && !c.Verdict.Up() && !c.Verdict.Down() {
			verdict = "callees"
		}
		total := fmt.Sprintf("%+7.2f ", 100*(f.Total.B-f.Total.A))
		if f.Kind == "" {
			total = ""
		}
		r := faint
		if f.Self.Verdict.Up() || f.Self.Verdict.Down() {
			r = strong
		}
		p.line("%7.2f%% %7.2f%% %+8.2f  %+7.2f … %+7.2f %8s  %s  %s  %s", 100*c.A, 100*c.B, 100*(c.B-c.A), 100*c.Low, 100*c.High, total, p.s.paint(r, fmt.Sprintf("%-9s", verdict)), f.Name, p.s.paint(faint, f.Module))
	}
	if d.Omitted > 0 {
		p.line("%s", p.s.paint(faint, fmt.Sprintf("%d more; --rows 0 lists all", d.Omitted)))
	}
	return p.err
}
