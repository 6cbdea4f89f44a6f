package record

import (
	"context"
	"fmt"

	"ringside/internal/store"
)

// Overview answers what needs somebody now. It reads roll-ups only, but for the
// newest crashes, so its time does not grow with the number of crashes.
func (s *Service) Overview(ctx context.Context, q OverviewQuery) (*Overview, error) {
	if q.Days == 0 {
		q.Days = 30
	}
	if q.Top == 0 {
		q.Top = 10
	}
	if q.Days < 1 || q.Days > 365 || q.Top < 1 || q.Top > 50 {
		return nil, fmt.Errorf("overview of %d days, top %d: %w: 1 to 365 days, 1 to 50 signatures", q.Days, q.Top, ErrInvalid)
	}
	now := s.now()
	last := day(now)
	first := last - int64(q.Days) + 1
	o := Overview{From: store.Time(first * microsPerDay), Until: now, Days: q.Days}
	err := s.db.View(ctx, func(db store.Querier) error {
		for _, part := range []struct {
			name string
			read func() error
		}{
			{"totals", func() error { return s.overviewTotals(ctx, db, &o, first, last) }},
			{"signatures", func() error { return s.overviewSignatures(ctx, db, &o, first, last, q.Top) }},
			{"classes", func() (err error) { o.Classes, err = classTrends(ctx, db, first, last, ""); return err }},
			{"kernels", func() error { return overviewKernels(ctx, db, &o, first) }},
			{"latest", func() (err error) {
				o.Latest, err = listCrashes(ctx, db, `order by c.occurred_at desc, c.id desc limit 10`)
				return err
			}},
			{"jobs", func() (err error) { o.Jobs, err = s.jobStats(ctx, db); return err }},
		} {
			if err := part.read(); err != nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("overview: %w", err)
	}
	return &o, nil
}

func (s *Service) overviewTotals(ctx context.Context, q store.Querier, o *Overview, first, last int64) error {
	from, before := first*microsPerDay, (first-int64(o.Days))*microsPerDay
	if err := q.QueryRowContext(ctx, `select
		(select coalesce(sum(crashes), 0) from class_daily where day >= $1 and day <= $2),
		(select coalesce(sum(crashes), 0) from class_daily where day >= $3 and day < $1),
		(select count(*) from signatures s where (s.last_seen >= $4 or s.group_id = s.id
			and exists (select 1 from signatures m where m.group_id = s.id and m.last_seen >= $4)) and `+sigCounted+` and `+sigListed+`),
		(select count(*) from signatures s where first_seen >= $4 and `+sigCounted+` and `+sigListed+`),
		(select count(*) from signatures s where first_seen >= $5 and first_seen < $4 and `+sigCounted+` and `+sigListed+`),
		(select count(*) from hosts where last_crash >= $4),
		(select count(*) from hosts),
		exists (select 1 from receipts where demo)`,
		first, last, first-int64(o.Days), from, before).
		Scan(&o.Totals.Crashes, &o.Previous.Crashes, &o.Totals.Signatures, &o.Totals.NewSignatures, &o.Previous.NewSignatures,
			&o.Totals.HostsAffected, &o.Totals.Hosts, &o.Demo); err != nil {
		return err
	}
	var err error
	o.States, err = store.Collect(ctx, q, `select state, count(*) from signatures s where `+sigCounted+` and `+sigListed+` group by state order by 2 desc, 1`, nil,
		func(scan func(...any) error) (f Facet, err error) { return f, scan(&f.Value, &f.Count) })
	return err
}

// overviewSignatures fills in the lists of signatures with one look at the
// trends for all of them.
func (s *Service) overviewSignatures(ctx context.Context, q store.Querier, o *Overview, first, last int64, top int) error {
	lists := []struct {
		to    *[]Signature
		query string
		args  []any
	}{
		{&o.Regressed, sigTables + `where s.state = 'regressed' and ` + sigCounted + ` and ` + sigListed + ` order by s.state_since desc, s.id desc limit $1`, []any{top}},
		{&o.New, sigTables + `where s.state = 'new' and ` + sigCounted + ` and ` + sigListed + ` order by s.first_seen desc, s.id desc limit $1`, []any{top}},
		{&o.Rising, sigTables + `join (select signature_id, recent, previous from (select signature_id,
				sum(case when day >= $2 then crashes else 0 end) as recent, sum(case when day < $2 then crashes else 0 end) as previous
				from ` + sigDays + ` where day >= $3 and day <= $4 group by signature_id) x
				where recent >= 5 and recent >= 2 * previous) t on t.signature_id = s.id
			where s.state in ('new', 'open', 'regressed') order by t.recent - t.previous desc, s.id desc limit $1`,
			[]any{top, last - 6, last - 13, last}},
		{&o.Top, sigTables + `join (select signature_id, sum(crashes) as n from ` + sigDays + ` where day >= $2 and day <= $3
				group by signature_id having sum(crashes) > 0 order by n desc, signature_id limit $1) t on t.signature_id = s.id
			order by t.n desc, s.id`, []any{top, first, last}},
	}
	var all []Signature
	for _, l := range lists {
		sigs, err := store.Collect(ctx, q, `select `+sigColumns+l.query, l.args, scanSignature)
		if err != nil {
			return err
		}
		*l.to = sigs
		all = append(all, sigs...)
	}
	if err := s.addTrends(ctx, q, all, o.Days); err != nil {
		return err
	}
	for _, l := range lists {
		n := len(*l.to)
		copy(*l.to, all[:n])
		all = all[n:]
	}
	return nil
}

func overviewKernels(ctx context.Context, q store.Querier, o *Overview, first int64) error {
	kernels, err := store.Collect(ctx, q, `select id, release, arch from kernels where last_seen >= $1
		or hosts_now > 0
		order by first_seen desc, id desc limit 20`, []any{first * microsPerDay},
		func(scan func(...any) error) (k KernelRef, err error) { return k, scan(&k.ID, &k.Release, &k.Arch) })
	if err != nil {
		return err
	}
	o.Kernels, err = kernelRates(ctx, q, kernels, first, o.Until)
	return err
}
