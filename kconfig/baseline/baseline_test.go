package baseline_test

import (
	"strings"
	"testing"
	"time"

	"ringside/kconfig/baseline"
	"ringside/kconfig/dotconfig"
	"ringside/kconfig/export"
	"ringside/kconfig/hardening"
)

const policy = `
name: test
owner: team
guardrails:
- {id: a, want: A=y, severity: high, reason: r}
- {id: b, expr: "enabled('B') && number('N') > 3", severity: medium, reason: r, owner: somebody}
- {id: c, expr: "arch == 'x86' && !cmdline.contains('nokaslr') && sysctl['kernel.kptr_restrict'] == '2'", severity: low, reason: r}
- {id: d, want: D=n, severity: low, reason: r}
- {id: e, want: E=y, severity: low, reason: r}
- {id: f, expr: "sysctl['no.such'] == '1'", severity: low, reason: r}
waivers:
- {rule: a, owner: jane, reason: old hardware, expires: 2026-12-31}
- {rule: "d*", owner: joe, reason: until the move, expires: 2026-01-31}
- {rule: nothing, owner: joe, reason: forgotten, expires: 2027-01-31}
`

func subject(t *testing.T) hardening.Subject {
	t.Helper()
	f, err := dotconfig.Parse(strings.NewReader("CONFIG_B=m\nCONFIG_N=5\nCONFIG_D=y\nCONFIG_E=y\n"))
	if err != nil {
		t.Fatal(err)
	}
	line := "quiet"
	return hardening.Subject{Arch: "x86", File: f, Cmdline: &line, Sysctl: map[string]string{"kernel.kptr_restrict": "2"}}
}

func TestEvaluate(t *testing.T) {
	p, err := baseline.Read(strings.NewReader(policy))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		day  string
		want string
	}{
		{"2026-12-31T23:59:00Z", "a:waived b:pass c:pass d:expired e:pass f:unknown"},
		{"2027-01-01T00:00:00Z", "a:expired b:pass c:pass d:expired e:pass f:unknown"},
		{"2026-01-31T12:00:00Z", "a:waived b:pass c:pass d:waived e:pass f:unknown"},
	} {
		now, err := time.Parse(time.RFC3339, tt.day)
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.Evaluate(t.Context(), subject(t), now)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range r.Findings {
			got = append(got, f.ID+":"+string(f.Verdict))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("on %s: %v, want %s", tt.day, got, tt.want)
		}
		if len(r.Idle) != 1 || r.Idle[0].Rule != "nothing" {
			t.Errorf("idle waivers: %v", r.Idle)
		}
		for _, x := range r.Results(".config") {
			if x.ID == "a" && (x.Outcome == export.Waived) != strings.Contains(tt.want, "a:waived") {
				t.Errorf("%+v", x)
			}
		}
	}
}

// What is not given is not taken for empty; where it does not matter, there is an answer.
func TestNotGiven(t *testing.T) {
	p, err := baseline.Read(strings.NewReader("name: x\nowner: o\nguardrails:\n" +
		"- {id: line, expr: \"cmdline.contains('panic=')\", severity: high, reason: r}\n" +
		"- {id: no-line, expr: \"!cmdline.contains('panic=')\", severity: high, reason: r}\n" +
		"- {id: sysctl, expr: \"sysctl['kernel.kptr_restrict'] == '2'\", severity: high, reason: r}\n" +
		"- {id: either, expr: \"arch == 'x86' || cmdline.contains('panic=')\", severity: high, reason: r}\n" +
		"- {id: neither, expr: \"arch == 'arm64' && cmdline.contains('panic=')\", severity: high, reason: r}\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := subject(t)
	s.Cmdline, s.Sysctl = nil, nil
	r, err := p.Evaluate(t.Context(), s, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.ID+":"+string(f.Verdict))
	}
	if want := "line:unknown no-line:unknown sysctl:unknown either:pass neither:fail"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// The policies that come with Ringside are well formed and can be evaluated.
func TestBuiltin(t *testing.T) {
	names := baseline.Names()
	if strings.Join(names, " ") != "appliance debug embedded server" {
		t.Errorf("%v", names)
	}
	for _, name := range names {
		p, err := baseline.Builtin(name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r, err := p.Evaluate(t.Context(), subject(t), time.Now())
		if err != nil || len(r.Findings) < 10 || r.Counts[baseline.Unknown] > len(r.Findings)/2 {
			t.Errorf("%s: %+v, %v", name, r.Counts, err)
		}
		if text, err := baseline.Source(name); err != nil || !strings.Contains(text, "guardrails:") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := baseline.Builtin("../../etc"); err == nil {
		t.Error("a policy was found that is none")
	}
}

func TestBadPolicies(t *testing.T) {
	for _, tt := range []struct{ text, says string }{
		{"", "EOF"},
		{"guardrails: []", "no name"},
		{"name: x\nnonsense: 1", "nonsense"},
		{"name: x\nguardrails: [{id: a, want: A=y, severity: high, reason: r}]", "no owner"},
		{"name: x\nowner: o\nguardrails: [{id: a, severity: high, reason: r}]", "either want or expr"},
		{"name: x\nowner: o\nguardrails: [{id: a, want: A, severity: high, reason: r}]", "NAME=value"},
		{"name: x\nowner: o\nguardrails: [{id: a, expr: 'enabled(', severity: high, reason: r}]", "guardrail a"},
		{"name: x\nowner: o\nguardrails: [{id: a, expr: 'value(\"A\")', severity: high, reason: r}]", "not true or false"},
		{"name: x\nowner: o\nguardrails: [{id: a, want: A=y, severity: grave, reason: r}]", "none of high"},
		{"name: x\nowner: o\nwaivers: [{rule: a, owner: o, reason: r}]", "expires"},
		{"name: x\nowner: o\nwaivers: [{rule: a, owner: o, reason: r, expires: soon}]", "no date"},
		{"name: x\nowner: o\nwaivers: [{rule: '[', owner: o, reason: r, expires: 2027-01-01}]", "pattern"},
	} {
		if _, err := baseline.Read(strings.NewReader(tt.text)); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%q: error is %v, want one that says %q", tt.text, err, tt.says)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(policy))
	f.Add([]byte("name: x\nowner: o\nguardrails: [{id: a, expr: '[1,2,3].all(x, [1,2,3].all(y, x < y))', severity: high, reason: r}]"))
	s := hardening.Subject{File: dotconfig.New()}
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := baseline.Read(strings.NewReader(string(in)))
		if err != nil {
			return
		}
		p.Hardening = ""
		if _, err := p.Evaluate(t.Context(), s, time.Unix(0, 0)); err != nil {
			t.Fatal(err)
		}
	})
}
