package record

import "time"

// HostRef names a host.
type HostRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// KernelRef names a kernel.
type KernelRef struct {
	ID      string `json:"id"`
	Release string `json:"release"`
	Arch    string `json:"arch,omitempty"`
}

// SignatureRef names a signature, with what a link to it shows.
type SignatureRef struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Kind  string `json:"kind"`
	Class string `json:"class"`
	State State  `json:"state"`
}

// Trend is a count per UTC day, without gaps.
type Trend struct {
	FirstDay string  `json:"first_day" doc:"UTC day of the first count, as 2006-01-02"`
	Counts   []int64 `json:"counts" nullable:"false" doc:"One count per day, oldest first"`
}

// Day returns the UTC day of the i-th count.
func (t Trend) Day(i int) time.Time {
	first, err := time.Parse(time.DateOnly, t.FirstDay)
	if err != nil {
		return time.Time{}
	}
	return first.AddDate(0, 0, i)
}

// Total returns the sum of the counts.
func (t Trend) Total() int64 {
	var n int64
	for _, c := range t.Counts {
		n += c
	}
	return n
}

// Max returns the largest count.
func (t Trend) Max() int64 {
	var n int64
	for _, c := range t.Counts {
		n = max(n, c)
	}
	return n
}

// KernelTrend is the trend on one kernel. Kernel is nil for crashes whose log
// does not say which kernel ran.
type KernelTrend struct {
	Kernel *KernelRef `json:"kernel"`
	Trend  Trend      `json:"trend"`
}

// ClassTrend is the trend of one class of crashes.
type ClassTrend struct {
	Class string `json:"class"`
	Trend Trend  `json:"trend"`
}

// Window bounds a list by position.
type Window struct {
	Limit  int `json:"limit"`  // rows wanted; 0 means 50, at most 500
	Offset int `json:"offset"` // rows to skip
}
