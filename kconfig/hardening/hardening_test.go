package hardening_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"ringside/kconfig"
	"ringside/kconfig/dotconfig"
	"ringside/kconfig/export"
	"ringside/kconfig/hardening"
)

const tree = `
config MODULES
	bool "modules"
	modules
config SAFE
	bool "safe"
	depends on BASE
config BASE
	bool "base"
config NEW_NAME
	bool "renamed"
config HIDDEN
	bool
config SELECTOR
	def_bool y
	select HIDDEN
config COMPILER
	bool "needs a compiler"
	depends on $(shell,{ cc -fnew -c -x c /dev/null; } >/dev/null 2>&1 && echo "y" || echo "n")
config BITS
	int "bits"
	range 8 16
	default 8
`

const rules = `
groups:
- id: g
  kind: kconfig
  severity: high
  source: https://example.org/
  reason: Because.
  rules:
  - BASE=y
  - SAFE=y
  - NEW_NAME/OLD_NAME=y
  - MISSING=y
  - GONE=n
  - HIDDEN=n
  - COMPILER=y
  - BITS>=12
  - BITS>=99
  - SAFE=y or BASE=n
  - want: ARM_ONLY=y @arm64
    severity: low
  - SAFE=y if MODULES=y
- id: c
  kind: cmdline
  severity: medium
  source: https://example.org/
  reason: Because.
  rules: ["!mitigations=off", "!nokaslr", init_on_alloc=1 | NEW_NAME=y, slab_nomerge | BASE=y, lockdown=integrity or lockdown=confidentiality]
- id: s
  kind: sysctl
  severity: low
  source: https://example.org/
  reason: Because.
  rules: [kernel.kptr_restrict>=1, fs.suid_dumpable=0, no.such=1]
`

func audit(t *testing.T) *hardening.Report {
	t.Helper()
	no := func() kconfig.Options { return kconfig.Options{Dialect: &kconfig.Dialect{}} }
	k, err := kconfig.Parse(t.Context(), fstest.MapFS{"Kconfig": {Data: []byte("mainmenu \"Linux/x86 6.1.0 Kernel Configuration\"\n" + tree)}}, no())
	if err != nil {
		t.Fatal(err)
	}
	f, err := dotconfig.Parse(strings.NewReader("#\n# Linux/x86 6.1.0 Kernel Configuration\n#\n# CONFIG_BASE is not set\nCONFIG_NEW_NAME=y\nCONFIG_SELECTOR=y\nCONFIG_HIDDEN=y\nCONFIG_BITS=8\n"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := k.Eval(f)
	if err != nil {
		t.Fatal(err)
	}
	table, err := hardening.Read(strings.NewReader(rules))
	if err != nil {
		t.Fatal(err)
	}
	line := `root=/dev/sda mitigations=off lockdown=integrity dyndbg="file x +p"`
	r, err := table.Audit(t.Context(), hardening.Subject{
		Arch: "x86", File: f, Config: c, Cmdline: &line,
		Sysctl: hardening.ParseSysctl("kernel.kptr_restrict = 2\nfs.suid_dumpable = 2\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAudit(t *testing.T) {
	r := audit(t)
	for _, tt := range []struct {
		id      string
		verdict hardening.Verdict
		cause   hardening.Cause
		fix     string
	}{
		{"kconfig/BASE", hardening.Settable, "", "Set CONFIG_BASE=y. 1 other symbol changes with it."},
		{"kconfig/SAFE", hardening.Settable, "", "Set CONFIG_SAFE=y, CONFIG_BASE=y."},
		{"kconfig/NEW_NAME", hardening.OK, "", ""},
		{"kconfig/MISSING", hardening.Impossible, hardening.Absent, ""},
		{"kconfig/GONE", hardening.OK, "", ""},
		{"kconfig/HIDDEN", hardening.Impossible, hardening.Forced, ""},
		{"kconfig/COMPILER", hardening.Impossible, hardening.Toolchain, ""},
		{"kconfig/BITS", hardening.Settable, "", "Set CONFIG_BITS=12."},
		{"kconfig/BITS-2", hardening.Impossible, hardening.Value, ""},
		{"kconfig/SAFE-2", hardening.OK, "", ""},
		{"kconfig/ARM_ONLY", hardening.NotApplicable, "", ""},
		{"kconfig/SAFE-3", hardening.NotApplicable, "", ""},
		{"cmdline/mitigations", hardening.Failed, "", "Take mitigations=off off the command line."},
		{"cmdline/nokaslr", hardening.OK, "", ""},
		{"cmdline/init_on_alloc", hardening.OK, "", ""},
		{"cmdline/slab_nomerge", hardening.Failed, "", "Boot with slab_nomerge."},
		{"cmdline/lockdown", hardening.OK, "", ""},
		{"sysctl/kernel.kptr_restrict", hardening.OK, "", ""},
		{"sysctl/fs.suid_dumpable", hardening.Failed, "", "sysctl -w fs.suid_dumpable=0"},
		{"sysctl/no.such", hardening.NotApplicable, "", ""},
	} {
		found := false
		for i := range r.Findings {
			f := &r.Findings[i]
			if f.ID != tt.id {
				continue
			}
			found = true
			if f.Verdict != tt.verdict || f.Cause != tt.cause || f.Fix() != tt.fix {
				t.Errorf("%s: %s, cause %q, fix %q: %s %+v", f.ID, f.Verdict, f.Cause, f.Fix(), f.Says(), f.Reasons)
			}
		}
		if !found {
			t.Errorf("there is no finding %s", tt.id)
		}
	}
}

// What the built-in table says is well formed, and says it once.
func TestBuiltin(t *testing.T) {
	table := hardening.Builtin()
	if len(table.Rules) < 250 {
		t.Errorf("%d rules", len(table.Rules))
	}
	kinds := map[hardening.Kind]int{}
	for _, r := range table.Rules {
		kinds[r.Kind]++
	}
	if kinds[hardening.Kconfig] < 180 || kinds[hardening.Cmdline] < 40 || kinds[hardening.Sysctl] < 25 {
		t.Errorf("%v", kinds)
	}
}

func TestBadTables(t *testing.T) {
	head := "groups:\n- {id: g, kind: kconfig, severity: high, source: 'https://x/', reason: r, rules: "
	for _, text := range []string{
		"", "groups: 7", "x: y", head + "[]}", head + "[FOO]}", head + "['>=3']}", head + "['A>=x']}",
		strings.Replace(head, "high", "huge", 1) + "[A=y]}", strings.Replace(head, "https://x/", "", 1) + "[A=y]}",
		strings.Replace(head, "kconfig", "other", 1) + "[A=y]}",
	} {
		if _, err := hardening.Read(strings.NewReader(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(rules))
	f.Add([]byte("groups:\n- {id: g, kind: kconfig, severity: high, source: 'https://x/', reason: r, rules: ['A/B=y or C<=3 if D=n @x86']}"))
	f.Fuzz(func(t *testing.T, in []byte) {
		table, err := hardening.Read(strings.NewReader(string(in)))
		if err != nil {
			return
		}
		line := ""
		if _, err := table.Audit(t.Context(), hardening.Subject{File: dotconfig.New(), Cmdline: &line, Sysctl: map[string]string{}}); err != nil {
			t.Fatal(err)
		}
	})
}

// The exports hold all findings.
func TestResults(t *testing.T) {
	r := audit(t)
	results := r.Results(".config")
	counts := map[export.Outcome]int{}
	for _, x := range results {
		counts[x.Outcome]++
	}
	if len(results) != len(r.Findings) || counts[export.Pass] != r.Counts[hardening.OK] || counts[export.NotApplicable] != r.Counts[hardening.NotApplicable]+1 {
		t.Errorf("%v of %v", counts, r.Counts)
	}
}
