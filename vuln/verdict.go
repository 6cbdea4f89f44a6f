package vuln

import (
	"fmt"
	"strings"

	"ringside/kbuild"
	"ringside/vuln/ranges"
	"ringside/vuln/severity"
)

// A State is what a CVE is to a kernel.
type State uint8

// The states.
const (
	// Undetermined: the evidence contradicts itself or is not enough. Evidence says what
	// is missing.
	Undetermined State = iota
	Affected
	Fixed
	NotInRange
	NotCompiled
	NotLoaded
)

var states = [...]string{"undetermined", "affected", "fixed", "not_in_range", "not_compiled", "not_loaded"}

// String gives the state's name as JSON has it.
func (s State) String() string { return states[min(int(s), len(states)-1)] }

// MarshalText gives the name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name.
func (s *State) UnmarshalText(b []byte) error {
	for i, name := range states {
		if name == string(b) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("%.40q is no verdict: it is one of %s", b, strings.Join(states[:], ", "))
}

// Open says whether somebody has to do something about it, or find out more.
func (s State) Open() bool { return s == Affected || s == Undetermined || s == NotLoaded }

// A Verdict is what one CVE is to one kernel.
type Verdict struct {
	CVE     string `json:"cve"`
	Verdict State  `json:"verdict"`
	Title   string `json:"title,omitempty"`
	// Range is what the record's versions alone say.
	Range ranges.Verdict `json:"range"`
	// Severity is set where the verdict is neither fixed nor not_in_range.
	Severity *severity.Severity `json:"severity,omitempty"`
	Files    []string           `json:"files,omitempty"`
	// Modules are what contains the code, where it is in modules alone.
	Modules  []string   `json:"modules,omitempty"`
	Evidence []Evidence `json:"evidence"`
	// Alarm is set where a claim of a fix is contradicted by the sources.
	Alarm string `json:"alarm,omitempty"`
	// Fingerprint covers the record and what is known of the kernel.
	Fingerprint string `json:"fingerprint"`
}

// The kinds of evidence.
const (
	EvidenceRange     = "range"     // a pair of versions
	EvidenceRecord    = "record"    // what is wrong with the record
	EvidenceChangelog = "changelog" // a changelog names the CVE
	EvidenceSubject   = "subject"   // a changelog has the subject of the fix
	EvidenceCommit    = "commit"    // a patch stack or a log refers to a commit of the record
	EvidenceRevert    = "revert"    // a fix was taken, and taken out again
	EvidenceContent   = "content"   // the sources have, or have not, the fix's change
	EvidenceBuild     = "build"     // the build has, or has not, the code of a file
	EvidenceLines     = "lines"     // the build has not the lines that the fix changes
	EvidenceModule    = "module"    // the state of a module on the host
)

// Evidence is one reason for a verdict, and where it was read.
type Evidence struct {
	Kind   string       `json:"kind"`
	Says   string       `json:"says"`
	Source string       `json:"source,omitempty"` // a file
	Line   int          `json:"line,omitempty"`
	Pair   *ranges.Pair `json:"pair,omitempty"`
	Commit string       `json:"commit,omitempty"`
	// Presence is where the file's code is in the build, with the chain that proves it.
	Presence *kbuild.Presence `json:"presence,omitempty"`
}
