package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringside/internal/store"
	"ringside/similar"
)

// jobSuggest is the kind of the jobs that look for signatures to merge with one;
// their key is its ID.
const jobSuggest = "suggest"

// Suggestion is two signatures that are alike enough for a person to look.
type Suggestion struct {
	A       Candidate    `json:"a"`
	B       Candidate    `json:"b"`
	Score   float64      `json:"score"`
	Zone    similar.Zone `json:"zone" enum:"same,suggest"`
	Reasons []string     `json:"reasons" nullable:"false"`
	At      time.Time    `json:"at"`
}

// Candidate is one side of a suggestion.
type Candidate struct {
	SignatureRef
	Crashes  int64     `json:"crashes"`
	LastSeen time.Time `json:"last_seen"`
}

// SuggestionFilter selects suggestions, the most alike first.
type SuggestionFilter struct {
	Signature string // one of the two is it
	Cursor    string
	Limit     int
}

// SuggestionPage is a part of a list of suggestions.
type SuggestionPage struct {
	Total int64        `json:"total"`
	Items []Suggestion `json:"items" nullable:"false"`
	Next  string       `json:"next,omitempty" doc:"Cursor of the next page; empty on the last"`
}

// suggest looks for signatures that one may be merged with. It may run any
// number of times: what it suggests is what it would suggest now.
func (s *Service) suggest(ctx context.Context, id string) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		alike, err := similarTo(ctx, tx, id)
		if errors.Is(err, sql.ErrNoRows) || errors.Is(err, ErrNotFound) {
			return nil // forgotten since, or joined into another
		}
		if err != nil {
			return err
		}
		own, err := groupOf(ctx, tx, id)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `delete from merge_suggestions where a = $1 or b = $1`, id); err != nil {
			return err
		}
		for _, v := range alike {
			if v.Zone == similar.Different {
				continue
			}
			other, err := groupOf(ctx, tx, v.Signature.ID)
			if err != nil {
				return err
			}
			decided, err := linksBetween(ctx, tx, own, other)
			if err != nil {
				return err
			}
			if len(decided) > 0 {
				continue
			}
			reasons, err := toJSON(v.Reasons)
			if err != nil {
				return err
			}
			a, b := min(id, v.Signature.ID), max(id, v.Signature.ID)
			if _, err := tx.ExecContext(ctx, `insert into merge_suggestions (a, b, score, zone, reasons, at) values ($1, $2, $3, $4, $5, $6)
				on conflict (a, b) do update set score = excluded.score, zone = excluded.zone, reasons = excluded.reasons`,
				a, b, int64(v.Score*1e6), string(v.Zone), reasons, store.Micros(s.now())); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for signatures like %s: %w", id, err)
	}
	return nil
}

// dropSuggestions removes what was suggested about members of two groups.
func dropSuggestions(ctx context.Context, tx *sql.Tx, a, b []string) error {
	var args store.Args
	inA, inB := store.In(&args, a), store.In(&args, b)
	_, err := tx.ExecContext(ctx, `delete from merge_suggestions where a in `+inA+` and b in `+inB+` or a in `+inB+` and b in `+inA, args...)
	return err
}

const suggestionSelect = `select m.score, m.zone, m.reasons, m.at,
	a.id, a.title, a.kind, a.class, a.state, a.crashes, a.last_seen, b.id, b.title, b.kind, b.class, b.state, b.crashes, b.last_seen
	from merge_suggestions m join signatures a on a.id = m.a join signatures b on b.id = m.b `

func scanSuggestion(scan func(...any) error) (v Suggestion, err error) {
	var (
		score, at, lastA, lastB int64
		reasons                 string
	)
	err = scan(&score, &v.Zone, &reasons, &at, &v.A.ID, &v.A.Title, &v.A.Kind, &v.A.Class, &v.A.State, &v.A.Crashes, &lastA,
		&v.B.ID, &v.B.Title, &v.B.Kind, &v.B.Class, &v.B.State, &v.B.Crashes, &lastB)
	if err != nil {
		return v, err
	}
	v.Score, v.At, v.A.LastSeen, v.B.LastSeen = float64(score)/1e6, store.Time(at), store.Time(lastA), store.Time(lastB)
	return v, json.Unmarshal([]byte(reasons), &v.Reasons)
}

// Suggestions lists pairs of signatures to merge, the most alike first. Accept
// one with [Service.Link] of the kind must, refuse it with cannot.
func (s *Service) Suggestions(ctx context.Context, f SuggestionFilter) (*SuggestionPage, error) {
	limit, err := pageLimit(f.Limit)
	if err != nil {
		return nil, err
	}
	var args store.Args
	where := "where a.crashes + a.secondary > 0 and b.crashes + b.secondary > 0"
	if f.Signature != "" {
		id := args.Add(f.Signature)
		where += " and (m.a = " + id + " or m.b = " + id + ")"
	}
	p := SuggestionPage{}
	err = s.db.View(ctx, func(q store.Querier) error {
		if err := q.QueryRowContext(ctx, `select count(*) from merge_suggestions m join signatures a on a.id = m.a join signatures b on b.id = m.b `+where,
			args...).Scan(&p.Total); err != nil {
			return err
		}
		if f.Cursor != "" {
			part := strings.Split(f.Cursor, "-")
			score, err := strconv.ParseInt(part[0], 36, 64)
			if err != nil || len(part) != 3 {
				return fmt.Errorf("cursor %q: %w: use the next of the page before", f.Cursor, ErrInvalid)
			}
			where += " and (m.score, m.a, m.b) < (" + args.Add(score) + ", " + args.Add(part[1]) + ", " + args.Add(part[2]) + ")"
		}
		var err error
		p.Items, err = store.Collect(ctx, q, suggestionSelect+where+" order by m.score desc, m.a desc, m.b desc limit "+args.Add(limit+1), args, scanSuggestion)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list suggestions: %w", err)
	}
	if len(p.Items) > limit {
		last := p.Items[limit-1]
		p.Items = slices.Clip(p.Items[:limit])
		p.Next = strings.Join([]string{strconv.FormatInt(int64(last.Score*1e6+0.5), 36), last.A.ID, last.B.ID}, "-")
	}
	return &p, nil
}
