package flame

import (
	"fmt"
	"io"
	"strings"

	"ringside/profile"
	"ringside/profile/compare"
)

// DiffOptions say what of two sides is drawn.
type DiffOptions struct {
	Title string
	// NameA and NameB are what the sides are called.
	NameA, NameB string
	// EventA and EventB are indices into the Profile.Events of each side's first
	// profile.
	EventA, EventB int
}

// WriteDiff writes a page with both sides of a comparison in one picture: a
// frame is as wide as the mean of its shares, its colour says by how much it
// grew or shrank; what is new and what has vanished is there too. r is what
// [compare.Compare] found between a and b.
func WriteDiff(w io.Writer, a, b []*profile.Profile, r *compare.Result, o DiffOptions) error {
	t := newTree()
	for side, list := range [][]*profile.Profile{a, b} {
		event := o.EventA
		if side == 1 {
			event = o.EventB
		}
		for k, p := range list {
			i := event
			if k > 0 { // the first has the index, the others the name
				i = named(p, list[0].Events[event].Name)
			}
			if i >= 0 {
				t.add(p, i, side)
			}
		}
	}
	// A comparison has no window of time: two recordings have no time in common.
	for i := range t.cells {
		t.cells[i].slice = 0
	}
	d := &document{Title: o.Title, Unit: r.Unit, Facts: []string{}, Losses: r.Warnings}
	d.Facts = append(d.Facts, r.Event, side("A", o.NameA, r.A), side("B", o.NameB, r.B), "noise measured from "+r.Noise)
	for _, list := range [][]*profile.Profile{a, b} {
		for _, p := range list {
			d.Losses = append(d.Losses, losses(p)...)
		}
	}
	if d.Losses == nil {
		d.Losses = []string{}
	}
	x := &difference{NameA: o.NameA, NameB: o.NameB, TotalA: r.A.Weight, TotalB: r.B.Weight, Verdict: string(r.Outcome), Why: r.Findings(8), Functions: map[string]change{}}
	if x.Why == nil {
		x.Why = []string{}
	}
	if r.By == profile.ByFunction {
		for i := range r.Functions {
			f := &r.Functions[i]
			// What was too light to be tested has nothing to say.
			if f.Total.Seen > 0 {
				x.Functions[f.Name+"\x00"+f.Module] = change{A: f.Total.A, B: f.Total.B, Low: f.Total.Low, High: f.Total.High, Verdict: string(f.Total.Verdict), Self: string(f.Self.Verdict)}
			}
		}
	}
	d.Diff = x
	d.Pruned = t.prune(maxNodes)
	t.settle(maxCells)
	t.fill(d, true)
	return page(w, d)
}

func named(p *profile.Profile, event string) int {
	for i := range p.Events {
		if p.Events[i].Name == event {
			return i
		}
	}
	return -1
}

func side(name, of string, s compare.Side) string {
	parts := []string{fmt.Sprintf("%d samples", s.Samples)}
	if s.Recordings > 1 {
		parts = append(parts, fmt.Sprintf("%d recordings", s.Recordings))
	}
	if s.Seconds > 0 {
		parts = append(parts, fmt.Sprintf("%.1f s", s.Seconds))
	}
	return name + " " + of + ": " + strings.Join(parts, ", ")
}
