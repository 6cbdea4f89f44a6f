package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"ringside/internal/store"
	"ringside/lab"
)

// ErrClaimLost is the answer to a worker whose job was cancelled, or given to another
// because nothing was heard of it.
var ErrClaimLost = errors.New("the job is no longer this worker's: stop it")

const (
	// labLease is how long a claim holds without a sign of life.
	labLease = time.Minute
	// labAttempts is how often a job is given away: a worker that dies with it may be its
	// doing.
	labAttempts = 3
)

// LabOffer is what a worker says when it asks for a job.
type LabOffer struct {
	Worker  string   `json:"worker" minLength:"1" maxLength:"128" doc:"The worker's name, as a rule its host's"`
	Archs   []string `json:"archs" minItems:"1" maxItems:"8" doc:"That it can run"`
	Accel   string   `json:"accel" enum:"kvm,tcg" doc:"The accelerator that works there"`
	Slots   int64    `json:"slots" minimum:"1" maximum:"1024" doc:"Runs at the same time"`
	Version string   `json:"version,omitempty" maxLength:"128"`
}

// LabClaim is a job that a worker has got.
type LabClaim struct {
	Claim string        `json:"claim" doc:"Names the claim in all that the worker says of the job"`
	Lease time.Duration `json:"lease_ns" doc:"It holds so long without a sign of life"`
	Job   LabJob        `json:"job"`
}

// LabSign is a worker's sign of life.
type LabSign struct {
	Claim string `json:"claim" minLength:"1" maxLength:"64"`
	Phase string `json:"phase,omitempty" maxLength:"64" doc:"How far the run is"`
}

// LabResult is how a worker ended a job.
type LabResult struct {
	Claim string    `json:"claim" minLength:"1" maxLength:"64"`
	Run   string    `json:"run,omitempty" maxLength:"64" doc:"Receipt of the run's record, sent as any artefact"`
	Files []RunFile `json:"files,omitempty" maxItems:"256" doc:"Of the run's folder, sent as contents"`
	Error string    `json:"error,omitempty" maxLength:"4096" doc:"Why the worker could not run it"`
}

// ClaimLabJob gives a worker the next job that it can do, or nil. Jobs of workers that
// have fallen silent are given away again.
func (s *Service) ClaimLabJob(ctx context.Context, o LabOffer) (*LabClaim, error) {
	o.Worker = strings.TrimSpace(clean(o.Worker))
	if o.Worker == "" || len(o.Worker) > 128 || !printable(o.Worker) {
		return nil, fmt.Errorf("worker: %w: name it, in at most 128 printable bytes", ErrInvalid)
	}
	archs, err := toJSON(o.Archs)
	if err != nil {
		return nil, err
	}
	var claim *LabClaim
	now := s.now()
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		claim = nil
		if _, err := tx.ExecContext(ctx, `insert into lab_workers (name, archs, accel, slots, version, first_at, seen_at) values ($1, $2, $3, $4, $5, $6, $6)
			on conflict (name) do update set archs = excluded.archs, accel = excluded.accel, slots = excluded.slots, version = excluded.version, seen_at = excluded.seen_at`,
			o.Worker, clean(archs), clean(o.Accel), o.Slots, clean(o.Version), store.Micros(now)); err != nil {
			return err
		}
		if err := s.giveAwayAgain(ctx, tx, now); err != nil {
			return err
		}
		args := store.Args{o.Accel}
		var id string
		err := tx.QueryRowContext(ctx, `select id from lab_jobs where state = 'queued' and (accel = '' or accel = $1) and arch in `+store.In(&args, o.Archs)+`
			order by priority desc, created_at, batch, position limit 1`+s.db.Dialect().SkipLocked(), args...).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		c := LabClaim{Claim: store.NewID(now), Lease: labLease}
		if _, err := tx.ExecContext(ctx, `update lab_jobs set state = 'running', claim = $2, worker = $3, phase = '', error = '', attempts = attempts + 1, claimed_at = $4, until = $5
			where id = $1`, id, c.Claim, o.Worker, store.Micros(now), store.Micros(now.Add(labLease))); err != nil {
			return err
		}
		if c.Job, err = s.labJob(ctx, tx, id); err != nil {
			return err
		}
		claim = &c
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claim a job of the lab: %w", err)
	}
	return claim, nil
}

// giveAwayAgain queues the jobs of silent workers, or ends those that were given away too
// often.
func (s *Service) giveAwayAgain(ctx context.Context, tx *sql.Tx, now time.Time) error {
	if _, err := tx.ExecContext(ctx, `update lab_jobs set state = 'failed', claim = '', ended_at = $1,
			error = 'nothing more was heard of worker ' || worker || ', nor of those before it'
		where state = 'running' and until < $1 and attempts >= $2`, store.Micros(now), labAttempts); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `update lab_jobs set state = 'queued', claim = '', phase = '', error = 'nothing more was heard of worker ' || worker
		where state = 'running' and until < $1`, store.Micros(now))
	return err
}

// LabAlive keeps a worker's claim.
func (s *Service) LabAlive(ctx context.Context, job string, sign LabSign) error {
	now := s.now()
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `update lab_jobs set until = $3, phase = $4 where id = $1 and claim = $2 and state = 'running'`,
			job, sign.Claim, store.Micros(now.Add(labLease)), clean(sign.Phase))
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrClaimLost)
		}
		_, err = tx.ExecContext(ctx, `update lab_workers set seen_at = $2 where name = (select worker from lab_jobs where id = $1)`, job, store.Micros(now))
		return err
	})
	if err != nil {
		return fmt.Errorf("job %s of the lab: %w", job, err)
	}
	return nil
}

// EndLabJob takes a worker's result. The same result a second time is no error: the
// answer to the first may not have arrived.
func (s *Service) EndLabJob(ctx context.Context, job string, r LabResult) (*LabJob, error) {
	var verdict lab.Verdict
	state := LabDone
	switch {
	case r.Run == "" && r.Error == "":
		return nil, fmt.Errorf("%w: say which run came of it, or why none did", ErrInvalid)
	case r.Run == "":
		state = LabFailed
	default:
		// The record of the run is read first: the job's page shows its verdict.
		rec, err := s.Wait(ctx, r.Run)
		if err != nil {
			return nil, err
		}
		if rec.Progress != Analysed {
			return nil, fmt.Errorf("receipt %s: %w: its record is not read: %s", r.Run, ErrInvalid, rec.Error)
		}
	}
	files, err := toJSON(append([]RunFile{}, r.Files...))
	if err != nil {
		return nil, err
	}
	var j LabJob
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if r.Run != "" {
			if err := tx.QueryRowContext(ctx, `select verdict from lab_runs where id = $1`, r.Run).Scan(&verdict); err != nil {
				return fmt.Errorf("run %s: %w", r.Run, found(err))
			}
		}
		n, err := tx.ExecContext(ctx, `update lab_jobs set state = $3, run_id = $4, verdict = $5, error = $6, phase = '', ended_at = $7
			where id = $1 and claim = $2 and (state = 'running' or state = $3 and run_id = $4)`,
			job, r.Claim, string(state), r.Run, string(verdict), clean(r.Error), store.Micros(s.now()))
		if err != nil {
			return err
		}
		if n, err := n.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrClaimLost)
		}
		if _, err := tx.ExecContext(ctx, `update lab_runs set job_id = $2, files = $3 where id = $1`, r.Run, job, clean(files)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `update lab_workers set runs = (select count(*) from lab_jobs where lab_jobs.worker = lab_workers.name and state in ('done', 'failed')), seen_at = $2
			where name = (select worker from lab_jobs where id = $1)`, job, store.Micros(s.now())); err != nil {
			return err
		}
		j, err = s.labJob(ctx, tx, job)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("end job %s of the lab: %w", job, err)
	}
	s.announce()
	return &j, nil
}
