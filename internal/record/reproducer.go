package record

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"ringside/internal/store"
	"ringside/lab"
)

// Reproducer is a recipe of the lab that shows a crash, and how often it does.
type Reproducer struct {
	ID         string    `json:"id" doc:"Receipt of its report"`
	Key        string    `json:"key" doc:"Portable signature of what is reproduced"`
	Title      string    `json:"title"`
	Reproduced bool      `json:"reproduced" doc:"False if it was tried in vain"`
	Release    string    `json:"release"`
	Arch       string    `json:"arch"`
	Parts      int64     `json:"parts" doc:"Steps, modules, options and files of the smallest recipe"`
	Hits       int64     `json:"hits" doc:"Of the runs that measured the rate"`
	Runs       int64     `json:"runs"`
	Low        float64   `json:"low" doc:"Of the rate, 95 %"`
	High       float64   `json:"high"`
	At         time.Time `json:"at"`
	SHA256     string    `json:"sha256" doc:"The artefact: its report, with the recipe"`
}

// reproducerSchema is what ringside reproduce --json prints.
const reproducerSchema = "https://ringside.dev/schemas/reproduce.v1.json"

// readReproducer reads the report of a reproducer.
func (s *Service) readReproducer(ctx context.Context, receipt string) error {
	var r struct {
		Reproduced bool `json:"reproduced"`
		Target     *struct {
			Title     string `json:"title"`
			Signature struct {
				Portable string `json:"portable"`
			} `json:"signature"`
		} `json:"target"`
		Recipe lab.Recipe `json:"recipe"`
		After  int64      `json:"parts_after"`
		Rate   struct {
			Hits int64   `json:"hits"`
			Runs int64   `json:"runs"`
			Low  float64 `json:"low"`
			High float64 `json:"high"`
		} `json:"rate"`
	}
	rec, err := s.decodeDocument(ctx, receipt, "report of a reproducer", &r)
	if err != nil {
		return err
	}
	if r.Target == nil || r.Target.Signature.Portable == "" {
		return errNameless("report of a reproducer", "it says for no crash what it reproduces")
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `update reproducers set key = $2, title = $3, reproduced = $4, release = $5, arch = $6, parts = $7, hits = $8, runs = $9, low = $10, high = $11, at = $12, demo = $13
			where id = $1`, rec.ID, clean(r.Target.Signature.Portable), clean(r.Target.Title), r.Reproduced, clean(r.Recipe.Release), clean(r.Recipe.Arch), r.After,
			r.Rate.Hits, r.Rate.Runs, r.Rate.Low, r.Rate.High, store.Micros(rec.ReceivedAt), rec.Demo); err != nil {
			return err
		}
		return analysed(ctx, tx, rec, "report of a reproducer")
	})
	if err != nil {
		return fmt.Errorf("record a reproducer: %w", err)
	}
	s.announce()
	return nil
}

// Proof is what the lab has shown about a signature.
type Proof struct {
	Reproducers []Reproducer `json:"reproducers" nullable:"false" doc:"The newest first"`
	Runs        []LabRun     `json:"runs" nullable:"false" doc:"The last that ended in it"`
	Bisections  []Bisection  `json:"bisections" nullable:"false" doc:"For it, the newest first"`
}

// shownProof is how many of each a proof lists.
const shownProof = 5

// Proof returns what the lab has shown about a signature, by its ID.
func (s *Service) Proof(ctx context.Context, signature string) (*Proof, error) {
	p := Proof{Reproducers: []Reproducer{}, Runs: []LabRun{}, Bisections: []Bisection{}}
	err := s.db.View(ctx, func(q store.Querier) error {
		var key string
		if err := q.QueryRowContext(ctx, `select key from signatures where id = $1`, signature).Scan(&key); err != nil {
			return err
		}
		reproducers, err := store.Collect(ctx, q, `select r.id, r.key, r.title, r.reproduced, r.release, r.arch, r.parts, r.hits, r.runs, r.low, r.high, r.at, c.sha256
			from reproducers r join receipts c on c.id = r.id where r.key = $1 order by r.at desc, r.id desc limit $2`, []any{key, shownProof}, func(scan func(...any) error) (x Reproducer, err error) {
			var at int64
			err = scan(&x.ID, &x.Key, &x.Title, &x.Reproduced, &x.Release, &x.Arch, &x.Parts, &x.Hits, &x.Runs, &x.Low, &x.High, &at, &x.SHA256)
			x.At = store.Time(at)
			return x, err
		})
		if err != nil {
			return err
		}
		runs, err := store.Collect(ctx, q, `select `+labRunColumns+labRunFrom+` where r.key = $1 order by r.began_at desc, r.id desc limit $2`, []any{key, shownProof}, scanLabRun)
		if err != nil {
			return err
		}
		bisections, err := store.Collect(ctx, q, bisectionSelect+` and b.signature = $1 order by b.at desc, b.id desc limit $2`, []any{key, shownProof}, scanBisection)
		p.Reproducers, p.Runs, p.Bisections = append(p.Reproducers, reproducers...), append(p.Runs, runs...), append(p.Bisections, bisections...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("proof of signature %s: %w", signature, found(err))
	}
	return &p, nil
}
