package record

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"ringside/internal/store"
)

// Signature returns a signature with its history and its evidence.
func (s *Service) Signature(ctx context.Context, id string) (*SignatureDetail, error) {
	var d SignatureDetail
	err := s.db.View(ctx, func(q store.Querier) error {
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
		if d.ByKernel, err = s.kernelTrends(ctx, q, id, 30); err != nil {
			return err
		}
		if d.HostList, err = hostSigs(ctx, q, `where x.signature_id = $1 order by x.crashes desc, x.last_seen desc, h.name limit 100`, id); err != nil {
			return err
		}
		if d.Exemplars, err = listCrashes(ctx, q, `join exemplars e on e.crash_id = c.id where e.signature_id = $1
			order by c.occurred_at desc, c.id desc`, id); err != nil {
			return err
		}
		if d.Similar, err = similar(ctx, q, &d.Signature); err != nil {
			return err
		}
		d.Activity, err = activity(ctx, q, id)
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
func (s *Service) kernelTrends(ctx context.Context, q store.Querier, id string, days int) ([]KernelTrend, error) {
	today := day(s.now())
	first := today - int64(days) + 1
	type point struct {
		id, release, arch sql.Null[string]
		day, n            int64
	}
	points, err := store.Collect(ctx, q, `select k.id, k.release, k.arch, d.day, d.crashes from signature_daily d
		left join kernels k on k.id = d.kernel_id
		where d.signature_id = $1 and d.day >= $2 and d.day <= $3 and d.crashes > 0`, []any{id, first, today},
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

func activity(ctx context.Context, q store.Querier, id string) ([]Activity, error) {
	return store.Collect(ctx, q, `select at, by_whom, what, was, became, note, crash_id from signature_activity
		where signature_id = $1 order by at desc, id desc limit 100`, []any{id},
		func(scan func(...any) error) (a Activity, err error) {
			var at int64
			err = scan(&at, &a.By, &a.What, &a.From, &a.To, &a.Note, &a.Crash)
			a.At = store.Time(at)
			return a, err
		})
}

const (
	rareSymbols  = 16  // functions by which similar signatures are looked up
	maxLookAlike = 200 // signatures compared
	maxSimilar   = 10
)

// similar finds signatures that resemble one: of the same family, or with
// functions in common. A function counts by its rarity: nearly every stack has
// do_syscall_64, and it says nothing.
func similar(ctx context.Context, q store.Querier, sig *Signature) ([]Similar, error) {
	weights, rare, err := symbolWeights(ctx, q, sig.ID)
	if err != nil {
		return nil, err
	}
	var args store.Args
	self := args.Add(sig.ID)
	rows, err := store.Collect(ctx, q, `select s.id, s.title, s.kind, s.class, s.state, s.family, s.crashes, s.last_seen
		from signatures s where s.id <> `+self+` and s.crashes > 0 and (s.family = `+args.Add(sig.Family)+` or s.id in (
			select signature_id from signature_symbols where symbol in `+store.In(&args, rare)+`))
		order by s.crashes desc, s.id limit `+args.Add(maxLookAlike), args,
		func(scan func(...any) error) (v Similar, err error) {
			var (
				family string
				last   int64
			)
			err = scan(&v.Signature.ID, &v.Signature.Title, &v.Signature.Kind, &v.Signature.Class, &v.Signature.State, &family, &v.Crashes, &last)
			v.SameFamily, v.LastSeen, v.Shared = sig.Family != "" && family == sig.Family, store.Time(last), []string{}
			return v, err
		})
	if err != nil || len(rows) == 0 {
		return rows, err
	}
	if err := scoreSimilar(ctx, q, rows, weights); err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b Similar) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(b.Crashes, a.Crashes), cmp.Compare(a.Signature.ID, b.Signature.ID))
	})
	rows = slices.DeleteFunc(rows, func(v Similar) bool { return v.Score < 0.1 })
	return rows[:min(len(rows), maxSimilar)], nil
}

// symbolWeights returns the weight of each function of a signature, and its
// rarest functions that another signature has too.
func symbolWeights(ctx context.Context, q store.Querier, id string) (map[string]float64, []string, error) {
	var all float64
	if err := q.QueryRowContext(ctx, `select count(*) from signatures`).Scan(&all); err != nil {
		return nil, nil, err
	}
	type symbol struct {
		name string
		n    float64
	}
	symbols, err := store.Collect(ctx, q, `select mine.symbol, count(*) from signature_symbols mine
		join signature_symbols others on others.symbol = mine.symbol
		where mine.signature_id = $1 group by mine.symbol order by 2, 1`, []any{id},
		func(scan func(...any) error) (v symbol, err error) { return v, scan(&v.name, &v.n) })
	weights := make(map[string]float64, len(symbols))
	var rare []string
	for _, v := range symbols {
		weights[v.name] = math.Log1p(all / v.n)
		if v.n > 1 && len(rare) < rareSymbols {
			rare = append(rare, v.name)
		}
	}
	return weights, rare, err
}

// scoreSimilar compares candidates with the functions and weights of one
// signature: the weight they share over the weight they have together.
func scoreSimilar(ctx context.Context, q store.Querier, rows []Similar, weights map[string]float64) error {
	var total float64
	for _, w := range weights {
		total += w
	}
	byID := map[string]*Similar{}
	var ids []string
	for i := range rows {
		byID[rows[i].Signature.ID] = &rows[i]
		ids = append(ids, rows[i].Signature.ID)
	}
	var args store.Args
	type entry struct{ id, symbol string }
	entries, err := store.Collect(ctx, q, `select signature_id, symbol from signature_symbols where signature_id in `+store.In(&args, ids), args,
		func(scan func(...any) error) (e entry, err error) { return e, scan(&e.id, &e.symbol) })
	if err != nil {
		return err
	}
	shared, extra := map[string]float64{}, map[string]float64{}
	for _, e := range entries {
		if w, ok := weights[e.symbol]; ok {
			shared[e.id] += w
			byID[e.id].Shared = append(byID[e.id].Shared, e.symbol)
		} else {
			extra[e.id]++ // of unknown rarity: the least weight a function can have, about log 2
		}
	}
	for id, v := range byID {
		if union := total + extra[id]*math.Ln2; union > 0 {
			v.Score = shared[id] / union
		}
		if v.SameFamily {
			v.Score = (1 + v.Score) / 2
		}
		v.Score = math.Round(v.Score*100) / 100
		slices.SortFunc(v.Shared, func(a, b string) int { return cmp.Or(cmp.Compare(weights[b], weights[a]), cmp.Compare(a, b)) })
		v.Shared = v.Shared[:min(len(v.Shared), 8)]
	}
	return nil
}
