package record

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringside/internal/store"
)

const kernelSelect = `select k.id, k.release, k.arch, k.version, k.first_seen, k.last_seen, k.last_crash, k.crashes, k.demo,
	(select count(distinct x.host_id) from host_kernels x where x.kernel_id = k.id),
	k.hosts_now,
	(select count(*) from kernel_hosts x where x.kernel_id = k.id),
	(select count(*) from signature_kernels x where x.kernel_id = k.id and x.crashes > 0),
	(select count(*) from signatures s where s.first_kernel_id = k.id and s.crashes > 0)
	from kernels k `

func scanKernel(scan func(...any) error) (k Kernel, err error) {
	var (
		first, last int64
		crash       sql.Null[int64]
	)
	err = scan(&k.ID, &k.Release, &k.Arch, &k.Version, &first, &last, &crash, &k.Crashes, &k.Demo,
		&k.Hosts, &k.HostsNow, &k.HostsAffected, &k.Signatures, &k.NewSignatures)
	k.FirstSeen, k.LastSeen, k.LastCrash = store.Time(first), store.Time(last), store.NullTime(crash)
	return k, err
}

// Kernels lists kernels.
func (s *Service) Kernels(ctx context.Context, f KernelFilter) (*KernelPage, error) {
	limit, offset, err := f.page()
	if err != nil {
		return nil, err
	}
	order, ok := map[KernelSort]string{
		"": "k.first_seen desc, k.id desc", KernelsByFirstSeen: "k.first_seen desc, k.id desc",
		KernelsByLastSeen: "k.last_seen desc, k.id desc", KernelsByCrashes: "k.crashes desc, k.id desc",
		KernelsByHosts: "11 desc, k.id desc", KernelsByRelease: "k.release, k.arch",
	}[f.Sort]
	if !ok {
		return nil, fmt.Errorf("sort %q: %w: it is first_seen, last_seen, crashes, hosts or release", f.Sort, ErrInvalid)
	}
	var (
		args  store.Args
		where = []string{"1 = 1"}
	)
	for _, word := range strings.Fields(f.Text) {
		p := args.Add(store.Like(word, false))
		where = append(where, `(lower(k.release) like `+p+` escape '\' or lower(k.version) like `+p+` escape '\' or k.arch like `+p+` escape '\')`)
	}
	cond := "where " + strings.Join(where, " and ")
	var p KernelPage
	err = s.db.View(ctx, func(q store.Querier) error {
		if err := q.QueryRowContext(ctx, `select count(*) from kernels k `+cond, args...).Scan(&p.Total); err != nil {
			return err
		}
		p.Items, err = store.Collect(ctx, q, kernelSelect+cond+" order by "+order+
			" limit "+args.Add(limit)+" offset "+args.Add(offset), args, scanKernel)
		if err != nil {
			return err
		}
		return s.addKernelTrends(ctx, q, p.Items)
	})
	if err != nil {
		return nil, fmt.Errorf("list kernels: %w", err)
	}
	return &p, nil
}

func (s *Service) addKernelTrends(ctx context.Context, q store.Querier, kernels []Kernel) error {
	today := day(s.now())
	ids := make([]string, len(kernels))
	for i := range kernels {
		ids[i] = kernels[i].ID
	}
	trends, err := trendsByKernel(ctx, q, ids, today-29, today)
	for i := range kernels {
		kernels[i].Trend = trends[kernels[i].ID]
	}
	return err
}

// trendsByKernel returns the crashes per day of each of the kernels.
func trendsByKernel(ctx context.Context, q store.Querier, ids []string, first, last int64) (map[string]Trend, error) {
	out := make(map[string]Trend, len(ids))
	for _, id := range ids {
		out[id] = emptyTrend(first, int(last-first)+1)
	}
	type point struct {
		id     string
		day, n int64
	}
	args := store.Args{first, last}
	points, err := store.Collect(ctx, q, `select kernel_id, day, sum(crashes) from class_daily
		where day >= $1 and day <= $2 and kernel_id in `+store.In(&args, ids)+` group by kernel_id, day`, args,
		func(scan func(...any) error) (p point, err error) { return p, scan(&p.id, &p.day, &p.n) })
	for _, p := range points {
		out[p.id].Counts[p.day-first] += p.n
	}
	return out, err
}

// Kernel returns a kernel with what happened on it. A release that was built
// for several architectures means the one with the most crashes.
func (s *Service) Kernel(ctx context.Context, idOrRelease string) (*KernelDetail, error) {
	var d KernelDetail
	err := s.db.View(ctx, func(q store.Querier) error {
		k, err := scanKernel(q.QueryRowContext(ctx, kernelSelect+`where k.id = $1 or k.release = $1
			order by case when k.id = $1 then 0 else 1 end, k.crashes desc, k.id limit 1`, idOrRelease).Scan)
		if err != nil {
			return err
		}
		one := []Kernel{k}
		if err := s.addKernelTrends(ctx, q, one); err != nil {
			return err
		}
		d.Kernel = one[0]
		now := s.now()
		rates, err := kernelRates(ctx, q, []KernelRef{{d.ID, d.Release, d.Arch}}, day(now)-29, now)
		if err != nil {
			return err
		}
		d.Rate = rates[0]
		if d.Classes, err = classTrends(ctx, q, day(now)-29, day(now), d.ID); err != nil {
			return err
		}
		d.BySignature, err = store.Collect(ctx, q, `select s.id, s.title, s.kind, s.class, s.state, x.crashes, x.secondary, x.last_seen,
			coalesce(s.first_kernel_id, '') = x.kernel_id
			from signature_kernels x join signatures s on s.id = x.signature_id
			where x.kernel_id = $1 order by x.crashes desc, x.last_seen desc, s.id limit 100`, []any{d.ID},
			func(scan func(...any) error) (v KernelSig, err error) {
				var last int64
				err = scan(&v.Signature.ID, &v.Signature.Title, &v.Signature.Kind, &v.Signature.Class, &v.Signature.State,
					&v.Crashes, &v.Secondary, &last, &v.New)
				v.LastSeen = store.Time(last)
				return v, err
			})
		if err != nil {
			return err
		}
		if d.HostList, err = store.Collect(ctx, q, hostSelect+`where h.kernel_id = $1
			order by h.last_crash desc nulls last, h.name limit 100`, []any{d.ID}, scanHost); err != nil {
			return err
		}
		d.Recent, err = listCrashes(ctx, q, `where c.kernel_id = $1 order by c.occurred_at desc, c.id desc limit 50`, d.ID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("kernel %s: %w", idOrRelease, found(err))
	}
	return &d, nil
}

// kernelRates returns how kernels did from the beginning of a day until now.
func kernelRates(ctx context.Context, q store.Querier, kernels []KernelRef, first int64, now time.Time) ([]KernelRate, error) {
	ids := make([]string, len(kernels))
	for i, k := range kernels {
		ids[i] = k.ID
	}
	trends, err := trendsByKernel(ctx, q, ids, first, day(now))
	if err != nil {
		return nil, err
	}
	times, running, err := hostTimes(ctx, q, ids, first*microsPerDay, store.Micros(now))
	if err != nil {
		return nil, err
	}
	rates := make([]KernelRate, len(kernels))
	for i, k := range kernels {
		r := KernelRate{Kernel: k, Trend: trends[k.ID], Crashes: trends[k.ID].Total(),
			Hosts: running[k.ID], HostDays: times[k.ID] / microsPerDay}
		if r.HostDays > 0 {
			r.Rate = 1000 * float64(r.Crashes) / r.HostDays
		}
		rates[i] = r
	}
	return rates, nil
}

// hostTimes returns how long hosts ran each kernel between two times, in
// microseconds, and how many run it now. A spell that began before the window
// counts for all of it, one that began within for the rest after its
// beginning; a spell that ended takes back the rest after its end.
func hostTimes(ctx context.Context, q store.Querier, ids []string, from, to int64) (map[string]float64, map[string]int64, error) {
	times, running := map[string]float64{}, map[string]int64{}
	var args store.Args
	type spells struct {
		id                                      string
		day, started, startedUs, ended, endedUs int64
	}
	rows, err := store.Collect(ctx, q, `select kernel_id, day, started, started_us, ended, ended_us from kernel_spells
		where kernel_id in `+store.In(&args, ids), args, func(scan func(...any) error) (v spells, err error) {
		return v, scan(&v.id, &v.day, &v.started, &v.startedUs, &v.ended, &v.endedUs)
	})
	if err != nil {
		return nil, nil, err
	}
	for _, v := range rows {
		begin := v.day * microsPerDay
		switch {
		case begin < from:
			times[v.id] += float64(v.started-v.ended) * float64(to-from)
		case begin < to:
			times[v.id] += float64(v.started-v.ended)*float64(to-begin) - float64(v.startedUs-v.endedUs)
		}
	}
	args = nil
	_, err = store.Collect(ctx, q, `select id, hosts_now from kernels where id in `+store.In(&args, ids), args,
		func(scan func(...any) error) (n int64, err error) {
			var id string
			err = scan(&id, &n)
			running[id] = n
			return n, err
		})
	return times, running, err
}

// classTrends returns the crashes per day of each class, most frequent first,
// on one kernel or, if kernel is empty, on all.
func classTrends(ctx context.Context, q store.Querier, first, last int64, kernel string) ([]ClassTrend, error) {
	args := store.Args{first, last}
	cond := ""
	if kernel != "" {
		cond = " and kernel_id = " + args.Add(kernel)
	}
	type point struct {
		class  string
		day, n int64
	}
	points, err := store.Collect(ctx, q, `select class, day, sum(crashes) from class_daily
		where day >= $1 and day <= $2`+cond+` group by class, day`, args,
		func(scan func(...any) error) (p point, err error) { return p, scan(&p.class, &p.day, &p.n) })
	if err != nil {
		return nil, err
	}
	trends := map[string]Trend{}
	for _, p := range points {
		t, ok := trends[p.class]
		if !ok {
			t = emptyTrend(first, int(last-first)+1)
			trends[p.class] = t
		}
		t.Counts[p.day-first] += p.n
	}
	out := []ClassTrend{}
	for class, t := range trends {
		out = append(out, ClassTrend{class, t})
	}
	slices.SortFunc(out, func(a, b ClassTrend) int {
		return cmp.Or(cmp.Compare(b.Trend.Total(), a.Trend.Total()), cmp.Compare(a.Class, b.Class))
	})
	return out, nil
}
