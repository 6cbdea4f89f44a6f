package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringside/internal/store"
)

// LinkKind is what a person decided about two signatures.
type LinkKind string

// The kinds of links.
const (
	LinkMust   LinkKind = "must"   // they are one defect: what counts them counts them together
	LinkCannot LinkKind = "cannot" // they are two: nobody is asked again
)

// Link is a decision about two signatures. It binds signatures and not crashes,
// so that it holds for all that is still to come.
type Link struct {
	ID       string       `json:"id"`
	Kind     LinkKind     `json:"kind" enum:"must,cannot"`
	A        SignatureRef `json:"a"`
	B        SignatureRef `json:"b"`
	By       string       `json:"by,omitempty"`
	At       time.Time    `json:"at"`
	Reason   string       `json:"reason,omitempty"`
	UndoneAt *time.Time   `json:"undone_at"`
	UndoneBy string       `json:"undone_by,omitempty"`
}

// LinkChange asks for a link.
type LinkChange struct {
	A, B   string // IDs of signatures
	Kind   LinkKind
	By     string
	Reason string
}

// LinkFilter selects links, newest first.
type LinkFilter struct {
	Signature string // one of the two is it
	Undone    bool   // also those that were taken back
	Cursor    string
	Limit     int
}

// LinkPage is a part of a list of links.
type LinkPage struct {
	Items []Link `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"Cursor of the next page; empty on the last"`
}

func (c *LinkChange) check() error {
	c.Reason, c.By = strings.TrimSpace(clean(c.Reason)), strings.TrimSpace(clean(c.By))
	switch {
	case c.Kind != LinkMust && c.Kind != LinkCannot:
		return fmt.Errorf("link %q: %w: it is must or cannot", c.Kind, ErrInvalid)
	case c.A == "" || c.B == "":
		return fmt.Errorf("link: %w: name two signatures", ErrInvalid)
	case len(c.Reason) > maxNote:
		return fmt.Errorf("reason: %w: it has %d bytes and may have %d", ErrInvalid, len(c.Reason), maxNote)
	case len(c.By) > 128:
		return fmt.Errorf("name: %w: at most 128 bytes", ErrInvalid)
	}
	return nil
}

// Link decides that two signatures are one defect, or that they are not. Saying
// the same twice is one decision; saying the opposite needs the first to be
// taken back.
func (s *Service) Link(ctx context.Context, c LinkChange) (*Link, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	var id string
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		var err error
		id, err = s.link(ctx, tx, c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("link signatures %s and %s: %w", c.A, c.B, err)
	}
	return s.oneLink(ctx, id)
}

func (s *Service) link(ctx context.Context, tx *sql.Tx, c LinkChange) (string, error) {
	a, err := groupOf(ctx, tx, c.A)
	if err != nil {
		return "", err
	}
	b, err := groupOf(ctx, tx, c.B)
	if err != nil {
		return "", err
	}
	if c.A == c.B || c.Kind == LinkCannot && slices.Contains(a, c.B) {
		return "", fmt.Errorf("%w: they are one signature already; undo the merge first", ErrInvalid)
	}
	have, err := linksBetween(ctx, tx, a, b)
	if err != nil {
		return "", err
	}
	for _, l := range have {
		switch {
		case l.kind == c.Kind && c.Kind == LinkCannot:
			return l.id, nil
		case l.kind != c.Kind && c.Kind == LinkMust:
			return "", fmt.Errorf("%w: %s said that they are different; undo that first", ErrInvalid, orSomebody(l.by))
		case l.kind == LinkMust && (l.a == c.A && l.b == c.B || l.a == c.B && l.b == c.A):
			return l.id, nil
		}
	}
	now := s.now()
	id := store.NewID(now)
	if _, err := tx.ExecContext(ctx, `insert into signature_links (id, a, b, kind, by_whom, at, reason) values ($1, $2, $3, $4, $5, $6, $7)`,
		id, c.A, c.B, string(c.Kind), c.By, store.Micros(now), c.Reason); err != nil {
		return "", err
	}
	if err := dropSuggestions(ctx, tx, a, b); err != nil {
		return "", err
	}
	what := "refuse"
	if c.Kind == LinkMust {
		what = "merge"
		if err := regroup(ctx, tx, slices.Concat(a, b)); err != nil {
			return "", err
		}
	}
	return id, logLink(ctx, tx, c.A, c.B, Activity{At: now, By: c.By, What: what, Note: c.Reason})
}

func orSomebody(name string) string {
	if name == "" {
		return "somebody"
	}
	return name
}

// logLink writes what was done into the activity of both signatures, each with
// the other's title.
func logLink(ctx context.Context, tx *sql.Tx, a, b string, act Activity) error {
	for _, side := range [][2]string{{a, b}, {b, a}} {
		var title string
		if err := tx.QueryRowContext(ctx, `select title from signatures where id = $1`, side[1]).Scan(&title); err != nil {
			return err
		}
		act.To = title
		if err := addActivity(ctx, tx, side[0], act); err != nil {
			return err
		}
	}
	return nil
}

// UndoLink takes a decision back. Signatures that nothing else joins count by
// themselves again, with the states they had when they were merged; and a pair
// that was refused may be suggested again.
func (s *Service) UndoLink(ctx context.Context, id, by string) (*Link, error) {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		var (
			a, b   string
			kind   LinkKind
			undone sql.Null[int64]
		)
		if err := tx.QueryRowContext(ctx, `select a, b, kind, undone_at from signature_links where id = $1`+s.db.Dialect().ForUpdate(), id).
			Scan(&a, &b, &kind, &undone); err != nil {
			return found(err)
		}
		if undone.Valid {
			return nil
		}
		now := s.now()
		if _, err := tx.ExecContext(ctx, `update signature_links set undone_at = $2, undone_by = $3 where id = $1`,
			id, store.Micros(now), by); err != nil {
			return err
		}
		what := "unrefuse"
		if kind == LinkMust {
			what = "unmerge"
			group, err := groupOf(ctx, tx, a)
			if err != nil {
				return err
			}
			if err := regroup(ctx, tx, group); err != nil {
				return err
			}
		}
		for _, side := range []string{a, b} {
			if err := s.queue.Enqueue(ctx, tx, jobSuggest, side, "{}"); err != nil {
				return err
			}
		}
		return logLink(ctx, tx, a, b, Activity{At: now, By: by, What: what})
	})
	if err != nil {
		return nil, fmt.Errorf("undo link %s: %w", id, err)
	}
	s.queue.Wake()
	return s.oneLink(ctx, id)
}

type pairLink struct {
	id, a, b, by string
	kind         LinkKind
}

// linksBetween returns the decisions in force about members of two groups.
func linksBetween(ctx context.Context, q store.Querier, a, b []string) ([]pairLink, error) {
	var args store.Args
	inA, inB := store.In(&args, a), store.In(&args, b)
	return store.Collect(ctx, q, `select id, a, b, by_whom, kind from signature_links where undone_at is null
		and (a in `+inA+` and b in `+inB+` or a in `+inB+` and b in `+inA+`) order by id`, args,
		func(scan func(...any) error) (l pairLink, err error) {
			return l, scan(&l.id, &l.a, &l.b, &l.by, &l.kind)
		})
}

const linkSelect = `select l.id, l.kind, a.id, a.title, a.kind, a.class, a.state, b.id, b.title, b.kind, b.class, b.state,
	l.by_whom, l.at, l.reason, l.undone_at, l.undone_by
	from signature_links l join signatures a on a.id = l.a join signatures b on b.id = l.b `

func scanLink(scan func(...any) error) (Link, error) {
	var (
		l      Link
		at     int64
		undone sql.Null[int64]
	)
	err := scan(&l.ID, &l.Kind, &l.A.ID, &l.A.Title, &l.A.Kind, &l.A.Class, &l.A.State, &l.B.ID, &l.B.Title, &l.B.Kind, &l.B.Class, &l.B.State,
		&l.By, &at, &l.Reason, &undone, &l.UndoneBy)
	l.At, l.UndoneAt = store.Time(at), store.NullTime(undone)
	return l, err
}

func (s *Service) oneLink(ctx context.Context, id string) (*Link, error) {
	var l Link
	err := s.db.View(ctx, func(q store.Querier) (err error) {
		l, err = scanLink(q.QueryRowContext(ctx, linkSelect+`where l.id = $1`, id).Scan)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("link %s: %w", id, found(err))
	}
	return &l, nil
}

// Links lists what people decided, newest first.
func (s *Service) Links(ctx context.Context, f LinkFilter) (*LinkPage, error) {
	limit, err := pageLimit(f.Limit)
	if err != nil {
		return nil, err
	}
	var args store.Args
	where := "where 1 = 1"
	if f.Signature != "" {
		id := args.Add(f.Signature)
		where += " and (l.a = " + id + " or l.b = " + id + ")"
	}
	if !f.Undone {
		where += " and l.undone_at is null"
	}
	if f.Cursor != "" {
		at, id, err := parseCursor(f.Cursor)
		if err != nil {
			return nil, err
		}
		where += " and (l.at, l.id) < (" + args.Add(at) + ", " + args.Add(id) + ")"
	}
	p := LinkPage{}
	err = s.db.View(ctx, func(q store.Querier) (err error) {
		p.Items, err = store.Collect(ctx, q, linkSelect+where+" order by l.at desc, l.id desc limit "+args.Add(limit+1), args, scanLink)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	if len(p.Items) > limit {
		p.Items = p.Items[:limit]
		last := &p.Items[limit-1]
		p.Next = strconv.FormatInt(store.Micros(last.At), 36) + "-" + last.ID
	}
	return &p, nil
}

// errReplaced is an ID of a signature that new rules joined into another.
var errReplaced = errors.New("joined into another signature by newer rules")
