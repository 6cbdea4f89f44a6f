package record

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"

	"ringside/internal/store"
)

// jobRecording is the kind of the jobs that analyse a recording; their key is
// the ID of its receipt.
const jobRecording = string(ClassRecording)

// RecordingAnalyzer finds out what is in a profile or a trace.
type RecordingAnalyzer interface {
	// Recognize tells whether what begins with head is a recording. It is given
	// up to DumpHead bytes.
	Recognize(head []byte) bool
	// AnalyzeRecording reads a recording anywhere in its file. An error that
	// another attempt cannot cure is marked with [store.Permanent], and says what
	// to do.
	AnalyzeRecording(ctx context.Context, f *os.File) (*RecordingAnalysis, error)
}

// RecordingAnalysis is what an analyzer found.
type RecordingAnalysis struct {
	Summary  RecordingSummary
	Document io.Reader // see [RecordingDocument]
	Profile  io.Reader // see [RecordingProfile]; nil of a trace
	Picture  io.Reader // see [RecordingPicture]
	// Close frees what the readers stand on.
	Close func() error
}

// AnalyseRecording analyses the recording of a receipt. What was found is kept
// by content: a recording that was sent twice is read once.
func (s *Service) AnalyseRecording(ctx context.Context, receipt string) error {
	if s.recordings == nil {
		return store.Permanent(errors.New("this server does not analyse recordings"))
	}
	rec, err := s.promised(ctx, receipt)
	if err != nil {
		return err
	}
	sum, err := s.recordingFacts(ctx, rec.SHA256)
	if err != nil {
		return err
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `update recordings set kind = $2, title = $3, node = $4, release = $5 where id = $1`,
			rec.ID, sum.Kind, clean(sum.Title), clean(sum.Node), clean(cmp.Or(sum.Release, rec.Kernel))); err != nil {
			return err
		}
		if err := s.recordedOn(ctx, tx, rec, sum); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `update receipts set progress = 'analysed', error = '' where id = $1`, rec.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("record the analysis of recording %s: %w", rec.SHA256, err)
	}
	s.announce()
	return nil
}

// recordedOn makes the recorded kernel known, and gives a receipt the host that
// the recording names, where the sender named none. When the host ran that kernel
// is not said: a recording may be sent long after.
func (s *Service) recordedOn(ctx context.Context, tx *sql.Tx, rec Receipt, sum RecordingSummary) error {
	if _, err := upsertKernel(ctx, tx, kernelFacts{release: cmp.Or(sum.Release, rec.Kernel), arch: sum.Arch, at: rec.ReceivedAt, demo: rec.Demo}); err != nil {
		return err
	}
	name := normalHost(sum.Node)
	if rec.Host != nil || !namesHost(name) {
		return nil
	}
	host, err := upsertHost(ctx, tx, hostFacts{name: name, at: rec.ReceivedAt, demo: rec.Demo})
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `update receipts set host_id = $2 where id = $1 and host_id is null`, rec.ID, host)
	return err
}

// namesHost tells whether what a machine called itself tells it from others.
func namesHost(name string) bool {
	switch name {
	case "", "localhost", "(none)":
		return false
	}
	return len(name) <= 253 && printable(name)
}

// recordingFacts returns what is in a recording: from the record if the rules
// of today read it, else from the recording.
func (s *Service) recordingFacts(ctx context.Context, sha string) (sum RecordingSummary, err error) {
	var text, analyzer string
	err = s.db.View(ctx, func(q store.Querier) error {
		return q.QueryRowContext(ctx, `select analyzer, summary from recording_documents where sha256 = $1`, sha).Scan(&analyzer, &text)
	})
	switch {
	case err == nil && analyzer == s.rules:
		return sum, fromJSON(text, &sum)
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return sum, fmt.Errorf("document of recording %s: %w", sha, err)
	}
	f, _, err := s.blobs.File(ctx, sha)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	a, err := s.recordings.AnalyzeRecording(ctx, f)
	if err != nil {
		return sum, err
	}
	defer func() {
		if err := a.Close(); err != nil {
			s.log.Warn("cannot clean up behind the analysis of a recording", "sha256", sha, "error", err)
		}
	}()
	return a.Summary, s.keepRecording(ctx, sha, a)
}

// keepRecording makes what was found durable.
func (s *Service) keepRecording(ctx context.Context, sha string, a *RecordingAnalysis) error {
	keep := func(what string, r io.Reader) (string, error) {
		if r == nil {
			return "", nil
		}
		ref, _, err := s.blobs.Put(ctx, r, maxDumpDocument)
		if err != nil {
			return "", fmt.Errorf("keep the %s of recording %s: %w", what, sha, err)
		}
		return ref.SHA256, nil
	}
	document, err := keep("document", a.Document)
	if err != nil {
		return err
	}
	profile, err := keep("profile", a.Profile)
	if err != nil {
		return err
	}
	page, err := keep("picture", a.Picture)
	if err != nil {
		return err
	}
	summary, err := toJSON(a.Summary)
	if err != nil {
		return fmt.Errorf("summary of recording %s: %w", sha, err)
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `
			insert into recording_documents (sha256, analyzer, document, profile, page, summary, analysed_at)
			values ($1, $2, $3, $4, $5, $6, $7)
			on conflict (sha256) do update set analyzer = excluded.analyzer, document = excluded.document, profile = excluded.profile,
				page = excluded.page, summary = excluded.summary, analysed_at = excluded.analysed_at`,
			sha, s.rules, document, profile, page, summary, store.Micros(s.now())); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `update artefacts set type = $2 where sha256 = $1`, sha, a.Summary.Kind+" ("+a.Summary.Format+")")
		return err
	})
	if err != nil {
		return fmt.Errorf("keep the analysis of recording %s: %w", sha, err)
	}
	return nil
}
