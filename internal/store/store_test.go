package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// eachEngine runs a test on SQLite, and on the PostgreSQL server that
// RINGSIDE_TEST_POSTGRES names, if it does.
func eachEngine(t *testing.T, test func(t *testing.T, db *DB)) {
	t.Run("sqlite", func(t *testing.T) { test(t, openSQLite(t, filepath.Join(t.TempDir(), "a%20b?c=d#e", "ringside.db"))) })
	t.Run("postgres", func(t *testing.T) { test(t, openPostgres(t)) })
}

func openSQLite(t testing.TB, file string) *DB {
	t.Helper()
	db, err := OpenSQLite(t.Context(), file, SQLiteOptions{BusyTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, name := range []string{file, file + "-wal", file + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatalf("the database is not where it was asked for: %v", err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v and may hold secrets", name, info.Mode())
		}
	}
	return db
}

// openPostgres opens a schema of the test's own.
func openPostgres(t testing.TB) *DB {
	t.Helper()
	dsn := os.Getenv("RINGSIDE_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("SKIPPED: set RINGSIDE_TEST_POSTGRES=postgres://user@host:port/database to run on PostgreSQL")
	}
	admin, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	schema := "test_" + strings.ToLower(NewID(time.Now()))
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
	db, err := New(t.Context(), h, h, Postgres)
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

func put(ctx context.Context, db *DB, key string) error {
	return db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `insert into artefacts (sha256, size, first_seen) values ($1, 1, 1)`, key)
		return err
	})
}

func count(t *testing.T, db *DB, query string, args ...any) (n int) {
	t.Helper()
	if err := db.View(t.Context(), func(q Querier) error {
		return q.QueryRowContext(t.Context(), query, args...).Scan(&n)
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWriteIsAllOrNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		if err := put(t.Context(), db, "a"); err != nil {
			t.Fatal(err)
		}
		stop := errors.New("stop")
		err := db.Write(t.Context(), func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(t.Context(), `insert into artefacts (sha256, size, first_seen) values ('b', 1, 1)`); err != nil {
				return err
			}
			return stop
		})
		if !errors.Is(err, stop) {
			t.Errorf("error %v, want %v", err, stop)
		}
		if err := put(t.Context(), db, "a"); err == nil {
			t.Error("a second row of the same key was taken")
		}
		if n := count(t, db, `select count(*) from artefacts`); n != 1 {
			t.Errorf("%d rows, want 1", n)
		}
	})
}

// TestWritersQueue has many writers at once; none may be told that the
// database is busy.
func TestWritersQueue(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		const writers, each = 8, 25
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					if err := put(t.Context(), db, fmt.Sprint(w, " ", i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if n := count(t, db, `select count(*) from artefacts`); n != writers*each {
			t.Errorf("%d rows, want %d", n, writers*each)
		}
	})
}

func TestReadersCannotWrite(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *DB) {
		err := db.View(t.Context(), func(q Querier) error {
			_, err := q.ExecContext(t.Context(), `insert into artefacts (sha256, size, first_seen) values ('x', 1, 1)`)
			return err
		})
		if err == nil {
			t.Error("a reader wrote")
		}
	})
}

// TestBusyAndReopen opens a file twice, as two processes do: while one writes,
// the other waits and then says that the database is busy.
func TestBusyAndReopen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ringside.db")
	one, two := openSQLite(t, file), openSQLite(t, file)
	err := one.Write(t.Context(), func(*sql.Tx) error {
		if err := put(t.Context(), two, "x"); !errors.Is(err, ErrBusy) {
			t.Errorf("second writer: %v, want %v", err, ErrBusy)
		}
		if n := count(t, two, `select count(*) from artefacts`); n != 0 {
			t.Errorf("reader beside a writer sees %d rows", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context(), two, "x"); err != nil {
		t.Errorf("after the first is done: %v", err)
	}
	if err := one.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNewerSchemaIsLeftAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ringside.db")
	db := openSQLite(t, file)
	if err := db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `insert into schema_version (version_id, is_applied) values (9999, true)`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSQLite(t.Context(), file, SQLiteOptions{}); err == nil || !strings.Contains(err.Error(), "newer ringside") {
		t.Errorf("opening a database of a newer program: %v", err)
	}
}

func TestDiskFull(t *testing.T) {
	db := openSQLite(t, filepath.Join(t.TempDir(), "ringside.db"))
	err := db.Write(t.Context(), func(tx *sql.Tx) error {
		// The engine's own way to have a disk that is full now.
		if _, err := tx.ExecContext(t.Context(), `pragma max_page_count = 1`); err != nil {
			return err
		}
		for i := range 1000 {
			if _, err := tx.ExecContext(t.Context(), `insert into artefacts (sha256, size, first_seen) values ($1, 1, 1)`,
				fmt.Sprint(i, strings.Repeat("x", 4096))); err != nil {
				return err
			}
		}
		return nil
	})
	if !errors.Is(err, ErrNoSpace) {
		t.Errorf("full disk: %v, want %v", err, ErrNoSpace)
	}
	if err := diskFull(&os.PathError{Op: "write", Err: syscall.ENOSPC}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("ENOSPC: %v", err)
	}
}

// TestDatabaseGone asks a server that is not there: the answer must be to try
// again, not that the request is wrong.
func TestDatabaseGone(t *testing.T) {
	h, err := sql.Open("pgx", "postgres://nobody@127.0.0.1:1/none?connect_timeout=2")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	db := &DB{w: h, r: h, d: Postgres}
	if err := put(t.Context(), db, "x"); !errors.Is(err, ErrBusy) {
		t.Errorf("database gone: %v, want %v", err, ErrBusy)
	}
}

func TestArgs(t *testing.T) {
	var a Args
	got := "x = " + a.Add(1) + " and y in " + In(&a, []string{"p", "q"}) + " and z in " + In(&a, []int{})
	if want := "x = $1 and y in ($2,$3) and z in (null)"; got != want || len(a) != 3 {
		t.Errorf("%s with %v, want %s", got, a, want)
	}
	if got := Like(`50%_\A`, true); got != `50\%\_\\a%` {
		t.Errorf("pattern %s", got)
	}
	when := time.Date(2026, 11, 23, 1, 2, 3, 4000, time.UTC)
	if got := Time(Micros(when)); !got.Equal(when) {
		t.Errorf("time %v, want %v", got, when)
	}
	if NullTime(NullMicros(nil)) != nil || !NullTime(NullMicros(&when)).Equal(when) {
		t.Error("optional time does not come back")
	}
}
