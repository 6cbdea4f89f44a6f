package render

import (
	"fmt"
	"io"

	"ringside/tune"
)

// TuningSchemaID names the JSON form of tune.
const TuningSchemaID = "https://ringside.dev/schemas/tune.v1.json"

// Tuning is what could be changed on a host.
type Tuning struct {
	Schema    string          `json:"schema"`
	State     *tune.State     `json:"state"`
	Proposals []tune.Proposal `json:"proposals"` // those with the most at stake first
}

// TuningReport prints the proposals.
func TuningReport(w io.Writer, t Tuning, st Style) error {
	p := &printer{w: w, s: st}
	p.line("%s", p.s.paint(faint, fmt.Sprintf("Linux %s, %d CPUs, %d MiB, up for %.1f h", t.State.Kernel, t.State.CPUs, t.State.MemoryKB>>10, t.State.Uptime/3600)))
	if len(t.Proposals) == 0 {
		p.line("Nothing to propose: no counter of this host shows a loss that a setting would mend.")
	}
	for i, x := range t.Proposals {
		p.line("")
		p.line("%d. %s", i+1, p.s.paint(strong, x.Title))
		if x.Stake > 0 {
			p.line("   at stake   %.2f %%: %s", 100*x.Stake, x.Basis)
		} else {
			p.line("   at stake   %s", x.Basis)
		}
		p.line("   expect     %s", x.Expect)
		for _, e := range x.Evidence {
			p.line("   evidence   %s  %s", e.Says, p.s.paint(faint, e.Source))
		}
		p.line("   risk       %s: %s", string(x.Risk), x.Danger)
		for _, c := range x.Apply {
			p.line("   apply      %s", c)
		}
		for _, c := range x.Undo {
			p.line("   go back    %s", c)
		}
		for _, c := range x.Prove {
			p.line("   prove      %s", c)
		}
	}
	if n := len(t.State.Unread); n > 0 {
		p.line("")
		p.line("%s", p.s.paint(faint, fmt.Sprintf("%d files could not be read, the first: %s; run it as root", n, t.State.Unread[0])))
	}
	return p.err
}
