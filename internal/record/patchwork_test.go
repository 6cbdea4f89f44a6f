package record

import (
	"strings"
	"testing"
	"time"

	"ringside/internal/store"
)

func TestPatchWork(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, _ := newService(t, db)
		day := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
		const reviews = `{"schema":"https://ringside.dev/schemas/patch-reviews.v1.json","name":"kernel","reviews":[],"totals":{"reviews":ROUNDS,"merged":3,"abandoned":1,"acceptance":0.75,"median_rounds":2,"median_days":4.5,"reviewers":[{"who":"bo","reviews":2}]}}`
		for i, n := range []string{"5", "9", "7"} {
			intake(t, s, strings.Replace(reviews, "ROUNDS", n, 1), Meta{ReceivedAt: day.AddDate(0, 0, []int{0, 2, 1}[i])})
		}
		intake(t, s, `{"schema":"https://ringside.dev/schemas/patch-contributions.v1.json","name":"us in linux","repository":"linux","who":"@example.org","commits":100,"share":0.25,"total":{"authored":25,"reviewed":3},"releases":[{"name":"v6.8","authored":25}],"people":[]}`,
			Meta{ReceivedAt: day, Class: ClassPatchWork})
		nameless := intake(t, s, `{"schema":"https://ringside.dev/schemas/patch-reviews.v1.json","reviews":[]}`, Meta{})
		drain(t, s)
		w, err := s.PatchWork(t.Context())
		if err != nil || len(w.Reviews) != 1 || len(w.Contributions) != 1 {
			t.Fatalf("%+v, %v", w, err)
		}
		if r := w.Reviews[0]; r.Name != "kernel" || r.Figures.Reviews != 9 || r.Figures.Acceptance != 0.75 || !r.ReportedAt.Equal(day.AddDate(0, 0, 2)) || len(r.Figures.Reviewers) != 1 {
			t.Errorf("%+v", r)
		}
		if c := w.Contributions[0]; c.Summary.Total.Authored != 25 || c.Summary.Releases[0].Name != "v6.8" || c.Summary.Share != 0.25 {
			t.Errorf("%+v", c)
		}
		if got, err := s.Receipt(t.Context(), nameless.ID); err != nil || !strings.Contains(got.Error, "has no name") {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
