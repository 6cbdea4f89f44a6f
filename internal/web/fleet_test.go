package web

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"ringside/crash"
	"ringside/internal/record"
	"ringside/internal/store"
)

//go:embed testdata/*.log
var testLogs embed.FS

func testLog(t testing.TB, name string) []byte {
	t.Helper()
	b, err := testLogs.ReadFile("testdata/" + name + ".log")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fleet is a record over SQLite that was filled through its own intake, and
// the UI that shows it.
type fleet struct {
	t   testing.TB
	svc *record.Service
	ui  http.Handler
	now time.Time
	log *bytes.Buffer // of the UI
}

// today is when the tests happen.
var today = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// testOwners knows the functions of the test logs.
type testOwners struct{}

func (testOwners) Owner(function, module, file string) (record.Owner, bool) {
	switch {
	case module == "labcrash":
		return record.Owner{Subsystem: "LAB <CRASH>", Status: "Maintained", Maintainers: []string{"Ada <ada@example.org>"},
			Lists: []string{"lab@example.org"}, Why: "module labcrash"}, true
	case module == "lkdtm":
		return record.Owner{Subsystem: "LINUX KERNEL DUMP TEST MODULE (LKDTM)", Maintainers: []string{}, Lists: []string{}}, true
	case strings.HasPrefix(function, "vfs_"), strings.HasPrefix(function, "ksys_"):
		return record.Owner{Subsystem: "FILESYSTEMS (VFS and infrastructure)"}, true
	}
	return record.Owner{}, false
}

// emptyFleet returns a record without a crash.
func emptyFleet(t testing.TB, change ...func(*Config)) *fleet {
	t.Helper()
	return fleetOf(t, func(*record.Config) {}, change...)
}

// fleetOf is emptyFleet with a record of another configuration.
func fleetOf(t testing.TB, with func(*record.Config), change ...func(*Config)) *fleet {
	t.Helper()
	dir := t.TempDir()
	db, err := store.OpenSQLite(t.Context(), filepath.Join(dir, "ringside.db"), store.SQLiteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	blobs, err := store.OpenBlobDir(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blobs.Close() })
	f := &fleet{t: t, now: today, log: &bytes.Buffer{}}
	rc := record.Config{DB: db, Blobs: blobs, Rules: "test", Algorithm: crash.Algorithm, Sign: crash.Sign, Owners: testOwners{}, Now: func() time.Time { return f.now },
		Analyzer: record.AnalyzerFunc(func(ctx context.Context, r io.Reader) (*crash.Document, error) {
			return crash.Parse(ctx, r, crash.Options{})
		}), Dumps: cannedDumps{}, Recordings: ownProfiles{}}
	with(&rc)
	if f.svc, err = record.New(rc); err != nil {
		t.Fatal(err)
	}
	c := Config{Service: f.svc, Version: "test", Owners: testOwners{}, Now: func() time.Time { return f.now },
		Log: slog.New(slog.NewTextHandler(f.log, nil)), Docs: fstest.MapFS{
			"index.md":       {Data: []byte("# Welcome\n\nSee [pushing](push.md#top).\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1))\n")},
			"push.md":        {Data: []byte("# Pushing logs\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")},
			"schemas/a.json": {Data: []byte("{}")},
		}}
	for _, ch := range change {
		ch(&c)
	}
	if f.ui, err = New(c); err != nil {
		t.Fatal(err)
	}
	return f
}

// newFleet returns a record of 12 hosts that ran two kernels, one after the
// other, and crashed now and then.
func newFleet(t testing.TB, change ...func(*Config)) *fleet {
	t.Helper()
	f := emptyFleet(t, change...)
	ctx := t.Context()
	var seen []record.Observation
	for i := range 12 {
		host, group := fmt.Sprintf("web%02d", i), "web"
		if i >= 8 {
			group = "db"
		}
		seen = append(seen,
			record.Observation{Host: host, Group: group, Kernel: "6.1.0-55-amd64", Arch: "x86_64", At: today.AddDate(0, 0, -30)},
			record.Observation{Host: host, Group: group, Kernel: "6.1.0-56-amd64", Arch: "x86_64", At: today.AddDate(0, 0, -6)})
	}
	if err := f.svc.Observe(ctx, seen...); err != nil {
		t.Fatal(err)
	}
	for i := range 24 {
		at := today.AddDate(0, 0, i-24).Add(time.Hour)
		f.send("crash-lkdtm-WRITE_RO", i%12, at)
		if i >= 17 {
			f.send("crash-mod-null", i%5, at.Add(time.Minute))
		}
		if i == 6 || i == 22 {
			f.send("crash-mod-atomicsleep", 3, at)
		}
	}
	f.send("crash-mod-rcustall", 9, today.Add(-2*time.Hour))
	f.send("vmcore-oops612", 11, today.Add(-26*time.Hour))
	// A resolved signature that comes back.
	f.now = today.AddDate(0, 0, -3)
	resolved := record.StateResolved
	id := f.signature("scheduling while atomic")
	if _, err := f.svc.ChangeSignature(ctx, id, record.SignatureChange{State: &resolved, By: "ada", Note: "fixed by dropping the lock"}); err != nil {
		t.Fatal(err)
	}
	f.now = today
	f.send("crash-mod-atomicsleep", 4, today.Add(-30*time.Minute))
	return f
}

// send takes a log in as if it arrived from a host at a time, on the kernel
// that the host ran then.
func (f *fleet) send(name string, host int, at time.Time) string {
	f.t.Helper()
	text := testLog(f.t, name)
	if at.Before(today.AddDate(0, 0, -6)) {
		text = bytes.ReplaceAll(text, []byte("6.1.0-56-amd64"), []byte("6.1.0-55-amd64"))
	}
	// One more line in front makes it another content, as another crash is.
	text = append(fmt.Appendf(nil, "console of web%02d, session %d\n", host, at.Unix()), text...)
	return f.sendText(fmt.Sprintf("web%02d", host), name+".log", text, at)
}

// sendText takes a text in and returns the ID of its first crash, if it has one.
func (f *fleet) sendText(host, filename string, text []byte, at time.Time) string {
	f.t.Helper()
	r, err := f.svc.Intake(f.t.Context(), bytes.NewReader(text), record.Meta{Host: host, Filename: filename, Source: "test", ReceivedAt: at, CollectedAt: at})
	if err != nil {
		f.t.Fatal(err)
	}
	if err := f.svc.Drain(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	if r, err = f.svc.Receipt(f.t.Context(), r.ID); err != nil {
		f.t.Fatal(err)
	}
	if len(r.Crashes) == 0 {
		return ""
	}
	return r.Crashes[0]
}

// signature returns the ID of the signature that a text finds.
func (f *fleet) signature(text string) string {
	f.t.Helper()
	p, err := f.svc.Signatures(f.t.Context(), record.SignatureFilter{Text: text})
	if err != nil || len(p.Items) == 0 {
		f.t.Fatalf("signature %q: %d found, %v", text, len(p.Items), err)
	}
	return p.Items[0].ID
}

// crashOf returns the newest crash of the signature that a text finds.
func (f *fleet) crashOf(text string) string {
	f.t.Helper()
	p, err := f.svc.Crashes(f.t.Context(), record.CrashFilter{Signature: f.signature(text)})
	if err != nil || len(p.Items) == 0 {
		f.t.Fatalf("crash of %q: %d found, %v", text, len(p.Items), err)
	}
	return p.Items[0].ID
}

// get asks for a page.
func (f *fleet) get(path string) *httptest.ResponseRecorder {
	return f.do(httptest.NewRequestWithContext(f.t.Context(), http.MethodGet, path, nil))
}

// post sends a form as a browser does from one of our own pages.
func (f *fleet) post(path string, form string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(f.t.Context(), http.MethodPost, path, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return f.do(r)
}

func (f *fleet) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	f.ui.ServeHTTP(w, r)
	return w
}
