package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringside/internal/store"
)

// KernelExposure is how a kernel was judged.
type KernelExposure struct {
	Kernel    KernelRef        `json:"kernel"`
	Hosts     int64            `json:"hosts" doc:"Hosts that run the kernel now"`
	Reporting int64            `json:"hosts_reporting" doc:"Of them, those that told which modules they have loaded"`
	Upstream  string           `json:"upstream,omitempty" doc:"The upstream release that it was judged as"`
	Counts    map[string]int64 `json:"counts" doc:"CVEs by verdict"`
	Inventory *Inventory       `json:"inventory" doc:"What is known of its build; null where only its version is"`
	Ranking   []Reduction      `json:"ranking" nullable:"false" doc:"What to switch off, by how many CVEs go; legal under the kernel's Kconfig"`
	Notes     []string         `json:"notes" nullable:"false" doc:"What the verdicts cannot tell, and what would help"`
	JudgedAt  time.Time        `json:"judged_at"`
	Trend     ExposureTrend    `json:"trend" doc:"The last 90 days"`
}

// Dismissed counts the CVEs that are in range and cannot touch it.
func (e KernelExposure) Dismissed() int64 {
	return e.Counts[VerdictNotCompiled] + e.Counts[VerdictNotLoaded]
}

// ExposureTrend is how exposure went, a value a day.
type ExposureTrend struct {
	FirstDay     string  `json:"first_day" doc:"UTC day of the first value, as 2006-01-02"`
	Affected     []int64 `json:"affected" nullable:"false"`
	Undetermined []int64 `json:"undetermined" nullable:"false"`
	Dismissed    []int64 `json:"dismissed" nullable:"false" doc:"In range, but not compiled or not loaded"`
}

// Exposures is the fleet's exposure.
type Exposures struct {
	Feed *Feed `json:"feed" doc:"The records that verdicts stand on; null where there are none"`
	// Kernels are the judged ones, those with the most hosts first.
	Kernels []KernelExposure `json:"kernels" nullable:"false"`
	Waiting int64            `json:"waiting" doc:"Kernels that are still to be judged"`
	Trend   ExposureTrend    `json:"trend" doc:"CVEs that any kernel is open for, the last 90 days"`
}

// trendDays is how far an exposure's trend reaches.
const trendDays = 90

const exposureSelect = `select k.id, k.release, k.arch, k.hosts_now, (select count(*) ` + telling + `), x.upstream, x.counts, x.ranking, x.notes, x.assessed_at, coalesce(i.summary, '')
	from kernel_exposures x join kernels k on k.id = x.kernel_id left join inventories i on i.id = x.inventory_id `

func scanKernelExposure(scan func(...any) error) (e KernelExposure, err error) {
	var (
		counts, ranking, notes, inventory string
		at                                int64
	)
	if err = scan(&e.Kernel.ID, &e.Kernel.Release, &e.Kernel.Arch, &e.Hosts, &e.Reporting, &e.Upstream, &counts, &ranking, &notes, &at, &inventory); err != nil {
		return e, err
	}
	e.JudgedAt = store.Time(at)
	for text, to := range map[string]any{counts: &e.Counts, ranking: &e.Ranking, notes: &e.Notes} {
		if err := fromJSON(text, to); err != nil {
			return e, err
		}
	}
	if inventory != "" {
		e.Inventory = &Inventory{}
		err = fromJSON(inventory, e.Inventory)
	}
	return e, err
}

// Exposures tells the fleet's exposure: of each kernel, without its ranking.
func (s *Service) Exposures(ctx context.Context) (*Exposures, error) {
	var out Exposures
	err := s.db.View(ctx, func(q store.Querier) error {
		var (
			f      Feed
			newest sql.Null[int64]
			loaded int64
		)
		err := q.QueryRowContext(ctx, `select fingerprint, origin, records, newest, loaded_at from cve_feeds where id = 'current'`).
			Scan(&f.Fingerprint, &f.Origin, &f.Records, &newest, &loaded)
		switch {
		case err == nil:
			at := store.Time(loaded)
			f.Newest, f.LoadedAt, out.Feed = store.NullTime(newest), &at, &f
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		out.Kernels, err = store.Collect(ctx, q, exposureSelect+`order by k.hosts_now desc, k.last_seen desc, k.id limit 500`, nil, scanKernelExposure)
		if err != nil {
			return err
		}
		ids := []string{""}
		for i := range out.Kernels {
			ids, out.Kernels[i].Ranking = append(ids, out.Kernels[i].Kernel.ID), []Reduction{}
		}
		trends, err := s.exposureTrends(ctx, q, ids)
		if err != nil {
			return err
		}
		out.Trend = trends[""]
		for i := range out.Kernels {
			out.Kernels[i].Trend = trends[out.Kernels[i].Kernel.ID]
		}
		return q.QueryRowContext(ctx, `select count(*) from kernels k where not exists (select 1 from kernel_exposures x where x.kernel_id = k.id)`).Scan(&out.Waiting)
	})
	if err != nil {
		return nil, fmt.Errorf("exposures: %w", err)
	}
	return &out, nil
}

// KernelExposure tells a kernel's exposure. ErrNotFound also means that it was not
// judged yet.
func (s *Service) KernelExposure(ctx context.Context, idOrRelease string) (*KernelExposure, error) {
	var e KernelExposure
	err := s.db.View(ctx, func(q store.Querier) (err error) {
		e, err = scanKernelExposure(q.QueryRowContext(ctx, exposureSelect+`where k.id = $1 or k.release = $1
			order by case when k.id = $1 then 0 else 1 end, k.crashes desc, k.id limit 1`, idOrRelease).Scan)
		if err != nil {
			return err
		}
		trends, err := s.exposureTrends(ctx, q, []string{e.Kernel.ID})
		e.Trend = trends[e.Kernel.ID]
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("exposure of kernel %s: %w", idOrRelease, found(err))
	}
	return &e, nil
}

// VerdictFilter selects verdicts about a kernel. Empty fields select all.
type VerdictFilter struct {
	Verdict string
	Text    string // words of the ID or the title
	Window
}

// KernelVerdict is a verdict about a kernel, with the CVE that it is about.
type KernelVerdict struct {
	CVE      CVE      `json:"cve"`
	Exposure Exposure `json:"exposure"`
}

// VerdictPage is a part of the verdicts about a kernel.
type VerdictPage struct {
	Total int64           `json:"total"`
	Items []KernelVerdict `json:"items" nullable:"false"`
}

// Verdicts lists the verdicts about a kernel, the severest first. Those that are
// fixed, or were never in range, are only counted.
func (s *Service) Verdicts(ctx context.Context, kernel string, f VerdictFilter) (*VerdictPage, error) {
	limit, offset, err := f.page()
	if err != nil {
		return nil, err
	}
	args := store.Args{kernel}
	where := []string{"e.kernel_id = $1"}
	if f.Verdict != "" {
		where = append(where, "e.verdict = "+args.Add(f.Verdict))
	}
	for _, word := range strings.Fields(f.Text) {
		p := args.Add(store.Like(word, false))
		where = append(where, `(lower(c.id) like `+p+` escape '\' or lower(c.title) like `+p+` escape '\')`)
	}
	rest := ` from exposures e join kernels k on k.id = e.kernel_id join cves c on c.id = e.cve where ` + strings.Join(where, " and ")
	var p VerdictPage
	err = s.db.View(ctx, func(q store.Querier) error {
		if err := q.QueryRowContext(ctx, `select count(*)`+rest, args...).Scan(&p.Total); err != nil {
			return err
		}
		risks, err := s.risks(ctx, q, "")
		if err != nil {
			return err
		}
		p.Items, err = store.Collect(ctx, q, `select `+cveColumns+`, k.id, k.release, k.arch, k.hosts_now, e.verdict, e.was, e.since, e.changed_at, e.evidence, e.modules, e.unloaded`+rest+
			` order by case e.verdict when 'affected' then 0 when 'undetermined' then 1 else 2 end, c.score desc, c.id desc
			limit `+args.Add(limit)+` offset `+args.Add(offset), args, func(scan func(...any) error) (v KernelVerdict, err error) {
			// The row is a CVE's and an exposure's, one after the other.
			v.CVE, err = scanCVE(func(cve ...any) error {
				var inner error
				v.Exposure, inner = scanExposure(func(exposure ...any) error { return scan(slices.Concat(cve, exposure)...) })
				return inner
			})
			v.CVE.Clock = s.clock(v.CVE, risks)
			return v, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("verdicts about kernel %s: %w", kernel, err)
	}
	return &p, nil
}

func (s *Service) emptyExposureTrend() ExposureTrend {
	first := day(s.now()) - trendDays + 1
	return ExposureTrend{FirstDay: dayName(first), Affected: make([]int64, trendDays), Undetermined: make([]int64, trendDays), Dismissed: make([]int64, trendDays)}
}

// exposureTrends returns the trends of kernels. A day without a judgement has what
// the last one before it said.
func (s *Service) exposureTrends(ctx context.Context, q store.Querier, kernels []string) (map[string]ExposureTrend, error) {
	out := make(map[string]ExposureTrend, len(kernels))
	for _, id := range kernels {
		out[id] = s.emptyExposureTrend()
	}
	last := day(s.now())
	first := last - trendDays + 1
	args := store.Args{first, last}
	type value struct {
		id                string
		day               int64
		aff, und, dismiss int64
	}
	values, err := store.Collect(ctx, q, `select d.kernel_id, d.day, d.affected, d.undetermined, d.dismissed from exposure_daily d
		where d.day <= $2 and d.day >= coalesce((select max(p.day) from exposure_daily p where p.kernel_id = d.kernel_id and p.day <= $1), $1)
		and d.kernel_id in `+store.In(&args, kernels)+` order by d.day`, args,
		func(scan func(...any) error) (v value, err error) {
			return v, scan(&v.id, &v.day, &v.aff, &v.und, &v.dismiss)
		})
	for _, v := range values {
		t := out[v.id]
		for i := max(0, v.day-first); i < trendDays; i++ {
			t.Affected[i], t.Undetermined[i], t.Dismissed[i] = v.aff, v.und, v.dismiss
		}
	}
	return out, err
}
