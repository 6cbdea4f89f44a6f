package render

import (
	"fmt"
	"io"
	"strings"

	"ringside/patch/plan"
)

// PatchPlanSchemaID names the JSON form of a plan to change the base of a stack.
const PatchPlanSchemaID = "https://ringside.dev/schemas/patch-rebase-plan.v1.json"

// PatchPlan is what becomes of a stack on a new base.
type PatchPlan struct {
	Schema string `json:"schema"`
	Name   string `json:"name"` // of the way: a server keeps how it went
	Stack  string `json:"stack"`
	plan.Outlook
	Steps    []PlanStep        `json:"steps"`
	Packages []PlanPackage     `json:"packages"`
	Series   string            `json:"series,omitempty"`
	Problems []StackProblemDoc `json:"problems,omitempty"`
}

// PlanStep is what becomes of one patch.
type PlanStep struct {
	Position  int            `json:"position"` // in the stack, from 1
	Name      string         `json:"name"`
	Subject   string         `json:"subject,omitempty"`
	Action    string         `json:"action" enum:"drop,keep,adapt,conflict"`
	Minutes   int            `json:"minutes"`
	Reasons   []string       `json:"reasons"`
	Apply     string         `json:"apply,omitempty" enum:"clean,fuzz,fail"`
	Landed    string         `json:"landed" enum:"unknown,present,partly,absent"`
	After     []int          `json:"after,omitempty"` // positions
	Conflicts []PlanConflict `json:"conflicts,omitempty"`
}

// PlanConflict is a stretch in which the new base and the patch differ.
type PlanConflict struct {
	File   string   `json:"file"`
	Line   int      `json:"line"`
	Base   []string `json:"base"`
	Ours   []string `json:"ours"`
	Theirs []string `json:"theirs"`
}

// PlanPackage is work that one person does by itself.
type PlanPackage struct {
	Positions []int    `json:"positions"`
	Files     []string `json:"files"`
	Minutes   int      `json:"minutes"`
}

// PlanOf makes the JSON form of a plan.
func PlanOf(p *plan.Plan, from, to string) PatchPlan {
	d := PatchPlan{Schema: PatchPlanSchemaID, Outlook: p.Outlook(from, to), Steps: []PlanStep{}, Packages: []PlanPackage{}}
	for i := range p.Steps {
		s := &p.Steps[i]
		x := PlanStep{Position: i + 1, Name: s.Patch.Name, Subject: s.Patch.Subject, Action: string(s.Action), Minutes: s.Minutes, Reasons: append([]string{}, s.Reasons...), Landed: string(s.Landed.State)}
		if s.Applied != nil {
			x.Apply = s.Applied.Outcome.String()
		}
		for _, a := range s.After {
			x.After = append(x.After, a+1)
		}
		for _, f := range s.Files {
			for _, c := range f.Conflicts {
				x.Conflicts = append(x.Conflicts, PlanConflict{f.Path, c.Line, bare(c.Base), bare(c.Ours), bare(c.Theirs)})
			}
		}
		d.Steps = append(d.Steps, x)
	}
	for _, k := range p.Packages {
		y := PlanPackage{Positions: []int{}, Files: k.Files, Minutes: k.Minutes}
		for _, n := range k.Steps {
			y.Positions = append(y.Positions, n+1)
		}
		d.Packages = append(d.Packages, y)
	}
	return d
}

// bare takes the ends off lines.
func bare(lines []string) []string {
	out := []string{}
	for _, l := range lines {
		out = append(out, strings.TrimRight(l, "\r\n"))
	}
	return out
}

// PatchPlanReport prints a plan: what to drop, what goes on, and the work, the largest
// package first.
func PatchPlanReport(w io.Writer, d PatchPlan, all bool, st Style) error {
	p := &printer{w: w, s: st}
	if d.Drop > 0 {
		p.section(fmt.Sprintf("drop: %d", d.Drop))
		p.planned(d.Steps, "drop", all)
	}
	p.section(fmt.Sprintf("keep: %d", d.Keep))
	if all {
		p.planned(d.Steps, "keep", true)
	} else {
		p.line("  %s", p.s.paint(faint, "they go on as they are"))
	}
	if len(d.Packages) > 0 {
		p.section(fmt.Sprintf("work: %d to adapt, %d in conflict, %s in %s", d.Adapt, d.Conflict, hours(d.Minutes), plural(len(d.Packages), "package")))
	}
	for n, k := range d.Packages {
		if n == 20 && !all {
			p.line("  %s", p.s.paint(faint, fmt.Sprintf("… %d smaller ones; --all lists them", len(d.Packages)-n)))
			break
		}
		files := k.Files
		more := ""
		if len(files) > 3 {
			files, more = files[:3], fmt.Sprintf(" and %d more", len(k.Files)-3)
		}
		p.line("%s %s", p.s.paint(strong, hours(k.Minutes)), p.s.paint(faint, strings.Join(files, ", ")+more))
		for _, pos := range k.Positions {
			p.planStep(&d.Steps[pos-1])
		}
	}
	if len(d.Problems) > 0 {
		p.section("not read")
		for _, e := range d.Problems {
			p.wrapped("  ! ", at(e.File, e.Line)+": "+e.Text, caution)
		}
	}
	p.line("")
	p.line("%s from %s to %s: %d to drop, %d to keep, %d to adapt, %d in conflict; about %s of work", p.s.paint(strong, patches(len(d.Steps))), d.From, d.To, d.Drop, d.Keep, d.Adapt, d.Conflict, hours(d.Minutes))
	if d.Broken > 0 {
		p.wrapped("  ! ", fmt.Sprintf("%d of them do not go on %s either: what they change there could not be used", d.Broken, d.From), caution)
	}
	if d.Series != "" {
		p.line("written to %s", d.Series)
	}
	return p.err
}

func (p *printer) planned(steps []PlanStep, action string, all bool) {
	n := 0
	for i := range steps {
		s := &steps[i]
		if s.Action != action {
			continue
		}
		if n++; n > 20 && !all && s.Minutes <= 1 {
			continue
		}
		why := ""
		if len(s.Reasons) > 0 {
			why = s.Reasons[0]
		}
		p.wrapped(painted(fmt.Sprintf("  %4d ", s.Position)), s.Name+": "+why, plain)
	}
	if n > 20 && !all {
		p.line("  %s", p.s.paint(faint, "… --all lists all; those that have to be looked at are above"))
	}
}

func (p *printer) planStep(s *PlanStep) {
	role := caution
	if s.Action == "conflict" {
		role = danger
	}
	p.line("  %4d %s %s", s.Position, p.s.paint(role, fmt.Sprintf("%-8s", s.Action)), s.Name)
	for n, r := range s.Reasons {
		if n == 3 {
			p.line("                %s", p.s.paint(faint, fmt.Sprintf("… %d more", len(s.Reasons)-n)))
			break
		}
		p.wrapped("                ", r, faint)
	}
}

func hours(minutes int) string {
	if minutes < 60 {
		return fmt.Sprintf("%d min", minutes)
	}
	return fmt.Sprintf("%.1f h", float64(minutes)/60)
}
