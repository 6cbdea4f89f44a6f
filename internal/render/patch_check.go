package render

import (
	"fmt"
	"io"
	"strings"

	"ringside/kconfig/export"
	"ringside/patch/check"
)

// PatchCheckSchemaID names the JSON form of a review.
const PatchCheckSchemaID = "https://ringside.dev/schemas/patch-check.v1.json"

// PatchCheck is a review of patches.
type PatchCheck struct {
	Schema string `json:"schema"`
	Stack  string `json:"stack"`
	*check.Report
	// Tools are what ran besides Ringside's own rules, and what is not there.
	Tools []ToolRun `json:"tools"`
}

// ToolRun is what became of another tool.
type ToolRun struct {
	Name   string `json:"name"`
	Ran    bool   `json:"ran"`
	Found  int    `json:"found"`
	Reason string `json:"reason,omitempty"` // why it did not run, or not to the end
}

var severityRole = map[check.Severity]role{check.Error: danger, check.Warning: caution, check.Note: notice}

// PatchReview prints a review, patch by patch.
func PatchReview(w io.Writer, d PatchCheck, st Style) error {
	p := &printer{w: w, s: st}
	last := "\x00"
	for _, f := range d.Findings {
		if f.Patch != last {
			if last != "\x00" {
				p.line("")
			}
			last = f.Patch
			p.line("%s  %s", p.s.paint(strong, patchName(f)), f.Subject)
		}
		p.line("  %s %s", p.s.paint(severityRole[f.Severity], fmt.Sprintf("%-8s", f.Severity)), f.Text)
		if f.Quote != "" {
			p.line("           %s", p.s.paint(faint, "> "+strings.TrimSpace(f.Quote)))
		}
		p.line("           %s", p.s.paint(faint, strings.Join(about(f), " · ")))
		if f.Hint != "" && f.Tool == "" {
			p.line("           %s", f.Hint)
		}
	}
	if len(d.Findings) > 0 {
		p.line("")
	}
	for _, t := range d.Tools {
		switch {
		case !t.Ran:
			p.line("%s", p.s.paint(faint, t.Name+" did not run: "+t.Reason))
		case t.Reason != "":
			p.line("%s", p.s.paint(faint, fmt.Sprintf("%s: %d findings; %s", t.Name, t.Found, t.Reason)))
		default:
			p.line("%s", p.s.paint(faint, fmt.Sprintf("%s: %d findings", t.Name, t.Found)))
		}
	}
	for _, u := range d.Unasked {
		p.line("%s", p.s.paint(faint, "not asked: "+u))
	}
	p.line("%s in %s: %d errors, %d warnings, %d notes", plural(len(d.Findings), "finding"), pluralOf(d.Patches, "patch", "patches"), d.Counts.Errors, d.Counts.Warnings, d.Counts.Notes)
	return p.err
}

func patchName(f check.Finding) string {
	switch {
	case f.Patch == "":
		return "the series"
	case len(f.Patch) == 40 && strings.Trim(f.Patch, "0123456789abcdef") == "":
		return f.Patch[:12]
	}
	return f.Patch
}

// about is where a finding is, its rule and who says so.
func about(f check.Finding) []string {
	var out []string
	if f.File != "" {
		where := f.File
		if f.Line > 0 {
			where = fmt.Sprintf("%s:%d", f.File, f.Line)
		}
		out = append(out, where)
	}
	if f.At > 0 {
		out = append(out, fmt.Sprintf("line %d of the patch", f.At))
	}
	out = append(out, f.Rule, f.Why)
	if f.Confidence > 0 && f.Confidence < 90 {
		out = append(out, fmt.Sprintf("%d %% sure", f.Confidence))
	}
	return out
}

// PatchReviewMarkdown prints a review to be pasted.
func PatchReviewMarkdown(w io.Writer, d PatchCheck) error {
	m := &printer{w: w}
	m.line("# Review of %s", mdText(d.Stack))
	m.line("")
	m.line("%s in %s: %d errors, %d warnings, %d notes", plural(len(d.Findings), "finding"), pluralOf(d.Patches, "patch", "patches"), d.Counts.Errors, d.Counts.Warnings, d.Counts.Notes)
	last := "\x00"
	for _, f := range d.Findings {
		if f.Patch != last {
			last = f.Patch
			m.line("")
			m.line("## %s %s", mdText(patchName(f)), mdText(f.Subject))
			m.line("")
		}
		m.line("- **%s** %s", string(f.Severity), mdText(f.Text))
		if f.Quote != "" {
			m.line("")
			m.line("      %s", strings.TrimSpace(f.Quote))
			m.line("")
		}
		m.line("  %s", mdText(strings.Join(about(f), " · ")))
		if f.Hint != "" {
			m.line("  %s", mdText(f.Hint))
		}
	}
	m.line("")
	for _, t := range d.Tools {
		if !t.Ran {
			m.line("%s did not run: %s.  ", t.Name, mdText(t.Reason))
		}
	}
	for _, u := range d.Unasked {
		m.line("Not asked: %s.  ", mdText(u))
	}
	return m.err
}

// PatchAudit is the review as results that SARIF can hold.
func PatchAudit(d PatchCheck) *export.Audit {
	a := &export.Audit{Benchmark: "patch-check", Title: "Review of " + d.Stack, Target: d.Stack}
	severity := map[check.Severity]string{check.Error: "high", check.Warning: "medium", check.Note: "low"}
	for _, f := range d.Findings {
		r := export.Result{
			ID: f.Rule, Group: "patch", Title: check.RuleByID(f.Rule).Title, Reason: f.Why, Severity: severity[f.Severity],
			Outcome: export.Fail, Message: f.Text, Fix: f.Hint, File: f.File, Line: f.Line,
		}
		if r.Title == "" {
			r.Title = f.Rule
		}
		if r.File == "" {
			r.File, r.Line = f.Patch, f.At
		}
		a.Results = append(a.Results, r)
	}
	return a
}

// PatchRules lists the rules of reviews as a Markdown table.
func PatchRules(w io.Writer, rules []check.Rule) error {
	p := &printer{w: w}
	p.line("| rule | what is asked | severity | from |")
	p.line("|---|---|---|---|")
	for _, r := range rules {
		p.line("| `%s` | %s | %s | %s |", r.ID, mdText(r.Title), string(r.Severity), mdText(r.Source))
	}
	return p.err
}
