package record

import (
	"errors"
	"testing"
	"time"

	"ringside/internal/store"
)

// sigOf returns the only signature of a record.
func sigOf(t *testing.T, s *Service) *SignatureDetail {
	t.Helper()
	p, err := s.Signatures(t.Context(), SignatureFilter{})
	if err != nil || len(p.Items) != 1 {
		t.Fatalf("signatures %+v, %v: want one", p, err)
	}
	d, err := s.Signature(t.Context(), p.Items[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestReappearance(t *testing.T) {
	const (
		old   = "REPORT kind=bug fn=foo kernel=6.1.0-1\n"
		fixed = "REPORT kind=warning fn=bar kernel=6.1.0-2\n" // makes the fixed kernel known
		onFix = "REPORT kind=bug fn=foo kernel=6.1.0-2\n"
		newer = "REPORT kind=bug fn=foo kernel=6.1.0-3\n"
	)
	hour := func(n int) time.Time { return testStart.Add(time.Duration(n) * time.Hour) }
	until := hour(30)
	for _, c := range []struct {
		name   string
		change SignatureChange
		log    string
		at     time.Time // of the crash that comes after the decision, which is at hour 10
		want   State
	}{
		{"resolved, the same kernel again", SignatureChange{State: new(StateResolved)}, old, hour(20), StateRegressed},
		{"resolved, a crash from before told late", SignatureChange{State: new(StateResolved)}, old, hour(5), StateResolved},
		{"resolved in a release, an old kernel crashes on", SignatureChange{State: new(StateResolved), ResolvedIn: "6.1.0-2"}, old, hour(20), StateResolved},
		{"resolved in a release, it crashes", SignatureChange{State: new(StateResolved), ResolvedIn: "6.1.0-2"}, onFix, hour(20), StateRegressed},
		{"resolved in a release, a newer one crashes", SignatureChange{State: new(StateResolved), ResolvedIn: "6.1.0-2"}, newer, hour(20), StateRegressed},
		{"resolved in a release nobody has, an old one crashes", SignatureChange{State: new(StateResolved), ResolvedIn: "6.1.0-9"}, old, hour(20), StateResolved},
		{"muted", SignatureChange{State: new(StateMuted)}, old, hour(20), StateMuted},
		{"muted, its time not over", SignatureChange{State: new(StateMuted), MutedUntil: &until}, old, hour(20), StateMuted},
		{"muted, its time over", SignatureChange{State: new(StateMuted), MutedUntil: &until}, old, hour(40), StateOpen},
		{"open", SignatureChange{State: new(StateOpen)}, old, hour(20), StateOpen},
		{"a note only", SignatureChange{Note: "looking"}, old, hour(20), StateOpen},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, db *store.DB) {
				s, clock := newService(t, db)
				take(t, s, "h1", old, collected(hour(0)))
				sig := sigOf(t, s)
				if sig.State != StateNew || !sig.StateSince.Equal(hour(0)) {
					t.Fatalf("first seen: %s since %v", sig.State, sig.StateSince)
				}
				take(t, s, "h1", fixed, collected(hour(1)))
				clock.t = hour(10)
				c.change.By = "ann"
				if _, err := s.ChangeSignature(t.Context(), sig.ID, c.change); err != nil {
					t.Fatal(err)
				}
				clock.t = hour(50)
				r := take(t, s, "h2", c.log, collected(c.at))
				d, err := s.Signature(t.Context(), sig.ID)
				if err != nil {
					t.Fatal(err)
				}
				if d.State != c.want {
					t.Errorf("state %s, want %s; activity %+v", d.State, c.want, d.Activity)
				}
				if d.State == StateRegressed {
					a := d.Activity[0]
					if a.What != "state" || a.From != "resolved" || a.To != "regressed" || a.Crash != r.Crashes[0] || a.By != "" {
						t.Errorf("activity %+v: want the record to say why", a)
					}
				}
				// To analyse it again must not act again.
				before := len(d.Activity)
				if err := s.Reanalyse(t.Context(), r.SHA256); err != nil {
					t.Fatal(err)
				}
				if err := s.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
				if d, err = s.Signature(t.Context(), sig.ID); err != nil || len(d.Activity) != before || d.State != c.want {
					t.Errorf("after analysing again: %s with %d activities, %v; had %d", d.State, len(d.Activity), err, before)
				}
			})
		})
	}
}

func TestChangeSignatureRefuses(t *testing.T) {
	s, _ := newService(t, openSQLite(t, t.TempDir()))
	take(t, s, "h", "REPORT kind=bug fn=foo\n")
	id := sigOf(t, s).ID
	for name, c := range map[string]SignatureChange{
		"nothing":            {},
		"unknown state":      {State: new(State("done"))},
		"new":                {State: new(StateNew)},
		"regressed":          {State: new(StateRegressed)},
		"fix without done":   {State: new(StateOpen), ResolvedIn: "6.1"},
		"until without mute": {MutedUntil: new(testStart), Note: "x"},
		"control characters": {Assignee: new("a\x00b")},
	} {
		if _, err := s.ChangeSignature(t.Context(), id, c); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, want %v", name, err, ErrInvalid)
		}
	}
	if _, err := s.ChangeSignature(t.Context(), "none", SignatureChange{Note: "x"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown signature: %v", err)
	}
}
