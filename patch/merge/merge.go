// Package merge joins two changes of one text: three-way merges, as git does them. What
// only one side has changed is taken, what both have changed in the same way is taken
// once, and the rest are conflicts with the lines of all three.
package merge

import (
	"slices"
	"strings"

	"ringside/patch/diff"
)

// A Conflict is a stretch that both sides have changed, each in its own way. Lines have
// their ends.
type Conflict struct {
	// Line is where it lies in ours, from 1.
	Line   int
	Base   []string
	Ours   []string
	Theirs []string
}

// A Result is what became of a merge.
type Result struct {
	Text string // with ours where there is a conflict
	// Preferred has theirs there: as if somebody had decided for it.
	Preferred string
	// Conflicts is empty where the merge is clean.
	Conflicts []Conflict
	// Taken counts the changes of theirs that were taken, and Same those that ours has
	// already.
	Taken, Same int
}

// Three merges the change from base to theirs into ours.
func Three(base, ours, theirs string) Result {
	o, a, b := split(base), split(ours), split(theirs)
	ea, eb := diff.Lines(o, a), diff.Lines(o, b)
	var r Result
	var out, other strings.Builder
	write := func(lines []string) {
		put(&out, lines)
		put(&other, lines)
	}
	at := 0 // in base
	i, k := 0, 0
	shift := 0 // from base to ours, where nothing is changed
	for i < len(ea) || k < len(eb) {
		switch {
		case k == len(eb) || i < len(ea) && ea[i].AEnd < eb[k].A:
			write(o[at:ea[i].A])
			write(a[ea[i].B:ea[i].BEnd])
			at, shift = ea[i].AEnd, ea[i].BEnd-ea[i].AEnd
			i++
		case i == len(ea) || eb[k].AEnd < ea[i].A:
			write(o[at:eb[k].A])
			write(b[eb[k].B:eb[k].BEnd])
			at = eb[k].AEnd
			r.Taken++
			k++
		default:
			// They touch: everything that overlaps is one stretch.
			from, to := min(ea[i].A, eb[k].A), max(ea[i].AEnd, eb[k].AEnd)
			ai, bk := i, k
			for {
				if i < len(ea) && ea[i].A <= to {
					to = max(to, ea[i].AEnd)
					i++
				} else if k < len(eb) && eb[k].A <= to {
					to = max(to, eb[k].AEnd)
					k++
				} else {
					break
				}
			}
			write(o[at:from])
			x := side(ea[ai:i], from, to, shift)
			if i > ai {
				shift = ea[i-1].BEnd - ea[i-1].AEnd
			}
			bshift := 0
			if bk > 0 {
				bshift = eb[bk-1].BEnd - eb[bk-1].AEnd
			}
			y := side(eb[bk:k], from, to, bshift)
			put(&out, a[x[0]:x[1]])
			put(&other, b[y[0]:y[1]])
			r.both(o[from:to], a[x[0]:x[1]], b[y[0]:y[1]], x[0])
			at = to
		}
	}
	write(o[at:])
	r.Text, r.Preferred = out.String(), other.String()
	return r
}

func put(b *strings.Builder, lines []string) {
	for _, l := range lines {
		b.WriteString(l)
	}
}

// side gives the lines of one side for a stretch of the base.
func side(edits []diff.Edit, from, to, shift int) [2]int {
	if len(edits) == 0 {
		return [2]int{from + shift, to + shift}
	}
	first, last := edits[0], edits[len(edits)-1]
	return [2]int{first.B - (first.A - from), last.BEnd + (to - last.AEnd)}
}

// both settles a stretch that both sides have changed: what they have in common at its
// ends, and in its middle, is no conflict.
func (r *Result) both(base, ours, theirs []string, line int) {
	if slices.Equal(ours, theirs) {
		r.Same++
		return
	}
	// Parts that are the same on both sides stand; what remains is in conflict. The base
	// belongs to the whole.
	edits := diff.Lines(ours, theirs)
	// Conflicts with three lines or fewer between them are one.
	for i := 0; i < len(edits); {
		k := i + 1
		for k < len(edits) && edits[k].A-edits[k-1].AEnd <= 3 {
			k++
		}
		c := Conflict{Line: line + edits[i].A + 1, Ours: ours[edits[i].A:edits[k-1].AEnd], Theirs: theirs[edits[i].B:edits[k-1].BEnd], Base: base}
		r.Conflicts = append(r.Conflicts, c)
		i = k
	}
}

func split(text string) []string {
	out := make([]string, 0, strings.Count(text, "\n")+1)
	for line := range strings.Lines(text) {
		out = append(out, line)
	}
	return out
}
