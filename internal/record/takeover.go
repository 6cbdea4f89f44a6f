package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"ringside/internal/store"
)

// takeOverStep bounds one transaction of a take-over: so many signatures, or
// the first of them that has more reports. Uploads wait for it on an engine that
// has one writer.
const (
	takeOverStep    = 40
	takeOverReports = 4000
)

// takeOver makes the rules of an accepted backfill those that the record groups
// by. It goes in steps, so that nobody waits for long: a step moves signatures
// with all that hangs on them, and forgets what they would have become, so that
// what is left to do is what is left of the shadow. Crashes that arrive meanwhile
// go to the new signature where it is there, and to the old one where it is not.
func (s *Service) takeOver(ctx context.Context, j store.Job) error {
	for {
		more, err := s.takeOverPass(ctx, j)
		if err != nil {
			return fmt.Errorf("take over the rules of backfill %s: %w", j.Key, err)
		}
		s.queue.Wake()
		s.announce()
		if !more {
			return nil
		}
	}
}

// takeOverPass goes once through what is left.
func (s *Service) takeOverPass(ctx context.Context, j store.Job) (more bool, err error) {
	var (
		b     Backfill
		edges []edge
		p     *plan
	)
	err = s.db.View(ctx, func(q store.Querier) (err error) {
		if b, err = scanBackfill(q.QueryRowContext(ctx, backfillSelect+`where id = $1`, j.Key).Scan); err != nil || b.State != BackfillAccepting {
			return err
		}
		if b.Result == nil {
			if p, err = planBackfill(ctx, q); err != nil {
				return err
			}
		}
		edges, err = shadowEdges(ctx, q, "", nil)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) || err == nil && b.State != BackfillAccepting {
		return false, nil // done before
	}
	if err != nil {
		return false, err
	}
	if p != nil {
		if err := s.keepResult(ctx, b.ID, p.diff()); err != nil {
			return false, err
		}
	}
	var step []edge
	signatures := 0
	flush := func() error {
		defer func() { step, signatures = nil, 0 }()
		return s.takeOverSome(ctx, j, step)
	}
	for _, c := range components(edges) {
		reports := int64(0)
		for _, e := range slices.Concat(step, c) {
			reports += e.reports
		}
		if signatures > 0 && (signatures+len(c) > takeOverStep || reports > takeOverReports) {
			if err := flush(); err != nil {
				return false, err
			}
		}
		step, signatures = append(step, c...), signatures+len(c)
	}
	if len(step) > 0 {
		if err := flush(); err != nil {
			return false, err
		}
	}
	return s.finishTakeOver(ctx, b)
}

// keepResult writes down what is accepted before it begins to be.
func (s *Service) keepResult(ctx context.Context, id string, d *BackfillDiff) error {
	text, err := toJSON(d)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `update backfills set result = $2 where id = $1 and result = ''`, id, text)
		return err
	})
}

// finishTakeOver lets the new rules group when nothing is left to move.
func (s *Service) finishTakeOver(ctx context.Context, b Backfill) (more bool, err error) {
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if accepting, err := s.lockAccepting(ctx, tx, b.ID); err != nil || !accepting {
			more = false
			return err
		}
		if err := tx.QueryRowContext(ctx, `select exists (select 1 from shadow_reports)`).Scan(&more); err != nil || more {
			return err
		}
		if _, err := tx.ExecContext(ctx, `update signature_algorithms set state = 'former' where state = 'active'`); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `insert into signature_algorithms (name, state, since) values ($1, 'active', $2)
			on conflict (name) do update set state = 'active', since = excluded.since`, b.To, store.Micros(s.now())); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `update backfills set state = 'accepted' where id = $1`, b.ID); err != nil {
			return err
		}
		return clearShadow(ctx, tx)
	})
	return more, err
}

// lockAccepting tells whether a backfill is being taken over, and keeps it so
// until the transaction ends.
func (s *Service) lockAccepting(ctx context.Context, tx *sql.Tx, id string) (bool, error) {
	var one int
	err := tx.QueryRowContext(ctx, `select 1 from backfills where id = $1 and state = 'accepting'`+s.db.Dialect().ForUpdate(), id).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// takeOverSome moves signatures that share reports with no others. Those that a
// crash has joined with others since they were chosen are left for another pass.
func (s *Service) takeOverSome(ctx context.Context, j store.Job, chosen []edge) error {
	was, keys := map[string]bool{}, map[string]bool{}
	for _, e := range chosen {
		was[e.was], keys[e.key] = true, true
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		if accepting, err := s.lockAccepting(ctx, tx, j.Key); err != nil || !accepting {
			return err
		}
		b, err := scanBackfill(tx.QueryRowContext(ctx, backfillSelect+`where id = $1`, j.Key).Scan)
		if err != nil {
			return err
		}
		now, err := shadowEdges(ctx, tx, "r.signature_id", slices.Sorted(maps.Keys(was)))
		if err != nil {
			return err
		}
		byKey, err := shadowEdges(ctx, tx, "sh.key", slices.Sorted(maps.Keys(keys)))
		if err != nil {
			return err
		}
		now = append(now, slices.DeleteFunc(byKey, func(e edge) bool { return was[e.was] })...)
		t := succession{s: s, ctx: ctx, tx: tx, b: &b, batch: s.newBatch(ctx, tx)}
		for _, c := range components(now) {
			if !slices.ContainsFunc(c, func(e edge) bool { return !was[e.was] || !keys[e.key] }) {
				t.edges = append(t.edges, c...)
			}
		}
		if err := t.run(); err != nil {
			return err
		}
		if err := flushFrames(ctx, tx, t.batch.frames); err != nil {
			return err
		}
		return s.queue.Progress(ctx, tx, j)
	})
}
