package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringside/crash"
	"ringside/internal/record"
	"ringside/internal/store"
)

// analyze finds one report in every log that says "BUG", for tests of what is
// around it.
func analyze(_ context.Context, r io.Reader) (*crash.Document, error) {
	b, err := io.ReadAll(r)
	doc := &crash.Document{Schema: crash.SchemaID, Input: crash.Input{Transports: map[string]int64{}},
		Boots: []crash.Boot{}, Reports: []crash.Report{}, Notes: []crash.Note{}}
	if bytes.Contains(b, []byte("BUG")) {
		doc.Reports = append(doc.Reports, crash.Report{
			Kind: crash.KindNullDeref, Class: crash.ClassFault, Title: "null-ptr-deref in <b>foo</b>", Headline: "BUG: kernel NULL pointer dereference",
			Arch: "x86_64", Kernel: "6.1.0-1-amd64", Guilty: &crash.Location{Function: "foo"},
			Frames:    []crash.Frame{{Function: "foo"}, {Function: "bar"}},
			Signature: crash.Signature{Algorithm: "t", Portable: "p1", Family: "f1", Basis: []string{"foo"}},
			Lines:     crash.LineRange{First: 2, Last: 2},
			Registers: map[string]string{}, Taint: []string{}, Missing: []string{}, Evidence: []crash.Evidence{},
		})
	}
	return doc, err
}

// fixture is a server over a record in a folder of the test's own.
type fixture struct {
	*httptest.Server
	svc   *record.Service
	blobs string
	log   *bytes.Buffer
}

func newFixture(t *testing.T, change ...func(*record.Config, *Config)) *fixture {
	t.Helper()
	dir := t.TempDir()
	db, err := store.OpenSQLite(t.Context(), filepath.Join(dir, "ringside.db"), store.SQLiteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{blobs: filepath.Join(dir, "blobs"), log: &bytes.Buffer{}}
	blobs, err := store.OpenBlobDir(f.blobs)
	if err != nil {
		t.Fatal(err)
	}
	rc := record.Config{DB: db, Blobs: blobs, Analyzer: record.AnalyzerFunc(analyze), MaxArtefact: 1000}
	sc := Config{Log: slog.New(slog.NewTextHandler(f.log, nil)), Version: "test"}
	for _, c := range change {
		c(&rc, &sc)
	}
	if f.svc, err = record.New(rc); err != nil {
		t.Fatal(err)
	}
	if sc.Record == nil {
		sc.Record = f.svc
	}
	h, err := New(sc)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.svc.Run(ctx) }()
	f.Server = httptest.NewUnstartedServer(h)
	f.Config.ReadHeaderTimeout = 10 * time.Second
	f.Start()
	t.Cleanup(func() {
		f.Close()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		db.Close()
		blobs.Close()
	})
	return f
}

// do sends a request and decodes the answer into out, if it is not nil.
func (f *fixture) do(t *testing.T, method, path, body string, out any, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return f.send(t, req, out)
}

func (f *fixture) send(t *testing.T, req *http.Request, out any) *http.Response {
	t.Helper()
	resp, err := f.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	switch out := out.(type) {
	case nil:
	case *string:
		*out = string(b)
	default:
		if err := json.Unmarshal(b, out); err != nil {
			t.Fatalf("%s %s: %d %s: %v", req.Method, req.URL, resp.StatusCode, b, err)
		}
	}
	return resp
}

const oops = "[    1.0] booted\n[    2.0] BUG: kernel NULL pointer dereference\n[    3.0] end\n"

func TestUploadAndRead(t *testing.T) {
	f := newFixture(t)
	var r record.Receipt
	resp := f.do(t, "POST", "/api/v1/artefacts?host=web1&wait=1&filename=console.log", oops, &r, "Content-Type", "application/x-www-form-urlencoded")
	if resp.StatusCode != http.StatusOK || r.Progress != record.Analysed || len(r.Crashes) != 1 || r.Host.Name != "web1" {
		t.Fatalf("upload: %d %+v", resp.StatusCode, r)
	}
	if got := resp.Header.Get("Location"); got != "/api/v1/receipts/"+r.ID {
		t.Errorf("location %q", got)
	}

	var again record.Receipt
	f.do(t, "POST", "/api/v1/artefacts", oops, &again, "X-Ringside-Host", "web1")
	if !again.Duplicate || again.ID != r.ID {
		t.Errorf("the same again: %+v, want receipt %s as duplicate", again, r.ID)
	}

	var c record.CrashDetail
	f.do(t, "GET", "/api/v1/crashes/"+r.Crashes[0], "", &c)
	if c.Host.Name != "web1" || c.Filename != "console.log" || len(c.Document.Reports) != 1 {
		t.Errorf("crash %+v", c.Crash)
	}
	var text string
	f.do(t, "GET", "/api/v1/crashes/"+c.ID+"/log?format=text", "", &text)
	if text != oops {
		t.Errorf("log as text: %q", text)
	}
	var lines record.LogText
	f.do(t, "GET", "/api/v1/crashes/"+c.ID+"/log?first=2&lines=1", "", &lines)
	if len(lines.Lines) != 1 || lines.Lines[0].Number != 2 || lines.Lines[0].Start != 17 || !lines.Before || !lines.After {
		t.Errorf("log line 2: %+v", lines)
	}
	var content string
	resp = f.do(t, "GET", "/api/v1/artefacts/"+r.SHA256+"/content", "", &content)
	if content != oops || resp.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("content %q as %q", content, resp.Header.Get("Content-Type"))
	}

	for _, path := range []string{
		"/api/v1/artefacts/" + r.SHA256, "/api/v1/receipts/" + r.ID, "/api/v1/crashes?host=web1&kind=null-ptr-deref&limit=1",
		"/api/v1/signatures?q=foo&state=new,open&sort=trend", "/api/v1/signatures/" + c.Signature.ID, "/api/v1/hosts?q=web", "/api/v1/hosts/web1",
		"/api/v1/kernels", "/api/v1/kernels/6.1.0-1-amd64", "/api/v1/overview?days=7", "/api/v1/jobs?state=done",
	} {
		var body map[string]any
		if resp := f.do(t, "GET", path, "", &body); resp.StatusCode != http.StatusOK {
			t.Errorf("GET %s: %d %v", path, resp.StatusCode, body)
		}
	}
}

func TestDecideAboutASignature(t *testing.T) {
	f := newFixture(t)
	var r record.Receipt
	f.do(t, "POST", "/api/v1/artefacts?wait=1", oops, &r)
	var c record.CrashDetail
	f.do(t, "GET", "/api/v1/crashes/"+r.Crashes[0], "", &c)
	path := "/api/v1/signatures/" + c.Signature.ID
	var d record.SignatureDetail
	f.do(t, "PATCH", path, `{"state":"resolved","resolved_in":"6.1.0-2-amd64","note":"fixed by abc","by":"ann"}`, &d, "Content-Type", "application/json")
	if d.State != record.StateResolved || d.ResolvedIn != "6.1.0-2-amd64" || len(d.Activity) != 1 || d.Activity[0].By != "ann" {
		t.Errorf("after the decision: %+v %+v", d.Signature, d.Activity)
	}
	var p Problem
	for body, want := range map[string]int{
		`{"state":"new"}`: 422, `{"note":""}`: 422, `{"state":"open","resolved_in":"6"}`: 422, `{`: 400,
	} {
		if resp := f.do(t, "PATCH", path, body, &p, "Content-Type", "application/json"); resp.StatusCode != want {
			t.Errorf("PATCH %s: %d %+v, want %d", body, resp.StatusCode, p, want)
		}
	}
}

func TestUploadRefused(t *testing.T) {
	f := newFixture(t)
	large := strings.Repeat("x", 1001)
	announced, err := http.NewRequestWithContext(t.Context(), "POST", f.URL+"/api/v1/artefacts", strings.NewReader(large))
	if err != nil {
		t.Fatal(err)
	}
	counted, err := http.NewRequestWithContext(t.Context(), "POST", f.URL+"/api/v1/artefacts", io.MultiReader(strings.NewReader(large)))
	if err != nil {
		t.Fatal(err)
	}
	for name, req := range map[string]*http.Request{"announced": announced, "counted": counted} {
		var p Problem
		resp := f.send(t, req, &p)
		if resp.StatusCode != http.StatusRequestEntityTooLarge || p.Limit != 1000 || !strings.Contains(p.Detail, "limit") ||
			resp.Header.Get("Content-Type") != "application/problem+json" || p.RequestID == "" {
			t.Errorf("%s: %d %s %+v", name, resp.StatusCode, resp.Header.Get("Content-Type"), p)
		}
	}
	for _, c := range []struct {
		path, body string
		want       int
	}{
		{"/api/v1/artefacts", "", 422},
		{"/api/v1/artefacts?host=a%20b", "x", 422},
		{"/api/v1/artefacts?collected_at=yesterday", "x", 422},
		{"/api/v1/artefacts?hots=typo", "x", 422},
	} {
		var p Problem
		if resp := f.do(t, "POST", c.path, c.body, &p); resp.StatusCode != c.want || p.Status != c.want {
			t.Errorf("POST %s %q: %d %+v, want %d", c.path, c.body, resp.StatusCode, p, c.want)
		}
	}
	// Nothing of what was refused is left behind.
	err = filepath.WalkDir(f.blobs, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			t.Errorf("left behind: %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestUploadCut breaks the connection in the middle and lets it stall.
func TestUploadCut(t *testing.T) {
	f := newFixture(t, func(_ *record.Config, c *Config) { c.Stall = 50 * time.Millisecond })
	conn, err := net.Dial("tcp", f.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /api/v1/artefacts HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nBUG and then nothing")
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 408 ")) || !bytes.Contains(answer, []byte("no progress")) {
		t.Errorf("stalled upload: %s", answer)
	}
	p, err := f.svc.Jobs(t.Context(), record.JobFilter{State: store.JobPending})
	if err != nil || p.Total != 0 {
		t.Errorf("jobs after a cut upload: %+v, %v", p, err)
	}
}

// faulty is a record that fails as storage does.
type faulty struct {
	*record.Service
	err error
}

func (f *faulty) Intake(context.Context, io.Reader, record.Meta) (record.Receipt, error) {
	return record.Receipt{}, f.err
}

func (f *faulty) Overview(context.Context, record.OverviewQuery) (*record.Overview, error) {
	panic("the overview has a bug")
}

func (f *faulty) Ready(context.Context) error { return f.err }

func TestStorageFaults(t *testing.T) {
	bad := &faulty{}
	f := newFixture(t, func(_ *record.Config, c *Config) { c.Record = bad })
	bad.Service = f.svc
	for _, c := range []struct {
		err    error
		status int
		header string
	}{
		{fmt.Errorf("write: %w", store.ErrBusy), http.StatusServiceUnavailable, "Retry-After"},
		{fmt.Errorf("write: %w", store.ErrNoSpace), http.StatusInsufficientStorage, ""},
		{errors.New("secret detail"), http.StatusInternalServerError, ""},
	} {
		bad.err = c.err
		var p Problem
		resp := f.do(t, "POST", "/api/v1/artefacts", oops, &p)
		if resp.StatusCode != c.status || c.header != "" && resp.Header.Get(c.header) == "" || strings.Contains(p.Detail, "secret") {
			t.Errorf("%v: %d %+v %v", c.err, resp.StatusCode, p, resp.Header)
		}
	}
	var p Problem
	if resp := f.do(t, "GET", "/readyz", "", &p); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("readyz: %d %+v", resp.StatusCode, p)
	}
	resp := f.do(t, "GET", "/api/v1/overview", "", &p)
	if resp.StatusCode != http.StatusInternalServerError || p.RequestID == "" || p.RequestID != resp.Header.Get("X-Request-Id") {
		t.Errorf("panic: %d %+v", resp.StatusCode, p)
	}
	f.Close() // so that the log is at rest
	if log := f.log.String(); !strings.Contains(log, "the overview has a bug") || !strings.Contains(log, p.RequestID) || !strings.Contains(log, "secret detail") {
		t.Errorf("log lacks the panic or the reason:\n%s", log)
	}
}

func TestToken(t *testing.T) {
	f := newFixture(t, func(_ *record.Config, c *Config) { c.Token = "s3cret" })
	for _, c := range []struct {
		name   string
		header []string
		want   int
	}{
		{"none", nil, 401},
		{"wrong", []string{"Authorization", "Bearer s3creT"}, 401},
		{"empty", []string{"Authorization", "Bearer "}, 401},
		{"bearer", []string{"Authorization", "bearer s3cret"}, 202},
		{"basic", []string{"Authorization", "Basic YW5uOnMzY3JldA=="}, 202},
		{"bearer from another site", []string{"Authorization", "Bearer s3cret", "Sec-Fetch-Site", "cross-site"}, 403},
	} {
		var body map[string]any
		resp := f.do(t, "POST", "/api/v1/artefacts?host=h-"+strings.ReplaceAll(c.name, " ", "-"), "text without a report", &body, c.header...)
		got := resp.StatusCode
		if got == http.StatusOK {
			got = http.StatusAccepted // it was analysed before the answer was written
		}
		if got != c.want {
			t.Errorf("%s: %d %v, want %d", c.name, got, body, c.want)
		}
	}
	if resp := f.do(t, "GET", "/api/v1/overview", "", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("reading without a token: %d", resp.StatusCode)
	}
}

func TestRoutes(t *testing.T) {
	f := newFixture(t, func(_ *record.Config, c *Config) {
		c.Web = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "web "+r.URL.Path) })
	})
	for _, c := range []struct {
		method, path string
		want         int
		contains     string
	}{
		{"GET", "/healthz", 200, "ok"},
		{"GET", "/readyz", 200, "ready"},
		{"GET", "/metrics", 200, `ringside_jobs{state="dead"} 0`},
		{"GET", "/api", 200, "/api/v1/artefacts"},
		{"GET", "/api/style.css", 200, "color-scheme"},
		{"GET", "/api/openapi.yaml", 200, "openapi: 3.1.0"},
		{"GET", "/api/v1/nothing", 404, "no operation GET /api/v1/nothing"},
		{"DELETE", "/api/v1/crashes", 405, "no operation DELETE"},
		{"GET", "/api/v1/crashes/none", 404, "not in the record"},
		{"GET", "/api/v1/artefacts/short", 422, "SHA-256"},
		{"GET", "/api/v1/crashes?cursor=x", 422, "cursor"},
		{"GET", "/signatures/1", 200, "web /signatures/1"},
	} {
		var body string
		resp := f.do(t, c.method, c.path, "", &body)
		if resp.StatusCode != c.want || !strings.Contains(body, c.contains) {
			t.Errorf("%s %s: %d %s; want %d with %q", c.method, c.path, resp.StatusCode, body, c.want, c.contains)
		}
		for _, h := range []string{"X-Content-Type-Options", "Content-Security-Policy", "X-Request-Id", "Referrer-Policy"} {
			if resp.Header.Get(h) == "" {
				t.Errorf("%s %s: no %s", c.method, c.path, h)
			}
		}
	}
}

// TestDamagedArtefact sees to it that a client cannot take a damaged artefact
// for a whole one.
func TestDamagedArtefact(t *testing.T) {
	f := newFixture(t)
	var r record.Receipt
	f.do(t, "POST", "/api/v1/artefacts?wait=1", oops, &r)
	path := filepath.Join(f.blobs, "sha256", r.SHA256[:2], r.SHA256[2:])
	if err := os.WriteFile(path, []byte(strings.ToUpper(oops)), 0o600); err != nil {
		t.Fatal(err)
	}
	resp, err := f.Client().Get(f.URL + "/api/v1/artefacts/" + r.SHA256 + "/content")
	if err != nil {
		return // the connection broke before the headers were out
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("a damaged artefact was served as whole: %q", b)
	}
}
