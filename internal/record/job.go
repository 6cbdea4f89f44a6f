package record

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"ringside/internal/store"
)

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

// Jobs lists the work that is not done.
func (s *Service) Jobs(ctx context.Context, f JobFilter) (*JobPage, error) {
	limit, offset, err := f.page()
	if err != nil {
		return nil, err
	}
	known := []string{"", store.JobPending, store.JobRunning, store.JobDone, store.JobDead}
	if !slices.Contains(known, f.State) {
		return nil, fmt.Errorf("job state %q: %w: it is one of %v", f.State, ErrInvalid, known[1:])
	}
	p := JobPage{Items: []Job{}}
	err = s.db.View(ctx, func(q store.Querier) error {
		if p.Stats, err = s.jobStats(ctx, q); err != nil {
			return err
		}
		jobs, total, err := s.queue.List(ctx, q, f.State, limit, offset)
		for _, j := range jobs {
			p.Items = append(p.Items, fromJob(j))
		}
		p.Total = total
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	return &p, nil
}

func (s *Service) jobStats(ctx context.Context, q store.Querier) (JobStats, error) {
	st, err := s.queue.Stats(ctx, q)
	return JobStats(st), err
}

func fromJob(j store.Job) Job {
	return Job{ID: j.ID, Kind: j.Kind, Key: j.Key, State: j.State, Attempts: j.Attempts, Error: j.LastError,
		CreatedAt: j.CreatedAt, RunAt: j.RunAt}
}

// RetryJob queues a dead job again.
func (s *Service) RetryJob(ctx context.Context, id string) (*Job, error) {
	j, err := s.queue.Retry(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("job %s: %w", id, found(err))
	}
	if err := s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `update receipts set progress = 'pending', error = '' where id = $1 and progress = 'failed'`, j.Key)
		return err
	}); err != nil {
		return nil, fmt.Errorf("job %s: %w", id, err)
	}
	s.wake()
	out := fromJob(j)
	return &out, nil
}
