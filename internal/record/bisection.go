package record

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"ringside/bisect"
	"ringside/internal/store"
)

// Bisection is a search for the change that brought a failure, by its report.
type Bisection struct {
	ID         string         `json:"id" doc:"Receipt of its report"`
	Kind       bisect.Kind    `json:"kind"`
	Verdict    bisect.Verdict `json:"verdict"`
	Culprit    string         `json:"culprit"`
	Subject    string         `json:"subject,omitempty"`
	Posterior  float64        `json:"posterior"`
	Confidence float64        `json:"confidence"`
	Runs       int64          `json:"runs"`
	Builds     int64          `json:"builds"`
	Candidates int64          `json:"candidates"`
	Key        string         `json:"key,omitempty" doc:"Portable signature of the crash that counts as the failure"`
	Signature  string         `json:"signature,omitempty" doc:"ID of the record's signature with that key"`
	At         time.Time      `json:"at"`
	SHA256     string         `json:"sha256"`
	Report     *bisect.Report `json:"report,omitempty" doc:"Of a single one"`
}

// BisectionPage is a part of the list of bisections, the newest first.
type BisectionPage struct {
	Total int64       `json:"total"`
	Items []Bisection `json:"items" nullable:"false"`
}

// readBisection reads the report of a bisection.
func (s *Service) readBisection(ctx context.Context, receipt string) error {
	var r bisect.Report
	rec, err := s.decodeDocument(ctx, receipt, "report of a bisection", &r)
	if err != nil {
		return err
	}
	if r.Verdict == "" {
		return errNameless("report of a bisection", "it needs a verdict, as ringside bisect show --json prints one")
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `update bisections set kind = $2, verdict = $3, culprit = $4, subject = $5, posterior = $6, confidence = $7, runs = $8, builds = $9, candidates = $10,
				signature = $11, at = $12, demo = $13 where id = $1`,
			rec.ID, clean(string(r.Kind)), clean(string(r.Verdict)), clean(r.Culprit), clean(r.Subject), r.Posterior, r.Confidence, r.Runs, r.Builds, r.Range.Candidates,
			clean(r.Signature), store.Micros(rec.ReceivedAt), rec.Demo); err != nil {
			return err
		}
		return analysed(ctx, tx, rec, "report of a bisection")
	})
	if err != nil {
		return fmt.Errorf("record a bisection: %w", err)
	}
	s.announce()
	return nil
}

const bisectionSelect = `select b.id, b.kind, b.verdict, b.culprit, b.subject, b.posterior, b.confidence, b.runs, b.builds, b.candidates, b.signature, b.at, c.sha256,
	coalesce((select min(g.id) from signatures g where b.signature <> '' and g.key = b.signature), '') from bisections b join receipts c on c.id = b.id where b.verdict <> ''`

func scanBisection(scan func(...any) error) (b Bisection, err error) {
	var at int64
	err = scan(&b.ID, &b.Kind, &b.Verdict, &b.Culprit, &b.Subject, &b.Posterior, &b.Confidence, &b.Runs, &b.Builds, &b.Candidates, &b.Key, &at, &b.SHA256, &b.Signature)
	b.At = store.Time(at)
	return b, err
}

// Bisections lists bisections, the newest first.
func (s *Service) Bisections(ctx context.Context, w Window) (*BisectionPage, error) {
	limit, offset, err := w.page()
	if err != nil {
		return nil, err
	}
	var page BisectionPage
	err = s.db.View(ctx, func(q store.Querier) error {
		if err := q.QueryRowContext(ctx, `select count(*) from bisections where verdict <> ''`).Scan(&page.Total); err != nil {
			return err
		}
		items, err := store.Collect(ctx, q, bisectionSelect+` order by b.at desc, b.id desc limit $1 offset $2`, []any{limit, offset}, scanBisection)
		page.Items = append([]Bisection{}, items...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list bisections: %w", err)
	}
	return &page, nil
}

// Bisection returns a bisection with its report.
func (s *Service) Bisection(ctx context.Context, id string) (*Bisection, error) {
	var b Bisection
	err := s.db.View(ctx, func(q store.Querier) (err error) {
		b, err = scanBisection(q.QueryRowContext(ctx, bisectionSelect+` and b.id = $1`, id).Scan)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("bisection %s: %w", id, found(err))
	}
	b.Report = new(bisect.Report)
	if err := s.storedDocument(ctx, b.SHA256, b.Report); err != nil {
		return nil, fmt.Errorf("bisection %s: %w", id, err)
	}
	return &b, nil
}
