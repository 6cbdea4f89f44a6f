package record

import (
	"context"
	"database/sql"
	"errors"

	"ringside/crash"
	"ringside/internal/store"
)

// Signer makes the signature of a report by the rules of a named algorithm. It
// answers false for rules that it does not know.
type Signer func(r *crash.Report, algorithm string) (crash.Signature, bool)

// algorithms are the rules that a transaction has to follow.
type algorithms struct {
	active string // groups crashes; '' where nobody said: as each report is signed
	shadow string // also signs, for a backfill that is not decided; '' for none
	moving bool   // shadow is taking over
}

// activeAlgorithm returns the rules that the record groups by, ” if it has
// not begun.
func activeAlgorithm(ctx context.Context, q store.Querier) (name string, err error) {
	err = q.QueryRowContext(ctx, `select name from signature_algorithms where state = 'active'`).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return name, err
}

// algorithms returns the rules to follow in a transaction. The first crash of a
// record decides for the rules of the program that wrote it.
func (s *Service) algorithms(ctx context.Context, tx *sql.Tx) (a algorithms, err error) {
	if s.algorithm == "" {
		return a, nil
	}
	// Before the active one is asked for: what takes over keeps still meanwhile.
	b, err := openBackfill(ctx, tx)
	if err != nil {
		return a, err
	}
	if b != nil && b.State == BackfillAccepting {
		if a.moving, err = s.lockAccepting(ctx, tx, b.ID); err != nil {
			return a, err
		}
		if !a.moving {
			b = nil
		}
	}
	if a.active, err = activeAlgorithm(ctx, tx); err != nil {
		return a, err
	}
	if a.active == "" {
		a.active = s.algorithm
		_, err = tx.ExecContext(ctx, `insert into signature_algorithms (name, state, since) values ($1, 'active', $2)
			on conflict (name) do nothing`, a.active, store.Micros(s.now()))
		return a, err
	}
	if b != nil && b.To == s.algorithm {
		a.shadow = b.To
	}
	a.moving = a.moving && a.shadow != ""
	return a, nil
}

// sign returns a report's signature by an algorithm: as the report has it, or
// made again. Rules that this program does not know any more leave it as it is.
func (s *Service) sign(r *crash.Report, algorithm string) crash.Signature {
	if algorithm == "" || r.Signature.Algorithm == algorithm || s.signer == nil {
		return r.Signature
	}
	if sig, ok := s.signer(r, algorithm); ok {
		return sig
	}
	return r.Signature
}

// arrived gives reports the signatures of rules that are taking over where those
// are there: what they are about has moved.
func (s *Service) arrived(ctx context.Context, q store.Querier, reports, parsed []crash.Report, a algorithms) error {
	if !a.moving {
		return nil
	}
	for i := range reports {
		next := parsed[i]
		next.Signature = s.sign(&parsed[i], a.shadow)
		algorithm, key := signatureKey(&next)
		var there bool
		if err := q.QueryRowContext(ctx, `select exists (select 1 from signatures where algorithm = $1 and key = $2)`,
			algorithm, clean(key)).Scan(&there); err != nil {
			return err
		}
		if there {
			reports[i].Signature = next.Signature
		}
	}
	return nil
}

// signed returns reports with the signatures of an algorithm. What is given
// stays as it is: documents keep what their parser said.
func (s *Service) signed(reports []crash.Report, algorithm string) []crash.Report {
	out := make([]crash.Report, len(reports))
	for i := range reports {
		out[i] = reports[i]
		out[i].Signature = s.sign(&reports[i], algorithm)
	}
	return out
}
