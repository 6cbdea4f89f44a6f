package check

import (
	"fmt"
	"io"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Policy says who has to approve changes of risky areas: the decision rights of a team.
type Policy struct {
	Name  string `yaml:"name" json:"name"`
	Areas []Area `yaml:"areas" json:"areas"`
}

// An Area is a part of the tree that somebody answers for.
type Area struct {
	ID    string   `yaml:"id" json:"id"`
	Paths []string `yaml:"paths" json:"paths"` // "mm/", "drivers/net/*.c", "!mm/kasan/"
	// Approvals are who has to say yes: addresses, or names of teams.
	Approvals []string `yaml:"approvals" json:"approvals"`
	Reason    string   `yaml:"reason" json:"reason"`
	// Severity is error, warning or note; a warning if it is empty.
	Severity Severity `yaml:"severity" json:"severity,omitempty"`
}

const (
	maxPolicy = 4 << 20
	maxAreas  = 5000
)

// ReadPolicy reads a policy.
func ReadPolicy(rd io.Reader) (*Policy, error) {
	b, err := io.ReadAll(io.LimitReader(rd, maxPolicy+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxPolicy {
		return nil, fmt.Errorf("the policy is larger than %d MiB", maxPolicy>>20)
	}
	p := &Policy{}
	d := yaml.NewDecoder(strings.NewReader(string(b)))
	d.KnownFields(true)
	if err := d.Decode(p); err != nil {
		return nil, fmt.Errorf("a policy: %w", err)
	}
	if len(p.Areas) > maxAreas {
		return nil, fmt.Errorf("the policy has %d areas; at most %d can be", len(p.Areas), maxAreas)
	}
	for i, a := range p.Areas {
		switch {
		case a.ID == "":
			return nil, fmt.Errorf("area %d has no id", i+1)
		case len(a.Paths) == 0:
			return nil, fmt.Errorf("area %s has no paths", a.ID)
		case len(a.Approvals) == 0:
			return nil, fmt.Errorf("area %s names nobody under approvals", a.ID)
		case a.Severity != "" && a.Severity != Error && a.Severity != Warning && a.Severity != Note:
			return nil, fmt.Errorf("area %s: severity %q: want error, warning or note", a.ID, a.Severity)
		}
		for _, glob := range a.Paths {
			if _, err := path.Match(strings.TrimPrefix(glob, "!"), "x"); err != nil {
				return nil, fmt.Errorf("area %s: %q: %w", a.ID, glob, err)
			}
		}
	}
	return p, nil
}

// covers tells whether a path is in an area; the last pattern that fits decides.
func (a *Area) covers(name string) bool {
	in := false
	for _, glob := range a.Paths {
		pattern, not := strings.CutPrefix(glob, "!")
		fits := strings.HasSuffix(pattern, "/") && strings.HasPrefix(name, pattern)
		if !fits {
			fits, _ = path.Match(pattern, name)
		}
		if fits {
			in = !not
		}
	}
	return in
}

// rights says which approvals a patch needs and does not have by its trailers.
func (r *reviewer) rights() {
	given := strings.ToLower(strings.Join(append(append(r.p.Values("Acked-by"), r.p.Values("Reviewed-by")...), r.p.Values("Approved-by")...), "\n"))
	for i := range r.o.Policy.Areas {
		a := &r.o.Policy.Areas[i]
		var file string
		n := 0
		for _, name := range r.p.Paths() {
			if a.covers(name) {
				n++
				if file == "" {
					file = name
				}
			}
		}
		if n == 0 {
			continue
		}
		var missing []string
		for _, who := range a.Approvals {
			if !strings.Contains(given, strings.ToLower(who)) {
				missing = append(missing, who)
			}
		}
		if len(missing) > 0 {
			r.add("approval", Finding{File: file, Severity: a.Severity, Why: "policy " + r.o.Policy.Name + ": " + a.Reason,
				Text: fmt.Sprintf("%s is touched (%d of its files): %s has to approve", a.ID, n, strings.Join(missing, ", "))})
		}
	}
}
