package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"testing"

	"ringside/crash"
	"ringside/internal/record"
)

// analyzeNamed finds a report whose functions are what follows "FN" in a log.
func analyzeNamed(_ context.Context, r io.Reader) (*crash.Document, error) {
	b, err := io.ReadAll(r)
	doc := &crash.Document{Schema: crash.SchemaID, Input: crash.Input{Transports: map[string]int64{}}, Reports: []crash.Report{}}
	if m := regexp.MustCompile(`FN (\w+) ([\w ]*)`).FindSubmatch(b); m != nil {
		rep := crash.Report{Kind: crash.KindWarning, Class: crash.ClassAssertion, Title: "warning in " + string(m[1]),
			Guilty: &crash.Location{Function: string(m[1])}, Signature: crash.Signature{Algorithm: "t1", Portable: "k-" + string(m[1]), Basis: []string{}}}
		for _, f := range bytes.Fields(m[2]) {
			rep.Frames = append(rep.Frames, crash.Frame{Function: string(f), Reliable: true})
		}
		doc.Reports = append(doc.Reports, rep)
	}
	return doc, err
}

func TestSameness(t *testing.T) {
	f := newFixture(t, func(rc *record.Config, _ *Config) {
		rc.Analyzer, rc.Algorithm = record.AnalyzerFunc(analyzeNamed), "t1"
	})
	ids := map[string]string{}
	for _, log := range []string{"FN wren_open wren_open wren_fill wren_tree wren_mount", "FN wren_fill wren_fill wren_tree wren_mount", "FN lark lark lark_ioctl"} {
		var r record.Receipt
		if resp := f.do(t, "POST", "/api/v1/artefacts?wait=1", log, &r); resp.StatusCode != http.StatusOK || len(r.Crashes) != 1 {
			t.Fatalf("upload: %s, %+v", resp.Status, r)
		}
		var c record.CrashDetail
		f.do(t, "GET", "/api/v1/crashes/"+r.Crashes[0], "", &c)
		ids[c.Signature.Title] = c.Signature.ID
	}
	open, fill := ids["warning in wren_open"], ids["warning in wren_fill"]

	var alike SignatureList
	if resp := f.do(t, "GET", "/api/v1/signatures/"+open+"/similar", "", &alike); resp.StatusCode != 200 || len(alike.Items) == 0 ||
		alike.Items[0].Signature.ID != fill || len(alike.Items[0].Reasons) == 0 || len(alike.Items[0].Frames) == 0 {
		t.Errorf("similar: %s, %+v", resp.Status, alike)
	}
	if resp := f.do(t, "GET", "/api/v1/signatures/none/similar", "", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("similar to nothing: %s", resp.Status)
	}
	var to record.SimilarTo
	if resp := f.do(t, "POST", "/api/v1/similar", "FN wren_open wren_open wren_tree", &to); resp.StatusCode != 200 || to.Known == nil || to.Known.ID != open {
		t.Errorf("a log: %s, %+v", resp.Status, to)
	}
	doc, err := analyzeNamed(t.Context(), bytes.NewReader([]byte("FN wren_new wren_new wren_fill wren_tree wren_mount")))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{doc, doc.Reports[0]} {
		body, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		to = record.SimilarTo{}
		if resp := f.do(t, "POST", "/api/v1/similar", string(body), &to, "Content-Type", "application/json"); resp.StatusCode != 200 || to.Known != nil || len(to.Similar) == 0 {
			t.Errorf("a parsed log: %s, %+v", resp.Status, to)
		}
	}
	for _, c := range []struct{ body, kind string }{{"no report", ""}, {"{", "application/json"}, {"[]", "application/json"}} {
		if resp := f.do(t, "POST", "/api/v1/similar", c.body, nil, "Content-Type", c.kind); resp.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%q: %s", c.body, resp.Status)
		}
	}

	var link record.Link
	if resp := f.do(t, "POST", "/api/v1/signature-links", `{"a":"`+open+`","b":"`+fill+`","kind":"must","by":"kim","reason":"inlined"}`, &link,
		"Content-Type", "application/json"); resp.StatusCode != 200 || link.By != "kim" {
		t.Fatalf("link: %s, %+v", resp.Status, link)
	}
	var list record.SignaturePage
	if f.do(t, "GET", "/api/v1/signatures", "", &list); list.Total != 2 {
		t.Errorf("%d signatures, want the merged one and the lark", list.Total)
	}
	var links record.LinkPage
	if f.do(t, "GET", "/api/v1/signature-links?signature="+fill, "", &links); len(links.Items) != 1 {
		t.Errorf("links %+v", links)
	}
	if resp := f.do(t, "POST", "/api/v1/signature-links/"+link.ID+"/undo", `{"by":"kim"}`, &link, "Content-Type", "application/json"); resp.StatusCode != 200 || link.UndoneAt == nil {
		t.Errorf("undo: %s, %+v", resp.Status, link)
	}
	if resp := f.do(t, "POST", "/api/v1/signature-links", `{"a":"`+open+`","b":"`+open+`","kind":"must"}`, nil, "Content-Type", "application/json"); resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a link to itself: %s", resp.Status)
	}
	var page record.SuggestionPage
	if resp := f.do(t, "GET", "/api/v1/merge-suggestions?limit=1", "", &page); resp.StatusCode != 200 {
		t.Errorf("suggestions: %s", resp.Status)
	}

	var a record.Algorithms
	if f.do(t, "GET", "/api/v1/signature-algorithms", "", &a); a.Active != "t1" || a.Program != "t1" || a.Backfill != nil {
		t.Errorf("algorithms %+v", a)
	}
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/api/v1/backfill", "", http.StatusUnprocessableEntity},
		{"GET", "/api/v1/backfill/diff", "", http.StatusNotFound},
		{"GET", "/api/v1/backfill/changes", "", http.StatusNotFound},
		{"PATCH", "/api/v1/backfill", `{"decision":"accept"}`, http.StatusUnprocessableEntity},
		{"PATCH", "/api/v1/backfill", `{"decision":"perhaps"}`, http.StatusUnprocessableEntity},
	} {
		if resp := f.do(t, c.method, c.path, c.body, nil, "Content-Type", "application/json"); resp.StatusCode != c.want {
			t.Errorf("%s %s: %s, want %d", c.method, c.path, resp.Status, c.want)
		}
	}
}
