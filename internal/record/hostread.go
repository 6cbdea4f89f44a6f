package record

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"ringside/internal/store"
)

const hostSelect = `select h.id, h.name, h.fleet, h.arch, h.hardware, h.kernel_id, k.release, k.arch, h.first_seen, h.last_seen,
	h.last_crash, h.crashes, h.signatures, h.demo from hosts h left join kernels k on k.id = h.kernel_id `

func scanHost(scan func(...any) error) (h Host, err error) {
	var (
		kernel, release, arch sql.Null[string]
		first, last           int64
		crash                 sql.Null[int64]
	)
	err = scan(&h.ID, &h.Name, &h.Group, &h.Arch, &h.Hardware, &kernel, &release, &arch, &first, &last, &crash,
		&h.Crashes, &h.Signatures, &h.Demo)
	h.Kernel = kernelRef(kernel, release, arch)
	h.FirstSeen, h.LastSeen, h.LastCrash = store.Time(first), store.Time(last), store.NullTime(crash)
	return h, err
}

// Hosts lists hosts.
func (s *Service) Hosts(ctx context.Context, f HostFilter) (*HostPage, error) {
	limit, offset, err := f.page()
	if err != nil {
		return nil, err
	}
	order, ok := map[HostSort]string{
		"": "h.last_crash desc nulls last, h.name", HostsByLastCrash: "h.last_crash desc nulls last, h.name",
		HostsByCrashes: "h.crashes desc, h.name", HostsByName: "h.name", HostsByLastSeen: "h.last_seen desc, h.name",
	}[f.Sort]
	if !ok {
		return nil, fmt.Errorf("sort %q: %w: it is last_crash, crashes, name or last_seen", f.Sort, ErrInvalid)
	}
	var (
		args  store.Args
		where = []string{"1 = 1"}
	)
	for _, word := range strings.Fields(f.Text) {
		p := args.Add(store.Like(word, false))
		where = append(where, `(lower(h.name) like `+p+` escape '\' or lower(h.fleet) like `+p+` escape '\')`)
	}
	if f.Group != "" {
		where = append(where, "h.fleet = "+args.Add(f.Group))
	}
	if f.Kernel != "" {
		where = append(where, "h.kernel_id in "+kernelIDs(&args, f.Kernel))
	}
	cond := "where " + strings.Join(where, " and ")
	var p HostPage
	err = s.db.View(ctx, func(q store.Querier) error {
		if err := q.QueryRowContext(ctx, `select count(*) from hosts h `+cond, args...).Scan(&p.Total); err != nil {
			return err
		}
		p.Items, err = store.Collect(ctx, q, hostSelect+cond+" order by "+order+
			" limit "+args.Add(limit)+" offset "+args.Add(offset), args, scanHost)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list hosts: %w", err)
	}
	return &p, nil
}

// Host returns a host with its history.
func (s *Service) Host(ctx context.Context, idOrName string) (*HostDetail, error) {
	var d HostDetail
	err := s.db.View(ctx, func(q store.Querier) error {
		var (
			args store.Args
			err  error
		)
		ids := hostIDs(&args, idOrName)
		if d.Host, err = scanHost(q.QueryRowContext(ctx, hostSelect+"where h.id in "+ids+" order by h.id limit 1", args...).Scan); err != nil {
			return err
		}
		today := day(s.now())
		if d.Trend, err = dailyTrend(ctx, q, today-29, today, `select day, crashes from host_daily
			where host_id = $3 and day >= $1 and day <= $2`, d.ID); err != nil {
			return err
		}
		d.Kernels, err = store.Collect(ctx, q, `select k.id, k.release, k.arch, x.since, x.until from host_kernels x
			join kernels k on k.id = x.kernel_id where x.host_id = $1 order by x.since desc limit 100`, []any{d.ID},
			func(scan func(...any) error) (v Sighting, err error) {
				var (
					since int64
					until sql.Null[int64]
				)
				err = scan(&v.Kernel.ID, &v.Kernel.Release, &v.Kernel.Arch, &since, &until)
				v.Since, v.Until = store.Time(since), store.NullTime(until)
				return v, err
			})
		if err != nil {
			return err
		}
		if d.BySignature, err = hostSigs(ctx, q, `where x.host_id = $1 order by x.crashes desc, x.last_seen desc limit 50`, d.ID); err != nil {
			return err
		}
		d.Recent, err = listCrashes(ctx, q, `where c.host_id = $1 order by c.occurred_at desc, c.id desc limit 50`, d.ID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("host %s: %w", idOrName, found(err))
	}
	return &d, nil
}

// dailyTrend reads a trend from the first day ($1) to the last ($2); the query
// returns days and counts, several of a day or none.
func dailyTrend(ctx context.Context, q store.Querier, first, last int64, query string, args ...any) (Trend, error) {
	t := emptyTrend(first, int(last-first)+1)
	rows, err := store.Collect(ctx, q, query, append([]any{first, last}, args...),
		func(scan func(...any) error) (v [2]int64, err error) { return v, scan(&v[0], &v[1]) })
	for _, r := range rows {
		t.Counts[r[0]-first] += r[1]
	}
	return t, err
}
