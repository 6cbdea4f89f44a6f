package record

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"ringside/internal/store"
)

// occurrence is one report that counts for a signature.
type occurrence struct {
	signature string
	host      string // '' if not known
	kernel    string // '' if not known
	class     string // of the crash
	at        int64
	primary   bool
	panicked  bool
}

// count counts occurrences: crashes are those whose primary report it is.
type count struct{ crashes, secondary int64 }

func (c *count) add(sign int64, primary bool) {
	if primary {
		c.crashes += sign
	} else {
		c.secondary += sign
	}
}

func (c count) zero() bool { return c == count{} }

// pair is the key of a roll-up that counts one thing by another.
type pair struct{ a, b string }

func comparePairs(x, y pair) int { return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b)) }

type dayKey struct {
	day  int64
	a, b string
}

func compareDays(x, y dayKey) int {
	return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.day, y.day), cmp.Compare(x.b, y.b))
}

// seen is a count with the time it spans.
type seen struct {
	count
	first, last int64
}

func (s *seen) at(t int64) {
	if s.first == 0 || t < s.first {
		s.first = t
	}
	s.last = max(s.last, t)
}

// total is the change of an entity's own counters.
type total struct {
	seen
	panics, hosts, kernels, signatures int64
}

// tally collects what a transaction changes in the roll-ups.
type tally struct {
	signatureDaily   map[dayKey]*count // a: signature, b: kernel
	classDaily       map[dayKey]*count // a: class, b: kernel
	hostDaily        map[dayKey]*count // a: host
	signatureHosts   map[pair]*seen
	signatureKernels map[pair]*seen
	kernelHosts      map[pair]*seen
	signatures       map[string]*total
	hosts            map[string]*total
	kernels          map[string]*total
	// removed counts the occurrences that were taken away and not put back.
	removed map[occurrence]int
	// shrunk are the signatures of those.
	shrunk map[string]bool
}

func newTally() tally {
	return tally{
		signatureDaily: map[dayKey]*count{}, classDaily: map[dayKey]*count{}, hostDaily: map[dayKey]*count{},
		signatureHosts: map[pair]*seen{}, signatureKernels: map[pair]*seen{}, kernelHosts: map[pair]*seen{},
		signatures: map[string]*total{}, hosts: map[string]*total{}, kernels: map[string]*total{},
		removed: map[occurrence]int{}, shrunk: map[string]bool{},
	}
}

// at returns the value of a key, making it if needed.
func at[K comparable, V any](m map[K]*V, k K) *V {
	v := m[k]
	if v == nil {
		v = new(V)
		m[k] = v
	}
	return v
}

// add counts an occurrence, or takes it away if sign is -1.
func (t *tally) add(sign int64, o occurrence) {
	t.removed[o] -= int(sign)
	if t.removed[o] == 0 {
		delete(t.removed, o)
	}
	d := o.at / microsPerDay
	at(t.signatureDaily, dayKey{d, o.signature, o.kernel}).add(sign, o.primary)
	sh := at(t.signatureHosts, pair{o.signature, o.host})
	sk := at(t.signatureKernels, pair{o.signature, o.kernel})
	s := at(t.signatures, o.signature)
	for _, c := range []*seen{sh, sk, &s.seen} {
		c.add(sign, o.primary)
		if sign > 0 {
			c.at(o.at)
		}
	}
	if !o.primary {
		return
	}
	if o.panicked {
		s.panics += sign
	}
	at(t.classDaily, dayKey{d, o.class, o.kernel}).add(sign, true)
	if o.host != "" {
		at(t.hostDaily, dayKey{d, o.host, ""}).add(sign, true)
		at(t.kernelHosts, pair{o.kernel, o.host}).add(sign, true)
		at(t.hosts, o.host).add(sign, true)
	}
	if o.kernel != "" {
		at(t.kernels, o.kernel).add(sign, true)
	}
	if sign > 0 {
		if o.host != "" {
			t.hosts[o.host].at(o.at)
		}
		if o.kernel != "" {
			t.kernels[o.kernel].at(o.at)
		}
	}
}

// flush writes the changes, each table in the order of its keys, so that two
// transactions never wait for each other in a circle.
func (t *tally) flush(ctx context.Context, tx *sql.Tx) error {
	for o, n := range t.removed {
		if n > 0 {
			t.shrunk[o.signature] = true
		}
	}
	w := rollup{ctx, tx}
	for _, k := range slices.SortedFunc(maps.Keys(t.signatureDaily), compareDays) {
		if c := t.signatureDaily[k]; !c.zero() {
			if _, err := w.change("signature_daily", "signature_id, day, kernel_id", []any{k.a, k.day, k.b}, c); err != nil {
				return err
			}
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(t.classDaily), compareDays) {
		if err := w.crashes("class_daily", "class, day, kernel_id", []any{k.a, k.day, k.b}, t.classDaily[k].crashes); err != nil {
			return err
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(t.hostDaily), compareDays) {
		if err := w.crashes("host_daily", "host_id, day", []any{k.a, k.day}, t.hostDaily[k].crashes); err != nil {
			return err
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(t.kernelHosts), comparePairs) {
		if err := w.crashes("kernel_hosts", "kernel_id, host_id", []any{k.a, k.b}, t.kernelHosts[k].crashes); err != nil {
			return err
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(t.signatureHosts), comparePairs) {
		if k.b == "" {
			continue
		}
		c := t.signatureHosts[k]
		distinct, err := w.spans("signature_hosts", "host_id", k, c)
		if err != nil {
			return err
		}
		at(t.signatures, k.a).hosts += distinct
		at(t.hosts, k.b).signatures += distinct
	}
	for _, k := range slices.SortedFunc(maps.Keys(t.signatureKernels), comparePairs) {
		distinct, err := w.spans("signature_kernels", "kernel_id", k, t.signatureKernels[k])
		if err != nil {
			return err
		}
		if k.b != "" {
			at(t.signatures, k.a).kernels += distinct
		}
	}
	return t.flushTotals(ctx, tx)
}

func (t *tally) flushTotals(ctx context.Context, tx *sql.Tx) error {
	for _, id := range slices.Sorted(maps.Keys(t.signatures)) {
		c := t.signatures[id]
		if _, err := tx.ExecContext(ctx, `update signatures set crashes = crashes + $2, secondary = secondary + $3, panics = panics + $4,
			hosts = hosts + $5, kernels = kernels + $6 where id = $1`, id, c.crashes, c.secondary, c.panics, c.hosts, c.kernels); err != nil {
			return fmt.Errorf("signature %s: %w", id, err)
		}
		if t.shrunk[id] {
			if err := respanSignature(ctx, tx, id); err != nil {
				return fmt.Errorf("signature %s: %w", id, err)
			}
		}
	}
	// An entity that lost a crash is asked for its newest; one that only won
	// some can compare.
	for _, id := range slices.Sorted(maps.Keys(t.hosts)) {
		c := t.hosts[id]
		if _, err := tx.ExecContext(ctx, `update hosts set crashes = crashes + $2, signatures = signatures + $3,
			last_crash = `+lastCrash(len(t.removed) > 0, "host_id", "$4")+` where id = $1`,
			id, c.crashes, c.signatures, c.last); err != nil {
			return fmt.Errorf("host %s: %w", id, err)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(t.kernels)) {
		c := t.kernels[id]
		if _, err := tx.ExecContext(ctx, `update kernels set crashes = crashes + $2,
			last_crash = `+lastCrash(len(t.removed) > 0, "kernel_id", "$3")+` where id = $1`,
			id, c.crashes, c.last); err != nil {
			return fmt.Errorf("kernel %s: %w", id, err)
		}
	}
	return nil
}

// lastCrash is the expression for the newest crash of a host or kernel: the
// newer of the old and the offered one, or the answer of the rows themselves.
func lastCrash(ask bool, column, offered string) string {
	offered = "cast(" + offered + " as bigint)"
	if ask {
		return "(select max(occurred_at) from crashes where " + column + " = $1 and " + offered + " is not null)"
	}
	return "case when " + offered + " > coalesce(last_crash, 0) then " + offered + " else last_crash end"
}

// rollup changes counts in roll-up tables. A row whose counts are back at zero
// is deleted.
type rollup struct {
	ctx context.Context
	tx  *sql.Tx
}

// change adds to a row's crashes and secondary and returns what they are now.
func (w rollup) change(table, keys string, key []any, c *count) (now count, err error) {
	args := store.Args{}
	holders := ""
	for _, k := range key {
		holders += args.Add(k) + ", "
	}
	err = w.tx.QueryRowContext(w.ctx, fmt.Sprintf(`insert into %[1]s (%[2]s, crashes, secondary) values (%[3]s%[4]s, %[5]s)
		on conflict (%[2]s) do update set crashes = %[1]s.crashes + excluded.crashes, secondary = %[1]s.secondary + excluded.secondary
		returning crashes, secondary`, table, keys, holders, args.Add(c.crashes), args.Add(c.secondary)), args...).
		Scan(&now.crashes, &now.secondary)
	if err == nil && now.zero() {
		err = w.drop(table, keys, key)
	}
	if err != nil {
		return now, fmt.Errorf("%s %v: %w", table, key, err)
	}
	return now, nil
}

// crashes adds to a row's crashes where that is all the table counts.
func (w rollup) crashes(table, keys string, key []any, n int64) error {
	if n == 0 {
		return nil
	}
	args := store.Args{}
	holders := ""
	for _, k := range key {
		holders += args.Add(k) + ", "
	}
	var now int64
	err := w.tx.QueryRowContext(w.ctx, fmt.Sprintf(`insert into %[1]s (%[2]s, crashes) values (%[3]s%[4]s)
		on conflict (%[2]s) do update set crashes = %[1]s.crashes + excluded.crashes returning crashes`,
		table, keys, holders, args.Add(n)), args...).Scan(&now)
	if err == nil && now == 0 {
		err = w.drop(table, keys, key)
	}
	if err != nil {
		return fmt.Errorf("%s %v: %w", table, key, err)
	}
	return nil
}

// spans changes a row that also keeps since when and until when, and returns
// by how much the number of rows grew or shrank.
func (w rollup) spans(table, column string, k pair, c *seen) (distinct int64, err error) {
	if c.zero() {
		return 0, nil
	}
	times, offered := []string{"last_seen"}, []any{c.last}
	if table == "signature_hosts" {
		times, offered = append(times, "first_seen"), append(offered, c.first)
	}
	args := store.Args{k.a, k.b, c.crashes, c.secondary}
	columns, holders, update := "", "", ""
	for i, name := range times {
		columns += ", " + name
		holders += ", " + args.Add(offered[i])
		if c.last != 0 { // 0: something was only taken away
			if name == "last_seen" {
				update += ", " + name + " = " + later(table, name)
			} else {
				update += ", " + name + " = " + earlier(table, name)
			}
		}
	}
	var now count
	err = w.tx.QueryRowContext(w.ctx, fmt.Sprintf(`insert into %[1]s (signature_id, %[2]s, crashes, secondary%[3]s)
		values ($1, $2, $3, $4%[4]s)
		on conflict (signature_id, %[2]s) do update set crashes = %[1]s.crashes + excluded.crashes,
			secondary = %[1]s.secondary + excluded.secondary%[5]s
		returning crashes, secondary`, table, column, columns, holders, update), args...).Scan(&now.crashes, &now.secondary)
	switch {
	case err != nil:
	case now.zero():
		distinct, err = -1, w.drop(table, "signature_id, "+column, []any{k.a, k.b})
	case now == c.count:
		distinct = 1 // there was nothing before
	}
	if err != nil {
		return 0, fmt.Errorf("%s %v: %w", table, k, err)
	}
	return distinct, nil
}

func (w rollup) drop(table, keys string, key []any) error {
	args := store.Args{}
	holders := ""
	for i, k := range key {
		if i > 0 {
			holders += ", "
		}
		holders += args.Add(k)
	}
	_, err := w.tx.ExecContext(w.ctx, fmt.Sprintf(`delete from %s where (%s) = (%s)`, table, keys, holders), args...)
	return err
}
