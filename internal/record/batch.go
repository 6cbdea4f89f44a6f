package record

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"ringside/crash"
	"ringside/internal/store"
)

// batch writes the crashes of receipts within one transaction and keeps count
// of what changed. Rows are written at once, counts by flush: one change per
// counter, however many crashes the batch has.
type batch struct {
	s     *Service
	ctx   context.Context
	tx    *sql.Tx
	tally tally
	// thin are the signatures that lost an exemplar.
	thin map[string]bool
	// frames is by how many signatures more each function is in.
	frames map[string]int64
	rules  algorithms
}

func (s *Service) newBatch(ctx context.Context, tx *sql.Tx) *batch {
	return &batch{s: s, ctx: ctx, tx: tx, tally: newTally(), thin: map[string]bool{}, frames: map[string]int64{}}
}

// replace makes the record say of a receipt what boots say, and nothing else.
func (b *batch) replace(rec Receipt, boots []bootCrash) error {
	old, err := b.take(rec.ID)
	if err != nil {
		return fmt.Errorf("take back the crashes of receipt %s: %w", rec.ID, err)
	}
	if b.rules, err = b.s.algorithms(b.ctx, b.tx); err != nil {
		return fmt.Errorf("signature algorithm: %w", err)
	}
	for _, boot := range boots {
		boot.parsed, boot.reports = boot.reports, b.s.signed(boot.reports, b.rules.active)
		if err := b.s.arrived(b.ctx, b.tx, boot.reports, boot.parsed, b.rules); err != nil {
			return fmt.Errorf("signature by %s: %w", b.rules.shadow, err)
		}
		if err := b.insert(rec, boot, old[boot.boot]); err != nil {
			return fmt.Errorf("write the crash of boot %d: %w", boot.boot, err)
		}
	}
	return nil
}

// taken is a crash that an earlier analysis wrote.
type taken struct {
	id, signature string
}

// take removes the crashes of a receipt and returns them by boot.
func (b *batch) take(receipt string) (map[int]taken, error) {
	type row struct {
		id, host, kernel, class, signature string
		boot                               int
		panicked, primary                  bool
		at                                 int64
	}
	rows, err := store.Collect(b.ctx, b.tx, `
		select c.id, coalesce(c.host_id, ''), coalesce(c.kernel_id, ''), c.class, c.boot, c.panicked, c.occurred_at,
			r.signature_id, r.is_primary
		from crashes c join crash_reports r on r.crash_id = c.id where c.receipt_id = $1`, []any{receipt},
		func(scan func(...any) error) (r row, err error) {
			return r, scan(&r.id, &r.host, &r.kernel, &r.class, &r.boot, &r.panicked, &r.at, &r.signature, &r.primary)
		})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	old := map[int]taken{}
	for _, r := range rows {
		b.tally.add(-1, occurrence{signature: r.signature, host: r.host, kernel: r.kernel, class: r.class,
			at: r.at, primary: r.primary, panicked: r.panicked})
		if r.primary {
			old[r.boot] = taken{r.id, r.signature}
			b.thin[r.signature] = true
		}
	}
	_, err = b.tx.ExecContext(b.ctx, `delete from crashes where receipt_id = $1`, receipt)
	return old, err
}

// insert writes one crash. was is the crash that an earlier analysis found in
// the same boot; its ID stays, so that links to it do.
func (b *batch) insert(rec Receipt, boot bootCrash, was taken) error {
	kernel, err := upsertKernel(b.ctx, b.tx, kernelFacts{
		release: boot.release, arch: boot.arch, version: boot.version, at: boot.occurred, demo: rec.Demo})
	if err != nil {
		return fmt.Errorf("kernel %s: %w", boot.release, err)
	}
	var host string
	if boot.host != "" {
		host, err = upsertHost(b.ctx, b.tx, hostFacts{
			name: boot.host, arch: boot.arch, hardware: boot.hardware, at: boot.occurred, demo: rec.Demo})
		if err == nil && kernel != "" {
			err = observe(b.ctx, b.tx, host, kernel, boot.occurred)
		}
		if err != nil {
			return fmt.Errorf("host %s: %w", boot.host, err)
		}
	}
	signatures, err := b.signatures(boot, kernel, rec.Demo)
	if err != nil {
		return err
	}
	p := &boot.reports[boot.primary]
	sig := signatures[keyOf(p)]
	id := was.id
	if id == "" {
		id = store.NewID(rec.ReceivedAt)
	}
	if _, err := b.tx.ExecContext(b.ctx, `
		insert into crashes (id, receipt_id, sha256, boot, host_id, kernel_id, signature_id, primary_idx, reports, kind, class,
			title, headline, panicked, occurred_at, time_from, received_at, demo)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
		id, rec.ID, rec.SHA256, boot.boot, store.NullString(host), store.NullString(kernel), sig.id, boot.primary, len(boot.order),
		string(p.Kind), string(p.Class), clean(p.Title), clean(p.Headline), boot.panicked, store.Micros(boot.occurred),
		string(boot.timeFrom), store.Micros(rec.ReceivedAt), rec.Demo); err != nil {
		return err
	}
	for place, i := range boot.order {
		if err := b.insertReport(id, place, i, boot, host, kernel, signatures); err != nil {
			return fmt.Errorf("report %d: %w", i, err)
		}
	}
	if was.signature != sig.id {
		leader, err := b.s.leaderOf(b.ctx, b.tx, sig)
		if err != nil {
			return err
		}
		if err := b.s.reappeared(b.ctx, b.tx, leader, id, boot); err != nil {
			return err
		}
	}
	newKernel, err := b.keepExemplar(sig.id, exemplar{crash: id, kernel: kernel, at: store.Micros(boot.occurred)})
	if err == nil && (newKernel || sig.inserted) {
		err = b.keepSymbols(sig.id, p)
	}
	return err
}

func (b *batch) insertReport(crashID string, place, i int, boot bootCrash, host, kernel string, signatures map[sigKey]*sigRow) error {
	r := &boot.reports[i]
	sig := signatures[keyOf(r)]
	primary := i == boot.primary
	var cause sql.Null[int64]
	if r.CausedBy != nil {
		cause = sql.Null[int64]{V: int64(*r.CausedBy), Valid: true}
	}
	_, err := b.tx.ExecContext(b.ctx, `
		insert into crash_reports (crash_id, idx, place, signature_id, is_primary, caused_by, kind, class, title, headline, exact, stack)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		crashID, i, place, sig.id, primary, cause, string(r.Kind), string(r.Class), clean(r.Title), clean(r.Headline),
		r.Signature.Exact, r.Signature.Stack)
	if err != nil {
		return err
	}
	b.tally.add(1, occurrence{signature: sig.id, host: host, kernel: kernel, class: string(boot.reports[boot.primary].Class),
		at: store.Micros(boot.occurred), primary: primary, panicked: boot.panicked})
	if b.rules.shadow != "" && r.Signature.Algorithm != b.rules.shadow {
		shadow := boot.parsed[i]
		shadow.Signature = b.s.sign(&shadow, b.rules.shadow)
		if err := keepShadow(b.ctx, b.tx, crashID, i, &shadow); err != nil {
			return fmt.Errorf("signature by %s: %w", b.rules.shadow, err)
		}
	}
	if !primary && sig.inserted {
		return b.keepSymbols(sig.id, r)
	}
	return nil
}

// sigKey is the identity of a signature.
type sigKey struct{ algorithm, key string }

func keyOf(r *crash.Report) sigKey {
	a, k := signatureKey(r)
	return sigKey{a, k}
}

// signatures finds or makes the signatures of a boot's reports. It goes through
// them in the order of their keys, so that two transactions that need the same
// ones wait for each other instead of locking each other out.
func (b *batch) signatures(boot bootCrash, kernel string, demo bool) (map[sigKey]*sigRow, error) {
	first := map[sigKey]*crash.Report{}
	var keys []sigKey
	for _, i := range boot.order {
		k := keyOf(&boot.reports[i])
		if first[k] == nil {
			first[k] = &boot.reports[i]
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(x, y sigKey) int {
		return strings.Compare(x.algorithm+"\x00"+x.key, y.algorithm+"\x00"+y.key)
	})
	rows := make(map[sigKey]*sigRow, len(keys))
	for _, k := range keys {
		row, err := b.s.upsertSignature(b.ctx, b.tx, k, first[k], kernel, boot.occurred, demo)
		if err != nil {
			return nil, fmt.Errorf("signature %s: %w", k.key, err)
		}
		rows[k] = row
		switch {
		case row.inserted:
			b.frames[""]++
			err = b.keepFrames(row.id, row.stack)
		case row.bare:
			err = b.betterStack(row.id, first[k])
		}
		if err != nil {
			return nil, fmt.Errorf("stack of signature %s: %w", k.key, err)
		}
	}
	return rows, nil
}

// maxSymbols bounds the functions indexed for one report's stacks.
const maxSymbols = 64

// keepSymbols indexes the functions of a report's stacks for search and for
// finding similar signatures.
func (b *batch) keepSymbols(signature string, r *crash.Report) error {
	var names []string
	if r.Guilty != nil {
		names = append(names, r.Guilty.Function)
	}
	for _, f := range r.Frames {
		names = append(names, f.Function)
	}
	for _, st := range r.Stacks {
		for _, f := range st.Frames {
			names = append(names, f.Function)
		}
	}
	seen := map[string]bool{"": true}
	for _, n := range names {
		n = clean(n)
		if seen[n] || len(n) > 256 {
			continue
		}
		if seen[n] = true; len(seen) > maxSymbols {
			break
		}
		if _, err := b.tx.ExecContext(b.ctx, `insert into signature_symbols (signature_id, symbol) values ($1, $2)
			on conflict (signature_id, symbol) do nothing`, signature, n); err != nil {
			return err
		}
	}
	return nil
}

// clean makes a text from a log fit for any database: valid UTF-8, no NUL.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// flush writes the counts. The batch is done after it.
func (b *batch) flush() error {
	if err := b.tally.flush(b.ctx, b.tx); err != nil {
		return fmt.Errorf("count: %w", err)
	}
	for id := range b.thin {
		if err := b.refillExemplars(id); err != nil {
			return fmt.Errorf("choose exemplars of signature %s: %w", id, err)
		}
	}
	for id := range b.tally.shrunk {
		if err := b.forgetSignature(id); err != nil {
			return fmt.Errorf("forget signature %s: %w", id, err)
		}
	}
	return flushFrames(b.ctx, b.tx, b.frames)
}

// later returns the expression that keeps the larger of a column's old and
// offered value, and earlier the smaller; neither engine's own function for it
// is known to the other.
func later(table, column string) string {
	return fmt.Sprintf("case when excluded.%[2]s > %[1]s.%[2]s then excluded.%[2]s else %[1]s.%[2]s end", table, column)
}

func earlier(table, column string) string {
	return fmt.Sprintf("case when excluded.%[2]s < %[1]s.%[2]s then excluded.%[2]s else %[1]s.%[2]s end", table, column)
}

// known returns the expression that keeps a column's old text unless the new
// one says something.
func known(table, column string) string {
	return fmt.Sprintf("case when excluded.%[2]s <> '' then excluded.%[2]s else %[1]s.%[2]s end", table, column)
}
