// Package recording makes of a recording – a profile or a trace – what triage
// prints, a server keeps, and pages show: one [Summary], and the pictures of it.
//
// It joins the engines and opens nothing itself: profiles come read and with
// their names, traces as an open file.
//
//   - recording.go: the summary and what both kinds share
//   - profile.go: of a profile
//   - trace.go: of a trace
//   - write.go: all that is kept of a recording, as files
package recording

import (
	"fmt"
	"strings"
	"time"

	"ringside/profile"
	"ringside/profile/costs"
	"ringside/trace/latency"
)

// Kind is what a recording is.
type Kind string

// The kinds.
const (
	Profile Kind = "profile" // who ran where, how often
	Trace   Kind = "trace"   // what happened, event by event
)

// Summary is a recording in a page's words.
type Summary struct {
	Kind   Kind   `json:"kind" enum:"profile,trace"`
	Title  string `json:"title" doc:"The first thing to know about it"`
	Format string `json:"format" doc:"perf.data, trace.dat, pprof, …"`

	Hostname string `json:"hostname,omitempty"`
	Release  string `json:"release,omitempty" doc:"Of the recorded kernel"`
	BuildID  string `json:"build_id,omitempty" doc:"Of the recorded kernel, hexadecimal"`
	Arch     string `json:"arch,omitempty"`
	CPUs     int    `json:"cpus,omitempty"`
	Command  string `json:"command,omitempty" doc:"The command line of the recording"`
	Clock    string `json:"clock,omitempty"`

	Duration time.Duration `json:"duration_ns"`
	// Events are what was recorded, the most frequent first, at most MaxEvents.
	Events   []Event        `json:"events" nullable:"false"`
	Count    int64          `json:"count" doc:"Samples of a profile, events of a trace"`
	Losses   []profile.Loss `json:"losses" nullable:"false" doc:"What was recorded but is not in it"`
	Warnings []string       `json:"warnings" nullable:"false"`
	Next     []string       `json:"next" nullable:"false" doc:"What to look at next"`

	Profile *ProfileFacts `json:"profile,omitempty"`
	Trace   *TraceFacts   `json:"trace,omitempty"`
}

// Event is one kind of event that was recorded.
type Event struct {
	Name  string `json:"name"`
	Unit  string `json:"unit,omitempty" doc:"What a sample's weight counts"`
	Count int64  `json:"count"`
}

// ProfileFacts are what a profile says.
type ProfileFacts struct {
	// Event is the one that the rest is about, by its name.
	Event     string        `json:"event"`
	Unit      string        `json:"unit"`
	Samples   int64         `json:"samples"`
	Weight    int64         `json:"weight"`
	Went      costs.Summary `json:"went" doc:"What the time went into"`
	Functions []profile.Row `json:"functions" nullable:"false" doc:"The heaviest by their own weight"`
	Tasks     []profile.Row `json:"tasks" nullable:"false" doc:"The heaviest tasks"`
}

// TraceFacts are what a trace says.
type TraceFacts struct {
	Buffer string `json:"buffer,omitempty" doc:"The trace instance; empty is the top one"`
	// Kinds are the latencies that its events allow, by kind.
	Kinds map[string]latency.Latency `json:"kinds" nullable:"false"`
}

// Bounds of a summary.
const (
	MaxEvents    = 30
	maxFunctions = 30
	maxTasks     = 15
	maxWarnings  = 20
)

// Lost is how many samples or events are known to be missing, and whether more
// are whose number is not known.
func (s *Summary) Lost() (n int64, more bool) {
	for _, l := range s.Losses {
		n += max(l.Count, 0)
		more = more || l.Count < 0
	}
	return n, more
}

// brief bounds a list of warnings.
func brief(list []string) []string {
	out := append([]string{}, list[:min(len(list), maxWarnings)]...)
	if more := len(list) - len(out); more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return out
}

// percent is a share as a text.
func percent(share float64) string {
	text := fmt.Sprintf("%.1f", 100*share)
	return strings.TrimSuffix(text, ".0") + " %"
}
