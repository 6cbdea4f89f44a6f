// Package store keeps what the record must not lose: rows in an SQL database,
// raw artefacts in a blob store, and the jobs that are still to be done.
//
// # Two engines, one SQL text
//
// Every statement of Ringside runs unchanged on SQLite, which is embedded and
// the default, and on PostgreSQL 15 or newer, for those who outgrow one
// machine. That holds because the statements keep to what both know:
//
//   - $1 placeholders; lists are expanded by [In]
//   - times are bigint microseconds since 1970, set in Go ([Micros], [Time])
//   - identifiers are made in Go ([NewID]), never by a sequence
//   - JSON is text, and its inside is not queried
//   - lower(x) like …, never ilike; no full-text index; no greatest or least;
//     no engine's own functions
//   - insert … on conflict … do update … returning, row values, window
//     functions and recursive queries are fine on both
//
// What is left is the handful of methods of [Dialect]. The conformance tests
// run on both engines.
//
// # Durability
//
// SQLite runs with a write-ahead log and synchronous=FULL: a transaction is on
// the disk when [DB.Write] returns. [Blobs] syncs the file and its directory
// before it returns. An acknowledged delivery therefore survives a killed
// process and a power cut.
//
// SQLite allows one writer at a time. [DB] has one write handle, which queues
// writers in the process instead of letting them fail on the lock, and a pool
// of readers, which the write-ahead log never blocks.
package store
