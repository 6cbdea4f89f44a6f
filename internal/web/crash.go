package web

import (
	"fmt"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"ringside/crash"
	"ringside/diagnose"
	"ringside/internal/record"
)

// crashView is one crash: its reports in causal order, the facts of the one
// that is selected, and the log they were read from.
type crashView struct {
	*record.CrashDetail
	Selected *crash.Report
	Step     record.CrashReport
	Facts    *factSheet
	Meaning  string
	Theories []theory
	Next     []string
	Chain    []chainStep
	More     int // steps that are not listed
	Notes    []crash.Note
	Log      []logItem
	LogError string
	Similar  []record.Similar // to its signature, while nobody has looked at that
	Dump     *record.Dump     // whose log it is, if it is one's
}

// theory is a hypothesis with its evidence tied to the log.
type theory struct {
	diagnose.Hypothesis
	Facts []fact
}

// chainStep is a report in the course of events. Reports that repeat an
// earlier one are listed with it.
type chainStep struct {
	record.CrashReport
	Report   *crash.Report
	Number   int // as the page counts, from 1
	Cause    int // number of the report that it follows from, 0 for none
	Depth    int // how many causes up to the first; at most 4
	Selected bool
	URL      string
	Again    []again
}

// again is a repetition of a report.
type again struct {
	Line int
	URL  string
}

// maxSteps bounds the chain on a page.
const maxSteps = 40

func (s *site) crash(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "report", "log")
	if err != nil {
		return err
	}
	c, err := s.svc.Crash(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	v := crashView{CrashDetail: c, Notes: c.Document.Notes}
	if err := v.choose(q.get("report")); err != nil {
		return err
	}
	v.chain()
	if v.Selected != nil {
		v.Facts = readFacts(c.Document, v.Selected)
		v.explain()
	}
	lr := logReader{svc: s.svc, ctx: r.Context(), v: &v}
	if err := lr.windows(q.get("log")); err != nil {
		return err
	}
	if c.Signature.State == record.StateNew {
		if v.Similar, err = s.svc.Similar(r.Context(), c.Signature.ID); err != nil {
			return err
		}
		v.Similar = v.Similar[:min(len(v.Similar), 3)]
	}
	if c.Source == "dump" {
		p, err := s.svc.Dumps(r.Context(), record.DumpFilter{Crash: c.ID, Window: record.Window{Limit: 1}})
		if err != nil {
			return err
		}
		if len(p.Items) > 0 {
			v.Dump = &p.Items[0]
		}
	}
	// A log that has gone leaves its facts: the page is still worth having.
	if v.Log, err = lr.read(); err != nil {
		if r.Context().Err() != nil {
			return err
		}
		s.log.Warn("log cannot be shown", "crash", c.ID, "error", err)
		v.LogError = err.Error()
	}
	return s.show(w, r, "crash", layout{Title: c.Title, Section: "crashes", API: "/api/v1/crashes/" + c.ID, View: v})
}

// choose selects the report that a request names, or the primary one.
func (v *crashView) choose(report string) error {
	want := v.Primary
	if report != "" {
		n, err := strconv.Atoi(report)
		if err != nil {
			return fmt.Errorf("report %q: %w: it is the index of a report of this crash", report, record.ErrInvalid)
		}
		want = n
	}
	for _, r := range v.CrashDetail.Chain {
		if r.Index == want && want < len(v.Document.Reports) {
			v.Selected, v.Step = &v.Document.Reports[want], r
			return nil
		}
	}
	if report != "" {
		return fmt.Errorf("report %s of crash %s: %w", report, v.ID, record.ErrNotFound)
	}
	return nil // read by other rules since; the chain follows when it is analysed again
}

// url returns the page's address with a report selected.
func (v *crashView) url(report int) string {
	if report == v.Primary {
		return "/crashes/" + v.ID
	}
	return "/crashes/" + v.ID + "?report=" + strconv.Itoa(report)
}

func (v *crashView) chain() {
	at := map[int]int{} // index of a report to its step
	for _, r := range v.CrashDetail.Chain {
		if r.Index >= len(v.Document.Reports) {
			continue
		}
		rep := &v.Document.Reports[r.Index]
		if rep.RepeatOf != nil && !r.Primary {
			if i, ok := at[*rep.RepeatOf]; ok {
				v.Chain[i].Again = append(v.Chain[i].Again, again{rep.Lines.First, v.url(r.Index)})
				v.Chain[i].Selected = v.Chain[i].Selected || v.Selected == rep
				continue
			}
		}
		if len(v.Chain) == maxSteps {
			v.More++
			continue
		}
		st := chainStep{CrashReport: r, Report: rep, Number: len(v.Chain) + 1, Selected: v.Selected == rep, URL: v.url(r.Index)}
		if r.CausedBy != nil {
			if i, ok := at[*r.CausedBy]; ok {
				st.Cause, st.Depth = v.Chain[i].Number, min(v.Chain[i].Depth+1, 4)
			}
		}
		at[r.Index] = len(v.Chain)
		v.Chain = append(v.Chain, st)
	}
}

// explain says what the selected report means, with each hypothesis tied to
// the facts it stands on.
func (v *crashView) explain() {
	d := diagnose.Explain(v.Document, v.Selected.Index)
	v.Meaning, v.Next = d.Meaning, d.Next
	for _, h := range d.Hypotheses {
		t := theory{Hypothesis: h}
		for _, field := range h.Evidence {
			t.Facts = append(t.Facts, fact{Label: field, source: v.Facts.byField[field]})
		}
		v.Theories = append(v.Theories, t)
	}
}

// crashText serves the log around the reports as plain text, for curl.
func (s *site) crashText(w http.ResponseWriter, r *http.Request) error {
	t, err := s.svc.CrashLog(r.Context(), r.PathValue("id"), record.LogRange{})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "private, no-cache")
	var b strings.Builder
	for _, l := range t.Lines {
		b.WriteString(l.Text)
		b.WriteByte('\n')
	}
	writeMaybeGzip(w, r, http.StatusOK, []byte(b.String()))
	return nil
}

// crashRaw serves the artefact as it arrived. It is always a download: what
// someone sent must not become a page of ours.
func (s *site) crashRaw(w http.ResponseWriter, r *http.Request) error {
	c, err := s.svc.Crash(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	body, size, err := s.svc.OpenArtefact(r.Context(), c.SHA256)
	if err != nil {
		return err
	}
	defer body.Close()
	attachment(w, c.Filename, short(c.SHA256)+".log", size)
	copyOrAbort(w, r, s.log, body)
	return nil
}

// attachment announces a download under the name that it came by, if it had one.
func attachment(w http.ResponseWriter, filename, otherwise string, size int64) {
	name := path.Base(filename)
	if filename == "" || name == "." || name == "/" {
		name = otherwise
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("Content-Length", strconv.FormatInt(size, 10))
}

// crashesView is a list of crashes, newest first.
type crashesView struct {
	Origin   string
	Items    []record.Crash
	Active   []choice
	Next     string
	First    string // the beginning of the list, "" if this is it
	Periods  []choice
	Classes  []choice
	Kernel   string
	Host     string
	Kind     string
	Sig      string
	Beside   bool
	SigTitle string
	Filtered bool
}

func (s *site) crashes(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "signature", "secondary", "kernel", "host", "kind", "class", "since", "cursor")
	if err != nil {
		return err
	}
	from, err := since(s.now(), q.get("since"))
	if err != nil {
		return err
	}
	f := record.CrashFilter{Signature: q.get("signature"), Secondary: q.get("secondary") != "", Host: q.get("host"), Kernel: q.get("kernel"),
		Kind: q.get("kind"), Class: q.get("class"), Since: from, Cursor: q.get("cursor"), Limit: pageRows}
	p, err := s.svc.Crashes(r.Context(), f)
	if err != nil {
		return err
	}
	v := crashesView{Origin: origin(r), Items: p.Items, Periods: periodChoices(q.get("since")), Kernel: f.Kernel, Host: f.Host, Kind: f.Kind,
		Sig: f.Signature, Beside: f.Secondary}
	for _, c := range classes {
		v.Classes = append(v.Classes, choice{Value: string(c), Label: string(c), Chosen: string(c) == f.Class})
	}
	if f.Signature != "" {
		v.SigTitle = f.Signature
		if d, err := s.svc.Signature(r.Context(), f.Signature); err == nil {
			v.SigTitle = d.Title
		}
	}
	for _, k := range []string{"signature", "kernel", "host", "kind", "class", "since", "secondary"} {
		if val := q.get(k); val != "" {
			if k == "signature" {
				val = v.SigTitle
			}
			v.Active = append(v.Active, choice{Label: k, Value: val, URL: q.with(k, "")})
		}
	}
	v.Filtered = len(v.Active) > 0
	if p.Next != "" {
		v.Next = q.with("cursor", p.Next)
	}
	if f.Cursor != "" {
		v.First = q.with()
	}
	return s.show(w, r, "crashes", layout{Title: "Crashes", Section: "crashes", API: "/api/v1/crashes", View: v})
}
