package web

import (
	"context"
	"net/http"
	"testing"

	"ringside/internal/record"
)

// stuck is a record with a job that gave up.
type stuck struct {
	Record
	retried *string
}

func (stuck) Jobs(context.Context, record.JobFilter) (*record.JobPage, error) {
	return &record.JobPage{Stats: record.JobStats{Pending: 2, Dead: 1}, Total: 1, Items: []record.Job{
		{ID: "J1", Kind: "analyse", Key: "R1", State: "dead", Attempts: 8, Error: "blob <b>is gone</b>", CreatedAt: today, RunAt: today}}}, nil
}

func (s stuck) RetryJob(_ context.Context, id string) (*record.Job, error) {
	if id != "J1" {
		return nil, record.ErrNotFound
	}
	*s.retried = id
	return &record.Job{ID: id}, nil
}

func TestDeadJobs(t *testing.T) {
	var retried string
	f := emptyFleet(t, func(c *Config) { c.Service = stuck{c.Service, &retried} })
	wants(t, f.get("/admin/jobs?state=dead").Body.String(), "blob &lt;b&gt;is gone&lt;/b&gt;", `action="/admin/jobs/J1/retry"`, "Try again", "gave up <b>1</b>")
	if w := f.post("/admin/jobs/J1/retry", ""); w.Code != http.StatusSeeOther || retried != "J1" {
		t.Errorf("retry: status %d, retried %q", w.Code, retried)
	}
	if w := f.post("/admin/jobs/J2/retry", ""); w.Code != http.StatusNotFound {
		t.Errorf("retry of an unknown job: status %d", w.Code)
	}
}
