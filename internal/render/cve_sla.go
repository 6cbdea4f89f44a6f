package render

import (
	"fmt"
	"io"
	"time"

	"ringside/vuln/reconcile"
	"ringside/vuln/sla"
)

// CVESLASchemaID names the JSON form of the deadlines.
const CVESLASchemaID = "https://ringside.dev/schemas/cve-sla.v1.json"

// CVESLA is how the CVEs of a kernel stand against a policy.
type CVESLA struct {
	Schema   string               `json:"schema"`
	On       time.Time            `json:"on"`
	Exposure string               `json:"exposure,omitempty"`
	Counts   map[sla.Standing]int `json:"counts"`
	Items    []sla.Item           `json:"items"` // the most urgent first
}

// NewCVESLA counts items.
func NewCVESLA(items []sla.Item, exposure string, on time.Time) CVESLA {
	c := CVESLA{Schema: CVESLASchemaID, On: on, Exposure: exposure, Counts: map[sla.Standing]int{}, Items: items}
	for _, it := range items {
		c.Counts[it.Standing]++
	}
	return c
}

var standings = []struct {
	s sla.Standing
	r role
}{{sla.Breached, danger}, {sla.Lapsed, danger}, {sla.DueSoon, caution}, {sla.Open, plain}, {sla.Accepted, plain}, {sla.Unruled, faint}, {sla.Missed, faint}, {sla.Met, faint}}

// CVEDeadlines prints how CVEs stand.
func CVEDeadlines(w io.Writer, c CVESLA, view CVEView, st Style) error {
	p := &printer{w: w, s: st}
	p.line("%s", p.s.paint(strong, "On "+c.On.Format(time.DateOnly)))
	for _, x := range standings {
		if n := c.Counts[x.s]; n > 0 {
			p.line("  %6d  %s", n, p.s.paint(x.r, string(x.s)))
		}
	}
	for _, x := range standings {
		n := 0
		for i := range c.Items {
			it := &c.Items[i]
			if it.Standing != x.s || (x.s == sla.Unruled || x.s == sla.Met) && !view.All {
				continue
			}
			if n == 0 {
				p.section(string(x.s))
			}
			if n++; n > cveTop && !view.All {
				p.line("  %s", p.s.paint(faint, fmt.Sprintf("and %d more; --all lists them all", c.Counts[x.s]-cveTop)))
				break
			}
			p.deadline(it, x.r)
		}
	}
	return p.err
}

func (p *printer) deadline(it *sla.Item, r role) {
	left := ""
	switch {
	case it.Standing == sla.Unruled || !it.Ended.IsZero():
	case it.DaysLeft < 0:
		left = fmt.Sprintf("%d days late", -it.DaysLeft)
	default:
		left = fmt.Sprintf("%d days left", it.DaysLeft)
	}
	p.line("%s  %-8s %-13s %s  %s", p.s.paint(strong, fmt.Sprintf("%-15s", it.CVE)), it.Severity.String(), it.Verdict.String(), p.s.paint(r, fmt.Sprintf("%-13s", left)), p.s.paint(plain, it.Title))
	text := "confirmed " + it.Started.Format(time.DateOnly)
	if !it.Due.IsZero() {
		text += ", due " + it.Due.Format(time.DateOnly)
	}
	if !it.Ended.IsZero() {
		text += ", gone " + it.Ended.Format(time.DateOnly)
	}
	if it.Why != "" {
		text += "; " + it.Why
	}
	if a := it.Accepted; a != nil {
		text += fmt.Sprintf("; accepted until %s by %s: %s", a.Expires, a.Approver, a.Reason)
	}
	p.wrapped("                 ", text, faint)
}

// CVEReconcileSchemaID names the JSON form of a reconciliation.
const CVEReconcileSchemaID = "https://ringside.dev/schemas/cve-reconcile.v1.json"

// CVEReconciled holds scanners against verdicts.
type CVEReconciled struct {
	Schema   string                      `json:"schema"`
	Scanners []*reconcile.Reconciliation `json:"scanners"`
}

// CVEReconciliation prints what scanners got wrong.
func CVEReconciliation(w io.Writer, c CVEReconciled, view CVEView, st Style) error {
	p := &printer{w: w, s: st}
	for i, r := range c.Scanners {
		if i > 0 {
			p.line("")
		}
		p.line("%s reports %d CVEs for Linux %s: %d are in it, %d are not, %d cannot be told; it misses %d.",
			p.s.paint(strong, r.Scanner), r.Found, r.Kernel, r.Right, r.Wrong, r.Unsure, r.Missed)
		if r.Others > 0 {
			p.line("%s", p.s.paint(faint, fmt.Sprintf("%d findings are about other packages", r.Others)))
		}
		for _, reason := range reasons {
			n := r.Reasons[reason]
			if n == 0 {
				continue
			}
			p.section(fmt.Sprintf("%s: %d", reason, n))
			p.line("%s", p.s.paint(faint, reasonText[reason]))
			shown := 0
			for _, row := range r.Rows {
				if row.Reason != reason || (reason == reconcile.Agrees && !view.All) {
					continue
				}
				if shown++; shown > 5 && !view.All {
					p.line("  %s", p.s.paint(faint, fmt.Sprintf("and %d more; --all lists them all", n-5)))
					break
				}
				p.wrapped(painted(fmt.Sprintf("  %-15s  ", row.CVE)), row.Why, plain)
			}
		}
	}
	return p.err
}

var reasons = []reconcile.Reason{reconcile.NoBranch, reconcile.NeverIn, reconcile.Backported, reconcile.NotCompiled, reconcile.NotLoaded, reconcile.NoCode, reconcile.Rejected, reconcile.Unknown, reconcile.Unsure, reconcile.MissedBackport, reconcile.MissedOtherwise, reconcile.Agrees}

var reasonText = map[reconcile.Reason]string{
	reconcile.Agrees: "it is right", reconcile.NoBranch: "it compared versions without their branch; this branch has the fix",
	reconcile.NeverIn: "what introduces it is not in this kernel", reconcile.Backported: "the kernel took the fix back, which its version does not tell",
	reconcile.NotCompiled: "the configuration leaves the code out", reconcile.NotLoaded: "the code is in modules that are not loaded",
	reconcile.NoCode: "the package has no code of the kernel", reconcile.Rejected: "the CVE was withdrawn",
	reconcile.Unknown: "the kernel's CNA has no record of it", reconcile.Unsure: "the evidence is not enough to say who is right",
	reconcile.MissedBackport: "in the kernel by a backport, and not found", reconcile.MissedOtherwise: "in the kernel, and not found",
}
