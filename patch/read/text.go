package read

import (
	"errors"
	"slices"
	"strings"

	"ringside/patch"
	"ringside/patch/diff"
)

// text is a part of a file that knows where its lines are in it.
type text struct {
	s     string
	first int // line of the file that it begins in
	// lines are those of the file for each line, where an encoding has moved them; nil
	// counts on from first.
	lines []int
}

// line gives the file's line of a text's line, which counts from 1.
func (t text) line(n int) int {
	if t.lines == nil {
		return t.first + n - 1
	}
	if len(t.lines) == 0 {
		return t.first
	}
	return t.lines[min(max(n-1, 0), len(t.lines)-1)]
}

// from cuts off what comes before an offset at the begin of a line.
func (t text) from(i int) text {
	n := strings.Count(t.s[:i], "\n")
	out := text{s: t.s[i:], first: t.line(n + 1)}
	if t.lines != nil {
		out.lines = t.lines[min(n, len(t.lines)):]
	}
	return out
}

// to keeps what comes before an offset.
func (t text) to(i int) text {
	t.s = t.s[:i]
	return t
}

// join puts a text behind another.
func (t text) join(u text) text {
	if t.s != "" && !strings.HasSuffix(t.s, "\n") {
		t.s += "\n"
	}
	var lines []int
	for _, x := range []text{t, u} {
		for n := range strings.Count(x.s, "\n") {
			lines = append(lines, x.line(n+1))
		}
	}
	n := strings.Count(u.s, "\n")
	return text{s: t.s + u.s, first: t.first, lines: append(lines, u.line(n+1))}
}

// unixLines takes the CR off lines that a mail's transport has put there.
func (t text) unixLines() text {
	t.s = strings.ReplaceAll(t.s, "\r\n", "\n")
	return t
}

// cutLine takes the first line off.
func cutLine(s string) (line, rest string) {
	i := strings.IndexByte(s, '\n')
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i+1:]
}

// problem makes a problem of a diff's error.
func problem(err error) patch.Problem {
	if e, ok := errors.AsType[*diff.Error](err); ok {
		return patch.Problem{Line: e.Line, Text: e.Err.Error()}
	}
	return patch.Problem{Text: err.Error()}
}

// worst bounds the problems of one patch.
func worst(p *patch.Patch) {
	if len(p.Problems) > 1000 {
		p.Problems = slices.Clip(append(p.Problems[:1000], patch.Problem{Line: p.Line, Text: "there are more problems than are kept"}))
	}
}
