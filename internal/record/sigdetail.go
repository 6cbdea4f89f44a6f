package record

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"ringside/internal/store"
)

// Signature returns a signature with its history and its evidence.
func (s *Service) Signature(ctx context.Context, id string) (*SignatureDetail, error) {
	var d SignatureDetail
	err := s.db.View(ctx, func(q store.Querier) error {
		// An ID that newer rules joined into another leads to that.
		id, err := successor(ctx, q, id)
		if err != nil {
			return err
		}
		sig, err := scanSignature(q.QueryRowContext(ctx, `select `+sigColumns+sigTables+`where s.id = $1`, id).Scan)
		if err != nil {
			return err
		}
		one := []Signature{sig}
		if err := s.addTrends(ctx, q, one, 30); err != nil {
			return err
		}
		d.Signature = one[0]
		var basis string
		if err := q.QueryRowContext(ctx, `select basis from signatures where id = $1`, id).Scan(&basis); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(basis), &d.Basis); err != nil {
			return fmt.Errorf("stored basis: %w", err)
		}
		members, err := membersOf(ctx, q, id)
		if err != nil {
			return err
		}
		if d.ByKernel, err = s.kernelTrends(ctx, q, members, 30); err != nil {
			return err
		}
		if d.HostList, err = signatureHosts(ctx, q, members); err != nil {
			return err
		}
		var args store.Args
		if d.Exemplars, err = listCrashes(ctx, q, `join exemplars e on e.crash_id = c.id where e.signature_id in `+store.In(&args, members)+`
			order by c.occurred_at desc, c.id desc`, args...); err != nil {
			return err
		}
		if d.Similar, err = similarTo(ctx, q, id); err != nil {
			return err
		}
		if d.Members, err = groupMembers(ctx, q, id); err != nil {
			return err
		}
		if d.Activity, err = activity(ctx, q, members); err != nil {
			return err
		}
		group, err := groupOf(ctx, q, id)
		if err != nil {
			return err
		}
		var in store.Args
		list := store.In(&in, group)
		d.Links, err = store.Collect(ctx, q, linkSelect+`where l.undone_at is null and (l.a in `+list+` or l.b in `+list+`) order by l.at desc, l.id desc limit 100`,
			in, scanLink)
		return err
	})
	if err == nil {
		err = s.addStack(ctx, &d)
	}
	if err != nil {
		return nil, fmt.Errorf("signature %s: %w", id, found(err))
	}
	return &d, nil
}

// addStack fills in the stack of the newest exemplar. A signature that was
// only ever a consequence has no exemplar and shows no stack.
func (s *Service) addStack(ctx context.Context, d *SignatureDetail) error {
	d.Stack = []StackLine{}
	if len(d.Exemplars) == 0 {
		return nil
	}
	c := CrashDetail{Crash: d.Exemplars[0]}
	var err error
	if c.Document, _, err = s.loadDocument(ctx, c.SHA256); err != nil {
		return err
	}
	d.Stack = stackOf(&c, d.Basis)
	return nil
}

// kernelTrends returns a signature's crashes per day on each kernel.
func (s *Service) kernelTrends(ctx context.Context, q store.Querier, ids []string, days int) ([]KernelTrend, error) {
	today := day(s.now())
	first := today - int64(days) + 1
	type point struct {
		id, release, arch sql.Null[string]
		day, n            int64
	}
	args := store.Args{first, today}
	points, err := store.Collect(ctx, q, `select k.id, k.release, k.arch, d.day, d.crashes from signature_daily d
		left join kernels k on k.id = d.kernel_id
		where d.day >= $1 and d.day <= $2 and d.crashes > 0 and d.signature_id in `+store.In(&args, ids), args,
		func(scan func(...any) error) (p point, err error) {
			return p, scan(&p.id, &p.release, &p.arch, &p.day, &p.n)
		})
	if err != nil {
		return nil, err
	}
	trends := map[string]*KernelTrend{}
	for _, p := range points {
		t := trends[p.id.V]
		if t == nil {
			t = &KernelTrend{Kernel: kernelRef(p.id, p.release, p.arch), Trend: emptyTrend(first, days)}
			trends[p.id.V] = t
		}
		t.Trend.Counts[p.day-first] += p.n
	}
	out := []KernelTrend{}
	for _, t := range trends {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b KernelTrend) int {
		return cmp.Or(cmp.Compare(b.Trend.Total(), a.Trend.Total()), cmp.Compare(release(b.Kernel), release(a.Kernel)))
	})
	return out, nil
}

func release(k *KernelRef) string {
	if k == nil {
		return ""
	}
	return k.Release + " " + k.Arch
}

// hostSigs reads counts of signatures on hosts; rest is what follows the tables.
func hostSigs(ctx context.Context, q store.Querier, rest string, args ...any) ([]HostSig, error) {
	return store.Collect(ctx, q, `select s.id, s.title, s.kind, s.class, s.state, h.id, h.name, x.crashes, x.secondary, x.first_seen, x.last_seen
		from signature_hosts x join signatures s on s.id = x.signature_id join hosts h on h.id = x.host_id `+rest, args,
		func(scan func(...any) error) (v HostSig, err error) {
			var first, last int64
			err = scan(&v.Signature.ID, &v.Signature.Title, &v.Signature.Kind, &v.Signature.Class, &v.Signature.State,
				&v.Host.ID, &v.Host.Name, &v.Crashes, &v.Secondary, &first, &last)
			v.FirstSeen, v.LastSeen = store.Time(first), store.Time(last)
			return v, err
		})
}

// signatureHosts returns the hosts of signatures that count together, most
// crashes first.
func signatureHosts(ctx context.Context, q store.Querier, ids []string) ([]HostSig, error) {
	var args store.Args
	rows, err := hostSigs(ctx, q, `where x.signature_id in `+store.In(&args, ids)+` order by x.crashes desc, x.last_seen desc, h.name limit 1000`, args...)
	if err != nil {
		return nil, err
	}
	byHost := map[string]int{}
	out := []HostSig{}
	for _, r := range rows {
		i, ok := byHost[r.Host.ID]
		if !ok {
			byHost[r.Host.ID] = len(out)
			out = append(out, r)
			continue
		}
		h := &out[i]
		h.Crashes += r.Crashes
		h.Secondary += r.Secondary
		if r.FirstSeen.Before(h.FirstSeen) {
			h.FirstSeen = r.FirstSeen
		}
		if r.LastSeen.After(h.LastSeen) {
			h.LastSeen = r.LastSeen
		}
	}
	slices.SortStableFunc(out, func(a, b HostSig) int {
		return cmp.Or(cmp.Compare(b.Crashes, a.Crashes), b.LastSeen.Compare(a.LastSeen))
	})
	return out[:min(len(out), 100)], nil
}

func activity(ctx context.Context, q store.Querier, ids []string) ([]Activity, error) {
	var args store.Args
	return store.Collect(ctx, q, `select at, by_whom, what, was, became, note, crash_id from signature_activity
		where signature_id in `+store.In(&args, ids)+` order by at desc, id desc limit 100`, args,
		func(scan func(...any) error) (a Activity, err error) {
			var at int64
			err = scan(&at, &a.By, &a.What, &a.From, &a.To, &a.Note, &a.Crash)
			a.At = store.Time(at)
			return a, err
		})
}
