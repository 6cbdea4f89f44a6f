package landed

import (
	"path"
	"slices"
	"strings"

	"ringside/patch"
	"ringside/patch/diff"
)

// lines is a patch as what it adds and removes, and nothing else.
type lines struct {
	paths []string
	// added and removed are lines without blanks, with how often they are more, or less.
	added, removed map[string]int
	// gone are lines of added that a later patch takes out; back those of removed that
	// one brings again.
	gone, back map[string]bool
	names      []string // that only stand in what is added
	// needs are the patches before that bring lines which this one changes; from says
	// which one brings a line that this one removes.
	needs []int
	from  map[string]int
	// leans are the patches before that bring lines which this one has as context.
	leans []int
	// heirs are the files that later patches of the stack move contents of one to.
	heirs map[string][]string
	// deletes are files that are gone after the patch, creates those that are new.
	deletes, creates []string
	// context are the lines that are left as they are.
	context map[string]bool
}

// minName is the length of the shortest identifiers that are looked at.
const minName = 4

// eachName calls f with the identifiers of a line.
func eachName(s string, f func(string)) {
	for i := 0; i < len(s); {
		c := s[i]
		if !isLetter(c) && (c < '0' || c > '9') {
			i++
			continue
		}
		k := i + 1
		for k < len(s) && (isLetter(s[k]) || s[k] >= '0' && s[k] <= '9') {
			k++
		}
		if k-i >= minName && isLetter(c) {
			f(s[i:k])
		}
		i = k
	}
}

func isLetter(c byte) bool {
	return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// squeeze makes one blank of each run of blanks, and none at the ends.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

func linesOf(p *patch.Patch) *lines {
	l := &lines{
		paths: p.Paths(), added: map[string]int{}, removed: map[string]int{}, context: map[string]bool{},
		gone: map[string]bool{}, back: map[string]bool{}, from: map[string]int{},
	}
	brings, knows := map[string]bool{}, map[string]bool{}
	for i := range p.Files {
		d := &p.Files[i]
		if d.Op == diff.Delete || d.Op == diff.Rename {
			l.deletes = append(l.deletes, d.Old)
		}
		if d.Op != diff.Modify && d.Op != diff.Delete {
			l.creates = append(l.creates, d.New)
		}
		for _, h := range p.Files[i].Hunks {
			for _, line := range h.Lines {
				s := squeeze(line.Text)
				to := knows
				switch line.Op {
				case '+':
					l.added[s]++
					to = brings
				case '-':
					l.removed[s]++
				default:
					l.context[s] = true
				}
				eachName(s, func(name string) { to[name] = true })
			}
		}
	}
	for s, n := range l.added {
		common := min(n, l.removed[s])
		cut(l.added, s, common)
		cut(l.removed, s, common)
	}
	for name := range brings {
		if !knows[name] {
			l.names = append(l.names, name)
		}
	}
	slices.Sort(l.names)
	return l
}

func cut(m map[string]int, s string, n int) {
	if m[s] -= n; m[s] <= 0 {
		delete(m, s)
	}
}

// letters is how much a line says.
func letters(s string) int {
	n := 0
	for i := range len(s) {
		if c := s[i] | 0x20; c >= 'a' && c <= 'z' {
			n++
		}
	}
	return n
}

const (
	// Lines with fewer letters are all over the tree.
	minLetters = 8
	maxLetters = 60
	// How many letters of lines one patch has to have from another to need it.
	needLetters = 24
)

// supersede finds out what becomes of the lines of each patch further up in the stack, and
// which patches need which.
func supersede(stack []*lines) {
	byPath := map[string][]int{}
	for i, l := range stack {
		for _, p := range l.paths {
			byPath[p] = append(byPath[p], i)
		}
	}
	inherit(stack)
	brought := map[string]int{} // by how many patches a line is added
	for _, l := range stack {
		for s := range l.added {
			brought[s]++
		}
	}
	for i, l := range stack {
		var later []int
		for _, p := range l.paths {
			for _, k := range byPath[p] {
				if k > i {
					later = append(later, k)
				}
			}
		}
		slices.Sort(later)
		for _, k := range slices.Compact(later) {
			q := stack[k]
			shared, around := 0, 0
			for s := range l.added {
				if q.removed[s] > 0 {
					l.gone[s] = true
				}
				// A line that is common to several patches does not say which is needed.
				if q.removed[s] == 0 {
					if q.context[s] && brought[s] == 1 {
						around += letters(s)
					}
					continue
				}
				q.from[s] = i
				if n := letters(s); n >= minLetters && brought[s] == 1 {
					shared += n
				}
			}
			for s := range l.removed {
				if q.added[s] > 0 {
					l.back[s] = true
				}
			}
			if shared >= needLetters {
				q.needs = append(q.needs, i)
			} else if around >= needLetters {
				q.leans = append(q.leans, i)
			}
		}
	}
}

// inherit finds which files the contents of a file go to further up in the stack: under a
// new name, or in part to a new file.
func inherit(stack []*lines) {
	after := map[string][]string{}
	for i := len(stack) - 1; i >= 0; i-- {
		l := stack[i]
		for _, to := range l.creates {
			for _, from := range l.paths {
				if from == to || slices.Contains(l.creates, from) || path.Dir(path.Dir(from)) != path.Dir(path.Dir(to)) && path.Dir(from) != path.Dir(path.Dir(to)) {
					continue
				}
				if list := after[from]; len(list) < maxHeirs && path.Ext(from) == path.Ext(to) {
					list = append(slices.Clip(list), to)
					for _, further := range after[to] {
						if len(list) < maxHeirs && !slices.Contains(list, further) {
							list = append(list, further)
						}
					}
					after[from] = list
				}
			}
		}
		l.heirs = map[string][]string{}
		for _, p := range l.paths {
			if len(after[p]) > 0 {
				l.heirs[p] = after[p]
			}
		}
	}
}

const maxHeirs = 8
