package read

import (
	"regexp"
	"strconv"
	"strings"

	"ringside/patch"
	"ringside/patch/origin"
)

// message makes a patch of a chunk.
func message(name string, c *chunk, o Options) *patch.Patch {
	p := &patch.Patch{File: name, Line: c.first}
	if c.long {
		p.Problems = append(p.Problems, patch.Problem{Line: c.first, Text: "it is longer than is read: " + strconv.Itoa(maxMessage) + " bytes"})
	}
	var body content
	var diffs text       // a diff apart from the message, as an attachment
	var described string // what a field of the header says
	if c.kind == gitlog {
		body.text = gitLog(p, c)
	} else {
		body, diffs, described = mailBody(p, c)
	}
	head, notes, diff := cutDiff(body.text)
	text := body.utf8Text(p, head.s)
	if c.kind == mailbox && p.Commit == "" {
		text = unquoteFrom(text)
	}
	read := said{text: text, at: head}
	read.inBody(p)
	if p.Subject == "" {
		read.subject(p)
	}
	p.Body = strings.Trim(described+"\n"+read.text, "\n")
	p.Notes = strings.ToValidUTF8(strings.Trim(notes.s, "\n"), "\uFFFD")
	lines := read.lines()
	p.Trailers = trailers(lines)
	tagged(p)
	p.Origin = origin.Of(origin.Source{Name: name, Subject: p.Subject, Tags: p.Tags, Tagline: read.subjectLine, Headers: p.Headers, Body: lines})
	if diffs.s != "" {
		if diff.s != "" {
			diffs = diff.join(diffs)
		}
		diff = diffs
	}
	if diff.s == "" && strings.Contains(body.s, "\n@@ -") {
		diff = body.text // hunks without names: the parser says so
	}
	if diff.s != "" {
		parse(p, diff, o)
	}
	worst(p)
	return p
}

// mailBody reads the header of a mail or of a quilt patch, and decodes its text.
func mailBody(p *patch.Patch, c *chunk) (body content, diffs text, described string) {
	t := c.text
	if c.kind == mailbox {
		line, _ := cutLine(t.s)
		if magic.MatchString(line) {
			p.Commit = line[5:45]
		}
		if strings.HasSuffix(line, "\r") {
			t = t.unixLines()
			line = strings.TrimSuffix(line, "\r")
		}
		t = t.from(min(len(line)+1, len(t.s)))
		for strings.HasPrefix(t.s, ">From ") {
			line, _ := cutLine(t.s)
			t = t.from(min(len(line)+1, len(t.s)))
		}
	}
	for strings.HasPrefix(t.s, "\n") || strings.HasPrefix(t.s, "\r\n") {
		t = t.from(strings.IndexByte(t.s, '\n') + 1)
	}
	if line, _ := cutLine(t.s); strings.HasSuffix(line, "\r") && field.MatchString(strings.TrimSuffix(line, "\r")) {
		t = t.unixLines()
	}
	m := &part{}
	if strings.HasPrefix(t.s, "# HG changeset patch") {
		m.body = mercurial(p, t)
	} else {
		m.fields, m.body = header(t)
	}
	for _, f := range m.fields {
		switch strings.ToLower(f.Key) {
		case "from", "author":
			if p.Author == (patch.Person{}) {
				p.Author = person(words(p, f))
			}
		case "subject":
			p.Subject, _, _ = strings.Cut(words(p, f), "\n")
		case "date":
			date(p, f)
		case "description":
			first, more, _ := strings.Cut(f.Value, "\n")
			if p.Subject == "" {
				p.Subject = first
			}
			for line := range strings.SplitSeq(more, "\n") {
				if line == "." {
					line = ""
				}
				described += line + "\n"
			}
		default:
			f.Value = words(p, f)
			p.Headers = append(p.Headers, f)
		}
	}
	budget := maxParts
	all := m.texts(p, 0, &budget)
	if len(all) == 0 {
		return content{text: text{first: m.body.first}}, text{}, described
	}
	for _, x := range all[1:] {
		if _, _, d := cutDiff(x.text); d.s == "" {
			continue // a signature
		}
		if diffs.s == "" {
			diffs = x.text
		} else {
			diffs = diffs.join(x.text)
		}
	}
	return all[0], diffs, described
}

// mercurial reads the header of hg export.
func mercurial(p *patch.Patch, t text) text {
	at := 0
	for strings.HasPrefix(t.s[at:], "#") {
		line, _ := cutLine(t.s[at:])
		if user, ok := strings.CutPrefix(line, "# User "); ok {
			p.Author = person(user)
		}
		if at += len(line) + 1; at >= len(t.s) {
			return text{first: t.first}
		}
	}
	return t.from(at)
}

// gitLog reads what git log and git show print of a commit before its diff, and gives the
// message without its indent.
func gitLog(p *patch.Patch, c *chunk) text {
	t := c.text
	out := text{first: t.first, lines: []int{}}
	var b strings.Builder
	at, n := 0, 0
	inHead := true
	for at < len(t.s) {
		raw, _ := cutLine(t.s[at:])
		line := strings.TrimRight(raw, "\r")
		n++
		switch {
		case n == 1:
			p.Commit, _, _ = strings.Cut(line[len("commit "):], " ")
		case inHead && line == "":
			inHead = false
		case inHead:
			key, value, _ := strings.Cut(line, " ")
			f := patch.Trailer{Key: strings.TrimSuffix(key, ":"), Value: strings.TrimSpace(value), Line: t.line(n)}
			switch f.Key {
			case "Author", "author":
				if who, when, ok := strings.Cut(f.Value, "> "); ok {
					f.Value = who + ">"
					p.Date = unixDate(when)
				}
				p.Author = person(f.Value)
			case "Date", "AuthorDate":
				date(p, f)
			case "Merge":
				c.merge = true
			}
		case strings.HasPrefix(line, "    "), line == "":
			b.WriteString(strings.TrimPrefix(line, "    "))
			b.WriteByte('\n')
			out.lines = append(out.lines, t.line(n))
		default: // the diff, or what --stat prints
			rest := t.from(at)
			out.s = b.String()
			if !strings.HasPrefix(line, "---") {
				// A message may not run into what follows.
				out.s += "---\n"
				out.lines = append(out.lines, t.line(n))
			}
			return out.join(rest)
		}
		at += len(raw) + 1
	}
	out.s = b.String()
	return out
}

var (
	subjectTag = regexp.MustCompile(`^(?:\[[^\]]{0,200}\]|(?i:(?:re|fwd?|aw):))\s*`)
	numbered   = regexp.MustCompile(`\b0*(\d{1,6})/0*(\d{1,6})\b`)
	versioned  = regexp.MustCompile(`(?i)\bv(\d{1,4})\b`)
)

// tagged takes the tags off a subject.
func tagged(p *patch.Patch) {
	s := strings.TrimSpace(p.Subject)
	for len(p.Tags) < 64 {
		if m := subjectTag.FindString(s); m != "" && len(m) < len(s) {
			tag := strings.TrimSpace(m)
			p.Tags = append(p.Tags, tag)
			s = s[len(m):]
			if n := numbered.FindStringSubmatch(tag); n != nil && p.Total == 0 {
				p.Number, _ = strconv.Atoi(n[1])
				p.Total, _ = strconv.Atoi(n[2])
			}
			if v := versioned.FindStringSubmatch(tag); v != nil && p.Version == 0 && !strings.Contains(tag, v[0]+".") {
				p.Version, _ = strconv.Atoi(v[1])
			}
			continue
		}
		marker, rest, ok := origin.Marker(s)
		if !ok || rest == "" {
			break
		}
		p.Tags = append(p.Tags, marker)
		s = rest
	}
	p.Subject = s
}
