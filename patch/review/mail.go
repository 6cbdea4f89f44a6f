package review

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxMail  = 8 << 20
	maxMails = 1 << 20
	maxBody  = 1 << 20 // of a mail's text that is looked at
	maxUp    = 64      // mails from an answer up to what it is about
)

// message is one mail.
type message struct {
	line    int
	id      string
	parents []string // the nearest first
	from    string   // the address
	subject string
	date    time.Time
	body    string
}

// readMails reads a mailbox and finds the series in it.
func readMails(in *bufio.Reader) ([]Review, []Problem, error) {
	var all []message
	var problems []Problem
	err := eachMail(in, func(line int, text []byte) {
		m, err := parseMail(text)
		if err != nil {
			problems = append(problems, Problem{line, err.Error()})
			return
		}
		m.line = line
		all = append(all, m)
	})
	if err != nil {
		return nil, problems, err
	}
	t := threads{byID: map[string]*message{}, series: map[string]*series{}, ofMail: map[string]*series{}}
	for i := range all {
		if id := all[i].id; id != "" && t.byID[id] == nil {
			t.byID[id] = &all[i]
		}
	}
	for i := range all {
		t.patch(&all[i])
	}
	for i := range all {
		t.answer(&all[i])
	}
	out := make([]Review, 0, len(t.order))
	for _, s := range t.order {
		out = append(out, s.review())
	}
	return out, problems, nil
}

// eachMail cuts a mailbox into its mails. A line that begins with "From " after an empty
// one begins the next, as long as a header follows.
func eachMail(in *bufio.Reader, f func(line int, text []byte)) error {
	var buf bytes.Buffer
	begin, n, blank, count := 1, 0, true, 0
	flush := func() {
		if len(bytes.TrimSpace(buf.Bytes())) > 0 {
			f(begin, slices.Clone(buf.Bytes()))
			count++
		}
		buf.Reset()
	}
	for count < maxMails {
		line, err := in.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) { // a long line: its pieces follow
			if buf.Len() < maxMail {
				buf.Write(line)
			}
			line, err = in.ReadSlice('\n')
		}
		n++
		switch {
		case blank && bytes.HasPrefix(line, []byte("From ")):
			flush()
			begin = n + 1
			line = nil
		case bytes.HasPrefix(line, []byte(">From ")):
			line = line[1:]
		}
		blank = len(bytes.TrimRight(line, "\r\n")) == 0
		if buf.Len() < maxMail {
			buf.Write(line)
		}
		if errors.Is(err, io.EOF) {
			flush()
			return nil
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("line %d: more than %d mails", n, maxMails)
}

var (
	messageID = regexp.MustCompile(`<[^<>\s]+>`)
	words     = mime.WordDecoder{CharsetReader: func(_ string, r io.Reader) (io.Reader, error) { return r, nil }}
)

func parseMail(text []byte) (m message, err error) {
	raw, err := mail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		return m, fmt.Errorf("no mail: %w", err)
	}
	header := func(key string) string {
		s, err := words.DecodeHeader(raw.Header.Get(key))
		if err != nil {
			return raw.Header.Get(key)
		}
		return s
	}
	m.id = messageID.FindString(raw.Header.Get("Message-Id"))
	for _, key := range []string{"In-Reply-To", "References"} {
		ids := messageID.FindAllString(raw.Header.Get(key), maxUp)
		slices.Reverse(ids) // the last reference is the nearest
		m.parents = append(m.parents, ids...)
	}
	m.subject = strings.Join(strings.Fields(header("Subject")), " ")
	if a, err := mail.ParseAddress(header("From")); err == nil {
		m.from = strings.ToLower(a.Address)
	} else {
		m.from = strings.ToLower(strings.TrimSpace(header("From")))
	}
	if t, err := raw.Header.Date(); err == nil {
		m.date = t.UTC()
	}
	m.body = plainText(raw.Header.Get("Content-Type"), raw.Header.Get("Content-Transfer-Encoding"), raw.Body, 0)
	return m, nil
}

// plainText finds the text of a mail: of several parts the first that is plain.
func plainText(kind, encoding string, body io.Reader, depth int) string {
	media, params, err := mime.ParseMediaType(kind)
	if err == nil && strings.HasPrefix(media, "multipart/") && depth < 4 {
		parts := multipart.NewReader(body, params["boundary"])
		for range 64 {
			p, err := parts.NextRawPart()
			if err != nil {
				return ""
			}
			if s := plainText(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p, depth+1); s != "" {
				return s
			}
		}
		return ""
	}
	if err == nil && media != "text/plain" {
		return ""
	}
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, _ := io.ReadAll(io.LimitReader(body, maxBody)) // what cannot be decoded ends it
	return string(text)
}

// threads are the series of a mailbox.
type threads struct {
	byID   map[string]*message
	series map[string]*series
	ofMail map[string]*series // by Message-ID
	order  []*series
}

// series is all versions of one series.
type series struct {
	title, author string
	versions      map[int]bool
	last          int // version
	lastNumber    int // of the mail that lastID is of
	lastID        string
	patches       int
	first, merged time.Time
	because       string
	answers       int
	who           []string
	approvals     []Approval
}

var (
	patchTag = regexp.MustCompile(`(?i)^\[([^\]]*\bpatch\b[^\]]*)\]\s*(.*)$`)
	ofTotal  = regexp.MustCompile(`^(\d+)/(\d+)$`)
	vNumber  = regexp.MustCompile(`(?i)^v(\d+)$`)
	notWord  = regexp.MustCompile(`[^a-z0-9]+`)
)

// tag reads "[PATCH v3 2/7] title"; ok is false of a subject without.
func tag(subject string) (title string, version, number, total int, ok bool) {
	m := patchTag.FindStringSubmatch(subject)
	if m == nil {
		return "", 0, 0, 0, false
	}
	version, number, total = 1, 1, 1
	for _, w := range strings.Fields(m[1]) {
		if v := vNumber.FindStringSubmatch(w); v != nil {
			version = atoi(v[1], 1)
		} else if t := ofTotal.FindStringSubmatch(w); t != nil {
			number, total = atoi(t[1], 1), atoi(t[2], 1)
		}
	}
	return m[2], version, number, total, true
}

func atoi(s string, otherwise int) int {
	if n, err := strconv.Atoi(s); err == nil && n < 10000 {
		return n
	}
	return otherwise
}

// patch takes a mail that is a patch or a cover letter. The cover letter, else the first
// patch, names the series.
func (t *threads) patch(m *message) {
	title, version, number, total, ok := tag(m.subject)
	if !ok {
		return
	}
	name := title
	if number > 0 && total > 1 {
		for _, id := range m.parents {
			up := t.byID[id]
			if up == nil {
				continue
			}
			if head, v, n, _, ok := tag(up.subject); ok && up.from == m.from && v == version && n < number {
				name = head
				break
			}
		}
	}
	key := m.from + "\x00" + strings.Trim(notWord.ReplaceAllString(strings.ToLower(name), " "), " ")
	s := t.series[key]
	if s == nil {
		s = &series{title: name, author: m.from, versions: map[int]bool{}, first: m.date}
		t.series[key] = s
		t.order = append(t.order, s)
	}
	s.versions[version] = true
	if !m.date.IsZero() && (s.first.IsZero() || m.date.Before(s.first)) {
		s.first = m.date
	}
	if version > s.last {
		s.last, s.patches, s.lastNumber = version, 0, number+1
	}
	if version == s.last && number < s.lastNumber {
		s.lastID, s.lastNumber = m.id, number
	}
	if version == s.last {
		s.patches = max(s.patches, total)
	}
	t.ofMail[m.id] = s
}

// of finds the series that an answer is about.
func (t *threads) of(m *message) *series {
	for step := 0; step < maxUp; step++ {
		var up *message
		for _, id := range m.parents {
			if s := t.ofMail[id]; s != nil {
				return s
			}
			if up == nil {
				up = t.byID[id]
			}
		}
		if up == nil {
			return nil
		}
		m = up
	}
	return nil
}

var (
	approval = regexp.MustCompile(`(?im)^\s*(Reviewed-by|Acked-by|Tested-by):\s*(.+?)\s*$`)
	applied  = regexp.MustCompile(`(?im)^(?:(?:thanks?,? ?|ok,? ?|both |all |series |patch(?:es)? |this (?:patch|series) was |now |i(?:'ve| have) )*(?:applied|queued|merged)\b.*|here is the summary with links:.*)$`)
	quoted   = regexp.MustCompile(`(?m)^[ \t]*>.*\n?`)
)

// answer takes a mail that is no patch.
func (t *threads) answer(m *message) {
	if t.ofMail[m.id] != nil && m.id != "" {
		return
	}
	s := t.of(m)
	if s == nil {
		return
	}
	text := quoted.ReplaceAllString(m.body, "")
	for _, a := range approval.FindAllStringSubmatch(text, 32) {
		who := a[2]
		if p, err := mail.ParseAddress(who); err == nil {
			who = strings.ToLower(p.Address)
		}
		if who != s.author {
			s.approvals = append(s.approvals, Approval{who, strings.ToUpper(a[1][:1]) + strings.ToLower(a[1][1:])})
		}
	}
	if line := applied.FindString(text); line != "" && m.from != s.author && s.merged.IsZero() {
		s.merged, s.because = m.date, strings.TrimSpace(line)
	}
	if m.from != s.author && !strings.Contains(m.from, "patchwork-bot") && !strings.HasPrefix(m.from, "lkp@") {
		s.answers++
		s.who = append(s.who, m.from)
	}
}

func (s *series) review() Review {
	r := Review{
		Source: "mail", ID: s.lastID, Title: s.title, Author: s.author, State: Open, Created: s.first, Rounds: len(s.versions),
		Patches: s.patches, Comments: s.answers, Reviewers: s.who, Approvals: s.approvals,
	}
	// Versions that are not in the mailbox were looked at all the same.
	r.Rounds = max(r.Rounds, s.last)
	if !s.merged.IsZero() {
		r.State, r.Because = Merged, s.because
		r.close(s.merged)
	}
	return r
}
