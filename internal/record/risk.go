package record

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"ringside/internal/store"
)

// Risk is a CVE that somebody decided to live with for a time.
type Risk struct {
	ID        string     `json:"id"`
	CVE       string     `json:"cve"`
	Kernel    *KernelRef `json:"kernel" doc:"The kernel it is accepted for; null for all"`
	Reason    string     `json:"reason"`
	Approver  string     `json:"approver"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	RevokedAt *time.Time `json:"revoked_at"`
	RevokedBy string     `json:"revoked_by,omitempty"`

	affected bool // the kernel is affected now
}

// holds tells whether the risk is accepted at a time.
func (r *Risk) holds(now time.Time) bool { return r.RevokedAt == nil && now.Before(r.ExpiresAt) }

// RiskChange accepts a risk.
type RiskChange struct {
	CVE      string
	Kernel   string // ID or release; "" for all
	Reason   string
	Approver string
	Expires  time.Time
}

// maxRisk is how long a risk may be accepted without looking again.
const maxRisk = 366 * 24 * time.Hour

func (c *RiskChange) check(now time.Time) error {
	c.CVE, c.Reason, c.Approver = strings.ToUpper(strings.TrimSpace(c.CVE)), strings.TrimSpace(clean(c.Reason)), strings.TrimSpace(clean(c.Approver))
	switch {
	case c.Reason == "":
		return fmt.Errorf("reason: %w: say why the risk is taken", ErrInvalid)
	case len(c.Reason) > maxNote:
		return fmt.Errorf("reason: %w: it has %d bytes and may have %d", ErrInvalid, len(c.Reason), maxNote)
	case c.Approver == "" || len(c.Approver) > 128:
		return fmt.Errorf("approver: %w: name who takes the risk, in at most 128 bytes", ErrInvalid)
	case !c.Expires.After(now):
		return fmt.Errorf("expiry: %w: it has to lie ahead", ErrInvalid)
	case c.Expires.Sub(now) > maxRisk:
		return fmt.Errorf("expiry: %w: a risk is looked at again after a year at the latest", ErrInvalid)
	}
	return nil
}

// AcceptRisk keeps the decision to live with a CVE until a time.
func (s *Service) AcceptRisk(ctx context.Context, c RiskChange) (*Risk, error) {
	now := s.now()
	if err := c.check(now); err != nil {
		return nil, err
	}
	r := Risk{ID: store.NewID(now), CVE: c.CVE, Reason: c.Reason, Approver: c.Approver, CreatedAt: now, ExpiresAt: c.Expires.UTC().Truncate(time.Microsecond)}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		var one int
		if err := tx.QueryRowContext(ctx, `select 1 from cves where id = $1`, c.CVE).Scan(&one); err != nil {
			return err
		}
		kernel := ""
		if c.Kernel != "" {
			var k KernelRef
			if err := tx.QueryRowContext(ctx, `select id, release, arch from kernels where id = $1 or release = $1
				order by case when id = $1 then 0 else 1 end, id limit 1`, c.Kernel).Scan(&k.ID, &k.Release, &k.Arch); err != nil {
				return err
			}
			r.Kernel, kernel = &k, k.ID
		}
		_, err := tx.ExecContext(ctx, `insert into cve_risks (id, cve, kernel_id, reason, approver, created_at, expires_at)
			values ($1, $2, $3, $4, $5, $6, $7)`, r.ID, r.CVE, kernel, r.Reason, r.Approver, store.Micros(r.CreatedAt), store.Micros(r.ExpiresAt))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("accept the risk of %s: %w", c.CVE, found(err))
	}
	return &r, nil
}

// RevokeRisk ends an accepted risk before its time. Doing so twice is no error.
func (s *Service) RevokeRisk(ctx context.Context, id, by string) error {
	by = strings.TrimSpace(clean(by))
	if len(by) > 128 {
		return fmt.Errorf("name: %w: at most 128 bytes", ErrInvalid)
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		var was sql.Null[int64]
		if err := tx.QueryRowContext(ctx, `select revoked_at from cve_risks where id = $1`, id).Scan(&was); err != nil || was.Valid {
			return err
		}
		_, err := tx.ExecContext(ctx, `update cve_risks set revoked_at = $2, revoked_by = $3 where id = $1`, id, store.Micros(s.now()), by)
		return err
	})
	if err != nil {
		return fmt.Errorf("revoke the accepted risk %s: %w", id, found(err))
	}
	return nil
}

// accepted returns the risk that stands for all of a CVE's affected kernels: one
// that was taken for all of them, or the last of those that cover each.
func accepted(risks []Risk, affected int64, now time.Time) *Risk {
	covered := map[string]bool{}
	for i := range risks {
		r := &risks[i]
		switch {
		case !r.holds(now):
		case r.Kernel == nil:
			return r
		case r.affected:
			if covered[r.Kernel.ID] = true; int64(len(covered)) >= affected {
				return r
			}
		}
	}
	return nil
}

// risks returns the accepted risks of a CVE, or of all, by CVE, oldest first.
func (s *Service) risks(ctx context.Context, q store.Querier, cve string) (map[string][]Risk, error) {
	list, err := store.Collect(ctx, q, `select r.id, r.cve, r.reason, r.approver, r.created_at, r.expires_at, r.revoked_at, r.revoked_by, k.id, k.release, k.arch,
			coalesce(e.verdict, '') = 'affected'
		from cve_risks r left join kernels k on k.id = r.kernel_id
			left join exposures e on e.kernel_id = r.kernel_id and e.cve = r.cve where $1 = '' or r.cve = $1 order by r.id`, []any{cve},
		func(scan func(...any) error) (r Risk, err error) {
			var (
				created, expires  int64
				revoked           sql.Null[int64]
				id, release, arch sql.Null[string]
			)
			err = scan(&r.ID, &r.CVE, &r.Reason, &r.Approver, &created, &expires, &revoked, &r.RevokedBy, &id, &release, &arch, &r.affected)
			r.CreatedAt, r.ExpiresAt, r.RevokedAt = store.Time(created), store.Time(expires), store.NullTime(revoked)
			if id.Valid {
				r.Kernel = &KernelRef{ID: id.V, Release: release.V, Arch: arch.V}
			}
			return r, err
		})
	by := map[string][]Risk{}
	for _, r := range list {
		by[r.CVE] = append(by[r.CVE], r)
	}
	return by, err
}
