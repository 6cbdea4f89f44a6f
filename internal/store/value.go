package store

import (
	"crypto/rand"
	"database/sql"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// NewID returns a new identifier: a ULID, which sorts by the time given.
func NewID(t time.Time) string {
	return ulid.MustNew(ulid.Timestamp(t), rand.Reader).String()
}

// Micros turns a time into what the database keeps.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// Time turns what the database keeps into a time in UTC.
func Time(us int64) time.Time { return time.UnixMicro(us).UTC() }

// NullMicros is Micros for a time that may be absent.
func NullMicros(t *time.Time) sql.Null[int64] {
	if t == nil || t.IsZero() {
		return sql.Null[int64]{}
	}
	return sql.Null[int64]{V: t.UnixMicro(), Valid: true}
}

// NullTime is Time for a time that may be absent.
func NullTime(us sql.Null[int64]) *time.Time {
	if !us.Valid {
		return nil
	}
	t := Time(us.V)
	return &t
}

// NullString keeps an empty string as null, for optional references.
func NullString(s string) sql.Null[string] { return sql.Null[string]{V: s, Valid: s != ""} }

// Args collects the arguments of a statement that is put together from parts.
// Add and In return the placeholders to write where the values belong.
type Args []any

// Add appends a value and returns its placeholder.
func (a *Args) Add(v any) string {
	*a = append(*a, v)
	return "$" + strconv.Itoa(len(*a))
}

// In appends the values and returns "($3,$4,…)". Without values it returns a
// list that nothing is in.
func In[T any](a *Args, values []T) string {
	if len(values) == 0 {
		return "(null)"
	}
	var b strings.Builder
	b.WriteByte('(')
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(a.Add(v))
	}
	b.WriteByte(')')
	return b.String()
}

// Like returns a pattern for "like … escape '\'" that finds s anywhere in a
// lower-case text, or at its start if prefix.
func Like(s string, prefix bool) string {
	s = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(s))
	if prefix {
		return s + "%"
	}
	return "%" + s + "%"
}
