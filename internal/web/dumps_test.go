package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ringside/crash"
	"ringside/internal/record"
	"ringside/internal/store"
)

// cannedDumps knows one dump, "DUMP hang", and finds in it what the real reader
// found in a real one.
type cannedDumps struct{}

func (cannedDumps) Recognize(head []byte) bool { return bytes.HasPrefix(head, []byte("DUMP")) }

func (cannedDumps) AnalyzeDump(_ context.Context, f *os.File) (*record.DumpAnalysis, error) {
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	a := &record.DumpAnalysis{Close: func() error { return nil }, Summary: record.DumpSummary{Format: "kdump", Release: "6.1.0-56-cloud-amd64", Arch: "x86_64",
		Rung: "btf", CPUs: 2, Tasks: 69, StoppedAt: new(today.Add(-time.Hour)), Kind: "deadlock", Title: "deadlock of klab-abba-1:110 and klab-abba-2:111", Sure: 1, Findings: 8, Failed: []string{}}}
	switch {
	case bytes.Contains(text, []byte("broken")):
		return nil, store.Permanent(errors.New("the analysis needs <more> memory; raise --dump-memory"))
	case bytes.Contains(text, []byte("bare")):
		// Of a dump that has no types: nothing but its log.
		a.Outline, a.Document = zipped(`{"rung":"vmcoreinfo","ladder":[{"rung":"kallsyms","text":"no <b>tables</b>"}],"findings":[]}`), strings.NewReader("")
		return a, nil
	}
	outline, err := os.ReadFile(filepath.Join("testdata", "dump-hang.outline.json.gz"))
	if err != nil {
		return nil, err
	}
	log, err := os.ReadFile(filepath.Join("testdata", "dump-hang.log"))
	a.Outline, a.Document, a.Log = bytes.NewReader(outline), bytes.NewReader(outline), bytes.NewReader(log)
	return a, err
}

func zipped(text string) io.Reader {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return &b
}

// sendDump sends the dump and returns the path of its page.
func (f *fleet) sendDump(text ...string) string {
	f.t.Helper()
	f.now = f.now.Add(time.Second)
	r, err := f.svc.Intake(f.t.Context(), strings.NewReader("DUMP hang"+strings.Join(text, "")), record.Meta{Host: "web02", Filename: "vmcore", ReceivedAt: f.now})
	if err != nil {
		f.t.Fatal(err)
	}
	if err := f.svc.Drain(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	return "/dumps/" + r.ID
}

func TestDumpPages(t *testing.T) {
	f := emptyFleet(t)
	wants(t, f.get("/dumps").Body.String(), "No dump here", "ringside push", "/api/v1/dumps?host=NAME")
	d, broken, bare := f.sendDump(), f.sendDump(" broken"), f.sendDump(" bare")
	p, err := f.svc.Dumps(t.Context(), record.DumpFilter{State: record.DumpAnalysed, Kind: "deadlock"})
	if err != nil || len(p.Items) != 2 || len(p.Items[1].Crashes) != 1 {
		t.Fatalf("dumps: %+v, %v", p, err)
	}
	crashPath := "/crashes/" + p.Items[1].Crashes[0]
	for _, tt := range []struct {
		path   string
		status int
		texts  []string
	}{
		{"/dumps", 200, []string{`href="` + d + `"`, "deadlock of klab-abba-1:110", "web02", "analysed", "failed", "1–3 of 3"}},
		{"/dumps?state=failed", 200, []string{`href="` + broken + `"`, `!href="` + d + `"`}},
		{"/dumps?kind=oops", 200, []string{"No dump fits"}},
		{"/dumps?state=lost", 400, nil},
		{d, 200, []string{"What is wrong", "mutex klab_b [klab] held by klab-abba-2:111", "struct mutex 0xffffffffc05d1080", "What to do next", `<svg class="locks"`,
			"Blocked tasks", "rwreader [klab]", "CPU 0 panicked", "dwarf: no vmlinux", "log?line=350#L350", `href="` + crashPath + `"`, "khungtaskd"}},
		{d + "/tasks", 200, []string{"klab-abba-1", "swapper/0", "1–50 of 69"}},
		{d + "/tasks?state=D", 200, []string{"klab-rw-w", "!swapper", "1–6 of 6", "waits for mutex klab_b [klab]"}},
		{d + "/tasks?q=111", 200, []string{"klab-abba-2", "!klab-abba-1<", "1–1 of 1"}},
		{d + "/tasks?q=KLAB&sort=name", 200, []string{"1–6 of 6", `aria-sort="descending"`}},
		{d + "/tasks?offset=50", 200, []string{"51–69 of 69"}},
		{d + "/tasks?offset=5000", 200, []string{"No task fits"}},
		{d + "/tasks?stack=0", 200, []string{"1–1 of 1"}},
		{d + "/tasks?stack=x", 400, nil},
		{d + "/tasks?sort=colour", 400, []string{"tid, name, waited, ran or rss"}},
		{d + "/stacks", 200, []string{"rescuer_thread", "__mutex_lock.constprop.0", "tasks with this stack", "of 25"}},
		{d + "/stacks?q=abba1", 200, []string{"abba1", "!abba2", "1–1 of 1"}},
		{d + "/stacks?group=0", 200, []string{" open>", "Show all stacks"}},
		{d + "/stacks?q=nosuch", 200, []string{"No stack fits"}},
		{d + "/locks", 200, []string{`<svg class="locks"`, "klab-abba-1:110 → mutex klab_b [klab] → klab-abba-2:111 → mutex klab_a [klab] → klab-abba-1:110", "completion klab_never [klab]", "for which 3 tasks wait", "(write)", "last taken by klab-rw-r1:113"}},
		{d + "/memory", 200, []string{"klab_leak", "node 0 DMA32", "MemTotal", "pcpu_create_chunk", "init:1"}},
		{d + "/system", 200, []string{"klab", "lo_fops [loop]", "timer_interrupt", "delayed_work_timer_fn", "rootfs", "CPU 0"}},
		{d + "/log", 200, []string{"Linux version 6.1.0-56-cloud-amd64", `id="L1"`, "[    0.000000][    T0]", "The reports in it"}},
		{d + "/log?level=3", 200, []string{"lv-err", "!lv-info"}},
		{d + "/log?q=blocked+for+more", 200, []string{"klab-abba-1:110 blocked for more than 15 seconds", `id="L350"`, "!Linux version"}},
		{d + "/log?q=nosuch", 200, []string{"No line fits"}},
		{d + "/log?level=9", 400, nil},
		{d + "/nosuch", 404, []string{"There is no such page"}},
		{broken, 200, []string{"It could not be analysed", "needs &lt;more&gt; memory", "Analyse it again"}},
		{broken + "/tasks", 303, nil},
		{bare, 200, []string{"kallsyms: no &lt;b&gt;tables"}},
		{bare + "/tasks", 200, []string{"Nothing of this could be read"}},
		{bare + "/stacks", 200, []string{"Nothing of this could be read"}},
		{bare + "/locks", 200, []string{"Nothing of this could be read"}},
		{bare + "/memory", 200, []string{"Nothing of this could be read"}},
		{bare + "/system", 200, nil},
		{bare + "/log", 200, []string{"The dump holds no log"}},
		{"/dumps/01H00000000000000000000000", 404, []string{"Not in the record"}},
		{crashPath, 200, []string{`href="` + d + `"`, "Kernel dump", "hung-task"}},
	} {
		t.Run(tt.path, func(t *testing.T) {
			w := f.get(tt.path)
			if w.Code != tt.status {
				t.Fatalf("status %d, want %d\n%s", w.Code, tt.status, f.log)
			}
			wants(t, w.Body.String(), tt.texts...)
		})
	}
	raw := f.get(d + "/raw")
	if raw.Body.String() != "DUMP hang" || !strings.Contains(raw.Header().Get("Content-Disposition"), "filename=vmcore") {
		t.Errorf("the dump itself: %q, %v", raw.Body, raw.Header())
	}
	w := httptest.NewRecorder()
	f.ui.ServeHTTP(w, httptest.NewRequest(http.MethodPost, broken+"/analysis", nil))
	if w.Code != http.StatusSeeOther {
		t.Errorf("analyse again: %d", w.Code)
	}
	wants(t, f.get(broken).Body.String(), "Its analysis waits for its turn")
}

var nodeAt = regexp.MustCompile(`<rect x="(\d+)" y="(\d+)"`)

func TestDrawLocks(t *testing.T) {
	task := func(i int) crash.WaitNode {
		return crash.WaitNode{Kind: "task", Name: fmt.Sprintf("<t%d>:%d", i, i+1), PID: i + 1, State: "D"}
	}
	lock := crash.WaitNode{Kind: "lock", Name: "mutex a&b"}
	many := crash.WaitGraph{Nodes: []crash.WaitNode{lock}}
	for i := range 500 {
		many.Nodes = append(many.Nodes, task(i))
		many.Edges = append(many.Edges, crash.WaitEdge{From: i + 1, To: 0, Reason: "waits for", Confidence: 1})
	}
	long := crash.WaitGraph{}
	for i := range 300 {
		long.Nodes = append(long.Nodes, task(i))
		long.Edges = append(long.Edges, crash.WaitEdge{From: i, To: (i + 1) % 300, Reason: "waits for", Confidence: 1})
	}
	for _, tt := range []struct {
		name  string
		g     crash.WaitGraph
		drawn int
		more  int
	}{
		{"nothing", crash.WaitGraph{}, 0, 0},
		{"a ring of one task and a lock", crash.WaitGraph{Nodes: []crash.WaitNode{task(0), lock}, Edges: []crash.WaitEdge{{From: 0, To: 1, Reason: "waits for"}, {From: 1, To: 0, Reason: "held by"}}, Cycles: [][]int{{0, 1}}}, 2, 0},
		{"many waiters for one lock", many, 1 + maxAlike, 500 - maxAlike},
		{"a ring longer than the drawing", long, maxDrawn, 300 - maxDrawn},
		{"edges that lead nowhere", crash.WaitGraph{Nodes: []crash.WaitNode{task(0)}, Edges: []crash.WaitEdge{{From: 0, To: 7}, {From: -1, To: 0}, {From: 0, To: 0}}, Cycles: [][]int{{0, 9}, {}}, Ends: []crash.WaitEnd{{Node: 9}}}, 0, 1},
	} {
		g := drawLocks(&tt.g, "/dumps/x")
		if g.Drawn != tt.drawn || g.More != tt.more {
			t.Errorf("%s: %d drawn and %d not, want %d and %d", tt.name, g.Drawn, g.More, tt.drawn, tt.more)
		}
		svg := string(g.SVG)
		if strings.Contains(svg, "<t0>") || strings.Contains(svg, "a&b") {
			t.Errorf("%s: names are not escaped: %s", tt.name, svg)
		}
		places := map[string]bool{}
		for _, m := range nodeAt.FindAllString(svg, -1) {
			if places[m] {
				t.Errorf("%s: two nodes are drawn at %s", tt.name, m)
			}
			places[m] = true
		}
		if len(places) != tt.drawn {
			t.Errorf("%s: %d nodes are in the drawing, want %d", tt.name, len(places), tt.drawn)
		}
	}
}

func FuzzDumpLog(f *testing.F) {
	f.Add("<6>[    1.000000][    T1] hello\nplain\n<3>[drm] error\n\n", 0, 8)
	f.Add("<9>[1]<]]]\r\n\xff", 1, 3)
	f.Fuzz(func(t *testing.T, text string, offset, most int) {
		var v dumpLogView
		if err := v.read(strings.NewReader(text), offset, most); err != nil {
			t.Fatal(err)
		}
		if len(v.Lines) > logRows || v.Total > strings.Count(text, "\n")+1 {
			t.Errorf("%d lines of %d", len(v.Lines), v.Total)
		}
	})
}

func TestSplitLogLine(t *testing.T) {
	for text, want := range map[string]dumpLine{
		"<6>[    1.000000][    T1] hello": {1, 6, "[    1.000000][    T1]", " hello"},
		"<3>[    1.000000] [drm] hello":   {1, 3, "[    1.000000]", " [drm] hello"},
		"<3>[drm] hello":                  {1, 3, "", "[drm] hello"},
		"[    1.000000][   C0] x":         {1, -1, "[    1.000000][   C0]", " x"},
		"[]":                              {1, -1, "", "[]"},
		"<8>x":                            {1, -1, "", "<8>x"},
	} {
		if got := splitLogLine(1, text); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

// A document of fifty thousand tasks is read once, and a page of it is made
// from memory.
func TestDumpDocs(t *testing.T) {
	var c dumpDocs
	at := time.Unix(1, 0)
	for i := range keptDumpDocs + 1 {
		c.put(fmt.Sprint(i), at, &dumpDoc{Rung: fmt.Sprint(i)})
	}
	if c.get("0", at) != nil || len(c.kept) != keptDumpDocs {
		t.Errorf("%d documents are kept, the oldest too", len(c.kept))
	}
	if d := c.get("1", at); d == nil || d.Rung != "1" || c.kept[0].id != "1" {
		t.Errorf("the document looked at: %+v, first is %s", d, c.kept[0].id)
	}
	if c.get("1", at.Add(time.Second)) != nil {
		t.Error("the document of an earlier analysis is given for a later one")
	}
}
