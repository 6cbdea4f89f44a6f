package render

import (
	"fmt"
	"io"
	"strings"

	"ringside/internal/triage"
	"ringside/owner"
)

// OwnerSchemaID names the JSON form of [Ownership].
const OwnerSchemaID = "https://ringside.dev/schemas/owner.v1.json"

// Ownership is the JSON of "owner".
type Ownership struct {
	Schema  string           `json:"schema"`
	Index   owner.Provenance `json:"index"`
	Answers []OwnerAnswer    `json:"answers"`
}

// OwnerAnswer says who owns one thing that was asked for.
type OwnerAnswer struct {
	Asked      string            `json:"asked"`
	Function   string            `json:"function,omitempty"`
	File       string            `json:"file,omitempty"`
	Module     string            `json:"module,omitempty"`
	Matches    []owner.Match     `json:"matches"`
	Recipients []owner.Recipient `json:"recipients"`
}

// NewOwnerAnswer makes the answer to q.
func NewOwnerAnswer(asked string, q owner.Query, ms []owner.Match) OwnerAnswer {
	a := OwnerAnswer{Asked: asked, Function: q.Function, File: q.File, Module: q.Module, Matches: ms, Recipients: owner.Recipients(ms)}
	if a.Matches == nil {
		a.Matches = []owner.Match{}
	}
	if a.Recipients == nil {
		a.Recipients = []owner.Recipient{}
	}
	return a
}

// Owners writes who owns what.
func Owners(w io.Writer, o Ownership, s Style) error {
	p := &printer{w: w, s: s}
	for i, a := range o.Answers {
		if i > 0 {
			p.line("")
		}
		p.line("%s", s.paint(strong, a.Asked))
		for _, m := range a.Matches {
			head := "  " + s.paint(notice, m.Subsystem)
			if m.Status != "" {
				head += "  " + s.paint(faint, m.Status)
			}
			if m.Candidates > 1 {
				head += "  " + s.paint(caution, fmt.Sprintf("one of %d candidates", m.Candidates))
			}
			if m.Overlay {
				head += "  " + s.paint(good, "team's own entry")
			}
			p.line("%s", head)
			if m.Path != "" {
				p.line("    %s", m.Path)
			}
			for _, person := range m.Maintainers {
				p.line("    %-10s %s", "maintainer", person.String())
			}
			for _, person := range m.Reviewers {
				p.line("    %-10s %s", "reviewer", person.String())
			}
			for _, l := range m.Lists {
				p.line("    %-10s %s", "list", l.Email)
			}
			for _, t := range m.Trees {
				p.line("    %-10s %s", "tree", t)
			}
			why := fmt.Sprintf("%s:%d %s: %s", m.Why.Source, m.Why.Line, m.Why.Tag, m.Why.Pattern)
			if len(m.Why.Via) > 0 {
				why = strings.Join(m.Why.Via, "; ") + "; " + why
			}
			p.line("    %s", s.paint(faint, "because "+why))
		}
	}
	return p.err
}

// alsoSaid tells which further clues speak for an owner, and where one was
// discounted.
func alsoSaid(o *triage.Owner) string {
	if len(o.Reasons) == 0 {
		return ""
	}
	var parts []string
	if o.Reasons[0].Generic {
		parts = append(parts, "counted little: this code serves everybody, and the faults of others come to light there")
	}
	var also []string
	for _, r := range o.Reasons[1:] {
		if len(also) == 3 {
			also = append(also, fmt.Sprintf("%d more", len(o.Reasons)-4))
			break
		}
		also = append(also, r.Clue)
	}
	if len(also) > 0 {
		parts = append(parts, "so say "+strings.Join(also, ", "))
	}
	return strings.Join(parts, "; ")
}
