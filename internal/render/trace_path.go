package render

import (
	"fmt"
	"io"
	"strings"

	"ringside/trace/path"
)

// TracePathSchemaID names the JSON form of "trace path".
const TracePathSchemaID = "https://ringside.dev/schemas/trace-path.v1.json"

// TracePath is a critical path and the most frequent chains of wake-ups.
type TracePath struct {
	TraceHead
	Path   *path.Path   `json:"path,omitempty"`
	Chains []path.Chain `json:"chains"`
}

// TracePathReport prints it, with as many segments and chains as are asked for.
func TracePathReport(w io.Writer, t TracePath, most int, st Style) error {
	p := &printer{w: w, s: st}
	p.traceHead(t.TraceHead)
	if x := t.Path; x != nil {
		p.section(fmt.Sprintf("Critical path of %s %d", x.Task, x.PID))
		p.line("  %s from %.6f on", brief(x.Span), float64(x.Begin)/1e9)
		if len(x.Others) > 0 {
			p.line("  %s", p.s.paint(faint, fmt.Sprintf("not followed: %v, of the same name", x.Others)))
		}
		p.line("  %s", p.s.paint(faint, fmt.Sprintf("%6s %10s %8s  %s", "SHARE", "TIME", "TIMES", "WHAT")))
		for _, part := range x.Parts[:min(most, len(x.Parts))] {
			p.line("  %5.1f%% %10s %8d  %s", 100*part.Share, brief(part.Total), part.N, part.What)
		}
		p.section("Its segments, in the order of time")
		for i, s := range x.Segments {
			if i == most {
				p.line("  %s", p.s.paint(faint, fmt.Sprintf("%d more; --top and --json have them, --from and --to narrow the window", len(x.Segments)-most)))
				break
			}
			where := ""
			if s.CPU >= 0 {
				where = fmt.Sprintf(" CPU %d", s.CPU)
			}
			cause := s.Cause
			if cause != "" {
				cause = ": " + cause
			}
			p.line("  %.6f %10s  %s%s %d %s%s%s", float64(s.Begin)/1e9, brief(s.For), strings.Repeat("· ", s.Depth), s.Task, s.PID, s.State, where, cause)
		}
		if x.Truncated {
			p.line("  %s", p.s.paint(danger, "the path has more segments than are kept: narrow it with --from and --to"))
		}
	}
	p.section("Most frequent chains of wake-ups")
	if len(t.Chains) == 0 {
		p.line("  None: record sched_switch and sched_wakeup or sched_waking.")
	} else {
		p.line("  %s", p.s.paint(faint, fmt.Sprintf("%8s %10s %10s  %s", "TIMES", "WAITED", "MAX", "WHO WOKE WHOM")))
	}
	for _, c := range t.Chains {
		p.line("  %8d %10s %10s  %s", c.N, brief(c.Wait), brief(c.Max), strings.Join(c.Names, " → "))
	}
	return p.err
}
