package record

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"ringside/crash"
	"ringside/internal/store"
)

func TestOverview(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, clock := newService(t, db)
		o, err := s.Overview(t.Context(), OverviewQuery{})
		if err != nil {
			t.Fatal(err)
		}
		if o.Totals != (Totals{}) || o.Top == nil || o.Classes == nil || o.Latest == nil || o.Demo {
			t.Errorf("overview of an empty record: %+v", o)
		}
		day := func(n int) time.Time { return testStart.AddDate(0, 0, n) }
		if err := s.Observe(t.Context(), Observation{Host: "h1", Kernel: "6.1.0-1-amd64", Arch: "x86_64", At: day(-10)},
			Observation{Host: "h2", Kernel: "6.1.0-1-amd64", Arch: "x86_64", At: day(-20)},
			Observation{Host: "h2", Kernel: "6.1.0-2-amd64", Arch: "x86_64", At: day(-10)}); err != nil {
			t.Fatal(err)
		}
		n := 0
		crashes := func(fn, kind, kernel string, days ...int) {
			for _, d := range days {
				n++
				host := map[string]string{"6.1.0-1-amd64": "h1", "6.1.0-2-amd64": "h2"}[kernel]
				take(t, s, host, fmt.Sprintf("log %d\nREPORT kind=%s fn=%s kernel=%s\n", n, kind, fn, kernel), collected(day(d)))
			}
		}
		crashes("steady", "bug", "6.1.0-1-amd64", -40, -35, -20, -12, -11, -10, -9, -3, -2)
		crashes("rising", "null-ptr-deref", "6.1.0-2-amd64", -8, -3, -3, -2, -1, 0)
		crashes("gone", "warning", "6.1.0-1-amd64", -25)
		steady, err := s.Signatures(t.Context(), SignatureFilter{Text: "steady"})
		if err != nil || len(steady.Items) != 1 {
			t.Fatalf("search: %+v, %v", steady, err)
		}
		if _, err := s.ChangeSignature(t.Context(), steady.Items[0].ID, SignatureChange{State: new(StateResolved), at: day(-1)}); err != nil {
			t.Fatal(err)
		}
		crashes("steady", "bug", "6.1.0-1-amd64", 0)
		clock.t = testStart.Add(time.Hour)

		if o, err = s.Overview(t.Context(), OverviewQuery{Days: 30, Top: 2}); err != nil {
			t.Fatal(err)
		}
		titles := func(sigs []Signature) (out []string) {
			for _, s := range sigs {
				out = append(out, s.Title)
			}
			return out
		}
		for _, c := range []struct {
			name string
			got  []Signature
			want []string
		}{
			{"regressed", o.Regressed, []string{"bug in steady"}},
			{"new", o.New, []string{"null-ptr-deref in rising", "warning in gone"}},
			{"rising", o.Rising, []string{"null-ptr-deref in rising"}},
			{"top", o.Top, []string{"bug in steady", "null-ptr-deref in rising"}},
		} {
			if got := titles(c.got); !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
			}
		}
		if want := (Totals{Crashes: 15, Signatures: 3, NewSignatures: 2, HostsAffected: 2, Hosts: 2}); o.Totals != want {
			t.Errorf("totals %+v, want %+v", o.Totals, want)
		}
		if want := (Before{Crashes: 2, NewSignatures: 1}); o.Previous != want {
			t.Errorf("before %+v, want %+v", o.Previous, want)
		}
		if s := o.Top[1]; s.Recent != 5 || s.Previous != 1 || s.Trend.Total() != 6 || s.Trend.Counts[29] != 1 || !s.Rising() {
			t.Errorf("trend of the rising one: %+v", s)
		}
		if len(o.Classes) != 2 || o.Classes[0].Class != "assertion" || o.Classes[0].Trend.Total() != 9 {
			t.Errorf("classes %+v", o.Classes)
		}
		rates := map[string]KernelRate{}
		for _, k := range o.Kernels {
			rates[k.Kernel.Release] = k
		}
		// The window is 29 and a half days and an hour. h1 ran -1 all of it, h2 ran
		// -1 from day 20 to day 10 before now and -2 since.
		one, two := rates["6.1.0-1-amd64"], rates["6.1.0-2-amd64"]
		if math.Abs(one.HostDays-(29.5+1/24.+10)) > 1e-6 || one.Hosts != 1 || one.Crashes != 9 || math.Abs(one.Rate-1000*9/one.HostDays) > 1e-6 {
			t.Errorf("rate of the old kernel %+v", one)
		}
		if math.Abs(two.HostDays-(10+1/24.)) > 1e-6 || two.Hosts != 1 || two.Crashes != 6 {
			t.Errorf("rate of the new kernel %+v", two)
		}
		if len(o.Latest) != 10 || o.Latest[0].OccurredAt.Before(o.Latest[9].OccurredAt) {
			t.Errorf("latest %+v", o.Latest)
		}
	})
}

// fleet writes n crashes of a fleet into the record, through the same code
// that writes analysed ones: 1,000 signatures of which few make most of the
// crashes, 5,000 hosts, 6 kernels, 60 days.
func fleet(ctx context.Context, s *Service, n int, until time.Time) error {
	rnd := rand.New(rand.NewPCG(1, 2))
	classes := []crash.Kind{crash.KindNullDeref, crash.KindWarning, crash.KindSoftLockup, crash.KindKASAN, crash.KindOOM}
	zipf := rand.NewZipf(rnd, 1.15, 4, 999)
	reports := make([]crash.Report, 1000)
	for i := range reports {
		k, fn := classes[i%len(classes)], "function_"+strconv.Itoa(i)
		reports[i] = crash.Report{Kind: k, Class: k.Class(), Title: string(k) + " in " + fn, Guilty: &crash.Location{Function: fn},
			Headline: "BUG: " + fn, Frames: []crash.Frame{{Function: fn}, {Function: "caller_" + strconv.Itoa(i%50)}, {Function: "do_syscall_64"}},
			Signature: crash.Signature{Algorithm: "bench", Portable: fn, Family: fn}}
	}
	for i := 0; i < n; {
		err := s.db.Write(ctx, func(tx *sql.Tx) error {
			b := s.newBatch(ctx, tx)
			for end := min(n, i+2000); i < end; i++ {
				age := rnd.Float64() * 60
				at := until.Add(-time.Duration(age * 24 * float64(time.Hour)))
				host := "host-" + strconv.Itoa(rnd.IntN(5000))
				rec := Receipt{ID: store.NewID(at), SHA256: fmt.Sprintf("%064x", i), ReceivedAt: at, Host: &HostRef{Name: host}}
				if _, err := tx.ExecContext(ctx, `insert into artefacts (sha256, size, first_seen) values ($1, 1, $2)`, rec.SHA256, store.Micros(at)); err != nil {
					return err
				}
				if _, err := tx.ExecContext(ctx, `insert into receipts (id, sha256, host_name, received_at, progress) values ($1, $2, $3, $4, 'analysed')`,
					rec.ID, rec.SHA256, host, store.Micros(at)); err != nil {
					return err
				}
				boot := bootCrash{order: []int{0}, reports: []crash.Report{reports[zipf.Uint64()]}, host: host, arch: "x86_64",
					release: "6.1.0-" + strconv.Itoa(10+int(60-age)/12) + "-amd64", occurred: at, timeFrom: TimeFromCollected}
				if err := b.replace(rec, []bootCrash{boot}); err != nil {
					return err
				}
			}
			return b.flush()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkOverview100k measures the overview over 100,000 crashes in SQLite.
// It prints the median and the 95th percentile, which the mean hides.
func BenchmarkOverview100k(b *testing.B) {
	dir := os.Getenv("RINGSIDE_BENCH_DIR") // keeps the data for the next time
	if dir == "" {
		dir = b.TempDir()
	}
	s, c := newService(b, openSQLite(b, dir))
	s.log = nil
	var have int
	if err := s.db.View(b.Context(), func(q store.Querier) error {
		return q.QueryRowContext(b.Context(), `select count(*) from crashes`).Scan(&have)
	}); err != nil {
		b.Fatal(err)
	}
	if have == 0 {
		start := time.Now()
		if err := fleet(b.Context(), s, 100_000, c.t); err != nil {
			b.Fatal(err)
		}
		b.Logf("built in %v", time.Since(start))
	}
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		o, err := s.Overview(b.Context(), OverviewQuery{})
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
		if o.Totals.Crashes < 40_000 || len(o.Top) != 10 {
			b.Fatalf("overview of something else: %+v", o.Totals)
		}
	}
	slices.SortFunc(took, func(a, b time.Duration) int { return cmp.Compare(a, b) })
	at := func(p float64) float64 { return float64(took[int(p*float64(len(took)-1))].Microseconds()) / 1000 }
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.95), "p95-ms")
}
