package record

import "time"

// Host is a machine.
type Host struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Group      string     `json:"group,omitempty" doc:"The set of machines it is rolled out with"`
	Arch       string     `json:"arch,omitempty"`
	Hardware   string     `json:"hardware,omitempty" doc:"As the kernel printed it"`
	Kernel     *KernelRef `json:"kernel" doc:"The kernel it was last seen running"`
	FirstSeen  time.Time  `json:"first_seen"`
	LastSeen   time.Time  `json:"last_seen"`
	LastCrash  *time.Time `json:"last_crash"`
	Crashes    int64      `json:"crashes"`
	Signatures int64      `json:"signatures"`
	Demo       bool       `json:"demo"`
}

// HostSort orders a list of hosts.
type HostSort string

// The orders of hosts. All but HostsByName put the largest or newest first.
const (
	HostsByLastCrash HostSort = "last_crash"
	HostsByCrashes   HostSort = "crashes"
	HostsByName      HostSort = "name"
	HostsByLastSeen  HostSort = "last_seen"
)

// HostFilter selects hosts. Empty fields select all.
type HostFilter struct {
	Text   string   // part of the name or group
	Group  string   // exact
	Kernel string   // ID or release of the kernel it was last seen running
	Sort   HostSort // HostsByLastCrash if empty
	Window
}

// HostPage is a part of a list of hosts.
type HostPage struct {
	Total int64  `json:"total"`
	Items []Host `json:"items" nullable:"false"`
}

// Sighting is the time a host was known to run a kernel.
type Sighting struct {
	Kernel KernelRef  `json:"kernel"`
	Since  time.Time  `json:"since"`
	Until  *time.Time `json:"until" doc:"When it was seen on another kernel; null for the one it runs"`
}

// HostDetail is a host with its history.
type HostDetail struct {
	Host
	Trend       Trend      `json:"trend" doc:"Crashes per day, the last 30 days"`
	Kernels     []Sighting `json:"kernels" nullable:"false" doc:"What it ran, newest first"`
	BySignature []HostSig  `json:"by_signature" nullable:"false" doc:"What it crashes with, most often first, at most 50"`
	Recent      []Crash    `json:"recent" nullable:"false" doc:"Its newest crashes, at most 50"`
}

// HostSig counts one signature on one host.
type HostSig struct {
	Signature SignatureRef `json:"signature"`
	Host      HostRef      `json:"host"`
	Crashes   int64        `json:"crashes"`
	Secondary int64        `json:"secondary"`
	FirstSeen time.Time    `json:"first_seen"`
	LastSeen  time.Time    `json:"last_seen"`
}
