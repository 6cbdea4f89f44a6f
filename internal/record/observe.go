package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"ringside/internal/store"
)

// Observation is what was seen of a host at a time, without a crash.
type Observation struct {
	Host    string
	Group   string // the set of machines it is rolled out with
	Kernel  string // release
	Arch    string
	Version string // build line of the kernel's banner
	At      time.Time
	Demo    bool
}

// Observe records what hosts run. The time between two observations makes the
// host-days that crash rates are counted over.
func (s *Service) Observe(ctx context.Context, seen ...Observation) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		for _, o := range seen {
			host := normalHost(o.Host)
			if host == "" || o.At.IsZero() {
				return fmt.Errorf("observation of %q at %v: %w: it needs a host and a time", o.Host, o.At, ErrInvalid)
			}
			id, err := upsertHost(ctx, tx, hostFacts{name: host, group: o.Group, arch: o.Arch, at: o.At, demo: o.Demo})
			if err != nil {
				return err
			}
			kernel, err := upsertKernel(ctx, tx, kernelFacts{release: o.Kernel, arch: o.Arch, version: o.Version, at: o.At, demo: o.Demo})
			if err != nil || kernel == "" {
				return err
			}
			if err := observe(ctx, tx, id, kernel, o.At); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record what hosts run: %w", err)
	}
	return nil
}

// hostFacts is what an event tells about a host.
type hostFacts struct {
	name, group, arch, hardware string
	at                          time.Time
	demo                        bool
}

// upsertHost returns the ID of a host after adding what is new about it. A
// host is demo data as long as nothing real was seen of it.
func upsertHost(ctx context.Context, tx *sql.Tx, f hostFacts) (id string, err error) {
	err = tx.QueryRowContext(ctx, `
		insert into hosts (id, name, fleet, arch, hardware, first_seen, last_seen, demo)
		values ($1, $2, $3, $4, $5, $6, $6, $7)
		on conflict (name) do update set fleet = `+known("hosts", "fleet")+`, arch = `+known("hosts", "arch")+`,
			hardware = `+known("hosts", "hardware")+`, first_seen = `+earlier("hosts", "first_seen")+`,
			last_seen = `+later("hosts", "last_seen")+`, demo = hosts.demo and excluded.demo
		returning id`,
		store.NewID(f.at), f.name, clean(f.group), clean(f.arch), clean(f.hardware), store.Micros(f.at), f.demo).Scan(&id)
	return id, err
}

// kernelFacts is what an event tells about a kernel.
type kernelFacts struct {
	release, arch, version string
	at                     time.Time
	demo                   bool
}

// upsertKernel returns the ID of a kernel after adding what is new about it,
// or "" if its release is not known. A log that was cut may not tell the
// architecture: it then means the kernel of that release that is known, and a
// kernel whose architecture was not known learns it from the first log that
// tells.
func upsertKernel(ctx context.Context, tx *sql.Tx, f kernelFacts) (id string, err error) {
	f.release, f.arch, f.version = clean(f.release), clean(f.arch), clean(f.version)
	if f.release == "" {
		return "", nil
	}
	var have string
	err = tx.QueryRowContext(ctx, `select arch from kernels where release = $1 and (arch = $2 or arch = '' or $2 = '')
		order by case when arch = $2 then 0 else 1 end, crashes desc, id limit 1`, f.release, f.arch).Scan(&have)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return "", err
	case f.arch == "":
		f.arch = have
	case have == "":
		if _, err := tx.ExecContext(ctx, `update kernels set arch = $2 where release = $1 and arch = ''`, f.release, f.arch); err != nil {
			return "", err
		}
	}
	// The longest build line is the most complete one: a report's own header
	// repeats only a part of the banner.
	err = tx.QueryRowContext(ctx, `
		insert into kernels (id, release, arch, version, first_seen, last_seen, demo)
		values ($1, $2, $3, $4, $5, $5, $6)
		on conflict (release, arch) do update set
			version = case when length(excluded.version) > length(kernels.version) then excluded.version else kernels.version end,
			first_seen = `+earlier("kernels", "first_seen")+`, last_seen = `+later("kernels", "last_seen")+`,
			demo = kernels.demo and excluded.demo
		returning id`,
		store.NewID(f.at), f.release, f.arch, f.version, store.Micros(f.at), f.demo).Scan(&id)
	return id, err
}

// observe records that a host ran a kernel at a time. A host is taken to run
// the kernel it was last seen on until it is seen on another.
func observe(ctx context.Context, tx *sql.Tx, host, kernel string, when time.Time) error {
	t := store.Micros(when)
	var (
		before string
		since  int64
		until  sql.Null[int64]
	)
	// The spell that the time falls into, or the last one before it.
	err := tx.QueryRowContext(ctx, `select kernel_id, since, until from host_kernels where host_id = $1 and since <= $2
		order by since desc limit 1`, host, t).Scan(&before, &since, &until)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return observeFirst(ctx, tx, host, kernel, t)
	case err != nil:
		return err
	case before == kernel || until.Valid || since == t:
		// Known; or history that is told late and disagrees with what was
		// concluded: the conclusion stands, since when it changed is not known.
		return nil
	}
	if _, err := tx.ExecContext(ctx, `update host_kernels set until = $3 where host_id = $1 and since = $2`, host, since, t); err != nil {
		return err
	}
	if err := countSpells(ctx, tx, before, t, 0, 1); err != nil {
		return err
	}
	return openSpell(ctx, tx, host, kernel, t, sql.Null[int64]{})
}

// observeFirst records an observation that is older than all others.
func observeFirst(ctx context.Context, tx *sql.Tx, host, kernel string, t int64) error {
	var (
		next  string
		since int64
	)
	err := tx.QueryRowContext(ctx, `select kernel_id, since from host_kernels where host_id = $1 order by since limit 1`, host).
		Scan(&next, &since)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return openSpell(ctx, tx, host, kernel, t, sql.Null[int64]{})
	case err != nil:
		return err
	case next == kernel:
		if _, err := tx.ExecContext(ctx, `update host_kernels set since = $3 where host_id = $1 and since = $2`, host, since, t); err != nil {
			return err
		}
		if err := countSpells(ctx, tx, kernel, since, -1, 0); err != nil {
			return err
		}
		return countSpells(ctx, tx, kernel, t, 1, 0)
	}
	return openSpell(ctx, tx, host, kernel, t, sql.Null[int64]{V: since, Valid: true})
}

func openSpell(ctx context.Context, tx *sql.Tx, host, kernel string, since int64, until sql.Null[int64]) error {
	if _, err := tx.ExecContext(ctx, `insert into host_kernels (host_id, kernel_id, since, until) values ($1, $2, $3, $4)`,
		host, kernel, since, until); err != nil {
		return err
	}
	if err := countSpells(ctx, tx, kernel, since, 1, 0); err != nil {
		return err
	}
	if until.Valid {
		return countSpells(ctx, tx, kernel, until.V, 0, 1)
	}
	// It is what the host runs now.
	if _, err := tx.ExecContext(ctx, `update kernels set hosts_now = hosts_now + case when id = $2 then 1 else -1 end
		where id in ($2, (select kernel_id from hosts where id = $1))`, host, kernel); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `update hosts set kernel_id = $2 where id = $1`, host, kernel)
	return err
}

// countSpells counts hosts that began or ceased to run a kernel at a time.
func countSpells(ctx context.Context, tx *sql.Tx, kernel string, when, started, ended int64) error {
	us := when % microsPerDay
	_, err := tx.ExecContext(ctx, `insert into kernel_spells (kernel_id, day, started, started_us, ended, ended_us)
		values ($1, $2, $3, $4, $5, $6)
		on conflict (kernel_id, day) do update set started = kernel_spells.started + excluded.started,
			started_us = kernel_spells.started_us + excluded.started_us, ended = kernel_spells.ended + excluded.ended,
			ended_us = kernel_spells.ended_us + excluded.ended_us`,
		kernel, when/microsPerDay, started, started*us, ended, ended*us)
	return err
}
