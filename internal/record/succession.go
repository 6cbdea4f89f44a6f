package record

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ringside/internal/store"
)

// succession is one step of a take-over.
type succession struct {
	s     *Service
	ctx   context.Context
	tx    *sql.Tx
	b     *Backfill
	edges []edge
	batch *batch
}

func (t *succession) exec(query string, args ...any) error {
	_, err := t.tx.ExecContext(t.ctx, query, args...)
	return err
}

func (t *succession) run() error {
	var keys []string
	for _, e := range t.edges {
		keys = append(keys, e.key)
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	keeps, err := heirsOf(t.ctx, t.tx, t.b.To, t.edges, keys)
	if err != nil {
		return err
	}
	var touched, all []string
	for _, c := range components(t.edges) {
		ids, moved, err := t.change(c, keeps)
		if err != nil {
			return fmt.Errorf("signature %s: %w", c[0].was, err)
		}
		if moved {
			touched = append(touched, ids...)
		}
		all = append(all, ids...)
	}
	for chunk := range slices.Chunk(touched, 200) {
		if err := t.recount(chunk); err != nil {
			return fmt.Errorf("count: %w", err)
		}
	}
	for chunk := range slices.Chunk(all, 200) {
		if err := t.relink(chunk); err != nil {
			return fmt.Errorf("links: %w", err)
		}
	}
	for chunk := range slices.Chunk(keys, 200) {
		var args store.Args
		in := store.In(&args, chunk)
		for _, table := range []string{"shadow_reports", "shadow_signatures"} {
			if err := t.exec(`delete from `+table+` where key in `+in, args...); err != nil {
				return err
			}
		}
	}
	return nil
}

// change carries one component over and returns the signatures it is about, old
// and new, and whether reports moved from one to another.
func (t *succession) change(c []edge, keeps map[string]string) (ids []string, moved bool, err error) {
	now := t.s.now()
	var was, keys []string
	for _, e := range c {
		was, keys = append(was, e.was), append(keys, e.key)
	}
	slices.Sort(was)
	slices.Sort(keys)
	was, keys = slices.Compact(was), slices.Compact(keys)
	heirs := map[string]string{} // key to ID
	for _, key := range keys {
		if heirs[key] = keeps[key]; heirs[key] == "" {
			heirs[key] = store.NewID(now)
			if err := t.found(heirs[key], key, c); err != nil {
				return nil, false, err
			}
		}
	}
	// States first: what is written next overwrites what they are read from.
	for _, key := range keys {
		if err := t.carry(heirs[key], key, c); err != nil {
			return nil, false, err
		}
	}
	for _, key := range keys {
		if err := t.rename(heirs[key], key); err != nil {
			return nil, false, err
		}
	}
	for _, id := range was {
		if err := t.inherit(id, heirs, c); err != nil {
			return nil, false, err
		}
	}
	ids = slices.Concat(was, slices.Collect(maps.Values(heirs)))
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 1 {
		return ids, false, nil
	}
	for _, key := range keys {
		if err := t.exec(`update crash_reports set signature_id = $1 where signature_id <> $1
			and exists (select 1 from shadow_reports sh where sh.crash_id = crash_reports.crash_id and sh.idx = crash_reports.idx and sh.key = $2)
			and crash_id in (select crash_id from shadow_reports where key = $2)`, heirs[key], key); err != nil {
			return nil, false, err
		}
		if err := t.exec(`update crashes set signature_id = (select r.signature_id from crash_reports r where r.crash_id = crashes.id and r.is_primary)
			where id in (select crash_id from shadow_reports where key = $1)`, key); err != nil {
			return nil, false, err
		}
	}
	return ids, true, nil
}

// found makes the row of a signature that none of today becomes, like the one
// that most of its reports had.
func (t *succession) found(id, key string, edges []edge) error {
	was := heaviest(key, edges)
	t.batch.frames[""]++
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
	var function, module, file, family, stack, wasFamily, wasStack string
	if err := t.tx.QueryRowContext(t.ctx, `select function, module, file, family, stack from shadow_signatures where key = $1`, key).
		Scan(&function, &module, &file, &family, &stack); err != nil {
		return err
	}
	if err := t.tx.QueryRowContext(t.ctx, `select family, stack from signatures where id = $1`, id).Scan(&wasFamily, &wasStack); err != nil {
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
	if wasFamily == family && wasStack == stack {
		return nil // it resembles what it did
	}
	st, err := parseStack(stack)
	if err != nil {
		return err
	}
	if err := t.dropFrames(id); err != nil {
		return err
	}
	return t.batch.keepFrames(id, st)
}

// dropFrames takes a signature out of the index of functions.
func (t *succession) dropFrames(id string) error {
	functions, err := framesOf(t.ctx, t.tx, id)
	if err != nil {
		return err
	}
	for _, f := range functions {
		t.batch.frames[f]--
	}
	return t.exec(`delete from signature_frames where signature_id = $1`, id)
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
	slices.SortFunc(parts, func(a, b edge) int {
		return cmp.Or(cmp.Compare(b.reports, a.reports), cmp.Compare(a.key, b.key))
	})
	lives := slices.Contains(slices.Collect(maps.Values(heirs)), was)
	if !lives {
		// Its key is free for whatever has it next, be it by the same rules.
		if err := t.exec(`update signatures set replaced_by = $2, group_id = null, algorithm = '', key = id where id = $1`,
			was, heirs[parts[0].key]); err != nil {
			return err
		}
		t.batch.frames[""]--
		if err := t.dropFrames(was); err != nil {
			return err
		}
		for _, stmt := range []string{
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
// and works their groups out anew.
func (t *succession) relink(ids []string) error {
	var args store.Args
	in := store.In(&args, ids)
	for _, side := range []string{"a", "b"} {
		if err := t.exec(fmt.Sprintf(`update signature_links set %[1]s = (select replaced_by from signatures s where s.id = signature_links.%[1]s)
			where %[1]s in (select id from signatures where id in %[2]s and replaced_by <> '')`, side, in), args...); err != nil {
			return err
		}
	}
	// A decision about two that are one now is past.
	undone := slices.Clone(args)
	if err := t.exec(`update signature_links set undone_at = `+undone.Add(store.Micros(t.s.now()))+`, undone_by = `+undone.Add(t.b.To)+`
		where a = b and undone_at is null and a in `+in, undone...); err != nil {
		return err
	}
	alive, err := store.Collect(t.ctx, t.tx, `select id from signatures where id in `+in+` and replaced_by = '' and (group_id is not null
		or id in (select a from signature_links where a in `+in+`) or id in (select b from signature_links where b in `+in+`))`, args, scanText)
	if err != nil || len(alive) == 0 {
		return err
	}
	return regroup(t.ctx, t.tx, alive)
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
