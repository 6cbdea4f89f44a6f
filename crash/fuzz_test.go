package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
)

// FuzzParse feeds hostile logs. Whatever they are: no panic, bounded output,
// spans within the input, links within the document, a document that JSON can
// hold.
func FuzzParse(f *testing.F) {
	for _, name := range labLogs(f) {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		// The interesting part is at the end of each log.
		f.Add(data[max(0, len(data)-6000):])
	}
	for _, fm := range Formats() {
		f.Add([]byte("[    1.000000] " + fm.Example + "\n[    1.000001] CPU: 0 PID: 1 Comm: x Not tainted 6.1.0 #1\n[    1.000002] Call Trace:\n[    1.000003]  foo+0x1/0x2\n"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<20 {
			t.Skip("longer inputs only take longer")
		}
		doc, err := Parse(context.Background(), bytes.NewReader(data), Options{MaxReports: 50})
		if err != nil {
			t.Fatalf("a reader without errors gave one: %v", err)
		}
		checkDocument(t, doc, int64(len(data)))
	})
}

func checkDocument(t *testing.T, doc *Document, size int64) {
	t.Helper()
	if len(doc.Reports) > 50 {
		t.Fatalf("%d reports kept, at most 50 were asked for", len(doc.Reports))
	}
	for i := range doc.Reports {
		r := &doc.Reports[i]
		if r.Index != i {
			t.Fatalf("report %d says it is %d", i, r.Index)
		}
		if r.CausedBy != nil && (*r.CausedBy < 0 || *r.CausedBy >= i) {
			t.Fatalf("report %d is caused by %d", i, *r.CausedBy)
		}
		if len(r.Frames) > maxFrames || len(r.Stacks) > maxStacks || len(r.Evidence) > maxEvidence+1 || len(r.Registers) > maxRegisters || len(r.Modules) > maxModules {
			t.Fatalf("report %d is beyond its bounds", i)
		}
		if r.Span.Start < 0 || r.Span.Start > r.Span.End || r.Span.End > size {
			t.Fatalf("report %d has span %v of %d bytes", i, r.Span, size)
		}
		for _, e := range r.Evidence {
			if e.Span.Start < 0 || e.Span.Start > e.Span.End || e.Span.End > size {
				t.Fatalf("evidence %+v of %d bytes", e, size)
			}
		}
		if r.Confidence < 0 || r.Confidence > 1 || r.Kind == "" || r.Class == "" || r.Title == "" || r.Signature.Portable == "" {
			t.Fatalf("report %d is not complete: %+v", i, r)
		}
	}
	if _, err := json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
}

// A report cut anywhere still gives a document, and where the stack was cut off
// the report says so.
func TestCutAnywhere(t *testing.T) {
	data, err := os.ReadFile("testdata/lab/crash-mod-null.log")
	if err != nil {
		t.Fatal(err)
	}
	start := bytes.Index(data, []byte("BUG: kernel NULL"))
	for cut := start; cut < len(data); cut += 37 {
		doc, err := Parse(context.Background(), bytes.NewReader(data[:cut]), Options{})
		if err != nil {
			t.Fatal(err)
		}
		checkDocument(t, doc, int64(cut))
	}
	stack := bytes.Index(data, []byte("Call Trace:"))
	doc, err := Parse(context.Background(), bytes.NewReader(data[:stack]), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Reports) != 1 {
		t.Fatalf("%d reports in a log cut before its stack, want 1", len(doc.Reports))
	}
	r := &doc.Reports[0]
	for _, part := range []string{"stack", "end"} {
		if !containsString(r.Missing, part) {
			t.Errorf("missing is %v, want it to name %q", r.Missing, part)
		}
	}
	if len(doc.Notes) == 0 || r.Confidence >= 1 {
		t.Errorf("the document does not say that the log is cut: notes %v, confidence %v", doc.Notes, r.Confidence)
	}
}

// The head of a report is what a ring buffer loses first. Without it the report
// is still found, and its guilty function is the same.
func TestHeadLost(t *testing.T) {
	for _, tt := range []struct{ log, from, guilty string }{
		{"crash-mod-null.log", "CPU: 0 PID", "null_in_thread"},
		{"crash-mod-bug.log", "CPU: 1 PID", "lab_init"},
		{"crash-mod-warn.log", "CPU: 0 PID: 120 Comm", "lab_init"},
		{"crash-lkdtm-CORRUPT_LIST_ADD.log", "RIP: 0010:__list", "lkdtm_CORRUPT_LIST_ADD"},
	} {
		data, err := os.ReadFile("testdata/lab/" + tt.log)
		if err != nil {
			t.Fatal(err)
		}
		i := bytes.Index(data, []byte(tt.from))
		data = data[bytes.LastIndexByte(data[:i], '\n')+1:]
		doc, err := Parse(context.Background(), bytes.NewReader(data), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(doc.Reports) == 0 {
			t.Errorf("%s from %q: nothing found", tt.log, tt.from)
			continue
		}
		r := &doc.Reports[0]
		if r.Guilty == nil || r.Guilty.Function != tt.guilty || !containsString(r.Missing, "head") {
			t.Errorf("%s from %q: %s, missing %v; want %s and a missing head", tt.log, tt.from, r.Title, r.Missing, tt.guilty)
		}
	}
}

func containsString(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// hostile repeats a text without holding it.
type hostile struct {
	text string
	left int64
	at   int
}

func (h *hostile) Read(p []byte) (int, error) {
	if h.left <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && h.left > 0 {
		k := copy(p[n:], h.text[h.at:])
		k = int(min(int64(k), h.left))
		n, h.at, h.left = n+k, (h.at+k)%len(h.text), h.left-int64(k)
	}
	return n, nil
}

// Logs made to fill memory do not: what is kept is bounded, and the document
// says what was not.
func TestBounds(t *testing.T) {
	for name, text := range map[string]string{
		"reports": "[    1.000000] kernel BUG at fs/foo.c:12!\n",
		"boots":   "[    0.000000] Linux version 6.1.0 (a@b) (gcc) #1 SMP\n[    5.000000] x\n",
		"frames":  "[    1.000000] kernel BUG at fs/foo.c:12!\n[    1.000001] Call Trace:\n" + strings.Repeat("[    1.000002]  foo+0x1/0x2 [bar]\n", 300),
	} {
		doc, err := Parse(context.Background(), &hostile{text: text, left: 24 << 20}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		items := 0
		for i := range doc.Reports {
			items += len(doc.Reports[i].Frames) + len(doc.Reports[i].Evidence)
		}
		if len(doc.Reports) > 10_000 || len(doc.Boots) > maxBoots || items > 2*maxItems {
			t.Errorf("%s: %d reports, %d boots, %d items", name, len(doc.Reports), len(doc.Boots), items)
		}
		if name != "frames" && len(doc.Notes) == 0 {
			t.Errorf("%s: nothing says that not all was kept", name)
		}
	}
}
