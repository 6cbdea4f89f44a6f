package render

import (
	"fmt"
	"io"
	"strings"

	"ringside/kconfig/hardening"
)

// HardeningSchemaID names the JSON form of config hardening.
const HardeningSchemaID = "https://ringside.dev/schemas/config-hardening.v1.json"

// Hardening is an audit of a kernel's hardening.
type Hardening struct {
	Schema string `json:"schema"`
	*hardening.Report
}

// HardeningReport prints what does not hold: what can be set now, then what cannot be
// had here and why.
func HardeningReport(w io.Writer, h Hardening, all bool, st Style) error {
	p := &printer{w: w, s: st}
	if h.Kernel != "" {
		p.line("%s", p.s.paint(faint, h.Kernel))
	}
	for _, part := range []struct {
		verdict hardening.Verdict
		heading string
	}{
		{hardening.Settable, "can be set now"}, {hardening.Failed, "does not hold"}, {hardening.Impossible, "cannot be had here"},
		{hardening.OK, "holds"}, {hardening.Unknown, "not given"},
	} {
		if !all && (part.verdict == hardening.OK || part.verdict == hardening.Unknown) || h.Counts[part.verdict] == 0 {
			continue
		}
		p.line("")
		p.line("%s", p.s.paint(strong, fmt.Sprintf("%s: %d", part.heading, h.Counts[part.verdict])))
		for i := range h.Findings {
			if f := &h.Findings[i]; f.Verdict == part.verdict {
				hardeningLine(p, f)
			}
		}
	}
	p.line("")
	p.line("%s", p.s.paint(faint, fmt.Sprintf("%d hold, %d can be set, %d fail, %d cannot be had, %d do not apply, %d not given",
		h.Counts[hardening.OK], h.Counts[hardening.Settable], h.Counts[hardening.Failed], h.Counts[hardening.Impossible],
		h.Counts[hardening.NotApplicable], h.Counts[hardening.Unknown])))
	return p.err
}

func hardeningLine(p *printer, f *hardening.Finding) {
	p.line("  %-6s %-44s %s", string(f.Severity), f.Want, f.Says())
	if fix := f.Fix(); fix != "" && (len(f.Settings) > 1 || f.Kind != hardening.Kconfig || f.Follow > 10) {
		p.line("         %s", fix)
	}
	if f.Verdict == hardening.Impossible && f.Cause != hardening.Absent && len(f.Reasons) > 0 {
		p.line("         %s", p.s.paint(faint, strings.TrimSpace(f.Reasons[0].Text)))
	}
}
