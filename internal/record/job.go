package record

import "time"

// JobStats tells how the work behind the record is going.
type JobStats struct {
	Pending int64 `json:"pending" doc:"Queued, retries included"`
	Running int64 `json:"running"`
	Dead    int64 `json:"dead" doc:"Gave up; they wait for somebody to look"`
	// OldestPending is when the oldest job that may run now was queued.
	OldestPending *time.Time `json:"oldest_pending"`
}

// Job is one piece of work.
type Job struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	Key       string    `json:"key" doc:"What it works on"`
	State     string    `json:"state" enum:"pending,running,done,dead"`
	Attempts  int       `json:"attempts"`
	Error     string    `json:"error,omitempty" doc:"Why the last attempt failed"`
	CreatedAt time.Time `json:"created_at"`
	RunAt     time.Time `json:"run_at" doc:"Not before this time"`
}

// JobFilter selects jobs. Empty fields select all but the done ones.
type JobFilter struct {
	State string
	Window
}

// JobPage is a part of a list of jobs.
type JobPage struct {
	Stats JobStats `json:"stats"`
	Total int64    `json:"total"`
	Items []Job    `json:"items" nullable:"false"`
}
