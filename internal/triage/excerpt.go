package triage

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"

	"ringside/artefact"
	"ringside/crash"
	"ringside/klog"
)

var emptyStats = klog.Stats{}

// maxExcerpt is how many lines of evidence a finding shows.
const maxExcerpt = 14

// maxLineShown is how much of a line is shown.
const maxLineShown = 400

// evidenceFields are the fields whose lines are shown, the most telling first.
var evidenceFields = []string{
	"headline", "guilty", "pc", "fault.access", "fault.reason", "fault.address", "kernel", "task", "workqueue", "panicked", "subject",
}

// order sorts findings: what the log is about, then by harm, then by time.
func order(fs []Finding, doc *crash.Document) {
	rank := map[string]int{"panic": 5, "oops": 4, "hang": 3, "error": 2, "warning": 1, "event": 0}
	slices.SortStableFunc(fs, func(a, b Finding) int {
		if a.Primary != b.Primary {
			if a.Primary {
				return -1
			}
			return 1
		}
		return rank[b.Impact] - rank[a.Impact]
	})
}

// excerpts fetches the lines of evidence in a second pass over the input.
// Where the input was not kept for that, the document says so.
func (res *Result) excerpts(ctx context.Context, in Input, o Options) error {
	want := map[int]string{} // line number to field
	last := 0
	lines := make([][]int, len(res.Findings))
	for i := range res.Findings {
		r := &res.Document.Reports[res.Findings[i].Report]
		lines[i] = evidenceLines(r, want)
		for _, n := range lines[i] {
			last = max(last, n)
		}
	}
	if len(want) == 0 {
		return nil
	}
	text, err := quote(ctx, in, o, want, last)
	if errors.Is(err, ErrNotKept) {
		res.Document.Notes = append(res.Document.Notes, crash.Note{Text: "lines of evidence may not be quoted: " + err.Error()})
		err = nil
	}
	for i := range res.Findings {
		prev := 0
		for _, n := range lines[i] {
			if t, ok := text[n]; ok {
				res.Findings[i].Excerpt = append(res.Findings[i].Excerpt, LogLine{Line: n, Text: t, Gap: prev > 0 && n > prev+1, Field: want[n]})
				prev = n
			}
		}
	}
	return err
}

// quote reads the input a second time for the wanted lines. It returns those
// that it found even when there is an error.
func quote(ctx context.Context, in Input, o Options, want map[int]string, last int) (map[int]string, error) {
	f, err := in.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a, err := artefact.Open(f, o.Limits)
	if err != nil {
		return nil, err
	}
	return fetch(ctx, a, want, last)
}

// evidenceLines picks the lines of r to show and notes them in want.
func evidenceLines(r *crash.Report, want map[int]string) []int {
	var list []int
	add := func(n int, field string) {
		if n > 0 && len(list) < maxExcerpt && !slices.Contains(list, n) {
			list = append(list, n)
			if want[n] == "" {
				want[n] = field
			}
		}
	}
	for _, field := range evidenceFields {
		for i := range r.Evidence {
			if r.Evidence[i].Field == field {
				add(r.Evidence[i].Line, field)
			}
		}
	}
	shown := 0
	for i := range r.Frames {
		if f := &r.Frames[i]; f.Reliable && shown < 5 {
			add(f.LogLine, "frames")
			shown++
		}
	}
	slices.Sort(list)
	return list
}

// fetch reads the wanted lines, numbered as klog numbers physical lines.
func fetch(ctx context.Context, r io.Reader, want map[int]string, last int) (map[int]string, error) {
	text := make(map[int]string, len(want))
	br := bufio.NewReaderSize(r, 256<<10)
	for n := 1; n <= last; n++ {
		if n&0xfff == 0 && ctx.Err() != nil {
			return text, ctx.Err()
		}
		_, keep := want[n]
		line, err := readLine(br, keep)
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return text, err // half a line is no evidence
		}
		if keep && (len(line) > 0 || !ended) {
			text[n] = printable(line)
		}
		if ended {
			break
		}
	}
	return text, nil
}

// readLine consumes a line of any length and returns its beginning if keep.
func readLine(br *bufio.Reader, keep bool) ([]byte, error) {
	var line []byte
	for {
		part, err := br.ReadSlice('\n')
		if keep && len(line) < maxLineShown {
			line = append(line, part[:min(len(part), maxLineShown-len(line))]...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// printable makes a line safe for a terminal: no control characters, no broken
// UTF-8.
func printable(line []byte) string {
	out := make([]rune, 0, len(line))
	for _, r := range string(line) {
		switch {
		case r == '\n' || r == '\r':
		case r == '\t':
			out = append(out, ' ', ' ')
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x202e || r == 0x2066 || r == 0x2067:
			out = append(out, '·')
		default:
			out = append(out, r)
		}
	}
	return string(out)
}
