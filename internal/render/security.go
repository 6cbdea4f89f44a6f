package render

import (
	"fmt"
	"strings"

	"ringside/diagnose"
)

// security shows what a finding may mean to an attacker. What can only stop the
// machine is in the JSON, and would be said of nearly every crash.
func (p *printer) security(s *diagnose.Security) {
	if s == nil || s.Rating == "low" {
		return
	}
	p.section("Security")
	p.line("  %s  %s", p.s.paint(caution, s.Class), p.s.paint(faint, securityFacts(s)))
	for _, r := range s.Reasons {
		p.wrapped("    because ", r.Text, faint)
	}
	for _, h := range s.Hints {
		p.wrapped("    • ", h, plain)
	}
}

func securityFacts(s *diagnose.Security) string {
	facts := []string{"rated " + s.Rating}
	if s.Primitive != "none" {
		facts = append(facts, "gives "+s.Primitive)
	}
	if s.CWE > 0 {
		facts = append(facts, fmt.Sprintf("CWE-%d", s.CWE))
	}
	return strings.Join(facts, " · ")
}

// markdownSecurity returns the same for a row of a table.
func markdownSecurity(s *diagnose.Security) string {
	if s == nil {
		return ""
	}
	return mdText(fmt.Sprintf("%s (%s)", s.Class, securityFacts(s)))
}
