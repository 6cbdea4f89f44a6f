package record

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"ringside/crash"
	"ringside/internal/store"
	"ringside/similar"
)

// Similar is a signature that resembles another, and why.
type Similar struct {
	Signature  SignatureRef   `json:"signature"`
	SameFamily bool           `json:"same_family" doc:"The same kind of defect in the same function"`
	Score      float64        `json:"score" doc:"0 to 1: the weight of the aligned frames and of whom the reports blame"`
	Zone       similar.Zone   `json:"zone" enum:"same,suggest,different" doc:"What the score means"`
	Reasons    []string       `json:"reasons" nullable:"false" doc:"What counted, the weightiest first"`
	Shared     []string       `json:"shared" nullable:"false" doc:"Functions that both have in their stacks, the weightiest first, at most 8"`
	Frames     []similar.Pair `json:"frames" nullable:"false" doc:"The two stacks side by side with the weight of each frame"`
	Crashes    int64          `json:"crashes"`
	LastSeen   time.Time      `json:"last_seen"`
}

// SimilarTo is the answer to a report that is not in the record.
type SimilarTo struct {
	Title     string        `json:"title" doc:"Of the report that was asked about"`
	Key       string        `json:"key" doc:"Its portable signature, by the rules that the record groups by"`
	Algorithm string        `json:"algorithm"`
	Known     *SignatureRef `json:"known" doc:"The signature that it belongs to, null if it would be a new one"`
	Similar   []Similar     `json:"similar" nullable:"false" doc:"Most alike first, at most 10"`
}

const (
	maxSimilar    = 10
	maxPostings   = 2000 // signatures that one function may lead to
	maxCandidates = 120  // stacks that are compared with one
	maxDocument   = 64 << 20
	leastAlike    = 0.1 // score below which nothing is shown
)

// target is what signatures are compared with.
type target struct {
	stack  similar.Stack
	family string
	not    []string // signatures to leave out
}

// Similar returns the signatures that resemble one.
func (s *Service) Similar(ctx context.Context, id string) ([]Similar, error) {
	var out []Similar
	err := s.db.View(ctx, func(q store.Querier) (err error) {
		if id, err = successor(ctx, q, id); err != nil {
			return err
		}
		out, err = similarTo(ctx, q, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("similar to signature %s: %w", id, found(err))
	}
	return out, nil
}

// similarTo returns the signatures that resemble one of the record.
func similarTo(ctx context.Context, q store.Querier, id string) ([]Similar, error) {
	var (
		t    target
		text string
	)
	if err := q.QueryRowContext(ctx, `select stack, family from signatures where id = $1`, id).Scan(&text, &t.family); err != nil {
		return nil, err
	}
	var err error
	if t.stack, err = parseStack(text); err != nil {
		return nil, err
	}
	if t.not, err = groupOf(ctx, q, id); err != nil {
		return nil, err
	}
	return resembling(ctx, q, t)
}

// SimilarTo reads a log and returns which signature the report that it is about
// belongs to, or would make, and what that resembles. Nothing is kept.
func (s *Service) SimilarTo(ctx context.Context, r io.Reader) (*SimilarTo, error) {
	doc, err := s.read(ctx, io.LimitReader(r, s.limit))
	if err != nil && (doc == nil || len(doc.Reports) == 0) {
		return nil, fmt.Errorf("read the log: %w: %w", ErrInvalid, err)
	}
	return s.similarToPrimary(ctx, doc)
}

// SimilarToDocument is SimilarTo for JSON: what "crash parse --json" writes, or
// one of its reports.
func (s *Service) SimilarToDocument(ctx context.Context, r io.Reader) (*SimilarTo, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("read the report: %w", err)
	}
	if len(text) > maxDocument {
		return nil, fmt.Errorf("%w: send the one report that it is about, or the log itself", ErrTooLarge)
	}
	// Of a document only what is needed: a report has fields of the same names.
	var doc struct {
		Reports []crash.Report `json:"reports"`
		Primary *int           `json:"primary"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("read the report: %w: %w", ErrInvalid, err)
	}
	if doc.Reports == nil {
		var rep crash.Report
		if err := json.Unmarshal(text, &rep); err != nil {
			return nil, fmt.Errorf("read the report: %w: %w", ErrInvalid, err)
		}
		if rep.Kind != "" {
			doc.Reports = []crash.Report{rep}
		}
	}
	return s.similarToPrimary(ctx, &crash.Document{Reports: doc.Reports, Primary: doc.Primary})
}

func (s *Service) similarToPrimary(ctx context.Context, doc *crash.Document) (*SimilarTo, error) {
	if len(doc.Reports) == 0 {
		return nil, fmt.Errorf("%w: the log holds no report", ErrInvalid)
	}
	n := 0
	if doc.Primary != nil && *doc.Primary >= 0 && *doc.Primary < len(doc.Reports) {
		n = *doc.Primary
	}
	return s.SimilarToReport(ctx, &doc.Reports[n])
}

// SimilarToReport is SimilarTo for a report that was parsed already.
func (s *Service) SimilarToReport(ctx context.Context, r *crash.Report) (*SimilarTo, error) {
	st, _, err := stackJSON(r)
	if err != nil {
		return nil, err
	}
	out := SimilarTo{Title: r.Title}
	err = s.db.View(ctx, func(q store.Querier) error {
		active, err := activeAlgorithm(ctx, q)
		if err != nil {
			return err
		}
		signed := *r
		signed.Signature = s.sign(r, active)
		if b, err := openBackfill(ctx, q); err != nil {
			return err
		} else if b != nil && b.State == BackfillAccepting {
			moved := []crash.Report{signed}
			if err := s.arrived(ctx, q, moved, []crash.Report{*r}, algorithms{shadow: b.To, moving: true}); err != nil {
				return err
			}
			signed = moved[0]
		}
		out.Algorithm, out.Key = signatureKey(&signed)
		t := target{stack: st, family: signed.Signature.Family}
		known, err := store.Collect(ctx, q, `select id, title, kind, class, state from signatures where algorithm = $1 and key = $2`,
			[]any{out.Algorithm, clean(out.Key)}, func(scan func(...any) error) (v SignatureRef, err error) {
				return v, scan(&v.ID, &v.Title, &v.Kind, &v.Class, &v.State)
			})
		if err != nil {
			return err
		}
		if len(known) > 0 {
			out.Known = &known[0]
			if t.not, err = groupOf(ctx, q, known[0].ID); err != nil {
				return err
			}
		}
		out.Similar, err = resembling(ctx, q, t)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("similar to %s: %w", r.Title, err)
	}
	return &out, nil
}

// resembling compares a stack with those of the record that share its rare
// functions, or its family.
func resembling(ctx context.Context, q store.Querier, t target) ([]Similar, error) {
	counts := map[string]int{}
	if err := addCounts(ctx, q, counts, similar.Functions(&t.stack)); err != nil {
		return nil, err
	}
	m := similar.Model{Prior: crash.Prior}
	m.Load(counts[""], counts)
	ids, err := candidates(ctx, q, &m, &t)
	if err != nil || len(ids) == 0 {
		return []Similar{}, err
	}
	var args store.Args
	type row struct {
		Similar
		stack similar.Stack
	}
	rows, err := store.Collect(ctx, q, `select s.id, s.title, s.kind, s.class, s.state, s.family, s.crashes, s.last_seen, s.stack
		from signatures s where s.id in `+store.In(&args, ids)+` and s.replaced_by = '' and s.crashes + s.secondary > 0`, args,
		func(scan func(...any) error) (v row, err error) {
			var (
				family, text string
				last         int64
			)
			if err = scan(&v.Signature.ID, &v.Signature.Title, &v.Signature.Kind, &v.Signature.Class, &v.Signature.State, &family,
				&v.Crashes, &last, &text); err != nil {
				return v, err
			}
			v.SameFamily, v.LastSeen = t.family != "" && family == t.family, store.Time(last)
			v.stack, err = parseStack(text)
			return v, err
		})
	if err != nil {
		return nil, err
	}
	var functions []string
	for i := range rows {
		functions = append(functions, similar.Functions(&rows[i].stack)...)
	}
	slices.Sort(functions)
	if err := addCounts(ctx, q, counts, slices.Compact(functions)); err != nil {
		return nil, err
	}
	m.Load(counts[""], counts)
	out := []Similar{}
	for i := range rows {
		v := rows[i].Similar
		match := m.Compare(&t.stack, &rows[i].stack)
		if match.Score < leastAlike && !v.SameFamily {
			continue
		}
		v.Score, v.Zone, v.Reasons, v.Frames, v.Shared = match.Score, match.Zone, match.Reasons, match.Pairs, sharedOf(match.Pairs)
		if v.SameFamily && v.Zone == similar.Different {
			v.Zone = similar.Suggest // one function, seen by two detectors
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b Similar) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(b.Crashes, a.Crashes), cmp.Compare(a.Signature.ID, b.Signature.ID))
	})
	return out[:min(len(out), maxSimilar)], nil
}

func sharedOf(pairs []similar.Pair) []string {
	shared := slices.Clone(pairs)
	shared = slices.DeleteFunc(shared, func(p similar.Pair) bool { return !p.Same() })
	slices.SortStableFunc(shared, func(a, b similar.Pair) int { return cmp.Compare(b.Weight, a.Weight) })
	names := []string{}
	for _, p := range shared {
		if len(names) < 8 && !slices.Contains(names, p.A) {
			names = append(names, p.A)
		}
	}
	return names
}

// addCounts reads in how many signatures functions are; "" is all of them.
func addCounts(ctx context.Context, q store.Querier, counts map[string]int, functions []string) error {
	for chunk := range slices.Chunk(append([]string{""}, functions...), 1000) {
		var args store.Args
		rows, err := store.Collect(ctx, q, `select function, signatures from frame_counts where function in `+store.In(&args, chunk), args,
			func(scan func(...any) error) (f Facet, err error) { return f, scan(&f.Value, &f.Count) })
		if err != nil {
			return err
		}
		for _, r := range rows {
			counts[r.Value] = int(r.Count)
		}
	}
	return nil
}

// candidates returns the signatures that share the most weight of rare
// functions with a stack, and the newest of its family.
func candidates(ctx context.Context, q store.Querier, m *similar.Model, t *target) ([]string, error) {
	shared := map[string]float64{}
	for _, f := range m.Keys(&t.stack) {
		if m.Count(f) > maxPostings {
			continue
		}
		w := m.Weight(f)
		if f == t.stack.Guilty {
			w++
		}
		ids, err := store.Collect(ctx, q, `select signature_id from signature_frames where function = $1`, []any{f}, scanText)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			shared[id] += w
		}
	}
	if t.family != "" {
		ids, err := store.Collect(ctx, q, `select id from signatures where family = $1 order by last_seen desc limit 20`, []any{t.family}, scanText)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			shared[id] += 2
		}
	}
	for _, id := range t.not {
		delete(shared, id)
	}
	ids := make([]string, 0, len(shared))
	for id := range shared {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(shared[b], shared[a]), cmp.Compare(a, b)) })
	return ids[:min(len(ids), maxCandidates)], nil
}
