package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// The states of a job.
const (
	JobPending = "pending"
	JobRunning = "running"
	JobDone    = "done"
	JobDead    = "dead"
)

// Job is one piece of work. A job may run more than once, at worst twice at
// the same time when a worker is presumed dead and is not: its handler must
// have the same effect as if it had run once.
type Job struct {
	ID        string
	Kind      string
	Key       string // what it works on
	Payload   string // JSON
	State     string
	Attempts  int // the running one included
	RunAt     time.Time
	LastError string
	CreatedAt time.Time

	claim string
}

// Queue is the table of jobs.
type Queue struct {
	db   *DB
	now  func() time.Time
	wake chan struct{}

	// Lease is how long a claimed job may go without a sign of life.
	Lease time.Duration
	// Attempts is how often a job is tried before it is dead.
	Attempts int
	// Backoff is the pause before the second attempt; it doubles with each
	// further one, up to MaxBackoff.
	Backoff, MaxBackoff time.Duration
	// Only and Except are the kinds of jobs that are claimed, and that are not:
	// long work that is done by few must not keep the rest waiting. Both empty
	// means all kinds.
	Only, Except []string
}

// NewQueue returns the queue of a database. now may be nil.
func NewQueue(db *DB, now func() time.Time) *Queue {
	if now == nil {
		now = Now
	}
	return &Queue{
		db: db, now: now, wake: make(chan struct{}, 1),
		Lease: time.Minute, Attempts: 8, Backoff: time.Second, MaxBackoff: 10 * time.Minute,
	}
}

// Enqueue adds a job within the transaction of the fact it follows from. A job
// of the same kind and key that has not started is left as it is; one that is
// running, done or dead is queued again. Call [Queue.Wake] after the commit.
func (q *Queue) Enqueue(ctx context.Context, tx *sql.Tx, kind, key, payload string) error {
	now := q.now()
	_, err := tx.ExecContext(ctx, `
		insert into jobs (id, kind, key, payload, state, attempts, run_at, created_at)
		values ($1, $2, $3, $4, 'pending', 0, $5, $5)
		on conflict (kind, key) do update set
			payload = excluded.payload, state = 'pending', attempts = 0, run_at = excluded.run_at,
			created_at = excluded.created_at, lease_until = null, claim = null, last_error = '', finished_at = null
		where jobs.state <> 'pending'`,
		NewID(now), kind, key, payload, Micros(now))
	if err != nil {
		return fmt.Errorf("queue %s job for %s: %w", kind, key, err)
	}
	return nil
}

// Wake tells an idle worker of this process that there is work.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default: // it knows already
	}
}

const jobColumns = `id, kind, key, payload, state, attempts, run_at, last_error, created_at`

func scanJob(scan func(...any) error) (Job, error) {
	var (
		j           Job
		runAt, made int64
	)
	err := scan(&j.ID, &j.Kind, &j.Key, &j.Payload, &j.State, &j.Attempts, &runAt, &j.LastError, &made)
	j.RunAt, j.CreatedAt = Time(runAt), Time(made)
	return j, err
}

// Claim takes up to n jobs that may run now, oldest first.
func (q *Queue) Claim(ctx context.Context, n int) ([]Job, error) {
	var jobs []Job
	err := q.db.Write(ctx, func(tx *sql.Tx) error {
		now := q.now()
		// A running job whose lease is over was in the hands of a process
		// that died: it is pending again, and the attempt counts.
		if _, err := tx.ExecContext(ctx, `
			update jobs set state = 'pending', claim = null, lease_until = null,
				last_error = 'the worker died or hung during the attempt'
			where state = 'running' and lease_until < $1`, Micros(now)); err != nil {
			return err
		}
		var err error
		args := Args{Micros(now), n}
		jobs, err = Collect(ctx, tx, `select `+jobColumns+` from jobs
			where state = 'pending' and run_at <= $1`+q.kinds(&args)+` order by run_at, id limit $2`+q.db.d.SkipLocked(),
			args, scanJob)
		if err != nil {
			return err
		}
		for i := range jobs {
			j := &jobs[i]
			j.State, j.claim = JobRunning, NewID(now)
			j.Attempts++
			if _, err := tx.ExecContext(ctx, `
				update jobs set state = 'running', attempts = $2, lease_until = $3, claim = $4 where id = $1`,
				j.ID, j.Attempts, Micros(now.Add(q.Lease)), j.claim); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claim jobs: %w", err)
	}
	return jobs, nil
}

// kinds is the condition under which a job is one of the queue's.
func (q *Queue) kinds(args *Args) string {
	var where string
	if len(q.Only) > 0 {
		where += ` and kind in ` + In(args, q.Only)
	}
	if len(q.Except) > 0 {
		where += ` and kind not in ` + In(args, q.Except)
	}
	return where
}

// ErrLeaseLost means that a job is no longer in the hands of who held it: its
// lease ran out, or it was queued again meanwhile.
var ErrLeaseLost = errors.New("the job was given to somebody else")

// Extend renews the lease of a claimed job.
func (q *Queue) Extend(ctx context.Context, j Job) error {
	return q.settle(ctx, j, `update jobs set lease_until = $3 where id = $1 and claim = $2`, Micros(q.now().Add(q.Lease)))
}

// Progress gives a claimed job a fresh set of attempts, within the transaction
// of a part of its work: a long job is given up when it gets nowhere, and not
// when its process has ended a few times on the way.
func (q *Queue) Progress(ctx context.Context, tx *sql.Tx, j Job) error {
	if _, err := tx.ExecContext(ctx, `update jobs set attempts = 1 where id = $1 and claim = $2`, j.ID, j.claim); err != nil {
		return fmt.Errorf("progress of %s job for %s: %w", j.Kind, j.Key, err)
	}
	return nil
}

// Last tells whether a claimed job will not be tried again if this attempt gets
// nowhere.
func (q *Queue) Last(j Job) bool { return j.Attempts >= q.Attempts }

// Done ends a claimed job.
func (q *Queue) Done(ctx context.Context, j Job) error {
	return q.settle(ctx, j, `update jobs set state = 'done', finished_at = $3, last_error = '', claim = null, lease_until = null
		where id = $1 and claim = $2`, Micros(q.now()))
}

// Permanent marks an error that another attempt cannot cure.
func Permanent(err error) error { return &permanentError{err} }

// IsPermanent tells whether an error is Permanent.
func IsPermanent(err error) bool {
	_, ok := errors.AsType[*permanentError](err)
	return ok
}

type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// Failed ends an attempt. The job will be tried again later, or is dead if
// its attempts are used up or cause is Permanent; dead tells which.
func (q *Queue) Failed(ctx context.Context, j Job, cause error) (dead bool, err error) {
	now := q.now()
	// What it has been tried since it last got somewhere, which only the table knows.
	err = q.db.View(ctx, func(from Querier) error {
		return from.QueryRowContext(ctx, `select attempts from jobs where id = $1 and claim = $2`, j.ID, j.claim).Scan(&j.Attempts)
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) { // no row: settle says that the lease is lost
		return false, fmt.Errorf("settle %s job for %s: %w", j.Kind, j.Key, err)
	}
	if IsPermanent(cause) || q.Last(j) {
		return true, q.settle(ctx, j, `update jobs set state = 'dead', finished_at = $3, last_error = $4, claim = null, lease_until = null
			where id = $1 and claim = $2`, Micros(now), cause.Error())
	}
	return false, q.settle(ctx, j, `update jobs set state = 'pending', run_at = $3, last_error = $4, claim = null, lease_until = null
		where id = $1 and claim = $2`, Micros(now.Add(q.pause(j.Attempts))), cause.Error())
}

// Release gives a claimed job back untouched, as on shutdown.
func (q *Queue) Release(ctx context.Context, j Job) error {
	return q.settle(ctx, j, `update jobs set state = 'pending', attempts = attempts - 1, run_at = $3, claim = null, lease_until = null
		where id = $1 and claim = $2`, Micros(q.now()))
}

func (q *Queue) settle(ctx context.Context, j Job, query string, args ...any) error {
	err := q.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, query, append([]any{j.ID, j.claim}, args...)...)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return ErrLeaseLost
	})
	if err != nil {
		return fmt.Errorf("settle %s job for %s: %w", j.Kind, j.Key, err)
	}
	return nil
}

// pause is the time before the next attempt: exponential, with a quarter of
// jitter so that jobs that failed together do not come back together.
func (q *Queue) pause(attempts int) time.Duration {
	d := q.Backoff
	for range attempts - 1 {
		if d *= 2; d >= q.MaxBackoff {
			d = q.MaxBackoff
			break
		}
	}
	return d - d/4 + rand.N(d/2+1)
}

// Retry queues a dead job again with a fresh set of attempts.
func (q *Queue) Retry(ctx context.Context, id string) (Job, error) {
	var job Job
	err := q.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `update jobs set state = 'pending', attempts = 0, run_at = $2, finished_at = null
			where id = $1 and state = 'dead'`, id, Micros(q.now())); err != nil {
			return err
		}
		var err error
		job, err = scanJob(tx.QueryRowContext(ctx, `select `+jobColumns+` from jobs where id = $1`, id).Scan)
		return err
	})
	if err == nil {
		q.Wake()
	}
	return job, err
}

// QueueStats counts the jobs of a queue.
type QueueStats struct {
	Pending, Running, Dead int64
	OldestPending          *time.Time // of those that may run now
}

// Stats counts the jobs that are not done.
func (q *Queue) Stats(ctx context.Context, from Querier) (QueueStats, error) {
	var (
		s      QueueStats
		oldest sql.Null[int64]
	)
	err := from.QueryRowContext(ctx, `select
		(select count(*) from jobs where state = 'pending'),
		(select count(*) from jobs where state = 'running'),
		(select count(*) from jobs where state = 'dead'),
		(select min(created_at) from jobs where state = 'pending' and run_at <= $1)`, Micros(q.now())).
		Scan(&s.Pending, &s.Running, &s.Dead, &oldest)
	s.OldestPending = NullTime(oldest)
	return s, err
}

// List returns jobs of a state, or all that are not done if state is empty,
// newest first, and how many there are.
func (q *Queue) List(ctx context.Context, from Querier, state string, limit, offset int) ([]Job, int64, error) {
	where, args := `state in ('pending', 'running', 'dead')`, Args{}
	if state != "" {
		where = `state = ` + args.Add(state)
	}
	var total int64
	if err := from.QueryRowContext(ctx, `select count(*) from jobs where `+where, args...).Scan(&total); err != nil {
		return nil, 0, err
	}
	jobs, err := Collect(ctx, from, `select `+jobColumns+` from jobs where `+where+
		` order by created_at desc, id desc limit `+args.Add(limit)+` offset `+args.Add(offset), args, scanJob)
	return jobs, total, err
}

// Purge forgets jobs that were done before a time.
func (q *Queue) Purge(ctx context.Context, before time.Time) (int64, error) {
	var n int64
	err := q.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `delete from jobs where state = 'done' and finished_at < $1`, Micros(before))
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}
