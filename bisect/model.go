package bisect

// ReportSchemaID names the JSON form of a report.
const ReportSchemaID = "https://ringside.dev/schemas/bisect.v1.json"

// Kind says what the candidates of a bisection are.
type Kind string

// The kinds of a bisection.
const (
	KindCommit Kind = "commit" // commits of a git history
	KindConfig Kind = "config" // options of a kernel configuration
	KindStack  Kind = "stack"  // patches of a series
	KindList   Kind = "list"   // lines of a list
)

// Verdict says how a bisection ended.
type Verdict string

// The verdicts of a bisection.
const (
	Found        Verdict = "found"        // one candidate, at the confidence that was asked for
	Several      Verdict = "several"      // more than one change brings the failure
	Inconclusive Verdict = "inconclusive" // the runs were used up, or nothing tells the rest apart
	Interrupted  Verdict = "interrupted"  // it can be resumed
)

// Outcome is what one run of a candidate showed.
type Outcome string

// The outcomes of a run.
const (
	Good      Outcome = "good"      // the failure did not come
	Bad       Outcome = "bad"       // the failure came
	Skip      Outcome = "skip"      // it could not be built or run
	Unrelated Outcome = "unrelated" // another failure came: it tells nothing
)

// Report is a bisection: what was asked, what was tested, and what came of it.
type Report struct {
	Schema     string      `json:"schema"`
	Kind       Kind        `json:"kind"`
	Verdict    Verdict     `json:"verdict"`
	Culprit    string      `json:"culprit"` // the identifier of the most likely candidate
	Subject    string      `json:"subject,omitempty"`
	Culprits   []string    `json:"culprits,omitempty"` // where several changes are to blame
	Posterior  float64     `json:"posterior"`          // of the culprit
	Confidence float64     `json:"confidence"`         // at which the search was to stop
	Runs       int         `json:"runs"`
	Builds     int         `json:"builds"`
	Fix        bool        `json:"fix,omitempty"` // the change that ended the failure was looked for
	Range      Range       `json:"range"`
	Signature  string      `json:"signature,omitempty"` // of the crash that counts as the failure
	Candidates []Candidate `json:"candidates"`          // by position
	Steps      []Step      `json:"steps"`
	WithRate   Rate        `json:"p"` // at which the failure comes where the culprit is
	OtherRate  Rate        `json:"q"` // at which it comes where the culprit is not
	Skipped    []string    `json:"skipped"`
	Checks     []Check     `json:"verification"`
	Evidence   []string    `json:"evidence"` // sentences
}

// Range is where a bisection began.
type Range struct {
	Good       string `json:"good"`
	Bad        string `json:"bad"`
	Candidates int    `json:"candidates"`
	Impossible int    `json:"impossible,omitempty"` // that can not be to blame, and were left out
}

// Candidate is one change that could be to blame.
type Candidate struct {
	ID         string   `json:"id"`
	Subject    string   `json:"subject,omitempty"`
	Position   int      `json:"position"`
	Parents    []string `json:"parents,omitempty"`
	Posterior  float64  `json:"posterior"`
	Impossible string   `json:"impossible,omitempty"` // why it can not be to blame
	Good       int      `json:"good,omitempty"`
	Bad        int      `json:"bad,omitempty"`
}

// Step is one candidate that was tested, once or several times in a row.
type Step struct {
	Candidate string    `json:"candidate"`
	Runs      []StepRun `json:"runs"`
	Built     bool      `json:"built"` // and was not there already
	Seconds   float64   `json:"seconds,omitempty"`
	Entropy   float64   `json:"entropy"` // of the posterior after it, in bits
	Leader    string    `json:"leader"`  // the most likely candidate after it
	Posterior float64   `json:"posterior"`
}

// StepRun is one run of a candidate.
type StepRun struct {
	Outcome   Outcome `json:"outcome"`
	Signature string  `json:"signature,omitempty"`
	Exit      int     `json:"exit,omitempty"`
	Ref       string  `json:"ref,omitempty"` // its log, or its run in the lab
	Seconds   float64 `json:"seconds,omitempty"`
}

// Rate is a rate of failures with its interval of 95 %.
type Rate struct {
	Rate float64 `json:"rate"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	Bad  int     `json:"bad"`
	Runs int     `json:"runs"`
}

// Check is one proof of a culprit after it was found.
type Check struct {
	What      string `json:"what"` // culprit, parent or revert
	Candidate string `json:"candidate"`
	Bad       int    `json:"bad"`
	Runs      int    `json:"runs"`
	Passed    bool   `json:"passed"`
	Detail    string `json:"detail,omitempty"`
}
