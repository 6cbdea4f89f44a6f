package vuln

import (
	"fmt"
	"slices"
	"strings"

	"ringside/kbuild"
)

// moved answers for a file that the tree does not have by those that have its code there.
// It is compiled where the one with the most of it is, and not compiled where none of them
// is and most of the code is known to be in them. Without other names it says nothing.
func (j *judgement) moved(file string) (p kbuild.Presence, says string) {
	p = kbuild.Presence{Path: file}
	if j.k.Moved == nil {
		return p, ""
	}
	names, whole := j.k.Moved(file)
	if len(names) == 0 {
		return p, ""
	}
	n := map[kbuild.State]int{}
	first := j.k.Presence(names[0])
	p.Path = first.Path
	for _, name := range names {
		q := j.k.Presence(name)
		n[q.State]++
		p.Why = append(p.Why, q.Why...)
		if q.State == kbuild.Compiled {
			p.Targets = append(p.Targets, q.Targets...)
		}
	}
	slices.Sort(p.Targets)
	p.Targets = slices.Compact(p.Targets)
	is := fmt.Sprintf("%s is not in the tree; its code is in %s there, ", file, inWords(names))
	switch {
	case first.State == kbuild.Compiled:
		p.State, p.Why = kbuild.Compiled, first.Why
		return p, is + "which is compiled into " + inWords(p.Targets)
	case n[kbuild.NotCompiled] == len(names) && whole:
		p.State = kbuild.NotCompiled
		if len(names) > 1 {
			return p, is + "of which nothing is compiled" + because(p)
		}
		return p, is + "which is not compiled" + because(p)
	}
	p.Targets = nil
	if n[kbuild.NotCompiled] == len(names) {
		return p, is + "which is not compiled; but not most of it is known to be there"
	}
	return p, is + "of which some is not compiled, or not known to be: " + strings.Join(names, ", ")
}
