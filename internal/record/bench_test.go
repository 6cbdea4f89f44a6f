package record

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"ringside/internal/store"
)

// seedMany fills a record with n signatures, each of one crash. Their stacks are
// like a kernel's: the defect's own functions, those of its subsystem, and entry
// code that many share.
func seedMany(b *testing.B, s *Service, n int) {
	b.Helper()
	const perLog = 1000
	r := rand.New(rand.NewPCG(1, 2))
	common := []string{"vfs_write", "ksys_write", "do_syscall_64", "entry_SYSCALL_64_after_hwframe", "kthread", "ret_from_fork",
		"process_one_work", "worker_thread", "__schedule", "do_sys_openat2", "path_openat", "netif_receive_skb", "ip_rcv"}
	for at := 0; at < n; at += perLog {
		var log strings.Builder
		for i := at; i < min(n, at+perLog); i++ {
			sub := r.IntN(400)
			// Newer rules leave half as it is, rename a quarter, and merge a quarter in pairs.
			leaf := fmt.Sprintf([]string{"same_%d_%d", "old_%d_%d", "same_%d_%d", "duo_%d_%d"}[i/2%4], i/2, i%2)
			stack := []string{leaf, fmt.Sprintf("s%d_op%d", sub, r.IntN(60))}
			for range 3 + r.IntN(6) {
				// Some functions of a subsystem are on most of its stacks.
				stack = append(stack, fmt.Sprintf("s%d_fn%d", sub, int(r.ExpFloat64()*8)))
			}
			for range 4 {
				stack = append(stack, common[r.IntN(len(common))])
			}
			kind := []string{"null-ptr-deref", "warning", "kasan"}[i/2%3]
			fmt.Fprintf(&log, "REPORT boot=%d kind=%s fn=%s stack=%s\n", i-at, kind, stack[0], strings.Join(stack, ","))
		}
		rec, err := s.Intake(b.Context(), strings.NewReader(log.String()), Meta{Host: fmt.Sprint("host", at/perLog)})
		if err == nil {
			err = s.Analyse(b.Context(), rec.ID)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	// Suggestions are not what is measured.
	if err := s.db.Write(b.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(b.Context(), `delete from jobs`)
		return err
	}); err != nil {
		b.Fatal(err)
	}
}

// quantile returns a quantile of durations, in milliseconds.
func quantile(d []time.Duration, q float64) float64 {
	slices.Sort(d)
	return float64(d[min(len(d)-1, int(q*float64(len(d))))].Microseconds()) / 1000
}

// BenchmarkSimilar asks a record of 50,000 signatures what one resembles.
//
//	go test ./internal/record -run '^$' -bench Similar -benchtime 500x
func BenchmarkSimilar(b *testing.B) {
	s, _ := newService(b, openSQLite(b, b.TempDir()))
	seedMany(b, s, 50_000)
	var ids []string
	if err := s.db.View(b.Context(), func(q store.Querier) (err error) {
		ids, err = store.Collect(b.Context(), q, `select id from signatures`, nil, scanText)
		return err
	}); err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	var took []time.Duration
	found := 0
	for b.Loop() {
		start := time.Now()
		list, err := s.Similar(b.Context(), ids[r.IntN(len(ids))])
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
		found += len(list)
	}
	if found == 0 {
		b.Fatal("nothing resembles anything: the benchmark measures nothing")
	}
	b.ReportMetric(quantile(took, 0.5), "p50-ms")
	b.ReportMetric(quantile(took, 0.95), "p95-ms")
}

// BenchmarkTakeOver lets newer rules take a record of 20,000 signatures over
// while others write, and tells how long those had to wait.
//
//	go test ./internal/record -run '^$' -bench TakeOver -benchtime 1x
func BenchmarkTakeOver(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		s1, _ := newService(b, openSQLite(b, b.TempDir()), withAlgorithm("t1"))
		seedMany(b, s1, 20_000)
		s2, _ := newService(b, s1.db, withAlgorithm("t2"), func(c *Config) { c.Blobs = s1.blobs })
		bf, err := s2.StartBackfill(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		start := time.Now()
		if err := s2.backfill(b.Context(), store.Job{Key: bf.ID}); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "backfill-s")
		if _, err := s2.DecideBackfill(b.Context(), true, ""); err != nil {
			b.Fatal(err)
		}
		ctx, stop := context.WithCancel(b.Context())
		waits := make(chan []time.Duration)
		go func() {
			var took []time.Duration
			for ctx.Err() == nil {
				start := time.Now()
				if err := s1.db.Write(ctx, func(*sql.Tx) error { return nil }); err != nil {
					break
				}
				took = append(took, time.Since(start))
			}
			waits <- took
		}()
		b.StartTimer()
		if err := s2.takeOver(b.Context(), store.Job{Key: bf.ID}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		stop()
		took := <-waits
		if len(took) == 0 {
			b.Fatal("nobody wrote meanwhile: the benchmark measures nothing")
		}
		b.ReportMetric(quantile(took, 0.95), "wait-p95-ms")
		b.ReportMetric(quantile(took, 1), "wait-max-ms")
		b.StartTimer()
	}
}
