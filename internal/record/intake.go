package record

import (
	"bufio"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"ringside/internal/store"
)

// jobAnalyse is the kind of the jobs that analyse a receipt; their key is its ID.
const jobAnalyse = "analyse"

// Intake keeps an artefact and queues its analysis. When it returns without an
// error the artefact is durable: first the bytes, then one transaction with the
// receipt and the job. The same content from the same host again returns the
// first receipt, marked as duplicate.
func (s *Service) Intake(ctx context.Context, r io.Reader, m Meta) (Receipt, error) {
	m, err := s.checkMeta(m)
	if err != nil {
		return Receipt{}, err
	}
	in := bufio.NewReaderSize(r, DumpHead)
	head, err := in.Peek(DumpHead)
	if errors.Is(err, io.EOF) {
		if len(head) == 0 {
			return Receipt{}, ErrEmpty
		}
		err = nil // a short artefact ends within
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("read the artefact: %w", err)
	}
	class := s.classify(head)
	if err := s.takes(m.Class, class); err != nil {
		return Receipt{}, err
	}
	limit := s.most(class)
	ref, _, err := s.blobs.PutExpected(ctx, in, limit, m.SHA256)
	switch {
	case errors.Is(err, store.ErrTooLarge):
		return Receipt{}, fmt.Errorf("%w: the limit is %d bytes; %s", ErrTooLarge, limit, smaller(class))
	case errors.Is(err, store.ErrUnexpected):
		return Receipt{}, fmt.Errorf("%w; send it again: %w", ErrMismatch, err)
	case err != nil:
		return Receipt{}, fmt.Errorf("keep the artefact: %w", err)
	}
	return s.keep(ctx, ref, m, class)
}

// IntakeKnown keeps a delivery of an artefact whose content is here already,
// which [Meta.SHA256] names: who sends gigabytes can ask before. ErrNotFound
// means that the content has to be sent.
func (s *Service) IntakeKnown(ctx context.Context, m Meta) (Receipt, error) {
	m, err := s.checkMeta(m)
	if err != nil {
		return Receipt{}, err
	}
	var (
		ref   = store.Ref{SHA256: m.SHA256}
		class Class
	)
	err = s.db.View(ctx, func(q store.Querier) error {
		return q.QueryRowContext(ctx, `select a.size,
			`+classExpr("r.sha256 = a.sha256")+`
			from artefacts a where a.sha256 = $1`, m.SHA256).Scan(&ref.Size, &class)
	})
	if err != nil || m.Class != ClassLog && m.Class != class {
		return Receipt{}, fmt.Errorf("artefact %s: %w", m.SHA256, found(cmp.Or(err, sql.ErrNoRows)))
	}
	f, size, err := s.blobs.File(ctx, m.SHA256)
	if err == nil {
		f.Close()
	}
	if err != nil || size != ref.Size {
		return Receipt{}, fmt.Errorf("artefact %s: %w", m.SHA256, ErrNotFound) // sending it heals the store
	}
	return s.keep(ctx, ref, m, class)
}

// keep promises what is in the blob store.
func (s *Service) keep(ctx context.Context, ref store.Ref, m Meta, class Class) (Receipt, error) {
	var (
		id  string
		dup bool
	)
	err := s.db.Write(ctx, func(tx *sql.Tx) (err error) {
		id, dup, err = s.promise(ctx, tx, ref, m, class)
		return err
	})
	if err != nil {
		return Receipt{}, fmt.Errorf("record the artefact: %w", err)
	}
	s.wake()
	rec, err := s.Receipt(ctx, id)
	rec.Duplicate = dup
	return rec, err
}

// promise writes what an acknowledged delivery stands on.
func (s *Service) promise(ctx context.Context, tx *sql.Tx, ref store.Ref, m Meta, class Class) (id string, dup bool, err error) {
	id, dup, err = s.receipt(ctx, tx, ref, m)
	if err != nil || dup {
		return id, dup, err
	}
	return id, false, s.enqueue(ctx, tx, id, class, m)
}

// receipt returns the receipt of an artefact from a host, making it if this is
// the first of it.
func (s *Service) receipt(ctx context.Context, tx *sql.Tx, ref store.Ref, m Meta) (id string, dup bool, err error) {
	if _, err := tx.ExecContext(ctx, `insert into artefacts (sha256, size, first_seen) values ($1, $2, $3)
		on conflict (sha256) do nothing`, ref.SHA256, ref.Size, store.Micros(m.ReceivedAt)); err != nil {
		return "", false, err
	}
	// Without a change, and so without a lock, if the host sent this before.
	err = tx.QueryRowContext(ctx, `select id from receipts where sha256 = $1 and host_name = $2`, ref.SHA256, m.Host).Scan(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err == nil, err
	}
	var host string
	if m.Host != "" {
		if host, err = upsertHost(ctx, tx, hostFacts{name: m.Host, at: m.ReceivedAt, demo: m.Demo}); err != nil {
			return "", false, err
		}
	}
	offered := store.NewID(m.ReceivedAt)
	var collected *time.Time
	if !m.CollectedAt.IsZero() {
		collected = &m.CollectedAt
	}
	// Two deliveries of the same may race to here; the second finds the first.
	err = tx.QueryRowContext(ctx, `
		insert into receipts (id, sha256, host_name, host_id, kernel, source, filename, received_at, collected_at, progress, demo)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', $10)
		on conflict (sha256, host_name) do update set host_name = excluded.host_name
		returning id`,
		offered, ref.SHA256, m.Host, store.NullString(host), m.Kernel, m.Source, m.Filename,
		store.Micros(m.ReceivedAt), store.NullMicros(collected), m.Demo).Scan(&id)
	return id, id != offered, err
}

// maxClockSkew is how far a host's clock may run ahead before what it says
// about time is not believed.
const maxClockSkew = 24 * time.Hour

// checkMeta returns what the sender says in the form that is kept.
func (s *Service) checkMeta(m Meta) (Meta, error) {
	m.Host = normalHost(m.Host)
	m.Kernel, m.Source, m.Filename = strings.TrimSpace(m.Kernel), strings.TrimSpace(m.Source), strings.TrimSpace(m.Filename)
	for _, f := range []struct {
		name, value string
		most        int
	}{{"host", m.Host, 253}, {"kernel", m.Kernel, 128}, {"source", m.Source, 64}, {"filename", m.Filename, 255}} {
		if len(f.value) > f.most {
			return m, fmt.Errorf("%s: %w: it has %d bytes and may have %d", f.name, ErrInvalid, len(f.value), f.most)
		}
		if !printable(f.value) {
			return m, fmt.Errorf("%s %q: %w: it holds characters that cannot be printed", f.name, f.value, ErrInvalid)
		}
	}
	if strings.ContainsAny(m.Host, " /\\") {
		return m, fmt.Errorf("host %q: %w: a host name has no spaces or slashes", m.Host, ErrInvalid)
	}
	if m.SHA256 = strings.ToLower(m.SHA256); m.SHA256 != "" && !store.ValidSHA256(m.SHA256) {
		return m, fmt.Errorf("sha256 %q: %w: it has 64 hexadecimal digits", m.SHA256, ErrInvalid)
	}
	if m.ReceivedAt.IsZero() {
		m.ReceivedAt = s.now()
	}
	m.ReceivedAt = m.ReceivedAt.UTC().Truncate(time.Microsecond)
	m.CollectedAt = m.CollectedAt.UTC().Truncate(time.Microsecond)
	if !plausible(m.CollectedAt, m.ReceivedAt) {
		m.CollectedAt = time.Time{} // a clock that is off; our own is good enough
	}
	return m, nil
}

// plausible tells whether a clock can have shown t for something that reached
// us at received.
func plausible(t, received time.Time) bool {
	return t.Year() >= 1995 && t.Before(received.Add(maxClockSkew))
}

func printable(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return false
		}
	}
	return true
}

// normalHost is the one spelling of a host's name: DNS does not tell case, and
// neither do we.
func normalHost(name string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
}
