// Package sla says by when a CVE has to be gone from a kernel, by a team's policy: so
// many days for each severity and exposure, counted from when the exposure was confirmed
// for that kernel, and risks that somebody accepted until a day.
package sla

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"ringside/vuln"
	"ringside/vuln/feed"
	"ringside/vuln/severity"
)

// A Policy is a team's rules.
//
//	rules:
//	  - {severity: critical, exposure: internet, days: 7}
//	  - {severity: critical, days: 14}
//	  - {severity: high, days: 30}
//	  - {verdict: undetermined, days: 10}
//	  - {verdict: not_loaded, severity: high, days: 90}
//	warn_days: 5
//	accepted:
//	  - cve: CVE-2026-64361
//	    kernel: "6.1.*"
//	    reason: hfs is never mounted here
//	    approver: Jane Doe
//	    expires: 2027-01-31
type Policy struct {
	Rules []Rule `yaml:"rules"`
	// WarnDays is how long before its day a CVE is due soon; 0 means 7.
	WarnDays int          `yaml:"warn_days"`
	Accepted []Acceptance `yaml:"accepted"`
}

// A Rule gives days to CVEs of a kind. The first rule that fits counts.
type Rule struct {
	// Severity is the least that the rule is for; none is for all.
	Severity Level `yaml:"severity" json:"severity"`
	// Exposure is the environment that the rule is for; empty for all.
	Exposure string `yaml:"exposure" json:"exposure,omitempty"`
	// Verdict is affected unless another is named.
	Verdict State `yaml:"verdict" json:"verdict"`
	Days    int   `yaml:"days" json:"days"`
}

// An Acceptance is a risk that somebody took, until a day.
type Acceptance struct {
	CVE string `yaml:"cve" json:"cve"`
	// Kernel is a pattern of releases, as of a shell; empty for all.
	Kernel   string `yaml:"kernel" json:"kernel,omitempty"`
	Reason   string `yaml:"reason" json:"reason"`
	Approver string `yaml:"approver" json:"approver"`
	Expires  Date   `yaml:"expires" json:"expires"`
}

// Level, State and Date are read from YAML by their names.
type (
	// Level is a severity.
	Level struct{ severity.Level }
	// State is a verdict. One that was not written is Affected.
	State struct {
		vuln.State
		set bool
	}
	// Date is a day, which ends at midnight UTC.
	Date struct{ day time.Time }
)

// UnmarshalYAML reads a level's name.
func (l *Level) UnmarshalYAML(n *yaml.Node) error { return atLine(n, l.UnmarshalText([]byte(n.Value))) }

// UnmarshalYAML reads a verdict's name.
func (s *State) UnmarshalYAML(n *yaml.Node) error {
	s.set = true
	return atLine(n, s.UnmarshalText([]byte(n.Value)))
}

// UnmarshalYAML reads a day.
func (d *Date) UnmarshalYAML(n *yaml.Node) error {
	t, err := time.Parse(time.DateOnly, n.Value)
	if err != nil {
		return atLine(n, fmt.Errorf("%.40q is no day: a day is written 2027-01-31", n.Value))
	}
	d.day = t
	return nil
}

// MarshalText gives the day.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String gives the day.
func (d Date) String() string { return d.day.Format(time.DateOnly) }

// IsZero says whether no day was given.
func (d Date) IsZero() bool { return d.day.IsZero() }

// End is the last moment of the day.
func (d Date) End() time.Time { return d.day.Add(24*time.Hour - 1) }

func atLine(n *yaml.Node, err error) error {
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	return nil
}

// maxPolicy is how large a policy may be.
const maxPolicy = 4 << 20

// Parse reads a policy and refuses what would make it say less than it seems to: unknown
// keys, risks that nobody approved or that never expire, no rules.
func Parse(r io.Reader) (*Policy, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxPolicy+1))
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	if len(text) > maxPolicy {
		return nil, fmt.Errorf("the policy is larger than %d MiB", maxPolicy>>20)
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	var p Policy
	if err := dec.Decode(&p); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the policy is empty: it needs rules, as 'rules: [{severity: high, days: 30}]'")
		}
		return nil, fmt.Errorf("the policy: %w", err)
	}
	if len(p.Rules) == 0 {
		return nil, errors.New("the policy has no rules, as 'rules: [{severity: high, days: 30}]'")
	}
	for i := range p.Rules {
		r := &p.Rules[i]
		if !r.Verdict.set {
			r.Verdict.State = vuln.Affected
		}
		if r.Days < 0 || r.Days > 36500 {
			return nil, fmt.Errorf("rule %d: %d days", i+1, r.Days)
		}
		if !r.Verdict.Open() {
			return nil, fmt.Errorf("rule %d: nobody has to do anything about a CVE that is %s", i+1, r.Verdict)
		}
	}
	for i, a := range p.Accepted {
		switch {
		case !feed.IsID(a.CVE):
			return nil, fmt.Errorf("accepted risk %d: %.40q is no CVE", i+1, a.CVE)
		case a.Approver == "":
			return nil, fmt.Errorf("accepted risk %d (%s): who approved it? Give approver", i+1, a.CVE)
		case a.Reason == "":
			return nil, fmt.Errorf("accepted risk %d (%s): why? Give reason", i+1, a.CVE)
		case a.Expires.IsZero():
			return nil, fmt.Errorf("accepted risk %d (%s): until when? Give expires", i+1, a.CVE)
		}
		if _, err := path.Match(a.Kernel, ""); err != nil {
			return nil, fmt.Errorf("accepted risk %d (%s): %.60q is no pattern of releases", i+1, a.CVE, a.Kernel)
		}
	}
	return &p, nil
}

// Rule returns the first rule for a verdict, nil if none is.
func (p *Policy) Rule(v *vuln.Verdict, exposure string) *Rule {
	level := severity.None
	if v.Severity != nil {
		level = v.Severity.Level
	}
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Verdict.State == v.Verdict && level >= r.Severity.Level && (r.Exposure == "" || r.Exposure == exposure) {
			return r
		}
	}
	return nil
}

// Accepts returns the acceptance of a CVE for a kernel, the one that lasts longest.
func (p *Policy) Accepts(cve, release string) *Acceptance {
	var best *Acceptance
	for i := range p.Accepted {
		a := &p.Accepted[i]
		if a.CVE != cve {
			continue
		}
		if ok, err := path.Match(a.Kernel, release); a.Kernel != "" && (err != nil || !ok) {
			continue
		}
		if best == nil || a.Expires.day.After(best.Expires.day) {
			best = a
		}
	}
	return best
}

// Exposures are the environments that the policy knows.
func (p *Policy) Exposures() (list []string) {
	for _, r := range p.Rules {
		if r.Exposure != "" && !slices.Contains(list, r.Exposure) {
			list = append(list, r.Exposure)
		}
	}
	return list
}
