package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ringside/internal/store"
)

// takeOver makes the rules of an accepted backfill those that the record groups
// by: all of it or nothing.
func (s *Service) takeOver(ctx context.Context, id string) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		b, err := scanBackfill(tx.QueryRowContext(ctx, backfillSelect+`where id = $1`+s.db.Dialect().ForUpdate(), id).Scan)
		if errors.Is(err, sql.ErrNoRows) || err == nil && b.State != BackfillAccepting {
			return nil // done before
		}
		if err != nil {
			return err
		}
		p, err := planBackfill(ctx, tx)
		if err != nil {
			return err
		}
		t := succession{s: s, ctx: ctx, tx: tx, b: &b, plan: p, batch: s.newBatch(ctx, tx)}
		return t.run()
	})
	if err != nil {
		return fmt.Errorf("take over the rules of backfill %s: %w", id, err)
	}
	s.queue.Wake()
	s.announce()
	return nil
}

// succession is one take-over.
type succession struct {
	s     *Service
	ctx   context.Context
	tx    *sql.Tx
	b     *Backfill
	plan  *plan
	batch *batch
}

func (t *succession) exec(query string, args ...any) error {
	_, err := t.tx.ExecContext(t.ctx, query, args...)
	return err
}

func (t *succession) run() error {
	result, err := toJSON(t.plan.diff())
	if err != nil {
		return err
	}
	var touched, links []string
	for i := range t.plan.changes {
		c := &t.plan.changes[i]
		ids, err := t.change(c)
		if err != nil {
			return fmt.Errorf("%s %s: %w", c.What, c.Was[0].Title, err)
		}
		if c.What != Unchanged && c.What != Renamed {
			touched = append(touched, ids...)
		}
		links = append(links, ids...)
	}
	for chunk := range slices.Chunk(touched, 200) {
		if err := t.recount(chunk); err != nil {
			return fmt.Errorf("count: %w", err)
		}
	}
	if err := t.relink(links); err != nil {
		return fmt.Errorf("links: %w", err)
	}
	for _, stmt := range []string{
		`delete from frame_counts`,
		`insert into frame_counts (function, signatures) select function, count(*) from signature_frames group by function`,
		`insert into frame_counts (function, signatures) select '', count(*) from signatures where replaced_by = ''`,
		`update signature_algorithms set state = 'former' where state = 'active'`,
	} {
		if err := t.exec(stmt); err != nil {
			return err
		}
	}
	now := store.Micros(t.s.now())
	if err := t.exec(`insert into signature_algorithms (name, state, since) values ($1, 'active', $2)
		on conflict (name) do update set state = 'active', since = excluded.since`, t.b.To, now); err != nil {
		return err
	}
	if err := t.exec(`update backfills set state = 'accepted', result = $2 where id = $1`, t.b.ID, result); err != nil {
		return err
	}
	return clearShadow(t.ctx, t.tx)
}

// change carries one component over and returns the signatures it is about, old
// and new.
func (t *succession) change(c *BackfillChange) ([]string, error) {
	now := t.s.now()
	ids := map[string]bool{}
	heirs := map[string]string{} // key to ID
	for _, b := range c.Becomes {
		id := b.Keeps
		if id == "" {
			id = store.NewID(now)
			if err := t.found(id, b.Key, c.edges); err != nil {
				return nil, err
			}
		}
		heirs[b.Key] = id
		ids[id] = true
	}
	// States first: what is written next overwrites what they are read from.
	for _, b := range c.Becomes {
		if err := t.carry(heirs[b.Key], b.Key, c.edges); err != nil {
			return nil, err
		}
	}
	for _, b := range c.Becomes {
		if err := t.rename(heirs[b.Key], b.Key); err != nil {
			return nil, err
		}
	}
	for _, was := range c.Was {
		ids[was.ID] = true
		if err := t.inherit(was.ID, heirs, c.edges); err != nil {
			return nil, err
		}
	}
	out := slices.Sorted(maps.Keys(ids))
	if c.What == Unchanged || c.What == Renamed {
		return out, nil
	}
	for key, id := range heirs {
		if err := t.exec(`update crash_reports set signature_id = $1 where signature_id <> $1
			and exists (select 1 from shadow_reports sh where sh.crash_id = crash_reports.crash_id and sh.idx = crash_reports.idx and sh.key = $2)
			and crash_id in (select crash_id from shadow_reports where key = $2)`, id, key); err != nil {
			return nil, err
		}
		if err := t.exec(`update crashes set signature_id = (select r.signature_id from crash_reports r where r.crash_id = crashes.id and r.is_primary)
			where id in (select crash_id from shadow_reports where key = $1)`, key); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// found makes the row of a signature that none of today becomes, like the one
// that most of its reports had.
func (t *succession) found(id, key string, edges []edge) error {
	was := heaviest(key, edges)
	return t.exec(`insert into signatures (id, algorithm, key, family, basis, title, kind, class, function, module, owner, owner_detail,
			state, state_since, resolved_in, muted_until, assignee, first_seen, last_seen, first_kernel_id, demo)
		select $1, $2, $3, family, basis, title, kind, class, function, module, owner, owner_detail,
			state, state_since, resolved_in, muted_until, assignee, first_seen, last_seen, first_kernel_id, demo from signatures where id = $4`,
		id, t.b.To, key, was)
}

func heaviest(key string, edges []edge) string {
	best := edge{}
	for _, e := range edges {
		if e.key == key && e.reports > best.reports {
			best = e
		}
	}
	return best.was
}

// carry gives a signature the state and the assignee of those it comes from.
func (t *succession) carry(id, key string, edges []edge) error {
	var from []string
	for _, e := range edges {
		if e.key == key {
			from = append(from, e.was)
		}
	}
	if len(from) < 2 {
		return nil // it is the one it keeps, or was made like it
	}
	type standing struct {
		state    State
		assignee string
		id       string
	}
	var args store.Args
	rows, err := store.Collect(t.ctx, t.tx, `select state, assignee, id from signatures where id in `+store.In(&args, from)+` order by id`, args,
		func(scan func(...any) error) (v standing, err error) { return v, scan(&v.state, &v.assignee, &v.id) })
	if err != nil {
		return err
	}
	var states []State
	assignee := ""
	for _, r := range rows {
		states = append(states, r.state)
		if assignee == "" || r.id == id && r.assignee != "" {
			assignee = r.assignee
		}
	}
	want := carriedState(states...)
	like := slices.IndexFunc(rows, func(r standing) bool { return r.state == want })
	return t.exec(`update signatures set state = o.state, state_since = o.state_since, resolved_in = o.resolved_in, muted_until = o.muted_until, assignee = $3
		from (select state, state_since, resolved_in, muted_until from signatures where id = $2) o where signatures.id = $1`, id, rows[like].id, assignee)
}

// rename gives a signature its identity by the new rules.
func (t *succession) rename(id, key string) error {
	var function, module, file, stack string
	if err := t.tx.QueryRowContext(t.ctx, `select function, module, file, stack from shadow_signatures where key = $1`, key).
		Scan(&function, &module, &file, &stack); err != nil {
		return err
	}
	owner, detail, err := t.s.ownerOf(function, module, file)
	if err != nil {
		return err
	}
	if err := t.exec(`update signatures set algorithm = $2, key = $3, family = n.family, basis = n.basis, title = n.title, kind = n.kind, class = n.class,
			function = n.function, module = n.module, stack = n.stack,
			owner = case when signatures.function = n.function and signatures.module = n.module then signatures.owner else $4 end,
			owner_detail = case when signatures.function = n.function and signatures.module = n.module then signatures.owner_detail else $5 end
		from (select family, basis, title, kind, class, function, module, stack from shadow_signatures where key = $3) n
		where signatures.id = $1`, id, t.b.To, key, owner, detail); err != nil {
		return err
	}
	st, err := parseStack(stack)
	if err != nil {
		return err
	}
	if err := t.exec(`delete from signature_frames where signature_id = $1`, id); err != nil {
		return err
	}
	return t.batch.keepFrames(id, st)
}

// inherit tells a signature of today what became of it, and leads links to it
// on where it is no more.
func (t *succession) inherit(was string, heirs map[string]string, edges []edge) error {
	var parts []edge
	for _, e := range edges {
		if e.was == was {
			parts = append(parts, e)
		}
	}
	slices.SortFunc(parts, func(a, b edge) int { return int(b.reports - a.reports) })
	lives := slices.Contains(slices.Collect(maps.Values(heirs)), was)
	if !lives {
		if err := t.exec(`update signatures set replaced_by = $2, group_id = null where id = $1`, was, heirs[parts[0].key]); err != nil {
			return err
		}
		for _, stmt := range []string{
			`delete from signature_frames where signature_id = $1`,
			`delete from merge_suggestions where a = $1 or b = $1`,
			// Its past becomes part of its successor's.
			`update signature_activity set signature_id = (select replaced_by from signatures where id = $1) where signature_id = $1`,
		} {
			if err := t.exec(stmt, was); err != nil {
				return err
			}
		}
	}
	for _, p := range parts {
		heir := heirs[p.key]
		if heir == was {
			continue
		}
		if err := t.exec(`insert into signature_symbols (signature_id, symbol) select $1, symbol from signature_symbols where signature_id = $2
			on conflict (signature_id, symbol) do nothing`, heir, was); err != nil {
			return err
		}
		if err := addActivity(t.ctx, t.tx, heir, Activity{At: t.s.now(), By: t.b.DecidedBy, What: "rules", From: t.b.From, To: t.b.To,
			Note: fmt.Sprintf("%d of its reports were signature %s before", p.reports, was)}); err != nil {
			return err
		}
	}
	return nil
}

// relink leads decisions about signatures that are no more to their successors
// and works the groups out anew.
func (t *succession) relink(ids []string) error {
	for _, side := range []string{"a", "b"} {
		if err := t.exec(fmt.Sprintf(`update signature_links set %[1]s = (select replaced_by from signatures s where s.id = signature_links.%[1]s)
			where %[1]s in (select id from signatures where replaced_by <> '')`, side)); err != nil {
			return err
		}
	}
	// A decision about two that are one now is past.
	if err := t.exec(`update signature_links set undone_at = $1, undone_by = $2 where a = b and undone_at is null`,
		store.Micros(t.s.now()), t.b.To); err != nil {
		return err
	}
	alive := ids
	if len(ids) > 0 {
		var err error
		alive, err = store.Collect(t.ctx, t.tx, `select id from signatures where replaced_by = '' and (group_id is not null
			or id in (select a from signature_links) or id in (select b from signature_links))`, nil, scanText)
		if err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(alive, 500) {
		if err := regroup(t.ctx, t.tx, chunk); err != nil {
			return err
		}
	}
	return nil
}

// recount makes the roll-ups of some signatures anew, from their rows.
func (t *succession) recount(ids []string) error {
	var args store.Args
	in := store.In(&args, ids)
	const from = ` from crash_reports r join crashes c on c.id = r.crash_id where r.signature_id in `
	const sums = `sum(case when r.is_primary then 1 else 0 end), sum(case when r.is_primary then 0 else 1 end)`
	for _, stmt := range []string{
		`delete from signature_daily where signature_id in $IN`,
		`insert into signature_daily (signature_id, day, kernel_id, crashes, secondary)
			select r.signature_id, c.occurred_at / 86400000000, coalesce(c.kernel_id, ''), ` + sums + from + `$IN
			group by r.signature_id, c.occurred_at / 86400000000, coalesce(c.kernel_id, '')`,
		`delete from signature_hosts where signature_id in $IN`,
		`insert into signature_hosts (signature_id, host_id, crashes, secondary, first_seen, last_seen)
			select r.signature_id, c.host_id, ` + sums + `, min(c.occurred_at), max(c.occurred_at)` + from + `$IN and c.host_id is not null
			group by r.signature_id, c.host_id`,
		`delete from signature_kernels where signature_id in $IN`,
		`insert into signature_kernels (signature_id, kernel_id, crashes, secondary, last_seen)
			select r.signature_id, coalesce(c.kernel_id, ''), ` + sums + `, max(c.occurred_at)` + from + `$IN
			group by r.signature_id, coalesce(c.kernel_id, '')`,
		`update signatures set
			crashes = (select count(*) from crash_reports r where r.signature_id = signatures.id and r.is_primary),
			secondary = (select count(*) from crash_reports r where r.signature_id = signatures.id and not r.is_primary),
			panics = (select count(*) from crashes c where c.signature_id = signatures.id and c.panicked),
			hosts = (select count(*) from signature_hosts x where x.signature_id = signatures.id),
			kernels = (select count(*) from signature_kernels x where x.signature_id = signatures.id and x.kernel_id <> '')
			where id in $IN`,
		`update hosts set signatures = (select count(*) from signature_hosts x where x.host_id = hosts.id)
			where id in (select c.host_id` + from + `$IN)`,
	} {
		if err := t.exec(strings.ReplaceAll(stmt, "$IN", in), args...); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if err := respanSignature(t.ctx, t.tx, id); err != nil {
			return err
		}
		if err := t.batch.refillExemplars(id); err != nil {
			return err
		}
	}
	return nil
}
