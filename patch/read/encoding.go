package read

import (
	"encoding/base64"
	"mime"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"

	"ringside/patch"
)

// Bounds of mails with parts.
const (
	maxDepth = 8
	maxParts = 200
)

// part is a mail, or a part of one.
type part struct {
	fields []patch.Trailer
	body   text
}

func (m *part) field(key string) string {
	for _, f := range m.fields {
		if f.Is(key) {
			return f.Value
		}
	}
	return ""
}

// content is a decoded text with its charset.
type content struct {
	text
	charset string
}

var (
	charsetOf  = regexp.MustCompile(`(?i)charset="?([^"; ]+)`)
	boundaryOf = regexp.MustCompile(`(?i)boundary="?([^";]+)`)
	patchName  = regexp.MustCompile(`(?i)\.(?:patch|diff|txt)$`)
)

// media reads a Content-Type; one that is malformed keeps what is needed of it.
func media(s string) (kind string, params map[string]string) {
	kind, params, err := mime.ParseMediaType(s)
	if err == nil {
		return kind, params
	}
	kind, _, _ = strings.Cut(s, ";")
	params = map[string]string{}
	for name, re := range map[string]*regexp.Regexp{"charset": charsetOf, "boundary": boundaryOf} {
		if m := re.FindStringSubmatch(s); m != nil {
			params[name] = m[1]
		}
	}
	return strings.ToLower(strings.TrimSpace(kind)), params
}

// texts decodes the parts of a mail that are text, or patches.
func (m *part) texts(p *patch.Patch, depth int, budget *int) (out []content) {
	wrong := func(line int, what string) {
		p.Problems = append(p.Problems, patch.Problem{Line: line, Text: what})
	}
	if *budget--; *budget < 0 || depth > maxDepth {
		if *budget == -1 || depth > maxDepth {
			wrong(m.body.first, "the mail has more parts, or deeper ones, than are read")
		}
		return nil
	}
	kind, params := media(m.field("Content-Type"))
	if strings.HasPrefix(kind, "multipart/") {
		for _, sub := range m.split(params["boundary"]) {
			got := sub.texts(p, depth+1, budget)
			if kind == "multipart/alternative" && len(got) > 0 {
				return got
			}
			out = append(out, got...)
		}
		if depth == 0 && len(out) == 0 {
			wrong(m.body.first, "none of the mail's parts is plain text")
		}
		return out
	}
	_, disposition := media(m.field("Content-Disposition"))
	named := patchName.MatchString(params["name"]) || patchName.MatchString(disposition["filename"])
	if kind != "" && !strings.HasPrefix(kind, "text/") && kind != "application/x-patch" && !named {
		if depth == 0 {
			wrong(m.body.first, "a mail of type "+clip(kind)+" has no text")
		}
		return nil
	}
	if kind == "text/html" {
		if depth == 0 {
			wrong(m.body.first, "the mail is HTML alone, which no patch survives: ask for it in plain text")
		}
		return nil
	}
	t := m.body
	switch encoding := strings.ToLower(strings.TrimSpace(m.field("Content-Transfer-Encoding"))); encoding {
	case "quoted-printable":
		t = quotedPrintable(p, t)
	case "base64":
		t = base64Text(p, t).unixLines()
	case "", "7bit", "8bit", "binary":
	default:
		wrong(t.first, "the encoding "+clip(encoding)+" is not known")
	}
	if strings.EqualFold(params["format"], "flowed") && strings.Contains(t.s, "\n@@ -") {
		wrong(t.first, "the mail is format=flowed: its lines may have been wrapped, and blanks added or lost; ask for it again from git send-email")
	}
	return []content{{t, params["charset"]}}
}

// split cuts the parts at their boundary.
func (m *part) split(boundary string) (out []*part) {
	if boundary == "" {
		return nil
	}
	mark := "--" + boundary
	begin := -1
	for at := 0; at < len(m.body.s); {
		line, _ := cutLine(m.body.s[at:])
		bare := strings.TrimRight(line, " \t\r")
		if bare == mark || bare == mark+"--" {
			if begin >= 0 && len(out) < maxParts {
				sub := &part{}
				sub.fields, sub.body = header(m.body.to(at).from(begin))
				if len(sub.fields) == 0 && strings.HasPrefix(sub.body.s, "\n") {
					sub.body = sub.body.from(1)
				}
				out = append(out, sub)
			}
			begin = min(at+len(line)+1, len(m.body.s))
			if bare != mark {
				return out
			}
		}
		at += len(line) + 1
	}
	if begin >= 0 && begin < len(m.body.s) && len(out) < maxParts { // it was cut off
		sub := &part{}
		sub.fields, sub.body = header(m.body.from(begin))
		out = append(out, sub)
	}
	return out
}

// quotedPrintable decodes a text; what is malformed stays as it is and is named once.
func quotedPrintable(p *patch.Patch, t text) text {
	out := text{first: t.first, lines: []int{}}
	var b strings.Builder
	bad := 0
	fresh := true
	n := 0
	for rest := t.s; rest != ""; {
		var line string
		line, rest = cutLine(rest)
		n++
		if fresh {
			out.lines = append(out.lines, t.line(n))
		}
		line = strings.TrimRight(line, " \t\r")
		soft := strings.HasSuffix(line, "=")
		line = strings.TrimSuffix(line, "=")
		for i := 0; i < len(line); i++ {
			if line[i] == '=' {
				if i+2 < len(line) {
					hi, lo := unhex(line[i+1]), unhex(line[i+2])
					if hi >= 0 && lo >= 0 {
						b.WriteByte(byte(hi<<4 | lo))
						i += 2
						continue
					}
				}
				if bad == 0 {
					bad = n
				}
			}
			b.WriteByte(line[i])
		}
		if fresh = !soft; fresh {
			b.WriteByte('\n')
		}
	}
	if bad > 0 {
		p.Problems = append(p.Problems, patch.Problem{Line: t.line(bad), Text: "the quoted-printable text is malformed: a \"=\" without two digits"})
	}
	// What was encoded as =0A is a line of the text, and of the same line of the file.
	out.s = b.String()
	if k := strings.Count(out.s, "\n"); k > len(out.lines) {
		for len(out.lines) <= k {
			out.lines = append(out.lines, t.line(n))
		}
	}
	return out
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// base64Text decodes a text up to what is malformed.
func base64Text(p *patch.Patch, t text) text {
	out := text{first: t.first, lines: []int{t.first}}
	var b strings.Builder
	var held string
	n := 0
	for rest := t.s; rest != ""; {
		var line string
		line, rest = cutLine(rest)
		n++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		held += line
		if len(held)%4 != 0 && len(held) < 4096 && rest != "" {
			continue
		}
		data, err := base64.StdEncoding.DecodeString(held)
		held = ""
		b.Write(data)
		for range strings.Count(string(data), "\n") {
			out.lines = append(out.lines, t.line(n))
		}
		if err != nil {
			p.Problems = append(p.Problems, patch.Problem{Line: t.line(n), Text: "the base64 text is malformed: " + err.Error()})
			break
		}
	}
	out.s = b.String()
	return out
}

// utf8Text decodes a message. Diffs keep their bytes, which are those of the tree.
func (c *content) utf8Text(p *patch.Patch, s string) string {
	switch strings.ToLower(c.charset) {
	case "", "utf-8", "utf8", "us-ascii", "ascii", "unknown-8bit", "x-unknown":
		if utf8.ValidString(s) {
			return s
		}
		line := 1
		for l := range strings.Lines(s) {
			if !utf8.ValidString(l) {
				break
			}
			line++
		}
		p.Problems = append(p.Problems, patch.Problem{Line: c.line(line), Text: "the message is not UTF-8: it is read as ISO 8859-1"})
		return latin1(s)
	}
	e, err := htmlindex.Get(c.charset)
	if err == nil {
		var out string
		if out, err = e.NewDecoder().String(s); err == nil {
			return out
		}
	}
	p.Problems = append(p.Problems, patch.Problem{Line: c.first, Text: "the message's charset " + clip(c.charset) + " cannot be decoded: " + err.Error()})
	return strings.ToValidUTF8(s, "\uFFFD")
}

func latin1(s string) string {
	out := make([]rune, 0, len(s))
	for i := range len(s) {
		out = append(out, rune(s[i]))
	}
	return string(out)
}
