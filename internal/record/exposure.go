package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"ringside/internal/store"
)

// Kinds of jobs: reading the feed's records, with key "feed", and judging a kernel,
// with its ID as key.
const (
	jobFeed  = "feed"
	jobJudge = "judge"
)

// Exposer judges which CVEs touch a kernel.
type Exposer interface {
	// Recognize tells whether what begins with head is an inventory.
	Recognize(head []byte) bool
	// Inventory reads what an inventory says of itself. An error that another
	// attempt cannot cure is marked with [store.Permanent].
	Inventory(ctx context.Context, r io.Reader) (*Inventory, error)
	// Feed tells which records it has now.
	Feed(ctx context.Context) (Feed, error)
	// Records hands out all of them.
	Records(ctx context.Context, yield func(CVERecord) error) error
	// RecognizeHost tells whether what begins with head is what a host says of itself.
	RecognizeHost(head []byte) bool
	// Host reads it. An error that another attempt cannot cure is marked with
	// [store.Permanent].
	Host(ctx context.Context, r io.Reader) (*HostReport, error)
	// Judge gives the verdicts about all records for a kernel. inventory is nil
	// where nobody sent one.
	Judge(ctx context.Context, k Kernel, inventory io.Reader, hosts Fleet) (*Judgement, error)
}

// Feed is the collection of CVE records that is in use.
type Feed struct {
	// Fingerprint changes with the records, and with the rules that judge by them.
	Fingerprint string     `json:"fingerprint"`
	Origin      string     `json:"origin" doc:"Where the records come from"`
	Records     int64      `json:"records"`
	Newest      *time.Time `json:"newest,omitempty" doc:"When the newest record was changed"`
	LoadedAt    *time.Time `json:"loaded_at,omitempty"`
}

// CVERecord is what is kept of a record.
type CVERecord struct {
	ID, Title              string
	Severity, SeverityFrom string
	Score                  float64
	Published, Modified    time.Time // zero where the record does not say
	Rejected               bool
}

// The verdicts.
const (
	VerdictAffected     = "affected"
	VerdictFixed        = "fixed"
	VerdictNotInRange   = "not_in_range"
	VerdictNotCompiled  = "not_compiled"
	VerdictNotLoaded    = "not_loaded"
	VerdictUndetermined = "undetermined"
)

// Judgement is what is known of a kernel's exposure.
type Judgement struct {
	Upstream string // the upstream release that it was judged as, "" if none is known
	Verdicts []CVEVerdict
	Ranking  []Reduction
	Notes    []string
}

// CVEVerdict is the verdict about one CVE.
type CVEVerdict struct {
	CVE      string
	Verdict  string
	Evidence []string
	// Modules are what contains the code, where it is in modules alone; Unloaded counts the
	// hosts that told that they have loaded none of them.
	Modules  []string
	Unloaded int64
}

// Reduction is a change of configuration that takes CVEs away.
type Reduction struct {
	Symbol string   `json:"symbol"`
	Prompt string   `json:"prompt,omitempty" doc:"What the configuration calls it"`
	Off    []string `json:"off,omitempty" doc:"What else has to go, or goes with it, by the rules of Kconfig"`
	CVEs   []string `json:"cves" nullable:"false" doc:"CVEs that affect the kernel now and then do not"`
}

// judgeEvery is how often the record looks whether a kernel has to be judged again.
const judgeEvery = time.Minute

// keepJudging looks for kernels that were never judged, or by other records.
func (s *Service) keepJudging(ctx context.Context) {
	tick := time.NewTicker(judgeEvery)
	defer tick.Stop()
	for {
		s.judgeNow(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// judgeNow is judgeDue for who has done its own work already: what is due stays due.
func (s *Service) judgeNow(ctx context.Context) {
	if err := s.judgeDue(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("cannot look for kernels whose exposure has to be judged; trying again", "error", err)
	}
}

// underWay selects jobs that are not to be queued again: those that wait or run, and
// those that were given up with the feed $1. The feed is their payload.
const underWay = `(j.state in ('pending', 'running') or j.state = 'dead' and j.payload = $1)`

// judgeDue queues what has to be read and judged: the feed where it has changed, and
// kernels whose judgement stands on another one or on an older inventory.
func (s *Service) judgeDue(ctx context.Context) error {
	if s.exposer == nil {
		return nil
	}
	feed, err := s.exposer.Feed(ctx)
	if err != nil {
		return fmt.Errorf("feed of cve records: %w", err)
	}
	var (
		have string
		read bool // the feed has to be read
		due  []string
	)
	err = s.db.View(ctx, func(q store.Querier) error {
		err := q.QueryRowContext(ctx, `select fingerprint from cve_feeds where id = 'current'`).Scan(&have)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if have != feed.Fingerprint {
			// Judged by records that are not in the table yet, nothing could be counted:
			// the job asks again when it is done.
			return q.QueryRowContext(ctx, `select not exists (select 1 from jobs j where j.kind = '`+jobFeed+`' and j.key = 'feed' and `+underWay+`)`, feed.Fingerprint).Scan(&read)
		}
		due, err = store.Collect(ctx, q, `select k.id from kernels k left join kernel_exposures x on x.kernel_id = k.id
			where (x.kernel_id is null or x.basis <> $2 || coalesce((select max(i.id) from inventories i where i.kernel_id = k.id), '') || '/' || `+fleetMark+`)
				and not exists (select 1 from jobs j where j.kind = '`+jobJudge+`' and j.key = k.id and `+underWay+`)
			order by k.hosts_now desc, k.id limit 1000`, []any{feed.Fingerprint, feed.Fingerprint + "/"}, func(scan func(...any) error) (id string, err error) { return id, scan(&id) })
		return err
	})
	if err != nil || !read && len(due) == 0 {
		return err
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if read {
			return s.queue.Enqueue(ctx, tx, jobFeed, "feed", feed.Fingerprint)
		}
		for _, id := range due {
			if err := s.queue.Enqueue(ctx, tx, jobJudge, id, feed.Fingerprint); err != nil {
				return err
			}
		}
		return nil
	})
	s.wake()
	return err
}

// basis names what a judgement stands on.
func basis(f Feed, inventory, fleet string) string {
	return f.Fingerprint + "/" + inventory + "/" + fleet
}

// rowsAtOnce is how many rows one statement writes.
const rowsAtOnce = 200

// readFeed brings the table of CVEs up to the feed.
func (s *Service) readFeed(ctx context.Context) error {
	if s.exposer == nil {
		return store.Permanent(errors.New("this server does not judge CVEs"))
	}
	feed, err := s.exposer.Feed(ctx)
	if err != nil {
		return fmt.Errorf("feed of cve records: %w", err)
	}
	var batch []CVERecord
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := s.db.Write(ctx, func(tx *sql.Tx) error { return upsertCVEs(ctx, tx, batch) })
		batch = batch[:0]
		return err
	}
	err = s.exposer.Records(ctx, func(r CVERecord) error {
		if batch = append(batch, r); len(batch) < 10*rowsAtOnce {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return fmt.Errorf("read the feed of cve records: %w", err)
	}
	now := s.now()
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `insert into cve_feeds (id, fingerprint, origin, records, newest, loaded_at) values ('current', $1, $2, $3, $4, $5)
			on conflict (id) do update set fingerprint = excluded.fingerprint, origin = excluded.origin, records = excluded.records,
				newest = excluded.newest, loaded_at = excluded.loaded_at`,
			feed.Fingerprint, clean(feed.Origin), feed.Records, store.NullMicros(feed.Newest), store.Micros(now))
		return err
	})
	if err != nil {
		return fmt.Errorf("keep the feed of cve records: %w", err)
	}
	s.judgeNow(ctx)
	return nil
}

func upsertCVEs(ctx context.Context, tx *sql.Tx, list []CVERecord) error {
	for part := range slices.Chunk(list, rowsAtOnce) {
		var args store.Args
		rows := make([]string, len(part))
		for i, r := range part {
			rows[i] = "(" + strings.Join([]string{args.Add(r.ID), args.Add(clean(r.Title)), args.Add(micros(r.Published)), args.Add(micros(r.Modified)),
				args.Add(r.Severity), args.Add(r.Score), args.Add(clean(r.SeverityFrom)), args.Add(r.Rejected)}, ",") + ")"
		}
		if _, err := tx.ExecContext(ctx, `insert into cves (id, title, published, modified, severity, score, severity_from, rejected) values `+strings.Join(rows, ",")+`
			on conflict (id) do update set title = excluded.title, published = excluded.published, modified = excluded.modified, severity = excluded.severity,
				score = excluded.score, severity_from = excluded.severity_from, rejected = excluded.rejected`, args...); err != nil {
			return err
		}
	}
	return nil
}

// micros is a time that may be zero, for the database.
func micros(t time.Time) sql.Null[int64] {
	if t.IsZero() {
		return sql.Null[int64]{}
	}
	return store.NullMicros(&t)
}

// judge gives a kernel its verdicts.
func (s *Service) judge(ctx context.Context, id string) error {
	if s.exposer == nil {
		return store.Permanent(errors.New("this server does not judge CVEs"))
	}
	feed, err := s.exposer.Feed(ctx)
	if err != nil {
		return fmt.Errorf("feed of cve records: %w", err)
	}
	var k Kernel
	err = s.db.View(ctx, func(q store.Querier) (err error) {
		k, err = scanKernel(q.QueryRowContext(ctx, kernelSelect+`where k.id = $1`, id).Scan)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return store.Permanent(fmt.Errorf("kernel %s is not in the record any more", id))
	}
	if err != nil {
		return fmt.Errorf("kernel %s: %w", id, err)
	}
	inventory, receipt, err := s.openInventory(ctx, id)
	if err != nil {
		return fmt.Errorf("inventory of kernel %s: %w", k.Release, err)
	}
	var r io.Reader
	if inventory != nil {
		defer inventory.Close()
		r = inventory
	}
	fleet, mark, err := s.fleet(ctx, id)
	if err != nil {
		return fmt.Errorf("hosts of kernel %s: %w", k.Release, err)
	}
	j, err := s.exposer.Judge(ctx, k, r, fleet)
	if err != nil {
		return fmt.Errorf("judge the exposure of kernel %s: %w", k.Release, err)
	}
	if err := s.keepJudgement(ctx, k.ID, basis(feed, receipt, mark), receipt, j); err != nil {
		return fmt.Errorf("keep the exposure of kernel %s: %w", k.Release, err)
	}
	return nil
}

// verdictRow is a verdict as it stands in the record.
type verdictRow struct {
	cve, verdict, was, evidence string
	since                       sql.Null[int64]
	changed                     int64
	modules                     string
	unloaded                    int64
}

// keepJudgement writes the verdicts that changed, and counts them.
func (s *Service) keepJudgement(ctx context.Context, kernel, basis, inventory string, j *Judgement) error {
	now := s.now()
	counts := map[string]int64{}
	for _, v := range j.Verdicts {
		counts[v.Verdict]++
	}
	countsText, err := toJSON(counts)
	if err != nil {
		return err
	}
	ranking, err := toJSON(append([]Reduction{}, j.Ranking...))
	if err != nil {
		return err
	}
	notes, err := toJSON(append([]string{}, j.Notes...))
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		// Two jobs may judge one kernel at the same time: the row orders them.
		if _, err := tx.ExecContext(ctx, `insert into kernel_exposures (kernel_id, basis, upstream, inventory_id, counts, ranking, notes, assessed_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8)
			on conflict (kernel_id) do update set basis = excluded.basis, upstream = excluded.upstream, inventory_id = excluded.inventory_id,
				counts = excluded.counts, ranking = excluded.ranking, notes = excluded.notes, assessed_at = excluded.assessed_at`,
			kernel, basis, clean(j.Upstream), inventory, countsText, clean(ranking), clean(notes), store.Micros(now)); err != nil {
			return err
		}
		changed, err := writeVerdicts(ctx, tx, kernel, j.Verdicts, store.Micros(now))
		if err != nil {
			return err
		}
		if err := countExposures(ctx, tx, changed); err != nil {
			return err
		}
		if err := countDay(ctx, tx, day(now), kernel, counts[VerdictAffected], counts[VerdictUndetermined],
			counts[VerdictNotCompiled]+counts[VerdictNotLoaded], counts[VerdictFixed]); err != nil {
			return err
		}
		var affected, undetermined int64
		if err := tx.QueryRowContext(ctx, `select count(*) from cves where affected > 0`).Scan(&affected); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, `select count(*) from cves where affected = 0 and undetermined > 0`).Scan(&undetermined); err != nil {
			return err
		}
		return countDay(ctx, tx, day(now), "", affected, undetermined, 0, 0)
	})
}

// countDay keeps what a day ended with.
func countDay(ctx context.Context, tx *sql.Tx, day int64, kernel string, affected, undetermined, dismissed, fixed int64) error {
	_, err := tx.ExecContext(ctx, `insert into exposure_daily (day, kernel_id, affected, undetermined, dismissed, fixed) values ($1, $2, $3, $4, $5, $6)
		on conflict (day, kernel_id) do update set affected = excluded.affected, undetermined = excluded.undetermined,
			dismissed = excluded.dismissed, fixed = excluded.fixed`, day, kernel, affected, undetermined, dismissed, fixed)
	return err
}

// writeVerdicts brings a kernel's verdicts up to date, and returns the CVEs whose
// verdict changed.
func writeVerdicts(ctx context.Context, tx *sql.Tx, kernel string, verdicts []CVEVerdict, now int64) ([]string, error) {
	rows, err := store.Collect(ctx, tx, `select cve, verdict, was, since, changed_at, evidence, modules, unloaded from exposures where kernel_id = $1`, []any{kernel},
		func(scan func(...any) error) (r verdictRow, err error) {
			return r, scan(&r.cve, &r.verdict, &r.was, &r.since, &r.changed, &r.evidence, &r.modules, &r.unloaded)
		})
	if err != nil {
		return nil, err
	}
	have := make(map[string]verdictRow, len(rows))
	for _, r := range rows {
		have[r.cve] = r
	}
	var write []verdictRow
	var changed, drop []string
	for _, v := range verdicts {
		old, known := have[v.CVE]
		delete(have, v.CVE)
		settled := v.Verdict == VerdictFixed || v.Verdict == VerdictNotInRange
		switch {
		case settled && !known:
			continue
		case settled && old.verdict != v.Verdict && old.verdict != VerdictAffected && old.verdict != VerdictUndetermined && old.was == "":
			drop = append(drop, v.CVE) // it never mattered
			continue
		}
		evidence, err := toJSON(append([]string{}, v.Evidence...))
		if err != nil {
			return nil, err
		}
		r := verdictRow{cve: v.CVE, verdict: v.Verdict, was: old.was, evidence: clean(evidence), since: old.since, changed: old.changed, unloaded: v.Unloaded}
		if len(v.Modules) > 0 {
			modules, err := toJSON(v.Modules)
			if err != nil {
				return nil, err
			}
			r.modules = clean(modules)
		}
		if !known || old.verdict != v.Verdict {
			changed = append(changed, v.CVE)
			r.was, r.changed = old.verdict, now
			// A CVE that comes back starts its clock anew.
			r.since = sql.Null[int64]{V: now, Valid: v.Verdict == VerdictAffected}
		}
		if !known || r != old {
			write = append(write, r)
		}
	}
	for cve := range have { // the record is gone from the feed
		drop, changed = append(drop, cve), append(changed, cve)
	}
	slices.Sort(drop)
	for part := range slices.Chunk(drop, rowsAtOnce) {
		args := store.Args{kernel}
		if _, err := tx.ExecContext(ctx, `delete from exposures where kernel_id = $1 and cve in `+store.In(&args, part), args...); err != nil {
			return nil, err
		}
	}
	for part := range slices.Chunk(write, rowsAtOnce) {
		args := store.Args{kernel}
		values := make([]string, len(part))
		for i, r := range part {
			values[i] = "($1," + strings.Join([]string{args.Add(r.cve), args.Add(r.verdict), args.Add(r.since), args.Add(r.changed), args.Add(r.was), args.Add(r.evidence), args.Add(r.modules), args.Add(r.unloaded)}, ",") + ")"
		}
		if _, err := tx.ExecContext(ctx, `insert into exposures (kernel_id, cve, verdict, since, changed_at, was, evidence, modules, unloaded) values `+strings.Join(values, ",")+`
			on conflict (kernel_id, cve) do update set verdict = excluded.verdict, since = excluded.since, changed_at = excluded.changed_at,
				was = excluded.was, evidence = excluded.evidence, modules = excluded.modules, unloaded = excluded.unloaded`, args...); err != nil {
			return nil, err
		}
	}
	return changed, nil
}

// countExposures keeps the roll-ups of CVEs.
func countExposures(ctx context.Context, tx *sql.Tx, cves []string) error {
	slices.Sort(cves) // the same order for all, so that two judgements do not wait for each other
	for part := range slices.Chunk(cves, rowsAtOnce) {
		var args store.Args
		if _, err := tx.ExecContext(ctx, `update cves set
			affected = (select count(*) from exposures e where e.cve = cves.id and e.verdict = 'affected'),
			undetermined = (select count(*) from exposures e where e.cve = cves.id and e.verdict = 'undetermined'),
			since = (select min(e.since) from exposures e where e.cve = cves.id and e.verdict = 'affected')
			where id in `+store.In(&args, part), args...); err != nil {
			return err
		}
	}
	return nil
}
