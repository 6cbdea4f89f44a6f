package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"ringside/crash"
	"ringside/internal/store"
)

// Analyse reads a receipt's artefact and writes what it says into the record,
// in one transaction. Whatever an earlier analysis of the receipt wrote is
// replaced, and the counts are corrected, so that it may run any number of times.
func (s *Service) Analyse(ctx context.Context, receipt string) error {
	rec, err := s.promised(ctx, receipt)
	if err != nil {
		return err
	}
	doc, fresh, err := s.document(ctx, rec.SHA256)
	if err != nil {
		return err
	}
	boots := readBoots(doc, rec)
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if fresh {
			if err := s.keepDocument(ctx, tx, rec.SHA256, doc); err != nil {
				return err
			}
		}
		b := s.newBatch(ctx, tx)
		if err := b.replace(rec, boots); err != nil {
			return err
		}
		if err := b.flush(); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `update receipts set progress = 'analysed', error = '' where id = $1`, rec.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("record the analysis of %s: %w", rec.SHA256, err)
	}
	s.queue.Wake() // new signatures ask for a look at what they resemble
	s.announce()
	return nil
}

// gaveUp marks the receipt of an analysis that will not be tried again.
func (s *Service) gaveUp(ctx context.Context, j store.Job, cause error) {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `update receipts set progress = 'failed', error = $2
			where (id = $1 or id = (select log_receipt from dumps where id = $1)) and progress = 'pending'`,
			j.Key, cause.Error())
		return err
	})
	if err != nil {
		s.log.Error("cannot mark a receipt as failed", "receipt", j.Key, "error", err)
	}
	s.announce()
}

// document returns what is in an artefact: from the record if the rules of
// today read it, else from its bytes, and then fresh is true.
func (s *Service) document(ctx context.Context, sha string) (doc *crash.Document, fresh bool, err error) {
	doc, rules, err := s.loadDocument(ctx, sha)
	if err == nil && rules == s.rules {
		return doc, false, nil
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, false, err
	}
	raw, _, err := s.blobs.Open(ctx, sha)
	if err != nil {
		return nil, false, err
	}
	defer raw.Close()
	src := &faultRecorder{r: raw}
	doc, err = s.read(ctx, src)
	switch {
	case ctx.Err() != nil:
		return nil, false, ctx.Err()
	case src.err != nil:
		// Our storage failed, which says nothing about the input.
		return nil, false, src.err
	case doc == nil && err == nil:
		return nil, false, store.Permanent(errors.New("the analyzer returned nothing"))
	case doc == nil:
		// Not a log at all, or one that cannot even be opened. The record
		// says so instead of trying again.
		doc = &crash.Document{Schema: crash.SchemaID, Input: crash.Input{Transports: map[string]int64{}},
			Boots: []crash.Boot{}, Reports: []crash.Report{}, Notes: []crash.Note{{Text: err.Error()}}}
	}
	if len(doc.Reports) > maxReports {
		doc.Notes = append(doc.Notes, crash.Note{
			Text: fmt.Sprintf("%d reports were found; the first %d are kept", len(doc.Reports), maxReports),
			Line: doc.Reports[maxReports].Lines.First, Span: doc.Reports[maxReports].Span,
		})
		doc.Reports = doc.Reports[:maxReports]
	}
	return doc, true, nil
}

// maxReports bounds the reports kept of one artefact: a log of a machine that
// warned all night is not worth more.
const maxReports = 1000

func (s *Service) read(ctx context.Context, r io.Reader) (*crash.Document, error) {
	text, err := s.open(r)
	if err != nil {
		return nil, err
	}
	if c, ok := text.(io.Closer); ok {
		defer c.Close()
	}
	return s.analyzer.Analyze(ctx, text)
}

// faultRecorder remembers an error of the storage below an analysis, which the
// layers between may have worded anew or taken for the end of the input.
type faultRecorder struct {
	r   io.Reader
	err error
}

func (f *faultRecorder) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

func (s *Service) loadDocument(ctx context.Context, sha string) (*crash.Document, string, error) {
	var text, rules string
	err := s.db.View(ctx, func(q store.Querier) error {
		return q.QueryRowContext(ctx, `select document, analyzer from documents where sha256 = $1`, sha).Scan(&text, &rules)
	})
	if err != nil {
		return nil, "", fmt.Errorf("document of %s: %w", sha, found(err))
	}
	var doc crash.Document
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return nil, "", fmt.Errorf("document of %s: %w", sha, err)
	}
	return &doc, rules, nil
}

func (s *Service) keepDocument(ctx context.Context, tx *sql.Tx, sha string, doc *crash.Document) error {
	text, err := toJSON(doc)
	if err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	if _, err = tx.ExecContext(ctx, `
		insert into documents (sha256, analyzer, document, analysed_at) values ($1, $2, $3, $4)
		on conflict (sha256) do update set analyzer = excluded.analyzer, document = excluded.document, analysed_at = excluded.analysed_at`,
		sha, s.rules, text, store.Micros(s.now())); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `update artefacts set type = $2 where sha256 = $1`, sha, documentType(doc))
	return err
}

// documentType names what an artefact was recognised as: the transport that
// most of its lines came by, or "unknown" where nothing of it is a kernel's.
func documentType(doc *crash.Document) string {
	counts := maps.Clone(doc.Input.Transports)
	delete(counts, "plain") // any text at all
	best := ""
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if counts[name] > 0 && (best == "" || counts[name] > counts[best]) {
			best = name
		}
	}
	switch {
	case best != "":
		return "kernel log (" + best + ")"
	case len(doc.Reports) > 0:
		return "kernel log"
	}
	return "unknown"
}
