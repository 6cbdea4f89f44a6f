package send

import (
	"fmt"
	"slices"
	"strings"

	"ringside/patch"
)

// A ChangeKind says what became of a patch from one version to the next.
type ChangeKind string

// The kinds.
const (
	Unchanged ChangeKind = "unchanged"
	Changed   ChangeKind = "changed"
	New       ChangeKind = "new"
	Dropped   ChangeKind = "dropped"
)

// A Change is what became of a patch.
type Change struct {
	Kind     ChangeKind
	Subject  string
	Was      string // the subject before, if it is another
	From, To int    // numbers in the two versions, from 1; 0 if there is none
	// Files are those whose changes differ, with how many lines the change has more and less.
	Files   []FileChange
	Message bool     // the text of the message differs
	Tags    []string // trailers that are new
}

// A FileChange is a file that a patch changes in another way.
type FileChange struct {
	Path        string
	Plus, Minus int // lines of the diff that are new, and that are gone
}

// String says it in a line.
func (c Change) String() string {
	switch c.Kind {
	case New:
		return fmt.Sprintf("new patch %d: %s", c.To, c.Subject)
	case Dropped:
		return "dropped: " + c.Subject
	case Unchanged:
		return fmt.Sprintf("patch %d: unchanged", c.To)
	}
	var parts []string
	if c.Was != "" {
		parts = append(parts, fmt.Sprintf("was %q", c.Was))
	}
	for _, f := range c.Files {
		parts = append(parts, fmt.Sprintf("%s (+%d −%d)", f.Path, f.Plus, f.Minus))
	}
	if c.Message {
		parts = append(parts, "message reworded")
	}
	if len(c.Tags) > 0 {
		parts = append(parts, "picked up "+strings.Join(c.Tags, ", "))
	}
	if c.From != c.To {
		parts = append(parts, fmt.Sprintf("was patch %d", c.From))
	}
	return fmt.Sprintf("patch %d: %s", c.To, strings.Join(parts, "; "))
}

// Compare pairs the patches of two versions of a series and says what differs, in the
// order of the new one, then what was dropped.
func Compare(old, now *patch.Stack) []Change {
	pair := make([]int, len(now.Patches)) // index in old, -1 for none
	used := make([]bool, len(old.Patches))
	for i, p := range now.Patches {
		pair[i] = slices.IndexFunc(old.Patches, func(q *patch.Patch) bool { return strings.EqualFold(q.Subject, p.Subject) })
		if pair[i] >= 0 && used[pair[i]] {
			pair[i] = -1
		}
		if pair[i] >= 0 {
			used[pair[i]] = true
		}
	}
	for i, p := range now.Patches {
		best := 0.5
		for j, q := range old.Patches {
			if pair[i] >= 0 || used[j] {
				continue
			}
			if a := alike(p, q); a >= best {
				best, pair[i] = a, j
			}
		}
		if pair[i] >= 0 {
			used[pair[i]] = true
		}
	}
	var out []Change
	for i, p := range now.Patches {
		if pair[i] < 0 {
			out = append(out, Change{Kind: New, Subject: p.Subject, To: i + 1})
			continue
		}
		out = append(out, differ(old.Patches[pair[i]], p, pair[i]+1, i+1))
	}
	for j, q := range old.Patches {
		if !used[j] {
			out = append(out, Change{Kind: Dropped, Subject: q.Subject, From: j + 1})
		}
	}
	return out
}

// linesOf counts the changed lines of a patch by file.
func linesOf(p *patch.Patch) map[string]map[string]int {
	out := map[string]map[string]int{}
	for i := range p.Files {
		f := &p.Files[i]
		m := map[string]int{}
		for _, h := range f.Hunks {
			for _, l := range h.Lines {
				if l.Op != ' ' {
					m[string(l.Op)+l.Text]++
				}
			}
		}
		out[f.Path()] = m
	}
	return out
}

// alike is the share of changed lines that two patches have in common.
func alike(p, q *patch.Patch) float64 {
	a, b := linesOf(p), linesOf(q)
	both, all := 0, 0
	for name, lines := range a {
		for l, n := range lines {
			both += min(n, b[name][l])
			all += max(n, b[name][l])
		}
	}
	for name, lines := range b {
		for l, n := range lines {
			if a[name][l] == 0 {
				all += n
			}
		}
	}
	if all == 0 {
		return 0
	}
	return float64(both) / float64(all)
}

func differ(old, now *patch.Patch, from, to int) Change {
	c := Change{Kind: Unchanged, Subject: now.Subject, From: from, To: to}
	if old.Subject != now.Subject {
		c.Was = old.Subject
	}
	a, b := linesOf(old), linesOf(now)
	names := slices.Compact(slices.Sorted(slices.Values(append(now.Paths(), old.Paths()...))))
	for _, name := range names {
		f := FileChange{Path: name}
		for l, n := range b[name] {
			f.Plus += max(n-a[name][l], 0)
		}
		for l, n := range a[name] {
			f.Minus += max(n-b[name][l], 0)
		}
		if f.Plus+f.Minus > 0 {
			c.Files = append(c.Files, f)
		}
	}
	for _, t := range now.Trailers {
		if t.Is("Signed-off-by") {
			continue
		}
		if !slices.ContainsFunc(old.Trailers, func(o patch.Trailer) bool { return o.Is(t.Key) && o.Value == t.Value }) {
			c.Tags = append(c.Tags, t.Key+" "+parse(t.Value).Name)
		}
	}
	c.Message = prose(old) != prose(now)
	if c.Was != "" || len(c.Files) > 0 || c.Message || len(c.Tags) > 0 || from != to {
		c.Kind = Changed
	}
	return c
}

// prose is a message without its trailers and its line breaks.
func prose(p *patch.Patch) string {
	text := p.Body
	for _, t := range p.Trailers {
		text = strings.ReplaceAll(text, t.Key+": "+t.Value, "")
	}
	return strings.Join(strings.Fields(text), " ")
}
