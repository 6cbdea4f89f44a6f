package apply

import (
	"fmt"
	"strings"
)

// Near is the place where most of a hunk's lines are, and what keeps it from going there.
type Near struct {
	Line int // of the tree's file; 0 if nothing of the hunk is there
	// Found and Wanted count the old lines of the hunk: in place, and in all.
	Found, Wanted int
	Differences   []Difference
}

// A Difference is a line that only the hunk or only the tree has.
type Difference struct {
	Line   int    // of the tree's file: the line itself, or the one that the hunk's is missing before
	Tree   bool   // the tree has it, the hunk does not expect it
	Change bool   // the hunk removes it; otherwise it is context
	Text   string // without its end
}

// String says what differs.
func (d Difference) String() string {
	switch {
	case d.Tree:
		return fmt.Sprintf("line %d: the tree has %q", d.Line, d.Text)
	case d.Change:
		return fmt.Sprintf("line %d: the hunk removes %q", d.Line, d.Text)
	}
	return fmt.Sprintf("line %d: the hunk expects %q", d.Line, d.Text)
}

// Bounds of the search.
const (
	maxVotes       = 200  // places of one line
	maxAligned     = 1000 // lines of a hunk
	maxDifferences = 40
)

// near looks for the place: each line of the hunk that is in the tree speaks for one.
func near(f *file, p *pattern, guess int) *Near {
	n := &Near{Wanted: len(p.want)}
	if len(p.want) == 0 || len(f.lines) == 0 || len(p.want) > maxAligned {
		return n
	}
	index := map[string][]int{}
	for i, l := range p.want {
		if strings.TrimSpace(l.Text) != "" {
			index[l.Text] = append(index[l.Text], i)
		}
	}
	votes := map[int]int{}
	seen := map[string]int{}
	for k, line := range f.lines {
		places := index[line]
		if places == nil {
			continue
		}
		if seen[line]++; seen[line] > maxVotes {
			continue
		}
		weight := 1
		if len(strings.TrimSpace(line)) > 6 {
			weight = 4
		}
		for _, i := range places {
			votes[k-i+1] += weight
		}
	}
	best, at := 0, 0
	for place, v := range votes {
		if v > best || v == best && (distance(place, guess) < distance(at, guess) || distance(place, guess) == distance(at, guess) && place < at) {
			best, at = v, place
		}
	}
	if best == 0 {
		return n
	}
	n.Line = max(at, 1)
	n.align(f, p, at)
	return n
}

func distance(a, b int) int { return max(a-b, b-a) }

// align finds the fewest lines in which a hunk and the tree differ around a place.
func (n *Near) align(f *file, p *pattern, at int) {
	const slack = 12
	from := max(at-1-slack, 0)
	to := min(max(at-1, 0)+len(p.want)+slack, len(f.lines))
	if from >= to {
		return
	}
	tree := f.lines[from:to]
	a, b := p.want, tree
	// common[i][j] is how many lines a[i:] and b[j:] have in common.
	common := make([][]int32, len(a)+1)
	for i := range common {
		common[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i].Text == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var all []Difference
	first, last := -1, -1 // of the differences, those between lines that are there
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i].Text == b[j]:
			if n.Found == 0 {
				n.Line = from + j + 1 - min(i, from+j)
				first = len(all)
				for first > 0 && !all[first-1].Tree {
					first--
				}
			}
			n.Found++
			last = len(all)
			i++
			j++
		case i < len(a) && (j == len(b) || common[i+1][j] >= common[i][j+1]):
			all = append(all, Difference{Line: from + j + 1, Text: a[i].Text, Change: a[i].Op == '-'})
			i++
		default:
			all = append(all, Difference{Line: from + j + 1, Text: b[j], Tree: true})
			j++
		}
	}
	// What the tree has before the first and behind the last line of the hunk is no
	// difference, but for as many lines as the hunk misses there.
	lost := 0
	for k, d := range all {
		inside := k >= first && k < last
		if !d.Tree && k >= last {
			lost++
		}
		if !d.Tree || inside || k >= last && lost > 0 {
			if d.Tree && k >= last {
				lost--
			}
			if len(n.Differences) < maxDifferences {
				n.Differences = append(n.Differences, d)
			}
		}
	}
}

// Why sums up in one line what keeps a hunk from going on.
func (h *Hunk) Why() string {
	switch n := h.Near; {
	case h.Outcome != Fail:
		return ""
	case h.There:
		return "what it makes is in the tree already"
	case n == nil || n.Line == 0:
		return "none of its lines is in the tree's file"
	case len(n.Differences) == 0:
		return fmt.Sprintf("its lines are at line %d, but another hunk lies behind it, or the end of the file differs", n.Line)
	default:
		return fmt.Sprintf("%d of its %d lines are at line %d; %s", n.Found, n.Wanted, n.Line, n.Differences[0])
	}
}
