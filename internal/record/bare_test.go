package record

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"ringside/internal/store"
)

// asWrittenBefore returns the database of a record as the release with schema
// version 2 wrote it, holding what the record of another one does.
func asWrittenBefore(t *testing.T, from string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ringside.db")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // what is attached is attached to one connection
	p, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("../store/migrations"),
		goose.WithDisableGlobalRegistry(true), goose.WithTableName("schema_version"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	for _, stmt := range []string{`attach '` + from + `' as today`, `pragma foreign_keys = 0`} {
		if _, err := db.ExecContext(t.Context(), stmt); err != nil {
			t.Fatal(err)
		}
	}
	tables, err := store.Collect(t.Context(), db, `select m.name, group_concat(c.name) from sqlite_master m join pragma_table_info(m.name) c
		where m.type = 'table' and m.name not in ('schema_version', 'sqlite_sequence') group by m.name`, nil,
		func(scan func(...any) error) (p pair, err error) { return p, scan(&p.a, &p.b) })
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range tables {
		where := ""
		if x.a == "jobs" {
			where = ` where kind = 'analyse'`
		}
		if _, err := db.ExecContext(t.Context(), fmt.Sprintf(`insert into main.%[1]s (%[2]s) select %[2]s from today.%[1]s%[3]s`, x.a, x.b, where)); err != nil {
			t.Fatalf("table %s: %v", x.a, err)
		}
	}
	return file
}

// A record of a release that kept no stacks answers what resembles what, once
// the job has run, and is otherwise what it was.
func TestOlderRecord(t *testing.T) {
	dir := t.TempDir()
	s1, _ := newService(t, openSQLite(t, dir))
	a, b := seedPair(t, s1)
	take(t, s1, "web4", "REPORT kind=oom\n") // nothing is blamed, and no stack
	want, before := likeness(t, s1, a), dump(t, s1)
	kept := func(s *Service) (stacks []string) {
		if err := s.db.View(t.Context(), func(q store.Querier) (err error) {
			stacks, err = store.Collect(t.Context(), q, `select stack from signatures order by id`, nil, scanText)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return stacks
	}
	stacks := kept(s1)
	var sha string
	if err := s1.db.Write(t.Context(), func(tx *sql.Tx) error {
		// The document of one is lost; its bytes are there, and tell the same.
		if err := tx.QueryRowContext(t.Context(), `select sha256 from crashes where signature_id = $1`, b).Scan(&sha); err != nil {
			return err
		}
		_, err := tx.ExecContext(t.Context(), `delete from documents where sha256 = $1`, sha)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	file := asWrittenBefore(t, filepath.Join(dir, "ringside.db"))

	db := openSQLite(t, filepath.Dir(file))
	blobs := t.TempDir()
	s2, clock := newService(t, db, func(c *Config) {
		var err error
		if c.Blobs, err = store.OpenBlobDir(blobs); err != nil {
			t.Fatal(err)
		}
	})
	if got := strings.Join(kept(s2), ""); got != "" {
		t.Fatalf("the older record has stacks already: %s", got)
	}
	for range 2 { // asked for twice, as by two processes
		if err := s2.noticeBare(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// The bytes of the one do not answer at first: nothing is given up.
	if err := s2.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, err := s2.Jobs(t.Context(), JobFilter{})
	if err != nil || len(p.Items) != 1 || p.Items[0].Kind != jobStacks || p.Items[0].Attempts != 1 || !strings.Contains(p.Items[0].Error, "not in the blob store") {
		t.Fatalf("jobs %+v, %v: want the one that waits for an artefact", p, err)
	}
	copyBlob(t, s1, s2, sha)
	clock.t = clock.t.Add(time.Hour)
	if err := s2.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := kept(s2); strings.Join(got, "\n") != strings.Join(stacks, "\n") {
		t.Errorf("stacks\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(stacks, "\n"))
	}
	if got := likeness(t, s2, a); got != want || !strings.Contains(got, b) {
		t.Errorf("resembles %s, want %s", got, want)
	}
	if got := suggestions(t, s2); len(got) != 1 || got[0].A.ID != min(a, b) || got[0].B.ID != max(a, b) {
		t.Errorf("suggestions %+v, want the two wrens", got)
	}
	if after := dump(t, s2); after != before {
		t.Errorf("the record has moved\n%s\nnow\n%s", before, after)
	}
	checkFrameCounts(t, s2)
	if err := s2.noticeBare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p, err := s2.Jobs(t.Context(), JobFilter{}); err != nil || p.Total != 0 {
		t.Errorf("asked for again: %+v, %v", p, err)
	}
}

// likeness writes down what a signature resembles, and how much.
func likeness(t *testing.T, s *Service, id string) string {
	t.Helper()
	list, err := s.Similar(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, v := range list {
		fmt.Fprintln(&b, v.Signature.ID, v.Score, v.Zone, v.Reasons)
	}
	return b.String()
}

// copyBlob gives a service an artefact's bytes that another one has.
func copyBlob(t *testing.T, from, to *Service, sha string) {
	t.Helper()
	r, _, err := from.blobs.Open(t.Context(), sha)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, _, err := to.blobs.Put(t.Context(), r, 0); err != nil {
		t.Fatal(err)
	}
}

// An artefact that does not answer for a moment is waited for; one that stays
// away is counted, and no longer than its store answers.
func TestBackfillWaits(t *testing.T) {
	s1, _ := newService(t, openSQLite(t, t.TempDir()), withAlgorithm("t1"))
	seedRules(t, s1)
	away := t.TempDir()
	s2, clock := newService(t, s1.db, withAlgorithm("t2"), func(c *Config) {
		var err error
		if c.Blobs, err = store.OpenBlobDir(away); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := s2.StartBackfill(t.Context()); err != nil {
		t.Fatal(err)
	}
	backfillNow := func() *Backfill {
		t.Helper()
		if err := s2.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		clock.t = clock.t.Add(time.Hour)
		a, err := s2.Algorithms(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return a.Backfill
	}
	for try := range s2.queue.Attempts - 1 {
		if b := backfillNow(); b.State != BackfillRunning || b.Done != 0 || b.Unreadable != 0 {
			t.Fatalf("after attempt %d: %+v", try, b)
		}
	}
	// The whole store is gone: that is nobody's artefact's fault.
	if err := os.Rename(away, away+".gone"); err != nil {
		t.Fatal(err)
	}
	if b := backfillNow(); b.State != BackfillRunning || b.Done != 0 {
		t.Fatalf("without a store: %+v", b)
	}
	p, err := s2.Jobs(t.Context(), JobFilter{State: store.JobDead})
	if err != nil || len(p.Items) != 1 {
		t.Fatalf("jobs %+v, %v: want the dead one", p, err)
	}
	if err := os.Rename(away+".gone", away); err != nil {
		t.Fatal(err)
	}
	if _, err := s2.RetryJob(t.Context(), p.Items[0].ID); err != nil {
		t.Fatal(err)
	}
	// All but one come back, and that one never does.
	shas, err := collectText(t, s2, `select sha256 from artefacts order by sha256`)
	if err != nil || len(shas) != 13 {
		t.Fatalf("%d artefacts, %v", len(shas), err)
	}
	for _, sha := range shas[:12] {
		copyBlob(t, s1, s2, sha)
	}
	var b *Backfill
	for range s2.queue.Attempts {
		if b = backfillNow(); b.State == BackfillReady {
			break
		}
	}
	if b.State != BackfillReady || b.Done != 13 || b.Unreadable != 1 {
		t.Errorf("in the end: %+v, want one unreadable of 13", b)
	}
}

func collectText(t *testing.T, s *Service, query string) (list []string, err error) {
	t.Helper()
	err = s.db.View(t.Context(), func(q store.Querier) (err error) {
		list, err = store.Collect(t.Context(), q, query, nil, scanText)
		return err
	})
	return list, err
}
