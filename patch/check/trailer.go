package check

import (
	"regexp"
	"slices"
	"strings"

	"ringside/patch"
)

// keys are the trailers that the kernel's documentation and its trees know.
var keys = []string{
	"Signed-off-by", "Acked-by", "Reviewed-by", "Tested-by", "Reported-by", "Suggested-by", "Co-developed-by", "Fixes", "Link",
	"Closes", "Cc", "Reported-and-tested-by", "Debugged-by", "Requested-by", "Based-on-patch-by", "Cherry-picked-from", "Depends-on",
	"Bugzilla", "BugLink", "Change-Id", "Upstream-commit", "Message-Id", "Message-ID", "Assisted-by", "Originally-by",
}

// trailers asks about the block at the end of the message.
func (r *reviewer) trailers() {
	p, target := r.p, r.target()
	r.signatures()
	for i, t := range p.Trailers {
		line := t.Key + ": " + t.Value
		switch {
		case t.Is("Fixes"):
			r.fixes(t)
		case t.Is("Change-Id") && target != Downstream:
			f := Finding{At: t.Line, Quote: line, Text: "Change-Id means nothing outside of a Gerrit server"}
			if target == Stable && r.o.Target == "" {
				f.Severity = Note // it was taken over with the patch
			}
			r.add("change-id", f)
		case t.Is("Co-developed-by"):
			if i+1 >= len(p.Trailers) || !p.Trailers[i+1].Is("Signed-off-by") || !sameAddress(p.Trailers[i+1].Value, t.Value) {
				r.addf("co-developed", t.Line, line, "the next line is not %s's Signed-off-by", name(t.Value))
			}
			if address(t.Value) != "" && strings.EqualFold(address(t.Value), p.Author.Email) {
				r.addf("co-developed", t.Line, line, "the author is no co-developer of the own patch")
			}
		case t.Is("Reported-by"):
			if target == Upstream && !(i+1 < len(p.Trailers) && (p.Trailers[i+1].Is("Closes") || p.Trailers[i+1].Is("Link") || p.Trailers[i+1].Is("Tested-by") || p.Trailers[i+1].Is("Reported-by"))) {
				r.addf("reported-link", t.Line, line, "no link to the report follows")
			}
		case t.Is("Link") || t.Is("Closes"):
			r.link(t)
		default:
			r.key(t)
		}
	}
	stable := slices.ContainsFunc(p.Trailers, func(t patch.Trailer) bool { return t.Is("Cc") && strings.Contains(t.Value, "stable@") })
	fixes := len(p.Values("Fixes")) > 0
	switch {
	case target == Stable:
		r.stable()
	case target != Upstream:
	case fixes && !stable:
		r.addf("fixes-stable", 0, "", "it fixes a commit and does not say whether stable should have it")
	case stable && !fixes && !slices.ContainsFunc(p.Trailers, func(t patch.Trailer) bool {
		return t.Is("Cc") && strings.Contains(t.Value, "stable@") && strings.Contains(t.Value, "#")
	}):
		r.addf("stable-fixes", 0, "", "it is meant for stable and does not say which commit it fixes, nor from which release on")
	}
}

var (
	fixesForm   = regexp.MustCompile(`^([0-9a-fA-F]+)(?:\s+\(\s*"(.*)"\s*\))?(.*)$`)
	stableTitle = regexp.MustCompile(`(?i)(commit [0-9a-f]{40} upstream|\[ ?upstream commit [0-9a-f]{40} ?\]|\(cherry picked from commit [0-9a-f]{40}|backported from commit [0-9a-f]{12,40}|upstream commit [0-9a-f]{12,40})`)
)

func (r *reviewer) fixes(t patch.Trailer) {
	line := "Fixes: " + t.Value
	m := fixesForm.FindStringSubmatch(strings.TrimPrefix(strings.TrimPrefix(t.Value, "commit "), "Commit "))
	switch {
	case m == nil:
		if strings.Contains(t.Value, "://") || strings.HasPrefix(t.Value, "#") {
			r.addf("fixes-format", t.Line, line, "Fixes: names a commit; reports are named by Closes:")
			return
		}
		r.addf("fixes-format", t.Line, line, "Fixes: names no commit")
		return
	case len(m[1]) < 12:
		r.addf("fixes-format", t.Line, line, "%s has %d digits: 12 are the least", m[1], len(m[1]))
	case m[2] == "" && strings.Contains(t.Value, "(\"") && !strings.HasSuffix(strings.TrimSpace(t.Value), "\")"):
		r.addf("fixes-format", t.Line, line, "the line is wrapped or cut: Fixes: is one line, however long")
	case m[2] == "":
		r.addf("fixes-format", t.Line, line, "the subject of the commit in (\"…\") is missing")
	case strings.HasPrefix(strings.ToLower(t.Value), "commit "):
		r.addf("fixes-format", t.Line, line, "the word \"commit\" does not belong there: tools do not find the ID")
	case len(m[1]) > 40:
		r.addf("fixes-format", t.Line, line, "no ID has %d digits", len(m[1]))
	}
	r.known(strings.ToLower(m[1]), m[2], t.Line, line)
}

// stable asks what stable-kernel-rules ask of a backport.
func (r *reviewer) stable() {
	if r.o.Target == Stable && !stableTitle.MatchString(r.p.Body) && len(r.p.Origin.Commits) == 0 {
		r.addf("stable-commit", r.p.Line, firstLine(r.p.Body), "nothing says which commit of upstream this is")
	}
	n := 0
	for i := range r.p.Files {
		for _, h := range r.p.Files[i].Hunks {
			n += h.OldLines + h.NewLines - min(h.OldLines, h.NewLines)
		}
	}
	if r.o.Target == Stable && n > 100 {
		r.addf("stable-size", r.p.Line, "", "the patch has %d lines with context; more than 100 are too many for stable", n)
	}
}

// signatures asks for the chain of the developer's certificate of origin.
func (r *reviewer) signatures() {
	p := r.p
	if r.target() == Downstream {
		return
	}
	var signed []patch.Trailer
	for _, t := range p.Trailers {
		if t.Is("Signed-off-by") {
			signed = append(signed, t)
			if a := address(t.Value); a == "" || name(t.Value) == "" {
				r.addf("signed-off-form", t.Line, t.Key+": "+t.Value, "it is no name with an address")
			} else if strings.HasSuffix(a, "noreply.github.com") || strings.HasSuffix(a, "@localhost") || strings.HasSuffix(a, ".localdomain") {
				r.addf("signed-off-form", t.Line, t.Key+": "+t.Value, "nobody reads mail to %s", a)
			}
		}
	}
	if len(signed) == 0 {
		r.addf("signed-off", p.Line, "", "there is no Signed-off-by")
		return
	}
	if p.Author.Email != "" && !slices.ContainsFunc(signed, func(t patch.Trailer) bool {
		return strings.EqualFold(address(t.Value), p.Author.Email)
	}) {
		f := Finding{At: p.Line, Quote: "From: " + p.Author.String(), Text: "no Signed-off-by is " + p.Author.String() + "'s, who is the author"}
		if slices.ContainsFunc(signed, func(t patch.Trailer) bool {
			return p.Author.Name != "" && strings.EqualFold(name(t.Value), p.Author.Name)
		}) {
			f.Severity, f.Text = Note, "the author signed off with another address than "+p.Author.Email
		}
		r.add("signed-off-author", f)
	}
	if e := r.o.Sender.Email; e != "" && !strings.EqualFold(address(signed[len(signed)-1].Value), e) {
		t := signed[len(signed)-1]
		r.addf("signed-off-sender", t.Line, t.Key+": "+t.Value, "%s sends the patch and is not the last to sign it", r.o.Sender)
	}
}

// key looks for keys with slips of the pen.
func (r *reviewer) key(t patch.Trailer) {
	if !strings.Contains(t.Key, "-") && len(t.Key) > 5 {
		return // prose with a colon
	}
	best, least := "", 3
	for _, k := range keys {
		if strings.EqualFold(k, t.Key) {
			if k != t.Key && k != "Cc" && !strings.EqualFold(k, "Message-Id") {
				r.add("trailer-key", Finding{At: t.Line, Quote: t.Key + ": " + t.Value, Severity: Note, Text: "the key is written " + k})
			}
			return
		}
		if d := distance(strings.ToLower(k), strings.ToLower(t.Key), least); d < least && len(k) > 6 {
			best, least = k, d
		}
	}
	if best != "" {
		r.addf("trailer-key", t.Line, t.Key+": "+t.Value, "%s is no key; %s is", t.Key, best)
	}
}

// distance counts the letters that differ, up to a limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		last := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := last
			if a[i-1] != b[j-1] {
				cost = 1 + min(last, row[j], row[j-1])
			}
			last, row[j] = row[j], cost
		}
	}
	return row[len(b)]
}

func (r *reviewer) link(t patch.Trailer) {
	line := t.Key + ": " + t.Value
	url, _, _ := strings.Cut(t.Value, " ")
	switch {
	case !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://"):
		r.addf("link", t.Line, line, "it is no address of the web")
	case strings.Contains(url, "//lkml.org/"), strings.Contains(url, "//marc.info/"), strings.Contains(url, "spinics.net/"), strings.Contains(url, "//lkml.iu.edu"), strings.Contains(url, "patchwork.kernel.org"):
		r.addf("link", t.Line, line, "mails are linked by their ID at lore.kernel.org")
	case strings.Contains(url, "//lkml.kernel.org/r/"):
		r.addf("link", t.Line, line, "lkml.kernel.org/r/ leads on to lore.kernel.org/r/")
	}
}

// name and address take "Name <address> # comment" apart.
func name(s string) string {
	n, _, _ := strings.Cut(s, "<")
	return strings.Trim(n, " \"")
}

func address(s string) string {
	_, a, ok := strings.Cut(s, "<")
	if !ok {
		return ""
	}
	a, _, ok = strings.Cut(a, ">")
	if !ok || !strings.Contains(a, "@") {
		return ""
	}
	return strings.TrimSpace(a)
}

func sameAddress(a, b string) bool {
	return address(a) != "" && strings.EqualFold(address(a), address(b))
}
