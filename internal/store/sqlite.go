package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// SQLiteOptions tune the embedded engine. The zero value is ready to use.
type SQLiteOptions struct {
	// BusyTimeout is how long a writer waits for another process that holds
	// the database. 0 means 10 s.
	BusyTimeout time.Duration
	// Readers is the size of the read pool. 0 means 4 per CPU.
	Readers int
}

// OpenSQLite opens the database file, creating it and its folder if needed.
func OpenSQLite(ctx context.Context, file string, o SQLiteOptions) (*DB, error) {
	if o.BusyTimeout <= 0 {
		o.BusyTimeout = 10 * time.Second
	}
	if o.Readers <= 0 {
		o.Readers = 4 * runtime.GOMAXPROCS(0)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("create the folder of the database: %w", diskFull(err))
	}
	// What crashed machines said may hold secrets: the file is its owner's
	// alone, and SQLite gives its companions the same mode.
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", diskFull(err))
	}
	f.Close()
	w, err := sql.Open("sqlite", sqliteDSN(file, o, "immediate", "journal_mode(wal)", "synchronous(full)"))
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", file, err)
	}
	// One connection: writers of this process wait for it in the order they
	// came, instead of racing for the file lock and starving.
	w.SetMaxOpenConns(1)
	r, err := sql.Open("sqlite", sqliteDSN(file, o, "deferred", "query_only(1)", "cache_size(-16384)"))
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("open database %s: %w", file, err)
	}
	r.SetMaxOpenConns(o.Readers)
	r.SetMaxIdleConns(o.Readers)

	db, err := New(ctx, w, r, SQLite)
	if err != nil {
		r.Close()
		w.Close()
		return nil, fmt.Errorf("open database %s: %w", file, err)
	}
	return db, nil
}

// sqliteDSN names the file in a way that no character of its path can be taken
// for a parameter.
func sqliteDSN(file string, o SQLiteOptions, lock string, pragmas ...string) string {
	q := url.Values{"_txlock": {lock}, "_dqs": {"0"}}
	for _, p := range append(pragmas,
		fmt.Sprintf("busy_timeout(%d)", o.BusyTimeout.Milliseconds()),
		"foreign_keys(1)", "trusted_schema(0)") {
		q.Add("_pragma", p)
	}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath(), RawQuery: q.Encode()}
	return u.String()
}
