package send

import (
	"fmt"
	"mime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"ringside/patch"
)

// A Mail is one mail of a series.
type Mail struct {
	Name    string // of a file, as git format-patch names it
	Headers []patch.Trailer
	Body    string
}

// Bytes writes the mail as a mailbox has it.
func (m *Mail) Bytes() []byte {
	var b strings.Builder
	b.WriteString("From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\n")
	for _, h := range m.Headers {
		b.WriteString(h.Key + ": " + fold(h.Key, h.Value) + "\n")
	}
	b.WriteString("\n" + m.Body)
	return []byte(b.String())
}

// Header gives the first field with a key.
func (m *Mail) Header(key string) string {
	for _, h := range m.Headers {
		if h.Is(key) {
			return h.Value
		}
	}
	return ""
}

// fold breaks a field into lines, at the blanks.
func fold(key, value string) string {
	var b strings.Builder
	column := len(key) + 2
	for i, w := range strings.Split(value, " ") {
		if i > 0 {
			if column+1+len(w) > 76 {
				b.WriteString("\n ")
				column = 1
			} else {
				b.WriteByte(' ')
				column++
			}
		}
		b.WriteString(w)
		column += len(w)
	}
	return b.String()
}

// one takes what would begin another field out of a value.
func one(s string) string { return strings.Join(strings.Fields(s), " ") }

func encode(s string) string { return mime.QEncoding.Encode("utf-8", one(s)) }

// address writes a person as a field has it.
func address(p patch.Person) string {
	name := one(p.Name)
	switch {
	case name == "":
		return one(p.Email)
	case encode(name) != name:
		name = encode(name)
	case strings.ContainsAny(name, `.,;:@"<>()[]\`):
		name = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
	}
	return name + " <" + one(p.Email) + ">"
}

func addresses(list []patch.Person) string {
	var out []string
	for _, p := range list {
		out = append(out, address(p))
	}
	return strings.Join(out, ", ")
}

// headers are the fields that all mails of a series have.
func (s *Series) headers(o Options, subject string, r Recipients, ids []string, i int) []patch.Trailer {
	h := []patch.Trailer{
		{Key: "From", Value: address(o.Sender)},
		{Key: "Date", Value: o.Date.Add(time.Duration(i) * time.Second).Format(time.RFC1123Z)},
		{Key: "Subject", Value: subject},
		{Key: "Message-Id", Value: ids[i]},
	}
	if i > 0 && len(ids) > 2 {
		h = append(h, patch.Trailer{Key: "In-Reply-To", Value: ids[0]}, patch.Trailer{Key: "References", Value: ids[0]})
	}
	if len(r.To) > 0 {
		h = append(h, patch.Trailer{Key: "To", Value: addresses(r.To)})
	}
	if len(r.Cc) > 0 {
		h = append(h, patch.Trailer{Key: "Cc", Value: addresses(r.Cc)})
	}
	return append(h, patch.Trailer{Key: "MIME-Version", Value: "1.0"}, patch.Trailer{Key: "Content-Type", Value: `text/plain; charset="utf-8"`},
		patch.Trailer{Key: "Content-Transfer-Encoding", Value: "8bit"}, patch.Trailer{Key: "X-Change-ID", Value: s.ChangeID})
}

// brackets are what stands before the subject.
func (s *Series) brackets(o Options, i, n int) string {
	b := o.Prefix
	if s.Version > 1 {
		b += fmt.Sprintf(" v%d", s.Version)
	}
	if n > 1 {
		b += fmt.Sprintf(" %0*d/%d", len(fmt.Sprint(n)), i, n)
	}
	return "[" + b + "] "
}

// mail makes the mail of a patch.
func (s *Series) mail(stack *patch.Stack, p *patch.Patch, i int, o Options, r Recipients, ids []string) (Mail, error) {
	d, err := Diff(p)
	if err != nil {
		return Mail{}, err
	}
	n := len(stack.Patches)
	at := i + 1
	m := Mail{Name: fmt.Sprintf("%04d-%s.patch", i+1, fileName(p.Subject))}
	m.Headers = s.headers(o, encode(s.brackets(o, at, n)+p.Subject), r, ids, at)
	var b strings.Builder
	if p.Author.Email != "" && !strings.EqualFold(p.Author.Email, o.Sender.Email) {
		b.WriteString("From: " + one(p.Author.String()) + "\n\n")
	}
	body := utf8Text(strings.Trim(p.Body, "\n"))
	if body != "" {
		b.WriteString(body + "\n")
	}
	b.WriteString("---\n")
	if notes := notes(p.Notes); notes != "" {
		b.WriteString(notes + "\n\n")
	}
	if n == 1 {
		if text := changelog(s, o); text != "" {
			b.WriteString(text + "\n")
		}
	}
	b.WriteString(Stat([]*patch.Patch{p}) + "\n" + d)
	if n == 1 {
		b.WriteString("\n---\n" + s.foundation(o))
	}
	b.WriteString("\n-- \nringside\n\n")
	m.Body = b.String()
	return m, nil
}

// foundation are the trailers that say what a series is built on.
func (s *Series) foundation(o Options) string {
	var b strings.Builder
	if o.Base != "" {
		b.WriteString("base-commit: " + o.Base + "\n")
	}
	b.WriteString("change-id: " + s.ChangeID + "\n")
	for _, p := range o.Prerequisites {
		b.WriteString("prerequisite-patch-id: " + ID(p) + "\n")
	}
	return b.String()
}

// fileName makes of a subject what git format-patch does.
func fileName(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.':
			b.WriteRune(c)
		case !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	name := strings.Trim(b.String(), "-.")
	for strings.Contains(name, "..") {
		name = strings.ReplaceAll(name, "..", ".")
	}
	return strings.TrimRight(name[:min(len(name), 52)], "-.")
}

func utf8Text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// notes are what an author wrote below "---", without the diffstat.
func notes(text string) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		bare := strings.TrimSpace(line)
		if strings.Contains(line, " | ") || strings.HasPrefix(bare, "create mode ") || strings.HasPrefix(bare, "delete mode ") || strings.HasPrefix(bare, "rename ") ||
			strings.Contains(bare, " changed, ") || strings.HasPrefix(bare, "base-commit:") || strings.HasPrefix(bare, "change-id:") || strings.HasPrefix(bare, "prerequisite-patch-id:") || bare == "---" {
			continue
		}
		out = append(out, strings.TrimRight(line, " "))
	}
	out = slices.CompactFunc(out, func(a, b string) bool { return a == "" && b == "" })
	return strings.Trim(utf8Text(strings.Join(out, "\n")), "\n")
}
