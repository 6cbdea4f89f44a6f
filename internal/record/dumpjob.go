package record

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"ringside/internal/store"
)

// jobDump is the kind of the jobs that analyse a dump; their key is the ID of
// its receipt.
const jobDump = string(ClassDump)

// heavyAttempts is how often a dump or a recording is tried: an analysis takes
// long, and what one dies of is mostly in the artefact.
const heavyAttempts = 3

// DumpAnalyzer finds out what is in a kernel dump.
type DumpAnalyzer interface {
	// Recognize tells whether what begins with head is a kernel dump. It is
	// given up to DumpHead bytes.
	Recognize(head []byte) bool
	// AnalyzeDump reads a dump anywhere in its file. An error that another
	// attempt cannot cure is marked with [store.Permanent], and says what to do.
	AnalyzeDump(ctx context.Context, f *os.File) (*DumpAnalysis, error)
}

// DumpHead is how much of an artefact is looked at to recognise it.
const DumpHead = 64 << 10

// DefaultMaxDump is the size limit of a dump if none is configured.
const DefaultMaxDump = 16 << 30

// DumpAnalysis is what an analyzer found.
type DumpAnalysis struct {
	Summary  DumpSummary
	Document io.Reader // see [DumpDocument]
	Outline  io.Reader // see [DumpOutline]
	Log      io.Reader // see [DumpLog]; nil if the dump has none
	// Close frees what the readers stand on.
	Close func() error
}

// Bounds of what is kept of an analysis.
const (
	maxDumpDocument = 1 << 30
	maxDumpLog      = 64 << 20
)

// AnalyseDump analyses the dump of a receipt and then its log, as if the host
// had sent that too. Each step is kept when it is done, and found done by an
// attempt that follows one that ended halfway.
func (s *Service) AnalyseDump(ctx context.Context, receipt string) error {
	if s.dumps == nil {
		return store.Permanent(errors.New("this server does not analyse dumps"))
	}
	rec, err := s.promised(ctx, receipt)
	if err != nil {
		return err
	}
	got, err := s.dumpFacts(ctx, rec.SHA256)
	if err != nil {
		return err
	}
	logReceipt := ""
	if got.log != "" {
		if logReceipt, err = s.promiseLog(ctx, rec, got); err != nil {
			return fmt.Errorf("record the log of dump %s: %w", rec.SHA256, err)
		}
		if err := s.Analyse(ctx, logReceipt); err != nil {
			return fmt.Errorf("the log of dump %s: %w", rec.SHA256, err)
		}
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		sum := got.summary
		if _, err := tx.ExecContext(ctx, `update dumps set log_receipt = $2, kind = $3, title = $4, node = $5, release = $6 where id = $1`,
			rec.ID, store.NullString(logReceipt), clean(sum.Kind), clean(sum.Title), clean(sum.Node), clean(cmp.Or(sum.Release, rec.Kernel))); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `update receipts set progress = 'analysed', error = '' where id = $1`, rec.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("record the analysis of dump %s: %w", rec.SHA256, err)
	}
	s.announce()
	return nil
}

// dumpFound is what the record keeps of an analysis.
type dumpFound struct {
	summary  DumpSummary
	log      string // blob
	logSize  int64
	analyzer string
}

// dumpFacts returns what is in a dump: from the record if the rules of today
// read it, else from the dump.
func (s *Service) dumpFacts(ctx context.Context, sha string) (dumpFound, error) {
	got, err := s.loadDumpFound(ctx, sha)
	if err == nil && got.analyzer == s.rules || err != nil && !errors.Is(err, ErrNotFound) {
		return got, err
	}
	f, _, err := s.blobs.File(ctx, sha)
	if err != nil {
		return got, err
	}
	defer f.Close()
	a, err := s.dumps.AnalyzeDump(ctx, f)
	if err != nil {
		return got, err
	}
	defer func() {
		if err := a.Close(); err != nil {
			s.log.Warn("cannot clean up behind the analysis of a dump", "sha256", sha, "error", err)
		}
	}()
	return s.keepDump(ctx, sha, a)
}

func (s *Service) loadDumpFound(ctx context.Context, sha string) (got dumpFound, err error) {
	var text string
	err = s.db.View(ctx, func(q store.Querier) error {
		return q.QueryRowContext(ctx, `select analyzer, log, log_size, summary from dump_documents where sha256 = $1`, sha).
			Scan(&got.analyzer, &got.log, &got.logSize, &text)
	})
	if err == nil {
		err = fromJSON(text, &got.summary)
	}
	if err != nil {
		return got, fmt.Errorf("document of dump %s: %w", sha, found(err))
	}
	return got, nil
}

// keepDump makes what was found durable.
func (s *Service) keepDump(ctx context.Context, sha string, a *DumpAnalysis) (dumpFound, error) {
	got := dumpFound{summary: a.Summary, analyzer: s.rules}
	fail := func(what string, err error) (dumpFound, error) {
		return got, fmt.Errorf("keep the %s of dump %s: %w", what, sha, err)
	}
	document, _, err := s.blobs.Put(ctx, a.Document, maxDumpDocument)
	if err != nil {
		return fail("document", err)
	}
	outline, _, err := s.blobs.Put(ctx, a.Outline, maxDumpDocument)
	if err != nil {
		return fail("outline", err)
	}
	if a.Log != nil {
		ref, _, err := s.blobs.Put(ctx, a.Log, maxDumpLog)
		if err != nil {
			return fail("log", err)
		}
		got.log, got.logSize = ref.SHA256, ref.Size
	}
	summary, err := toJSON(a.Summary)
	if err != nil {
		return fail("summary", err)
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `
			insert into dump_documents (sha256, analyzer, document, outline, log, log_size, summary, analysed_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8)
			on conflict (sha256) do update set analyzer = excluded.analyzer, document = excluded.document, outline = excluded.outline,
				log = excluded.log, log_size = excluded.log_size, summary = excluded.summary, analysed_at = excluded.analysed_at`,
			sha, s.rules, document.SHA256, outline.SHA256, got.log, got.logSize, summary, store.Micros(s.now())); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `update artefacts set type = $2 where sha256 = $1`, sha, "kernel dump ("+a.Summary.Format+")")
		return err
	})
	if err != nil {
		return fail("analysis", err)
	}
	return got, nil
}

// promiseLog gives the log of a dump a receipt of its own. Whose the log is and
// when it ended is what the sender said, else what the dump says. Nothing is
// queued: the job at hand analyses it.
func (s *Service) promiseLog(ctx context.Context, rec Receipt, got dumpFound) (string, error) {
	m := Meta{Host: normalHost(got.summary.Node), Kernel: rec.Kernel, Source: "dump", Filename: "log of " + cmp.Or(rec.Filename, "dump"),
		ReceivedAt: rec.ReceivedAt, Demo: rec.Demo}
	if !namesHost(m.Host) {
		m.Host = ""
	}
	if rec.Host != nil {
		m.Host = rec.Host.Name
	}
	if len(m.Filename) > 255 {
		m.Filename = "log of a dump"
	}
	if rec.CollectedAt != nil {
		m.CollectedAt = *rec.CollectedAt
	}
	if at := got.summary.StoppedAt; at != nil && plausible(*at, rec.ReceivedAt) {
		m.CollectedAt = at.UTC().Truncate(time.Microsecond) // the kernel's clock when it stopped
	}
	var id string
	err := s.db.Write(ctx, func(tx *sql.Tx) (err error) {
		if id, _, err = s.receipt(ctx, tx, store.Ref{SHA256: got.log, Size: got.logSize}, m); err != nil {
			return err
		}
		// Already now, so that who gives up knows whose receipt it is.
		_, err = tx.ExecContext(ctx, `update dumps set log_receipt = $2 where id = $1`, rec.ID, id)
		return err
	})
	return id, err
}
