package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"ringside/internal/store"
)

const (
	sigColumns = `s.id, s.key, s.algorithm, s.family, s.title, s.kind, s.class, s.function, s.module, s.state, s.state_since,
	s.resolved_in, s.muted_until, s.assignee, s.owner_detail, coalesce(g.first_seen, s.first_seen), ` + sigLastSeen + `,
	s.first_kernel_id, fk.release, fk.arch, ` + sigCrashes + `, cast(coalesce(g.secondary, s.secondary) as bigint), ` + sigHosts + `,
	coalesce(gk.kernels, s.kernels), cast(coalesce(g.panics, s.panics) as bigint), s.demo, coalesce(g.members, 0), coalesce(s.group_id, '')`
	sigLastSeen = `coalesce(g.last_seen, s.last_seen)`
	sigCrashes  = `cast(coalesce(g.crashes, s.crashes) as bigint)`
	sigHosts    = `coalesce(gh.hosts, s.hosts)`
	// The signature that stands for a merged group has the counts of all. The
	// groups are few: their sums are made from an index that holds nothing else.
	sigTables = ` from signatures s left join kernels fk on fk.id = s.first_kernel_id
	left join (select group_id, count(*) as members, sum(crashes) as crashes, sum(secondary) as secondary, sum(panics) as panics,
		min(first_seen) as first_seen, max(last_seen) as last_seen
		from signatures where group_id is not null group by group_id) g on g.group_id = s.id
	left join (select m.group_id, count(distinct x.host_id) as hosts from signatures m join signature_hosts x on x.signature_id = m.id
		where m.group_id is not null group by m.group_id) gh on gh.group_id = s.id
	left join (select m.group_id, count(distinct x.kernel_id) as kernels from signatures m join signature_kernels x on x.signature_id = m.id
		where m.group_id is not null and x.kernel_id <> '' group by m.group_id) gk on gk.group_id = s.id `
	// sigListed is what lists show: who stands for itself or for a group.
	sigListed = `s.replaced_by = '' and (s.group_id is null or s.group_id = s.id)`
	// sigCounted is what has a crash: its own, or one of the group's.
	sigCounted = `(s.crashes > 0 or s.group_id = s.id and exists (select 1 from signatures m where m.group_id = s.id and m.crashes > 0))`
	// sigDays is the daily roll-up by who stands for a signature.
	sigDays = ` (select coalesce(m.group_id, d.signature_id) as signature_id, d.day, d.crashes from signature_daily d
		left join (select id, group_id from signatures where group_id is not null) m on m.id = d.signature_id) sd `
	// sigTrend joins how much a signature's last 7 days differ from the 7
	// before; $1 is the day the last 7 begin at, $2 the one the 7 before do.
	sigTrend = ` left join (select signature_id,
		sum(case when day >= $1 then crashes else 0 end) as recent,
		sum(case when day < $1 then crashes else 0 end) as previous
		from ` + sigDays + ` where day >= $2 group by signature_id) t on t.signature_id = s.id `
)

func scanSignature(scan func(...any) error) (Signature, error) {
	var (
		s                    Signature
		since, first, last   int64
		muted                sql.Null[int64]
		owner                string
		kernel, release, arc sql.Null[string]
	)
	err := scan(&s.ID, &s.Key, &s.Algorithm, &s.Family, &s.Title, &s.Kind, &s.Class, &s.Function, &s.Module, &s.State, &since,
		&s.ResolvedIn, &muted, &s.Assignee, &owner, &first, &last, &kernel, &release, &arc,
		&s.Crashes, &s.Secondary, &s.Hosts, &s.Kernels, &s.Panics, &s.Demo, &s.Merged, &s.Group)
	if err != nil {
		return s, err
	}
	if s.Group == s.ID {
		s.Group = ""
	}
	s.StateSince, s.FirstSeen, s.LastSeen = store.Time(since), store.Time(first), store.Time(last)
	s.MutedUntil, s.FirstKernel = store.NullTime(muted), kernelRef(kernel, release, arc)
	s.Owner, err = parseOwner(owner)
	return s, err
}

func parseOwner(detail string) (*Owner, error) {
	if detail == "" {
		return nil, nil
	}
	var o Owner
	if err := json.Unmarshal([]byte(detail), &o); err != nil {
		return nil, fmt.Errorf("stored owner: %w", err)
	}
	return &o, nil
}

// Signatures lists signatures.
func (s *Service) Signatures(ctx context.Context, f SignatureFilter) (*SignaturePage, error) {
	limit, offset, err := f.page()
	if err != nil {
		return nil, err
	}
	order, err := f.order()
	if err != nil {
		return nil, err
	}
	today := day(s.now())
	args := store.Args{today - 6, today - 13}
	where := f.where(&args)
	p := SignaturePage{}
	err = s.db.View(ctx, func(q store.Querier) error {
		// The join is cheap and its arguments are there in any case: one text
		// for the count and the rows.
		if err := q.QueryRowContext(ctx, `select count(*)`+sigTables+sigTrend+where, args...).Scan(&p.Total); err != nil {
			return err
		}
		p.Items, err = store.Collect(ctx, q, `select `+sigColumns+sigTables+sigTrend+where+
			` order by `+order+` limit `+args.Add(limit)+` offset `+args.Add(offset), args, scanSignature)
		if err != nil {
			return err
		}
		if err := s.addTrends(ctx, q, p.Items, 30); err != nil {
			return err
		}
		p.Facets, err = facets(ctx, q)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list signatures: %w", err)
	}
	return &p, nil
}

func (f *SignatureFilter) order() (string, error) {
	columns := map[SignatureSort]string{
		"": sigLastSeen, SignaturesByLastSeen: sigLastSeen, SignaturesByFirstSeen: "coalesce(g.first_seen, s.first_seen)",
		SignaturesByCrashes: sigCrashes, SignaturesByHosts: sigHosts,
		SignaturesByTrend: "coalesce(t.recent, 0) - coalesce(t.previous, 0)",
	}
	c, ok := columns[f.Sort]
	if !ok {
		return "", fmt.Errorf("sort %q: %w: it is last_seen, first_seen, count, hosts or trend", f.Sort, ErrInvalid)
	}
	if f.Reverse {
		return c + ", s.id", nil
	}
	return c + " desc, s.id desc", nil
}

func (f *SignatureFilter) where(args *store.Args) string {
	where := []string{sigListed}
	add := func(cond string) { where = append(where, cond) }
	// Who stands for a group is found by what any member has.
	anyOf := func(from string) string {
		return "s.id in (select coalesce(m.group_id, m.id) from signatures m where m.id in (" + from + "))"
	}
	for _, word := range strings.Fields(f.Text) {
		any := args.Add(store.Like(word, false))
		start := args.Add(store.Like(word, true))
		exact := args.Add(word)
		add(`(lower(s.title) like ` + any + ` escape '\' or lower(s.owner) like ` + any + ` escape '\'
			or s.key = ` + exact + ` or s.family = ` + exact + ` or s.id = ` + exact + ` or lower(s.assignee) = lower(` + exact + `)
			or ` + anyOf(`select y.signature_id from signature_symbols y where lower(y.symbol) like `+start+` escape '\'`) + `)`)
	}
	if len(f.Kinds) > 0 {
		add("s.kind in " + store.In(args, f.Kinds))
	}
	if len(f.Classes) > 0 {
		add("s.class in " + store.In(args, f.Classes))
	}
	if len(f.States) > 0 {
		states := make([]string, len(f.States))
		for i, st := range f.States {
			states[i] = string(st)
		}
		add("s.state in " + store.In(args, states))
	}
	if f.Kernel != "" {
		add(anyOf("select signature_id from signature_kernels where kernel_id in " + kernelIDs(args, f.Kernel)))
	}
	if f.Host != "" {
		add(anyOf("select signature_id from signature_hosts where host_id in " + hostIDs(args, f.Host)))
	}
	switch f.Owner {
	case "":
	case "-":
		add("s.owner = ''")
	default:
		add("s.owner = " + args.Add(f.Owner))
	}
	if !f.Since.IsZero() {
		add(sigLastSeen + " >= " + args.Add(store.Micros(f.Since)))
	}
	if !f.Secondary {
		add(sigCrashes + " > 0")
	}
	return ` where ` + strings.Join(where, " and ")
}

// addTrends fills in the trend of signatures over the last days, and their
// recent and previous counts.
func (s *Service) addTrends(ctx context.Context, q store.Querier, sigs []Signature, days int) error {
	today := day(s.now())
	first := today - int64(days) + 1
	byID := map[string][]*Signature{} // a signature may be in the list more than once
	var ids []string
	for i := range sigs {
		sigs[i].Trend = emptyTrend(first, days)
		members := []string{sigs[i].ID}
		if sigs[i].Merged > 0 {
			var err error
			if members, err = membersOf(ctx, q, sigs[i].ID); err != nil {
				return err
			}
		}
		for _, id := range members {
			if byID[id] == nil {
				ids = append(ids, id)
			}
			byID[id] = append(byID[id], &sigs[i])
		}
	}
	args := store.Args{min(first, today-13)}
	type point struct {
		id     string
		day, n int64
	}
	points, err := store.Collect(ctx, q, `select signature_id, day, sum(crashes) from signature_daily
		where day >= $1 and signature_id in `+store.In(&args, ids)+` group by signature_id, day`, args,
		func(scan func(...any) error) (p point, err error) { return p, scan(&p.id, &p.day, &p.n) })
	if err != nil {
		return err
	}
	for _, p := range points {
		for _, sig := range byID[p.id] {
			if p.day >= first && p.day <= today {
				sig.Trend.Counts[p.day-first] += p.n
			}
			switch {
			case p.day > today-7:
				sig.Recent += p.n
			case p.day > today-14:
				sig.Previous += p.n
			}
		}
	}
	return nil
}

// facets counts the values that a filter can take.
func facets(ctx context.Context, q store.Querier) (f Facets, err error) {
	for _, x := range []struct {
		to    *[]Facet
		query string
	}{
		{&f.States, `select state, count(*) from signatures s where ` + sigCounted + ` and ` + sigListed + ` group by state order by 2 desc, 1`},
		{&f.Classes, `select class, count(*) from signatures s where ` + sigCounted + ` and ` + sigListed + ` group by class order by 2 desc, 1`},
		{&f.Kinds, `select kind, count(*) from signatures s where ` + sigCounted + ` and ` + sigListed + ` group by kind order by 2 desc, 1`},
		{&f.Owners, `select owner, count(*) from signatures s where ` + sigCounted + ` and owner <> '' and ` + sigListed + ` group by owner order by 2 desc, 1 limit 50`},
		{&f.Kernels, `select k.release, count(distinct sk.signature_id) from kernels k
			join signature_kernels sk on sk.kernel_id = k.id and sk.crashes > 0
			group by k.release order by max(k.first_seen) desc, 1 limit 50`},
	} {
		*x.to, err = store.Collect(ctx, q, x.query, nil, func(scan func(...any) error) (v Facet, err error) {
			return v, scan(&v.Value, &v.Count)
		})
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

// stackOf returns the main stack of a report as a page shows it.
func stackOf(c *CrashDetail, basis []string) []StackLine {
	lines := []StackLine{}
	if c.Primary >= len(c.Document.Reports) {
		return lines
	}
	r := &c.Document.Reports[c.Primary]
	guilty := r.Guilty
	for _, f := range r.Frames {
		if f.Function == "" {
			continue
		}
		l := StackLine{Function: f.Function, Module: f.Module, File: f.File, Line: f.Line, Inline: f.Inline,
			Basis: slices.Contains(basis, f.Function)}
		if guilty != nil && f.Function == guilty.Function {
			l.Guilty, guilty = true, nil // the innermost one
		}
		lines = append(lines, l)
	}
	return lines
}
