package record

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"ringside/crash"
	"ringside/internal/store"
)

// signScript makes the signatures of a changed algorithm, "t2", for reports of
// the test language, and those of "t1" as they always were:
//
//	old_*   is called new_* now           renamed
//	one_*   is told apart by its caller   split
//	two_*   are all the same              merged
//	duo_x_* are the same for each x       merged
func signScript(r *crash.Report, algorithm string) (crash.Signature, bool) {
	fn := ""
	if r.Guilty != nil {
		fn = r.Guilty.Function
	}
	switch algorithm {
	case "t1":
	case "t2":
		switch {
		case strings.HasPrefix(fn, "one_") && len(r.Frames) > 1:
			fn += "/" + r.Frames[1].Function
		case strings.HasPrefix(fn, "two_"):
			fn = "two"
		case strings.HasPrefix(fn, "duo_"):
			fn = fn[:strings.LastIndex(fn, "_")]
		}
		fn = strings.Replace(fn, "old_", "new_", 1)
	default:
		return crash.Signature{}, false
	}
	sum := sha256.Sum256([]byte(string(r.Kind) + " in " + fn))
	return crash.Signature{Algorithm: algorithm, Portable: hex.EncodeToString(sum[:8]), Family: r.Kind.Family() + "/" + fn,
		Exact: "exact", Stack: "stack", Basis: []string{string(r.Kind), fn}}, true
}

// secondAnalyzer reads as a program with the changed algorithm does, which names
// what it found by new names.
func secondAnalyzer(ctx context.Context, r io.Reader) (*crash.Document, error) {
	doc, err := analyzeScript(ctx, r)
	if doc == nil {
		return doc, err
	}
	for i := range doc.Reports {
		rep := &doc.Reports[i]
		rep.Signature, _ = signScript(rep, "t2")
		rep.Title = string(rep.Kind) + " in " + rep.Signature.Basis[1]
	}
	return doc, err
}

func withAlgorithm(name string) func(*Config) {
	return func(c *Config) {
		c.Algorithm, c.Sign = name, signScript
		if name == "t2" {
			c.Analyzer, c.Rules = AnalyzerFunc(secondAnalyzer), "test-2"
		}
	}
}

// seedRules fills a record by the rules "t1": 13 crashes of 7 signatures.
func seedRules(t *testing.T, s *Service) {
	t.Helper()
	n := 0
	for _, c := range []struct {
		fn, stack string
		times     int
	}{
		{"same_a", "same_a,x", 2}, {"same_b", "same_b,y", 1}, {"old_c", "old_c,z", 2},
		{"one_d", "one_d,left", 3}, {"one_d", "one_d,right", 1}, {"two_e", "two_e,p", 2}, {"two_f", "two_f,q", 1}, {"two_g", "two_g,r", 1},
	} {
		for range c.times {
			n++
			take(t, s, fmt.Sprintf("host%d", n%5), fmt.Sprintf("boot %d\nREPORT kind=warning fn=%s stack=%s\n", n, c.fn, c.stack),
				collected(testStart.Add(-time.Duration(40-n)*time.Hour)))
		}
	}
}

// upgrade opens the record of a service as a program with newer rules does.
func upgrade(t *testing.T, s *Service, db *store.DB) *Service {
	t.Helper()
	s2, _ := newService(t, db, withAlgorithm("t2"), func(c *Config) { c.Blobs = s.blobs })
	return s2
}

func diffCounts(t *testing.T, s *Service) map[string][2]int64 {
	t.Helper()
	d, err := s.BackfillDiff(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][2]int64{}
	for _, c := range d.Counts {
		out[c.What] = [2]int64{c.Signatures, c.Become}
	}
	return out
}

func TestBackfill(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s1, _ := newService(t, db, withAlgorithm("t1"))
		seedRules(t, s1)
		oldC, two, one := idOf(t, s1, "warning in old_c"), idOf(t, s1, "warning in two_e"), idOf(t, s1, "warning in one_d")
		twoF := idOf(t, s1, "warning in two_f")
		for _, c := range []struct {
			id string
			SignatureChange
		}{
			{oldC, SignatureChange{State: new(StateResolved), ResolvedIn: "6.1.0-9", Assignee: new("kim"), By: "kim"}},
			{two, SignatureChange{State: new(StateMuted), By: "lee"}},
			{twoF, SignatureChange{State: new(StateOpen), Note: "looking", By: "ada"}},
			{one, SignatureChange{Assignee: new("ada")}},
		} {
			if _, err := s1.ChangeSignature(t.Context(), c.id, c.SignatureChange); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s1.Link(t.Context(), LinkChange{A: oldC, B: twoF, Kind: LinkMust, By: "kim"}); err != nil {
			t.Fatal(err)
		}
		if _, err := s1.Link(t.Context(), LinkChange{A: two, B: idOf(t, s1, "warning in two_g"), Kind: LinkCannot, By: "lee"}); err != nil {
			t.Fatal(err)
		}
		before := dump(t, s1)

		s2 := upgrade(t, s1, db)
		if err := s2.noticeAlgorithm(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s2.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		// Nothing has moved.
		if after := dump(t, s2); after != before {
			t.Errorf("the backfill changed the record\n%s\nnow\n%s", before, after)
		}
		a, err := s2.Algorithms(t.Context())
		if err != nil || a.Active != "t1" || a.Program != "t2" || a.Backfill == nil || a.Backfill.State != BackfillReady || a.Backfill.Done != 13 {
			t.Fatalf("algorithms %+v, backfill %+v, %v", a, a.Backfill, err)
		}
		want := map[string][2]int64{Unchanged: {2, 2}, Renamed: {1, 1}, Split: {1, 2}, Merged: {3, 1}, Regrouped: {0, 0}}
		if got := diffCounts(t, s2); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("diff %v, want %v", got, want)
		}
		d, err := s2.BackfillDiff(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Join(d.Conflicts, "\n")
		if !strings.Contains(said, "which is muted") || !strings.Contains(said, "lee said that they are different") || len(d.Examples) != 3 {
			t.Errorf("conflicts\n%s\nexamples %+v", said, d.Examples)
		}

		// A crash that arrives meanwhile is grouped as ever, and signed by both.
		take(t, s2, "host9", "REPORT kind=warning fn=two_h stack=two_h,s\n")
		idOf(t, s2, "warning in two") // titled by the new parser, keyed by the old rules
		if got := diffCounts(t, s2)[Merged]; got != [2]int64{4, 1} {
			t.Errorf("merged %v, want the new one among them", got)
		}
		if p, err := s2.Signatures(t.Context(), SignatureFilter{}); err != nil || p.Items[0].Algorithm != "t1" {
			t.Errorf("list %+v, %v", p.Items, err)
		}

		if _, err := s2.DecideBackfill(t.Context(), true, "kim"); err != nil {
			t.Fatal(err)
		}
		if err := s2.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		a, err = s2.Algorithms(t.Context())
		if err != nil || a.Active != "t2" || a.Backfill.State != BackfillAccepted || a.Backfill.DecidedBy != "kim" || len(a.Backfill.Result.Conflicts) == 0 {
			t.Fatalf("after accepting: %+v, backfill %+v, %v", a, a.Backfill, err)
		}
		checkRollups(t, s2)
		checkFrameCounts(t, s2)
		checkCarried(t, s2, oldC, one, two, twoF)
		// What comes now goes where the new rules put it.
		take(t, s2, "host9", "REPORT kind=warning fn=two_i stack=two_i,s\n")
		if m, err := s2.Signature(t.Context(), two); err != nil || m.Secondary+m.Crashes < 6 {
			t.Errorf("merged %+v, %v: want the newest crash in it", m, err)
		}
		checkRollups(t, s2)
	})
}

// checkCarried looks for states, links and IDs after the take-over.
func checkCarried(t *testing.T, s *Service, oldC, one, two, twoF string) {
	t.Helper()
	renamed, err := s.Signature(t.Context(), oldC)
	if err != nil || renamed.ID != oldC || renamed.Title != "warning in new_c" || renamed.Assignee != "kim" || renamed.ResolvedIn != "6.1.0-9" {
		t.Errorf("renamed %+v, %v", renamed.Signature, err)
	}
	larger, err := s.Signature(t.Context(), one)
	if err != nil || larger.Crashes != 3 || larger.Title != "warning in one_d/left" || larger.Assignee != "ada" {
		t.Errorf("split %+v, %v: the larger part keeps the ID", larger.Signature, err)
	}
	smaller, err := s.Signature(t.Context(), idOf(t, s, "warning in one_d/right"))
	if err != nil || smaller.Crashes != 1 || smaller.Assignee != "ada" || smaller.State != StateOpen ||
		!slices.ContainsFunc(smaller.Activity, func(a Activity) bool { return a.What == "rules" }) {
		t.Errorf("split off %+v with %+v, %v", smaller.Signature, smaller.Activity, err)
	}
	// The old address of a signature that was joined into another leads there.
	joined, err := s.Signature(t.Context(), twoF)
	if err != nil || joined.ID != two {
		t.Fatalf("joined %+v, %v: want the one with the most crashes", joined, err)
	}
	// A must-link to it holds for its heir: old_c and two are one group now.
	leader, err := s.Signature(t.Context(), oldC)
	if err != nil || leader.Merged != 2 || leader.Crashes != 7 {
		t.Errorf("group %+v, %v: want 2 + 5 crashes", leader.Signature, err)
	}
	var state State
	if err := s.db.View(t.Context(), func(q store.Querier) error {
		return q.QueryRowContext(t.Context(), `select state from signatures where id = $1`, two).Scan(&state)
	}); err != nil || state != StateOpen {
		t.Errorf("what is muted and open is %s now, %v", state, err)
	}
}

func TestBackfillAbandon(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s1, _ := newService(t, db, withAlgorithm("t1"))
		seedRules(t, s1)
		before := dump(t, s1)
		s2 := upgrade(t, s1, db)
		if _, err := s2.DecideBackfill(t.Context(), true, ""); !errors.Is(err, ErrInvalid) {
			t.Errorf("accepting nothing: %v", err)
		}
		b, err := s2.StartBackfill(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if again, err := s2.StartBackfill(t.Context()); err != nil || again.ID != b.ID {
			t.Errorf("started twice: %+v, %v", again, err)
		}
		if _, err := s2.DecideBackfill(t.Context(), true, ""); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "0 of 13") {
			t.Errorf("accepting what has not begun: %v", err)
		}
		if err := s2.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s2.DecideBackfill(t.Context(), false, "kim"); err != nil {
			t.Fatal(err)
		}
		if after := dump(t, s2); after != before {
			t.Error("an abandoned backfill left something")
		}
		// It is not started again by itself, but may be by a person.
		if err := s2.noticeAlgorithm(t.Context()); err != nil {
			t.Fatal(err)
		}
		if a, err := s2.Algorithms(t.Context()); err != nil || a.Backfill.State != BackfillAbandoned {
			t.Errorf("algorithms %+v, %v", a, err)
		}
		if _, err := s1.StartBackfill(t.Context()); !errors.Is(err, ErrInvalid) {
			t.Errorf("a backfill to the rules in use: %v", err)
		}
	})
}

// A backfill that ends anywhere goes on where it was, and says the same twice.
func TestBackfillResumes(t *testing.T) {
	eachEngine(t, func(t *testing.T, db *store.DB) {
		s1, _ := newService(t, db, withAlgorithm("t1"))
		for i := range 3 * backfillStep {
			take(t, s1, "h", fmt.Sprintf("boot %d\nREPORT kind=warning fn=two_%d stack=two_%d,x\n", i, i%7, i%7))
		}
		s2 := upgrade(t, s1, db)
		b, err := s2.StartBackfill(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for want := int64(backfillStep); want <= 3*backfillStep; want += backfillStep {
			// Each step by a process of its own, the one before having died.
			if more, err := upgrade(t, s1, db).backfillSome(t.Context(), store.Job{Key: b.ID}); err != nil || !more {
				t.Fatalf("step to %d: %v, %v", want, more, err)
			}
			if a, err := s2.Algorithms(t.Context()); err != nil || a.Backfill.Done != want || a.Backfill.State != BackfillRunning {
				t.Fatalf("after a step: %+v, %v; want %d done", a.Backfill, err, want)
			}
		}
		if err := s2.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := diffCounts(t, s2)[Merged]; got != [2]int64{7, 1} {
			t.Errorf("merged %v, want 7 into 1", got)
		}
		if _, err := s2.DecideBackfill(t.Context(), true, ""); err != nil {
			t.Fatal(err)
		}
		// The job runs twice, as after a death between its commit and its end.
		for range 2 {
			if err := s2.takeOver(t.Context(), store.Job{Key: b.ID}); err != nil {
				t.Fatal(err)
			}
		}
		checkRollups(t, s2)
		if p, err := s2.Signatures(t.Context(), SignatureFilter{}); err != nil || p.Total != 1 || p.Items[0].Crashes != 3*backfillStep {
			t.Errorf("list %+v, %v: want one signature", p.Items, err)
		}
	})
}

func TestBackfillPages(t *testing.T) {
	s1, _ := newService(t, openSQLite(t, t.TempDir()), withAlgorithm("t1"))
	for i := range 7 {
		take(t, s1, "h", fmt.Sprintf("REPORT kind=warning fn=old_%d stack=old_%d\n", i, i))
	}
	s2 := upgrade(t, s1, s1.db)
	if _, err := s2.StartBackfill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s2.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
		p, err := s2.BackfillChanges(t.Context(), Renamed, cursor, 3)
		if err != nil || pages > 3 {
			t.Fatalf("page %d: %+v, %v", pages, p, err)
		}
		for _, c := range p.Items {
			seen[c.Was[0].ID] = true
		}
		cursor = p.Next
	}
	if len(seen) != 7 {
		t.Errorf("%d changes on all pages, want 7", len(seen))
	}
}
