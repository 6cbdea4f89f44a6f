package render

import (
	"strings"
	"testing"
	"time"

	"ringside/probe"
	"ringside/trace/latency"
)

func probeReport() ProbeReport {
	var h probe.Histogram
	for v := range uint64(1000) {
		h.Add((v + 1) * 1000)
	}
	r := &probe.Recipe{Name: "r", Title: "Waits", Answers: "Who waits?"}
	c := &probe.Choice{Capture: probe.Capture{With: probe.EBPF, Loses: "a little"}, Against: []probe.Objected{{With: probe.Tracefs, Why: "<locked>"}}}
	rec := &probe.Recording{Format: probe.Tables, Progress: probe.Progress{Elapsed: time.Second, Events: 1000}, Spent: time.Millisecond, Tables: []probe.Table{
		{Name: "w", Title: "Waiting", By: []string{"comm"}, Timed: true, Count: 1000, Total: 500 * time.Millisecond, Max: time.Millisecond, Histogram: h, Rows: []probe.Row{{Label: []string{"<script>"}, Count: 1000, Total: 500 * time.Millisecond, Max: time.Millisecond}}},
		{Name: "k", Title: "Memory", By: []string{"call_site"}, Kept: true, Count: 2, Made: 9, Bytes: 4096, Rows: []probe.Row{{Label: []string{"f"}, Count: 2, Bytes: 4096, Stack: []string{"f", "g"}}}},
		{Name: "n", Title: "Never"},
	}}
	doc := NewProbeReport(r, c, rec, time.Unix(0, 0))
	doc.Latency = map[string]latency.Latency{latency.RunQueue: {N: 1, P99: time.Second, Worst: []latency.Story{{What: "sh", Latency: time.Second, Waker: "init"}}}}
	doc.Files = []ProbeFile{{What: "flame graph", Path: "out/flame.html", Picture: []byte("<svg/>")}}
	doc.Conclude()
	return doc
}

func TestProbePage(t *testing.T) {
	var b strings.Builder
	if err := ProbePage(&b, probeReport()); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{
		"Waiting: 991 µs at the 99th percentile, 1 ms at most", "stayed, most with call_site f", "&lt;script&gt;", "not", "&lt;locked&gt;", "a little",
		`role="img" aria-label="Waiting: 1000 times`, `href="flame.html"`, "data:image/svg&#43;xml;base64,PHN2Zy8&#43;", "It did not happen.", "woken by init", "1ms of CPU time, 0.10 % of one CPU", `class="chain">f ← g`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for _, not := range []string{"<script", "http://", "https://", "ZgotmplZ"} {
		if strings.Contains(page, not) {
			t.Errorf("the page has %q", not)
		}
	}
}

func TestOctaves(t *testing.T) {
	var h probe.Histogram
	for _, v := range []uint64{1000, 1001, 5000} {
		h.Add(v)
	}
	list := octaves(h)
	n := uint64(0)
	for i, b := range list {
		n += b.Count
		if b.High <= b.Low || i > 0 && b.Low != list[i-1].High {
			t.Errorf("bar %d is [%d, %d)", i, b.Low, b.High)
		}
	}
	if n != 3 || list[0].Low > 1000 || list[len(list)-1].High <= 5000 || octaves(probe.Histogram{}) != nil {
		t.Errorf("bars: %v", list)
	}
}
