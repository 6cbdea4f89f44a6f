package web

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"ringside/internal/record"
)

func TestAnnotate(t *testing.T) {
	for _, c := range []struct {
		name  string
		text  string
		start int64
		marks []mark
		want  string
	}{
		{"no mark", "Call Trace:", 0, nil, "Call Trace:"},
		{"one mark", "CPU: 3 PID", 100, []mark{{"e1", 105, 106, ""}}, `CPU: <span class="ev" data-e="e1">3</span> PID`},
		{"mark of another line", "CPU: 3", 100, []mark{{"e1", 10, 20, ""}, {"e2", 106, 110, ""}}, "CPU: 3"},
		{"mark over the line's borders", "abc", 100, []mark{{"e1", 0, 1000, ""}}, `<span class="ev" data-e="e1">abc</span>`},
		{"nested", "abcde", 0, []mark{{"e1", 0, 5, ""}, {"e2", 2, 3, "guilty"}},
			`<span class="ev" data-e="e1">ab</span><span class="ev ev-guilty" data-e="e1 e2">c</span><span class="ev" data-e="e1">de</span>`},
		{"overlapping", "abcd", 0, []mark{{"e1", 0, 3, ""}, {"e2", 1, 4, ""}},
			`<span class="ev" data-e="e1">a</span><span class="ev" data-e="e1 e2">bc</span><span class="ev" data-e="e2">d</span>`},
		{"empty mark", "ab", 0, []mark{{"e1", 1, 1, ""}}, "ab"},
		{"frame without its indentation", "  foo+0x1/0x2", 0, []mark{{"t0", 0, 13, "frame"}}, `  <span class="ev ev-frame" data-e="t0">foo+0x1/0x2</span>`},
		{"markup in a mark", `<b>"&'`, 0, []mark{{"e1", 0, 6, ""}}, `<span class="ev" data-e="e1">&lt;b&gt;&#34;&amp;&#39;</span>`},
		{"mark through a rune", "é", 0, []mark{{"e1", 0, 1, ""}},
			`<span class="ev" data-e="e1"><i class="ctl">\xc3</i></span><i class="ctl">\xa9</i>`},
		{"control characters", "\x1b[31m\x00\x7f\r", 0, nil, `<i class="ctl">^[</i>[31m<i class="ctl">^@</i><i class="ctl">^?</i><i class="ctl">^M</i>`},
		{"control characters that are markup", "\x1e\x1c\x06", 0, nil, `<i class="ctl">^^</i><i class="ctl">^\</i><i class="ctl">^F</i>`},
		{"bidirectional override", "a\u202eb", 0, nil, `a<i class="ctl">U+202E</i>b`},
		{"no-break space and line separator", "a\u00a0\u2028", 0, nil, `a<i class="ctl">U+00A0</i><i class="ctl">U+2028</i>`},
		{"tab", "a\tb", 0, nil, "a\tb"},
		{"time stamp", "<4>[   12.345678] [  T7] text", 0, nil, `<span class="ts">&lt;4&gt;[   12.345678] [  T7] </span>text`},
		{"mark in the time stamp", "[ 1.0] text", 0, []mark{{"e1", 2, 5, ""}},
			`<span class="ts">[ </span><span class="ev" data-e="e1">1.0</span><span class="ts">] </span>text`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := string(annotate(record.LogLine{Number: 1, Start: c.start, Text: c.text}, c.marks))
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

var (
	tags = regexp.MustCompile(`<span class="(ts|ev( ev-[a-z]+)*)"( data-e="[a-z0-9 ]+")?>|</span>|<i class="ctl">|</i>`)
	ctl  = regexp.MustCompile(`<i class="ctl">[^<]*</i>`)
)

// FuzzAnnotate checks that no bytes and no marks make markup other than ours,
// and that nothing of the text is lost.
func FuzzAnnotate(f *testing.F) {
	f.Add("[    9.897925] BUG: kernel NULL pointer dereference", int64(15), int64(18), int64(0), int64(60))
	f.Add("<script>alert('x')</script>\x1b]0;\xff\u202e", int64(0), int64(8), int64(4), int64(30))
	f.Add("é€😀", int64(1), int64(3), int64(2), int64(6))
	f.Fuzz(func(t *testing.T, text string, a, b, c, d int64) {
		if strings.Contains(text, "\n") {
			t.Skip("a line has no line end")
		}
		out := string(annotate(record.LogLine{Start: 0, Text: text}, []mark{{"e0", a, b, ""}, {"t1", c, d, "frame"}, {"e2", min(a, c), max(b, d), "wide"}}))
		if !utf8.ValidString(out) {
			t.Fatalf("%q: not UTF-8: %q", text, out)
		}
		if left := tags.ReplaceAllString(out, ""); strings.ContainsAny(left, "<>\"'") {
			t.Fatalf("%q: markup that is not ours: %q", text, left)
		}
		// Without what stands for invisible bytes, the visible text is whole.
		seen := html.UnescapeString(tags.ReplaceAllString(ctl.ReplaceAllString(out, ""), ""))
		var visible strings.Builder
		for i := 0; i < len(text); {
			_, n := utf8.DecodeRuneInString(text[i:])
			var one strings.Builder
			escapeLog(&one, text[i:i+n])
			if !strings.HasPrefix(one.String(), "<i") {
				visible.WriteString(text[i : i+n])
			}
			i += n
		}
		if got, want := len(seen), visible.Len(); got > want {
			t.Fatalf("%q: shows %q, which is more than there is", text, seen)
		}
		if !strings.Contains(out, `class="ctl">\x`) && seen != visible.String() {
			t.Fatalf("%q: shows %q, want %q", text, seen, visible.String())
		}
	})
}
