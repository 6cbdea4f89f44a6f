package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"ringside/kbuild"
	"ringside/vuln"
	"ringside/vuln/severity"
)

// CVEView says how much of a scan is shown.
type CVEView struct {
	All      bool
	Markdown bool
}

// cveTop is how many verdicts of a kind are listed.
const cveTop = 20

// CVEScan prints a scan: the counts, then what somebody has to look at, the gravest
// first.
func CVEScan(w io.Writer, r *vuln.Report, view CVEView, st Style) error {
	p := &printer{w: w, s: st}
	if view.Markdown {
		p.cveMarkdown(r, view)
		return p.err
	}
	p.line("%s%s", p.s.paint(strong, "Linux "+r.Kernel.Release), cveBase(r))
	p.line("%s", p.s.paint(faint, fmt.Sprintf("%d records, %d rejected; feed %s", r.Feed.Records, r.Feed.Rejected, r.Feed.Digest[:min(12, len(r.Feed.Digest))])))
	if v := r.Kernel.Base.Vague; v != "" {
		p.line("%s", p.s.paint(caution, v))
	}
	p.line("")
	for _, s := range cveOrder {
		if n := r.Counts[s.String()]; n > 0 || s == vuln.Affected {
			p.line("  %6d  %-13s %s", n, s.String(), p.s.paint(faint, cveMeaning[s]))
		}
	}
	if r.Since != nil {
		p.cveSince(r.Since, view)
	}
	for _, s := range []vuln.State{vuln.Affected, vuln.Undetermined, vuln.NotLoaded} {
		p.cveList(r, s, view)
	}
	p.cveProblems(r)
	return p.err
}

var cveOrder = []vuln.State{vuln.Affected, vuln.Undetermined, vuln.NotLoaded, vuln.NotCompiled, vuln.Fixed, vuln.NotInRange}

var cveMeaning = map[vuln.State]string{
	vuln.Affected: "it is in this kernel", vuln.Undetermined: "the evidence is not enough", vuln.NotLoaded: "in modules that are not loaded",
	vuln.NotCompiled: "the configuration leaves its code out", vuln.Fixed: "the fix is in", vuln.NotInRange: "never was in it",
}

func cveBase(r *vuln.Report) string {
	if base := r.Kernel.Base.String(); base != r.Kernel.Release {
		return ", built from " + base
	}
	return ""
}

// gravest sorts verdicts of a state by severity.
func gravest(list []vuln.Verdict, s vuln.State) (found []*vuln.Verdict) {
	for i := range list {
		if list[i].Verdict == s {
			found = append(found, &list[i])
		}
	}
	slices.SortStableFunc(found, func(a, b *vuln.Verdict) int { return cveWeight(b) - cveWeight(a) })
	return found
}

// cveWeight orders by level, then by score; a given score goes before an estimate.
func cveWeight(v *vuln.Verdict) int {
	if v.Severity == nil {
		return 0
	}
	n := int(v.Severity.Level)*1000 + int(v.Severity.Score*10)
	if v.Alarm != "" {
		n += 100000
	}
	return n
}

func (p *printer) cveList(r *vuln.Report, s vuln.State, view CVEView) {
	list := gravest(r.Verdicts, s)
	if len(list) == 0 {
		return
	}
	p.section(fmt.Sprintf("%s: %d", s, len(list)))
	if !view.All && len(list) > cveTop {
		p.line("%s", p.s.paint(faint, fmt.Sprintf("the %d gravest; --all lists them all", cveTop)))
		list = list[:cveTop]
	}
	for _, v := range list {
		p.line("%s  %s  %s", p.s.paint(strong, fmt.Sprintf("%-15s", v.CVE)), p.cveLevel(v.Severity), p.s.paint(plain, v.Title))
		if v.Alarm != "" {
			p.wrapped("                 ! ", v.Alarm, danger)
		}
		if e := cveDecided(v); e != nil {
			p.wrapped("                 ", e.Says, faint)
		}
	}
}

// cveDecided is the evidence that a list has room for: the last, which settled it.
func cveDecided(v *vuln.Verdict) *vuln.Evidence {
	if len(v.Evidence) == 0 {
		return nil
	}
	return &v.Evidence[len(v.Evidence)-1]
}

func (p *printer) cveLevel(s *severity.Severity) painted {
	if s == nil {
		return p.s.paint(faint, "             ")
	}
	text := fmt.Sprintf("%-8s ", s.Level)
	if s.Score > 0 {
		text += fmt.Sprintf("%4.1f", s.Score)
	} else {
		text += " est"
	}
	switch {
	case s.Level >= severity.High:
		return p.s.paint(danger, text)
	case s.Level == severity.Medium:
		return p.s.paint(caution, text)
	}
	return p.s.paint(plain, text)
}

func (p *printer) cveSince(d *vuln.Difference, view CVEView) {
	p.section("since the earlier scan")
	p.line("%s", p.s.paint(plain, d.String()))
	for _, in := range d.Inputs {
		p.line("  %s: %s → %s", in.Name, or(in.Old, "not given"), or(in.New, "not given"))
	}
	changes := d.Changes
	if !view.All && len(changes) > cveTop {
		changes = changes[:cveTop]
	}
	for _, c := range changes {
		p.line("  %s  %s → %s  %s", p.s.paint(strong, fmt.Sprintf("%-15s", c.CVE)), or(c.Old, "–"), or(c.New, "–"), p.s.paint(plain, c.Title))
		for _, why := range c.Why {
			p.wrapped("                   ", why, faint)
		}
	}
	if n := len(d.Changes) - len(changes); n > 0 {
		p.line("  %s", p.s.paint(faint, fmt.Sprintf("and %d more; --all lists them all", n)))
	}
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (p *printer) cveProblems(r *vuln.Report) {
	n := len(r.Feed.Problems)
	if n == 0 {
		return
	}
	p.section(fmt.Sprintf("records that could not be read in full: %d", n))
	for i, x := range r.Feed.Problems {
		if i == cveTop {
			p.line("  %s", p.s.paint(faint, fmt.Sprintf("and %d more; --json lists them all", n-i)))
			break
		}
		p.line("  %s", p.s.paint(plain, x.String()))
	}
}

func (p *printer) cveMarkdown(r *vuln.Report, view CVEView) {
	p.line("## CVEs of Linux %s", mdText(r.Kernel.Release))
	p.line("")
	p.line("Built from %s; %d records, feed `%s`.", r.Kernel.Base.String(), r.Feed.Records, r.Feed.Digest[:min(12, len(r.Feed.Digest))])
	p.line("")
	p.line("| verdict | CVEs |")
	p.line("|---|---:|")
	for _, s := range cveOrder {
		p.line("| %s | %d |", s.String(), r.Counts[s.String()])
	}
	for _, s := range []vuln.State{vuln.Affected, vuln.Undetermined, vuln.NotLoaded} {
		list := gravest(r.Verdicts, s)
		if len(list) == 0 {
			continue
		}
		p.line("")
		p.line("### %s", s.String())
		p.line("")
		p.line("| CVE | severity | what | why |")
		p.line("|---|---|---|---|")
		for i, v := range list {
			if i == cveTop && !view.All {
				p.line("| … | | %d more | |", len(list)-i)
				break
			}
			level, why := "", ""
			if v.Severity != nil {
				level = v.Severity.Level.String()
				if v.Severity.Estimate {
					level += " (estimate)"
				}
			}
			if e := cveDecided(v); e != nil {
				why = e.Says
			}
			p.line("| %s | %s | %s | %s |", v.CVE, level, mdText(v.Title), mdText(why))
		}
	}
}

// cveChain prints where a file's code is in a build, step by step.
func (p *printer) cveChain(x *kbuild.Presence) {
	for _, s := range x.Why {
		at := s.File
		if s.Line > 0 {
			at = fmt.Sprintf("%s:%d", s.File, s.Line)
		}
		text := s.Text
		if s.Symbol != "" && !strings.Contains(text, s.Symbol+"=") {
			text += fmt.Sprintf("  [CONFIG_%s=%s]", s.Symbol, s.Value)
		}
		p.line("        %s  %s", p.s.paint(faint, at), p.s.paint(plain, text))
	}
}
