package stack

import (
	"fmt"

	"ringside/patch"
)

// A Step is what to do with a patch.
type Step string

// The steps, the most urgent first.
const (
	Repair Step = "repair" // it lacks a fix, was reverted, does not apply or could not be read
	Drop   Step = "drop"   // the tree has it
	Rework Step = "rework" // some of it is there, or upstream did it in another way
	Send   Step = "send"   // nothing says that it was sent
	Watch  Step = "watch"  // it was sent, or comes with a later release
	Keep   Step = "keep"   // it is not meant for upstream
)

var order = []Step{Repair, Drop, Rework, Send, Watch, Keep}

// Advice is a step with its reason.
type Advice struct {
	Do  Step   `json:"do" enum:"repair,drop,rework,send,watch,keep"`
	Why string `json:"why"`
}

func advise(e *Entry, p *patch.Patch) Advice {
	u := &e.Upstream
	switch {
	case u.State == Upstream && u.By != "":
		why := "the tree has it"
		if u.Release != "" {
			why += ", upstream since " + u.Release
		}
		if e.Apply == "fail" {
			why += "; this is why it does not apply"
		}
		return Advice{Drop, why}
	case len(e.Problems) > 0:
		return Advice{Repair, e.Problems[0]}
	case len(u.Reverted) > 0:
		return Advice{Repair, "upstream took it back with " + short(u.Reverted[0])}
	case len(e.Missing) > 0:
		return Advice{Repair, fmt.Sprintf("it lacks %d later fix(es): %s %s", len(e.Missing), short(e.Missing[0].Commit), e.Missing[0].Subject)}
	case e.Apply == "fail":
		return Advice{Repair, "it does not apply: " + e.ApplyWhy}
	case u.State == Partly:
		return Advice{Rework, "the tree has some of it"}
	case len(u.Superseded) > 0:
		return Advice{Rework, "upstream has another change with this subject: " + short(u.Superseded[0])}
	case u.State == Upstream, p.Origin.Kind == patch.Upstream, p.Origin.Kind == patch.Backport:
		why := "upstream has it, this tree does not yet"
		if u.Release != "" {
			why = "comes with " + u.Release
		}
		return Advice{Watch, why}
	case p.Origin.Kind == patch.FromList, p.Origin.Kind == patch.FromTree:
		return Advice{Watch, "it was sent: see what became of it"}
	case p.Origin.Kind == patch.Downstream:
		return Advice{Keep, "it says that it is not for upstream"}
	case e.Sent != "":
		return Advice{Watch, "it was sent: " + e.Sent}
	}
	return Advice{Send, "nothing says that it was sent"}
}
