package ktest

import (
	"strconv"
	"time"
)

// RunSchemaID names the JSON form of a [Run].
const RunSchemaID = "https://ringside.dev/schemas/test-run.v1.json"

// Status is how a test ended.
type Status string

// The ways in which a test ends.
const (
	Pass    Status = "pass"
	Fail    Status = "fail"
	Skip    Status = "skip"    // it was not run, and says why
	XFail   Status = "xfail"   // it failed, as is expected (TODO, XFAIL)
	XPass   Status = "xpass"   // it passed, and was expected not to
	Timeout Status = "timeout" // it was ended for taking too long
	Error   Status = "error"   // it could not be run: broken, not wrong
	Crashed Status = "crashed" // it began and never ended
	Empty   Status = "empty"   // it holds tests, and none was run
)

// Bad tells whether a status speaks against the kernel or the run.
func (s Status) Bad() bool {
	switch s {
	case Fail, Timeout, Error, Crashed, Empty, XPass:
		return true
	}
	return false
}

// Environment is where tests ran, as far as is known.
type Environment struct {
	Kernel  string `json:"kernel,omitempty"` // release
	Arch    string `json:"arch,omitempty"`
	Machine string `json:"machine,omitempty"` // board or host
	Config  string `json:"config,omitempty"`  // identifies the configuration
	Cmdline string `json:"cmdline,omitempty"`
}

// Run is the results of one run of tests.
type Run struct {
	Schema      string      `json:"schema"`
	Name        string      `json:"name"`   // of what was run, for people
	Format      Format      `json:"format"` // that was recognised
	At          time.Time   `json:"at,omitzero"`
	Environment Environment `json:"environment"`
	Status      Status      `json:"status"` // pass, fail, crashed, skip, empty
	Totals      Totals      `json:"totals"`
	Tests       []Result    `json:"tests"`
	Metrics     []Metric    `json:"metrics"`
	Problems    []Problem   `json:"problems"`
}

// Result is what became of one test.
type Result struct {
	Name   string   `json:"name"`
	Path   string   `json:"path"`            // unique in its run: parents' names and its own, with "#2" where it is the second of its name
	Number int      `json:"number,omitzero"` // that it gave itself
	Status Status   `json:"status"`
	Reason string   `json:"reason,omitempty"`
	Line   int      `json:"line,omitzero"` // of the input, from 1
	Log    []string `json:"log,omitempty"` // what it said, within limits
	Took   float64  `json:"took_s,omitzero"`
	Tests  []Result `json:"tests,omitempty"`
}

// Totals counts the tests that hold no others.
type Totals struct {
	Tests   int `json:"tests"`
	Pass    int `json:"pass"`
	Fail    int `json:"fail"`
	Skip    int `json:"skip"`
	XFail   int `json:"xfail"`
	XPass   int `json:"xpass"`
	Timeout int `json:"timeout"`
	Error   int `json:"error"`
	Crashed int `json:"crashed"`
	Empty   int `json:"empty"`
	Missing int `json:"missing"` // that a plan promised and nobody saw
}

func (t *Totals) add(s Status) {
	t.Tests++
	switch s {
	case Pass:
		t.Pass++
	case Fail:
		t.Fail++
	case Skip:
		t.Skip++
	case XFail:
		t.XFail++
	case XPass:
		t.XPass++
	case Timeout:
		t.Timeout++
	case Error:
		t.Error++
	case Crashed:
		t.Crashed++
	case Empty:
		t.Empty++
	}
}

// Bad is how many tests speak against the run.
func (t *Totals) Bad() int {
	return t.Fail + t.Timeout + t.Error + t.Crashed + t.Empty + t.XPass + t.Missing
}

// Metric is something that was measured.
type Metric struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Better string    `json:"better"` // higher, lower
	Values []float64 `json:"values"`
}

// The values of Metric.Better.
const (
	Higher = "higher"
	Lower  = "lower"
)

// Problem is something that does not add up.
type Problem struct {
	Line   int    `json:"line,omitzero"`
	Text   string `json:"text"`
	Severe bool   `json:"severe"` // the run cannot have passed
}

// limits of what is kept; a run with more is said to have been cut.
const (
	maxResults  = 4_000_000
	maxDepth    = 64
	maxLog      = 40  // lines of one result
	maxLine     = 500 // bytes of such a line
	maxProblems = 1000
)

// problem notes something.
func (r *Run) problem(line int, severe bool, text string) {
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, Problem{Line: line, Text: text, Severe: severe})
	} else if severe {
		r.Problems[maxProblems-1] = Problem{Line: line, Text: text, Severe: true}
	}
}

// Judge names all tests, counts them, and judges the run. Those who make a run of others
// call it at the end.
func (r *Run) Judge() *Run {
	if r.Tests == nil {
		r.Tests = []Result{}
	}
	if r.Metrics == nil {
		r.Metrics = []Metric{}
	}
	if r.Problems == nil {
		r.Problems = []Problem{}
	}
	r.Schema = RunSchemaID
	missing := r.Totals.Missing
	r.Totals = Totals{Missing: missing}
	name(r.Tests, "")
	r.count(r.Tests)
	r.Status = r.judge()
	return r
}

// name makes the paths of tests unique.
func name(tests []Result, parent string) {
	seen := make(map[string]int, len(tests))
	var buf []byte
	for i := range tests {
		t := &tests[i]
		if t.Name == "" {
			t.Name = "test " + strconv.Itoa(max(t.Number, i+1))
		}
		seen[t.Name]++
		n := seen[t.Name]
		if parent == "" && n == 1 {
			t.Path = t.Name
		} else {
			buf = buf[:0]
			if parent != "" {
				buf = append(append(buf, parent...), '/')
			}
			buf = append(buf, t.Name...)
			if n > 1 {
				buf = strconv.AppendInt(append(buf, '#'), int64(n), 10)
			}
			t.Path = string(buf)
		}
		if len(t.Tests) > 0 {
			name(t.Tests, t.Path)
		}
	}
}

func (r *Run) count(tests []Result) {
	for i := range tests {
		if t := &tests[i]; len(t.Tests) == 0 {
			r.Totals.add(t.Status)
		} else {
			r.count(t.Tests)
			// What a parent adds beyond its children: it failed, and none of them did.
			if t.Status.Bad() && !anyBad(t.Tests) {
				r.Totals.add(t.Status)
			}
		}
	}
}

func anyBad(tests []Result) bool {
	for i := range tests {
		if tests[i].Status.Bad() || anyBad(tests[i].Tests) {
			return true
		}
	}
	return false
}

func (r *Run) judge() Status {
	severe := false
	for _, p := range r.Problems {
		severe = severe || p.Severe
	}
	switch t := &r.Totals; {
	case severe || t.Crashed > 0:
		return Crashed
	case t.Bad() > 0:
		return Fail
	case t.Tests == 0 && len(r.Metrics) == 0:
		return Empty
	case t.Tests > 0 && t.Skip == t.Tests:
		return Skip
	}
	return Pass
}

// Each calls f for every test that holds no others, in their order.
func (r *Run) Each(f func(*Result)) {
	var walk func([]Result)
	walk = func(tests []Result) {
		for i := range tests {
			if len(tests[i].Tests) == 0 {
				f(&tests[i])
			} else {
				walk(tests[i].Tests)
			}
		}
	}
	walk(r.Tests)
}
