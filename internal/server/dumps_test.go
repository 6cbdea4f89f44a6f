package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringside/internal/record"
	"ringside/internal/store"
)

// fakeDumps takes for a dump what begins with "DUMP"; all of it is its log.
type fakeDumps struct{}

func (fakeDumps) Recognize(head []byte) bool { return bytes.HasPrefix(head, []byte("DUMP")) }

func (fakeDumps) AnalyzeDump(_ context.Context, f *os.File) (*record.DumpAnalysis, error) {
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(text, []byte("poison")) {
		return nil, store.Permanent(errors.New("the analysis broke down"))
	}
	var doc bytes.Buffer
	z := gzip.NewWriter(&doc)
	if _, err := io.WriteString(z, `{"schema":"x"}`); err != nil {
		return nil, err
	}
	return &record.DumpAnalysis{
		Summary:  record.DumpSummary{Format: "kdump", Release: "6.1", Kind: "crash", Title: "boom", Findings: 1, Failed: []string{}},
		Document: &doc, Outline: strings.NewReader("outline"), Log: bytes.NewReader(text), Close: func() error { return nil },
	}, z.Close()
}

func newDumpFixture(t *testing.T) *fixture {
	return newFixture(t, func(rc *record.Config, _ *Config) { rc.Dumps, rc.MaxDump = fakeDumps{}, 2000 })
}

func TestDump(t *testing.T) {
	f := newDumpFixture(t)
	const text = "DUMP\nBUG: it fell over\n"
	var d record.Dump
	resp := f.do(t, "POST", "/api/v1/dumps?host=web1&filename=vmcore&wait=1", text, &d)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Location") != "/api/v1/dumps/"+d.ID {
		t.Fatalf("send: %s, %v", resp.Status, resp.Header)
	}
	if d.State != record.DumpAnalysed || d.Summary.Title != "boom" || len(d.Crashes) != 1 || d.Host.Name != "web1" || d.Duplicate {
		t.Errorf("the dump: %+v", d)
	}
	var again record.Dump
	f.do(t, "POST", "/api/v1/dumps?host=web1&sha256="+d.SHA256, "what is known is not read", &again)
	if again.ID != d.ID || !again.Duplicate {
		t.Errorf("sent again: %+v", again)
	}
	var list record.DumpPage
	if f.do(t, "GET", "/api/v1/dumps?crash="+d.Crashes[0], "", &list); list.Total != 1 || list.Items[0].ID != d.ID {
		t.Errorf("dumps of the crash: %+v", list)
	}
	for _, tt := range []struct {
		path, accept, body, encoding string
	}{
		{"/document", "identity", `{"schema":"x"}`, ""},
		{"/document", "br, gzip;q=0.5", `{"schema":"x"}`, "gzip"},
		{"/document", "gzip;q=0", `{"schema":"x"}`, ""},
		{"/log", "", text, ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", f.URL+"/api/v1/dumps/"+d.ID+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", tt.accept)
		resp, err := f.Client().Transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.Header.Get("Content-Encoding") == "gzip" {
			z, zerr := gzip.NewReader(bytes.NewReader(body))
			if zerr != nil {
				t.Fatal(zerr)
			}
			body, err = io.ReadAll(z)
		}
		if err != nil || string(body) != tt.body || resp.Header.Get("Content-Encoding") != tt.encoding {
			t.Errorf("%s with %q: %q, %v, %v", tt.path, tt.accept, body, resp.Header, err)
		}
	}
	if resp := f.do(t, "GET", "/api/v1/dumps/nosuch/document", "", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a dump that there is not: %s", resp.Status)
	}
}

func TestDumpRefused(t *testing.T) {
	f := newDumpFixture(t)
	for _, tt := range []struct {
		name, query, body string
		status            int
		says              string
	}{
		{"too large", "", "DUMP" + strings.Repeat("x", 2000), http.StatusRequestEntityTooLarge, "makedumpfile -d 31"},
		{"a log", "", "BUG: hello", http.StatusUnprocessableEntity, "/api/v1/artefacts"},
		{"empty", "", "", http.StatusUnprocessableEntity, "empty"},
		{"another content", "?sha256=" + strings.Repeat("0", 64), "DUMP", http.StatusBadRequest, "announced"},
		{"no hash", "?sha256=abc", "DUMP", http.StatusUnprocessableEntity, ""},
	} {
		var p Problem
		resp := f.do(t, "POST", "/api/v1/dumps"+tt.query, tt.body, &p)
		if resp.StatusCode != tt.status || !strings.Contains(p.Detail, tt.says) {
			t.Errorf("%s: %s, %+v", tt.name, resp.Status, p)
		}
		if tt.status == http.StatusRequestEntityTooLarge && p.Limit != 2000 {
			t.Errorf("%s: the limit is said to be %d", tt.name, p.Limit)
		}
	}
	// The same without saying beforehand how long it is.
	req, err := http.NewRequestWithContext(t.Context(), "POST", f.URL+"/api/v1/dumps", io.MultiReader(strings.NewReader("DUMP"), strings.NewReader(strings.Repeat("x", 5000))))
	if err != nil {
		t.Fatal(err)
	}
	var p Problem
	if resp := f.send(t, req, &p); resp.StatusCode != http.StatusRequestEntityTooLarge || p.Limit != 2000 {
		t.Errorf("too large, in chunks: %s, %+v", resp.Status, p)
	}
	left, err := filepath.Glob(filepath.Join(f.blobs, "*", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	var d record.Dump
	f.do(t, "POST", "/api/v1/dumps?wait=1", "DUMP poison", &d)
	if d.State != record.DumpFailed || d.Error != "the analysis broke down" {
		t.Errorf("a dump that cannot be analysed: %+v", d)
	}
}
