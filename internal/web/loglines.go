package web

import (
	"cmp"
	"context"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"ringside/crash"
	"ringside/internal/record"
)

const (
	aroundReport = 12   // lines of context before and after a report
	moreLines    = 200  // lines that a click on a gap brings
	maxWindow    = 1200 // lines of one report that are shown at first
	maxShown     = 4000 // lines on a page
	maxReads     = 4    // times the artefact is streamed for one page
)

// logItem is a line of the log, or a gap where lines are left out.
type logItem struct {
	Number  int
	HTML    template.HTML
	Clipped bool
	Class   string       // "in": within a report, "sel": within the selected one
	Heads   []reportHead // reports that begin here
	Gap     *gap
}

// reportHead says which report begins at a line.
type reportHead struct {
	Index    int
	Kind     string
	Class    string
	Title    string
	URL      string
	Selected bool
}

// gap is lines that are not shown: from First to Last, or to an end that is
// not known.
type gap struct {
	ID          string // of the crash
	Report      int    // the selected one
	First, Last int    // Last is 0 for the end of the log
	Down, Up    bool   // whether there are lines to grow from: above, below
}

// Lines tells how many lines the gap has, in words.
func (g *gap) Lines() string {
	if g.Last == 0 {
		return "the log goes on"
	}
	return count(g.Last-g.First+1, "line", "lines") + " not shown"
}

// part is a link that shows some of a gap: on the page without scripts, in
// place with them.
func (g *gap) part(first, last int) string {
	v := fmt.Sprintf("first=%d&last=%d&gap=%d-%d&report=%d", first, last, g.First, g.Last, g.Report)
	return "/crashes/" + g.ID + "/lines?" + v
}

// More lists what can be shown of the gap.
func (g *gap) More() []gapLink {
	var out []gapLink
	page := func(first, last int) string {
		return fmt.Sprintf("/crashes/%s?report=%d&log=%d-%d#L%d", g.ID, g.Report, first, last, first)
	}
	last := g.Last
	if last == 0 {
		last = math.MaxInt32
	}
	if last-g.First < moreLines {
		return []gapLink{{"show them", g.part(g.First, last), page(g.First, last)}}
	}
	if g.Down {
		to := g.First + moreLines - 1
		out = append(out, gapLink{fmt.Sprintf("show the next %d", moreLines), g.part(g.First, to), page(g.First, to)})
	}
	if g.Up && g.Last != 0 {
		from := g.Last - moreLines + 1
		out = append(out, gapLink{fmt.Sprintf("show the %d before line %d", moreLines, g.Last+1), g.part(from, g.Last), page(from, g.Last)})
	}
	return out
}

type gapLink struct{ Label, Part, Page string }

// logReader reads the parts of a log that a page shows.
type logReader struct {
	svc  Record
	ctx  context.Context
	v    *crashView
	want []crash.LineRange // sorted, apart from each other
}

// windows decides which lines are shown: each report of the boot with its
// surroundings, and what the request asks for besides ("120-300").
func (lr *logReader) windows(extra string) error {
	var list []crash.LineRange
	add := func(r crash.LineRange) {
		first := max(1, r.First-aroundReport)
		list = append(list, crash.LineRange{First: first, Last: min(max(r.Last, r.First)+aroundReport, first+maxWindow)})
	}
	if lr.v.Selected != nil {
		add(lr.v.Selected.Lines)
	}
	if extra != "" {
		a, b, ok := strings.Cut(extra, "-")
		first, err1 := strconv.Atoi(a)
		last, err2 := strconv.Atoi(b)
		if !ok || err1 != nil || err2 != nil || first < 1 || last < first {
			return fmt.Errorf("log=%q: %w: it is two line numbers as 120-300", extra, record.ErrInvalid)
		}
		list = append(list, crash.LineRange{First: first, Last: min(last, first+maxWindow)})
	}
	for _, st := range lr.v.Chain {
		add(st.Report.Lines)
		for _, a := range st.Again {
			if len(st.Again) <= 8 {
				add(crash.LineRange{First: a.Line, Last: a.Line})
			}
		}
	}
	if len(list) == 0 {
		list = append(list, crash.LineRange{First: 1, Last: moreLines})
	}
	lr.want = merge(list)
	return nil
}

// merge sorts windows and joins those that touch or nearly do. What was asked
// for first is kept where there are too many lines.
func merge(list []crash.LineRange) []crash.LineRange {
	total := 0
	for i, r := range list {
		total += r.Last - r.First + 1
		if total > maxShown {
			list = list[:max(i, 1)]
			break
		}
	}
	slices.SortFunc(list, func(a, b crash.LineRange) int { return cmp.Compare(a.First, b.First) })
	out := list[:0:0]
	for _, r := range list {
		if n := len(out); n > 0 && r.First <= out[n-1].Last+4 {
			out[n-1].Last = max(out[n-1].Last, r.Last)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// read returns the lines of the windows with gaps between them. Windows near
// each other are read in one go, as each reading streams the artefact from its
// beginning; of those far away only some are shown, the rest stay gaps.
func (lr *logReader) read() ([]logItem, error) {
	var (
		out  []logItem
		next = 1 // the first line not yet accounted for
		more = true
	)
	for _, near := range lr.batches() {
		first, last := near[0].First, near[len(near)-1].Last
		t, err := lr.svc.CrashLog(lr.ctx, lr.v.ID, record.LogRange{First: first, Lines: last - first + 1})
		if err != nil {
			return out, err
		}
		more = t.After
		for _, w := range near {
			lines := between(t.Lines, w.First, w.Last)
			if len(lines) == 0 {
				continue
			}
			if lines[0].Number > next {
				out = append(out, lr.gap(next, lines[0].Number-1, next > 1, true))
			}
			out = append(out, lr.items(lines)...)
			next = lines[len(lines)-1].Number + 1
		}
		if n := len(t.Lines); n > 0 && t.Lines[n-1].Number >= next {
			more = true
		}
	}
	if more {
		out = append(out, lr.gap(next, 0, true, false))
	}
	return out, nil
}

// batches groups windows that are read together, at most maxReads of them: the
// one with the selected report in any case.
func (lr *logReader) batches() [][]crash.LineRange {
	var (
		out  [][]crash.LineRange
		must = 0
	)
	for i := 0; i < len(lr.want); {
		j := i + 1
		for j < len(lr.want) && lr.want[j].Last-lr.want[i].First < record.MaxLogLines {
			j++
		}
		if sel := lr.v.Selected; sel != nil && lr.want[i].First <= sel.Lines.First && sel.Lines.First <= lr.want[j-1].Last {
			must = len(out)
		}
		out = append(out, lr.want[i:j])
		i = j
	}
	if len(out) > maxReads {
		far := out[must]
		if out = out[:maxReads]; must >= maxReads {
			out[maxReads-1] = far
		}
	}
	return out
}

func between(lines []record.LogLine, first, last int) []record.LogLine {
	i, _ := slices.BinarySearchFunc(lines, first, func(l record.LogLine, n int) int { return cmp.Compare(l.Number, n) })
	j, _ := slices.BinarySearchFunc(lines, last+1, func(l record.LogLine, n int) int { return cmp.Compare(l.Number, n) })
	return lines[i:j]
}

func (lr *logReader) gap(first, last int, down, up bool) logItem {
	g := &gap{ID: lr.v.ID, First: first, Last: last, Down: down, Up: up}
	if lr.v.Selected != nil {
		g.Report = lr.v.Selected.Index
	}
	return logItem{Gap: g}
}

// items turns lines into what the page shows of them.
func (lr *logReader) items(lines []record.LogLine) []logItem {
	var marks []mark
	if lr.v.Facts != nil {
		marks = lr.v.Facts.marks
	}
	if len(lines) > 0 {
		// Most marks of a long log are elsewhere.
		from, to := lines[0].Start, lines[len(lines)-1].Start+int64(len(lines[len(lines)-1].Text))
		marks = slices.DeleteFunc(slices.Clone(marks), func(m mark) bool { return m.end <= from || m.start >= to })
	}
	out := make([]logItem, 0, len(lines))
	for _, l := range lines {
		it := logItem{Number: l.Number, HTML: annotate(l, marks), Clipped: l.Clipped}
		for _, r := range lr.v.CrashDetail.Chain {
			if r.Index >= len(lr.v.Document.Reports) {
				continue
			}
			rep := &lr.v.Document.Reports[r.Index]
			if l.Number < rep.Lines.First || l.Number > rep.Lines.Last {
				continue
			}
			selected := rep == lr.v.Selected
			if it.Class == "" {
				it.Class = "in"
			}
			if selected {
				it.Class = "in sel"
			}
			if l.Number == rep.Lines.First {
				it.Heads = append(it.Heads, reportHead{Index: r.Index, Kind: r.Kind, Class: r.Class, Title: r.Title, URL: lr.v.url(r.Index), Selected: selected})
			}
		}
		out = append(out, it)
	}
	return out
}

// crashLines serves lines that were left out, for a script that puts them in
// the place of their gap.
func (s *site) crashLines(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "report", "first", "last", "gap")
	if err != nil {
		return err
	}
	first, err := q.number("first")
	if err != nil {
		return err
	}
	last, err := q.number("last")
	if err != nil {
		return err
	}
	var g gap
	if _, err := fmt.Sscanf(q.get("gap"), "%d-%d", &g.First, &g.Last); err != nil || first < 1 || last < first || g.First < 1 || g.Last < 0 {
		return fmt.Errorf("lines %d to %d of gap %q: %w: follow a link of the crash's page", first, last, q.get("gap"), record.ErrInvalid)
	}
	c, err := s.svc.Crash(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	v := crashView{CrashDetail: c}
	if err := v.choose(q.get("report")); err != nil {
		return err
	}
	if v.Selected != nil {
		v.Facts = readFacts(c.Document, v.Selected)
	}
	lr := logReader{svc: s.svc, ctx: r.Context(), v: &v}
	t, err := s.svc.CrashLog(r.Context(), c.ID, record.LogRange{First: first, Lines: min(last-first+1, maxWindow)})
	if err != nil {
		return err
	}
	var items []logItem
	if first > g.First {
		items = append(items, lr.gap(g.First, first-1, g.First > 1, true))
	}
	items = append(items, lr.items(t.Lines)...)
	end := first
	if n := len(t.Lines); n > 0 {
		end = t.Lines[n-1].Number + 1
	}
	switch {
	case g.Last == 0 && t.After:
		items = append(items, lr.gap(end, 0, true, false))
	case g.Last != 0 && end <= g.Last && t.After:
		items = append(items, lr.gap(end, g.Last, true, true))
	}
	return s.fragment(w, r, "crash", "loglines", items)
}

// copyOrAbort streams a body. The status is sent already when something goes
// wrong halfway: cutting the connection is the one way left to tell the client
// that what it has is not all.
func copyOrAbort(w http.ResponseWriter, r *http.Request, log *slog.Logger, body io.Reader) {
	if r.Method == http.MethodHead {
		return
	}
	if _, err := io.Copy(w, body); err != nil {
		if r.Context().Err() == nil {
			log.Error("download was cut", "path", r.URL.Path, "error", err)
		}
		panic(http.ErrAbortHandler)
	}
}
