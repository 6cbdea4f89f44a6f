package record

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"ringside/crash"
	"ringside/internal/store"
	"ringside/similar"
)

// FunctionCounts is in how many signatures functions are: what the record has
// learned about how much each says.
type FunctionCounts struct {
	Signatures int64   `json:"signatures" doc:"All there are"`
	Functions  []Facet `json:"functions" nullable:"false" doc:"Those that are in any; the others were never seen"`
}

// Model returns what stacks are weighed by.
func (c *FunctionCounts) Model() *similar.Model {
	counts := make(map[string]int, len(c.Functions))
	for _, f := range c.Functions {
		counts[f.Value] = int(f.Count)
	}
	m := &similar.Model{Prior: crash.Prior}
	m.Load(int(c.Signatures), counts)
	return m
}

// maxCounted bounds the functions of one question: those of a few stacks.
const maxCounted = 8 * similar.MaxFrames

// FunctionCounts counts the signatures that functions are in, by their portable
// names.
func (s *Service) FunctionCounts(ctx context.Context, functions []string) (*FunctionCounts, error) {
	if len(functions) > maxCounted {
		return nil, fmt.Errorf("%d functions: %w: ask for %d at most", len(functions), ErrInvalid, maxCounted)
	}
	counts := map[string]int{}
	err := s.db.View(ctx, func(q store.Querier) error { return addCounts(ctx, q, counts, functions) })
	if err != nil {
		return nil, fmt.Errorf("count functions: %w", err)
	}
	c := FunctionCounts{Signatures: int64(counts[""]), Functions: []Facet{}}
	for f, n := range counts {
		if f != "" && n > 0 {
			c.Functions = append(c.Functions, Facet{Value: f, Count: int64(n)})
		}
	}
	slices.SortFunc(c.Functions, func(a, b Facet) int { return cmp.Compare(a.Value, b.Value) })
	return &c, nil
}

// FunctionsOf returns the functions to ask for when reports are compared.
func FunctionsOf(reports ...*crash.Report) []string {
	var names []string
	for _, r := range reports {
		st := crash.StackOf(r)
		names = append(names, similar.Functions(&st)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
