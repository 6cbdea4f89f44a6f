package export_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringside/kconfig/export"
)

func audit() *export.Audit {
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	return &export.Audit{
		Benchmark: "kernel-hardening", Title: "Kernel hardening", Description: "d", Version: "1", Target: "host", Begin: at, End: at,
		Results: []export.Result{
			{ID: "kconfig/A", Group: "g", Title: "A=y", Reason: "r <&>", Source: "https://example.org/", Severity: "high", Outcome: export.Pass, File: ".config", Line: 3},
			{ID: "kconfig/B", Group: "g", Title: "B=y", Reason: "r", Severity: "medium", Outcome: export.Fail, Message: "B is n", Fix: "Set CONFIG_B=y."},
			{ID: "kconfig/C", Group: "h", Title: "C=y", Reason: "r", Severity: "low", Outcome: export.Waived, Waiver: "old hardware, until 2026-12-31, by jane"},
			{ID: "sysctl/d.e", Group: "h", Title: "d.e=1", Reason: "r", Severity: "low", Outcome: export.NotApplicable},
			{ID: "sysctl/f", Group: "h", Title: "f=1", Reason: "r", Severity: "low", Outcome: export.Unknown},
		},
	}
}

func TestXCCDF(t *testing.T) {
	var b bytes.Buffer
	if err := audit().XCCDF(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<rule-result idref="xccdf_dev.ringside_rule_kconfig_A"`, `<result>pass</result>`, `<result>fail</result>`, `fails, waived: old hardware, until 2026-12-31, by jane`, `<result>informational</result>`,
		`<result>notapplicable</result>`, `<result>unknown</result>`, `>50.000000</score>`, `r &lt;&amp;&gt;`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("it lacks %s", want)
		}
	}
	validate(t, b.Bytes(), "xccdf", "validate")
}

func TestARF(t *testing.T) {
	var b bytes.Buffer
	if err := audit().ARF(&b); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(b.Bytes()))
	seen := map[string]bool{}
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := tok.(xml.StartElement); ok {
			seen[e.Name.Space+" "+e.Name.Local] = true
		}
	}
	for _, want := range []string{
		"http://scap.nist.gov/schema/asset-reporting-format/1.1 asset-report-collection", "http://checklists.nist.gov/xccdf/1.2 TestResult",
		"http://checklists.nist.gov/xccdf/1.2 Benchmark", "http://scap.nist.gov/schema/reporting-core/1.1 relationship",
	} {
		if !seen[want] {
			t.Errorf("it lacks %s", want)
		}
	}
	validate(t, b.Bytes(), "ds", "rds-validate")
}

// validate asks OpenSCAP where it is installed.
func validate(t *testing.T, doc []byte, args ...string) {
	t.Helper()
	oscap, err := exec.LookPath("oscap")
	if err != nil {
		t.Logf("not validated: oscap is not installed")
		return
	}
	file := filepath.Join(t.TempDir(), "doc.xml")
	if err := os.WriteFile(file, doc, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(oscap, append(args, file)...).CombinedOutput(); err != nil {
		t.Errorf("oscap %v: %v: %s", args, err, out)
	}
}

func TestSARIF(t *testing.T) {
	var b bytes.Buffer
	if err := audit().SARIF(&b, "1.0.0"); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Version string `json:"version"`
		Runs    []struct {
			Tool struct {
				Driver struct {
					Rules []struct {
						ID string `json:"id"`
					} `json:"rules"`
				} `json:"driver"`
			} `json:"tool"`
			Results []struct {
				RuleID       string `json:"ruleId"`
				RuleIndex    int    `json:"ruleIndex"`
				Kind         string `json:"kind"`
				Level        string `json:"level"`
				Suppressions []any  `json:"suppressions"`
				Message      struct {
					Text string `json:"text"`
				} `json:"message"`
			} `json:"results"`
		} `json:"runs"`
	}
	if err := json.Unmarshal(b.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	r := log.Runs[0].Results
	if log.Version != "2.1.0" || len(r) != 5 || r[0].Kind != "pass" || r[0].Level != "none" || r[1].Level != "warning" || r[1].Message.Text != "B is n Set CONFIG_B=y." ||
		len(r[2].Suppressions) != 1 || r[3].Kind != "notApplicable" || r[4].Kind != "open" {
		t.Errorf("%+v", r)
	}
	for i, x := range r {
		if x.RuleIndex != i || log.Runs[0].Tool.Driver.Rules[i].ID != x.RuleID || x.Message.Text == "" {
			t.Errorf("%+v", x)
		}
	}
}
