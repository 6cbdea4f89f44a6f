package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"ringside/crash"
	"ringside/internal/store"
	"ringside/similar"
)

// jobStacks is the kind of the job that finds stacks for signatures of releases
// that kept none.
const jobStacks = "stacks"

const (
	// bareStep is for how many signatures one transaction finds stacks.
	bareStep = 50
	// bareTries is how many reports of a signature are looked at for one that
	// has a stack.
	bareTries = 5
)

// noticeBare asks for the stacks that an earlier release did not keep.
func (s *Service) noticeBare(ctx context.Context) error {
	const wanted = `select exists (select 1 from signatures where stack = '')
		and not exists (select 1 from jobs where kind = $1 and state in ('pending', 'running'))`
	var want bool
	if err := s.db.View(ctx, func(q store.Querier) error { return q.QueryRowContext(ctx, wanted, jobStacks).Scan(&want) }); err != nil || !want {
		return err
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		// Another process may have asked meanwhile.
		if err := tx.QueryRowContext(ctx, wanted, jobStacks).Scan(&want); err != nil || !want {
			return err
		}
		return s.queue.Enqueue(ctx, tx, jobStacks, "all", "{}")
	})
}

// fillStacks finds a stack for every signature that has none. What is left to do
// is what the table lacks, so that it goes on wherever it ended.
func (s *Service) fillStacks(ctx context.Context, j store.Job) error {
	for {
		n, err := s.fillSome(ctx, j)
		if err != nil {
			return fmt.Errorf("stacks of older signatures: %w", err)
		}
		if n == 0 {
			return nil
		}
		s.queue.Wake() // they may resemble something now
	}
}

// bareSignature is a signature without a stack, and the reports to take it from.
type bareSignature struct {
	id, family       string
	function, module string
	reports          []bareReport
}

type bareReport struct {
	sha string
	idx int
}

// fillSome finds the stacks of the next few signatures and returns of how many.
func (s *Service) fillSome(ctx context.Context, j store.Job) (int, error) {
	var sigs []bareSignature
	err := s.db.View(ctx, func(q store.Querier) (err error) {
		sigs, err = store.Collect(ctx, q, `select id, kind, function, module from signatures where stack = '' order by id limit $1`, []any{bareStep},
			func(scan func(...any) error) (b bareSignature, err error) {
				var kind string
				err = scan(&b.id, &kind, &b.function, &b.module)
				b.family = crash.Kind(kind).Family()
				return b, err
			})
		for i := range sigs {
			if err == nil {
				sigs[i].reports, err = store.Collect(ctx, q, `select c.sha256, r.idx from crash_reports r join crashes c on c.id = r.crash_id
					where r.signature_id = $1 order by r.crash_id, r.idx limit $2`, []any{sigs[i].id, bareTries},
					func(scan func(...any) error) (r bareReport, err error) { return r, scan(&r.sha, &r.idx) })
			}
		}
		return err
	})
	if err != nil || len(sigs) == 0 {
		return 0, err
	}
	stacks := make([]similar.Stack, len(sigs))
	for i := range sigs {
		if stacks[i], err = s.stackFor(ctx, &sigs[i], s.queue.Last(j)); err != nil {
			return 0, fmt.Errorf("signature %s: %w", sigs[i].id, err)
		}
	}
	return len(sigs), s.db.Write(ctx, func(tx *sql.Tx) error {
		b := s.newBatch(ctx, tx)
		for i, st := range stacks {
			text, err := toJSON(st)
			if err != nil {
				return err
			}
			// A crash that came meanwhile may have brought a stack.
			res, err := tx.ExecContext(ctx, `update signatures set stack = $2 where id = $1 and stack = ''`, sigs[i].id, text)
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil || n == 0 {
				if err != nil {
					return err
				}
				continue
			}
			if err := b.keepFrames(sigs[i].id, st); err != nil {
				return err
			}
		}
		if err := flushFrames(ctx, tx, b.frames); err != nil {
			return err
		}
		return s.queue.Progress(ctx, tx, j)
	})
}

// stackFor returns the stack of the oldest report of a signature that has one.
// Where none can be read any more, what the signature itself says must do.
func (s *Service) stackFor(ctx context.Context, b *bareSignature, settle bool) (similar.Stack, error) {
	best := similar.Stack{Family: b.family, Guilty: crash.PortableName(b.function), Module: b.module, Frames: []string{}}
	for _, at := range b.reports {
		doc, err := s.documentAsRead(ctx, at.sha, settle)
		if err != nil {
			return best, err
		}
		if doc == nil || at.idx >= len(doc.Reports) {
			continue
		}
		st, _, err := stackJSON(&doc.Reports[at.idx])
		if err != nil {
			return best, err
		}
		if len(st.Frames) > 0 {
			return st, nil
		}
	}
	return best, nil
}

// documentAsRead returns the document that a record's rows were made from; one
// that is not kept is read again. nil: it cannot be read any more.
func (s *Service) documentAsRead(ctx context.Context, sha string, settle bool) (*crash.Document, error) {
	doc, _, err := s.loadDocument(ctx, sha)
	if errors.Is(err, ErrNotFound) {
		doc, _, err = s.document(ctx, sha)
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && s.lost(ctx, err, settle):
		s.log.Warn("an artefact cannot be read again; its signature is compared by what it blames", "artefact", sha, "error", err)
		return nil, nil
	}
	return doc, err
}
