package web

import (
	"net/http"
	"slices"
	"time"

	"ringside/internal/record"
	"ringside/patch/stack"
)

// stacksView is the stacks of patches that the team carries.
type stacksView struct {
	Origin string
	Items  []record.PatchStack
	Size   int64 // of all together
	Work   *record.PatchWork
}

func (s *site) stacks(w http.ResponseWriter, r *http.Request) error {
	list, err := s.svc.PatchStacks(r.Context())
	if err != nil {
		return err
	}
	work, err := s.svc.PatchWork(r.Context())
	if err != nil {
		return err
	}
	v := stacksView{Origin: origin(r), Items: list, Work: work}
	for i := range list {
		v.Size += list[i].Size
	}
	return s.show(w, r, "stacks", layout{Title: "Patch stacks", Section: "stacks", API: "/api/v1/stacks", View: v})
}

// stackView is one stack.
type stackView struct {
	*record.PatchStack
	Chart   chart
	Rows    []patchRow
	Pager   pager
	Advice  []choice
	States  []choice
	Text    string
	Chosen  string // of the advice
	Filters bool
}

// patchRow is a patch with how it is called.
type patchRow struct {
	record.StackPatch
	Step string // what to do, in a word
	Days int64  // since it came into the stack
}

// steps are what can be done with a patch, the most urgent first, with how a page shows
// them.
var steps = []struct {
	step  stack.Step
	label string
}{
	{stack.Repair, "repair"}, {stack.Drop, "drop"}, {stack.Rework, "rework"}, {stack.Send, "send"}, {stack.Watch, "watch"}, {stack.Keep, "keep"},
}

var stackStates = []choice{
	{Value: string(stack.Upstream), Label: "upstream has it"}, {Value: string(stack.Partly), Label: "upstream has some of it"},
	{Value: string(stack.NotUpstream), Label: "upstream has it not"}, {Value: string(stack.Unknown), Label: "cannot be told"},
}

func (s *site) stack(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "q", "advice", "state", "offset")
	if err != nil {
		return err
	}
	offset, err := q.number("offset")
	if err != nil {
		return err
	}
	p, err := s.svc.PatchStack(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	f := record.StackPatchFilter{Advice: q.get("advice"), State: q.get("state"), Text: q.get("q"), Window: record.Window{Limit: pageRows, Offset: offset}}
	page, err := s.svc.StackPatches(r.Context(), p.ID, f)
	if err != nil {
		return err
	}
	v := stackView{PatchStack: p, Pager: q.pager(offset, len(page.Items), pageRows, page.Total), Text: f.Text, Chosen: f.Advice,
		Filters: f.Advice+f.State+f.Text != "", Chart: stackChart(p.History, s.now())}
	for _, x := range page.Items {
		v.Rows = append(v.Rows, patchRow{StackPatch: x, Step: string(x.Advice.Do), Days: int64(s.now().Sub(x.FirstAt) / (24 * time.Hour))})
	}
	for _, x := range steps {
		c := choice{Value: string(x.step), Label: x.label, Count: page.Advice[string(x.step)], Chosen: f.Advice == string(x.step)}
		if c.Count > 0 || c.Chosen {
			set := c.Value
			if c.Chosen {
				set = ""
			}
			c.URL = q.with("advice", set)
			v.Advice = append(v.Advice, c)
		}
	}
	for _, c := range stackStates {
		c.Chosen = c.Value == f.State
		v.States = append(v.States, c)
	}
	return s.show(w, r, "stack", layout{Title: p.Name, Section: "stacks", API: "/api/v1/stacks/" + p.ID + "/patches", Charts: true, View: v})
}

// stackDays is how far back the chart of a stack goes.
const stackDays = 90

// stackChart shows, for each day, what the latest report until then counted.
func stackChart(history []record.PatchReport, now time.Time) chart {
	first := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1-stackDays)
	carry, upstream := make([]int64, stackDays), make([]int64, stackDays)
	for i := range stackDays {
		end := first.AddDate(0, 0, i+1)
		at, found := slices.BinarySearchFunc(history, end, func(h record.PatchReport, t time.Time) int { return h.ReportedAt.Compare(t) })
		if found {
			at++
		}
		if at > 0 {
			carry[i], upstream[i] = history[at-1].Size, history[at-1].Patches-history[at-1].Size
		}
	}
	summary := count(carry[stackDays-1], "patch to carry", "patches to carry")
	if then := carry[stackDays-31]; then > 0 {
		summary += ", " + num(then) + " 30 days ago"
	}
	return levelChart("Patch stack size", summary, first, []series{{Label: "to carry", Color: "fault", Counts: carry}, {Label: "to be dropped", Color: "rest", Counts: upstream}})
}
