package send

import (
	"fmt"
	"slices"
	"strings"

	"ringside/patch"
)

// cover makes the letter that introduces a series.
func cover(stack *patch.Stack, s *Series, o Options, r Recipients, ids []string) Mail {
	n := len(stack.Patches)
	subject, blurb := o.Subject, strings.Trim(o.Blurb, "\n")
	if subject == "" {
		subject = "*** SUBJECT HERE ***"
	}
	if blurb == "" {
		blurb = "*** What is wrong, who sees it, what the series does about it ***"
	}
	m := Mail{Name: "0000-cover-letter.patch", Headers: s.headers(o, encode(s.brackets(o, 0, n)+subject), r, ids, 0)}
	var b strings.Builder
	b.WriteString(utf8Text(blurb) + "\n\nSigned-off-by: " + one(o.Sender.String()) + "\n---\n")
	if text := changelog(s, o); text != "" {
		b.WriteString(text + "\n---\n")
	}
	b.WriteString(Shortlog(stack.Patches) + "\n" + Stat(stack.Patches) + "---\n" + s.foundation(o))
	b.WriteString("\nBest regards,\n-- \n" + one(o.Sender.String()) + "\n\n")
	m.Body = b.String()
	return m
}

// changelog says what has changed since the version before.
func changelog(s *Series, o Options) string {
	if o.Prior == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Changes in v%d:\n", s.Version)
	same := 0
	for _, c := range s.Changes {
		if c.Kind == Unchanged {
			same++
			continue
		}
		b.WriteString(bullet(c.String()))
	}
	if same == len(s.Changes) {
		b.WriteString("- no changes but the base\n")
	}
	for _, p := range append(slices.Clone(o.Prior.Covers), o.Prior.Patches...) {
		if id := strings.Trim(p.Header("Message-Id"), "<> "); id != "" {
			fmt.Fprintf(&b, "- Link to v%d: https://lore.kernel.org/r/%s\n", version(o.Prior), id)
			break
		}
	}
	return b.String()
}

// bullet wraps a line of a list.
func bullet(text string) string {
	out, column := "- ", 2
	for i, w := range strings.Fields(text) {
		if i > 0 && column+1+len(w) > 72 {
			out, column = out+"\n  ", 2
		} else if i > 0 {
			out, column = out+" ", column+1
		}
		out, column = out+w, column+len(w)
	}
	return out + "\n"
}

// Shortlog lists the subjects by author, as git shortlog does.
func Shortlog(patches []*patch.Patch) string {
	by := map[string][]string{}
	var names []string
	for _, p := range patches {
		name := p.Author.Name
		if name == "" {
			name = p.Author.Email
		}
		if by[name] == nil {
			names = append(names, name)
		}
		by[name] = append(by[name], p.Subject)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "%s (%d):\n", one(name), len(by[name]))
		for _, subject := range by[name] {
			fmt.Fprintf(&b, "      %s\n", one(subject))
		}
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Stat sums up the changes by file, as git diff --stat does.
func Stat(patches []*patch.Patch) string {
	type count struct{ plus, minus int }
	counts := map[string]*count{}
	var names []string
	var modes []string
	for _, p := range patches {
		for i := range p.Files {
			f := &p.Files[i]
			name := f.Path()
			if counts[name] == nil {
				counts[name] = &count{}
				names = append(names, name)
			}
			switch {
			case f.Old == "":
				modes = append(modes, " create mode "+mode(f.NewMode)+" "+f.New)
			case f.New == "":
				modes = append(modes, " delete mode "+mode(f.OldMode)+" "+f.Old)
			}
			for _, h := range f.Hunks {
				for _, l := range h.Lines {
					switch l.Op {
					case '+':
						counts[name].plus++
					case '-':
						counts[name].minus++
					}
				}
			}
		}
	}
	slices.Sort(names)
	width, most, plus, minus := 0, 0, 0, 0
	for _, name := range names {
		c := counts[name]
		width, most = max(width, min(len(name), 50)), max(most, c.plus+c.minus)
		plus, minus = plus+c.plus, minus+c.minus
	}
	digits := len(fmt.Sprint(most))
	room := max(72-width-digits-5, 10)
	var b strings.Builder
	for _, name := range names {
		c := counts[name]
		short := name
		if len(short) > 50 {
			short = "..." + short[len(short)-47:]
		}
		p, m := c.plus, c.minus
		if most > room {
			p, m = scale(p, most, room), scale(m, most, room)
		}
		fmt.Fprintf(&b, " %-*s | %*d %s%s\n", width, short, digits, c.plus+c.minus, strings.Repeat("+", p), strings.Repeat("-", m))
	}
	fmt.Fprintf(&b, " %d file%s changed", len(names), plural(len(names)))
	if plus > 0 || minus == 0 {
		fmt.Fprintf(&b, ", %d insertion%s(+)", plus, plural(plus))
	}
	if minus > 0 || plus == 0 {
		fmt.Fprintf(&b, ", %d deletion%s(-)", minus, plural(minus))
	}
	b.WriteByte('\n')
	for _, m := range modes {
		b.WriteString(m + "\n")
	}
	return b.String()
}

func scale(n, most, room int) int {
	if n == 0 {
		return 0
	}
	return 1 + n*(room-1)/most
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
