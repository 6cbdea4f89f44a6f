package history_test

import (
	"context"
	"os"
	"strconv"
	"testing"

	"ringside/gitrepo"
	"ringside/patch/equiv"
	"ringside/patch/history"
)

// BenchmarkWalk makes the prints of RINGSIDE_COMMITS (3,000) commits of the repository that
// RINGSIDE_GIT names (a .git directory).
func BenchmarkWalk(b *testing.B) {
	dir := os.Getenv("RINGSIDE_GIT")
	if dir == "" {
		b.Skip("RINGSIDE_GIT names no repository")
	}
	limit, err := strconv.Atoi(os.Getenv("RINGSIDE_COMMITS"))
	if err != nil {
		limit = 3000
	}
	for _, terse := range []bool{true, false} {
		name := "index"
		if terse {
			name = "prints"
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r, err := gitrepo.Open(os.DirFS(dir))
				if err != nil {
					b.Fatal(err)
				}
				head, err := r.Head()
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				if _, err := history.Walk(context.Background(), r, history.Options{From: []gitrepo.ID{head}, Limit: limit, Terse: terse}, func(*equiv.Doc) error { n++; return nil }); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(n), "commits")
				_ = r.Close()
			}
		})
	}
}
