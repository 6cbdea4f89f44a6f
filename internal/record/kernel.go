package record

import "time"

// Kernel is one kernel build, known by its release and architecture.
type Kernel struct {
	ID            string     `json:"id"`
	Release       string     `json:"release"`
	Arch          string     `json:"arch,omitempty"`
	Version       string     `json:"version,omitempty" doc:"The build line of its banner"`
	FirstSeen     time.Time  `json:"first_seen"`
	LastSeen      time.Time  `json:"last_seen"`
	LastCrash     *time.Time `json:"last_crash"`
	Crashes       int64      `json:"crashes"`
	Hosts         int64      `json:"hosts" doc:"Hosts ever seen running it"`
	HostsNow      int64      `json:"hosts_now" doc:"Hosts last seen running it"`
	HostsAffected int64      `json:"hosts_affected" doc:"Hosts that crashed on it"`
	Signatures    int64      `json:"signatures" doc:"Signatures seen on it"`
	NewSignatures int64      `json:"new_signatures" doc:"Signatures first seen on it"`
	Trend         Trend      `json:"trend" doc:"Crashes per day, the last 30 days"`
	Demo          bool       `json:"demo"`
}

// KernelSort orders a list of kernels.
type KernelSort string

// The orders of kernels. All but KernelsByRelease put the largest or newest first.
const (
	KernelsByFirstSeen KernelSort = "first_seen"
	KernelsByLastSeen  KernelSort = "last_seen"
	KernelsByCrashes   KernelSort = "crashes"
	KernelsByHosts     KernelSort = "hosts"
	KernelsByRelease   KernelSort = "release"
)

// KernelFilter selects kernels. Empty fields select all.
type KernelFilter struct {
	Text string     // part of the release or version
	Sort KernelSort // KernelsByFirstSeen if empty
	Window
}

// KernelPage is a part of a list of kernels.
type KernelPage struct {
	Total int64    `json:"total"`
	Items []Kernel `json:"items" nullable:"false"`
}

// KernelRate is how a kernel did within a window of time.
type KernelRate struct {
	Kernel   KernelRef `json:"kernel"`
	Crashes  int64     `json:"crashes"`
	Hosts    int64     `json:"hosts" doc:"Hosts last seen running it"`
	HostDays float64   `json:"host_days" doc:"Days its hosts ran it within the window"`
	// Rate is 0 where HostDays is 0: no denominator, no rate.
	Rate  float64 `json:"rate" doc:"Crashes per 1,000 host-days"`
	Trend Trend   `json:"trend"`
}

// KernelSig counts one signature on one kernel.
type KernelSig struct {
	Signature SignatureRef `json:"signature"`
	Crashes   int64        `json:"crashes"`
	Secondary int64        `json:"secondary"`
	New       bool         `json:"new" doc:"First seen on this kernel"`
	LastSeen  time.Time    `json:"last_seen"`
}

// KernelDetail is a kernel with what happened on it.
type KernelDetail struct {
	Kernel
	Rate        KernelRate   `json:"rate" doc:"Over the last 30 days"`
	Classes     []ClassTrend `json:"classes" nullable:"false"`
	BySignature []KernelSig  `json:"by_signature" nullable:"false" doc:"Most frequent first, at most 100"`
	HostList    []Host       `json:"host_list" nullable:"false" doc:"Hosts last seen running it, newest crash first, at most 100"`
	Recent      []Crash      `json:"recent" nullable:"false" doc:"Its newest crashes, at most 50"`
}
