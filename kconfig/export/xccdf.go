package export

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// Namespaces and the prefix of identifiers, which XCCDF 1.2 wants in reverse DNS.
const (
	xccdfNS = "http://checklists.nist.gov/xccdf/1.2"
	prefix  = "xccdf_dev.ringside_"
	scoring = "urn:xccdf:scoring:default"
	checker = "https://ringside.dev/"
)

type text struct {
	Lang string `xml:"xml:lang,attr,omitempty"`
	Body string `xml:",chardata"`
}

func en(s string) *text { return &text{"en", s} }

type benchmark struct {
	XMLName     xml.Name     `xml:"Benchmark"`
	NS          string       `xml:"xmlns,attr"`
	ID          string       `xml:"id,attr"`
	Resolved    string       `xml:"resolved,attr"`
	Status      status       `xml:"status"`
	Title       *text        `xml:"title"`
	Description *text        `xml:"description"`
	Version     string       `xml:"version"`
	Model       *model       `xml:"model"`
	Groups      []xmlGroup   `xml:"Group"`
	Results     []testResult `xml:"TestResult"`
}

type status struct {
	Date string `xml:"date,attr"`
	Body string `xml:",chardata"`
}

type model struct {
	System string `xml:"system,attr"`
}

type xmlGroup struct {
	ID    string    `xml:"id,attr"`
	Title *text     `xml:"title"`
	Rules []xmlRule `xml:"Rule"`
}

type xmlRule struct {
	ID          string     `xml:"id,attr"`
	Selected    bool       `xml:"selected,attr"`
	Severity    string     `xml:"severity,attr"`
	Title       *text      `xml:"title"`
	Description *text      `xml:"description"`
	Reference   *reference `xml:"reference"`
	Fix         *text      `xml:"fixtext"`
	Check       model      `xml:"check"`
}

type reference struct {
	Href string `xml:"href,attr"`
	Body string `xml:",chardata"`
}

type testResult struct {
	XMLName xml.Name     `xml:"TestResult"`
	NS      string       `xml:"xmlns,attr,omitempty"`
	ID      string       `xml:"id,attr"`
	Start   string       `xml:"start-time,attr"`
	End     string       `xml:"end-time,attr"`
	System  string       `xml:"test-system,attr"`
	Version string       `xml:"version,attr"`
	Bench   benchRef     `xml:"benchmark"`
	Title   *text        `xml:"title"`
	Target  string       `xml:"target"`
	Rules   []ruleResult `xml:"rule-result"`
	Score   score        `xml:"score"`
}

type benchRef struct {
	Href string `xml:"href,attr"`
	ID   string `xml:"id,attr,omitempty"`
}

type ruleResult struct {
	IDRef    string   `xml:"idref,attr"`
	Time     string   `xml:"time,attr"`
	Severity string   `xml:"severity,attr"`
	Result   string   `xml:"result"`
	Message  *message `xml:"message"`
	Check    model    `xml:"check"`
}

type message struct {
	Severity string `xml:"severity,attr"`
	Body     string `xml:",chardata"`
}

type score struct {
	System  string `xml:"system,attr"`
	Maximum string `xml:"maximum,attr"`
	Body    string `xml:",chardata"`
}

// name makes an identifier's last part: XCCDF allows no slash there.
func name(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_':
			return c
		}
		return '_'
	}, s)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// XCCDF writes the audit as an XCCDF 1.2 benchmark with its rules and one test result.
func (a *Audit) XCCDF(w io.Writer) error {
	b := a.benchmark()
	return write(w, b)
}

func write(w io.Writer, v any) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (a *Audit) benchmark() *benchmark {
	b := &benchmark{
		NS: xccdfNS, ID: prefix + "benchmark_" + name(a.Benchmark), Resolved: "1",
		Status: status{a.End.UTC().Format("2006-01-02"), "draft"}, Title: en(a.Title), Description: en(a.Description),
		Version: a.Version, Model: &model{scoring}, Results: []testResult{*a.testResult("")},
	}
	index := map[string]int{}
	for _, r := range a.Results {
		i, ok := index[r.Group]
		if !ok {
			i = len(b.Groups)
			index[r.Group] = i
			b.Groups = append(b.Groups, xmlGroup{ID: prefix + "group_" + name(r.Group), Title: en(r.Group)})
		}
		rule := xmlRule{ID: prefix + "rule_" + name(r.ID), Selected: true, Severity: r.Severity, Title: en(r.Title), Description: en(r.Reason), Check: model{checker}}
		if r.Source != "" {
			rule.Reference = &reference{r.Source, r.Source}
		}
		if r.Fix != "" {
			rule.Fix = en(r.Fix)
		}
		b.Groups[i].Rules = append(b.Groups[i].Rules, rule)
	}
	return b
}

func (a *Audit) testResult(ns string) *testResult {
	t := &testResult{
		NS: ns, ID: prefix + "testresult_" + name(a.Benchmark), Start: stamp(a.Begin), End: stamp(a.End), System: "cpe:/a:ringside:ringside", Version: a.Version,
		Bench: benchRef{Href: "#" + prefix + "benchmark_" + name(a.Benchmark), ID: prefix + "benchmark_" + name(a.Benchmark)},
		Title: en(a.Title), Target: a.Target,
	}
	passed, counted := 0, 0
	for _, r := range a.Results {
		x := ruleResult{IDRef: prefix + "rule_" + name(r.ID), Time: stamp(a.End), Severity: r.Severity, Result: string(r.Outcome), Check: model{checker}}
		said := r.Message
		if r.Outcome == Waived {
			// An override would say it better, but validators refuse files in which some
			// results have one and others do not.
			x.Result = "informational"
			said = strings.TrimSpace("fails, waived: " + r.Waiver + ". " + r.Message)
		}
		if said != "" {
			x.Message = &message{"info", said}
		}
		switch r.Outcome {
		case Pass:
			passed++
			counted++
		case Fail:
			counted++
		}
		t.Rules = append(t.Rules, x)
	}
	share := 100.0
	if counted > 0 {
		share = 100 * float64(passed) / float64(counted)
	}
	t.Score = score{scoring, "100", fmt.Sprintf("%.6f", share)}
	return t
}
