package render

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"html/template"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ringside/trace/latency"
)

//go:embed probe_page.html
var probePage string

var probeTemplate = template.Must(template.New("probe").Funcs(template.FuncMap{
	"brief": brief,
	"bytes": func(n uint64) string { return bytesText(int64(n)) },
	"join":  func(list []string) string { return strings.Join(list, ", ") },
	"calls": func(list []string) string { return strings.Join(list, " ← ") },
	"base":  filepath.Base,
	"mean": func(total time.Duration, n uint64) string {
		return brief(total / time.Duration(max(1, n)))
	},
	"share":   func(part, of int64) string { return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(max(1, of))) },
	"width":   func(part, of int64) string { return fmt.Sprintf("%.2f", 100*float64(part)/float64(max(1, of))) },
	"int":     func(v any) int64 { return toInt(v) },
	"seconds": func(ns uint64) float64 { return float64(ns) / 1e9 },
	"story":   story,
	"title":   func(kind string) string { return latencyTitles[kind] },
	"first":   func(n int, list any) any { return firstOf(n, list) },
	"histogram": func(t ProbeTable) template.HTML {
		return template.HTML(histogramHTML(t)) //nolint:gosec // made of numbers and escaped text
	},
	"picture": func(svg []byte) template.URL {
		return template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(svg)) //nolint:gosec // a picture of our own, which cannot run
	},
}).Parse(probePage))

func toInt(v any) int64 {
	switch v := v.(type) {
	case uint64:
		return int64(v)
	case time.Duration:
		return int64(v)
	case int64:
		return v
	}
	return 0
}

// firstOf bounds what a page lists; the JSON form has all.
func firstOf(n int, list any) any {
	switch l := list.(type) {
	case []latency.Story:
		return l[:min(n, len(l))]
	case []latency.Part:
		return l[:min(n, len(l))]
	}
	return list
}

// ProbePage writes the report as one page with everything in it.
func ProbePage(w io.Writer, r ProbeReport) error {
	type kind struct {
		Kind string
		latency.Latency
	}
	view := struct {
		ProbeReport
		Cost  string
		Kinds []kind
	}{ProbeReport: r}
	if r.Spent > 0 {
		view.Cost = fmt.Sprintf("%s of CPU time, %.2f %% of one CPU", r.Spent.Round(time.Microsecond), 100*float64(r.Spent)/float64(max(1, r.Elapsed)))
	}
	for _, k := range latency.Kinds {
		if l, ok := r.Latency[k]; ok {
			view.Kinds = append(view.Kinds, kind{k, l})
		}
	}
	view.Tables = slices.Clone(r.Tables)
	for i, t := range view.Tables {
		const most = 100
		view.Tables[i].Rows = t.Rows[:min(len(t.Rows), most)]
	}
	return probeTemplate.Execute(w, view)
}

// histogramHTML draws a histogram over a logarithmic scale of time. Bars stretch
// with the page, texts do not: they are of the page, at their share of its width.
// The height is the logarithm of the count, so that a tail of a few can be seen.
func histogramHTML(t ProbeTable) string {
	list := octaves(t.Histogram)
	if len(list) == 0 {
		return ""
	}
	most := uint64(0)
	for _, b := range list {
		most = max(most, b.Count)
	}
	low, high := math.Log2(float64(max(1, list[0].Low))), math.Log2(float64(list[len(list)-1].High))
	at := func(d float64) float64 {
		return min(100, max(0, 100*(math.Log2(max(1, d))-low)/max(high-low, 1e-9)))
	}
	var s strings.Builder
	fmt.Fprintf(&s, `<div class="hist"><div class="marks">`)
	for i, m := range []struct {
		name string
		d    time.Duration
	}{{"p50", t.P50}, {"p99", t.P99}, {"p99.9", t.P999}} {
		x, side := at(float64(m.d)), "left"
		if x > 60 {
			x, side = 100-x, "right"
		}
		fmt.Fprintf(&s, `<span class="m%d %s" style="%s:%.2f%%">%s %s</span>`, i, side, side, x, m.name, html.EscapeString(brief(m.d)))
	}
	fmt.Fprintf(&s, `</div><svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="%s: %d times, half within %s, 99 %% within %s, at most %s">`,
		html.EscapeString(t.Title), t.Count, html.EscapeString(brief(t.P50)), html.EscapeString(brief(t.P99)), html.EscapeString(brief(t.Max)))
	for _, b := range list {
		if b.Count == 0 {
			continue
		}
		height := 100 * (.06 + .94*math.Log1p(float64(b.Count))/math.Log1p(float64(most)))
		from, to := at(float64(b.Low)), at(float64(b.High))
		fmt.Fprintf(&s, `<rect x="%.2f" y="%.2f" width="%.2f" height="%.2f"><title>%s to %s: %d</title></rect>`, from, 100-height, max(.2, to-from-.15), height,
			html.EscapeString(brief(time.Duration(b.Low))), html.EscapeString(brief(time.Duration(b.High))), b.Count)
	}
	for i, d := range []time.Duration{t.P50, t.P99, t.P999} {
		fmt.Fprintf(&s, `<line class="m%d" x1="%.2f" x2="%.2f" y1="0" y2="100"/>`, i, at(float64(d)), at(float64(d)))
	}
	s.WriteString(`</svg><div class="axis">`)
	last := -100.0
	for d := 1.0; d < 1e15; d *= 10 {
		if x := 100 * (math.Log2(d) - low) / max(high-low, 1e-9); x >= 0 && x <= 96 && x-last > 14 {
			fmt.Fprintf(&s, `<span style="left:%.2f%%">%s</span>`, x, html.EscapeString(brief(time.Duration(d))))
			last = x
		}
	}
	s.WriteString(`</div></div><details><summary>The histogram as a table; its bars are as high as the logarithm of their count</summary><div class="wide"><table><thead><tr><th scope="col">From<th scope="col">To<th scope="col">Times<tbody>`)
	for _, b := range list {
		if b.Count > 0 {
			fmt.Fprintf(&s, `<tr><td>%s<td>%s<td>%d`, html.EscapeString(brief(time.Duration(b.Low))), html.EscapeString(brief(time.Duration(b.High))), b.Count)
		}
	}
	s.WriteString(`</table></div></details>`)
	return s.String()
}
