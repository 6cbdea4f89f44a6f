package exposure

import (
	"fmt"
	"io"
	"strings"
	"time"

	"ringside/internal/record"
	"ringside/vuln"
	"ringside/vuln/severity"
	"ringside/vuln/sla"
)

// usual are the deadlines of a team that has not set its own.
const usual = `
rules:
  - {severity: critical, days: 14}
  - {severity: high, days: 30}
  - {severity: medium, days: 90}
`

// Deadlines are a policy as the record asks for it.
type Deadlines struct {
	policy   *sla.Policy
	exposure string
}

var _ record.Deadlines = (*Deadlines)(nil)

// ReadDeadlines reads a policy of package sla; a nil reader gives the usual one. The
// rules that count are those for the exposure, and those for all.
func ReadDeadlines(r io.Reader, exposure string) (*Deadlines, error) {
	if r == nil {
		r = strings.NewReader(usual)
	}
	p, err := sla.Parse(r)
	if err != nil {
		return nil, fmt.Errorf("deadlines: %w", err)
	}
	return &Deadlines{p, exposure}, nil
}

// Due implements [record.Deadlines].
func (d *Deadlines) Due(level string, since time.Time) (time.Time, bool) {
	var s severity.Severity
	if s.Level.UnmarshalText([]byte(level)) != nil {
		return time.Time{}, false // nobody knows how grave it is
	}
	rule := d.policy.Rule(&vuln.Verdict{Verdict: vuln.Affected, Severity: &s}, d.exposure)
	if rule == nil || rule.Days <= 0 {
		return time.Time{}, false
	}
	return since.AddDate(0, 0, rule.Days), true
}
