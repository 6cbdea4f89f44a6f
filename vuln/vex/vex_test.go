package vex_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	openvex "github.com/openvex/go-vex/pkg/vex"

	"ringside/kbuild"
	"ringside/vuln"
	"ringside/vuln/ranges"
	"ringside/vuln/severity"
	"ringside/vuln/vex"
)

func report() *vuln.Report {
	fix := &ranges.Pair{Intro: 5<<48 | 12<<32, Fix: 6<<48 | 1<<32 | 180, FixCommit: "0a5e0bc8e8618e32a6ca64450867628eb0a627bf"}
	high := &severity.Severity{Level: severity.High, Score: 7.8, Vector: "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", Source: "CNA CVSS 3.1"}
	guess := &severity.Severity{Level: severity.Medium, Source: "estimate", Estimate: true, Reasons: []string{"impact: crash"}}
	in := vuln.Evidence{Kind: vuln.EvidenceRange, Says: "introduced in 5.12", Pair: fix}
	off := func(why ...kbuild.Step) vuln.Evidence {
		return vuln.Evidence{Kind: vuln.EvidenceBuild, Says: "a.c is not compiled", Presence: &kbuild.Presence{Path: "a.c", State: kbuild.NotCompiled, Why: why}}
	}
	return &vuln.Report{
		Schema: vuln.ReportSchemaID,
		Kernel: vuln.KernelInfo{Release: "6.1.176+x", Base: ranges.Exactly(6<<48 | 1<<32 | 176)},
		Feed:   vuln.FeedInfo{Digest: "abc"},
		Verdicts: []vuln.Verdict{
			{CVE: "CVE-2026-0001", Title: "a: b", Verdict: vuln.Affected, Severity: high, Evidence: []vuln.Evidence{in}},
			{CVE: "CVE-2026-0002", Verdict: vuln.Fixed, Range: ranges.Fixed, Evidence: []vuln.Evidence{in}},
			{CVE: "CVE-2026-0003", Verdict: vuln.NotInRange, Range: ranges.NotIntroduced, Evidence: []vuln.Evidence{{Kind: vuln.EvidenceRange, Says: "nothing"}}},
			{CVE: "CVE-2026-0004", Verdict: vuln.NotCompiled, Severity: guess, Evidence: []vuln.Evidence{in, off(kbuild.Step{File: "Makefile", Line: 3, Symbol: "A", Value: "n"})}},
			{CVE: "CVE-2026-0005", Verdict: vuln.NotCompiled, Severity: guess, Evidence: []vuln.Evidence{in, off()}}, // without a chain
			{CVE: "CVE-2026-0006", Verdict: vuln.NotLoaded, Severity: guess, Modules: []string{"fs/x/x.ko"}, Evidence: []vuln.Evidence{in}},
			{CVE: "CVE-2026-0007", Verdict: vuln.Undetermined, Severity: guess, Evidence: []vuln.Evidence{in}},
			{CVE: "CVE-2026-0008", Verdict: vuln.NotInRange, Range: ranges.NotIntroduced, Evidence: []vuln.Evidence{{Kind: vuln.EvidenceRecord, Says: "disagrees"}}},
		},
	}
}

// want is the status in each format: OpenVEX, CycloneDX, CSAF.
var want = map[string][3]string{
	"CVE-2026-0001": {"affected", "exploitable", "known_affected"},
	"CVE-2026-0002": {"fixed", "resolved", "fixed"},
	"CVE-2026-0003": {"not_affected vulnerable_code_not_present", "not_affected code_not_present", "known_not_affected vulnerable_code_not_present"},
	"CVE-2026-0004": {"not_affected vulnerable_code_not_present", "not_affected code_not_present", "known_not_affected vulnerable_code_not_present"},
	"CVE-2026-0005": {"under_investigation", "in_triage", "under_investigation"},
	"CVE-2026-0006": {"affected", "exploitable", "known_affected"},
	"CVE-2026-0007": {"under_investigation", "in_triage", "under_investigation"},
	"CVE-2026-0008": {"under_investigation", "in_triage", "under_investigation"},
}

func write(t *testing.T, format string) []byte {
	t.Helper()
	var b, again bytes.Buffer
	o := vex.Options{Author: "Kernel team", Time: time.Date(2026, 11, 30, 12, 0, 0, 5, time.FixedZone("x", 3600)), Tool: "ringside"}
	for _, w := range []*bytes.Buffer{&b, &again} {
		if err := vex.Write(w, format, report(), o); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Errorf("%s: the same scan gives two documents", format)
	}
	return b.Bytes()
}

func TestOpenVEX(t *testing.T) {
	doc, err := openvex.Parse(write(t, "openvex"))
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Statements) != len(want) || doc.ID == "" || doc.Author != "Kernel team" || !doc.Timestamp.Equal(time.Date(2026, 11, 30, 11, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", doc.Metadata)
	}
	for _, s := range doc.Statements {
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", s.Vulnerability.Name, err)
		}
		got := string(s.Status)
		if s.Justification != "" {
			got += " " + string(s.Justification)
		}
		if got != want[string(s.Vulnerability.Name)][0] {
			t.Errorf("%s is %s", s.Vulnerability.Name, got)
		}
	}
	if !doc.Statements[0].Matches("CVE-2026-0001", "pkg:generic/linux@6.1.176%2Bx", nil) {
		t.Errorf("product %+v", doc.Statements[0].Products)
	}
	if got := doc.Statements[0].ActionStatement; got != "Update to 6.1.180 or later, or take its fix 0a5e0bc8e8618e32a6ca64450867628eb0a627bf." {
		t.Errorf("action %q", got)
	}
}

func TestCycloneDX(t *testing.T) {
	var bom cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(write(t, "cyclonedx")), cyclonedx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	if len(*bom.Vulnerabilities) != len(want) {
		t.Errorf("%d vulnerabilities", len(*bom.Vulnerabilities))
	}
	for _, v := range *bom.Vulnerabilities {
		got := string(v.Analysis.State)
		if v.Analysis.Justification != "" {
			got += " " + string(v.Analysis.Justification)
		}
		if got != want[v.ID][1] {
			t.Errorf("%s is %s", v.ID, got)
		}
		if (*v.Affects)[0].Ref != bom.Metadata.Component.BOMRef {
			t.Errorf("%s affects %v", v.ID, v.Affects)
		}
	}
}

// What profile 5 of CSAF 2.0 asks of a document.
func TestCSAF(t *testing.T) {
	var doc struct {
		Document struct {
			Category  string            `json:"category"`
			Version   string            `json:"csaf_version"`
			Publisher map[string]string `json:"publisher"`
			Tracking  map[string]any    `json:"tracking"`
			Title     string            `json:"title"`
		} `json:"document"`
		Tree struct {
			Names []struct {
				ID string `json:"product_id"`
			} `json:"full_product_names"`
		} `json:"product_tree"`
		Vulnerabilities []struct {
			CVE    string              `json:"cve"`
			Notes  []map[string]string `json:"notes"`
			Status map[string][]string `json:"product_status"`
			Flags  []struct {
				Label string `json:"label"`
			} `json:"flags"`
			Threats      []any `json:"threats"`
			Remediations []any `json:"remediations"`
		} `json:"vulnerabilities"`
	}
	if err := json.Unmarshal(write(t, "csaf"), &doc); err != nil {
		t.Fatal(err)
	}
	d := doc.Document
	if d.Category != "csaf_vex" || d.Version != "2.0" || d.Title == "" || d.Publisher["name"] != "Kernel team" || d.Publisher["namespace"] == "" || d.Publisher["category"] == "" {
		t.Errorf("%+v", d)
	}
	for _, key := range []string{"id", "status", "version", "initial_release_date", "current_release_date", "revision_history"} {
		if d.Tracking[key] == nil {
			t.Errorf("tracking lacks %s", key)
		}
	}
	if len(doc.Vulnerabilities) != len(want) || len(doc.Tree.Names) != 1 {
		t.Fatalf("%d vulnerabilities", len(doc.Vulnerabilities))
	}
	for _, v := range doc.Vulnerabilities {
		got := ""
		for s, products := range v.Status {
			got += s
			if len(products) != 1 || products[0] != doc.Tree.Names[0].ID {
				t.Errorf("%s: products %v", v.CVE, products)
			}
		}
		for _, f := range v.Flags {
			got += " " + f.Label
		}
		if got != want[v.CVE][2] {
			t.Errorf("%s is %s", v.CVE, got)
		}
		if len(v.Notes) == 0 || (v.Status["known_affected"] != nil && len(v.Remediations) == 0) || (v.Status["known_not_affected"] != nil && len(v.Threats) == 0) {
			t.Errorf("%s lacks what the profile asks for", v.CVE)
		}
	}
}

func TestFormat(t *testing.T) {
	if err := vex.Write(&bytes.Buffer{}, "spdx", report(), vex.Options{}); err == nil {
		t.Error("any format is written")
	}
}
