// Package contrib counts what a team has given to upstream, out of a history: commits that
// its members wrote, and those that they reviewed, acknowledged, tested, reported or
// suggested, by release and by person.
package contrib

import (
	"cmp"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Counts are contributions of one kind each.
type Counts struct {
	Authored  int `json:"authored"`
	Fixes     int `json:"fixes"`  // authored ones with a Fixes tag
	Stable    int `json:"stable"` // authored ones for stable
	CoWritten int `json:"co_developed"`
	Reviewed  int `json:"reviewed"`
	Acked     int `json:"acked"`
	Tested    int `json:"tested"`
	Reported  int `json:"reported"`
	Suggested int `json:"suggested"`
	// Committed are those of others that they took.
	Committed int `json:"committed"`
}

// Total adds them up, without those that are part of another.
func (c *Counts) Total() int {
	return c.Authored + c.CoWritten + c.Reviewed + c.Acked + c.Tested + c.Reported + c.Suggested
}

// Row is what one release, or one person, counts.
type Row struct {
	Name string `json:"name"`
	Counts
}

// Summary is what a team has given.
type Summary struct {
	Commits int     `json:"commits"` // that were looked at
	Who     string  `json:"who"`
	Total   Counts  `json:"total"`
	Share   float64 `json:"share"` // of all commits that the team wrote, 0 to 1
	// Releases are in the order of time, People the busiest first.
	Releases []Row      `json:"releases"`
	People   []Row      `json:"people"`
	First    *time.Time `json:"first,omitempty"`
	Last     *time.Time `json:"last,omitempty"`
}

// A Commit is one commit of a history.
type Commit struct {
	Author    string // address
	Committer string
	Date      time.Time
	Message   string
	Release   string // that has it first, or ""
}

// A Counter counts the contributions of those whose address Who accepts.
type Counter struct {
	Who      func(address string) bool
	commits  int
	total    Counts
	releases map[string]*bucket
	people   map[string]*Counts
	first    time.Time
	last     time.Time
}

type bucket struct {
	Counts
	first time.Time
}

var trailer = regexp.MustCompile(`(?im)^(Reviewed-by|Acked-by|Tested-by|Reported-by|Suggested-by|Co-developed-by|Reported-and-tested-by|Fixes|Cc):[ \t]*(.+?)[ \t]*$`)

// Matching makes a Who of addresses ("ada@example.org") and domains ("@example.org").
func Matching(patterns []string) func(string) bool {
	var exact, domains []string
	for _, p := range patterns {
		p = strings.ToLower(strings.TrimSpace(p))
		if strings.HasPrefix(p, "@") {
			domains = append(domains, p)
		} else if p != "" {
			exact = append(exact, p)
		}
	}
	return func(address string) bool {
		address = strings.ToLower(address)
		if slices.Contains(exact, address) {
			return true
		}
		for _, d := range domains {
			if strings.HasSuffix(address, d) || strings.HasSuffix(address, "."+d[1:]) {
				return true
			}
		}
		return false
	}
}

// Add looks at one commit.
func (c *Counter) Add(x *Commit) {
	c.commits++
	if c.releases == nil {
		c.releases, c.people = map[string]*bucket{}, map[string]*Counts{}
	}
	note := func(who string, field func(*Counts) *int) {
		who = strings.ToLower(who)
		name := x.Release
		if name == "" {
			name = "not released"
		}
		r := c.releases[name]
		if r == nil {
			r = &bucket{first: x.Date}
			c.releases[name] = r
		}
		if x.Date.Before(r.first) {
			r.first = x.Date
		}
		p := c.people[who]
		if p == nil {
			p = &Counts{}
			c.people[who] = p
		}
		for _, to := range []*Counts{&c.total, &r.Counts, p} {
			*field(to)++
		}
		if c.first.IsZero() || x.Date.Before(c.first) {
			c.first = x.Date
		}
		if x.Date.After(c.last) {
			c.last = x.Date
		}
	}
	mine := c.Who(x.Author)
	if mine {
		note(x.Author, func(n *Counts) *int { return &n.Authored })
	} else if c.Who(x.Committer) {
		note(x.Committer, func(n *Counts) *int { return &n.Committed })
	}
	fixes, stable := false, false
	for _, m := range trailer.FindAllStringSubmatch(x.Message, 256) {
		key := strings.ToLower(m[1])
		switch key {
		case "fixes":
			fixes = true
			continue
		case "cc":
			stable = stable || strings.Contains(m[2], "stable@")
			continue
		}
		who := address(m[2])
		if !c.Who(who) || strings.EqualFold(who, x.Author) {
			continue
		}
		for _, f := range fields[key] {
			note(who, f)
		}
	}
	if mine && fixes {
		note(x.Author, func(n *Counts) *int { return &n.Fixes })
	}
	if mine && stable {
		note(x.Author, func(n *Counts) *int { return &n.Stable })
	}
}

var fields = map[string][]func(*Counts) *int{
	"reviewed-by":            {func(n *Counts) *int { return &n.Reviewed }},
	"acked-by":               {func(n *Counts) *int { return &n.Acked }},
	"tested-by":              {func(n *Counts) *int { return &n.Tested }},
	"reported-by":            {func(n *Counts) *int { return &n.Reported }},
	"reported-and-tested-by": {func(n *Counts) *int { return &n.Reported }, func(n *Counts) *int { return &n.Tested }},
	"suggested-by":           {func(n *Counts) *int { return &n.Suggested }},
	"co-developed-by":        {func(n *Counts) *int { return &n.CoWritten }},
}

// address takes the address out of a trailer's value.
func address(s string) string {
	if a, err := mail.ParseAddress(s); err == nil {
		return a.Address
	}
	if i := strings.IndexByte(s, '<'); i >= 0 {
		if k := strings.IndexByte(s[i:], '>'); k > 0 {
			return s[i+1 : i+k]
		}
	}
	for _, w := range strings.Fields(s) {
		if strings.Contains(w, "@") {
			return strings.Trim(w, "<>,;()")
		}
	}
	return ""
}

// Summary sums up.
func (c *Counter) Summary(who string) Summary {
	s := Summary{Commits: c.commits, Who: who, Total: c.total, Releases: []Row{}, People: []Row{}}
	if c.commits > 0 {
		s.Share = float64(c.total.Authored) / float64(c.commits)
	}
	if !c.first.IsZero() {
		s.First, s.Last = &c.first, &c.last
	}
	names := make([]string, 0, len(c.releases))
	for name := range c.releases {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if (a == "not released") != (b == "not released") {
			if a == "not released" {
				return 1
			}
			return -1
		}
		if d := c.releases[a].first.Compare(c.releases[b].first); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		s.Releases = append(s.Releases, Row{name, c.releases[name].Counts})
	}
	for who, n := range c.people {
		s.People = append(s.People, Row{who, *n})
	}
	slices.SortFunc(s.People, func(a, b Row) int {
		if d := cmp.Compare(b.Total(), a.Total()); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	return s
}
