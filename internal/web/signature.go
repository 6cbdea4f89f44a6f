package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ringside/crash"
	"ringside/internal/record"
)

// signatureView is one signature with its history and its evidence.
type signatureView struct {
	*record.SignatureDetail
	Chart     chart
	Kernels   []kernelCount
	Stack     []stackRow
	Hidden    int     // frames that are not among Stack
	Levels    []level // the identities of the newest exemplar
	Newest    *record.Crash
	Report    *crash.Report
	Subsystem bool // the stack says which subsystem each frame belongs to
	Releases  []string
	Proof     *record.Proof // what the lab has shown
	MayChange bool
	By        string
	Said      string // what a change that could not be made was to say
	Error     string
}

// kernelCount is how often a signature was seen on a kernel within the trend.
type kernelCount struct {
	Kernel *record.KernelRef
	Total  int64
	Trend  record.Trend
	Color  string
}

// stackRow is a frame of the exemplar's stack.
type stackRow struct {
	crash.Frame
	Guilty    bool
	Basis     bool
	Subsystem string
	Boundary  bool   // it belongs to another subsystem than the frame before
	URL       string // its line in the log
}

// level is one of the identities of a crash, from the narrowest to the widest.
type level struct {
	Name, Hash, Means string
	Groups            bool // the one that made this group
}

func (s *site) signature(w http.ResponseWriter, r *http.Request) error {
	d, err := s.svc.Signature(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if d.ID != r.PathValue("id") {
		// Newer rules joined it into another.
		http.Redirect(w, r, "/signatures/"+d.ID, http.StatusFound)
		return nil
	}
	return s.showSignature(w, r, http.StatusOK, d, signatureView{})
}

func (s *site) showSignature(w http.ResponseWriter, r *http.Request, status int, d *record.SignatureDetail, v signatureView) error {
	v.SignatureDetail = d
	v.Chart = kernelChart(d.ByKernel)
	v.MayChange = s.mayChange(r)
	v.By = by(r)
	for i, t := range d.ByKernel {
		k := kernelCount{Kernel: t.Kernel, Total: t.Trend.Total(), Trend: t.Trend, Color: "rest"}
		if i < chartColors {
			k.Color = fmt.Sprintf("k%d", i)
		}
		v.Kernels = append(v.Kernels, k)
		if t.Kernel != nil && !slices.Contains(v.Releases, t.Kernel.Release) {
			v.Releases = append(v.Releases, t.Kernel.Release)
		}
	}
	if len(d.Exemplars) > 0 {
		v.Newest = &d.Exemplars[0]
		c, err := s.svc.Crash(r.Context(), v.Newest.ID)
		switch {
		case errors.Is(err, record.ErrNotFound):
			// Analysed anew since; the stack that the record keeps has to do.
		case err != nil:
			return err
		case c.Primary < len(c.Document.Reports):
			v.Report = &c.Document.Reports[c.Primary]
		}
	}
	v.Stack, v.Hidden = s.stackRows(v.Newest, v.Report, d)
	v.Subsystem = slices.ContainsFunc(v.Stack, func(r stackRow) bool { return r.Subsystem != "" })
	v.Levels = levels(d, v.Report)
	var err error
	if v.Proof, err = s.svc.Proof(r.Context(), d.ID); err != nil {
		return err
	}
	return s.render(w, r, status, "signature", layout{Title: d.Title, Section: "signatures", API: "/api/v1/signatures/" + d.ID, Charts: true, View: v})
}

// maxStack bounds the frames a page shows.
const maxStack = 40

func (s *site) stackRows(c *record.Crash, rep *crash.Report, d *record.SignatureDetail) ([]stackRow, int) {
	var rows []stackRow
	if rep == nil {
		for _, l := range d.Stack {
			rows = append(rows, stackRow{Frame: crash.Frame{Function: l.Function, Module: l.Module, File: l.File, Line: l.Line,
				Inline: l.Inline, Reliable: true}, Guilty: l.Guilty, Basis: l.Basis})
		}
	} else {
		guilty := rep.Guilty
		for _, f := range rep.Frames {
			row := stackRow{Frame: f, Basis: slices.Contains(d.Basis, f.Function)}
			if guilty != nil && f.Function == guilty.Function {
				row.Guilty, guilty = true, nil // the innermost one
			}
			if c != nil && f.LogLine > 0 {
				row.URL = fmt.Sprintf("/crashes/%s?report=%d#L%d", c.ID, rep.Index, f.LogLine)
			}
			rows = append(rows, row)
		}
	}
	hidden := max(0, len(rows)-maxStack)
	rows = rows[:len(rows)-hidden]
	if s.owners != nil {
		last := ""
		for i := range rows {
			o, ok := s.owners.Owner(rows[i].Function, rows[i].Module, rows[i].File)
			if !ok {
				continue
			}
			rows[i].Subsystem, rows[i].Boundary = o.Subsystem, o.Subsystem != last
			last = o.Subsystem
		}
	}
	return rows, hidden
}

func levels(d *record.SignatureDetail, rep *crash.Report) []level {
	exact, stack := "", ""
	if rep != nil {
		exact, stack = rep.Signature.Exact, rep.Signature.Stack
	}
	out := []level{
		{Name: "exact", Hash: exact, Means: "this build: functions with offsets and sizes"},
		{Name: "stack", Hash: stack, Means: "the functions of the stack, in order"},
		{Name: "portable", Hash: d.Key, Means: "survives rebuilds, compilers and architectures", Groups: true},
		{Name: "family", Hash: d.Family, Means: "the same kind of defect in the same function"},
	}
	return slices.DeleteFunc(out, func(l level) bool { return l.Hash == "" })
}

const (
	// byCookie remembers what name someone signs changes with.
	byCookie = "ringside_by"
	maxForm  = 64 << 10
)

// changeSignature takes the form of a signature's page. A change that makes no
// sense comes back with the page, the reason and what was typed.
func (s *site) changeSignature(w http.ResponseWriter, r *http.Request) error {
	if !s.mayChange(r) {
		return errReadOnly
	}
	id := r.PathValue("id")
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return fmt.Errorf("form: %w: %w", record.ErrInvalid, err)
	}
	before, err := s.svc.Signature(r.Context(), id)
	if err != nil {
		return err
	}
	c, err := readChange(r.PostForm, before, s.now())
	if err == nil {
		if c.State == nil && c.Assignee == nil && c.Note == "" {
			http.Redirect(w, r, "/signatures/"+before.ID, http.StatusSeeOther) // nothing was changed
			return nil
		}
		_, err = s.svc.ChangeSignature(r.Context(), before.ID, c)
	}
	if errors.Is(err, record.ErrInvalid) {
		return s.showSignature(w, r, http.StatusUnprocessableEntity, before, signatureView{Said: r.PostForm.Get("note"), Error: err.Error()})
	}
	if err != nil {
		return err
	}
	http.SetCookie(w, &http.Cookie{Name: byCookie, Value: url.QueryEscape(c.By), Path: "/", MaxAge: 365 * 24 * 3600,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil})
	http.Redirect(w, r, "/signatures/"+before.ID+"#activity", http.StatusSeeOther)
	return nil
}

// readChange returns what a form changes of a signature: a field that says
// what is there already is not a change.
func readChange(form url.Values, before *record.SignatureDetail, now time.Time) (record.SignatureChange, error) {
	c := record.SignatureChange{Note: strings.TrimSpace(form.Get("note")), By: strings.TrimSpace(form.Get("by"))}
	if len(c.By) > 128 {
		return c, fmt.Errorf("your name: %w: at most 128 characters", record.ErrInvalid)
	}
	if a := strings.TrimSpace(form.Get("assignee")); form.Has("assignee") && a != before.Assignee {
		c.Assignee = &a
	}
	state := record.State(form.Get("state"))
	release, until := strings.TrimSpace(form.Get("resolved_in")), form.Get("muted_for")
	switch {
	case state == "" || state == "keep":
		return c, nil
	case state == before.State && (state != record.StateResolved || release == before.ResolvedIn) && (state != record.StateMuted || until == "keep"):
		return c, nil
	}
	c.State = &state
	switch state {
	case record.StateResolved:
		c.ResolvedIn = release
	case record.StateMuted:
		days := map[string]int{"7d": 7, "30d": 30, "90d": 90}[until]
		if days > 0 {
			t := now.AddDate(0, 0, days)
			c.MutedUntil = &t
		}
	}
	return c, nil
}
