package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"ringside/internal/store"
)

const crashSelect = `select c.id, c.signature_id, s.title, s.kind, s.class, s.state, c.kind, c.class, c.title, c.headline, c.panicked,
	c.reports, c.primary_idx, c.boot, c.host_id, h.name, c.kernel_id, k.release, k.arch, c.sha256, r.filename, c.receipt_id,
	c.occurred_at, c.time_from, c.received_at, c.demo
	from crashes c
	join signatures s on s.id = c.signature_id
	join receipts r on r.id = c.receipt_id
	left join hosts h on h.id = c.host_id
	left join kernels k on k.id = c.kernel_id `

func scanCrash(scan func(...any) error) (Crash, error) {
	var (
		c                                             Crash
		hostID, host, kernelID, release, architecture sql.Null[string]
		occurred, received                            int64
	)
	err := scan(&c.ID, &c.Signature.ID, &c.Signature.Title, &c.Signature.Kind, &c.Signature.Class, &c.Signature.State,
		&c.Kind, &c.Class, &c.Title, &c.Headline, &c.Panicked, &c.Reports, &c.Primary, &c.Boot, &hostID, &host,
		&kernelID, &release, &architecture, &c.SHA256, &c.Filename, &c.Receipt, &occurred, &c.TimeFrom, &received, &c.Demo)
	if hostID.Valid {
		c.Host = &HostRef{ID: hostID.V, Name: host.V}
	}
	c.Kernel = kernelRef(kernelID, release, architecture)
	c.OccurredAt, c.ReceivedAt = store.Time(occurred), store.Time(received)
	return c, err
}

func kernelRef(id, release, arch sql.Null[string]) *KernelRef {
	if !id.Valid {
		return nil
	}
	return &KernelRef{ID: id.V, Release: release.V, Arch: arch.V}
}

// listCrashes reads crashes; rest is what follows the tables.
func listCrashes(ctx context.Context, q store.Querier, rest string, args ...any) ([]Crash, error) {
	return store.Collect(ctx, q, crashSelect+rest, args, scanCrash)
}

// Crashes lists crashes, newest first.
func (s *Service) Crashes(ctx context.Context, f CrashFilter) (*CrashPage, error) {
	limit, err := pageLimit(f.Limit)
	if err != nil {
		return nil, err
	}
	var (
		args    store.Args
		where   = []string{"1 = 1"}
		members []string
	)
	if f.Signature != "" {
		if err := s.db.View(ctx, func(q store.Querier) (err error) {
			members, err = membersOf(ctx, q, f.Signature)
			return err
		}); err != nil {
			return nil, fmt.Errorf("list crashes: %w", err)
		}
	}
	equal := func(column, value string) {
		if value != "" {
			where = append(where, column+" = "+args.Add(value))
		}
	}
	switch {
	case f.Signature == "":
	case f.Secondary:
		where = append(where, "c.id in (select crash_id from crash_reports where signature_id in "+store.In(&args, members)+")")
	case len(members) == 1:
		equal("c.signature_id", members[0]) // keeps to the order of an index
	default:
		where = append(where, "c.signature_id in "+store.In(&args, members))
	}
	if f.Host != "" {
		where = append(where, "c.host_id in "+hostIDs(&args, f.Host))
	}
	if f.Kernel != "" {
		where = append(where, "c.kernel_id in "+kernelIDs(&args, f.Kernel))
	}
	equal("c.kind", f.Kind)
	equal("c.class", f.Class)
	equal("c.sha256", f.SHA256)
	if !f.Since.IsZero() {
		where = append(where, "c.occurred_at >= "+args.Add(store.Micros(f.Since)))
	}
	if !f.Until.IsZero() {
		where = append(where, "c.occurred_at < "+args.Add(store.Micros(f.Until)))
	}
	if f.Cursor != "" {
		at, id, err := parseCursor(f.Cursor)
		if err != nil {
			return nil, err
		}
		where = append(where, "(c.occurred_at, c.id) < ("+args.Add(at)+", "+args.Add(id)+")")
	}
	var p CrashPage
	err = s.db.View(ctx, func(q store.Querier) error {
		var err error
		p.Items, err = listCrashes(ctx, q, "where "+strings.Join(where, " and ")+
			" order by c.occurred_at desc, c.id desc limit "+args.Add(limit+1), args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list crashes: %w", err)
	}
	if len(p.Items) > limit {
		p.Items = p.Items[:limit]
		p.Next = cursor(p.Items[limit-1])
	}
	return &p, nil
}

// hostIDs and kernelIDs are the lists of IDs that a filter's text names.
func hostIDs(args *store.Args, idOrName string) string {
	return "(select id from hosts where id = " + args.Add(idOrName) + " or name = " + args.Add(normalHost(idOrName)) + ")"
}

func kernelIDs(args *store.Args, idOrRelease string) string {
	a := args.Add(idOrRelease)
	return "(select id from kernels where id = " + a + " or release = " + a + ")"
}

// cursor is the place of a crash in the list of all crashes.
func cursor(c Crash) string { return strconv.FormatInt(store.Micros(c.OccurredAt), 36) + "-" + c.ID }

func parseCursor(s string) (at int64, id string, err error) {
	when, id, ok := strings.Cut(s, "-")
	if at, err = strconv.ParseInt(when, 36, 64); !ok || err != nil {
		return 0, "", fmt.Errorf("cursor %q: %w: use the next of the page before", s, ErrInvalid)
	}
	return at, id, nil
}

// Crash returns a crash with everything that was read from its artefact.
func (s *Service) Crash(ctx context.Context, id string) (*CrashDetail, error) {
	var d CrashDetail
	err := s.db.View(ctx, func(q store.Querier) error {
		var err error
		if d.Crash, err = scanCrash(q.QueryRowContext(ctx, crashSelect+`where c.id = $1`, id).Scan); err != nil {
			return err
		}
		var owner string
		if err := q.QueryRowContext(ctx, `select a.size, r.source, s.owner_detail from receipts r
			join artefacts a on a.sha256 = r.sha256, signatures s where r.id = $1 and s.id = $2`, d.Receipt, d.Signature.ID).
			Scan(&d.Size, &d.Source, &owner); err != nil {
			return err
		}
		if d.Owner, err = parseOwner(owner); err != nil {
			return err
		}
		if d.Chain, err = crashChain(ctx, q, id); err != nil {
			return err
		}
		if d.Siblings, err = listCrashes(ctx, q, `where c.receipt_id = $1 and c.id <> $2 order by c.boot limit 100`, d.Receipt, id); err != nil {
			return err
		}
		at := store.Micros(d.OccurredAt)
		if d.Newer, err = oneID(ctx, q, `select id from crashes where signature_id = $1 and (occurred_at, id) > ($2, $3)
			order by occurred_at, id limit 1`, d.Signature.ID, at, id); err != nil {
			return err
		}
		d.Older, err = oneID(ctx, q, `select id from crashes where signature_id = $1 and (occurred_at, id) < ($2, $3)
			order by occurred_at desc, id desc limit 1`, d.Signature.ID, at, id)
		return err
	})
	if err == nil {
		d.Document, _, err = s.loadDocument(ctx, d.SHA256)
	}
	if err != nil {
		return nil, fmt.Errorf("crash %s: %w", id, found(err))
	}
	return &d, nil
}

func crashChain(ctx context.Context, q store.Querier, id string) ([]CrashReport, error) {
	return store.Collect(ctx, q, `select r.idx, r.is_primary, r.caused_by, r.kind, r.class, r.title, r.headline,
		s.id, s.title, s.kind, s.class, s.state
		from crash_reports r join signatures s on s.id = r.signature_id where r.crash_id = $1 order by r.place`, []any{id},
		func(scan func(...any) error) (r CrashReport, err error) {
			var cause sql.Null[int64]
			err = scan(&r.Index, &r.Primary, &cause, &r.Kind, &r.Class, &r.Title, &r.Headline,
				&r.Signature.ID, &r.Signature.Title, &r.Signature.Kind, &r.Signature.Class, &r.Signature.State)
			if cause.Valid {
				r.CausedBy = new(int(cause.V))
			}
			return r, err
		})
}

// oneID returns the ID a query finds, or "".
func oneID(ctx context.Context, q store.Querier, query string, args ...any) (id string, err error) {
	err = q.QueryRowContext(ctx, query, args...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}
