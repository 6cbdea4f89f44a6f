package read

import (
	"io"
	"mime"
	"net/mail"
	"regexp"
	"strings"
	"time"

	"golang.org/x/text/encoding/htmlindex"

	"ringside/patch"
)

var field = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*):(?:[ \t]+(.*))?$`)

// known are the fields that a header of a mail, of DEP-3 or of SUSE can begin with. A
// subject without a header, "net: fix it", begins with none.
var known = map[string]bool{
	"from": true, "subject": true, "date": true, "message-id": true, "to": true, "cc": true, "received": true,
	"return-path": true, "delivered-to": true, "mime-version": true, "content-type": true, "reply-to": true,
	"content-transfer-encoding": true, "in-reply-to": true, "references": true, "sender": true, "list-id": true,
	"dkim-signature": true, "authentication-results": true, "user-agent": true, "envelope-to": true, "status": true,
	"description": true, "author": true, "origin": true, "bug": true, "forwarded": true, "last-update": true,
	"applied-upstream": true, "git-commit": true, "git-repo": true, "patch-mainline": true, "upstream-commit": true,
}

// header reads the fields at the begin of a text, if there are any, and gives what
// follows. Debian's descriptions have lines of their own, others are unfolded.
func header(t text) (fields []patch.Trailer, rest text) {
	at := 0
	for n := 1; ; n++ {
		raw, _ := cutLine(t.s[at:])
		line := strings.TrimRight(raw, "\r")
		if len(fields) > 0 && line != "" && (line[0] == ' ' || line[0] == '\t') {
			last := &fields[len(fields)-1]
			sep := " "
			if last.Is("Description") || last.Is("Subject") && strings.TrimSpace(line) == "." {
				sep = "\n"
			}
			if len(last.Value) < 1<<15 {
				last.Value += sep + strings.Trim(line, " \t")
			}
		} else {
			m := field.FindStringSubmatch(line)
			first := len(fields) == 0 && m != nil && !known[strings.ToLower(m[1])] && !strings.HasPrefix(strings.ToLower(m[1]), "x-") && !strings.HasPrefix(strings.ToLower(m[1]), "bug-")
			if m == nil || first || len(fields) > 10000 {
				if len(fields) > 0 && line == "" && at+len(raw) < len(t.s) {
					at += len(raw) + 1
				}
				return fields, t.from(at)
			}
			fields = append(fields, patch.Trailer{Key: m[1], Value: m[2], Line: t.line(n)})
		}
		if at += len(raw) + 1; at >= len(t.s) {
			return fields, text{first: t.line(n)}
		}
	}
}

// decoder decodes =?charset?Q?words?= of headers.
var decoder = mime.WordDecoder{CharsetReader: func(charset string, in io.Reader) (io.Reader, error) {
	e, err := htmlindex.Get(charset)
	if err != nil {
		return nil, err
	}
	return e.NewDecoder().Reader(in), nil
}}

// words decodes a header; what it cannot decode stays and is named.
func words(p *patch.Patch, f patch.Trailer) string {
	if !strings.Contains(f.Value, "=?") {
		return f.Value
	}
	s, err := decoder.DecodeHeader(f.Value)
	if err != nil {
		p.Problems = append(p.Problems, patch.Problem{Line: f.Line, Text: "the words of " + f.Key + " cannot be decoded: " + err.Error()})
		return f.Value
	}
	return s
}

// person reads "Name <address>", and what people make of it.
func person(s string) patch.Person {
	s = strings.TrimSpace(s)
	open, shut := strings.LastIndexByte(s, '<'), strings.LastIndexByte(s, '>')
	if open >= 0 && shut > open {
		return patch.Person{Name: strings.Trim(strings.TrimSpace(s[:open]), `"`), Email: strings.TrimSpace(s[open+1 : shut])}
	}
	if mailbox, comment, ok := strings.Cut(s, " ("); ok && strings.Contains(mailbox, "@") {
		return patch.Person{Name: strings.TrimSuffix(comment, ")"), Email: mailbox}
	}
	if strings.Contains(s, "@") && !strings.Contains(s, " ") {
		return patch.Person{Email: s}
	}
	return patch.Person{Name: s}
}

// layouts are the forms of dates of git and of people that a mail does not allow.
var layouts = []string{"Mon Jan 2 15:04:05 2006 -0700", "2006-01-02 15:04:05 -0700", time.RFC3339, "Mon Jan 2 15:04:05 2006", "2006-01-02"}

func date(p *patch.Patch, f patch.Trailer) {
	value := strings.TrimSpace(f.Value)
	if t, err := mail.ParseDate(value); err == nil {
		p.Date = t
		return
	}
	for _, l := range layouts {
		if t, err := time.Parse(l, value); err == nil {
			p.Date = t
			return
		}
	}
	p.Problems = append(p.Problems, patch.Problem{Line: f.Line, Text: "this is no date: " + clip(value)})
}

func clip(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}
