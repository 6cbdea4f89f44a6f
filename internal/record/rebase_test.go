package record

import (
	"fmt"
	"testing"
	"time"

	"ringside/internal/store"
)

// Plans of one name are one way: it is done at the first plan with nothing left, and is not
// done any more where something comes up.
func TestRebases(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s, _ := newService(t, db)
		day := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
		send := func(name string, days, drop, keep, adapt, conflict int) {
			t.Helper()
			intake(t, s, fmt.Sprintf(`{"schema":"https://ringside.dev/schemas/patch-rebase-plan.v1.json","name":%q,"stack":"s","from":"linux-6.6","to":"linux-6.12","version":"6.12.0","drop":%d,"keep":%d,"adapt":%d,"conflict":%d,"minutes":%d,"broken":0,"steps":[],"packages":[]}`,
				name, drop, keep, adapt, conflict, 10*conflict), Meta{ReceivedAt: day.AddDate(0, 0, days)})
		}
		w, err := s.PatchWork(t.Context())
		if err != nil || len(w.Rebases) != 0 || w.UpgradeDays != -1 {
			t.Fatalf("%+v, %v", w, err)
		}
		send("a to 6.12", 0, 3, 10, 2, 1)
		send("a to 6.12", 8, 0, 13, 0, 0)
		send("a to 6.12", 9, 0, 12, 0, 0)
		send("a to 6.12", 2, 0, 10, 2, 1) // late, but earlier
		send("b to 6.12", 1, 5, 5, 5, 5)
		send("c to 6.12", 0, 1, 1, 0, 0)
		send("c to 6.12", 2, 0, 1, 0, 0)
		send("d to 6.12", 0, 1, 1, 0, 0)
		send("d to 6.12", 1, 0, 1, 0, 0)
		send("d to 6.12", 3, 0, 0, 0, 1)
		drain(t, s)
		w, err = s.PatchWork(t.Context())
		if err != nil || len(w.Rebases) != 4 || len(w.Reviews) != 0 {
			t.Fatalf("%+v, %v", w, err)
		}
		var got []string
		for _, r := range w.Rebases {
			got = append(got, fmt.Sprintf("%s %d of %d, %g days, done %v, %d plans", r.Name, r.Open, r.Patches, r.Days, r.DoneAt != nil, len(r.History)))
		}
		want := "[d to 6.12 1 of 2, 3 days, done false, 3 plans b to 6.12 15 of 20, 0 days, done false, 1 plans a to 6.12 0 of 16, 8 days, done true, 4 plans c to 6.12 0 of 2, 2 days, done true, 2 plans]"
		if fmt.Sprint(got) != want {
			t.Errorf("%v\nwant %s", got, want)
		}
		if w.UpgradeDays != 5 {
			t.Errorf("the cycle time is %g days", w.UpgradeDays)
		}
		if p := w.Rebases[1].Plan; p.Version != "6.12.0" || p.Conflict != 5 || p.From != "linux-6.6" {
			t.Errorf("%+v", p)
		}
	})
}
