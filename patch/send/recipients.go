package send

import (
	"slices"
	"strings"

	"ringside/owner"
	"ringside/patch"
)

// Recipients are who gets a mail.
type Recipients struct {
	To, Cc []patch.Person
}

func (r Recipients) has(p patch.Person) bool {
	same := func(q patch.Person) bool { return strings.EqualFold(q.Email, p.Email) }
	return slices.ContainsFunc(r.To, same) || slices.ContainsFunc(r.Cc, same)
}

func (r Recipients) cc(p patch.Person) Recipients {
	if p.Email != "" && strings.Contains(p.Email, "@") && !r.has(p) {
		r.Cc = append(r.Cc, p)
	}
	return r
}

// with joins two sets; who is a To: in one of them is.
func (r Recipients) with(other Recipients) Recipients {
	for _, p := range other.To {
		same := func(q patch.Person) bool { return strings.EqualFold(q.Email, p.Email) }
		if !slices.ContainsFunc(r.To, same) {
			r.To = append(r.To, p)
			r.Cc = slices.DeleteFunc(slices.Clone(r.Cc), same)
		}
	}
	for _, p := range other.Cc {
		r = r.cc(p)
	}
	return r
}

// involved are trailers whose people get a copy.
var involved = []string{"Cc", "Reported-by", "Suggested-by", "Reviewed-by", "Acked-by", "Tested-by", "Co-developed-by", "Signed-off-by", "Reported-and-tested-by", "Debugged-by"}

// recipients are the maintainers of what a patch touches, its lists and reviewers, whoever
// its trailers name, and who wrote what it fixes.
func recipients(p *patch.Patch, o Options) Recipients {
	var r Recipients
	if o.Owners != nil {
		var all []owner.Match
		for _, name := range p.Paths() {
			all = append(all, o.Owners.File(name)...)
		}
		for _, x := range owner.Recipients(all) {
			q := patch.Person{Name: x.Name, Email: x.Email}
			if r.has(q) || strings.EqualFold(q.Email, o.Sender.Email) {
				continue
			}
			if !x.List && slices.ContainsFunc(x.Roles, func(role string) bool {
				return !strings.HasPrefix(role, "reviewer")
			}) && !rest(x.Roles) {
				r.To = append(r.To, q)
			} else if x.List || !rest(x.Roles) {
				r.Cc = append(r.Cc, q)
			}
		}
	}
	for _, t := range p.Trailers {
		switch {
		case slices.ContainsFunc(involved, t.Is):
			if q := parse(t.Value); !strings.EqualFold(q.Email, o.Sender.Email) {
				r = r.cc(q)
			}
		case t.Is("Fixes") && o.Author != nil:
			id, _, _ := strings.Cut(t.Value, " ")
			if q, ok := o.Author(id); ok && !strings.EqualFold(q.Email, o.Sender.Email) {
				r = r.cc(q)
			}
		}
	}
	if p.Author.Email != "" && !strings.EqualFold(p.Author.Email, o.Sender.Email) {
		r = r.cc(p.Author)
	}
	return r
}

// rest tells whether somebody is named for the whole kernel only.
func rest(roles []string) bool {
	return !slices.ContainsFunc(roles, func(r string) bool { return !strings.HasSuffix(r, ":THE REST") })
}

// parse reads "Name <address> # comment".
func parse(s string) patch.Person {
	s, _, _ = strings.Cut(s, "#")
	name, a, ok := strings.Cut(s, "<")
	if !ok {
		return patch.Person{Email: strings.TrimSpace(s)}
	}
	a, _, _ = strings.Cut(a, ">")
	return patch.Person{Name: strings.Trim(name, " \""), Email: strings.TrimSpace(a)}
}
