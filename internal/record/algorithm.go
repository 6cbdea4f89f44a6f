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
	if a.active, err = activeAlgorithm(ctx, tx); err != nil {
		return a, err
	}
	if a.active == "" {
		a.active = s.algorithm
		_, err = tx.ExecContext(ctx, `insert into signature_algorithms (name, state, since) values ($1, 'active', $2)
			on conflict (name) do nothing`, a.active, store.Micros(s.now()))
		return a, err
	}
	b, err := openBackfill(ctx, tx)
	if err == nil && b != nil && b.To == s.algorithm {
		a.shadow = b.To
	}
	return a, err
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
