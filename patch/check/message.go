package check

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

const maxColumns = 75

// message asks about the subject and the description.
func (r *reviewer) message() {
	r.subject()
	text := description(r.p.Body)
	target := r.target()
	switch {
	case strings.TrimSpace(text) == "" && target != Downstream:
		r.addf("description", r.p.Line, r.p.Subject, "there is no description, only a subject")
	case target == Upstream:
		r.reasons(text)
	}
	r.wrapped(text)
	r.references(text)
	if r.p.Version >= 2 && r.p.Number <= 1 && !changes.MatchString(r.p.Notes) && !changes.MatchString(r.p.Body) && target == Upstream && r.p.Total <= 1 {
		r.addf("version-changes", r.p.Line, "", "this is version %d, and nothing says what has changed since the one before", r.p.Version)
	}
}

var changes = regexp.MustCompile(`(?im)(^|\W)(v[0-9]+ ?(:|->|→|=>|\()|changes? (in|since|from)|changelog|since v[0-9]|from v[0-9])`)

// description is the message without its trailers.
func description(body string) string {
	lines := strings.Split(strings.TrimRight(body, "\n "), "\n")
	for len(lines) > 0 {
		last := strings.TrimSpace(lines[len(lines)-1])
		if last != "" && !trailerLine.MatchString(last) && !strings.HasPrefix(last, "[") && !strings.HasPrefix(last, "(cherry picked") && !strings.HasPrefix(last, "(backported") {
			break
		}
		lines = lines[:len(lines)-1]
	}
	return strings.Join(lines, "\n")
}

var trailerLine = regexp.MustCompile(`^(Fixes|Link|Closes|[A-Z][A-Za-z]*(-[A-Za-z]+)+|Cc|CC|cc|Suggested|Bugzilla|BugLink|Depends-on|base-commit|change-id): ?\S`)

func (r *reviewer) subject() {
	s := r.p.Subject
	target := r.target()
	if s == "" {
		if target != Downstream {
			r.addf("subject-prefix", r.p.Line, "", "the patch has no subject")
		}
		return
	}
	if strings.HasPrefix(s, "Revert \"") || strings.HasPrefix(s, "Merge ") {
		return
	}
	if n := utf8.RuneCountInString(s); n > maxColumns && target == Upstream {
		r.addf("subject-length", r.p.Line, s, "the subject has %d characters", n)
	}
	if strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "...") && target != Stable {
		r.addf("subject-stop", r.p.Line, s, "the subject ends with a full stop")
	}
	prefix, summary, ok := strings.Cut(s, ": ")
	if !ok || strings.Contains(prefix, "  ") || len(strings.Fields(prefix)) > 4 {
		if target == Upstream {
			r.addf("subject-prefix", r.p.Line, s, "the subject does not begin with the subsystem that it is about")
		}
		summary = s
	}
	if i := strings.LastIndex(summary, ": "); i >= 0 {
		summary = summary[i+2:]
	}
	word, _, _ := strings.Cut(summary, " ")
	if form := mood(word); form != "" && target == Upstream {
		r.addf("subject-mood", r.p.Line, s, "%q is %s; a subject says what to do", word, form)
	}
}

// mood tells what is wrong with the first word of a summary; nothing if it may be an order.
func mood(word string) string {
	w := strings.ToLower(strings.Trim(word, ",.()\"'"))
	for _, verb := range verbs {
		switch w {
		case verb + "s", verb + "es":
			return "a description"
		case verb + "ed", verb + "d", verb + verb[len(verb)-1:] + "ed":
			return "past"
		case verb + "ing", strings.TrimSuffix(verb, "e") + "ing", verb + verb[len(verb)-1:] + "ing":
			return "no order"
		}
	}
	return ""
}

var verbs = strings.Fields(`add fix remove update change make use move implement enable disable allow convert introduce improve
	correct adjust support clean rename replace drop set handle avoid prevent rework refactor simplify switch check return
	export extend create delete initialize init register print call let do skip ensure document split merge optimize`)

// reasons looks whether a description says more than the subject, and why.
func (r *reviewer) reasons(text string) {
	said := map[string]bool{}
	for _, w := range words(r.p.Subject) {
		said[w] = true
	}
	all := words(text)
	more := 0
	for _, w := range all {
		if !said[w] && len(w) > 3 {
			more++
		}
	}
	switch {
	case len(all) == 0:
	case more < 3:
		r.addf("description-why", r.p.Line, firstLine(text), "the description says no more than the subject")
	case len(all) < 40 && !causes.MatchString(text) && !causes.MatchString(r.p.Subject):
		r.addf("description-why", r.p.Line, firstLine(text), "the description says what is done, not why")
	}
}

var causes = regexp.MustCompile(`(?i)\b(because|since|so that|such that|otherwise|thus|therefore|hence|due to|caus|avoid|prevent|need|require|wrong|incorrect|missing|leak|fail|crash|hang|race|bug|issue|problem|error|broken|break|warn|fix|allow|in order to|without|when|if|while|as|currently|instead|support|useful|useless|unused|redundant|unnecessary|not used|no longer|already|should|must|may|might|could|can|cannot|can't|doesn't|don't|isn't|never|only|but|however|simplif|improv|reduc|faster|performance|sav|safe|secur|undefined|overflow|invalid|deprecat|obsolete|prepar|easier|consisten|clean|duplicate)`)

func words(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' })
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimLeft(s, "\n "), "\n")
	return s
}

// wrapped looks for lines of prose that are too long.
func (r *reviewer) wrapped(text string) {
	if r.target() != Upstream {
		return
	}
	n, quote, longest := 0, "", 0
	for line := range strings.SplitSeq(text, "\n") {
		w := utf8.RuneCountInString(line)
		if w <= maxColumns || quoted(line) {
			continue
		}
		n++
		if w > longest {
			longest, quote = w, line
		}
	}
	if n > 0 {
		r.addf("wrap", r.p.Line, quote, "%d lines of the description are longer than %d columns, up to %d", n, maxColumns, longest)
	}
}

// quoted tells whether a line is no prose: a log, code, a table, a link.
func quoted(line string) bool {
	switch {
	case line[0] == ' ' || line[0] == '\t' || line[0] == '>' || line[0] == '|' || line[0] == '[' || line[0] == '#' || line[0] == '$' || line[0] == '+' || line[0] == '-':
		return true
	case strings.Contains(line, "://"), strings.Contains(line, "  "), strings.Contains(line, "\t"):
		return true
	case strings.ContainsAny(line, ";{}") && strings.ContainsAny(line, "()="), strings.Contains(line, " | "), strings.Contains(line, "0x"):
		return true
	case len(strings.Fields(line)) < 4, logLine.MatchString(line), trailerLine.MatchString(line), strings.HasPrefix(line, "commit "):
		return true
	}
	return commitRef.MatchString(line)
}

var logLine = regexp.MustCompile(`^(\S+:\d+|[A-Z]+:|\S+\[\d+\]|<\d>|Call Trace|RIP|\S+/\S+:)`)

// commitRef is a commit in a text, with the subject that may follow. Lines are joined.
var commitRef = regexp.MustCompile(`\b([Cc]ommit)\s+([0-9a-f]{6,40})\b(\s*\(\s*"([^)]*)"\s*\))?(.?)`)

// references looks at commits that the description names.
func (r *reviewer) references(text string) {
	joined := strings.Join(strings.Fields(text), " ")
	for _, m := range commitRef.FindAllStringSubmatch(joined, -1) {
		id, paren, subject := m[2], m[3], m[4]
		if len(id) == 40 && paren == "" || strings.Trim(id, "0123456789") == "" && len(id) < 12 {
			continue // "commit … upstream.", "This reverts commit …", and numbers
		}
		switch {
		case len(id) < 12 && paren != "":
			r.addf("commit-reference", r.p.Line, m[0], "commit %s is named by %d digits: with a million commits that is not enough", id, len(id))
		case paren == "" && r.target() == Upstream:
			r.addf("commit-reference", r.p.Line, m[0], "commit %s is named without its subject", id)
		}
		r.known(id, subject, r.p.Line, m[0])
	}
}

// known asks the history about a commit that is named.
func (r *reviewer) known(id, subject string, at int, quote string) {
	if r.o.Lookup == nil || id == "" {
		return
	}
	c, ok := r.o.Lookup(id)
	switch {
	case !ok:
		r.addf("commit-unknown", at, quote, "there is no commit %s in the history", id)
	case subject != "" && !sameSubject(subject, c.Subject):
		r.add("commit-subject", Finding{At: at, Quote: quote, Text: "commit " + id + " has another subject: " + c.Subject})
	}
}

func sameSubject(a, b string) bool {
	return strings.Join(words(a), " ") == strings.Join(words(b), " ")
}
