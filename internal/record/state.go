package record

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringside/crash"
	"ringside/internal/store"
	"ringside/similar"
)

// sigRow is what the rules need to know of a signature while a crash is
// written.
type sigRow struct {
	id         string
	inserted   bool
	state      State
	since      int64
	resolvedIn string
	mutedUntil sql.Null[int64]
	group      string        // the signature that stands for it, '' if it is merged with none
	bare       bool          // it was kept without a stack
	stack      similar.Stack // of an inserted one
}

// upsertSignature finds or makes the signature of a report. On PostgreSQL it
// also locks it, so that whoever changes its state next sees this crash.
func (s *Service) upsertSignature(ctx context.Context, tx *sql.Tx, k sigKey, r *crash.Report, kernel string, when time.Time, demo bool) (*sigRow, error) {
	basis, err := toJSON(slices.Concat([]string{}, r.Signature.Basis))
	if err != nil {
		return nil, err
	}
	var function, module, file string
	if g := r.Guilty; g != nil {
		function, module, file = clean(g.Function), clean(g.Module), clean(g.File)
	}
	owner, detail, err := s.ownerOf(function, module, file)
	if err != nil {
		return nil, err
	}
	st, stack, err := stackJSON(r)
	if err != nil {
		return nil, err
	}
	offered := store.NewID(when)
	row := sigRow{stack: st}
	err = tx.QueryRowContext(ctx, `
		insert into signatures (id, algorithm, key, family, basis, title, kind, class, function, module, owner, owner_detail,
			state, state_since, first_seen, last_seen, first_kernel_id, demo, stack)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'new', $13, $13, $13, $14, $15, $16)
		on conflict (algorithm, key) do update set
			last_seen = `+later("signatures", "last_seen")+`, first_seen = `+earlier("signatures", "first_seen")+`,
			first_kernel_id = case when excluded.first_seen < signatures.first_seen
				then excluded.first_kernel_id else signatures.first_kernel_id end,
			demo = signatures.demo and excluded.demo
		returning id, state, state_since, resolved_in, muted_until, coalesce(group_id, ''), stack = '' or stack like '%"frames":[]%'`,
		offered, k.algorithm, clean(k.key), clean(r.Signature.Family), basis, clean(r.Title), string(r.Kind), string(r.Class),
		function, module, owner, detail, store.Micros(when), store.NullString(kernel), demo, stack).
		Scan(&row.id, &row.state, &row.since, &row.resolvedIn, &row.mutedUntil, &row.group, &row.bare)
	row.inserted = row.id == offered
	return &row, err
}

// ownerOf returns the owner of a piece of code as it is stored: the subsystem,
// and all about it as JSON.
func (s *Service) ownerOf(function, module, file string) (subsystem, detail string, err error) {
	if s.owners == nil || function == "" && module == "" && file == "" {
		return "", "", nil
	}
	o, ok := s.owners.Owner(function, module, file)
	if !ok {
		return "", "", nil
	}
	o.Maintainers, o.Lists = slices.Concat([]string{}, o.Maintainers), slices.Concat([]string{}, o.Lists)
	detail, err = toJSON(o)
	return o.Subsystem, detail, err
}

// reappeared applies what a new crash means for the state of its signature. A
// crash from before the decision, told late, changes nothing.
func (s *Service) reappeared(ctx context.Context, tx *sql.Tx, sig *sigRow, crashID string, b bootCrash) error {
	t := store.Micros(b.occurred)
	if t <= sig.since {
		return nil
	}
	var (
		to   State
		note string
	)
	switch sig.state {
	case StateResolved:
		back, err := contradicts(ctx, tx, sig.resolvedIn, b.release)
		if err != nil || !back {
			return err
		}
		to, note = StateRegressed, "it was resolved and came back"
		if b.release != "" {
			note += " on " + b.release
		}
	case StateMuted:
		if !sig.mutedUntil.Valid || t < sig.mutedUntil.V {
			return nil
		}
		to, note = StateOpen, "it was muted until "+store.Time(sig.mutedUntil.V).Format(time.DateOnly)+" and is still there"
	default:
		return nil
	}
	from := sig.state
	sig.state, sig.since = to, t
	if _, err := tx.ExecContext(ctx, `update signatures set state = $2, state_since = $3, muted_until = null where id = $1`,
		sig.id, string(to), t); err != nil {
		return err
	}
	return addActivity(ctx, tx, sig.id, Activity{At: s.now(), What: "state", From: string(from), To: string(to), Note: note, Crash: crashID})
}

// contradicts tells whether a crash on a kernel contradicts that the signature
// is resolved in a release. Old kernels in the fleet go on crashing after the
// fix was released; the fix has failed only on kernels that should have it:
// the release itself, and those first seen after it.
func contradicts(ctx context.Context, tx *sql.Tx, resolvedIn, release string) (bool, error) {
	if resolvedIn == "" || release == resolvedIn {
		return true, nil
	}
	var n int64
	err := tx.QueryRowContext(ctx, `select count(*) from kernels fixed, kernels crashed
		where fixed.release = $1 and crashed.release = $2 and crashed.first_seen > fixed.first_seen`, resolvedIn, release).Scan(&n)
	return n > 0, err
}

func addActivity(ctx context.Context, tx *sql.Tx, signature string, a Activity) error {
	_, err := tx.ExecContext(ctx, `insert into signature_activity (id, signature_id, at, by_whom, what, was, became, note, crash_id)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		store.NewID(a.At), signature, store.Micros(a.At), a.By, a.What, a.From, a.To, a.Note, a.Crash)
	return err
}

// respanSignature asks the rows since when and until when a signature that
// lost an occurrence was seen, and everything that follows from it.
func respanSignature(ctx context.Context, tx *sql.Tx, id string) error {
	for _, stmt := range []string{
		`update signatures set
			first_seen = coalesce((select min(c.occurred_at) from crash_reports r join crashes c on c.id = r.crash_id where r.signature_id = $1), first_seen),
			last_seen = coalesce((select max(c.occurred_at) from crash_reports r join crashes c on c.id = r.crash_id where r.signature_id = $1), last_seen),
			first_kernel_id = (select c.kernel_id from crash_reports r join crashes c on c.id = r.crash_id where r.signature_id = $1
				order by c.occurred_at, c.id limit 1)
			where id = $1`,
		`update signature_hosts set
			first_seen = (select min(c.occurred_at) from crash_reports r join crashes c on c.id = r.crash_id
				where r.signature_id = $1 and c.host_id = signature_hosts.host_id),
			last_seen = (select max(c.occurred_at) from crash_reports r join crashes c on c.id = r.crash_id
				where r.signature_id = $1 and c.host_id = signature_hosts.host_id)
			where signature_id = $1`,
		`update signature_kernels set
			last_seen = (select max(c.occurred_at) from crash_reports r join crashes c on c.id = r.crash_id
				where r.signature_id = $1 and coalesce(c.kernel_id, '') = signature_kernels.kernel_id)
			where signature_id = $1`,
	} {
		if _, err := tx.ExecContext(ctx, stmt, id); err != nil {
			return err
		}
	}
	return nil
}

// forgetSignature removes a signature that nothing has any more, unless a
// person has said something about it.
func (b *batch) forgetSignature(id string) error {
	functions, err := framesOf(b.ctx, b.tx, id)
	if err != nil {
		return err
	}
	res, err := b.tx.ExecContext(b.ctx, `delete from signatures where id = $1 and crashes = 0 and secondary = 0 and state = 'new'
		and assignee = '' and not exists (select 1 from signature_activity a where a.signature_id = signatures.id)
		and not exists (select 1 from signature_links l where l.a = signatures.id or l.b = signatures.id)`, id)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 {
		return err
	}
	b.frames[""]--
	for _, f := range functions {
		b.frames[f]--
	}
	return nil
}

// ChangeSignature applies a person's decision about a signature.
func (s *Service) ChangeSignature(ctx context.Context, id string, c SignatureChange) (*SignatureDetail, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		id, err := standsFor(ctx, tx, id)
		if err != nil {
			return err
		}
		var (
			from     State
			assignee string
		)
		err = tx.QueryRowContext(ctx, `select state, assignee from signatures where id = $1`+s.db.Dialect().ForUpdate(), id).
			Scan(&from, &assignee)
		if err != nil {
			return found(err)
		}
		now, note := c.at, c.Note
		if now.IsZero() {
			now = s.now()
		}
		if c.State != nil {
			if err := changeState(ctx, tx, id, c, now); err != nil {
				return err
			}
			if err := addActivity(ctx, tx, id, Activity{At: now, By: c.By, What: "state", From: string(from), To: string(*c.State), Note: note}); err != nil {
				return err
			}
			note = "" // said with the change
		}
		if c.Assignee != nil && *c.Assignee != assignee {
			if _, err := tx.ExecContext(ctx, `update signatures set assignee = $2 where id = $1`, id, *c.Assignee); err != nil {
				return err
			}
			if err := addActivity(ctx, tx, id, Activity{At: now, By: c.By, What: "assign", From: assignee, To: *c.Assignee, Note: note}); err != nil {
				return err
			}
			note = ""
		}
		// To take it or to talk about it is to have looked at it.
		if c.State == nil && from == StateNew {
			if err := changeState(ctx, tx, id, SignatureChange{State: new(StateOpen)}, now); err != nil {
				return err
			}
		}
		if note == "" {
			return nil
		}
		return addActivity(ctx, tx, id, Activity{At: now, By: c.By, What: "note", Note: note})
	})
	if err != nil {
		return nil, fmt.Errorf("change signature %s: %w", id, err)
	}
	return s.Signature(ctx, id)
}

func changeState(ctx context.Context, tx *sql.Tx, id string, c SignatureChange, now time.Time) error {
	_, err := tx.ExecContext(ctx, `update signatures set state = $2, state_since = $3, resolved_in = $4, muted_until = $5 where id = $1`,
		id, string(*c.State), store.Micros(now), c.ResolvedIn, store.NullMicros(c.MutedUntil))
	return err
}

// maxNote bounds a note, in bytes.
const maxNote = 16 << 10

// check tells whether a decision makes sense.
func (c *SignatureChange) check() error {
	c.Note, c.ResolvedIn = strings.TrimSpace(clean(c.Note)), strings.TrimSpace(clean(c.ResolvedIn))
	switch {
	case c.State == nil && c.Assignee == nil && c.Note == "":
		return fmt.Errorf("change of a signature: %w: say a state, an assignee or a note", ErrInvalid)
	case c.State != nil && !slices.Contains(States, *c.State):
		return fmt.Errorf("state %q: %w: it is one of %v", *c.State, ErrInvalid, States)
	case c.State != nil && (*c.State == StateNew || *c.State == StateRegressed):
		return fmt.Errorf("state %q: %w: the record sets it by itself; choose open, resolved or muted", *c.State, ErrInvalid)
	case c.ResolvedIn != "" && (c.State == nil || *c.State != StateResolved):
		return fmt.Errorf("resolved in %q: %w: it goes with the state resolved", c.ResolvedIn, ErrInvalid)
	case c.MutedUntil != nil && (c.State == nil || *c.State != StateMuted):
		return fmt.Errorf("muted until: %w: it goes with the state muted", ErrInvalid)
	case len(c.Note) > maxNote:
		return fmt.Errorf("note: %w: it has %d bytes and may have %d", ErrInvalid, len(c.Note), maxNote)
	case c.Assignee != nil && (len(*c.Assignee) > 128 || !printable(*c.Assignee)):
		return fmt.Errorf("assignee: %w: at most 128 printable characters", ErrInvalid)
	}
	return nil
}
