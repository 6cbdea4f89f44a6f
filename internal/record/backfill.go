package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"ringside/crash"
	"ringside/internal/store"
)

// The kinds of the jobs of a backfill; their key is its ID.
const (
	jobBackfill = "backfill"
	jobTakeOver = "take-over"
)

// The states of a backfill.
const (
	BackfillRunning   = "running"   // artefacts are being read again
	BackfillReady     = "ready"     // all were; somebody has to decide
	BackfillAccepting = "accepting" // the new rules are about to take over
	BackfillAccepted  = "accepted"
	BackfillAbandoned = "abandoned"
)

// Backfill is how the record would look by other rules. It reads every artefact
// again and remembers what signature each report would have; nothing is moved
// until somebody accepts it.
type Backfill struct {
	ID         string        `json:"id"`
	From       string        `json:"from" doc:"The algorithm that groups crashes"`
	To         string        `json:"to" doc:"The algorithm that would"`
	State      string        `json:"state" enum:"running,ready,accepting,accepted,abandoned"`
	StartedAt  time.Time     `json:"started_at"`
	FinishedAt *time.Time    `json:"finished_at" doc:"When all artefacts were read"`
	Artefacts  int64         `json:"artefacts"`
	Done       int64         `json:"done" doc:"Artefacts read so far"`
	Unreadable int64         `json:"unreadable" doc:"Artefacts that could not be read again; their reports are signed as they were read before"`
	DecidedAt  *time.Time    `json:"decided_at"`
	DecidedBy  string        `json:"decided_by,omitempty"`
	Result     *BackfillDiff `json:"result" doc:"The changes as they were accepted"`
}

// Algorithms tells which rules are in use.
type Algorithms struct {
	Active   string    `json:"active" doc:"The rules that group crashes; empty before the first"`
	Program  string    `json:"program" doc:"The newest rules that this program has"`
	Backfill *Backfill `json:"backfill" doc:"The latest one, null if there never was any"`
}

const backfillSelect = `select id, was, became, state, started_at, finished_at, total, done, unreadable, decided_at, decided_by, result from backfills `

func scanBackfill(scan func(...any) error) (b Backfill, err error) {
	var (
		started           int64
		finished, decided sql.Null[int64]
		result            string
	)
	err = scan(&b.ID, &b.From, &b.To, &b.State, &started, &finished, &b.Artefacts, &b.Done, &b.Unreadable, &decided, &b.DecidedBy, &result)
	b.StartedAt, b.FinishedAt, b.DecidedAt = store.Time(started), store.NullTime(finished), store.NullTime(decided)
	if err == nil && result != "" {
		err = json.Unmarshal([]byte(result), &b.Result)
	}
	return b, err
}

// openBackfill returns the backfill that is not decided, nil if there is none.
func openBackfill(ctx context.Context, q store.Querier) (*Backfill, error) {
	list, err := store.Collect(ctx, q, backfillSelect+`where state in ('running', 'ready', 'accepting')`, nil, scanBackfill)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// Algorithms tells which rules are in use, and how the latest backfill stands.
func (s *Service) Algorithms(ctx context.Context) (*Algorithms, error) {
	a := Algorithms{Program: s.algorithm}
	err := s.db.View(ctx, func(q store.Querier) (err error) {
		if a.Active, err = activeAlgorithm(ctx, q); err != nil {
			return err
		}
		list, err := store.Collect(ctx, q, backfillSelect+`order by id desc limit 1`, nil, scanBackfill)
		if len(list) > 0 {
			a.Backfill = &list[0]
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("signature algorithms: %w", err)
	}
	return &a, nil
}

// noticeAlgorithm starts a backfill where the program brings rules that the
// record has never seen. Rules that were abandoned or replaced are left to
// people.
func (s *Service) noticeAlgorithm(ctx context.Context) error {
	if s.algorithm == "" {
		return nil
	}
	var seen bool
	err := s.db.View(ctx, func(q store.Querier) error {
		return q.QueryRowContext(ctx, `select not exists (select 1 from signature_algorithms)
			or exists (select 1 from signature_algorithms where name = $1) or exists (select 1 from backfills where became = $1 or state in ('running', 'ready', 'accepting'))`,
			s.algorithm).Scan(&seen)
	})
	if err != nil || seen {
		return err
	}
	_, err = s.StartBackfill(ctx)
	return err
}

// StartBackfill begins to find out what the program's rules would change. One
// that is not decided is returned as it stands.
func (s *Service) StartBackfill(ctx context.Context) (*Backfill, error) {
	var b *Backfill
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		active, err := activeAlgorithm(ctx, tx)
		if err != nil {
			return err
		}
		if s.algorithm == "" || active == "" || active == s.algorithm {
			return fmt.Errorf("%w: the record groups by the newest rules that this program has", ErrInvalid)
		}
		if b, err = openBackfill(ctx, tx); err != nil || b != nil {
			return err
		}
		now := s.now()
		b = &Backfill{ID: store.NewID(now), From: active, To: s.algorithm, State: BackfillRunning, StartedAt: now}
		if err := tx.QueryRowContext(ctx, `select count(*) from artefacts`).Scan(&b.Artefacts); err != nil {
			return err
		}
		if err := clearShadow(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `insert into backfills (id, was, became, state, started_at, total) values ($1, $2, $3, 'running', $4, $5)`,
			b.ID, b.From, b.To, store.Micros(now), b.Artefacts); err != nil {
			return err
		}
		return s.queue.Enqueue(ctx, tx, jobBackfill, b.ID, "{}")
	})
	if err != nil {
		return nil, fmt.Errorf("start a backfill: %w", err)
	}
	s.queue.Wake()
	return b, nil
}

// DecideBackfill accepts the backfill that is ready, or abandons the one that
// is not decided. Accepting is work, which a job does in one transaction.
func (s *Service) DecideBackfill(ctx context.Context, accept bool, by string) (*Backfill, error) {
	var b *Backfill
	err := s.db.Write(ctx, func(tx *sql.Tx) (err error) {
		b, err = openBackfill(ctx, tx)
		switch {
		case err != nil:
			return err
		case b == nil:
			return fmt.Errorf("%w: no backfill waits for a decision", ErrInvalid)
		case b.State == BackfillAccepting:
			if accept {
				return nil
			}
			return fmt.Errorf("%w: it is accepted, and its rules are taking over", ErrInvalid)
		case accept && b.State != BackfillReady:
			return fmt.Errorf("%w: it has read %d of %d artefacts; wait until it is ready", ErrInvalid, b.Done, b.Artefacts)
		}
		b.State, b.DecidedBy, b.DecidedAt = BackfillAbandoned, by, new(s.now())
		if accept {
			b.State = BackfillAccepting
		}
		if _, err := tx.ExecContext(ctx, `update backfills set state = $2, decided_at = $3, decided_by = $4 where id = $1`,
			b.ID, b.State, store.NullMicros(b.DecidedAt), by); err != nil {
			return err
		}
		if !accept {
			return clearShadow(ctx, tx)
		}
		return s.queue.Enqueue(ctx, tx, jobTakeOver, b.ID, "{}")
	})
	if err != nil {
		return nil, fmt.Errorf("decide about the backfill: %w", err)
	}
	s.queue.Wake()
	return b, nil
}

func clearShadow(ctx context.Context, tx *sql.Tx) error {
	for _, stmt := range []string{`delete from shadow_reports`, `delete from shadow_signatures`} {
		if _, err := tx.ExecContext(ctx, stmt); err != nil {
			return err
		}
	}
	return nil
}

// backfillStep is how many artefacts one transaction of a backfill has.
const backfillStep = 20

// backfill reads every artefact by today's rules. Where it has come to is kept
// with each step, so that it goes on there after any end of the process.
func (s *Service) backfill(ctx context.Context, j store.Job) error {
	for {
		more, err := s.backfillSome(ctx, j)
		if err != nil || !more {
			return err
		}
	}
}

func (s *Service) backfillSome(ctx context.Context, j store.Job) (more bool, err error) {
	var (
		id      = j.Key
		b       Backfill
		place   string
		batches []string
	)
	err = s.db.View(ctx, func(q store.Querier) (err error) {
		if b, err = scanBackfill(q.QueryRowContext(ctx, backfillSelect+`where id = $1`, id).Scan); err != nil {
			return err
		}
		if err := q.QueryRowContext(ctx, `select place from backfills where id = $1`, id).Scan(&place); err != nil {
			return err
		}
		batches, err = store.Collect(ctx, q, `select sha256 from artefacts where sha256 > $1 order by sha256 limit $2`,
			[]any{place, backfillStep}, scanText)
		return err
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("backfill %s: %w", id, err)
	case b.State != BackfillRunning:
		return false, nil
	case b.To != s.algorithm:
		return false, store.Permanent(fmt.Errorf("backfill %s is to %s, which is another program's algorithm; start that one, or abandon it", id, b.To))
	}
	read := map[string]reread{}
	for _, sha := range batches {
		r, err := s.reread(ctx, sha, s.queue.Last(j))
		if err != nil {
			return false, fmt.Errorf("backfill: artefact %s: %w", sha, err)
		}
		read[sha] = r
	}
	return len(batches) > 0, s.db.Write(ctx, func(tx *sql.Tx) error {
		// Only while it is wanted, and only from where it was: another worker
		// may have thought that this one is dead.
		var now string
		if err := tx.QueryRowContext(ctx, `select place from backfills where id = $1 and state = 'running'`+s.db.Dialect().ForUpdate(), id).
			Scan(&now); errors.Is(err, sql.ErrNoRows) || err == nil && now != place {
			return nil
		} else if err != nil {
			return err
		}
		if len(batches) == 0 {
			_, err := tx.ExecContext(ctx, `update backfills set state = 'ready', finished_at = $2 where id = $1`, id, store.Micros(s.now()))
			return err
		}
		unreadable := 0
		for _, sha := range batches {
			if read[sha].fallback {
				unreadable++
			}
			if err := s.shadowArtefact(ctx, tx, sha, read[sha], b.To); err != nil {
				return fmt.Errorf("artefact %s: %w", sha, err)
			}
		}
		if _, err := tx.ExecContext(ctx, `update backfills set place = $2, done = done + $3, unreadable = unreadable + $4 where id = $1`,
			id, batches[len(batches)-1], len(batches), unreadable); err != nil {
			return err
		}
		return s.queue.Progress(ctx, tx, j)
	})
}

// reread is an artefact read by the rules that wrote the record's rows, and by
// today's.
type reread struct {
	before, now *crash.Document
	fallback    bool // today's could not read it
}

// reread returns an error where the same may succeed later. Storage that only
// does not answer is waited for, by further attempts of the job; settle says
// that there were enough of them.
func (s *Service) reread(ctx context.Context, sha string, settle bool) (r reread, err error) {
	before, _, err := s.loadDocument(ctx, sha)
	if errors.Is(err, ErrNotFound) {
		return reread{}, nil // its analysis is still to come, and will sign by both rules
	}
	if err != nil {
		return r, err
	}
	now, _, err := s.document(ctx, sha)
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	if err != nil {
		if !s.lost(ctx, err, settle) {
			return r, err
		}
		s.log.Warn("an artefact cannot be read again; its reports are signed as they were read", "artefact", sha, "error", err)
		return reread{before, before, true}, nil
	}
	return reread{before: before, now: now}, nil
}

// lost tells whether an artefact that could not be read will never be: its bytes
// are damaged, or they stay away while the store that should have them answers.
func (s *Service) lost(ctx context.Context, err error, settle bool) bool {
	if errors.Is(err, store.ErrDamaged) || store.IsPermanent(err) {
		return true
	}
	return settle && s.blobs.Ping(ctx) == nil
}

// shadowArtefact remembers the signatures of an artefact's reports by the new
// rules. Whatever was remembered before is the same, or replaced.
func (s *Service) shadowArtefact(ctx context.Context, tx *sql.Tx, sha string, r reread, algorithm string) error {
	if r.before == nil {
		return nil
	}
	type row struct {
		crash string
		idx   int
	}
	rows, err := store.Collect(ctx, tx, `select r.crash_id, r.idx from crash_reports r join crashes c on c.id = r.crash_id where c.sha256 = $1
		order by r.crash_id, r.idx`, []any{sha},
		func(scan func(...any) error) (v row, err error) { return v, scan(&v.crash, &v.idx) })
	if err != nil {
		return err
	}
	for _, v := range rows {
		if v.idx >= len(r.before.Reports) {
			continue
		}
		rep := *counterpart(r.now, &r.before.Reports[v.idx], v.idx)
		rep.Signature = s.sign(&rep, algorithm)
		if err := keepShadow(ctx, tx, v.crash, v.idx, &rep); err != nil {
			return err
		}
	}
	return nil
}

// counterpart finds the report that today's rules see where those of then saw
// one: at the same line, else at the same place in the list, else itself.
func counterpart(now *crash.Document, then *crash.Report, idx int) *crash.Report {
	at := slices.IndexFunc(now.Reports, func(r crash.Report) bool {
		return r.Boot == then.Boot && r.Lines.First == then.Lines.First
	})
	if at < 0 && idx < len(now.Reports) && now.Reports[idx].Boot == then.Boot {
		at = idx
	}
	if at < 0 {
		return then
	}
	return &now.Reports[at]
}

// keepShadow remembers the signature that a report would have.
func keepShadow(ctx context.Context, tx *sql.Tx, crashID string, idx int, r *crash.Report) error {
	_, key := signatureKey(r)
	basis, err := toJSON(slices.Concat([]string{}, r.Signature.Basis))
	if err != nil {
		return err
	}
	_, stack, err := stackJSON(r)
	if err != nil {
		return err
	}
	var function, module, file string
	if g := r.Guilty; g != nil {
		function, module, file = clean(g.Function), clean(g.Module), clean(g.File)
	}
	if _, err := tx.ExecContext(ctx, `insert into shadow_signatures (key, family, basis, title, kind, class, function, module, file, stack)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (key) do nothing`,
		clean(key), clean(r.Signature.Family), basis, clean(r.Title), string(r.Kind), string(r.Class), function, module, file, stack); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `insert into shadow_reports (crash_id, idx, key) values ($1, $2, $3)
		on conflict (crash_id, idx) do update set key = excluded.key`, crashID, idx, clean(key))
	return err
}
