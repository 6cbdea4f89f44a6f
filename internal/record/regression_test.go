package record

import (
	"errors"
	"strings"
	"testing"

	"ringside/internal/store"
)

func TestRegressions(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, c := newService(t, db)
		if p, err := s.Regressions(t.Context(), Window{}); err != nil || p.Total != 0 || p.Counts.EscapeRate != -1 {
			t.Fatalf("%+v, %v", p, err)
		}
		intake(t, s, testRunOf(t, "kunit", "6.1", c.t, "a=fail"), Meta{})
		drain(t, s)
		tests, err := s.Tests(t.Context(), TestFilter{})
		if err != nil {
			t.Fatal(err)
		}
		good := RegressionChange{Kind: "test", Title: "a fails", Test: tests.Items[0].ID, Kernel: "6.1", Stage: FoundBefore, Culprit: "abc", By: "ada"}
		for name, spoil := range map[string]func(*RegressionChange){
			"kind": func(c *RegressionChange) { c.Kind = "x" }, "stage": func(c *RegressionChange) { c.Stage = "" }, "title": func(c *RegressionChange) { c.Title = " " },
			"name": func(c *RegressionChange) { c.By = "" }, "culprit": func(c *RegressionChange) { c.Note = strings.Repeat("x", maxNote+1) },
			"found": func(r *RegressionChange) { r.FoundAt = c.t.AddDate(1, 0, 0) },
		} {
			bad := good
			spoil(&bad)
			if _, err := s.ConfirmRegression(t.Context(), bad); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, spoil := range map[string]func(*RegressionChange){
			"test": func(c *RegressionChange) { c.Test = "none" }, "signature": func(c *RegressionChange) { c.Signature = "none" }, "kernel": func(c *RegressionChange) { c.Kernel = "none" },
			"bisection": func(c *RegressionChange) { c.Bisection = "none" },
		} {
			bad := good
			spoil(&bad)
			if _, err := s.ConfirmRegression(t.Context(), bad); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", name, err)
			}
		}
		r, err := s.ConfirmRegression(t.Context(), good)
		if err != nil || r.Kernel == nil || r.Kernel.Release != "6.1" || r.ClosedAt != nil || !r.FoundAt.Equal(c.t) {
			t.Fatalf("%+v, %v", r, err)
		}
		for range 3 {
			if _, err := s.ConfirmRegression(t.Context(), RegressionChange{Kind: "crash", Title: "it crashes", Stage: FoundBefore, By: "ada"}); err != nil {
				t.Fatal(err)
			}
		}
		escaped, err := s.ConfirmRegression(t.Context(), RegressionChange{Kind: "bench", Title: "3 % slower", Stage: FoundAfter, By: "bob", FoundAt: c.t.AddDate(0, 0, -10)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.ConfirmRegression(t.Context(), RegressionChange{Kind: "boot", Title: "long ago", Stage: FoundAfter, By: "bob", FoundAt: c.t.AddDate(0, 0, -100)}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			closed, err := s.CloseRegression(t.Context(), escaped.ID, "bob", "reverted")
			if err != nil || closed.ClosedAt == nil || closed.FixedBy != "reverted" {
				t.Errorf("%+v, %v", closed, err)
			}
		}
		p, err := s.Regressions(t.Context(), Window{})
		want := RegressionCounts{Open: 5, Before: 4, After: 1, EscapeRate: 0.2}
		if err != nil || p.Total != 6 || p.Counts != want || p.Items[5].ID != escaped.ID {
			t.Errorf("%+v, %v", p, err)
		}
		if _, err := s.CloseRegression(t.Context(), "none", "", ""); !errors.Is(err, ErrNotFound) {
			t.Errorf("one that is not there: %v", err)
		}
	})
}
