package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"ringside/internal/record"
)

// Record is what the pages need of the system of record.
type Record interface {
	record.Reader
	ChangeSignature(ctx context.Context, id string, c record.SignatureChange) (*record.SignatureDetail, error)
	Link(ctx context.Context, c record.LinkChange) (*record.Link, error)
	UndoLink(ctx context.Context, id, by string) (*record.Link, error)
	StartBackfill(ctx context.Context) (*record.Backfill, error)
	DecideBackfill(ctx context.Context, accept bool, by string) (*record.Backfill, error)
	AcceptRisk(ctx context.Context, c record.RiskChange) (*record.Risk, error)
	RevokeRisk(ctx context.Context, id, by string) error
	Reanalyse(ctx context.Context, sha256 string) error
	RetryJob(ctx context.Context, id string) (*record.Job, error)
	ConfirmRegression(ctx context.Context, c record.RegressionChange) (*record.Regression, error)
	CloseRegression(ctx context.Context, id, by, fixedBy string) (*record.Regression, error)
	Quarantine(ctx context.Context, c record.QuarantineChange) (*record.Test, error)
	EndQuarantine(ctx context.Context, test, by string) (*record.Test, error)
	CancelLabJob(ctx context.Context, id, by string) (*record.LabJob, error)
}

var _ Record = (*record.Service)(nil)

// Config is what the UI works with.
type Config struct {
	Service Record
	// Demo marks every page as showing demo data.
	Demo    bool
	Version string
	// Owners tells which subsystem each function of a stack belongs to. nil
	// leaves that column out.
	Owners record.Owners
	// Docs are Markdown files, served under /docs; index.md or README.md is
	// the first page. nil means there are none.
	Docs fs.FS
	// MayChange tells whether the sender of a request may change records. nil
	// means that everybody who reaches the server may.
	MayChange func(*http.Request) bool
	Now       func() time.Time // nil means the clock
	Log       *slog.Logger     // nil means silence
}

// site is the UI as one handler.
type site struct {
	svc       Record
	demo      bool
	version   string
	owners    record.Owners
	docs      fs.FS
	mayChange func(*http.Request) bool
	now       func() time.Time
	log       *slog.Logger
	assets    *assets
	pages     map[string]*template.Template
	dumpDocs  dumpDocs
	diffs     profileDiffs
}

// New returns the handler of all pages. Mount it beside the API's handler, for
// every path that is not the API's.
func New(c Config) (http.Handler, error) {
	if c.Service == nil {
		return nil, errors.New("the web UI needs a record to show")
	}
	s := &site{svc: c.Service, demo: c.Demo, version: c.Version, owners: c.Owners, docs: c.Docs,
		mayChange: c.MayChange, now: c.Now, log: c.Log}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.mayChange == nil {
		s.mayChange = func(*http.Request) bool { return true }
	}
	var err error
	if s.assets, err = loadAssets(assetFiles); err != nil {
		return nil, err
	}
	if s.pages, err = s.parseTemplates(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for _, p := range []struct {
		pattern string
		handle  func(http.ResponseWriter, *http.Request) error
	}{
		{"GET /{$}", s.overview},
		{"GET /signatures", s.signatures},
		{"GET /signatures/merges", s.merges},
		{"GET /signatures/compare", s.comparePair},
		{"POST /signatures/merges", s.decidePair},
		{"POST /signatures/merges/{id}/undo", s.undoPair},
		{"GET /signatures/{id}", s.signature},
		{"POST /signatures/{id}", s.changeSignature},
		{"GET /crashes", s.crashes},
		{"GET /crashes/{id}", s.crash},
		{"GET /crashes/{id}/lines", s.crashLines},
		{"GET /crashes/{id}/log.txt", s.crashText},
		{"GET /crashes/{id}/raw", s.crashRaw},
		{"GET /dumps", s.dumps},
		{"GET /dumps/{id}", s.dump},
		{"GET /dumps/{id}/{tab}", s.dump},
		{"GET /dumps/{id}/raw", s.dumpRaw},
		{"POST /dumps/{id}/analysis", s.analyseDump},
		{"GET /profiles", s.recordings(record.KindProfile, "profiles", "Profiles")},
		{"GET /profiles/compare", s.compareProfiles},
		{"GET /profiles/compare/page", s.compareProfilesPicture},
		{"GET /traces", s.recordings(record.KindTrace, "traces", "Traces")},
		{"GET /recordings/{id}", s.recording},
		{"GET /recordings/{id}/page", s.recordingPicture},
		{"GET /recordings/{id}/raw", s.recordingRaw},
		{"POST /recordings/{id}/analysis", s.analyseRecording},
		{"GET /kernels", s.kernels},
		{"GET /kernels/compare", s.compareKernels},
		{"GET /kernels/{id}", s.kernel},
		{"GET /kernels/{id}/cves", s.kernelCVEs},
		{"GET /kernels/{id}/baselines", s.kernelBaselines},
		{"GET /cves", s.cves},
		{"GET /cves/{id}", s.cve},
		{"POST /cves/{id}/risks", s.acceptRisk},
		{"POST /cves/{id}/risks/{risk}/revoke", s.revokeRisk},
		{"GET /baselines", s.baselines},
		{"GET /stacks", s.stacks},
		{"GET /stacks/{id}", s.stack},
		{"GET /tests", s.testsPage},
		{"GET /tests/matrix", s.testMatrix},
		{"GET /tests/runs/{id}", s.testRun},
		{"GET /tests/{id}", s.test},
		{"POST /tests/{id}/quarantine", s.quarantine},
		{"POST /tests/{id}/quarantine/end", s.endQuarantine},
		{"GET /regressions", s.regressions},
		{"POST /regressions", s.confirmRegression},
		{"POST /regressions/{id}/close", s.closeRegression},
		{"GET /bisections", s.bisections},
		{"GET /bisections/{id}", s.bisection},
		{"GET /lab", s.labPage},
		{"GET /lab/runs/{id}", s.labRun},
		{"GET /lab/runs/{id}/files/{file...}", s.labFile},
		{"POST /lab/jobs/{id}/cancel", s.cancelLabJob},
		{"GET /hosts", s.hosts},
		{"GET /hosts/{id}", s.host},
		{"GET /admin/jobs", s.jobs},
		{"GET /admin/rules", s.rules},
		{"POST /admin/rules", s.decideRules},
		{"POST /admin/jobs/{id}/retry", s.retryJob},
		{"GET /docs/{path...}", s.doc},
		{"GET /", func(http.ResponseWriter, *http.Request) error { return errNoPage }},
	} {
		mux.Handle(p.pattern, s.handler(p.handle))
	}
	mux.Handle("GET /docs", http.RedirectHandler("/docs/", http.StatusMovedPermanently))
	mux.Handle("GET /assets/{name...}", s.assets)
	mux.Handle("GET /favicon.ico", http.RedirectHandler(s.assets.url("favicon.svg"), http.StatusFound))
	csrf := http.NewCrossOriginProtection()
	csrf.SetDenyHandler(s.handler(func(http.ResponseWriter, *http.Request) error { return errCrossOrigin }))
	return secure(csrf.Handler(mux)), nil
}

// policy lets a page use what this server serves, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secure sets the headers that every answer has.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		next.ServeHTTP(w, r)
	})
}

var (
	errNoPage      = errors.New("no such page")
	errCrossOrigin = errors.New("the request came from another site")
	errReadOnly    = errors.New("changes are not allowed here")
)

// handler turns a page function into a handler: whatever goes wrong, the
// reader gets a page that says so and the log a line.
func (s *site) handler(f func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if v := recover(); v != nil {
				if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(v)
				}
				s.fail(w, r, fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
			}
		}()
		if err := f(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// problem is the view of a page that could not be shown.
type problem struct {
	Status  int
	Head    string
	Text    string
	Request string // what to quote when asking about a failure of ours
}

func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody is there to read it
	}
	var p problem
	switch {
	case errors.Is(err, errNoPage):
		p = problem{Status: http.StatusNotFound, Head: "There is no such page", Text: "The address leads nowhere. Perhaps it was cut when it was copied."}
	case errors.Is(err, record.ErrNotFound):
		p = problem{Status: http.StatusNotFound, Head: "Not in the record", Text: err.Error()}
	case errors.Is(err, record.ErrInvalid):
		p = problem{Status: http.StatusBadRequest, Head: "That cannot be asked for", Text: err.Error()}
	case errors.Is(err, errCrossOrigin):
		p = problem{Status: http.StatusForbidden, Head: "Refused", Text: "The request came from another site. Changes are taken only from Ringside's own pages."}
	case errors.Is(err, errReadOnly):
		p = problem{Status: http.StatusForbidden, Head: "Changes are not allowed here", Text: "This server takes changes only through its API, with a token."}
	default:
		p = problem{Status: http.StatusInternalServerError, Head: "That is our failure", Request: rand.Text()[:10],
			Text: "The page could not be made. Nothing was lost: the record is not touched by reading it. Try again; if it stays, look for the request below in the server's log."}
		s.log.Error("page failed", "request", p.Request, "method", r.Method, "path", r.URL.Path, "error", err)
	}
	if err := s.render(w, r, p.Status, "error", layout{Title: p.Head, View: p}); err != nil {
		s.log.Error("error page failed", "path", r.URL.Path, "error", err)
		http.Error(w, p.Head, p.Status)
	}
}

// layout is what surrounds a page.
type layout struct {
	Title   string // of the document
	Section string // which entry of the navigation is the current one
	API     string // path of the same data in the API, "" if there is none
	Query   string // what stands in the search field
	Charts  bool   // the page has interactive charts
	View    any    // the page's own view

	Demo    bool
	Docs    bool
	Version string
	Origin  string
}

func (s *site) show(w http.ResponseWriter, r *http.Request, page string, l layout) error {
	return s.render(w, r, http.StatusOK, page, l)
}

// render writes a page. It is made in memory first, so that a failure halfway
// becomes an error page and not half a page.
func (s *site) render(w http.ResponseWriter, r *http.Request, status int, page string, l layout) error {
	l.Demo, l.Docs, l.Version = s.demo, s.docs != nil, s.version
	l.Origin = origin(r)
	var b bytes.Buffer
	if err := s.pages[page].ExecuteTemplate(&b, "layout", l); err != nil {
		return fmt.Errorf("render %s: %w", page, err)
	}
	s.write(w, r, status, b.Bytes())
	return nil
}

// origin returns the address under which the reader sees this server, for lines
// to copy.
func origin(r *http.Request) string {
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// fragment writes a part of a page, for a script that puts it in place.
func (s *site) fragment(w http.ResponseWriter, r *http.Request, page, name string, view any) error {
	var b bytes.Buffer
	if err := s.pages[page].ExecuteTemplate(&b, name, view); err != nil {
		return fmt.Errorf("render %s of %s: %w", name, page, err)
	}
	s.write(w, r, http.StatusOK, b.Bytes())
	return nil
}

func (s *site) write(w http.ResponseWriter, r *http.Request, status int, html []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "private, no-cache")
	writeMaybeGzip(w, r, status, html)
}
