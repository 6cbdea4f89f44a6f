package render

import (
	"fmt"
	"io"
	"strings"

	"ringside/kconfig/baseline"
	"ringside/kconfig/meaning"
)

// BaselineSchemaID names the JSON form of config baseline.
const BaselineSchemaID = "https://ringside.dev/schemas/config-baseline.v1.json"

// Baseline is a kernel held to the policy of its environment.
type Baseline struct {
	Schema string `json:"schema"`
	*baseline.Report
	Reference string           `json:"reference,omitempty"`
	Drift     []meaning.Change `json:"drift"`
}

// BaselineReport prints what fails, what is waived, and the drift.
func BaselineReport(w io.Writer, b Baseline, all bool, st Style) error {
	p := &printer{w: w, s: st}
	for _, part := range []struct {
		verdict baseline.Verdict
		heading string
	}{
		{baseline.Fail, "fails"}, {baseline.Expired, "fails, and the waiver is over"}, {baseline.Waived, "waived"},
		{baseline.Unknown, "not known"}, {baseline.Pass, "holds"},
	} {
		if b.Counts[part.verdict] == 0 || !all && (part.verdict == baseline.Pass || part.verdict == baseline.Unknown) {
			continue
		}
		p.line("%s", p.s.paint(strong, fmt.Sprintf("%s: %d", part.heading, b.Counts[part.verdict])))
		for _, f := range b.Findings {
			if f.Verdict != part.verdict {
				continue
			}
			p.line("  %-6s %-28s %s", string(f.Severity), f.ID, f.Message)
			if part.verdict == baseline.Pass {
				continue
			}
			p.line("         %s  %s", f.Reason, p.s.paint(faint, f.Owner))
			if f.Fix != "" {
				p.line("         %s", f.Fix)
			}
			if f.Waiver != nil {
				p.line("         waiver: %s, until %s, %s", f.Waiver.Reason, f.Waiver.Expires, f.Waiver.Owner)
			}
		}
		p.line("")
	}
	for _, w := range b.Idle {
		p.line("the waiver of %s by %s has nothing to waive", w.Rule, w.Owner)
	}
	if b.Reference != "" {
		p.line("%s", p.s.paint(strong, fmt.Sprintf("drift from %s: %s", b.Reference, plural(len(b.Drift), "symbol"))))
		for _, c := range b.Drift {
			meaningLine(p, c)
		}
		p.line("")
	}
	p.line("%s", p.s.paint(faint, fmt.Sprintf("policy %s, version %s: %d hold, %d fail, %d expired, %d waived, %d do not apply, %d not known",
		b.Policy, b.Version, b.Counts[baseline.Pass], b.Counts[baseline.Fail], b.Counts[baseline.Expired],
		b.Counts[baseline.Waived], b.Counts[baseline.NotApplicable], b.Counts[baseline.Unknown])))
	return p.err
}

// meaningLine prints one difference with what it means.
func meaningLine(p *printer, c meaning.Change) {
	p.line("%-40s %s %s %s", c.Name, c.Old, p.s.paint(faint, "→"), c.New)
	about := c.Prompt
	if about == "" && c.Follows {
		about = "follows from others"
	}
	if c.Unknown {
		about = "the tree has no such symbol"
	}
	if c.Class != "" {
		about = strings.TrimPrefix(about+"; ", "; ") + c.Class
		if c.Surface != "none" {
			about += ", reached: " + c.Surface
		}
	}
	if about != "" {
		p.line("    %s", p.s.paint(faint, about))
	}
	if c.Note != nil {
		p.line("    %s: %s", c.Note.Effect, c.Note.Text)
	}
}
