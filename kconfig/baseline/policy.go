package baseline

import (
	"embed"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"ringside/kconfig/hardening"
)

//go:embed policies/*.yaml
var policies embed.FS

// A Policy is what kernels for an environment have to be like.
type Policy struct {
	Name        string `yaml:"name" json:"name"`
	Environment string `yaml:"environment" json:"environment"`
	Description string `yaml:"description" json:"description"`
	Version     string `yaml:"version" json:"version"`
	// Owner answers for guardrails that name nobody.
	Owner string `yaml:"owner" json:"owner"`
	// Hardening is the least severity of hardening rules that are guardrails, too; none
	// where it is empty.
	Hardening  hardening.Severity `yaml:"hardening" json:"hardening,omitempty"`
	Guardrails []Guardrail        `yaml:"guardrails" json:"guardrails"`
	Waivers    []Waiver           `yaml:"waivers" json:"waivers"`
}

// A Guardrail is one rule of a policy. It has a Want or an Expr.
type Guardrail struct {
	ID       string             `yaml:"id" json:"id"`
	Want     string             `yaml:"want" json:"want,omitempty"`
	Expr     string             `yaml:"expr" json:"expr,omitempty"`
	Reason   string             `yaml:"reason" json:"reason"`
	Severity hardening.Severity `yaml:"severity" json:"severity"`
	Owner    string             `yaml:"owner" json:"owner,omitempty"`
	Source   string             `yaml:"source" json:"source,omitempty"`
}

// A Waiver says that a rule need not hold, who answers for that, and until when.
type Waiver struct {
	Rule    string `yaml:"rule" json:"rule"` // ID, or a pattern as kconfig/KASAN*
	Owner   string `yaml:"owner" json:"owner"`
	Reason  string `yaml:"reason" json:"reason"`
	Expires string `yaml:"expires" json:"expires"` // a day, as 2027-01-31
	Ticket  string `yaml:"ticket" json:"ticket,omitempty"`
}

const dayForm = "2006-01-02"

// over says that the day is past on which the waiver ends; it holds to the end of it.
func (w *Waiver) over(now time.Time) bool {
	t, err := time.Parse(dayForm, w.Expires)
	return err != nil || !now.Before(t.AddDate(0, 0, 1))
}

// What a policy may hold.
const (
	maxPolicy     = 4 << 20
	maxGuardrails = 5000
	maxExpr       = 4096
)

// Names gives the environments that there are policies for.
func Names() []string {
	entries, err := policies.ReadDir("policies")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Builtin gives the policy of an environment.
func Builtin(name string) (*Policy, error) {
	f, err := policies.Open("policies/" + path.Base(name) + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("there is no policy %q; there are %s", name, strings.Join(Names(), ", "))
	}
	defer f.Close()
	return Read(f)
}

// Source gives the text of an environment's policy.
func Source(name string) (string, error) {
	b, err := policies.ReadFile("policies/" + path.Base(name) + ".yaml")
	if err != nil {
		return "", fmt.Errorf("there is no policy %q; there are %s", name, strings.Join(Names(), ", "))
	}
	return string(b), nil
}

// Read reads a policy and checks it as far as that needs no kernel.
func Read(r io.Reader) (*Policy, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxPolicy+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxPolicy {
		return nil, fmt.Errorf("the policy is larger than %d MiB", maxPolicy>>20)
	}
	p := &Policy{}
	d := yaml.NewDecoder(strings.NewReader(string(b)))
	d.KnownFields(true)
	if err := d.Decode(p); err != nil {
		return nil, fmt.Errorf("a policy: %w", err)
	}
	return p, p.check()
}

func (p *Policy) check() error {
	if p.Name == "" {
		return fmt.Errorf("the policy has no name")
	}
	if len(p.Guardrails) > maxGuardrails {
		return fmt.Errorf("%d guardrails are more than %d", len(p.Guardrails), maxGuardrails)
	}
	if p.Hardening != "" && p.Hardening.Rank() < 0 {
		return fmt.Errorf("hardening: %q is none of high, medium, low", p.Hardening)
	}
	seen := map[string]bool{}
	for i := range p.Guardrails {
		g := &p.Guardrails[i]
		if g.Owner == "" {
			g.Owner = p.Owner
		}
		switch {
		case g.ID == "":
			return fmt.Errorf("guardrail %d has no id", i+1)
		case seen[g.ID]:
			return fmt.Errorf("guardrail %s is there twice", g.ID)
		case (g.Want == "") == (g.Expr == ""):
			return fmt.Errorf("guardrail %s: want either want or expr", g.ID)
		case g.Reason == "":
			return fmt.Errorf("guardrail %s has no reason", g.ID)
		case g.Owner == "":
			return fmt.Errorf("guardrail %s has no owner, nor has the policy", g.ID)
		case g.Severity.Rank() < 0:
			return fmt.Errorf("guardrail %s: severity %q is none of high, medium, low", g.ID, g.Severity)
		case len(g.Expr) > maxExpr:
			return fmt.Errorf("guardrail %s: the expression is longer than %d bytes", g.ID, maxExpr)
		}
		seen[g.ID] = true
		if g.Want != "" {
			if _, err := hardening.ParseWant(g.Want); err != nil {
				return fmt.Errorf("guardrail %s: %w", g.ID, err)
			}
		}
	}
	for _, w := range p.Waivers {
		if w.Rule == "" || w.Owner == "" || w.Reason == "" || w.Expires == "" {
			return fmt.Errorf("waiver of %q: a waiver has a rule, an owner, a reason and the day on which it expires", w.Rule)
		}
		if _, err := time.Parse(dayForm, w.Expires); err != nil {
			return fmt.Errorf("waiver of %q: %q is no date as 2027-01-31", w.Rule, w.Expires)
		}
		if _, err := path.Match(w.Rule, ""); err != nil {
			return fmt.Errorf("waiver of %q: %w", w.Rule, err)
		}
	}
	if _, err := p.compile(); err != nil {
		return err
	}
	return nil
}

// waiver gives the waiver for a rule: one that still holds, else one that is over.
func (p *Policy) waiver(rule string, now time.Time) (w *Waiver, holds bool) {
	for i := range p.Waivers {
		x := &p.Waivers[i]
		if ok, err := path.Match(x.Rule, rule); err != nil || !ok && x.Rule != rule {
			continue
		}
		if !x.over(now) {
			return x, true
		}
		w = x
	}
	return w, false
}

// rules gives the hardening rules that the policy takes in.
func (p *Policy) rules() []hardening.Rule {
	if p.Hardening == "" {
		return nil
	}
	return slices.DeleteFunc(hardening.Builtin().Rules, func(r hardening.Rule) bool { return r.Severity.Rank() > p.Hardening.Rank() })
}
