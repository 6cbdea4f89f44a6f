package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

// Querier is what a database handle and a transaction have in common.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// DB is the database of the record.
type DB struct {
	w, r *sql.DB
	d    Dialect
}

// New returns a DB over handles that are already open: one that writes and one
// that reads, which may be the same. It brings the schema up to date.
func New(ctx context.Context, w, r *sql.DB, d Dialect) (*DB, error) {
	db := &DB{w: w, r: r, d: d}
	if err := db.migrate(ctx); err != nil {
		return nil, err
	}
	return db, nil
}

// Dialect returns the engine's dialect.
func (db *DB) Dialect() Dialect { return db.d }

// Close closes the handles.
func (db *DB) Close() error {
	if db.w == db.r {
		return db.w.Close()
	}
	return errors.Join(db.r.Close(), db.w.Close())
}

// Ping tells whether the database answers reads and writes.
func (db *DB) Ping(ctx context.Context) error {
	err := db.Write(ctx, func(*sql.Tx) error { return nil })
	if err == nil {
		err = db.View(ctx, func(q Querier) error {
			var one int
			return q.QueryRowContext(ctx, "select 1").Scan(&one)
		})
	}
	return err
}

// retries is how often a transaction is run again that lost against another.
const retries = 5

// Write runs fn in a transaction and commits it if fn returns nil. The
// transaction is durable when Write returns. fn may run more than once.
func (db *DB) Write(ctx context.Context, fn func(tx *sql.Tx) error) error {
	for try := 0; ; try++ {
		err := db.once(ctx, db.w, nil, fn)
		if err == nil || !db.d.Retry(err) || try == retries || ctx.Err() != nil {
			return classify(db.d, err)
		}
	}
}

// View runs fn in a transaction that reads one state of the database.
func (db *DB) View(ctx context.Context, fn func(q Querier) error) error {
	return classify(db.d, db.once(ctx, db.r, db.d.ReadTx(), func(tx *sql.Tx) error { return fn(tx) }))
}

func (db *DB) once(ctx context.Context, h *sql.DB, o *sql.TxOptions, fn func(tx *sql.Tx) error) error {
	tx, err := h.BeginTx(ctx, o)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer tx.Rollback() // after a commit it does nothing
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	return nil
}

//go:embed migrations/*.sql
var migrations embed.FS

func (db *DB) migrate(ctx context.Context) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	dialect, options, err := db.d.migrations()
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(dialect, db.w, dir, append(options,
		goose.WithDisableGlobalRegistry(true), goose.WithTableName("schema_version"))...)
	if err != nil {
		return fmt.Errorf("read the schema's migrations: %w", err)
	}
	// A newer Ringside has been here: its rows may mean things that this one
	// does not know, so it must not write.
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", classify(db.d, err))
	}
	known := p.ListSources()
	if newest := known[len(known)-1].Version; have > newest {
		return fmt.Errorf("the database has schema version %d and this program knows up to %d: start a newer ringside", have, newest)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring the schema up to date: %w", classify(db.d, err))
	}
	return nil
}

// Collect reads all rows of a query with scan.
func Collect[T any](ctx context.Context, q Querier, query string, args []any, scan func(scan func(...any) error) (T, error)) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []T{}
	for rows.Next() {
		v, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// Now is the time the database keeps: now, in UTC, to the microsecond.
func Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
