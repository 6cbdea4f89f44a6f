package owner

import (
	"slices"
	"strings"
)

// Recipient is an address to write to, and in what capacities.
type Recipient struct {
	Name  string   `json:"name,omitempty"`
	Email string   `json:"email"`
	List  bool     `json:"list"`
	Roles []string `json:"roles"` // "maintainer:EXT4 FILE SYSTEM"
}

// Recipients returns whom to write to, people first, each once: as in
// get_maintainer.pl, someone who appears under two addresses is written to
// under the first. Lists that only subscribers may post to are left out, and so
// is the maintainer of THE REST, who gets enough mail.
func Recipients(matches []Match) []Recipient {
	var people, lists []Recipient
	for _, m := range matches {
		for _, p := range slices.Concat(m.Maintainers, m.Reviewers) {
			if p.Role == "chief penguin" {
				continue
			}
			people = addRecipient(people, Recipient{Name: p.Name, Email: p.Email}, p.Role+":"+m.Subsystem)
		}
		for _, l := range m.Lists {
			if l.Kind == ListSubscribers {
				continue
			}
			role := string(l.Kind) + " list"
			if !m.Rest() {
				role += ":" + m.Subsystem
			}
			lists = addRecipient(lists, Recipient{Email: l.Email, List: true}, role)
		}
	}
	return append(people, lists...)
}

func addRecipient(list []Recipient, r Recipient, role string) []Recipient {
	for i := range list {
		have := &list[i]
		if strings.EqualFold(have.Email, r.Email) || r.Name != "" && strings.EqualFold(have.Name, r.Name) {
			if !slices.Contains(have.Roles, role) {
				have.Roles = append(have.Roles, role)
			}
			return list
		}
	}
	r.Roles = []string{role}
	return append(list, r)
}
