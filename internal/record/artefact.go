package record

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"time"

	"ringside/internal/store"
)

// Artefact is a raw input as it arrived: immutable, named by its content.
type Artefact struct {
	SHA256    string    `json:"sha256"`
	Size      int64     `json:"size"`
	Type      string    `json:"type" doc:"What the content was recognised as; empty until analysed"`
	FirstSeen time.Time `json:"first_seen"`
	Analysed  bool      `json:"analysed"`
	Receipts  []Receipt `json:"receipts" nullable:"false" doc:"Each delivery of this content, newest first, at most 100; their crashes are listed below"`
	Crashes   []Crash   `json:"crashes" nullable:"false" doc:"The crashes found in it, newest first, at most 100"`
}

// Artefact returns what is known about an artefact.
func (s *Service) Artefact(ctx context.Context, sha256 string) (*Artefact, error) {
	var a Artefact
	err := s.db.View(ctx, func(q store.Querier) error {
		var first int64
		err := q.QueryRowContext(ctx, `select a.sha256, a.size, a.type, a.first_seen,
			exists (select 1 from documents d where d.sha256 = a.sha256) from artefacts a where a.sha256 = $1`, sha256).
			Scan(&a.SHA256, &a.Size, &a.Type, &first, &a.Analysed)
		if err != nil {
			return err
		}
		a.FirstSeen = store.Time(first)
		a.Receipts, err = store.Collect(ctx, q, `select `+receiptColumns+receiptTables+
			`where r.sha256 = $1 order by r.received_at desc, r.id desc limit 100`, []any{sha256}, scanReceipt)
		if err != nil {
			return err
		}
		a.Crashes, err = listCrashes(ctx, q, `where c.sha256 = $1 order by c.occurred_at desc, c.id desc limit 100`, sha256)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("artefact %s: %w", sha256, found(err))
	}
	return &a, nil
}

// OpenArtefact returns an artefact's raw bytes. Reading to the end verifies
// them: a damaged artefact ends in an error.
func (s *Service) OpenArtefact(ctx context.Context, sha256 string) (io.ReadCloser, int64, error) {
	var size int64
	err := s.db.View(ctx, func(q store.Querier) error {
		return q.QueryRowContext(ctx, `select size from artefacts where sha256 = $1`, sha256).Scan(&size)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("artefact %s: %w", sha256, found(err))
	}
	return s.blobs.Open(ctx, sha256)
}

// Reanalyse queues the analysis of all receipts of an artefact again, from its
// bytes.
func (s *Service) Reanalyse(ctx context.Context, sha256 string) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		ids, err := store.Collect(ctx, tx, `select id from receipts where sha256 = $1 order by id`, []any{sha256},
			func(scan func(...any) error) (id string, err error) { return id, scan(&id) })
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return ErrNotFound
		}
		if _, err := tx.ExecContext(ctx, `delete from documents where sha256 = $1`, sha256); err != nil {
			return err
		}
		for _, table := range []string{"dump_documents", "recording_documents"} {
			if _, err := tx.ExecContext(ctx, `update `+table+` set analyzer = '' where sha256 = $1`, sha256); err != nil {
				return err
			}
		}
		for _, id := range ids {
			class, err := classOf(ctx, tx, id)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `update receipts set progress = 'pending', error = '' where id = $1`, id); err != nil {
				return err
			}
			if err := s.queue.Enqueue(ctx, tx, jobOf(class), id, "{}"); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("analyse artefact %s again: %w", sha256, err)
	}
	s.wake()
	return nil
}
