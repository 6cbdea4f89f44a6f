package record

import "time"

// OverviewQuery asks for an overview.
type OverviewQuery struct {
	Days int // length of the window, today included; 0 means 30, at most 365
	Top  int // signatures to list in each part; 0 means 10, at most 50
}

// Overview answers: what needs me now?
type Overview struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	Days  int       `json:"days"`
	Demo  bool      `json:"demo" doc:"The record holds demo data"`

	// What asks for somebody, most urgent kind first.
	Regressed []Signature `json:"regressed" nullable:"false" doc:"Resolved and back, newest first"`
	New       []Signature `json:"new" nullable:"false" doc:"Nobody has looked at it, newest first"`
	Rising    []Signature `json:"rising" nullable:"false" doc:"At least twice as many crashes in 7 days as in the 7 before, steepest first"`

	Top     []Signature  `json:"top" nullable:"false" doc:"Most crashes in the window; resolved and muted ones included"`
	Classes []ClassTrend `json:"classes" nullable:"false" doc:"Crashes per day by class, most frequent class first"`
	Kernels []KernelRate `json:"kernels" nullable:"false" doc:"Kernels that ran or crashed in the window, newest first, at most 20"`
	Latest  []Crash      `json:"latest" nullable:"false" doc:"The newest crashes, at most 10"`

	Totals   Totals   `json:"totals"`
	Previous Before   `json:"previous" doc:"The window of the same length before"`
	States   []Facet  `json:"states" nullable:"false" doc:"Signatures by state"`
	Jobs     JobStats `json:"jobs"`
}

// Totals are the headline figures of a window.
type Totals struct {
	Crashes       int64 `json:"crashes"`
	Signatures    int64 `json:"signatures" doc:"Signatures with a crash in the window"`
	NewSignatures int64 `json:"new_signatures" doc:"Signatures first seen in the window"`
	HostsAffected int64 `json:"hosts_affected" doc:"Hosts that crashed in the window"`
	Hosts         int64 `json:"hosts" doc:"Hosts known at its end"`
}

// Before are the figures of the window before, to compare with. Hosts and
// signatures of a past window are not among them: distinct counts do not add
// up from days.
type Before struct {
	Crashes       int64 `json:"crashes"`
	NewSignatures int64 `json:"new_signatures"`
}
