package export

import (
	"encoding/json"
	"io"
)

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool struct {
		Driver sarifDriver `json:"driver"`
	} `json:"tool"`
	Results []sarifResult `json:"results"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	Version        string      `json:"semanticVersion,omitempty"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifRule struct {
	ID            string         `json:"id"`
	Short         sarifText      `json:"shortDescription"`
	Full          sarifText      `json:"fullDescription"`
	HelpURI       string         `json:"helpUri,omitempty"`
	Configuration sarifLevel     `json:"defaultConfiguration"`
	Properties    map[string]any `json:"properties"`
}

type sarifLevel struct {
	Level string `json:"level"`
}

type sarifResult struct {
	RuleID       string             `json:"ruleId"`
	RuleIndex    int                `json:"ruleIndex"`
	Kind         string             `json:"kind"`
	Level        string             `json:"level"`
	Message      sarifText          `json:"message"`
	Locations    []sarifLocation    `json:"locations,omitempty"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
}

type sarifLocation struct {
	Physical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region *sarifRegion `json:"region,omitempty"`
	} `json:"physicalLocation"`
}

type sarifRegion struct {
	StartLine int `json:"startLine"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Justification string `json:"justification"`
}

// score of a severity, as code scanning sorts by.
var securitySeverity = map[string]string{"high": "8.0", "medium": "5.0", "low": "2.0"}

// SARIF writes the audit as a SARIF 2.1.0 log. version is that of the program.
func (a *Audit) SARIF(w io.Writer, version string) error {
	run := sarifRun{Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "ringside", Version: version, InformationURI: "https://ringside.dev", Rules: []sarifRule{}}
	at := map[string]int{} // of rules
	for _, r := range a.Results {
		level := map[string]string{"high": "error", "medium": "warning"}[r.Severity]
		if level == "" {
			level = "note"
		}
		i, ok := at[r.ID]
		if !ok {
			i = len(run.Tool.Driver.Rules)
			at[r.ID] = i
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
				ID: r.ID, Short: sarifText{r.Title}, Full: sarifText{r.Reason}, HelpURI: r.Source, Configuration: sarifLevel{level},
				Properties: map[string]any{"security-severity": securitySeverity[r.Severity], "tags": []string{"security", r.Group}},
			})
		}
		x := sarifResult{RuleID: r.ID, RuleIndex: i, Level: "none", Message: sarifText{r.Message}}
		if r.Message == "" {
			x.Message.Text = r.Title
		}
		switch r.Outcome {
		case Pass:
			x.Kind = "pass"
		case Fail:
			x.Kind, x.Level = "fail", level
		case Waived:
			x.Kind, x.Level = "fail", level
			x.Suppressions = []sarifSuppression{{"external", r.Waiver}}
		case NotApplicable:
			x.Kind = "notApplicable"
		default:
			x.Kind = "open"
		}
		if r.Fix != "" {
			x.Message.Text += " " + r.Fix
		}
		if r.File != "" {
			var l sarifLocation
			l.Physical.Artifact.URI = r.File
			if r.Line > 0 {
				l.Physical.Region = &sarifRegion{r.Line}
			}
			x.Locations = []sarifLocation{l}
		}
		run.Results = append(run.Results, x)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}
