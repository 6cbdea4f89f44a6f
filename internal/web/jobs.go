package web

import (
	"net/http"

	"ringside/internal/record"
)

// jobsView is the work behind the record: what waits, and what gave up.
type jobsView struct {
	*record.JobPage
	States    []choice
	State     string
	Pager     pager
	MayChange bool
}

func (s *site) jobs(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "state", "offset")
	if err != nil {
		return err
	}
	offset, err := q.number("offset")
	if err != nil {
		return err
	}
	p, err := s.svc.Jobs(r.Context(), record.JobFilter{State: q.get("state"), Window: record.Window{Limit: pageRows, Offset: offset}})
	if err != nil {
		return err
	}
	v := jobsView{JobPage: p, State: q.get("state"), Pager: q.pager(offset, len(p.Items), pageRows, p.Total), MayChange: s.mayChange(r)}
	for _, c := range []choice{
		{Value: "", Label: "not done", Count: p.Stats.Pending + p.Stats.Running + p.Stats.Dead},
		{Value: "pending", Label: "pending", Count: p.Stats.Pending},
		{Value: "running", Label: "running", Count: p.Stats.Running},
		{Value: "dead", Label: "gave up", Count: p.Stats.Dead},
		{Value: "done", Label: "done", Count: -1},
	} {
		c.Chosen, c.URL = c.Value == v.State, q.with("state", c.Value)
		v.States = append(v.States, c)
	}
	return s.show(w, r, "jobs", layout{Title: "Jobs", Section: "jobs", API: "/api/v1/jobs", View: v})
}

func (s *site) retryJob(w http.ResponseWriter, r *http.Request) error {
	if !s.mayChange(r) {
		return errReadOnly
	}
	if _, err := s.svc.RetryJob(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	http.Redirect(w, r, "/admin/jobs", http.StatusSeeOther)
	return nil
}
