package vuln

import (
	"context"
	"io/fs"
	"sync"

	"ringside/vuln/feed"
	"ringside/vuln/index"
)

// A Database holds the records of a feed. It is never changed after it was made and may
// be used by several goroutines.
type Database struct {
	x       *index.Index
	records func() []feed.Record
	prints  func() []string // fingerprints of the records
	titles  func() map[string]int
}

// Open reads a feed: a vulns checkout, or any folder of CVE or OSV records. What could
// not be read is in Problems.
func Open(ctx context.Context, fsys fs.FS) (*Database, error) {
	f, err := feed.Read(ctx, fsys)
	if err != nil {
		return nil, err
	}
	return New(f)
}

// New makes a database of a feed that was read.
func New(f *feed.Feed) (*Database, error) {
	x, err := index.Build(f)
	if err != nil {
		return nil, err
	}
	return Load(x), nil
}

// Load makes a database of an index.
func Load(x *index.Index) *Database {
	db := &Database{x: x}
	db.records = sync.OnceValue(func() []feed.Record {
		all := make([]feed.Record, x.Len())
		for i := range all {
			all[i] = x.Record(i)
		}
		return all
	})
	db.prints = sync.OnceValue(func() []string {
		all := make([]string, x.Len())
		for i := range all {
			all[i] = x.Fingerprint(i)
		}
		return all
	})
	db.titles = sync.OnceValue(func() map[string]int {
		n := make(map[string]int, x.Len())
		for _, r := range db.records() {
			n[r.Title]++
		}
		return n
	})
	return db
}

// Digest identifies what the records say.
func (db *Database) Digest() string { return db.x.Digest() }

// Len is the number of records, with those that were rejected.
func (db *Database) Len() int { return db.x.Len() }

// Problems are what could not be read of the feed.
func (db *Database) Problems() []feed.Problem { return db.x.Problems }

// Foreign is how many records of the feed were about something else than the kernel.
func (db *Database) Foreign() int { return db.x.Foreign }

// Records returns all records in the order of their numbers. They are not to be changed.
func (db *Database) Records() []feed.Record { return db.records() }

// Record returns a CVE's record.
func (db *Database) Record(cve string) (feed.Record, bool) {
	i, ok := db.x.Find(cve)
	if !ok {
		return feed.Record{}, false
	}
	return db.x.Record(i), true
}
