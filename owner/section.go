package owner

import "strings"

// Section is one entry of a MAINTAINERS file.
type Section struct {
	Subsystem   string   `json:"subsystem"` // the title
	Status      string   `json:"status,omitempty"`
	Maintainers []Person `json:"maintainers,omitempty"`
	Reviewers   []Person `json:"reviewers,omitempty"`
	Lists       []List   `json:"lists,omitempty"`
	Trees       []string `json:"trees,omitempty"` // "git git://..."
	Web         []string `json:"web,omitempty"`
	Patchwork   []string `json:"patchwork,omitempty"`
	Bugs        []string `json:"bugs,omitempty"`
	Chat        []string `json:"chat,omitempty"`
	Profiles    []string `json:"profiles,omitempty"`
	Line        int      `json:"line"` // of the title, 1-based

	excludes []glob
	order    int // position in its file
}

// Rest reports whether the section is the one that covers what nobody else
// does.
func (s *Section) Rest() bool { return s.Subsystem == "THE REST" }

// Orphaned reports whether the status says that nobody looks after the code.
func (s *Section) Orphaned() bool {
	return strings.EqualFold(s.Status, "Orphan") || strings.EqualFold(s.Status, "Obsolete")
}

// Person is someone named by an M: or R: line.
type Person struct {
	Name  string `json:"name,omitempty"`
	Email string `json:"email"`
	Role  string `json:"role"` // maintainer, supporter, odd fixer, ..., reviewer
}

// String gives the person in the form mail wants.
func (p Person) String() string {
	if p.Name == "" {
		return p.Email
	}
	if strings.ContainsAny(p.Name, `.,:;@()[]<>"\`) {
		return `"` + strings.ReplaceAll(p.Name, `"`, `\"`) + `" <` + p.Email + ">"
	}
	return p.Name + " <" + p.Email + ">"
}

// ListKind says who may post to a mailing list.
type ListKind string

// The kinds of list that L: lines tell apart.
const (
	ListOpen        ListKind = "open"
	ListModerated   ListKind = "moderated"
	ListSubscribers ListKind = "subscribers-only"
)

// List is a mailing list.
type List struct {
	Email string   `json:"email"`
	Kind  ListKind `json:"kind"`
}

// role is what a maintainer of a section with this status is called. The
// words are get_maintainer.pl's.
func role(status string) string {
	switch s := strings.ToLower(status); s {
	case "":
		return "unknown"
	case "supported":
		return "supporter"
	case "maintained":
		return "maintainer"
	case "odd fixes":
		return "odd fixer"
	case "orphan":
		return "orphan minder"
	case "obsolete":
		return "obsolete minder"
	case "buried alive in reporters":
		return "chief penguin"
	default:
		return s
	}
}

// parsePerson reads "Name <address>" or a bare address. An entry without an
// address, such as a pointer to a web page, is not a person.
func parsePerson(s string) (Person, bool) {
	s = strings.TrimSpace(s)
	open := strings.IndexByte(s, '<')
	if end := strings.LastIndexByte(s, '>'); open >= 0 && end > open {
		p := Person{
			Name:  strings.Trim(strings.TrimSpace(s[:open]), `"`),
			Email: strings.TrimSpace(s[open+1 : end]),
		}
		return p, strings.Contains(p.Email, "@")
	}
	for f := range strings.FieldsSeq(s) {
		if strings.Contains(f, "@") {
			return Person{Email: f}, true
		}
	}
	return Person{}, false
}

// parseList reads "address (remark)".
func parseList(s string) List {
	address, remark, _ := strings.Cut(strings.TrimSpace(s), " ")
	l := List{Email: address, Kind: ListOpen}
	switch {
	case strings.Contains(remark, "subscribers-only"):
		l.Kind = ListSubscribers
	case strings.Contains(remark, "moderated"):
		l.Kind = ListModerated
	}
	return l
}
