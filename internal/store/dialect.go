package store

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Dialect is everything in which the engines differ.
type Dialect interface {
	// Name is "sqlite" or "postgres".
	Name() string
	// SkipLocked ends a select so that it locks its rows and passes over those
	// that another transaction holds.
	SkipLocked() string
	// ForUpdate ends a select so that it locks its rows.
	ForUpdate() string
	// ReadTx are the options of a transaction that reads one state of the
	// database throughout.
	ReadTx() *sql.TxOptions
	// Busy tells whether the error means that the same may succeed later: the
	// database is locked, out of connections, or starting.
	Busy(error) bool
	// Full tells whether the error means that no space is left.
	Full(error) bool
	// Retry tells whether the error ended a transaction that can be run again
	// at once: a deadlock or a serialization failure.
	Retry(error) bool

	// migrations says how goose keeps the schema's version, and how nodes that
	// start together keep out of each other's way.
	migrations() (goose.Dialect, []goose.ProviderOption, error)
}

// SQLite is the dialect of the embedded engine.
var SQLite Dialect = sqliteDialect{}

// Postgres is the dialect of PostgreSQL and what speaks its language.
var Postgres Dialect = postgresDialect{}

type sqliteDialect struct{}

func (sqliteDialect) Name() string           { return "sqlite" }
func (sqliteDialect) SkipLocked() string     { return "" } // one writer: nobody else holds a row
func (sqliteDialect) ForUpdate() string      { return "" }
func (sqliteDialect) ReadTx() *sql.TxOptions { return &sql.TxOptions{ReadOnly: true} }
func (sqliteDialect) Retry(error) bool       { return false }

func (sqliteDialect) migrations() (goose.Dialect, []goose.ProviderOption, error) {
	return goose.DialectSQLite3, nil, nil
}

// primaryCode strips the extended part of an SQLite result code.
func primaryCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

func (sqliteDialect) Busy(err error) bool {
	c := primaryCode(err)
	return c == sqlite3.SQLITE_BUSY || c == sqlite3.SQLITE_LOCKED
}

func (sqliteDialect) Full(err error) bool { return primaryCode(err) == sqlite3.SQLITE_FULL }

type postgresDialect struct{}

func (postgresDialect) Name() string       { return "postgres" }
func (postgresDialect) SkipLocked() string { return " for update skip locked" }
func (postgresDialect) ForUpdate() string  { return " for update" }
func (postgresDialect) ReadTx() *sql.TxOptions {
	return &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}
}

func (postgresDialect) migrations() (goose.Dialect, []goose.ProviderOption, error) {
	l, err := lock.NewPostgresSessionLocker()
	return goose.DialectPostgres, []goose.ProviderOption{goose.WithSessionLocker(l)}, err
}

// sqlState returns PostgreSQL's error code without naming a driver.
func sqlState(err error) string {
	var e interface{ SQLState() string }
	if errors.As(err, &e) {
		return e.SQLState()
	}
	return ""
}

func (postgresDialect) Busy(err error) bool {
	switch sqlState(err) {
	case "53300", "55P03", "57P01", "57P03", "40001", "40P01":
		// too many connections, lock not available, shutting down, starting
		// up, and what Retry has given up on
		return true
	}
	// Class 08 and the driver's own errors: the server is not there just now.
	_, network := errors.AsType[*net.OpError](err)
	return network || strings.HasPrefix(sqlState(err), "08") || errors.Is(err, driver.ErrBadConn)
}

func (postgresDialect) Full(err error) bool { return sqlState(err) == "53100" }

func (postgresDialect) Retry(err error) bool {
	s := sqlState(err)
	return s == "40001" || s == "40P01"
}
