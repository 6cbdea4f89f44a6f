package sla_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringside/vuln"
	"ringside/vuln/severity"
	"ringside/vuln/sla"
)

const policy = `rules:
  - {severity: critical, exposure: internet, days: 7}
  - {severity: critical, days: 14}
  - {severity: high, days: 30}
  - {verdict: undetermined, days: 10}
warn_days: 3
accepted:
  - {cve: CVE-2026-0004, kernel: "6.1.*", reason: never mounted, approver: Jane Doe, expires: 2026-03-01}
`

func parse(t *testing.T, text string) *sla.Policy {
	t.Helper()
	p, err := sla.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

// scan makes a scan out of "CVE verdict level record".
func scan(at string, verdicts ...string) *vuln.Report {
	r := &vuln.Report{Time: day(at), Kernel: vuln.KernelInfo{Release: "6.1.176"}}
	for _, s := range verdicts {
		var id, verdict, level, record string
		if _, err := fmt.Sscan(s, &id, &verdict, &level, &record); err != nil {
			panic(err)
		}
		v := vuln.Verdict{CVE: id, Severity: &severity.Severity{}, Fingerprint: strings.Repeat(record, 16) + "kernel"}
		if v.Verdict.UnmarshalText([]byte(verdict)) != nil || v.Severity.Level.UnmarshalText([]byte(level)) != nil {
			panic(s)
		}
		r.Verdicts = append(r.Verdicts, v)
	}
	return r
}

func TestEvaluate(t *testing.T) {
	p := parse(t, policy)
	for _, tt := range []struct {
		name     string
		scans    []*vuln.Report
		exposure string
		now      string
		want     string
	}{
		{"open", []*vuln.Report{scan("2026-01-01", "CVE-2026-0001 affected high a")}, "", "2026-01-10", "open from 2026-01-01 due 2026-01-31 left 21"},
		{"due soon", []*vuln.Report{scan("2026-01-01", "CVE-2026-0001 affected high a")}, "", "2026-01-29", "due_soon from 2026-01-01 due 2026-01-31 left 2"},
		{"breached", []*vuln.Report{scan("2026-01-01", "CVE-2026-0001 affected high a")}, "", "2026-02-02", "breached from 2026-01-01 due 2026-01-31 left -2"},
		{"exposed", []*vuln.Report{scan("2026-01-01", "CVE-2026-0001 affected critical a")}, "internet", "2026-01-02", "open from 2026-01-01 due 2026-01-08 left 6"},
		{"not exposed", []*vuln.Report{scan("2026-01-01", "CVE-2026-0001 affected critical a")}, "lab", "2026-01-02", "open from 2026-01-01 due 2026-01-15 left 13"},
		{"no rule", []*vuln.Report{scan("2026-01-01", "CVE-2026-0001 affected low a")}, "", "2026-01-02", "no_rule from 2026-01-01"},
		{"the first scan counts, in whatever order they come", []*vuln.Report{scan("2026-01-20", "CVE-2026-0001 affected high a"), scan("2026-01-01", "CVE-2026-0001 affected high a")}, "", "2026-01-21", "open from 2026-01-01 due 2026-01-31 left 10"},
		{"confirmed by a changed record", []*vuln.Report{scan("2026-01-01", "CVE-2026-0001 undetermined high a"), scan("2026-01-20", "CVE-2026-0001 affected high b")}, "", "2026-01-21", "open from 2026-01-20 due 2026-02-19 left 29: before, it was undetermined; its record was changed"},
		{"undetermined", []*vuln.Report{scan("2026-01-01", "CVE-2026-0001 undetermined high a")}, "", "2026-01-03", "open from 2026-01-01 due 2026-01-11 left 8"},
		{"fixed in time", []*vuln.Report{scan("2026-01-01", "CVE-2026-0001 affected high a"), scan("2026-01-20", "CVE-2026-0001 fixed high a")}, "", "2026-06-01", "met from 2026-01-01 due 2026-01-31 left 0"},
		{"fixed late", []*vuln.Report{scan("2026-01-01", "CVE-2026-0001 affected high a"), scan("2026-02-20")}, "", "2026-06-01", "missed from 2026-01-01 due 2026-01-31 left 0"},
		{"back again", []*vuln.Report{scan("2026-01-01", "CVE-2026-0001 affected high a"), scan("2026-01-05"), scan("2026-01-09", "CVE-2026-0001 affected high a")}, "", "2026-01-10", "open from 2026-01-09 due 2026-02-08 left 29: it had been gone, and came back"},
		{"accepted", []*vuln.Report{scan("2026-01-01", "CVE-2026-0004 affected critical a")}, "", "2026-02-27", "accepted from 2026-01-01 due 2026-01-15 left 2"},
		{"accepted to the end of the day", []*vuln.Report{scan("2026-01-01", "CVE-2026-0004 affected critical a")}, "", "2026-03-01", "accepted from 2026-01-01 due 2026-01-15 left 0"},
		{"no longer accepted", []*vuln.Report{scan("2026-01-01", "CVE-2026-0004 affected critical a")}, "", "2026-03-02", "acceptance_lapsed from 2026-01-01 due 2026-01-15 left -46"},
	} {
		items, err := p.Evaluate(tt.scans, tt.exposure, day(tt.now))
		if err != nil || len(items) != 1 {
			t.Errorf("%s: %v, %d items", tt.name, err, len(items))
			continue
		}
		it := items[0]
		got := fmt.Sprintf("%s from %s", it.Standing, it.Started.Format(time.DateOnly))
		if !it.Due.IsZero() {
			got += fmt.Sprintf(" due %s left %d", it.Due.Format(time.DateOnly), it.DaysLeft)
		}
		if it.Why != "" {
			got += ": " + it.Why
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if _, err := p.Evaluate([]*vuln.Report{{}}, "", day("2026-01-01")); err == nil {
		t.Error("a scan without a time starts a clock")
	}
}

func TestBadPolicy(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "is empty",
		"rules: []":                           "has no rules",
		"rules: [{days: 3, dais: 4}]":         "line 1: field dais not found",
		"rules: [{severity: grave, days: 3}]": `line 1: "grave" is no severity`,
		"rules: [{verdict: fixed, days: 3}]":  "rule 1: nobody has to do anything",
		"rules: [{days: -1}]":                 "rule 1: -1 days",
		"rules: [{days: 1}]\naccepted:\n - {cve: x}":                                                                       "is no CVE",
		"rules: [{days: 1}]\naccepted:\n - {cve: CVE-2026-0001}":                                                           "who approved it",
		"rules: [{days: 1}]\naccepted:\n - {cve: CVE-2026-0001, approver: x}":                                              "why",
		"rules: [{days: 1}]\naccepted:\n - {cve: CVE-2026-0001, approver: x, reason: y}":                                   "until when",
		"rules: [{days: 1}]\naccepted:\n - {cve: CVE-2026-0001, approver: x, reason: y, expires: soon}":                    `line 3: "soon" is no day`,
		"rules: [{days: 1}]\naccepted:\n - {cve: CVE-2026-0001, approver: x, reason: y, expires: 2026-01-01, kernel: '['}": "is no pattern",
	} {
		if _, err := sla.Parse(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add([]byte(policy))
	f.Add([]byte("rules: [{days: 1}]\naccepted: [{cve: CVE-2026-0001, approver: x, reason: y, expires: 2026-01-01, kernel: '[a-'}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := sla.Parse(strings.NewReader(string(text)))
		if err != nil {
			return
		}
		items, err := p.Evaluate([]*vuln.Report{scan("2026-01-01", "CVE-2026-0001 affected critical a")}, "internet", day("2026-02-01"))
		if err != nil || len(items) != 1 {
			t.Errorf("%v, %d items", err, len(items))
		}
		for _, a := range p.Accepted {
			if a.Approver == "" || a.Expires.IsZero() {
				t.Errorf("a risk that nobody answers for is accepted: %+v", a)
			}
		}
	})
}
