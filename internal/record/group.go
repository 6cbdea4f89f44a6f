package record

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"ringside/internal/store"
)

// A group is signatures that must-links join. The oldest stands for all: it is
// the one that lists show, with the counts of all; its state is the group's.

// Member is a signature of a merged group with its own counts.
type Member struct {
	Signature SignatureRef `json:"signature"`
	Crashes   int64        `json:"crashes"`
	FirstSeen time.Time    `json:"first_seen"`
	LastSeen  time.Time    `json:"last_seen"`
	Leader    bool         `json:"leader" doc:"It stands for the group"`
}

// groupOf returns the members of a signature's group, itself included.
func groupOf(ctx context.Context, q store.Querier, id string) ([]string, error) {
	var group sql.Null[string]
	if err := q.QueryRowContext(ctx, `select group_id from signatures where id = $1 and replaced_by = ''`, id).Scan(&group); err != nil {
		return nil, found(err)
	}
	if !group.Valid {
		return []string{id}, nil
	}
	return store.Collect(ctx, q, `select id from signatures where group_id = $1 order by first_seen, id`, []any{group.V}, scanText)
}

// membersOf returns whose rows count for a signature: those of the group for
// the one that stands for it, its own for any other.
func membersOf(ctx context.Context, q store.Querier, id string) ([]string, error) {
	ids, err := store.Collect(ctx, q, `select id from signatures where group_id = $1 order by first_seen, id`, []any{id}, scanText)
	if err != nil || len(ids) == 0 {
		return []string{id}, err
	}
	return ids, nil
}

// standsFor returns the signature to decide about: that of the group, and of
// one that newer rules replaced, its successor.
func standsFor(ctx context.Context, q store.Querier, id string) (string, error) {
	for range 8 { // as many changes of rules in a row as anybody will follow
		var (
			group    sql.Null[string]
			replaced string
		)
		if err := q.QueryRowContext(ctx, `select group_id, replaced_by from signatures where id = $1`, id).Scan(&group, &replaced); err != nil {
			return "", found(err)
		}
		switch {
		case replaced != "":
			id = replaced
		case group.Valid:
			return group.V, nil
		default:
			return id, nil
		}
	}
	return "", errReplaced
}

// successor returns the signature that an ID leads to today.
func successor(ctx context.Context, q store.Querier, id string) (string, error) {
	for range 8 {
		var replaced string
		err := q.QueryRowContext(ctx, `select replaced_by from signatures where id = $1`, id).Scan(&replaced)
		if errors.Is(err, sql.ErrNoRows) {
			return "", ErrNotFound
		}
		if err != nil || replaced == "" {
			return id, err
		}
		id = replaced
	}
	return "", errReplaced
}

// leaderOf returns the row whose state a new crash of a signature may change.
func (s *Service) leaderOf(ctx context.Context, tx *sql.Tx, sig *sigRow) (*sigRow, error) {
	if sig.group == "" || sig.group == sig.id {
		return sig, nil
	}
	row := sigRow{id: sig.group, group: sig.group}
	err := tx.QueryRowContext(ctx, `select state, state_since, resolved_in, muted_until from signatures where id = $1`+s.db.Dialect().ForUpdate(), row.id).
		Scan(&row.state, &row.since, &row.resolvedIn, &row.mutedUntil)
	return &row, err
}

// regroup works the groups out anew that the must-links of some signatures make.
func regroup(ctx context.Context, tx *sql.Tx, ids []string) error {
	// Everybody that they are, or were, joined with.
	members := slices.Clone(ids)
	edges := map[string][]string{}
	for todo := members; len(todo) > 0; {
		var args store.Args
		in := store.In(&args, todo)
		links, err := store.Collect(ctx, tx, `select a, b from signature_links where undone_at is null and kind = 'must'
			and (a in `+in+` or b in `+in+`)`, args,
			func(scan func(...any) error) (p pair, err error) { return p, scan(&p.a, &p.b) })
		if err != nil {
			return err
		}
		todo = nil
		for _, l := range links {
			for _, e := range [][2]string{{l.a, l.b}, {l.b, l.a}} {
				if !slices.Contains(edges[e[0]], e[1]) {
					edges[e[0]] = append(edges[e[0]], e[1])
				}
				if !slices.Contains(members, e[0]) {
					members, todo = append(members, e[0]), append(todo, e[0])
				}
			}
		}
	}
	var args store.Args
	byAge, err := store.Collect(ctx, tx, `select id from signatures where id in `+store.In(&args, members)+` order by first_seen, id`, args, scanText)
	if err != nil {
		return err
	}
	leader := map[string]string{}
	for _, id := range byAge {
		if leader[id] != "" {
			continue
		}
		// The oldest of a component is met first.
		for todo := []string{id}; len(todo) > 0; {
			next := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if leader[next] == "" {
				leader[next] = id
				todo = append(todo, edges[next]...)
			}
		}
	}
	for _, id := range byAge {
		group := sql.Null[string]{V: leader[id], Valid: len(edges[id]) > 0}
		if _, err := tx.ExecContext(ctx, `update signatures set group_id = $2 where id = $1`, id, group); err != nil {
			return err
		}
	}
	return nil
}

// groupMembers lists the members of a group that id stands for.
func groupMembers(ctx context.Context, q store.Querier, id string) ([]Member, error) {
	return store.Collect(ctx, q, `select id, title, kind, class, state, crashes, first_seen, last_seen from signatures
		where group_id = $1 order by first_seen, id`, []any{id},
		func(scan func(...any) error) (m Member, err error) {
			var first, last int64
			err = scan(&m.Signature.ID, &m.Signature.Title, &m.Signature.Kind, &m.Signature.Class, &m.Signature.State, &m.Crashes, &first, &last)
			m.FirstSeen, m.LastSeen, m.Leader = store.Time(first), store.Time(last), m.Signature.ID == id
			return m, err
		})
}
