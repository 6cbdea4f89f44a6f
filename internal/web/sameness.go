package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"ringside/crash"
	"ringside/internal/record"
)

// mergesView is the pairs that somebody should look at, and what was decided.
type mergesView struct {
	*record.SuggestionPage
	Links     []record.Link
	First     string
	Next      string
	MayChange bool
	By        string
	Rules     bool // newer rules wait for a decision
}

func (s *site) merges(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "cursor")
	if err != nil {
		return err
	}
	v := mergesView{MayChange: s.mayChange(r), By: by(r)}
	if q.get("cursor") != "" {
		v.First = q.with()
	}
	p, err := s.svc.Suggestions(r.Context(), record.SuggestionFilter{Cursor: q.get("cursor"), Limit: pageRows})
	if err != nil {
		return err
	}
	v.SuggestionPage = p
	if p.Next != "" {
		v.Next = "/signatures/merges?cursor=" + url.QueryEscape(p.Next)
	}
	links, err := s.svc.Links(r.Context(), record.LinkFilter{Limit: 20})
	if err != nil {
		return err
	}
	v.Links = links.Items
	a, err := s.svc.Algorithms(r.Context())
	if err != nil {
		return err
	}
	v.Rules = a.Backfill != nil && a.Backfill.State == record.BackfillReady
	return s.show(w, r, "merges", layout{Title: "Merge suggestions", Section: "signatures", API: "/api/v1/merge-suggestions", View: v})
}

// by returns the name that somebody signs changes with.
func by(r *http.Request) string {
	c, err := r.Cookie(byCookie)
	if err != nil {
		return ""
	}
	name, _ := url.QueryUnescape(c.Value)
	return name
}

// form reads the form of a change and remembers who signed it.
func (s *site) form(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if !s.mayChange(r) {
		return nil, errReadOnly
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, fmt.Errorf("form: %w: %w", record.ErrInvalid, err)
	}
	if name := strings.TrimSpace(r.PostForm.Get("by")); name != "" {
		http.SetCookie(w, &http.Cookie{Name: byCookie, Value: url.QueryEscape(name), Path: "/", MaxAge: 365 * 24 * 3600,
			HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil})
	}
	return r.PostForm, nil
}

// decidePair takes a decision about two signatures.
func (s *site) decidePair(w http.ResponseWriter, r *http.Request) error {
	f, err := s.form(w, r)
	if err != nil {
		return err
	}
	if _, err := s.svc.Link(r.Context(), record.LinkChange{A: f.Get("a"), B: f.Get("b"), Kind: record.LinkKind(f.Get("kind")),
		By: f.Get("by"), Reason: f.Get("reason")}); err != nil {
		return err
	}
	http.Redirect(w, r, backTo(f), http.StatusSeeOther)
	return nil
}

func (s *site) undoPair(w http.ResponseWriter, r *http.Request) error {
	f, err := s.form(w, r)
	if err != nil {
		return err
	}
	if _, err := s.svc.UndoLink(r.Context(), r.PathValue("id"), f.Get("by")); err != nil {
		return err
	}
	http.Redirect(w, r, backTo(f), http.StatusSeeOther)
	return nil
}

// backTo returns the page that a form was on: one of ours, or the list.
func backTo(f url.Values) string {
	if id := f.Get("back"); id != "" && !strings.ContainsAny(id, "/\\?#") {
		return "/signatures/" + id
	}
	return "/signatures/merges"
}

// pairView is two signatures compared by their newest reports.
type pairView struct {
	A, B       pairSide
	Comparison *crash.Comparison
	Missing    string
}

type pairSide struct {
	record.SignatureRef
	Crash string
}

func (s *site) comparePair(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "a", "b")
	if err != nil {
		return err
	}
	var (
		v       pairView
		reports [2]*crash.Report
	)
	for i, side := range []*pairSide{&v.A, &v.B} {
		d, err := s.svc.Signature(r.Context(), q.get([]string{"a", "b"}[i]))
		if err != nil {
			return err
		}
		side.SignatureRef = record.SignatureRef{ID: d.ID, Title: d.Title, Kind: d.Kind, Class: d.Class, State: d.State}
		if side.Crash, reports[i], err = s.newestReport(r.Context(), d.ID); err != nil {
			return err
		}
		if reports[i] == nil {
			v.Missing = d.Title
		}
	}
	if reports[0] != nil && reports[1] != nil {
		counts, err := s.svc.FunctionCounts(r.Context(), record.FunctionsOf(reports[0], reports[1]))
		if err != nil {
			return err
		}
		c := crash.Compare(reports[0], reports[1], counts.Model())
		v.Comparison = &c
	}
	return s.show(w, r, "pair", layout{Title: "Compare two signatures", Section: "signatures", View: v})
}

// newestReport returns the newest report that has a signature, be it the one
// that its crash is about or a consequence, nil if none can be shown.
func (s *site) newestReport(ctx context.Context, signature string) (string, *crash.Report, error) {
	p, err := s.svc.Crashes(ctx, record.CrashFilter{Signature: signature, Secondary: true, Limit: 1})
	if err != nil || len(p.Items) == 0 {
		return "", nil, err
	}
	c, err := s.svc.Crash(ctx, p.Items[0].ID)
	if err != nil {
		return "", nil, err
	}
	at := slices.IndexFunc(c.Chain, func(r record.CrashReport) bool { return r.Signature.ID == signature })
	if at < 0 { // the signature of another member of a merged group
		at = slices.IndexFunc(c.Chain, func(r record.CrashReport) bool { return r.Primary })
	}
	if at >= 0 && c.Chain[at].Index < len(c.Document.Reports) {
		return c.ID, &c.Document.Reports[c.Chain[at].Index], nil
	}
	return c.ID, nil, nil
}

// rulesView is which rules group, and what newer ones would change.
type rulesView struct {
	*record.Algorithms
	Diff      *record.BackfillDiff
	MayChange bool
	By        string
	Newer     bool // the program has rules that the record does not group by
	Open      bool // a backfill is not decided
}

func (s *site) rules(w http.ResponseWriter, r *http.Request) error {
	a, err := s.svc.Algorithms(r.Context())
	if err != nil {
		return err
	}
	v := rulesView{Algorithms: a, MayChange: s.mayChange(r), By: by(r), Newer: a.Active != "" && a.Program != a.Active}
	if b := a.Backfill; b != nil {
		switch b.State {
		case record.BackfillRunning, record.BackfillReady, record.BackfillAccepting:
			v.Open = true
			if v.Diff, err = s.svc.BackfillDiff(r.Context()); err != nil {
				return err
			}
		case record.BackfillAccepted:
			v.Diff = b.Result
		}
	}
	return s.show(w, r, "rules", layout{Title: "Signature rules", Section: "jobs", API: "/api/v1/signature-algorithms", View: v})
}

func (s *site) decideRules(w http.ResponseWriter, r *http.Request) error {
	f, err := s.form(w, r)
	if err != nil {
		return err
	}
	switch f.Get("decision") {
	case "start":
		_, err = s.svc.StartBackfill(r.Context())
	case "accept", "abandon":
		_, err = s.svc.DecideBackfill(r.Context(), f.Get("decision") == "accept", f.Get("by"))
	default:
		err = fmt.Errorf("decision %q: %w: it is start, accept or abandon", f.Get("decision"), record.ErrInvalid)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/admin/rules", http.StatusSeeOther)
	return nil
}
