package record

import (
	"context"
	"database/sql"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"ringside/internal/store"
)

// eachEngine runs a test on SQLite, and on the PostgreSQL server that
// RINGSIDE_TEST_POSTGRES names, if it does.
func eachEngine(t *testing.T, test func(t *testing.T, db *store.DB)) {
	t.Run("sqlite", func(t *testing.T) { test(t, openSQLite(t, t.TempDir())) })
	t.Run("postgres", func(t *testing.T) { test(t, openPostgres(t)) })
}

func openSQLite(t testing.TB, dir string) *store.DB {
	t.Helper()
	db, err := store.OpenSQLite(t.Context(), filepath.Join(dir, "ringside.db"), store.SQLiteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// openPostgres opens a schema of the test's own.
func openPostgres(t testing.TB) *store.DB {
	t.Helper()
	dsn := os.Getenv("RINGSIDE_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("SKIPPED: set RINGSIDE_TEST_POSTGRES=postgres://user@host:port/database to run on PostgreSQL")
	}
	admin, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	schema := "test_" + strings.ToLower(store.NewID(time.Now()))
	if _, err := admin.ExecContext(t.Context(), "create schema "+schema); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	h, err := sql.Open("pgx", u.String())
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.New(t.Context(), h, h, store.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		db.Close()
		if _, err := admin.ExecContext(context.Background(), "drop schema "+schema+" cascade"); err != nil {
			t.Error(err)
		}
		admin.Close()
	})
	return db
}

// clock is a clock that a test sets.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

var testStart = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// newService returns a record over db whose logs are written in the language
// of [scriptAnalyzer].
func newService(t testing.TB, db *store.DB, change ...func(*Config)) (*Service, *clock) {
	t.Helper()
	blobs, err := store.OpenBlobDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	c := &clock{testStart}
	cfg := Config{DB: db, Blobs: blobs, Analyzer: AnalyzerFunc(analyzeScript), Rules: "test-1", Now: c.now,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, f := range change {
		f(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}
