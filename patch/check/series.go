package check

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ringside/owner"
	"ringside/patch"
	"ringside/patch/diff"
)

// concerns asks whether a patch does one thing.
func (r *reviewer) concerns() {
	if r.target() != Upstream {
		return
	}
	r.subsystems()
	for i := range r.p.Files {
		f := &r.p.Files[i]
		blank, real := 0, 0
		var first change
		for _, pair := range replaced(f) {
			if pair.blank {
				blank++
				if first.at == 0 {
					first = pair.at
				}
			} else {
				real++
			}
		}
		if blank >= 3 && real >= 3 {
			r.add("mixed-whitespace", Finding{File: f.Path(), Line: first.line, At: first.at, Quote: first.text, Text: fmt.Sprintf("%d places of %s change in white space only, %d in more", blank, f.Path(), real)})
		}
		if f.Op == diff.Rename && real > 5 {
			r.add("rename-edit", Finding{File: f.Path(), At: f.Line, Text: fmt.Sprintf("%s becomes %s and changes in %d places", f.Old, f.New, real)})
		}
	}
}

// A place where lines are replaced.
type replacement struct {
	blank bool // by lines with the same words
	at    change
}

// replaced gives the runs of changed lines of a file.
func replaced(f *diff.File) []replacement {
	var out []replacement
	var old, now strings.Builder
	var at change
	flush := func() {
		if at.at > 0 {
			squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
			a, b := squeeze(old.String()), squeeze(now.String())
			out = append(out, replacement{a == b, at})
		}
		old.Reset()
		now.Reset()
		at = change{}
	}
	for _, c := range lines(f) {
		switch c.op {
		case '-':
			old.WriteString(c.text + "\n")
		case '+':
			now.WriteString(c.text + "\n")
		default:
			flush()
			continue
		}
		if at.at == 0 {
			at = c
		}
	}
	flush()
	return out
}

// subsystems asks whether one maintainer can take the patch.
func (r *reviewer) subsystems() {
	if r.o.Owners == nil {
		return
	}
	common := map[string]int{}
	var each []string
	n := 0
	for _, name := range r.p.Paths() {
		var titles []string
		for _, m := range r.o.Owners.File(name) {
			if !m.Last && m.Subsystem != "" {
				titles = append(titles, m.Subsystem)
			}
		}
		if len(titles) == 0 || strings.HasPrefix(name, "Documentation/") || strings.HasPrefix(name, "include/") {
			continue
		}
		n++
		for _, t := range titles {
			common[t]++
		}
		each = append(each, titles[0])
	}
	for _, k := range common {
		if k == n {
			return // somebody looks after all of it
		}
	}
	slices.Sort(each)
	each = slices.Compact(each)
	if n >= 3 && len(each) >= 3 {
		r.addf("mixed-subsystems", r.p.Line, "", "the patch is for %d subsystems: %s", len(each), strings.Join(each[:min(len(each), 5)], ", "))
	}
}

// owned tells whether a section other than THE REST covers a file.
func owned(idx *owner.Index, name string) bool {
	return slices.ContainsFunc(idx.File(name), func(m owner.Match) bool { return !m.Last })
}

// recipients are who should get a patch, as get_maintainer.pl says.
func recipients(idx *owner.Index, p *patch.Patch) []owner.Recipient {
	var all []owner.Match
	for _, name := range p.Paths() {
		all = append(all, idx.File(name)...)
	}
	return owner.Recipients(all)
}

// addressed holds the recipients of a mail against those whom MAINTAINERS names: its
// maintainers and lists, not those who look after everything. A patch that is addressed to
// nobody yet is left alone.
func (r *reviewer) addressed(to []owner.Recipient) {
	if r.target() != Upstream {
		return
	}
	var given strings.Builder
	line := 0
	for _, h := range r.p.Headers {
		if h.Is("To") || h.Is("Cc") {
			given.WriteString(strings.ToLower(h.Value) + "\n")
			line = max(line, h.Line)
		}
	}
	if line == 0 {
		return
	}
	for _, t := range r.p.Trailers {
		if t.Is("Cc") { // git send-email takes them, too
			given.WriteString(strings.ToLower(t.Value) + "\n")
		}
	}
	given.WriteString(strings.ToLower(r.p.Author.Email))
	var missing []string
	for _, who := range to {
		needed := slices.ContainsFunc(who.Roles, func(role string) bool {
			kind, of, _ := strings.Cut(role, ":")
			return of != "" && of != "THE REST" && (kind == "maintainer" || strings.HasSuffix(kind, "list"))
		})
		if needed && !strings.Contains(given.String(), strings.ToLower(who.Email)) {
			missing = append(missing, who.Email)
		}
	}
	if n := len(missing); n > 0 {
		r.addf("missing-recipient", line, "", "not among the recipients: %s", strings.Join(missing[:min(n, 6)], ", "))
	}
}

var (
	defined = regexp.MustCompile(`^(?:[A-Za-z_][A-Za-z0-9_ \t\*]*?[ \t\*]|#[ \t]*define[ \t]+)([A-Za-z_][A-Za-z0-9_]{3,})[ \t]*\(`)
	called  = regexp.MustCompile(`\b([a-z_][a-z0-9_]{3,})[ \t]*\(`)
)

// order looks for calls of what only a later patch defines.
func (r *reviewer) order(stack *patch.Stack) {
	if len(stack.Patches) < 2 || len(stack.Patches) > maxOrdered {
		return
	}
	type place struct {
		patch int
		name  string
	}
	first := map[string]place{} // where a function is defined first, by what is added
	old := map[string]bool{}    // was there before: as context or removed
	for i, p := range stack.Patches {
		for j := range p.Files {
			f := &p.Files[j]
			if !isC(f.Path()) {
				continue
			}
			for _, h := range f.Hunks {
				for _, l := range h.Lines {
					m := defined.FindStringSubmatch(l.Text)
					if m == nil {
						continue
					}
					if _, ok := first[m[1]]; l.Op == '+' && !ok {
						first[m[1]] = place{i, p.Name}
					} else if l.Op != '+' && !ok {
						old[m[1]] = true
					}
				}
			}
		}
	}
	said := map[string]bool{}
	for i, p := range stack.Patches {
		r.p = p
		for j := range p.Files {
			f := &p.Files[j]
			if !isC(f.Path()) {
				continue
			}
			for _, c := range lines(f) {
				if c.op == ' ' {
					for _, m := range called.FindAllStringSubmatch(c.text, -1) {
						old[m[1]] = true // it is used before the series
					}
				}
				if c.op != '+' || defined.MatchString(c.text) || strings.HasPrefix(strings.TrimSpace(c.text), "*") || strings.HasPrefix(strings.TrimSpace(c.text), "/") {
					continue
				}
				for _, m := range called.FindAllStringSubmatch(c.text, -1) {
					d, ok := first[m[1]]
					if !ok || d.patch <= i || old[m[1]] || said[m[1]] || r.inTree(m[1]) {
						continue
					}
					said[m[1]] = true
					r.add("order", Finding{File: f.Path(), Line: c.line, At: c.at, Quote: c.text, Text: fmt.Sprintf("%s() is called here and comes with the later patch %s", m[1], d.name)})
				}
			}
		}
	}
	r.p = nil
}

// maxOrdered is of how many patches the order is looked at.
const maxOrdered = 200

// inTree tells whether a name is one that the index of owners knows: then it
// was there before.
func (r *reviewer) inTree(name string) bool {
	if r.o.Owners != nil && len(r.o.Owners.Definitions(name, "")) > 0 {
		return true
	}
	return false
}
