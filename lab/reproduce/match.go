package reproduce

import (
	"fmt"

	"ringside/crash"
	"ringside/lab"
)

// Target is the crash that is looked for.
type Target struct {
	Title     string          `json:"title"`
	Signature crash.Signature `json:"signature"`
	Level     crash.Level     `json:"level"` // on which a crash must agree
}

// Levels are those on which crashes can be compared, the narrowest first.
func Levels() []string { return []string{"exact", "stack", "portable", "family"} }

func at(s crash.Signature, l crash.Level) string {
	switch string(l) {
	case "exact":
		return s.Exact
	case "stack":
		return s.Stack
	case "family":
		return s.Family
	}
	return s.Portable
}

// Seen finds the target among the reports of a run.
func (t *Target) Seen(o *lab.Outcome) bool {
	want := at(t.Signature, t.Level)
	for i := range o.Reports {
		if want != "" && at(o.Reports[i].Signature, t.Level) == want {
			return true
		}
	}
	return false
}

// TargetOf takes the crash that speaks for a run as the target.
func TargetOf(o *lab.Outcome, l crash.Level) (Target, error) {
	if o.Crash == nil {
		return Target{}, fmt.Errorf("the run shows no crash: %s, %s", o.Verdict, o.Reason)
	}
	return Target{Title: o.Crash.Title, Signature: o.Crash.Signature, Level: l}, nil
}
