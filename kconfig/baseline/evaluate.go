package baseline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ringside/kconfig/export"
	"ringside/kconfig/hardening"
)

// A Verdict is what became of a rule of a policy.
type Verdict string

// The verdicts.
const (
	Pass Verdict = "pass"
	Fail Verdict = "fail"
	// Waived: it fails and somebody answers for that.
	Waived Verdict = "waived"
	// Expired: it fails, and the waiver is over.
	Expired       Verdict = "expired"
	NotApplicable Verdict = "not_applicable"
	Unknown       Verdict = "unknown"
)

// A Finding is a rule of a policy with its verdict.
type Finding struct {
	ID       string             `json:"id"`
	Group    string             `json:"group"` // guardrail, or the group of hardening rules
	Rule     string             `json:"rule"`  // the want or the expression
	Verdict  Verdict            `json:"verdict"`
	Severity hardening.Severity `json:"severity"`
	Owner    string             `json:"owner,omitempty"`
	Reason   string             `json:"reason"`
	Source   string             `json:"source,omitempty"`
	Message  string             `json:"message"`
	Fix      string             `json:"fix,omitempty"`
	// Hardening is the finding of the audit that stands behind a want.
	Hardening *hardening.Finding `json:"hardening,omitempty"`
	Waiver    *Waiver            `json:"waiver,omitempty"`
}

// A Report is a kernel held to a policy.
type Report struct {
	Policy   string          `json:"policy"`
	Version  string          `json:"version"`
	Counts   map[Verdict]int `json:"counts"`
	Findings []Finding       `json:"findings"`
	// Idle are waivers of rules that hold: they can go.
	Idle []Waiver `json:"idle_waivers"`
}

// Evaluate holds a subject to the policy at a time.
func (p *Policy) Evaluate(ctx context.Context, s hardening.Subject, now time.Time) (*Report, error) {
	r := &Report{Policy: p.Name, Version: p.Version, Counts: map[Verdict]int{}, Findings: []Finding{}, Idle: []Waiver{}}
	asts, err := p.compile()
	if err != nil {
		return nil, err
	}
	env, err := environment(&s)
	if err != nil {
		return nil, fmt.Errorf("expressions: %w", err)
	}
	used := map[string]bool{}
	add := func(f Finding) {
		if f.Verdict == Fail {
			if w, ok := p.waiver(f.ID, now); w != nil {
				f.Waiver, f.Verdict = w, Expired
				if ok {
					f.Verdict = Waived
				}
				used[w.Rule] = true
			}
		}
		r.Counts[f.Verdict]++
		r.Findings = append(r.Findings, f)
	}
	for _, g := range p.Guardrails {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		f := Finding{ID: g.ID, Group: "guardrail", Rule: g.Want + g.Expr, Severity: g.Severity, Owner: g.Owner, Reason: g.Reason, Source: g.Source}
		if g.Want != "" {
			rule, err := hardening.ParseWant(g.Want)
			if err != nil {
				return nil, fmt.Errorf("guardrail %s: %w", g.ID, err)
			}
			f.of(s.Check(ctx, rule))
		} else {
			f.expression(holds(env, asts[g.ID], &s))
		}
		add(f)
	}
	for _, rule := range p.rules() {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		f := Finding{ID: rule.ID, Group: rule.Group, Rule: rule.Want, Severity: rule.Severity, Owner: p.Owner, Reason: rule.Reason, Source: rule.Source}
		f.of(s.Check(ctx, rule))
		add(f)
	}
	for _, w := range p.Waivers {
		if !used[w.Rule] {
			r.Idle = append(r.Idle, w)
		}
	}
	return r, nil
}

// of takes over what an audit found.
func (f *Finding) of(h hardening.Finding) {
	f.Hardening, f.Message, f.Fix = &h, h.Says(), h.Fix()
	switch h.Verdict {
	case hardening.OK:
		f.Verdict = Pass
	case hardening.NotApplicable:
		f.Verdict = NotApplicable
	case hardening.Unknown:
		f.Verdict = Unknown
	default:
		f.Verdict = Fail
		if h.Cause == hardening.Absent && f.Group != "guardrail" {
			// A recommendation for other kernels; a guardrail asks for it.
			f.Verdict = NotApplicable
		}
	}
}

func (f *Finding) expression(ok bool, err error) {
	switch {
	case errors.Is(err, errNotGiven):
		f.Verdict, f.Message = Unknown, err.Error()
	case err != nil:
		f.Verdict, f.Message = Unknown, "the expression could not be evaluated: "+err.Error()
	case ok:
		f.Verdict, f.Message = Pass, "holds"
	default:
		f.Verdict, f.Message = Fail, "does not hold"
	}
}

// Results gives the findings as exports have them.
func (r *Report) Results(file string) []export.Result {
	list := make([]export.Result, 0, len(r.Findings))
	for _, f := range r.Findings {
		x := export.Result{
			ID: f.ID, Group: f.Group, Title: f.Rule, Reason: f.Reason, Source: f.Source, Severity: string(f.Severity),
			Outcome: export.Fail, Message: f.Message, Fix: f.Fix, File: file,
		}
		switch f.Verdict {
		case Pass:
			x.Outcome = export.Pass
		case Waived:
			x.Outcome = export.Waived
		case NotApplicable:
			x.Outcome = export.NotApplicable
		case Unknown:
			x.Outcome = export.Unknown
		}
		if f.Waiver != nil {
			x.Waiver = f.Waiver.says()
		}
		list = append(list, x)
	}
	return list
}

// says gives a waiver in words.
func (w *Waiver) says() string {
	text := fmt.Sprintf("%s, until %s, by %s", w.Reason, w.Expires, w.Owner)
	if w.Ticket != "" {
		text += " (" + w.Ticket + ")"
	}
	return strings.TrimSpace(text)
}
