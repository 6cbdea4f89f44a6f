// Package export writes the results of audits of kernels in the formats that other
// programs read: XCCDF 1.2 and ARF 1.1 for compliance pipelines, SARIF 2.1.0 for code
// scanning.
package export

import "time"

// An Outcome is what became of a rule, in the words of XCCDF.
type Outcome string

// The outcomes.
const (
	Pass          Outcome = "pass"
	Fail          Outcome = "fail"
	Unknown       Outcome = "unknown"
	NotApplicable Outcome = "notapplicable"
	// Waived: it fails, and somebody answers for that until a day. XCCDF has this as
	// informational, SARIF as a suppression.
	Waived Outcome = "waived"
)

// A Result is one rule of an audit with its outcome.
type Result struct {
	ID       string // as kconfig/STRICT_KERNEL_RWX
	Group    string
	Title    string
	Reason   string
	Source   string // URL, "" where there is none
	Severity string // high, medium, low
	Outcome  Outcome
	Message  string // what was found
	Fix      string // what to do, "" where nothing can be done
	Waiver   string // who answers for it, why, until when
	File     string // what the rule is about: path of the .config, …
	Line     int    // 0 where there is none
}

// An Audit is a set of results about one kernel.
type Audit struct {
	Benchmark   string // ID of the set of rules: letters, digits, dashes
	Title       string
	Description string
	Version     string
	Target      string // the host or kernel that was audited
	Begin, End  time.Time
	Results     []Result
}
