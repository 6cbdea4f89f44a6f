package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"ringside/crash"
	"ringside/internal/store"
	"ringside/similar"
)

// stackJSON returns what is kept of a report's stack to compare it by.
func stackJSON(r *crash.Report) (similar.Stack, string, error) {
	st := crash.StackOf(r)
	st.Guilty, st.Module = clean(st.Guilty), clean(st.Module)
	for i, f := range st.Frames {
		st.Frames[i] = clean(f)
	}
	text, err := toJSON(st)
	return st, text, err
}

func parseStack(text string) (st similar.Stack, err error) {
	if text == "" {
		return st, nil
	}
	if err := json.Unmarshal([]byte(text), &st); err != nil {
		return st, fmt.Errorf("stored stack: %w", err)
	}
	return st, nil
}

// keepFrames indexes the functions of the stack that stands for a signature,
// and asks for a look at what it resembles.
func (b *batch) keepFrames(signature string, st similar.Stack) error {
	for _, f := range similar.Functions(&st) {
		res, err := b.tx.ExecContext(b.ctx, `insert into signature_frames (signature_id, function) values ($1, $2)
			on conflict (signature_id, function) do nothing`, signature, f)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		b.frames[f] += n
	}
	return b.s.queue.Enqueue(b.ctx, b.tx, jobSuggest, signature, "{}")
}

// betterStack gives a signature whose first report had no stack that of a
// later one.
func (b *batch) betterStack(signature string, r *crash.Report) error {
	st, text, err := stackJSON(r)
	if err != nil || len(st.Frames) == 0 {
		return err
	}
	if _, err := b.tx.ExecContext(b.ctx, `update signatures set stack = $2 where id = $1`, signature, text); err != nil {
		return err
	}
	return b.keepFrames(signature, st)
}

// flushFrames writes how often the functions were counted, in the order of
// their names.
func flushFrames(ctx context.Context, tx *sql.Tx, frames map[string]int64) error {
	for _, f := range slices.Sorted(maps.Keys(frames)) {
		if frames[f] == 0 {
			continue
		}
		if _, err := tx.ExecContext(ctx, `insert into frame_counts (function, signatures) values ($1, $2)
			on conflict (function) do update set signatures = frame_counts.signatures + excluded.signatures`, f, frames[f]); err != nil {
			return fmt.Errorf("count of function %s: %w", f, err)
		}
	}
	return nil
}

// framesOf returns the functions that are indexed for a signature.
func framesOf(ctx context.Context, q store.Querier, signature string) ([]string, error) {
	return store.Collect(ctx, q, `select function from signature_frames where signature_id = $1`, []any{signature}, scanText)
}

func scanText(scan func(...any) error) (s string, err error) { return s, scan(&s) }
