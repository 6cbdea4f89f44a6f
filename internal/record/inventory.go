package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	"ringside/internal/store"
)

// jobInventory is the kind of the jobs that read an inventory; their key is the
// ID of its receipt.
const jobInventory = string(ClassInventory)

// Inventory is what a kernel was built from, in a few words: which of its sources
// were compiled into what, under which configuration. It is made where the sources
// are (ringside cve inventory), and tells for all CVEs to come whether they can
// touch that kernel.
type Inventory struct {
	ID        string           `json:"id,omitempty" doc:"Of its receipt"`
	Release   string           `json:"release" doc:"As uname -r prints it"`
	Arch      string           `json:"arch,omitempty"`
	Upstream  string           `json:"upstream,omitempty" doc:"The upstream release of its sources"`
	Symbols   int              `json:"symbols" doc:"Of its configuration"`
	Sources   int              `json:"sources" doc:"Files of the source tree that a verdict can be given for"`
	Compiled  int              `json:"compiled" doc:"Those whose code is in the build"`
	Modules   int              `json:"modules" doc:"Modules that the build makes"`
	MadeAt    *time.Time       `json:"made_at,omitempty"`
	Config    string           `json:"config,omitempty" doc:"Identifies what its configuration sets"`
	Baselines []BaselineResult `json:"baselines,omitempty" doc:"How its configuration does under each baseline"`
}

// BaselineResult is how a configuration does under a baseline.
type BaselineResult struct {
	Baseline string            `json:"baseline"`
	Title    string            `json:"title"`
	Passed   int               `json:"passed"`
	Failed   int               `json:"failed"`
	Waived   int               `json:"waived"`
	Findings []BaselineFinding `json:"findings" nullable:"false" doc:"What does not pass"`
}

// BaselineFinding is a guardrail that a configuration does not meet.
type BaselineFinding struct {
	ID       string     `json:"id"`
	Title    string     `json:"title"`
	Severity string     `json:"severity,omitempty"`
	State    string     `json:"state" enum:"failed,waived,expired" doc:"expired: the waiver ran out"`
	Why      string     `json:"why" doc:"What the configuration has, and what the guardrail wants"`
	Advice   string     `json:"advice,omitempty" doc:"What to set; or why that is impossible here"`
	Owner    string     `json:"owner,omitempty"`
	Until    *time.Time `json:"until,omitempty" doc:"When the waiver runs out"`
}

// enqueueInventory promises the reading of an inventory.
func (s *Service) enqueueInventory(ctx context.Context, tx *sql.Tx, receipt string, m Meta) error {
	if _, err := tx.ExecContext(ctx, `insert into inventories (id, release, demo) values ($1, $2, $3) on conflict (id) do nothing`,
		receipt, m.Kernel, m.Demo); err != nil {
		return err
	}
	return s.queue.Enqueue(ctx, tx, jobInventory, receipt, "{}")
}

// readInventory reads the inventory of a receipt: its kernel is judged by it from
// now on.
func (s *Service) readInventory(ctx context.Context, receipt string) error {
	if s.exposer == nil {
		return store.Permanent(errors.New("this server does not judge CVEs"))
	}
	rec, r, err := s.receive(ctx, receipt)
	if err != nil {
		return err
	}
	defer r.Close()
	inv, err := s.exposer.Inventory(ctx, r)
	if err != nil {
		return err
	}
	if inv.Release == "" {
		inv.Release = rec.Kernel
	}
	if clean(inv.Release) == "" {
		return store.Permanent(errors.New("the inventory does not name its kernel's release: make it again with --release, or send it with --kernel"))
	}
	inv.ID = rec.ID
	summary, err := toJSON(withoutFindings(*inv))
	if err != nil {
		return err
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		kernel, err := upsertKernel(ctx, tx, kernelFacts{release: inv.Release, arch: inv.Arch, at: rec.ReceivedAt, demo: rec.Demo})
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `update inventories set release = $2, kernel_id = $3, summary = $4 where id = $1`,
			rec.ID, clean(inv.Release), kernel, summary); err != nil {
			return err
		}
		if err := s.keepBaselines(ctx, tx, kernel, inv.Baselines); err != nil {
			return err
		}
		return analysed(ctx, tx, rec, "kernel inventory")
	})
	if err != nil {
		return fmt.Errorf("record the inventory %s: %w", rec.SHA256, err)
	}
	s.announce()
	s.judgeNow(ctx)
	return nil
}

func withoutFindings(inv Inventory) Inventory {
	inv.Baselines = nil
	return inv
}

// keepBaselines replaces what is known of a kernel's configuration.
func (s *Service) keepBaselines(ctx context.Context, tx *sql.Tx, kernel string, results []BaselineResult) error {
	if _, err := tx.ExecContext(ctx, `delete from kernel_baselines where kernel_id = $1`, kernel); err != nil {
		return err
	}
	for _, b := range results {
		findings, err := toJSON(append([]BaselineFinding{}, b.Findings...))
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `insert into kernel_baselines (kernel_id, baseline, title, failed, waived, passed, findings, checked_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8)`, kernel, clean(b.Baseline), clean(b.Title), b.Failed, b.Waived, b.Passed, clean(findings), store.Micros(s.now())); err != nil {
			return err
		}
	}
	return nil
}

// KernelBaseline is how a kernel's configuration does under a baseline.
type KernelBaseline struct {
	Kernel    KernelRef `json:"kernel"`
	Hosts     int64     `json:"hosts" doc:"Hosts that run the kernel now"`
	CheckedAt time.Time `json:"checked_at"`
	BaselineResult
}

// Baselines lists how kernels do under baselines: of one kernel with what does not
// pass, of all ("") without.
func (s *Service) Baselines(ctx context.Context, kernel string) ([]KernelBaseline, error) {
	out := []KernelBaseline{}
	err := s.db.View(ctx, func(q store.Querier) (err error) {
		out, err = store.Collect(ctx, q, `select k.id, k.release, k.arch, k.hosts_now, b.baseline, b.title, b.passed, b.failed, b.waived,
				case when $1 = '' then '[]' else b.findings end, b.checked_at
			from kernel_baselines b join kernels k on k.id = b.kernel_id
			where $1 = '' or k.id = $1 or k.release = $1 order by k.hosts_now desc, k.release desc, k.id, b.baseline limit 1000`, []any{kernel},
			func(scan func(...any) error) (b KernelBaseline, err error) {
				var (
					findings string
					at       int64
				)
				if err = scan(&b.Kernel.ID, &b.Kernel.Release, &b.Kernel.Arch, &b.Hosts, &b.Baseline, &b.Title, &b.Passed, &b.Failed, &b.Waived, &findings, &at); err != nil {
					return b, err
				}
				b.CheckedAt = store.Time(at)
				return b, fromJSON(findings, &b.Findings)
			})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list baselines: %w", err)
	}
	return out, nil
}

// openInventory opens the newest inventory of a kernel; nil where there is none.
func (s *Service) openInventory(ctx context.Context, kernel string) (r io.ReadCloser, receipt string, err error) {
	var sha string
	err = s.db.View(ctx, func(q store.Querier) error {
		return q.QueryRowContext(ctx, `select i.id, r.sha256 from inventories i join receipts r on r.id = i.id
			where i.kernel_id = $1 order by i.id desc limit 1`, kernel).Scan(&receipt, &sha)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	r, _, err = s.blobs.Open(ctx, sha)
	return r, receipt, err
}
