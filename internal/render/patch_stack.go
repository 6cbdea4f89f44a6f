package render

import (
	"fmt"
	"io"
	"strings"

	"ringside/patch/stack"
)

var stepRoles = map[stack.Step]role{
	stack.Repair: danger, stack.Drop: good, stack.Rework: caution, stack.Send: notice, stack.Watch: plain, stack.Keep: faint,
}

var stepTitles = map[stack.Step]string{
	stack.Repair: "Repair: lacks a fix, was taken back, does not apply",
	stack.Drop:   "Drop: the tree has it",
	stack.Rework: "Rework: partly there, or done otherwise upstream",
	stack.Send:   "Send: nothing says that it was sent",
	stack.Watch:  "Watch: sent, or to come with a later release",
	stack.Keep:   "Keep: not meant for upstream",
}

// StackReport writes where a stack stands. Without full, the patches that are only to be
// watched or kept are counted.
func StackReport(w io.Writer, r *stack.Report, full bool, st Style) error {
	p := &printer{w: w, s: st}
	title := r.Stack
	if r.Tree != "" {
		title += " on " + r.Tree
		if r.TreeVersion != "" {
			title += " (" + r.TreeVersion + ")"
		}
	}
	p.line("%s", st.paint(strong, title))
	stackTotals(p, r)
	last := stack.Step("")
	for _, e := range r.Worst() {
		quiet := !full && (e.Advice.Do == stack.Watch || e.Advice.Do == stack.Keep)
		if e.Advice.Do != last {
			last = e.Advice.Do
			p.section(fmt.Sprintf("%s (%d)", stepTitles[last], r.ByAdvice[string(last)]))
			if quiet {
				p.line("  %s", st.paint(faint, "--full lists them"))
			}
		}
		if quiet {
			continue
		}
		if name := st.paint(stepRoles[e.Advice.Do], e.File); visible(string(name))+len(e.Advice.Why)+4 <= st.width() {
			p.line("  %s  %s", name, e.Advice.Why)
		} else {
			p.line("  %s", name)
			p.wrapped("    ", e.Advice.Why, plain)
		}
		if full {
			stackDetails(p, &e)
		}
		for _, f := range e.Missing {
			verb := "is mended by"
			if f.Revert {
				verb = "is taken back by"
			}
			p.wrapped("    ", fmt.Sprintf("%s %s %s: %s %s", shortID(f.Fixes), verb, shortID(f.Commit), f.Subject, strings.Join(f.Release, ", ")), caution)
		}
	}
	if len(r.Problems) > 0 {
		p.section("Not read")
		for _, x := range r.Problems {
			p.wrapped("  ", x, caution)
		}
	}
	return p.err
}

func stackTotals(p *printer, r *stack.Report) {
	t := &r.Totals
	p.line("%s to carry of %d; %d lines in %s", pluralOf(t.Size, "patch", "patches"), t.Patches, t.Lines, plural(t.Files, "file"))
	p.line("upstream has %d, some of %d, not %d; %d cannot be told", t.Upstream, t.Partly, t.NotUpstream, t.Unknown)
	if t.Clean+t.Fuzz+t.Fail > 0 {
		p.line("apply: %d clean, %d with fuzz, %d fail", t.Clean, t.Fuzz, t.Fail)
	}
	line := fmt.Sprintf("never sent: %d; lacking fixes: %d; taken back upstream: %d", t.NeverSent, t.Missing, t.Reverted)
	if t.MedianDays > 0 {
		line += fmt.Sprintf("; half of them older than %d days", t.MedianDays)
	}
	p.line("%s", line)
	if len(r.Searched) > 0 {
		p.line("searched: %s", strings.Join(r.Searched, ", "))
	}
}

func stackDetails(p *printer, e *stack.Entry) {
	u := &e.Upstream
	parts := []string{string(u.State)}
	for _, x := range []string{u.Relation, u.Release, shortID(u.Commit)} {
		if x != "" {
			parts = append(parts, x)
		}
	}
	if e.Apply != "" {
		parts = append(parts, "applies: "+e.Apply)
	}
	if e.AgeDays > 0 {
		parts = append(parts, fmt.Sprintf("%d days", e.AgeDays))
	}
	if e.Churn > 0 {
		parts = append(parts, fmt.Sprintf("%d later changes of its files", e.Churn))
	}
	p.wrapped("    ", strings.Join(parts, " · "), faint)
	for _, x := range u.Evidence {
		p.wrapped("    ", x, faint)
	}
	if e.ApplyWhy != "" {
		p.wrapped("    ", e.ApplyWhy, faint)
	}
	if len(e.Owners) > 0 {
		p.wrapped("    ", "upstream: "+strings.Join(e.Owners, ", "), faint)
	}
}

func shortID(id string) string {
	if len(id) == 40 {
		return id[:12]
	}
	return id
}

// StackMarkdown writes the same to paste.
func StackMarkdown(w io.Writer, r *stack.Report) error {
	var b strings.Builder
	t := &r.Totals
	fmt.Fprintf(&b, "# Patch stack %s\n\n", mdText(r.Stack))
	if r.Tree != "" {
		fmt.Fprintf(&b, "On %s %s.\n\n", mdText(r.Tree), mdText(r.TreeVersion))
	}
	fmt.Fprintf(&b, "| to carry | patches | lines | files | upstream | partly | not upstream | unknown | never sent | lacking fixes |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	fmt.Fprintf(&b, "| **%d** | %d | %d | %d | %d | %d | %d | %d | %d | %d |\n", t.Size, t.Patches, t.Lines, t.Files, t.Upstream, t.Partly, t.NotUpstream, t.Unknown, t.NeverSent, t.Missing)
	if t.Clean+t.Fuzz+t.Fail > 0 {
		fmt.Fprintf(&b, "\nApply: %d clean, %d with fuzz, %d fail.\n", t.Clean, t.Fuzz, t.Fail)
	}
	last := stack.Step("")
	for _, e := range r.Worst() {
		if e.Advice.Do != last {
			last = e.Advice.Do
			fmt.Fprintf(&b, "\n## %s (%d)\n\n| patch | upstream | why |\n|---|---|---|\n", stepTitles[last], r.ByAdvice[string(last)])
		}
		state := string(e.Upstream.State)
		if e.Upstream.Release != "" {
			state += " " + e.Upstream.Release
		}
		why := e.Advice.Why
		for _, f := range e.Missing {
			why += "; " + shortID(f.Commit) + " " + f.Subject
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", mdText(e.File), mdText(state), mdText(why))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// PatchFixesSchemaID names the JSON form of missing fixes.
const PatchFixesSchemaID = "https://ringside.dev/schemas/patch-fixes.v1.json"

// PatchFixes are the fixes that a stack lacks.
type PatchFixes struct {
	Schema   string         `json:"schema"`
	Stack    string         `json:"stack"`
	Searched []string       `json:"searched"`
	Patches  int            `json:"patches"`
	Known    int            `json:"known"` // patches whose commit upstream is known
	Missing  []MissingFixes `json:"missing"`
}

// MissingFixes are those of one patch.
type MissingFixes struct {
	File   string           `json:"file"`
	Commit string           `json:"commit,omitempty"`
	Fixes  []stack.FollowUp `json:"fixes"`
}

// PatchFixesOf takes the missing fixes out of a report.
func PatchFixesOf(r *stack.Report) PatchFixes {
	d := PatchFixes{Schema: PatchFixesSchemaID, Stack: r.Stack, Searched: r.Searched, Patches: len(r.Patches), Missing: []MissingFixes{}}
	for i := range r.Patches {
		e := &r.Patches[i]
		if e.Upstream.Commit != "" {
			d.Known++
		}
		if len(e.Missing) > 0 {
			d.Missing = append(d.Missing, MissingFixes{File: e.File, Commit: e.Upstream.Commit, Fixes: e.Missing})
		}
	}
	return d
}

// FixesReport writes the fixes that a stack lacks.
func FixesReport(w io.Writer, d PatchFixes, st Style) error {
	p := &printer{w: w, s: st}
	for _, m := range d.Missing {
		p.line("%s %s", st.paint(strong, m.File), shortID(m.Commit))
		for _, f := range m.Fixes {
			verb := "mends"
			if f.Revert {
				verb = "takes back"
			}
			p.wrapped("    ", fmt.Sprintf("%s %s %s: %s %s", shortID(f.Commit), verb, shortID(f.Fixes), f.Subject, strings.Join(f.Release, ", ")), caution)
		}
	}
	p.line("%s of %d lack later changes; the commit upstream is known of %d", pluralOf(len(d.Missing), "patch", "patches"), d.Patches, d.Known)
	return p.err
}
