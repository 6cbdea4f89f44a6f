package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is a clock that a test sets.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

func (c *clock) add(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.t = c.t.Add(d) }

func newQueue(db *DB) (*Queue, *clock) {
	c := &clock{t: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	return NewQueue(db, c.now), c
}

func enqueue(t *testing.T, q *Queue, key string) {
	t.Helper()
	if err := q.db.Write(t.Context(), func(tx *sql.Tx) error {
		return q.Enqueue(t.Context(), tx, "work", key, "{}")
	}); err != nil {
		t.Fatal(err)
	}
	q.Wake()
}

func claim(t *testing.T, q *Queue, n, want int) []Job {
	t.Helper()
	jobs, err := q.Claim(t.Context(), n)
	if err != nil || len(jobs) != want {
		t.Fatalf("claimed %+v, %v; want %d jobs", jobs, err, want)
	}
	return jobs
}

func TestQueue(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		q, clock := newQueue(db)
		q.Attempts = 3
		enqueue(t, q, "a")
		enqueue(t, q, "a") // the same again is the same job
		clock.add(time.Second)
		enqueue(t, q, "b")

		jobs := claim(t, q, 5, 2)
		if jobs[0].Key != "a" || jobs[1].Key != "b" || jobs[0].Attempts != 1 {
			t.Errorf("claimed %+v: want a before b, first attempt", jobs)
		}
		claim(t, q, 5, 0)
		if err := q.Done(t.Context(), jobs[0]); err != nil {
			t.Fatal(err)
		}
		if err := q.Done(t.Context(), jobs[0]); !errors.Is(err, ErrLeaseLost) {
			t.Errorf("done twice: %v, want %v", err, ErrLeaseLost)
		}

		// b fails until its attempts are used up.
		b := jobs[1]
		for n := 1; n < q.Attempts; n++ {
			if dead, err := q.Failed(t.Context(), b, fmt.Errorf("failure %d", n)); dead || err != nil {
				t.Fatalf("attempt %d: dead %v, %v", n, dead, err)
			}
			claim(t, q, 5, 0) // not before the pause is over
			clock.add(q.MaxBackoff)
			b = claim(t, q, 5, 1)[0]
		}
		if dead, err := q.Failed(t.Context(), b, errors.New("the last failure")); !dead || err != nil {
			t.Fatalf("last attempt: dead %v, %v", dead, err)
		}
		clock.add(time.Hour)
		claim(t, q, 5, 0)
		stats := func() QueueStats {
			t.Helper()
			var s QueueStats
			if err := db.View(t.Context(), func(from Querier) (err error) { s, err = q.Stats(t.Context(), from); return err }); err != nil {
				t.Fatal(err)
			}
			return s
		}
		if s := stats(); s.Dead != 1 || s.Pending != 0 || s.Running != 0 {
			t.Errorf("stats %+v: want one dead", s)
		}
		if j, err := q.Retry(t.Context(), b.ID); err != nil || j.State != JobPending || j.Attempts != 0 || j.LastError != "the last failure" {
			t.Errorf("retry: %+v, %v", j, err)
		}
		if s := stats(); s.Pending != 1 || s.OldestPending == nil {
			t.Errorf("stats %+v: want one pending", s)
		}
		// A job that cannot succeed is dead at once.
		b = claim(t, q, 5, 1)[0]
		if dead, err := q.Failed(t.Context(), b, Permanent(errors.New("hopeless"))); !dead || err != nil {
			t.Errorf("permanent failure: dead %v, %v", dead, err)
		}
		enqueue(t, q, "b") // new reason to do it: alive again
		b = claim(t, q, 5, 1)[0]
		if err := q.Release(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if b = claim(t, q, 5, 1)[0]; b.Attempts != 1 {
			t.Errorf("attempts %d after a release, want 1", b.Attempts)
		}
		if n, err := q.Purge(t.Context(), clock.now()); err != nil || n != 1 {
			t.Errorf("purged %d, %v; want the one that is done", n, err)
		}
	})
}

func TestLease(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		q, clock := newQueue(db)
		enqueue(t, q, "a")
		first := claim(t, q, 1, 1)[0]
		clock.add(q.Lease / 2)
		if err := q.Extend(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		clock.add(q.Lease * 3 / 4)
		claim(t, q, 1, 0) // extended
		clock.add(q.Lease)
		second := claim(t, q, 1, 1)[0]
		if second.Attempts != 2 {
			t.Errorf("attempts %d: the one that died must count", second.Attempts)
		}
		for name, err := range map[string]error{"extend": q.Extend(t.Context(), first), "done": q.Done(t.Context(), first)} {
			if !errors.Is(err, ErrLeaseLost) {
				t.Errorf("%s by who lost it: %v, want %v", name, err, ErrLeaseLost)
			}
		}
		// Queued again while it runs: its end must not swallow the new reason.
		enqueue(t, q, "a")
		if err := q.Done(t.Context(), second); !errors.Is(err, ErrLeaseLost) {
			t.Errorf("done after it was queued again: %v, want %v", err, ErrLeaseLost)
		}
		claim(t, q, 1, 1)
	})
}

// TestClaimsAreExclusive has many claimers at once.
func TestClaimsAreExclusive(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		q, _ := newQueue(db)
		const n = 60
		for i := range n {
			enqueue(t, q, fmt.Sprint(i))
		}
		var (
			wg   sync.WaitGroup
			mu   sync.Mutex
			seen = map[string]int{}
		)
		for range 4 {
			wg.Go(func() {
				for {
					jobs, err := q.Claim(t.Context(), 3)
					if err != nil {
						t.Error(err)
						return
					}
					if len(jobs) == 0 {
						return
					}
					mu.Lock()
					for _, j := range jobs {
						seen[j.Key]++
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		// With locked rows skipped, a claimer may see none left and go while
		// another still holds some; together they have every job once.
		for key, times := range seen {
			if times != 1 {
				t.Errorf("job %s was claimed %d times", key, times)
			}
		}
		if len(seen) != n {
			t.Errorf("%d jobs were claimed, want %d", len(seen), n)
		}
	})
}

func TestWorkers(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		q := NewQueue(db, nil)
		q.Attempts, q.Backoff = 2, time.Millisecond
		var ran atomic.Int32
		dead, all := make(chan string, 1), make(chan struct{})
		w := &Workers{Queue: q, N: 3, Poll: 5 * time.Millisecond, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
			Handlers: map[string]Handler{"work": func(ctx context.Context, j Job) error {
				switch j.Key {
				case "poison":
					panic("poison")
				case "hang":
					close(all)
					<-ctx.Done()
					return ctx.Err()
				}
				ran.Add(1)
				return nil
			}},
			Dead: func(_ context.Context, j Job, cause error) { dead <- j.Key + ": " + cause.Error() },
		}
		for i := range 20 {
			enqueue(t, q, fmt.Sprint(i))
		}
		enqueue(t, q, "poison")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		if got := <-dead; got != "poison: panic: poison" {
			t.Errorf("dead letter %q", got)
		}
		enqueue(t, q, "hang")
		<-all
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if ran.Load() != 20 {
			t.Errorf("%d jobs ran, want 20", ran.Load())
		}
		// What the stop interrupted is there to be done, as if never begun.
		if n := count(t, db, `select count(*) from jobs where key = 'hang' and state = 'pending' and attempts = 0`); n != 1 {
			t.Error("the interrupted job is not pending")
		}
	})
}

// TestWorkerDiesAgainAndAgain gives up on a job that kills its process each
// time, instead of letting it kill for ever.
func TestWorkerDiesAgainAndAgain(t *testing.T) {
	q, clock := newQueue(openSQLite(t, t.TempDir()+"/ringside.db"))
	q.Attempts = 2
	enqueue(t, q, "killer")
	for range 2 {
		claim(t, q, 1, 1) // and then the process dies
		clock.add(2 * q.Lease)
	}
	gaveUp := ""
	w := &Workers{Queue: q, Log: slog.New(slog.DiscardHandler), Dead: func(_ context.Context, j Job, cause error) { gaveUp = cause.Error() },
		Handlers: map[string]Handler{"work": func(context.Context, Job) error { t.Error("it ran a third time"); return nil }}}
	if err := w.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if gaveUp == "" {
		t.Error("nobody was told that the job was given up")
	}
}
