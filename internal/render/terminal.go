package render

import (
	"fmt"
	"io"
	"strings"

	"ringside/crash"
	"ringside/internal/triage"
)

// maxStackShown is how many frames a terminal report shows in full.
const maxStackShown = 12

// Terminal writes res as a report to read.
func Terminal(w io.Writer, res *triage.Result, s Style) error {
	p := &printer{w: w, s: s}
	p.source(res)
	if res.Dump != nil {
		p.dump(res)
		return p.err
	}
	if res.Recording != nil {
		p.recording(res)
		return p.err
	}
	p.bundle(res.Bundle)
	if len(res.Findings) == 0 && res.Error == "" {
		p.line("\n%s  The kernel did not complain in this log.", s.paint(good, "✓ nothing found"))
	}
	main, rest := split(res)
	for i := range main {
		p.finding(res, &main[i])
	}
	p.waits(res.Document)
	p.chain(res)
	p.others(res, rest)
	p.dumps(res)
	p.notes(res)
	return p.err
}

// split separates the findings to tell in full from those to list: what the
// log is about, and what else is independent of it and at least as grave as an
// error.
func split(res *triage.Result) (full, rest []triage.Finding) {
	for _, f := range res.Findings {
		r := &res.Document.Reports[f.Report]
		if f.Primary || len(full) < 2 && r.CausedBy == nil && r.Kind.Weight() >= crash.WeightError && !sameEvent(res, f) {
			full = append(full, f)
		} else {
			rest = append(rest, f)
		}
	}
	return full, rest
}

// sameEvent reports whether f repeats the kind of event that the log is about.
func sameEvent(res *triage.Result, f triage.Finding) bool {
	if res.Document.Primary == nil {
		return false
	}
	return res.Document.Reports[*res.Document.Primary].Kind == res.Document.Reports[f.Report].Kind
}

func (p *printer) source(res *triage.Result) {
	in := res.Document.Input
	parts := []string{res.Format}
	if res.Bundle != nil {
		parts[0] = bundleName(res.Bundle.Kind) + " " + parts[0]
		parts = append(parts, plural(res.Bundle.Files, "file"))
	}
	if len(res.Compression) > 0 {
		parts = append(parts, strings.Join(res.Compression, " in "))
	}
	if in.Bytes > 0 {
		parts = append(parts, bytesText(in.Bytes), plural(int(in.Lines), "line"))
	}
	if n := len(res.Document.Boots); n > 1 {
		parts = append(parts, plural(n, "boot"))
	}
	p.line("%s  %s", p.s.paint(strong, res.Name), p.s.paint(faint, strings.Join(parts, " · ")))
	if res.Error != "" {
		p.wrapped(p.s.paint(caution, "! "), res.Error, plain)
	}
}

func (p *printer) finding(res *triage.Result, f *triage.Finding) {
	r := &res.Document.Reports[f.Report]
	p.line("")
	p.wrapped(p.s.paint(impactRole(f.Impact), " "+strings.ToUpper(f.Impact)+" ")+" ", f.Title, strong)
	p.line("  %s", p.s.paint(danger, cut(r.Headline, p.s.width()-2)))
	if facts := factsOf(r); facts != "" {
		for _, l := range wrap(facts, p.s.width()-2) {
			p.line("  %s", p.s.paint(faint, l))
		}
	}

	if text := seen(res.Bundle, f); text != "" {
		p.wrapped("  ", text, faint)
	}

	p.section("What happened")
	p.wrapped("  ", f.Meaning, plain)
	if n := len(f.Repeats); n > 0 {
		last := &res.Document.Reports[f.Repeats[n-1]]
		p.wrapped("  ", fmt.Sprintf("Reported %d times, last at line %d.", n+1, last.Lines.First), plain)
	}
	if g := r.Guilty; g != nil {
		p.section("Where")
		place := fmt.Sprintf("%s+0x%x/0x%x", g.Function, g.Offset, g.Size)
		if g.Size == 0 && g.Offset == 0 {
			place = g.Function
		}
		if g.Module != "" {
			place += " [" + g.Module + "]"
		}
		if g.File != "" {
			place += fmt.Sprintf("  %s:%d", g.File, g.Line)
		}
		p.line("  %s  %s", p.s.paint(notice, place), p.s.paint(faint, g.Why))
	}
	p.memory(r.Memory)
	p.hardware(r.HardwareError)
	p.fault(f.Fault)
	p.excerpt(f)
	p.stack(r)
	if len(f.Hypotheses) > 0 {
		p.section("Likely cause")
		for _, h := range f.Hypotheses {
			p.wrapped(painted(fmt.Sprintf("  %3.0f %%  ", h.Confidence*100)), h.Text, plain)
		}
	}
	p.security(f.Security)
	p.fixes(f)
	p.owners(f)
	if len(f.Next) > 0 {
		p.section("Do next")
		for i, n := range f.Next {
			p.wrapped(painted(fmt.Sprintf("  %d. ", i+1)), n, plain)
		}
	}
	p.section("Signature")
	p.line("  portable %s  family %s  %s", r.Signature.Portable, r.Signature.Family, p.s.paint(faint, strings.Join(r.Signature.Basis, " | ")))
}

// factsOf is the line of circumstances under a headline.
func factsOf(r *crash.Report) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if r.Kernel != "" {
		k := r.Kernel
		if r.Arch != "" {
			k += " " + r.Arch
		}
		parts = append(parts, k)
	}
	if r.CPU != nil {
		add("CPU %d", *r.CPU)
	}
	if r.Task != "" {
		t := "task " + r.Task
		if r.PID != nil {
			t += fmt.Sprintf(" (%d)", *r.PID)
		}
		parts = append(parts, t)
	}
	if r.Workqueue != "" {
		add("workqueue %s", r.Workqueue)
	}
	if r.Time != nil {
		add("%.3f s after boot", *r.Time)
	}
	if len(r.Taint) > 0 {
		add("taint %s", strings.Join(r.Taint, ", "))
	}
	if r.Hardware != "" {
		parts = append(parts, r.Hardware)
	}
	if r.Confidence < 1 {
		add("confidence %.0f %%", r.Confidence*100)
	}
	return strings.Join(parts, " · ")
}

func (p *printer) excerpt(f *triage.Finding) {
	if len(f.Excerpt) == 0 {
		return
	}
	p.section("Evidence")
	digits := len(fmt.Sprint(f.Excerpt[len(f.Excerpt)-1].Line))
	for _, l := range f.Excerpt {
		if l.Gap {
			p.line("  %s", p.s.paint(faint, strings.Repeat(" ", digits)+" ⋮"))
		}
		r := plain
		if l.Field == "headline" {
			r = danger
		}
		p.line("  %s %s", p.s.paint(faint, fmt.Sprintf("%*d │", digits, l.Line)), p.s.paint(r, cut(l.Text, p.s.width()-digits-5)))
	}
}

func (p *printer) stack(r *crash.Report) {
	if len(r.Frames) == 0 {
		return
	}
	p.section("Stack")
	shown, unreliable := 0, 0
	for i := range r.Frames {
		fr := &r.Frames[i]
		if !fr.Reliable {
			unreliable++
			continue
		}
		if shown++; shown > maxStackShown {
			continue
		}
		mark := painted("  ")
		if isGuilty(r, fr) {
			mark = p.s.paint(danger, "▶ ")
		}
		p.line("  %s%s", mark, frameText(fr))
	}
	var more []string
	if shown > maxStackShown {
		more = append(more, plural(shown-maxStackShown, "more frame"))
	}
	if unreliable > 0 {
		more = append(more, plural(unreliable, "unreliable frame")+" left out")
	}
	if len(r.Stacks) > 0 {
		var names []string
		for i := range r.Stacks {
			names = append(names, r.Stacks[i].Name)
		}
		more = append(more, "further stacks: "+strings.Join(names, ", "))
	}
	if len(more) > 0 {
		p.line("    %s", p.s.paint(faint, strings.Join(more, " · ")))
	}
}

func isGuilty(r *crash.Report, f *crash.Frame) bool {
	return r.Guilty != nil && f.Offset == r.Guilty.Offset && strings.HasPrefix(f.Function, r.Guilty.Function) && f.Module == r.Guilty.Module
}

func frameText(f *crash.Frame) string {
	name := f.Function
	if name == "" {
		name = f.Address
	}
	if f.Size > 0 {
		name += fmt.Sprintf("+0x%x/0x%x", f.Offset, f.Size)
	}
	if f.Module != "" {
		name += " [" + f.Module + "]"
	}
	if f.File != "" {
		name += fmt.Sprintf("  %s:%d", f.File, f.Line)
	}
	if f.Inline {
		name += " (inlined)"
	}
	return name
}

// fixes lists the changes that may mend it.
func (p *printer) fixes(f *triage.Finding) {
	if len(f.Fixes) == 0 {
		return
	}
	p.section("Fixed already?")
	for i := range f.Fixes {
		knownFix(p, &f.Fixes[i], "  ")
	}
}

func (p *printer) owners(f *triage.Finding) {
	if len(f.Owners) == 0 {
		return
	}
	p.section("Owners")
	for _, o := range f.Owners {
		head := p.s.paint(strong, o.Subsystem)
		if o.Status != "" {
			head += "  " + p.s.paint(faint, o.Status)
		}
		if o.Score > 0 {
			head += "  " + p.s.paint(faint, fmt.Sprintf("%.0f %%", o.Score*100))
		}
		if o.Candidates > 1 {
			head += "  " + p.s.paint(caution, fmt.Sprintf("one of %d candidates", o.Candidates))
		}
		p.line("  %s", head)
		for _, m := range o.Maintainers {
			p.line("    %s", m)
		}
		if len(o.Lists) > 0 {
			p.line("    %s", strings.Join(o.Lists, ", "))
		}
		p.line("    %s", p.s.paint(faint, "because "+o.Why))
		if also := alsoSaid(&o); also != "" {
			p.wrapped("    ", also, faint)
		}
	}
}

// chain draws what followed from what.
func (p *printer) chain(res *triage.Result) {
	linked := false
	for i := range res.Document.Reports {
		if r := &res.Document.Reports[i]; r.CausedBy != nil && r.RepeatOf == nil && inStory(res, r) {
			linked = true
		}
	}
	if !linked {
		return
	}
	p.section("Chain of events")
	var draw func(i, depth int)
	draw = func(i, depth int) {
		r := &res.Document.Reports[i]
		lead := "  "
		if depth > 0 {
			lead += strings.Repeat("   ", depth-1) + "└▸ "
		}
		text := r.Title
		if r.Time != nil {
			text = fmt.Sprintf("%10.3f  %s", *r.Time, text)
		}
		if r.Repeats > 0 {
			text += fmt.Sprintf(" (%d×)", r.Repeats+1)
		}
		p.line("%s%s  %s", lead, text, p.s.paint(faint, r.Cause))
		for j := range res.Document.Reports {
			if c := &res.Document.Reports[j]; c.CausedBy != nil && *c.CausedBy == i && c.RepeatOf == nil && depth < 8 {
				draw(j, depth+1)
			}
		}
	}
	for i := range res.Document.Reports {
		if r := &res.Document.Reports[i]; r.CausedBy == nil && inStory(res, r) {
			draw(i, 0)
		}
	}
}

// inStory reports whether r is of the story that is told: of a bundle, only the
// boot that it is about.
func inStory(res *triage.Result, r *crash.Report) bool {
	doc := res.Document
	return res.Bundle == nil || doc.Primary != nil && doc.Reports[*doc.Primary].Boot == r.Boot
}

func (p *printer) others(res *triage.Result, rest []triage.Finding) {
	if len(rest) == 0 {
		return
	}
	p.section("Also found")
	const most = 20
	for i, f := range rest {
		if i == most {
			p.line("  %s", p.s.paint(faint, fmt.Sprintf("and %d more; --json has them all", len(rest)-most)))
			break
		}
		r := &res.Document.Reports[f.Report]
		title := f.Title
		if f.Source != "" {
			title += ", in " + f.Source
		}
		p.line("  %-8s line %-6d %s", strings.ToUpper(f.Impact), r.Lines.First, cut(title, p.s.width()-24))
	}
}

func (p *printer) dumps(res *triage.Result) {
	if len(res.Document.Dumps) == 0 {
		return
	}
	p.section("Stacks that were asked for")
	for i := range res.Document.Dumps {
		d := &res.Document.Dumps[i]
		p.line("  line %-6d %s", d.Lines.First, cut(d.Headline, p.s.width()-16))
	}
}

func (p *printer) notes(res *triage.Result) {
	if len(res.Document.Notes) == 0 {
		return
	}
	p.section("Missing")
	for _, n := range res.Document.Notes {
		text := n.Text
		if n.Line > 0 {
			text += fmt.Sprintf(" (line %d)", n.Line)
		}
		p.wrapped("  • ", text, plain)
	}
}
