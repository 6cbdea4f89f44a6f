// Package stack says where each patch of a stack stands: whether upstream has it, since
// when and how changed, whether it was taken back or mended there, how old it is, whose,
// how much its files change, and what should be done with it. It joins what others found
// out: patch/landed in the sources, patch/equiv in histories, patch/apply on the tree.
//
//   - stack.go: the report; state.go: where a patch stands; follow.go: later changes that
//     mend or take back what the stack has; advice.go: what to do.
package stack

import (
	"cmp"
	"slices"
	"time"

	"ringside/patch"
	"ringside/patch/equiv"
	"ringside/patch/landed"
)

// An Input is what is known of a stack.
type Input struct {
	Stack *patch.Stack
	// Tree names the tree that Landed is about, TreeVersion is its version ("6.6.12").
	Tree        string
	TreeVersion string
	// Landed has a verdict for each patch; nil if no tree was looked at.
	Landed []landed.Verdict
	// Apply has "clean", "fuzz" or "fail" for each patch, with what is to be said about
	// it; nil if it was not tried.
	Apply []Applied
	// Upstream are the histories that are searched, the most trusted first.
	Upstream []*equiv.Index
	// Owners names who looks after files, where it is set.
	Owners func(paths []string) []string
	// Now is the date that ages are counted to.
	Now time.Time
}

// Applied is what came of applying a patch.
type Applied struct {
	Outcome string
	Why     string
}

// A State is whether upstream has a patch.
type State string

// The states.
const (
	// Upstream has it: the tree does, or a history that was searched.
	Upstream State = "upstream"
	// Partly: the tree has some of it.
	Partly State = "partly"
	// NotUpstream: neither has it.
	NotUpstream State = "not_upstream"
	// Unknown: what was looked at does not tell.
	Unknown State = "unknown"
)

// An Entry is what is known of one patch.
type Entry struct {
	File    string `json:"file"`
	Subject string `json:"subject,omitempty"`
	// Apply is clean, fuzz or fail on the tree, after those before it; empty if it was not
	// tried.
	Apply    string   `json:"apply,omitempty" enum:"clean,fuzz,fail"`
	ApplyWhy string   `json:"apply_why,omitempty"`
	Upstream Standing `json:"upstream"`
	Origin   string   `json:"origin" enum:"unsaid,upstream,backport,from-tree,from-list,downstream,revert"`
	// Sent says what speaks for its having been sent; empty if nothing does.
	Sent    string   `json:"sent,omitempty"`
	Author  string   `json:"author,omitempty"`
	AgeDays int      `json:"age_days,omitempty"`
	Owners  []string `json:"owners,omitempty"`
	Paths   []string `json:"paths"`
	Added   int      `json:"added"`
	Removed int      `json:"removed"`
	// Churn is how many changes of the histories touch its files after it was written.
	Churn int `json:"churn,omitempty"`
	// Missing are later changes that mend it and are not in the stack.
	Missing []FollowUp `json:"missing,omitempty"`
	// Problems are what could not be read of it.
	Problems []string `json:"problems,omitempty"`
	Advice   Advice   `json:"advice"`
}

// Standing is where a patch stands upstream.
type Standing struct {
	State State `json:"state" enum:"upstream,partly,not_upstream,unknown"`
	// Release is the first that has it; By is a release that has it, where the first is
	// not known.
	Release string `json:"release,omitempty"`
	By      string `json:"by,omitempty"`
	// Stable are stable releases that took it.
	Stable []string `json:"stable,omitempty"`
	Commit string   `json:"commit,omitempty"`
	// Relation is how the patch differs from upstream's: identical, equal, modified,
	// part, diverged.
	Relation string  `json:"relation,omitempty" enum:"identical,equal,modified,part,diverged"`
	Score    float64 `json:"score,omitempty"`
	// Reverted and Superseded name what came later instead of it.
	Reverted   []string `json:"reverted,omitempty"`
	Superseded []string `json:"superseded,omitempty"`
	Evidence   []string `json:"evidence"`
}

// A FollowUp is a later change that mends another.
type FollowUp struct {
	Commit  string   `json:"commit"`
	Subject string   `json:"subject"`
	Fixes   string   `json:"fixes"` // the commit that it says it mends
	Release []string `json:"releases,omitempty"`
	Revert  bool     `json:"revert,omitempty"`
}

// ReportSchemaID names the JSON form.
const ReportSchemaID = "https://ringside.dev/schemas/patch-stack.v1.json"

// A Report is where a stack stands.
type Report struct {
	Schema      string         `json:"schema"`
	Stack       string         `json:"stack"`
	Tree        string         `json:"tree,omitempty"`
	TreeVersion string         `json:"tree_version,omitempty"`
	Searched    []string       `json:"searched,omitempty"`
	Patches     []Entry        `json:"patches"`
	Problems    []string       `json:"problems"`
	Totals      Tally          `json:"totals"`
	ByAdvice    map[string]int `json:"by_advice"`
}

// A Tally is the totals of a stack. Size is the KPI "patch stack size": the patches that
// have to be carried on, which those that the tree has already are not.
type Tally struct {
	Patches     int `json:"patches"`
	Size        int `json:"size"`
	Lines       int `json:"lines"`
	Files       int `json:"files"`
	Upstream    int `json:"upstream"`
	Partly      int `json:"partly"`
	NotUpstream int `json:"not_upstream"`
	Unknown     int `json:"unknown"`
	NeverSent   int `json:"never_sent"`
	Missing     int `json:"missing_fixes"`
	Reverted    int `json:"reverted"`
	Clean       int `json:"clean"`
	Fuzz        int `json:"fuzz"`
	Fail        int `json:"fail"`
	MedianDays  int `json:"median_age_days"`
}

// Build makes the report.
func Build(in Input) (*Report, error) {
	r := &Report{
		Schema: ReportSchemaID, Stack: in.Stack.Name, Tree: in.Tree, TreeVersion: in.TreeVersion,
		Patches: []Entry{}, Problems: []string{}, ByAdvice: map[string]int{},
	}
	for _, x := range in.Upstream {
		r.Searched = append(r.Searched, x.Source)
	}
	for _, p := range in.Stack.Problems {
		r.Problems = append(r.Problems, p.String())
	}
	b := builder{in: &in}
	if err := b.match(); err != nil {
		return nil, err
	}
	files := map[string]bool{}
	var ages []int
	for i, p := range in.Stack.Patches {
		e, err := b.entry(i, p)
		if err != nil {
			return nil, err
		}
		r.Patches = append(r.Patches, e)
		r.ByAdvice[string(e.Advice.Do)]++
		r.Totals.count(&e)
		for _, path := range e.Paths {
			files[path] = true
		}
		if e.AgeDays > 0 {
			ages = append(ages, e.AgeDays)
		}
	}
	r.Totals.Files = len(files)
	if len(ages) > 0 {
		slices.Sort(ages)
		r.Totals.MedianDays = ages[len(ages)/2]
	}
	return r, nil
}

func (t *Tally) count(e *Entry) {
	t.Patches++
	t.Lines += e.Added + e.Removed
	t.Missing += len(e.Missing)
	switch e.Upstream.State {
	case Upstream:
		t.Upstream++
	case Partly:
		t.Partly++
	case NotUpstream:
		t.NotUpstream++
	default:
		t.Unknown++
	}
	if e.Advice.Do != Drop {
		t.Size++
	}
	if e.Sent == "" && e.Upstream.State != Upstream {
		t.NeverSent++
	}
	if len(e.Upstream.Reverted) > 0 {
		t.Reverted++
	}
	switch e.Apply {
	case "clean":
		t.Clean++
	case "fuzz":
		t.Fuzz++
	case "fail":
		t.Fail++
	}
}

// Worst sorts entries by what needs doing first.
func (r *Report) Worst() []Entry {
	out := slices.Clone(r.Patches)
	slices.SortStableFunc(out, func(a, b Entry) int {
		return cmp.Compare(slices.Index(order, a.Advice.Do), slices.Index(order, b.Advice.Do))
	})
	return out
}
