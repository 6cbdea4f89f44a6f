package backport

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"ringside/gitrepo"
	"ringside/patch/diff"
	"ringside/patch/origin"
)

// A Changed is a file as a step leaves it.
type Changed struct {
	Path    string
	Deleted bool
	Mode    string
	Text    string
}

// Changed lists the files that a step changes, as it leaves them. Of one that conflicts
// there are none.
func (s *Step) Changed() (out []Changed) {
	if s.State == Conflict {
		return nil
	}
	for i := range s.Files {
		f := &s.Files[i]
		if f.State == There {
			continue
		}
		if f.old != "" && f.old != f.Path {
			out = append(out, Changed{Path: f.old, Deleted: true})
		}
		if f.after == nil {
			out = append(out, Changed{Path: f.Path, Deleted: true})
			continue
		}
		out = append(out, Changed{Path: f.Path, Mode: f.after.mode, Text: f.after.text})
	}
	return out
}

// A Form is how a backport names the commit that it is of.
type Form string

// The forms that stable kernels use.
const (
	FormCommit  Form = "commit"  // "commit <id> upstream."
	FormBracket Form = "bracket" // "[ Upstream commit <id> ]"
)

// Style says how a series is written.
type Style struct {
	Form Form
	// SignOff is who answers for the backport: "Name <address>"; empty adds no line.
	SignOff string
	// Prefix is what stands in the subject's brackets: "PATCH 6.1.y".
	Prefix string
}

// Mail writes a step as git format-patch would, with what stable rules ask for: the
// upstream commit, why a prerequisite comes along, who has signed it off.
func (s *Step) Mail(n, total int, st Style) string {
	var b strings.Builder
	c := s.Commit
	fmt.Fprintf(&b, "From %s Mon Sep 17 00:00:00 2001\n", c.ID)
	fmt.Fprintf(&b, "From: %s <%s>\n", header(c.Author.Name), c.Author.Email)
	fmt.Fprintf(&b, "Date: %s\n", c.Author.When.Format(time.RFC1123Z))
	prefix := st.Prefix
	if prefix == "" {
		prefix = "PATCH"
	}
	if total > 1 {
		prefix += fmt.Sprintf(" %d/%d", n, total)
	}
	fmt.Fprintf(&b, "Subject: [%s] %s\n", prefix, header(c.Subject()))
	b.WriteString("MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n")
	b.WriteString(s.message(st))
	b.WriteString("---\n\n")
	b.WriteString(s.Diff())
	b.WriteString("-- \nringside\n\n")
	return b.String()
}

// message is the commit's message as a backport has it.
func (s *Step) message(st Style) string {
	c := s.Commit
	_, body, _ := strings.Cut(strings.TrimLeft(c.Message, "\n"), "\n")
	body = strings.Trim(body, "\n")
	said := false
	for line := range strings.Lines(body) {
		if _, _, ok := origin.Commit(line); ok {
			said = true
		}
	}
	var b strings.Builder
	if !said {
		if st.Form == FormBracket {
			fmt.Fprintf(&b, "[ Upstream commit %s ]\n\n", c.ID)
		} else {
			fmt.Fprintf(&b, "commit %s upstream.\n\n", c.ID)
		}
	}
	text, trailers := cutTrailers(body)
	if text != "" {
		b.WriteString(text + "\n\n")
	}
	if !s.Asked {
		for _, c := range s.For {
			fmt.Fprintf(&b, "Stable-dep-of: %.12s (\"%s\")\n", c.ID.String(), c.Subject())
		}
	}
	if trailers != "" {
		b.WriteString(trailers + "\n")
	}
	if st.SignOff != "" && !strings.HasSuffix(trailers, "Signed-off-by: "+st.SignOff) {
		fmt.Fprintf(&b, "Signed-off-by: %s\n", st.SignOff)
	}
	return b.String()
}

// cutTrailers parts the last paragraph from a message, where it is one of trailers.
func cutTrailers(body string) (text, trailers string) {
	i := strings.LastIndex(body, "\n\n")
	last := body[i+1:]
	if i >= 0 {
		last = body[i+2:]
	}
	for line := range strings.Lines(last) {
		key, _, ok := strings.Cut(strings.TrimRight(line, "\n"), ": ")
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "[") || strings.HasPrefix(line, "(") {
			continue
		}
		if !ok || strings.Contains(key, " ") {
			return body, ""
		}
	}
	if i < 0 {
		return "", last
	}
	return body[:i], last
}

// header makes one line of what a header may hold.
func header(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 {
			return ' '
		}
		return r
	}, s)
}

// Diff is what a step changes of the target.
func (s *Step) Diff() string {
	var b strings.Builder
	if s.State == Conflict {
		return ""
	}
	for i := range s.Files {
		f := &s.Files[i]
		if f.State == There {
			continue
		}
		var old, now diff.Side
		if f.before != nil {
			old = diff.Side{Path: f.Path, Mode: f.before.mode, Text: f.before.text}
			if f.old != "" {
				old.Path = f.old
			}
		}
		if f.after != nil {
			now = diff.Side{Path: f.Path, Mode: f.after.mode, Text: f.after.text}
		}
		diff.Write(&b, old, now)
	}
	return b.String()
}

// short names a commit as people do.
func short(c *gitrepo.Commit) string {
	return fmt.Sprintf("%.12s (\"%s\")", c.ID.String(), c.Subject())
}

func itoa(n int) string { return strconv.Itoa(n) }
