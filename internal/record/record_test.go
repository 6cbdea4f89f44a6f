package record

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"ringside/internal/store"
)

func TestIntakeIsIdempotentByContentAndHost(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, _ := newService(t, db)
		const log = "REPORT kind=null-ptr-deref fn=foo stack=foo,bar\n"
		first := take(t, s, "web1", log)
		again := take(t, s, "WEB1.", log) // the same host in another spelling
		other := take(t, s, "web2", log)
		if first.Duplicate || !again.Duplicate || again.ID != first.ID {
			t.Errorf("first %+v, again %+v: want the same receipt, marked duplicate", first, again)
		}
		if other.Duplicate || other.ID == first.ID || other.SHA256 != first.SHA256 {
			t.Errorf("other host: %+v: want a new receipt of the same artefact", other)
		}
		if first.Progress != Analysed || len(first.Crashes) != 1 {
			t.Errorf("receipt %+v: want analysed, one crash", first)
		}
		a, err := s.Artefact(t.Context(), first.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Receipts) != 2 || len(a.Crashes) != 2 || !a.Analysed || a.Type != "kernel log (console)" || a.Size != int64(len(log)) {
			t.Errorf("artefact %+v: want 2 receipts and 2 crashes of one analysed kernel log", a)
		}
		p, err := s.Signatures(t.Context(), SignatureFilter{})
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Items) != 1 || p.Items[0].Crashes != 2 || p.Items[0].Hosts != 2 || p.Items[0].Kernels != 1 {
			t.Errorf("signatures %+v: want one with 2 crashes on 2 hosts and 1 kernel", p.Items)
		}
	})
}

func TestIntakeRefuses(t *testing.T) {
	s, _ := newService(t, openSQLite(t, t.TempDir()), func(c *Config) { c.MaxArtefact = 10 })
	broken := errors.New("the network went away")
	for _, c := range []struct {
		name string
		in   io.Reader
		meta Meta
		want error
	}{
		{"empty", strings.NewReader(""), Meta{}, ErrEmpty},
		{"too large", strings.NewReader("12345678901"), Meta{}, ErrTooLarge},
		{"cut", io.MultiReader(strings.NewReader("123"), failingReader{broken}), Meta{}, broken},
		{"host with a space", strings.NewReader("1"), Meta{Host: "a b"}, ErrInvalid},
		{"host with a newline", strings.NewReader("1"), Meta{Host: "a\nb"}, ErrInvalid},
		{"long file name", strings.NewReader("1"), Meta{Filename: strings.Repeat("x", 300)}, ErrInvalid},
	} {
		if _, err := s.Intake(t.Context(), c.in, c.meta); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
	}
	jobs, err := s.Jobs(t.Context(), JobFilter{})
	if err != nil || jobs.Total != 0 {
		t.Errorf("jobs %+v, error %v: want none", jobs, err)
	}
	if _, err := s.Intake(t.Context(), strings.NewReader("1234567890"), Meta{}); err != nil {
		t.Errorf("an artefact of exactly the limit: %v", err)
	}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

func TestCrashTimeAndChain(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, _ := newService(t, db)
		collectedAt := testStart.Add(-2 * time.Hour)
		r := take(t, s, "db1", `boot
REPORT boot=0 kind=warning fn=first
REPORT boot=0 kind=null-ptr-deref fn=guilty stack=guilty,caller
REPORT boot=0 kind=panic fn=guilty by=1 panic
text
REPORT boot=1 kind=soft-lockup fn=spin wall=2026-11-19T10:00:00Z
REPORT boot=2 kind=soft-lockup fn=spin wall=2031-01-01T00:00:00Z
`, collected(collectedAt))
		if len(r.Crashes) != 3 {
			t.Fatalf("crashes %v, want 3: one per boot", r.Crashes)
		}
		c, err := s.Crash(t.Context(), r.Crashes[0])
		if err != nil {
			t.Fatal(err)
		}
		if c.Title != "null-ptr-deref in guilty" || !c.Panicked || c.Primary != 1 || c.Reports != 3 {
			t.Errorf("crash %+v: want the oops to be primary", c.Crash)
		}
		var order []int
		for _, r := range c.Chain {
			order = append(order, r.Index)
		}
		if len(order) != 3 || order[0] != 0 || order[1] != 1 || order[2] != 2 || !c.Chain[1].Primary {
			t.Errorf("chain %+v: want 0 1 2 with 1 primary", c.Chain)
		}
		if !c.OccurredAt.Equal(collectedAt) || c.TimeFrom != TimeFromCollected {
			t.Errorf("time %v from %s, want %v from the collection", c.OccurredAt, c.TimeFrom, collectedAt)
		}
		if len(c.Siblings) != 2 || c.Host.Name != "db1" || c.Kernel.Release != "6.1.0-1-amd64" {
			t.Errorf("crash %+v: want 2 siblings, host db1", c)
		}
		second, err := s.Crash(t.Context(), r.Crashes[1])
		if err != nil {
			t.Fatal(err)
		}
		if second.TimeFrom != TimeFromLog || !second.OccurredAt.Equal(time.Date(2026, 11, 19, 10, 0, 0, 0, time.UTC)) {
			t.Errorf("time %v from %s, want the log's", second.OccurredAt, second.TimeFrom)
		}
		third, err := s.Crash(t.Context(), r.Crashes[2])
		if err != nil {
			t.Fatal(err)
		}
		if third.TimeFrom != TimeFromCollected {
			t.Errorf("time from %s: a wall time of the future must not be believed", third.TimeFrom)
		}
		// Same signature: boot 2 (collected, newer) and boot 1.
		if second.Newer != third.ID || third.Older != second.ID || third.Newer != "" {
			t.Errorf("neighbours: second.Newer %q third.Older %q", second.Newer, third.Older)
		}
		sigs, err := s.Signatures(t.Context(), SignatureFilter{Secondary: true, Sort: SignaturesByCrashes})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string][2]int64{}
		for _, sig := range sigs.Items {
			got[sig.Title] = [2]int64{sig.Crashes, sig.Secondary}
		}
		want := map[string][2]int64{"soft-lockup in spin": {2, 0}, "null-ptr-deref in guilty": {1, 0}, "panic in guilty": {0, 1}, "warning in first": {0, 1}}
		for title, n := range want {
			if got[title] != n {
				t.Errorf("%s: counts %v, want %v", title, got[title], n)
			}
		}
		page, err := s.Crashes(t.Context(), CrashFilter{Signature: c.Chain[2].Signature.ID, Secondary: true})
		if err != nil || len(page.Items) != 1 || page.Items[0].ID != c.ID {
			t.Errorf("crashes with a secondary report: %+v, %v", page, err)
		}
	})
}

func TestReanalysisReplacesAndCorrects(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		rules := map[string]string{} // what a log is read as
		s, _ := newService(t, db, func(c *Config) {
			c.Open = func(r io.Reader) (io.Reader, error) {
				b, err := io.ReadAll(r)
				if to, ok := rules[string(b)]; ok {
					b = []byte(to)
				}
				return bytes.NewReader(b), err
			}
		})
		const a, b = "REPORT kind=null-ptr-deref fn=foo\n", "REPORT kind=null-ptr-deref fn=foo\n#\n"
		ra := take(t, s, "h1", a, collected(testStart.Add(-48*time.Hour)))
		take(t, s, "h2", b, collected(testStart.Add(-24*time.Hour)))
		before := dump(t, s)

		again := func() {
			t.Helper()
			if err := s.Reanalyse(t.Context(), ra.SHA256); err != nil {
				t.Fatal(err)
			}
			if err := s.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		again()
		if after := dump(t, s); after != before {
			t.Errorf("the same analysis again changed the record:\n%s\nwas\n%s", after, before)
		}

		rules[a] = "REPORT kind=gpf fn=other kernel=6.6.1\n"
		again()
		sigs, err := s.Signatures(t.Context(), SignatureFilter{Sort: SignaturesByLastSeen})
		if err != nil {
			t.Fatal(err)
		}
		if len(sigs.Items) != 2 {
			t.Fatalf("signatures %+v, want 2", sigs.Items)
		}
		foo := sigs.Items[0]
		if foo.Title != "null-ptr-deref in foo" || foo.Crashes != 1 || foo.Hosts != 1 || !foo.FirstSeen.Equal(testStart.Add(-24*time.Hour)) {
			t.Errorf("signature that lost a crash: %+v", foo)
		}
		r2, err := s.Receipt(t.Context(), ra.ID)
		if err != nil || len(r2.Crashes) != 1 || r2.Crashes[0] != ra.Crashes[0] {
			t.Errorf("receipt %+v, %v: want the crash to keep its ID %v", r2, err, ra.Crashes)
		}
		d, err := s.Signature(t.Context(), foo.ID)
		if err != nil || len(d.Exemplars) != 1 || d.Exemplars[0].Host.Name != "h2" {
			t.Errorf("exemplars %+v, %v: want the crash that is left", d, err)
		}

		rules[a] = "nothing to see\n"
		again()
		sigs, err = s.Signatures(t.Context(), SignatureFilter{})
		if err != nil || len(sigs.Items) != 1 || sigs.Items[0].ID != foo.ID {
			t.Errorf("signatures %+v, %v: want the empty one forgotten", sigs, err)
		}
		delete(rules, a)
		again()
		if after := dumpCounts(t, s); after != dumpCountsOf(before) {
			t.Errorf("back to the first reading:\n%s\nwant\n%s", after, dumpCountsOf(before))
		}
	})
}

func TestAnalysisKeepsPartsAndGivesUp(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, clock := newService(t, db)
		r := take(t, s, "h", "REPORT kind=bug fn=foo\nBROKEN\n")
		c, err := s.Crash(t.Context(), r.Crashes[0])
		if err != nil {
			t.Fatal(err)
		}
		if n := c.Document.Notes; len(n) != 1 || n[0].Text != "the archive is truncated" {
			t.Errorf("notes %+v: want the reason why the rest is missing", n)
		}

		r = take(t, s, "h", "PANIC\n")
		for range 20 {
			clock.t = clock.t.Add(time.Hour) // past every pause
			if err := s.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		r, err = s.Receipt(t.Context(), r.ID)
		if err != nil || r.Progress != Failed || !strings.Contains(r.Error, "met its match") {
			t.Errorf("receipt %+v, %v: want failed", r, err)
		}
		jobs, err := s.Jobs(t.Context(), JobFilter{State: store.JobDead})
		if err != nil || len(jobs.Items) != 1 || jobs.Items[0].Attempts != 8 || jobs.Stats.Dead != 1 {
			t.Fatalf("dead jobs %+v, %v: want one after 8 attempts", jobs, err)
		}
		if _, err := s.RetryJob(t.Context(), jobs.Items[0].ID); err != nil {
			t.Fatal(err)
		}
		if r, err = s.Receipt(t.Context(), r.ID); err != nil || r.Progress != Pending {
			t.Errorf("receipt %+v, %v: want pending again", r, err)
		}
	})
}

func TestWait(t *testing.T) {
	s, _ := newService(t, openSQLite(t, t.TempDir()))
	r, err := s.Intake(t.Context(), strings.NewReader("REPORT kind=bug fn=foo\n"), Meta{Host: "h"})
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := s.Wait(ended, r.ID); err != nil || got.Progress != Pending {
		t.Errorf("wait without workers: %+v, %v: want pending", got, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	if got, err := s.Wait(t.Context(), r.ID); err != nil || got.Progress != Analysed || len(got.Crashes) != 1 {
		t.Errorf("wait: %+v, %v: want analysed", got, err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestStorageFaultIsNotTheInputs(t *testing.T) {
	s, _ := newService(t, openSQLite(t, t.TempDir()))
	r, err := s.Intake(t.Context(), strings.NewReader("REPORT kind=bug fn=foo\n"), Meta{})
	if err != nil {
		t.Fatal(err)
	}
	damage(t, s, r.SHA256)
	if err := s.Analyse(t.Context(), r.ID); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("analysis of a damaged artefact: %v, want %v", err, store.ErrDamaged)
	}
}
