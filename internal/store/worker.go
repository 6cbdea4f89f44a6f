package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// Handler does one job. Its context ends when the worker stops or when the
// job was given to somebody else.
type Handler func(ctx context.Context, j Job) error

// Workers do the jobs of a queue.
type Workers struct {
	Queue    *Queue
	Handlers map[string]Handler // by kind
	// Dead is told about a job that was given up. It may be nil.
	Dead func(ctx context.Context, j Job, cause error)
	Log  *slog.Logger
	// N is how many jobs run at the same time. 0 means 2.
	N int
	// Poll is how often an idle pool looks for work that no [Queue.Wake]
	// announced: retries that are due, and jobs of other processes. 0 means 2 s.
	Poll time.Duration
	// Keep is how long done jobs are kept for looking at. 0 means a week.
	Keep time.Duration
}

// Run does jobs until ctx ends. Then it takes no new ones, tells the running
// ones to stop and waits for them; what did not finish is queued again.
func (w *Workers) Run(ctx context.Context) error {
	n, poll, keep := max(w.N, 0), w.Poll, w.Keep
	if n == 0 {
		n = 2
	}
	if poll <= 0 {
		poll = 2 * time.Second
	}
	if keep <= 0 {
		keep = 7 * 24 * time.Hour
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	var (
		running sync.WaitGroup
		idle    = make(chan struct{}, n) // one token for each free slot
		purged  time.Time
	)
	defer running.Wait()
	for range n {
		idle <- struct{}{}
	}
	for {
		// Wait for a free slot, then take as many jobs as there are free slots.
		select {
		case <-ctx.Done():
			return nil
		case <-idle:
		}
		free := 1
		for free < n {
			select {
			case <-idle:
				free++
				continue
			default:
			}
			break
		}
		jobs, err := w.Queue.Claim(ctx, free)
		if err != nil && ctx.Err() == nil {
			w.Log.Error("cannot claim jobs; trying again", "error", err)
		}
		for _, j := range jobs {
			running.Go(func() {
				defer func() { idle <- struct{}{} }()
				w.do(ctx, j)
			})
		}
		for range free - len(jobs) {
			idle <- struct{}{}
		}
		if len(jobs) == free {
			continue // there may be more
		}
		if now := w.Queue.now(); now.Sub(purged) > time.Hour {
			purged = now
			if _, err := w.Queue.Purge(ctx, now.Add(-keep)); err != nil && ctx.Err() == nil {
				w.Log.Warn("cannot forget done jobs", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.Queue.wake:
		case <-tick.C:
		}
	}
}

// Drain does all jobs that may run now and returns when none is left.
func (w *Workers) Drain(ctx context.Context) error {
	for {
		jobs, err := w.Queue.Claim(ctx, 16)
		if err != nil || len(jobs) == 0 {
			return err
		}
		for _, j := range jobs {
			w.do(ctx, j)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// do runs one job and settles it.
func (w *Workers) do(ctx context.Context, j Job) {
	log := w.Log.With("job", j.ID, "kind", j.Kind, "key", j.Key, "attempt", j.Attempts)
	run, cancel := context.WithCancelCause(ctx)
	stop := w.heartbeat(run, cancel, j, log)
	var err error
	if j.Attempts > w.Queue.Attempts {
		// Each attempt before ended with the death of its process; one more
		// would only kill this one too.
		err = Permanent(fmt.Errorf("gave up: %s", j.LastError))
	} else {
		err = w.call(run, j)
	}
	stop()
	lost := errors.Is(context.Cause(run), ErrLeaseLost)
	cancel(nil)

	// The settlement must happen also when the worker is told to stop.
	settle, end := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer end()
	switch {
	case lost:
		log.Warn("job took longer than its lease and was given to somebody else")
		return
	case err == nil:
		err = w.Queue.Done(settle, j)
	case ctx.Err() != nil:
		err = w.Queue.Release(settle, j)
	default:
		cause := err
		var dead bool
		if dead, err = w.Queue.Failed(settle, j, cause); err == nil {
			if dead {
				log.Error("job failed for good; look at it under jobs and retry it once the cause is gone", "error", cause)
				if w.Dead != nil {
					w.Dead(settle, j, cause)
				}
			} else {
				log.Warn("job failed and will be tried again", "error", cause)
			}
		}
	}
	if err != nil {
		log.Error("cannot settle a job; it runs again when its lease ends", "error", err)
	}
}

// call runs the handler and turns a panic into an error: one poisonous input
// must not take the others' worker down.
func (w *Workers) call(ctx context.Context, j Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.Log.Error("job panicked", "job", j.ID, "kind", j.Kind, "key", j.Key, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	h, ok := w.Handlers[j.Kind]
	if !ok {
		return Permanent(fmt.Errorf("no handler for jobs of kind %q", j.Kind))
	}
	return h(ctx, j)
}

// heartbeat renews the job's lease until stop is called.
func (w *Workers) heartbeat(ctx context.Context, cancel context.CancelCauseFunc, j Job, log *slog.Logger) (stop func()) {
	quit := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		t := time.NewTicker(w.Queue.Lease / 3)
		defer t.Stop()
		for {
			select {
			case <-quit:
				return
			case <-ctx.Done():
				return
			case <-t.C:
			}
			switch err := w.Queue.Extend(ctx, j); {
			case errors.Is(err, ErrLeaseLost):
				cancel(ErrLeaseLost)
				return
			case err != nil && ctx.Err() == nil:
				log.Warn("cannot renew the lease of a job", "error", err)
			}
		}
	})
	return func() { close(quit); done.Wait() }
}
