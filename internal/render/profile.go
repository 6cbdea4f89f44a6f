package render

import (
	"fmt"
	"io"

	"ringside/profile"
)

// ProfileTopSchemaID names the JSON form of profile top.
const ProfileTopSchemaID = "https://ringside.dev/schemas/profile-top.v1.json"

// ProfileTop is a table of a profile.
type ProfileTop struct {
	Schema  string         `json:"schema"`
	Event   string         `json:"event"`
	Unit    string         `json:"unit"` // what weights count
	By      string         `json:"by"`
	Samples int64          `json:"samples"`
	Weight  int64          `json:"weight"`
	Rows    []profile.Row  `json:"rows"` // the heaviest first
	Omitted int            `json:"omitted,omitempty"`
	Losses  []profile.Loss `json:"losses,omitempty"`
	// Warnings say what a reader should know.
	Warnings []string `json:"warnings,omitempty"`
}

// NewProfileTop makes the table of an event, with at most so many rows; 0 is
// all.
func NewProfileTop(p *profile.Profile, event int, by string, rows []profile.Row, most int) ProfileTop {
	t := ProfileTop{Schema: ProfileTopSchemaID, By: by, Rows: rows, Losses: p.Losses, Warnings: p.Warnings}
	if event >= 0 && event < len(p.Events) {
		t.Event, t.Unit = p.Events[event].Name, p.Events[event].Unit
	}
	t.Samples, t.Weight = p.Total(event)
	if most > 0 && len(rows) > most {
		t.Omitted, t.Rows = len(rows)-most, rows[:most]
	}
	return t
}

// ProfileTopTable prints the table.
func ProfileTopTable(w io.Writer, t ProfileTop, st Style) error {
	p := &printer{w: w, s: st}
	p.line("%s  %s", p.s.paint(strong, t.Event), p.s.paint(faint, fmt.Sprintf("%d samples", t.Samples)))
	share := func(v int64) float64 { return 100 * float64(v) / float64(max(1, t.Weight)) }
	if t.By == string(profile.ByFunction) || t.By == string(profile.ByModule) {
		p.line("%s", p.s.paint(faint, fmt.Sprintf("%8s %8s  %s", "SELF", "TOTAL", "NAME")))
	} else {
		p.line("%s", p.s.paint(faint, fmt.Sprintf("%8s %8s  %s", "WEIGHT", "SAMPLES", "NAME")))
	}
	for _, r := range t.Rows {
		if t.By == string(profile.ByFunction) || t.By == string(profile.ByModule) {
			p.line("%7.2f%% %7.2f%%  %s  %s", share(r.Self), share(r.Total), r.Name, p.s.paint(faint, r.Module))
			continue
		}
		p.line("%7.2f%% %8d  %s", share(r.Self), r.Count, r.Name)
	}
	if t.Omitted > 0 {
		p.line("%s", p.s.paint(faint, fmt.Sprintf("%d more; --rows 0 lists all", t.Omitted)))
	}
	return p.err
}
