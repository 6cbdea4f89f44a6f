// Package artefact recognises and opens any input by its content.
//
// [Open] looks at the first bytes, expands gzip, xz, zstd and bzip2 (also one
// inside the other) and says what the expanded bytes are: a kernel log, a
// dump, a perf.data, a configuration and so on. File names are never asked.
//
// All expansion goes through one limiter: a few hundred kilobytes can claim to
// be terabytes, and a decoder's own memory option does not stop that. What was
// delivered before a limit, a damage or a premature end stays valid; the error
// behind it is a typed [*Error] that says where.
package artefact
