// Package check reviews patches as a maintainer would: the message, the trailers, the
// order of a series, what is added and changed, and the bugs that changed functions get.
//
//	report := check.Stack(stack, check.Options{Tree: apply.New(os.DirFS(dir))})
//	for _, f := range report.Findings { … }
//
// A finding names the rule and the document that the rule is from, quotes the line, and
// says how sure it is. What needs a tree, an index of owners, a history or a policy is
// only asked where they are given, and what was not asked is said.
package check

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"ringside/owner"
	"ringside/patch"
	"ringside/patch/apply"
)

// A Severity says how grave a finding is.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // it will be sent back
	Warning Severity = "warning" // a reviewer will ask
	Note    Severity = "note"    // worth a look
)

// Rank orders severities: the gravest is 0.
func (s Severity) Rank() int {
	switch s {
	case Error:
		return 0
	case Warning:
		return 1
	}
	return 2
}

// A Finding is something that a review would say.
type Finding struct {
	Patch    string   `json:"patch"`             // its name; empty if it is about the whole series
	Subject  string   `json:"subject,omitempty"` // the patch's
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"`       // of File, after the patch
	At       int      `json:"patch_line,omitempty"` // of the patch's own file
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`
	Quote    string   `json:"quote,omitempty"`
	Why      string   `json:"why"` // the document that says so
	Hint     string   `json:"hint,omitempty"`
	// Confidence is how often, of a hundred such findings, one is right.
	Confidence int    `json:"confidence"`
	Tool       string `json:"tool,omitempty"` // that found it, if not Ringside
	Steps      []Step `json:"steps,omitempty"`
}

// A Step is a line that leads to a finding.
type Step struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

// A Commit is what a history says of one.
type Commit struct {
	ID      string
	Subject string
}

// A Target is where patches are meant to go.
type Target string

// The targets.
const (
	Upstream   Target = "upstream"
	Stable     Target = "stable"
	Downstream Target = "downstream" // rules of mailing lists are left out
)

// Options are what a review may ask.
type Options struct {
	// Target is where the patches go; empty is stable for those that say that they are
	// upstream's, upstream for the rest.
	Target Target
	// Tree is what the patches are applied to; it is changed.
	Tree *apply.Tree
	// Owners knows who looks after a file.
	Owners *owner.Index
	// Lookup finds a commit by its ID or the beginning of one.
	Lookup func(id string) (Commit, bool)
	Policy *Policy
	// Sender is who sends the patches.
	Sender patch.Person
	// Disabled are rules that are not asked.
	Disabled []string
}

// A Report is a review.
type Report struct {
	Patches  int       `json:"patches"`
	Findings []Finding `json:"findings"`
	Counts   Counts    `json:"counts"`
	// Asked are recipients by patch, where owners are known.
	Recipients []Recipients `json:"recipients,omitempty"`
	// Unasked are the parts of the review that could not be done, and why.
	Unasked []string `json:"unasked"`
}

// Counts are findings by severity.
type Counts struct {
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Notes    int `json:"notes"`
}

// Recipients are who should get a patch.
type Recipients struct {
	Patch string            `json:"patch"`
	To    []owner.Recipient `json:"to"`
}

// reviewer collects findings.
type reviewer struct {
	o   Options
	p   *patch.Patch
	out []Finding
	off map[string]bool
}

// Stack reviews a stack, its patches in their order.
func Stack(stack *patch.Stack, o Options) *Report {
	r := &reviewer{o: o, off: map[string]bool{}}
	for _, id := range o.Disabled {
		r.off[id] = true
	}
	report := &Report{Unasked: []string{}}
	var complex []string
	for _, p := range stack.Patches {
		r.p = p
		report.Patches++
		r.problems()
		r.message()
		r.trailers()
		r.content()
		r.concerns()
		if o.Policy != nil {
			r.rights()
		}
		if o.Tree != nil {
			complex = append(complex, r.onTree()...)
		} else {
			r.withoutTree()
		}
		if o.Owners != nil {
			to := recipients(o.Owners, p)
			report.Recipients = append(report.Recipients, Recipients{p.Name, to})
			r.addressed(to)
		}
	}
	r.p = nil
	for _, p := range stack.Problems {
		if slices.ContainsFunc(stack.Covers, func(c *patch.Patch) bool { return c.File == p.File }) {
			continue // a cover letter has no diff
		}
		r.add("unreadable", Finding{File: p.File, At: p.Line, Text: p.Text})
	}
	r.order(stack)
	report.Findings = r.settle(stack)
	for _, f := range report.Findings {
		switch f.Severity {
		case Error:
			report.Counts.Errors++
		case Warning:
			report.Counts.Warnings++
		default:
			report.Counts.Notes++
		}
	}
	report.Unasked = append(report.Unasked, unasked(o, complex)...)
	return report
}

func unasked(o Options, complex []string) []string {
	var out []string
	if o.Tree == nil {
		out = append(out, "no tree: whether the patches apply, and functions that are only in part in a patch")
	}
	if o.Lookup == nil {
		out = append(out, "no history: the subjects of commits that are named")
	}
	if o.Owners == nil {
		out = append(out, "no MAINTAINERS: recipients, mixed subsystems")
	}
	if o.Policy == nil {
		out = append(out, "no policy: who has to approve")
	}
	if len(complex) > 0 {
		slices.Sort(complex)
		out = append(out, "functions with too many paths: "+strings.Join(slices.Compact(complex), ", "))
	}
	return out
}

// target is where the patch at hand goes.
func (r *reviewer) target() Target {
	switch {
	case r.o.Target != "":
		return r.o.Target
	case r.p.Origin.Kind == patch.Upstream || r.p.Origin.Kind == patch.Backport:
		return Stable
	case r.p.Origin.Kind == patch.Downstream:
		return Downstream
	}
	return Upstream
}

// add notes a finding; what it leaves empty is the rule's.
func (r *reviewer) add(id string, f Finding) {
	if r.off[id] {
		return
	}
	rule := RuleByID(id)
	f.Rule = id
	if r.p != nil {
		f.Patch, f.Subject = r.p.Name, r.p.Subject
	}
	f.Severity = cmp.Or(f.Severity, rule.Severity)
	f.Why = cmp.Or(f.Why, rule.Source)
	f.Hint = cmp.Or(f.Hint, rule.Hint)
	f.Confidence = cmp.Or(f.Confidence, rule.Confidence, 95)
	if len(f.Quote) > 200 {
		f.Quote = f.Quote[:200] + "…"
	}
	f.Quote = strings.ToValidUTF8(f.Quote, "\uFFFD")
	r.out = append(r.out, f)
}

func (r *reviewer) addf(id string, at int, quote, format string, args ...any) {
	r.add(id, Finding{At: at, Quote: quote, Text: fmt.Sprintf(format, args...)})
}

// problems are what could not be read of a patch.
func (r *reviewer) problems() {
	for _, p := range r.p.Problems {
		r.addf("unreadable", p.Line, "", "%s", p.Text)
	}
	for i := range r.p.Files {
		if f := &r.p.Files[i]; f.Err != nil {
			r.add("unreadable", Finding{File: f.Path(), At: f.Line, Text: f.Err.Error()})
		}
	}
}

// settle sorts findings by patch, as the stack has them, severity and place.
func (r *reviewer) settle(stack *patch.Stack) []Finding {
	at := map[string]int{"": -1}
	for i, p := range stack.Patches {
		at[p.Name] = i
	}
	slices.SortStableFunc(r.out, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(at[a.Patch], at[b.Patch]), cmp.Compare(a.Severity.Rank(), b.Severity.Rank()),
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.At, b.At), cmp.Compare(a.Rule, b.Rule))
	})
	if r.out == nil {
		return []Finding{}
	}
	return r.out
}

// Merge adds what other tools found. Where Ringside says the same of the same line, theirs
// is left out; what is about no line is the same where its text is.
func (r *Report) Merge(found []Finding) {
	type place struct {
		file string
		line int
		rule string
		text string
	}
	of := func(f *Finding, rule string) place {
		if f.Line > 0 {
			return place{f.File, f.Line, rule, ""}
		}
		return place{f.File, 0, rule, f.Text}
	}
	have := map[place]bool{}
	for i := range r.Findings {
		have[of(&r.Findings[i], r.Findings[i].Rule)] = true
	}
	for _, f := range found {
		key := of(&f, f.Rule)
		if have[key] || have[of(&f, same[f.Rule])] && same[f.Rule] != "" {
			continue
		}
		have[key] = true
		r.Findings = append(r.Findings, f)
		switch f.Severity {
		case Error:
			r.Counts.Errors++
		case Warning:
			r.Counts.Warnings++
		default:
			r.Counts.Notes++
		}
	}
}

// Worst tells whether a finding is at least as grave as a severity.
func (r *Report) Worst(limit Severity) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity.Rank() <= limit.Rank() })
}

// read gives a file of the tree as text; "" if it is not there.
func read(tree fs.FS, name string) string {
	b, err := fs.ReadFile(tree, name)
	if err != nil {
		return ""
	}
	return string(b)
}
