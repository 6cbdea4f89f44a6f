package render

import (
	"fmt"
	"io"
	"strings"

	"ringside/vuln"
	"ringside/vuln/feed"
	"ringside/vuln/impact"
	"ringside/vuln/ranges"
	"ringside/vuln/severity"
)

// CVEExplainSchemaID names the JSON form of an explanation.
const CVEExplainSchemaID = "https://ringside.dev/schemas/cve-explain.v1.json"

// CVEExplained is what is known of one CVE.
type CVEExplained struct {
	Schema string    `json:"schema"`
	Record CVERecord `json:"record"`
	// Kernel and Verdict are set where a kernel was asked about.
	Kernel  *vuln.KernelInfo `json:"kernel,omitempty"`
	Verdict *vuln.Verdict    `json:"verdict,omitempty"`
}

// CVERecord is what a feed says.
type CVERecord struct {
	CVE        string            `json:"cve"`
	Title      string            `json:"title,omitempty"`
	Rejected   bool              `json:"rejected"`
	File       string            `json:"file"`
	Files      []string          `json:"files,omitempty"`
	Severity   severity.Severity `json:"severity"`
	Impact     impact.Impact     `json:"impact"`
	Statements []CVEStatement    `json:"statements"`
	Commits    []string          `json:"commits,omitempty"`
}

// CVEStatement is what one file says of versions.
type CVEStatement struct {
	Kind  string        `json:"kind"`
	File  string        `json:"file"`
	Pairs []ranges.Pair `json:"pairs"`
}

// RecordOf turns a record into its JSON form.
func RecordOf(r *feed.Record, s severity.Severity) CVERecord {
	c := CVERecord{CVE: r.ID, Title: r.Title, Rejected: r.Rejected, File: r.File, Files: r.Files, Severity: s, Impact: r.Impact, Commits: r.Commits, Statements: []CVEStatement{}}
	for _, x := range r.Sources {
		c.Statements = append(c.Statements, CVEStatement{x.Kind, x.File, x.Pairs})
	}
	return c
}

// CVEExplanation prints what is known of a CVE.
func CVEExplanation(w io.Writer, c CVEExplained, st Style) error {
	p := &printer{w: w, s: st}
	r := &c.Record
	p.line("%s  %s", p.s.paint(strong, r.CVE), p.s.paint(plain, r.Title))
	if r.Rejected {
		p.line("%s", p.s.paint(caution, "The number was withdrawn: it is no vulnerability."))
		return p.err
	}
	p.line("  severity   %s  %s", p.cveLevel(&r.Severity), p.s.paint(faint, r.Severity.Source))
	if r.Severity.Vector != "" {
		p.line("             %s", p.s.paint(faint, r.Severity.Vector))
	}
	for _, why := range r.Severity.Reasons {
		p.line("             %s", p.s.paint(faint, why))
	}
	if r.Impact.Class != impact.Unknown {
		p.line("  impact     %s", strings.ReplaceAll(r.Impact.Class.String(), "_", " "))
	}
	p.line("  reach      %s", r.Severity.Reach)
	if len(r.Files) > 0 {
		p.line("  in         %s", strings.Join(r.Files, ", "))
	}
	for _, s := range r.Statements {
		p.section("versions, by " + s.File)
		for _, x := range s.Pairs {
			from, to := "introduced in "+x.Intro.String(), "not fixed"
			if x.Intro == 0 {
				from = "introduced before what is known"
			}
			if x.Fix != 0 {
				to = "fixed in " + x.Fix.String()
			}
			p.line("  %-32s %-20s %s", from, to, p.s.paint(faint, x.FixCommit))
		}
	}
	if v := c.Verdict; v != nil {
		p.section(fmt.Sprintf("in Linux %s: %s", c.Kernel.Release, strings.ReplaceAll(v.Verdict.String(), "_", " ")))
		if v.Alarm != "" {
			p.wrapped("  ! ", v.Alarm, danger)
		}
		for _, e := range v.Evidence {
			p.wrapped(painted(fmt.Sprintf("  %-10s ", e.Kind)), e.Says, plain)
			at := e.Source
			if e.Line > 0 {
				at = fmt.Sprintf("%s:%d", at, e.Line)
			}
			if at != "" {
				p.line("             %s", p.s.paint(faint, at))
			}
			if e.Presence != nil {
				p.cveChain(e.Presence)
			}
		}
		if len(v.Modules) > 0 {
			p.line("  in modules alone: %s", strings.Join(v.Modules, ", "))
		}
	}
	return p.err
}
