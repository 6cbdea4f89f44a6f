package vuln

import (
	"time"

	"ringside/vuln/feed"
	"ringside/vuln/ranges"
)

// ReportSchemaID names the JSON form of a scan.
const ReportSchemaID = "https://ringside.dev/schemas/cve-scan.v1.json"

// A Report is a scan: what was asked, of which feed, and the verdicts.
type Report struct {
	Schema string     `json:"schema"`
	Kernel KernelInfo `json:"kernel"`
	Feed   FeedInfo   `json:"feed"`
	// Time is when the scan was made, as whoever made it says.
	Time time.Time `json:"time,omitzero"`
	// Counts are the verdicts by their names.
	Counts   map[string]int `json:"counts"`
	Verdicts []Verdict      `json:"verdicts"`
	// Since is what is different from an earlier scan, where one was given.
	Since *Difference `json:"since,omitempty"`
}

// KernelInfo is the kernel that was asked about.
type KernelInfo struct {
	Release string      `json:"release"`
	Base    ranges.Span `json:"base"`
	// Inputs are what the verdicts were made from beside the records, by name: a hash or
	// a version.
	Inputs map[string]string `json:"inputs,omitempty"`
}

// FeedInfo is the feed.
type FeedInfo struct {
	Source   string `json:"source,omitempty"`
	Digest   string `json:"digest"`
	Records  int    `json:"records"`
	Rejected int    `json:"rejected"`
	// Foreign are records about something else than the kernel.
	Foreign  int            `json:"foreign,omitempty"`
	Problems []feed.Problem `json:"problems,omitempty"`
}

// Report scans a kernel and returns the result with what it was made from.
func (db *Database) Report(k Kernel) *Report {
	r := &Report{
		Schema:   ReportSchemaID,
		Kernel:   KernelInfo{Release: k.Release, Base: k.Base, Inputs: k.Inputs},
		Feed:     FeedInfo{Digest: db.Digest(), Records: db.Len(), Foreign: db.Foreign(), Problems: db.Problems()},
		Verdicts: db.Scan(k),
	}
	r.Feed.Rejected = db.Len() - len(r.Verdicts)
	r.Count()
	return r
}

// Count fills in Counts from Verdicts.
func (r *Report) Count() {
	var n [len(states)]int
	for i := range r.Verdicts {
		n[r.Verdicts[i].Verdict]++
	}
	r.Counts = map[string]int{}
	for s, count := range n {
		r.Counts[State(s).String()] = count
	}
}
