package render

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"ringside/ktest"
)

func statusRole(s ktest.Status) role {
	switch {
	case s == ktest.Pass:
		return good
	case s.Bad():
		return danger
	}
	return faint
}

// shownTests bounds the tests that a report names one by one.
const shownTests = 60

// TestRun writes a run's results: what speaks against it first.
func TestRun(w io.Writer, r *ktest.Run, all bool, st Style) error {
	p := &printer{w: w, s: st}
	name := r.Name
	if name == "" {
		name = string(r.Format)
	}
	p.line("%s  %s  %s", st.paint(statusRole(r.Status), string(r.Status)), st.paint(strong, name), st.paint(faint, strings.TrimSpace(r.Environment.Kernel+" "+r.Environment.Arch)))
	p.line("  %s", testTotals(&r.Totals))
	shown := 0
	r.Each(func(t *ktest.Result) {
		if !all && !t.Status.Bad() {
			return
		}
		if shown++; shown > shownTests && !all {
			return
		}
		reason := t.Reason
		if reason != "" {
			reason = "  " + reason
		}
		line := ""
		if t.Line > 0 {
			line = fmt.Sprintf("  line %d", t.Line)
		}
		p.line("  %s %s%s%s", st.paint(statusRole(t.Status), fmt.Sprintf("%-8s", t.Status)), t.Path, st.paint(faint, reason), st.paint(faint, line))
		if t.Status.Bad() {
			for i, l := range t.Log {
				if i == 8 && !all {
					p.line("             %s", st.paint(faint, fmt.Sprintf("and %d lines more", len(t.Log)-i)))
					break
				}
				p.line("             %s", st.paint(faint, l))
			}
		}
	})
	if shown > shownTests && !all {
		p.line("  and %d more; --all shows them", shown-shownTests)
	}
	for _, m := range r.Metrics {
		p.line("  %-40s %s %s", m.Name, metricValue(m.Values), m.Unit)
	}
	for _, x := range r.Problems {
		r := caution
		if x.Severe {
			r = danger
		}
		where := ""
		if x.Line > 0 {
			where = fmt.Sprintf("line %d: ", x.Line)
		}
		p.line("  %s", st.paint(r, where+x.Text))
	}
	return p.err
}

func metricValue(values []float64) string {
	parts := make([]string, 0, len(values))
	for i, v := range values {
		if i == 5 {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, fmt.Sprintf("%.5g", v))
	}
	return strings.Join(parts, " ")
}

func testTotals(t *ktest.Totals) string {
	parts := []string{plural(t.Tests, "test")}
	for _, x := range []struct {
		n    int
		what string
	}{{t.Pass, "passed"}, {t.Fail, "failed"}, {t.Crashed, "never ended"}, {t.Missing, "missing"}, {t.Timeout, "timed out"}, {t.Error, "broken"}, {t.Empty, "empty"}, {t.XPass, "passed against expectation"},
		{t.XFail, "failed as expected"}, {t.Skip, "skipped"}} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	return strings.Join(parts, ", ")
}

// TestRunMarkdown writes the same for a tracker or a mail.
func TestRunMarkdown(w io.Writer, r *ktest.Run) error {
	p := &printer{w: w}
	p.line("**%s** %s, %s", string(r.Status), mdText(r.Name), testTotals(&r.Totals))
	p.line("")
	if r.Totals.Bad() > 0 {
		p.line("| test | result | |")
		p.line("|---|---|---|")
		r.Each(func(t *ktest.Result) {
			if t.Status.Bad() {
				p.line("| %s | %s | %s |", mdText(t.Path), string(t.Status), mdText(t.Reason))
			}
		})
	}
	for _, x := range r.Problems {
		p.line("- line %d: %s", x.Line, mdText(x.Text))
	}
	return p.err
}

// TestJUnit writes a run as JUnit's XML, for the systems that read nothing else.
func TestJUnit(w io.Writer, r *ktest.Run) error {
	type message struct {
		Text string `xml:"message,attr,omitempty"`
		Body string `xml:",chardata"`
	}
	type testcase struct {
		Name    string   `xml:"name,attr"`
		Class   string   `xml:"classname,attr"`
		Time    float64  `xml:"time,attr"`
		Failure *message `xml:"failure"`
		Error   *message `xml:"error"`
		Skipped *message `xml:"skipped"`
	}
	doc := struct {
		XMLName  xml.Name   `xml:"testsuite"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Errors   int        `xml:"errors,attr"`
		Skipped  int        `xml:"skipped,attr"`
		Cases    []testcase `xml:"testcase"`
	}{Name: r.Name}
	r.Each(func(t *ktest.Result) {
		class, name := "", t.Path
		if i := strings.LastIndexByte(t.Path, '/'); i >= 0 {
			class, name = t.Path[:i], t.Path[i+1:]
		}
		c := testcase{Name: name, Class: class, Time: t.Took}
		m := &message{Text: t.Reason, Body: strings.Join(t.Log, "\n")}
		switch {
		case t.Status == ktest.Fail || t.Status == ktest.XPass:
			c.Failure = m
			doc.Failures++
		case t.Status.Bad():
			c.Error = m
			m.Text = strings.TrimSpace(string(t.Status) + " " + m.Text)
			doc.Errors++
		case t.Status == ktest.Skip:
			c.Skipped = &message{Text: t.Reason}
			doc.Skipped++
		}
		doc.Cases = append(doc.Cases, c)
	})
	// A run that was cut may hold nothing but tests that passed.
	if r.Status == ktest.Crashed {
		m := &message{Text: "the run did not end in order"}
		for _, x := range r.Problems {
			m.Body += fmt.Sprintf("line %d: %s\n", x.Line, x.Text)
		}
		doc.Cases = append(doc.Cases, testcase{Name: "the run itself", Class: r.Name, Error: m})
		doc.Errors++
	}
	doc.Tests = len(doc.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", " ")
	if err := e.Encode(doc); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// TestComparison writes what differs between two runs.
func TestComparison(w io.Writer, c *ktest.Comparison, st Style) error {
	p := &printer{w: w, s: st}
	p.line("%s: %s", c.Base.Name, testTotals(&c.Base.Totals))
	p.line("%s: %s", c.New.Name, testTotals(&c.New.Totals))
	var last ktest.Change
	for i, x := range c.Tests {
		if x.Change != last {
			last = x.Change
			r := caution
			switch x.Change {
			case ktest.Regressed, ktest.NewBad:
				r = danger
			case ktest.Mended, ktest.New:
				r = good
			}
			p.line("%s", st.paint(r, fmt.Sprintf("%s: %d", x.Change, c.Counts[x.Change])))
		}
		if i >= 500 {
			p.line("  and %d more; --json has them", len(c.Tests)-i)
			break
		}
		what := string(x.Was)
		if x.Is != "" {
			what = strings.TrimPrefix(what+" → ", " → ") + string(x.Is)
		}
		p.line("  %s  %s", x.Path, st.paint(faint, strings.TrimSpace(what+"  "+x.Reason)))
	}
	p.line("%s", st.paint(faint, fmt.Sprintf("%d are as they were, and well", c.Same)))
	for _, m := range c.Metrics {
		word := "better"
		worse := m.Worse
		if worse > 0 {
			word = "worse"
		} else {
			worse = -worse
		}
		p.line("  %-40s %.5g → %.5g %s  %.1f %% %s", m.Name, m.Was, m.Is, m.Unit, 100*worse, word)
	}
	if len(c.Metrics) > 0 {
		p.line("%s", st.paint(faint, "one value of each is no proof that something changed"))
	}
	return p.err
}

// TestSuitesSchemaID names the JSON form of [TestSuites].
const TestSuitesSchemaID = "https://ringside.dev/schemas/test-suites.v1.json"

// TestSuites is the JSON of "lab test --list".
type TestSuites struct {
	Schema string        `json:"schema"`
	Suites []ktest.Suite `json:"suites"`
}

// TestSuiteList writes the suites.
func TestSuiteList(w io.Writer, list []ktest.Suite, st Style) error {
	p := &printer{w: w, s: st}
	for _, x := range list {
		needs := ""
		if len(x.Needs) > 0 {
			needs = "  needs CONFIG_" + strings.Join(x.Needs, ", CONFIG_")
		}
		p.line("%s  %s%s", st.paint(strong, fmt.Sprintf("%-12s", x.Name)), x.What, st.paint(faint, needs))
	}
	p.line("%s  the programs of a folder of the guest's, as kselftest's runner runs them", st.paint(strong, "kselftest:DIR"))
	return p.err
}
