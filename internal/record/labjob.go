package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringside/internal/store"
	"ringside/lab"
)

// LabJobState is how far a job of the lab is.
type LabJobState string

// The states of a job.
const (
	LabQueued    LabJobState = "queued"
	LabRunning   LabJobState = "running"
	LabDone      LabJobState = "done"   // it was run; what became of the kernel is the run's verdict
	LabFailed    LabJobState = "failed" // no worker could run it
	LabCancelled LabJobState = "cancelled"
)

// LabJob is a run that somebody asked for and a worker has to do.
type LabJob struct {
	ID        string      `json:"id"`
	Name      string      `json:"name"`
	Batch     string      `json:"batch" doc:"Jobs that were sent together have the same"`
	Arch      string      `json:"arch"`
	Release   string      `json:"release"`
	Accel     string      `json:"accel" doc:"What a worker must have; empty for any"`
	Priority  int64       `json:"priority"`
	State     LabJobState `json:"state" enum:"queued,running,done,failed,cancelled"`
	Attempts  int64       `json:"attempts"`
	Worker    string      `json:"worker,omitempty"`
	Phase     string      `json:"phase,omitempty" doc:"How far the run is"`
	Error     string      `json:"error,omitempty"`
	Run       string      `json:"run,omitempty" doc:"Receipt of the run's record"`
	Verdict   lab.Verdict `json:"verdict,omitempty"`
	By        string      `json:"by,omitempty"`
	CreatedAt time.Time   `json:"created_at"`
	ClaimedAt *time.Time  `json:"claimed_at"`
	EndedAt   *time.Time  `json:"ended_at"`
	Recipe    *lab.Recipe `json:"recipe,omitempty" doc:"Of a single job"`
}

// LabOrder asks for runs.
type LabOrder struct {
	Name     string       `json:"name" maxLength:"200" doc:"For people"`
	By       string       `json:"by,omitempty" maxLength:"128"`
	Accel    string       `json:"accel,omitempty" enum:"kvm,tcg" doc:"What the worker must have"`
	Priority int64        `json:"priority,omitempty" minimum:"-10" maximum:"10" doc:"Higher is sooner"`
	Recipes  []lab.Recipe `json:"recipes" minItems:"1" maxItems:"1000" doc:"One job each"`
}

// LabJobFilter says which jobs are listed.
type LabJobFilter struct {
	State string
	Batch string
	Window
}

// LabJobPage is a part of the list of jobs: those that run first, then those that wait in
// their order, then the others, the newest first.
type LabJobPage struct {
	Total  int64                 `json:"total"`
	Items  []LabJob              `json:"items" nullable:"false"`
	States map[LabJobState]int64 `json:"states" doc:"All jobs by state, whatever is filtered"`
}

// maxLabOrder is how many jobs one order may ask for.
const maxLabOrder = 1000

func (o *LabOrder) check() error {
	o.Name, o.By = strings.TrimSpace(clean(o.Name)), strings.TrimSpace(clean(o.By))
	switch {
	case len(o.Name) > 200:
		return fmt.Errorf("name: %w: at most 200 bytes", ErrInvalid)
	case len(o.By) > 128:
		return fmt.Errorf("name of who asks: %w: at most 128 bytes", ErrInvalid)
	case o.Accel != "" && o.Accel != "kvm" && o.Accel != "tcg":
		return fmt.Errorf("accelerator %q: %w: kvm and tcg are known", o.Accel, ErrInvalid)
	case o.Priority < -10 || o.Priority > 10:
		return fmt.Errorf("priority %d: %w: from -10 to 10", o.Priority, ErrInvalid)
	case len(o.Recipes) == 0 || len(o.Recipes) > maxLabOrder:
		return fmt.Errorf("%d recipes: %w: send 1 to %d", len(o.Recipes), ErrInvalid, maxLabOrder)
	}
	for i := range o.Recipes {
		r := &o.Recipes[i]
		if err := r.Check(); err != nil {
			return fmt.Errorf("recipe %d: %w: %w", i+1, ErrInvalid, err)
		}
		if r.Root.Kind != lab.RootNone && r.Root.Kind != lab.RootDisk {
			return fmt.Errorf("recipe %d: %w: its root %q is a folder of one host; a worker has another", i+1, ErrInvalid, r.Root.Kind)
		}
		if r.Terminal {
			return fmt.Errorf("recipe %d: %w: a job has no terminal", i+1, ErrInvalid)
		}
	}
	return nil
}

// OrderLabRuns queues runs. ErrContents means that some of what they need has to be sent
// first: [Service.MissingLabContents] tells what.
func (s *Service) OrderLabRuns(ctx context.Context, o LabOrder) ([]LabJob, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	now := s.now()
	jobs := make([]LabJob, len(o.Recipes))
	batch := store.NewID(now)
	var sums []string
	for i := range o.Recipes {
		r := &o.Recipes[i]
		jobs[i] = LabJob{ID: store.NewID(now), Name: o.Name, Batch: batch, Arch: r.Arch, Release: r.Release, Accel: o.Accel, Priority: o.Priority,
			State: LabQueued, By: o.By, CreatedAt: now}
		for _, c := range r.Contents() {
			sums = append(sums, c.SHA256)
		}
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		missing, err := missingContents(ctx, tx, sums)
		if err != nil {
			return err
		}
		if len(missing) > 0 {
			return fmt.Errorf("%w: %d, the first is %s", ErrContents, len(missing), missing[0])
		}
		for i := range jobs {
			j := &jobs[i]
			text, err := toJSON(&o.Recipes[i])
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `insert into lab_jobs (id, name, batch, position, recipe, arch, release, accel, priority, state, by_whom, created_at)
				values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'queued', $10, $11)`,
				j.ID, j.Name, j.Batch, i, clean(text), clean(j.Arch), clean(j.Release), j.Accel, j.Priority, j.By, store.Micros(now)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("queue runs of the lab: %w", err)
	}
	s.announce()
	return jobs, nil
}

const labJobColumns = `id, name, batch, arch, release, accel, priority, state, attempts, worker, phase, error, run_id, verdict, by_whom, created_at, claimed_at, ended_at`

func scanLabJob(scan func(...any) error) (j LabJob, err error) {
	var (
		created        int64
		claimed, ended sql.Null[int64]
	)
	err = scan(&j.ID, &j.Name, &j.Batch, &j.Arch, &j.Release, &j.Accel, &j.Priority, &j.State, &j.Attempts, &j.Worker, &j.Phase, &j.Error, &j.Run, &j.Verdict, &j.By,
		&created, &claimed, &ended)
	j.CreatedAt, j.ClaimedAt, j.EndedAt = store.Time(created), store.NullTime(claimed), store.NullTime(ended)
	return j, err
}

// LabJobs lists jobs of the lab.
func (s *Service) LabJobs(ctx context.Context, f LabJobFilter) (*LabJobPage, error) {
	limit, offset, err := f.page()
	if err != nil {
		return nil, err
	}
	var args store.Args
	where := []string{"true"}
	if f.State != "" {
		where = append(where, "state = "+args.Add(f.State))
	}
	if f.Batch != "" {
		where = append(where, "batch = "+args.Add(f.Batch))
	}
	rest := ` from lab_jobs where ` + strings.Join(where, " and ")
	page := LabJobPage{States: map[LabJobState]int64{}}
	err = s.db.View(ctx, func(q store.Querier) error {
		if err := q.QueryRowContext(ctx, `select count(*)`+rest, args...).Scan(&page.Total); err != nil {
			return err
		}
		items, err := store.Collect(ctx, q, `select `+labJobColumns+rest+`
			order by case state when 'running' then 0 when 'queued' then 1 else 2 end,
				case when state = 'queued' then -priority else 0 end,
				case when state = 'queued' then created_at else -created_at end, batch, position
			limit `+args.Add(limit)+` offset `+args.Add(offset), args, scanLabJob)
		if err != nil {
			return err
		}
		page.Items = append([]LabJob{}, items...)
		_, err = store.Collect(ctx, q, `select state, count(*) from lab_jobs group by state`, nil, func(scan func(...any) error) (struct{}, error) {
			var (
				state LabJobState
				n     int64
			)
			err := scan(&state, &n)
			page.States[state] = n
			return struct{}{}, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list jobs of the lab: %w", err)
	}
	return &page, nil
}

// LabJob returns a job with its recipe.
func (s *Service) LabJob(ctx context.Context, id string) (*LabJob, error) {
	var j LabJob
	err := s.db.View(ctx, func(q store.Querier) (err error) {
		j, err = s.labJob(ctx, q, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("job %s of the lab: %w", id, found(err))
	}
	return &j, nil
}

func (s *Service) labJob(ctx context.Context, q store.Querier, id string) (LabJob, error) {
	var recipe string
	j, err := scanLabJob(func(dest ...any) error {
		return q.QueryRowContext(ctx, `select `+labJobColumns+`, recipe from lab_jobs where id = $1`, id).Scan(append(dest, &recipe)...)
	})
	if err != nil {
		return j, err
	}
	j.Recipe = new(lab.Recipe)
	return j, json.Unmarshal([]byte(recipe), j.Recipe)
}

// CancelLabJob ends a job that has not ended. A worker that runs it learns of it with its
// next sign of life.
func (s *Service) CancelLabJob(ctx context.Context, id, by string) (*LabJob, error) {
	by = strings.TrimSpace(clean(by))
	var j LabJob
	err := s.db.Write(ctx, func(tx *sql.Tx) (err error) {
		note := "cancelled"
		if by != "" {
			note += " by " + by
		}
		if _, err = tx.ExecContext(ctx, `update lab_jobs set state = 'cancelled', claim = '', error = $2, ended_at = $3 where id = $1 and state in ('queued', 'running')`,
			id, note, store.Micros(s.now())); err != nil {
			return err
		}
		j, err = s.labJob(ctx, tx, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cancel job %s of the lab: %w", id, found(err))
	}
	s.announce()
	return &j, nil
}

// LabWorker is a host that runs jobs of the lab.
type LabWorker struct {
	Name    string    `json:"name"`
	Archs   []string  `json:"archs" nullable:"false" doc:"That it can run"`
	Accel   string    `json:"accel" doc:"The accelerator that works there"`
	Slots   int64     `json:"slots" doc:"Runs at the same time"`
	Version string    `json:"version" doc:"Of Ringside"`
	FirstAt time.Time `json:"first_at"`
	SeenAt  time.Time `json:"seen_at"`
	Runs    int64     `json:"runs" doc:"That it has ended"`
	Running int64     `json:"running"`
	Here    bool      `json:"here" doc:"It was heard of within the last minutes"`
}

// LabWorkers lists the workers, those that are there first.
func (s *Service) LabWorkers(ctx context.Context) ([]LabWorker, error) {
	var out []LabWorker
	now := s.now()
	err := s.db.View(ctx, func(q store.Querier) (err error) {
		out, err = store.Collect(ctx, q, `select name, archs, accel, slots, version, first_at, seen_at, runs,
				(select count(*) from lab_jobs j where j.worker = w.name and j.state = 'running')
			from lab_workers w order by seen_at desc, name limit 500`, nil, func(scan func(...any) error) (w LabWorker, err error) {
			var (
				archs       string
				first, seen int64
			)
			if err = scan(&w.Name, &archs, &w.Accel, &w.Slots, &w.Version, &first, &seen, &w.Runs, &w.Running); err != nil {
				return w, err
			}
			w.FirstAt, w.SeenAt = store.Time(first), store.Time(seen)
			w.Here = now.Sub(w.SeenAt) < 3*labLease
			return w, fromJSON(archs, &w.Archs)
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list workers of the lab: %w", err)
	}
	slices.SortStableFunc(out, func(a, b LabWorker) int {
		switch {
		case a.Here == b.Here:
			return strings.Compare(a.Name, b.Name)
		case a.Here:
			return -1
		}
		return 1
	})
	return append([]LabWorker{}, out...), nil
}
