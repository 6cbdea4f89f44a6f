package render

import (
	"fmt"
	"io"
	"strings"

	"ringside/internal/triage"
)

// Markdown writes res as a report to paste into a tracker or a mail.
func Markdown(w io.Writer, res *triage.Result) error {
	p := &printer{w: w}
	doc := res.Document
	if res.Recording != nil {
		p.markdownRecording(res.Recording)
		return p.err
	}
	switch {
	case len(res.Findings) > 0:
	case res.Error != "":
		p.line("# %s: no report", mdText(res.Name))
	default:
		p.line("# %s: nothing found", mdText(res.Name))
		p.line("\nThe kernel did not complain in this log (%s, %s).", bytesText(doc.Input.Bytes), plural(int(doc.Input.Lines), "line"))
	}
	if res.Error != "" {
		p.line("\n> **Incomplete:** %s", mdText(res.Error))
	}
	full, rest := split(res)
	for i := range full {
		f := &full[i]
		r := &doc.Reports[f.Report]
		p.line("# %s", mdText(f.Title))
		p.line("\n**%s** – %s\n", strings.ToUpper(f.Impact), mdText(f.Meaning))
		p.line("| | |\n|---|---|")
		row := func(name, value string) {
			if value != "" {
				p.line("| %s | %s |", name, value)
			}
		}
		source := res.Name
		if f.Source != "" {
			source += ": " + f.Source
		}
		row("Source", fmt.Sprintf("`%s`, lines %d–%d", mdCode(source), r.Lines.First, r.Lines.Last))
		if len(f.Also) > 0 {
			row("Seen", mdText(seen(res.Bundle, f)))
		}
		row("Circumstances", mdText(factsOf(r)))
		if g := r.Guilty; g != nil {
			row("Where", fmt.Sprintf("`%s+0x%x/0x%x` %s (%s)", mdCode(g.Function), g.Offset, g.Size, mdText(g.Module), mdText(g.Why)))
		}
		row("Security", markdownSecurity(f.Security))
		row("Signature", fmt.Sprintf("portable `%s`, stack `%s`, family `%s` (%s)", r.Signature.Portable, r.Signature.Stack, r.Signature.Family, r.Signature.Algorithm))
		p.markdownMemory(r.Memory)
		p.markdownHardware(r.HardwareError)
		p.markdownFault(f.Fault)
		p.line("\n## Evidence\n\n```")
		for _, l := range f.Excerpt {
			if l.Gap {
				p.line("...")
			}
			p.line("%6d  %s", l.Line, strings.ReplaceAll(l.Text, "```", "'''"))
		}
		p.line("```")
		if len(r.Frames) > 0 {
			p.line("\n## Stack\n\n```")
			for j := range r.Frames {
				if fr := &r.Frames[j]; fr.Reliable {
					p.line("%s", strings.ReplaceAll(frameText(fr), "```", "'''"))
				}
			}
			p.line("```")
		}
		if len(f.Hypotheses) > 0 {
			p.line("\n## Likely cause\n")
			for _, h := range f.Hypotheses {
				p.line("- %.0f %%: %s _(evidence: %s)_", h.Confidence*100, mdText(h.Text), strings.Join(h.Evidence, ", "))
			}
		}
		if len(f.Fixes) > 0 {
			p.line("\n## Fixed already?\n")
			for k := range f.Fixes {
				x := &f.Fixes[k]
				p.line("- `%s` %s: %s", mdCode(shortID(x.Where)), mdText(x.Subject), mdText(fixStatus(x)))
				p.line("  - %s", mdText(strings.Join(x.Evidence, "; ")))
			}
		}
		if len(f.Owners) > 0 {
			p.line("\n## Owners\n")
			for _, o := range f.Owners {
				p.line("- **%s** (%.0f %%): %s", mdText(o.Subsystem), o.Score*100, mdText(strings.Join(append(append([]string{}, o.Maintainers...), o.Lists...), ", ")))
				p.line("  - %s", mdText("because "+o.Why))
				if also := alsoSaid(&o); also != "" {
					p.line("  - %s", mdText(also))
				}
			}
		}
		p.line("\n## Do next\n")
		for j, n := range f.Next {
			p.line("%d. %s", j+1, mdText(n))
		}
		p.line("")
	}
	p.markdownWaits(doc)
	if len(rest) > 0 {
		p.line("## Also found\n")
		for _, f := range rest {
			line := fmt.Sprintf("line %d", doc.Reports[f.Report].Lines.First)
			if f.Source != "" {
				line = "`" + mdCode(f.Source) + "`, " + line
			}
			p.line("- %s: %s (%s)", line, mdText(f.Title), f.Impact)
		}
	}
	if len(doc.Notes) > 0 {
		p.line("\n## Missing\n")
		for _, n := range doc.Notes {
			p.line("- %s", mdText(n.Text))
		}
	}
	return p.err
}

// mdText escapes what Markdown would take for markup.
func mdText(s string) string {
	return strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "|", `\|`, "#", `\#`).Replace(s)
}

// mdCode makes s fit for a code span.
func mdCode(s string) string { return strings.NewReplacer("`", "'", "|", `\|`).Replace(s) }
