package read

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"ringside/patch"
	"ringside/patch/origin"
)

// said is a message with the place that it was read from.
type said struct {
	text        string
	at          text
	skip        int // lines of at that are not in text any more
	subjectLine int
}

func (s *said) cut() (line string) {
	line, s.text = cutLine(s.text)
	s.skip++
	return line
}

// inBody reads the fields that stand at the begin of a message where the sender is not
// the author.
func (s *said) inBody(p *patch.Patch) {
	s.subjectLine = p.Line
	for strings.HasPrefix(s.text, "\n") {
		s.cut()
	}
	any := false
	for {
		line, _ := cutLine(s.text)
		m := field.FindStringSubmatch(line)
		if m == nil {
			break
		}
		f := patch.Trailer{Key: m[1], Value: m[2], Line: s.at.line(s.skip + 1)}
		switch strings.ToLower(m[1]) {
		case "from":
			p.Author = person(words(p, f))
		case "date":
			date(p, f)
		case "subject":
			p.Subject, s.subjectLine = words(p, f), f.Line
		default:
			return
		}
		any = true
		s.cut()
	}
	if any && strings.HasPrefix(s.text, "\n") {
		s.cut()
	}
}

// subject takes the first paragraph for the subject, as git does.
func (s *said) subject(p *patch.Patch) {
	for s.text != "" && p.Subject == "" {
		line, _ := cutLine(s.text)
		p.Subject = strings.TrimSpace(line)
		s.subjectLine = s.at.line(s.skip + 1)
		s.cut()
	}
	for s.text != "" && len(p.Subject) < 1000 {
		line, _ := cutLine(s.text)
		if strings.TrimSpace(line) == "" || trailerLine.MatchString(line) {
			break
		}
		p.Subject += " " + strings.TrimSpace(line)
		s.cut()
	}
}

// lines gives the message's lines with their places.
func (s *said) lines() (out []origin.Line) {
	n := s.skip
	for line := range strings.Lines(s.text) {
		n++
		out = append(out, origin.Line{Text: strings.TrimRight(line, " \t\r\n"), N: s.at.line(n)})
	}
	return out
}

// cutDiff parts a message from its notes and its diff, where git am does: at a line of
// three dashes, or where a diff begins.
func cutDiff(t text) (head, notes, diff text) {
	sep, after := -1, -1
	for at := 0; at < len(t.s); {
		line, rest := cutLine(t.s[at:])
		bare := strings.TrimRight(line, " \t\r")
		switch {
		case bare == "---" && sep < 0:
			sep, after = at, min(at+len(line)+1, len(t.s))
		case begins(line, rest):
			if sep < 0 {
				return t.to(at), text{}, t.from(at)
			}
			return t.to(sep), t.to(at).from(after), t.from(at)
		}
		at += len(line) + 1
	}
	if sep >= 0 {
		return t.to(sep), t.from(after), text{}
	}
	return t, text{}, text{}
}

// begins tells whether a diff begins with a line.
func begins(line, rest string) bool {
	if line == "" {
		return false
	}
	switch line[0] {
	case 'd':
		if strings.HasPrefix(line, "diff --git ") || strings.HasPrefix(line, "diff --cc ") || strings.HasPrefix(line, "diff --combined ") {
			return true
		}
		if strings.HasPrefix(line, "diff -") {
			for _, next := range []string{"--- ", "*** ", "Binary files ", "diff -", "Only in "} {
				if strings.HasPrefix(rest, next) {
					return true
				}
			}
		}
	case '-':
		return strings.HasPrefix(line, "--- ") && strings.HasPrefix(rest, "+++ ")
	case '*':
		return strings.HasPrefix(line, "*** ") && strings.HasPrefix(rest, "--- ")
	case 'I':
		return strings.HasPrefix(line, "Index: ") && (strings.HasPrefix(rest, "====") || strings.HasPrefix(rest, "--- ") || strings.HasPrefix(rest, "diff "))
	case 'B':
		return strings.HasPrefix(line, "Binary files ") && strings.HasSuffix(strings.TrimRight(line, "\r"), " differ")
	}
	return false
}

var (
	trailerLine = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*):[ \t]+(\S.*)$`)
	quotedFrom  = regexp.MustCompile(`(?m)^>(>*From )`)
)

// unquoteFrom undoes what mailboxes do to lines that begin with "From ".
func unquoteFrom(s string) string {
	if !strings.Contains(s, ">From ") {
		return s
	}
	return quotedFrom.ReplaceAllString(s, "$1")
}

// customs are trailers that count wherever they stand.
var customs = map[string]bool{
	"signed-off-by": true, "acked-by": true, "reviewed-by": true, "tested-by": true, "reported-by": true, "suggested-by": true,
	"co-developed-by": true, "fixes": true, "cc": true, "link": true, "closes": true, "change-id": true, "message-id": true,
	"git-commit": true, "patch-mainline": true, "references": true, "upstream-commit": true, "stable-dep-of": true,
	"reported-and-tested-by": true, "debugged-by": true, "bug": true, "bugzilla": true, "cve": true, "buglink": true,
	"bugs-link": true, "origin": true, "forwarded": true, "applied-upstream": true, "depends-on": true,
}

// trailers finds the trailers of a message: known ones anywhere, others in the last
// paragraph, with their continued lines.
func trailers(lines []origin.Line) (out []patch.Trailer) {
	last := len(lines)
	for last > 0 && lines[last-1].Text == "" {
		last--
	}
	begin := last
	for begin > 0 && lines[begin-1].Text != "" {
		begin--
	}
	// A last paragraph that is prose has no trailers but the known ones.
	block := 0
	for _, l := range lines[begin:last] {
		if trailerLine.MatchString(l.Text) || strings.HasPrefix(l.Text, "[") || strings.HasPrefix(l.Text, "(") || strings.HasPrefix(l.Text, " ") {
			block++
		}
	}
	isBlock := block*4 >= (last-begin)*3
	for i, l := range lines[:last] {
		if m := trailerLine.FindStringSubmatch(l.Text); m != nil && (customs[strings.ToLower(m[1])] || isBlock && i >= begin) {
			out = append(out, patch.Trailer{Key: m[1], Value: m[2], Line: l.N})
			continue
		}
		// A long Fixes: or Link: that somebody has wrapped.
		if n := len(out); n > 0 && i > 0 && out[n-1].Line == lines[i-1].N && strings.HasPrefix(l.Text, " ") {
			out[n-1].Value += " " + strings.TrimSpace(l.Text)
		}
	}
	return out
}

// unixDate reads "1700000000 +0100".
func unixDate(s string) time.Time {
	sec, zone, _ := strings.Cut(s, " ")
	n, err := strconv.ParseInt(sec, 10, 64)
	if err != nil {
		return time.Time{}
	}
	t := time.Unix(n, 0).UTC()
	if z, err := time.Parse("-0700", zone); err == nil {
		t = t.In(z.Location())
	}
	return t
}
