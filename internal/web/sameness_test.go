package web

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"ringside/internal/record"
)

// newer is a record whose program brings newer rules that wait for a decision.
type newer struct {
	Record
	state   string
	decided []bool
}

func (n *newer) Algorithms(context.Context) (*record.Algorithms, error) {
	return &record.Algorithms{Active: "ringside-2", Program: "ringside-3",
		Backfill: &record.Backfill{ID: "1", From: "ringside-2", To: "ringside-3", State: n.state, Artefacts: 40, Done: 40, StartedAt: today}}, nil
}

func (n *newer) BackfillDiff(context.Context) (*record.BackfillDiff, error) {
	return &record.BackfillDiff{
		Counts: []record.ChangeCount{{What: record.Unchanged, Signatures: 30, Become: 30, Crashes: 90}, {What: record.Split, Signatures: 1, Become: 2, Crashes: 4}},
		Examples: []record.BackfillChange{{What: record.Split, Crashes: 4, Was: []record.SignatureRef{{ID: "w", Title: "warning in <one>"}},
			Becomes: []record.Becoming{{Key: "a", Title: "warning in one/left", Crashes: 3, Keeps: "w"}, {Key: "b", Title: "warning in one/right", Crashes: 1}}}},
		Conflicts: []string{"x joins y, which is muted, and z, which is open; it will be open"},
	}, nil
}

func (n *newer) DecideBackfill(_ context.Context, accept bool, _ string) (*record.Backfill, error) {
	n.decided = append(n.decided, accept)
	return &record.Backfill{}, nil
}

func TestMergePages(t *testing.T) {
	f := newFleet(t)
	a, b := f.signature("lkdtm_WRITE_RO"), f.signature("null_in_thread")
	wants(t, f.get("/signatures/compare?a="+a+"&b="+b).Body.String(), "Compare two signatures", "they meet at no level", "What the signatures are made from", "Weight", "guilty function")
	if w := f.get("/signatures/compare?a=" + a + "&b=nosuch"); w.Code != http.StatusNotFound {
		t.Errorf("compare with nothing: status %d", w.Code)
	}
	w := f.post("/signatures/merges", "a="+a+"&b="+b+"&kind=must&reason=one+writer&by=Ada&back="+a)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/signatures/"+a {
		t.Fatalf("merge: status %d, location %q, %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	d, err := f.svc.Signature(t.Context(), a)
	if err != nil || len(d.Links) != 1 {
		t.Fatalf("links %+v, %v", d, err)
	}
	leader, member := a, b
	if d.Group != "" {
		leader, member = d.Group, a
	}
	wants(t, f.get("/signatures/"+leader).Body.String(), "stands for the group", "Counts, trend, hosts and kernels are those of all 2", "merged it with", "one writer", "Undo")
	wants(t, f.get("/signatures/"+member).Body.String(), "It was merged", `href="/signatures/`+leader+`"`)
	wants(t, f.get("/signatures/merges").Body.String(), "Merge suggestions", "Decisions", "one writer", "/signatures/merges/"+d.Links[0].ID+"/undo")
	if w := f.post("/signatures/merges/"+d.Links[0].ID+"/undo", "by=Ada"); w.Code != http.StatusSeeOther {
		t.Errorf("undo: status %d", w.Code)
	}
	if d, err := f.svc.Signature(t.Context(), a); err != nil || len(d.Links) != 0 || d.Merged != 0 {
		t.Errorf("after undoing: %+v, %v", d.Links, err)
	}
	for form, want := range map[string]int{"a=" + a + "&b=" + a + "&kind=must": 400, "a=" + a + "&b=nosuch&kind=cannot": 404, "a=" + a + "&b=" + b + "&kind=perhaps": 400} {
		if w := f.post("/signatures/merges", form); w.Code != want {
			t.Errorf("%s: status %d, want %d", form, w.Code, want)
		}
	}
	// Nobody is sent elsewhere by a form.
	w = f.post("/signatures/merges", "a="+a+"&b="+b+"&kind=cannot&back=%2F%2Fevil.example")
	if got := w.Header().Get("Location"); got != "/signatures/merges" {
		t.Errorf("location %q", got)
	}
	ro := newFleet(t, func(c *Config) { c.MayChange = func(*http.Request) bool { return false } })
	for _, path := range []string{"/signatures/merges", "/signatures/merges/1/undo", "/admin/rules"} {
		if w := ro.post(path, "kind=must&decision=accept"); w.Code != http.StatusForbidden {
			t.Errorf("%s without the right: status %d", path, w.Code)
		}
	}
}

func TestRulesPage(t *testing.T) {
	n := &newer{state: record.BackfillReady}
	f := newFleet(t, func(c *Config) { n.Record = c.Service; c.Service = n })
	body := f.get("/admin/rules").Body.String()
	wants(t, body, "ringside-2", "ringside-3", "40 of 40 artefacts", "What would change", "warning in &lt;one&gt;", "warning in one/right", "Conflicts", "Accept the new rules", "Abandon")
	checkMarkup(t, body)
	wants(t, f.get("/signatures/merges").Body.String(), "Newer signature rules wait for a decision")
	if w := f.post("/admin/rules", "decision=accept&by=Ada"); w.Code != http.StatusSeeOther {
		t.Errorf("accept: status %d", w.Code)
	}
	if w := f.post("/admin/rules", "decision=abandon"); w.Code != http.StatusSeeOther {
		t.Errorf("abandon: status %d", w.Code)
	}
	if w := f.post("/admin/rules", "decision=perhaps"); w.Code != http.StatusBadRequest {
		t.Errorf("neither: status %d", w.Code)
	}
	if len(n.decided) != 2 || !n.decided[0] || n.decided[1] {
		t.Errorf("decided %v", n.decided)
	}
	n.state = record.BackfillRunning
	if body := f.get("/admin/rules").Body.String(); strings.Contains(body, "Accept the new rules") {
		t.Error("what is not read yet can be accepted")
	}
	n.state = record.BackfillAbandoned
	wants(t, f.get("/admin/rules").Body.String(), "See what ringside-3 would change")
}
