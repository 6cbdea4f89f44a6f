// Package landed tells which patches of a stack a source tree has already, by the tree's
// content alone: its history may be squashed, its versions a vendor's own.
//
// Two questions are asked about each patch. patch/present looks for each stretch of it in
// one piece; that is exact, and fails where the code went on changing. So it is also
// counted what has survived: how much of what the patch adds is in its files, how much of
// what it removes, and how many of the names that it brings. A patch is not alone: what a
// later patch of the stack takes out again cannot be there, and where a patch has landed
// that builds on another, the other must have landed before.
//
//   - landed.go: the verdicts; survive.go: what is counted, and when it is enough;
//   - lines.go: a patch as the lines that it adds and removes; tree.go: the files of the
//     tree, also those that were moved.
package landed

import (
	"fmt"
	"io/fs"
	"slices"

	"ringside/patch"
	"ringside/patch/present"
)

// A State is what a tree has of a patch.
type State string

// The states.
const (
	Unknown State = "unknown"
	Present State = "present"
	Partly  State = "partly" // some of it, and the rest is as before
	Absent  State = "absent"
)

// A Verdict is what a tree has of one patch, and why this is believed.
type Verdict struct {
	State State
	// Added is the share of what the patch adds, and nothing in the stack takes out again,
	// that its files have; Removed of what it removes; Names of the identifiers that it
	// brings. They are -1 where there is nothing that could be counted.
	Added, Removed, Names float64
	// Pieces are what patch/present found of each stretch.
	Pieces present.Result
	// After names the patch that builds on this one and has landed, where that decided.
	After    string
	Evidence []string
	// Moved are files that were looked for under another name: old → new.
	Moved map[string]string
}

// A Finder looks for patches in one tree. It is not safe for several goroutines.
type Finder struct {
	tree  *tree
	exact *present.Finder
}

// New prepares looking for patches in a tree.
func New(fsys fs.FS) *Finder {
	f := &Finder{tree: newTree(fsys)}
	f.exact = present.New(fsys)
	f.exact.Moved = f.tree.moved
	return f
}

// Stack looks for the patches of a stack, in the order in which they are applied.
func (f *Finder) Stack(patches []*patch.Patch) ([]Verdict, error) {
	stack := make([]*lines, len(patches))
	for i, p := range patches {
		stack[i] = linesOf(p)
	}
	supersede(stack)
	out := make([]Verdict, len(patches))
	sure := make([]int, len(patches)) // >0: it is there, <0: it is not, for certain
	for i, p := range patches {
		v, certain, err := f.judge(p, stack[i], func(k int) bool { return out[k].State == Present })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		out[i], sure[i] = v, certain
		if v.State != Present || certain > 0 {
			continue
		}
		for _, k := range stack[i].needs {
			if sure[k] < 0 {
				out[i].State = Absent
				out[i].Evidence = append(out[i].Evidence, fmt.Sprintf("it changes lines of %s, which is not there", patches[k].Name))
				break
			}
		}
	}
	// From the last to the first: what is concluded of one counts for those before it.
	for i := len(patches) - 1; i >= 0; i-- {
		if out[i].State != Present {
			continue
		}
		land := func(k int, why string) {
			if v := &out[k]; v.State != Present && (sure[k] >= 0 || sure[i] > 0) {
				v.State, v.After = Present, patches[i].Name
				v.Evidence = append(v.Evidence, why)
			}
		}
		for _, k := range stack[i].needs {
			land(k, fmt.Sprintf("%s has landed and changes lines that only this patch brings", patches[i].Name))
		}
		// Context is only what upstream had where neither was fitted to the other.
		if fromUpstream(patches[i]) {
			for _, k := range stack[i].leans {
				if out[k].State == Unknown && fromUpstream(patches[k]) {
					land(k, fmt.Sprintf("%s has landed and has lines around its changes that only this patch brings", patches[i].Name))
				}
			}
		}
		for _, gone := range stack[i].deletes {
			for k := range i {
				if out[k].State == Unknown && len(stack[k].paths) == 1 && stack[k].paths[0] == gone {
					land(k, fmt.Sprintf("%s has landed and takes its file away", patches[i].Name))
				}
			}
		}
	}
	between(patches, stack, out)
	for i := range out {
		v := &out[i]
		if fixed, _ := stretches(v.Pieces); v.State == Unknown && fixed == 0 && v.Added >= 0 && v.Added <= trace && v.Names <= trace && len(v.Moved)+len(v.Pieces.Missing) == 0 {
			v.State = Absent // nothing of it is there, and nothing says why it would be gone
		}
	}
	return out, nil
}

// between decides about what nothing else decides: a change from upstream that stands
// between two others of its files which have landed, and of which nothing is as before.
func between(patches []*patch.Patch, stack []*lines, out []Verdict) {
	near := func(i, step int) int {
		for k := i + step; k >= 0 && k < len(patches); k += step {
			if fromUpstream(patches[k]) && slices.ContainsFunc(stack[k].paths, func(p string) bool { return slices.Contains(stack[i].paths, p) }) {
				return k
			}
		}
		return -1
	}
	for i, p := range patches {
		if _, unfixed := stretches(out[i].Pieces); out[i].State != Unknown || unfixed > 0 || !fromUpstream(p) || out[i].Removed > half {
			continue
		}
		if a, b := near(i, -1), near(i, 1); a >= 0 && b >= 0 && out[a].State == Present && out[b].State == Present {
			out[i].State, out[i].After = Present, patches[b].Name
			out[i].Evidence = append(out[i].Evidence, fmt.Sprintf("%s before it and %s after it have landed, and nothing is as before it", patches[a].Name, patches[b].Name))
		}
	}
}

// judge looks at one patch by itself. landed tells of the patches before whether they are
// there: what they brought can only then be missed.
func (f *Finder) judge(p *patch.Patch, l *lines, landed func(int) bool) (v Verdict, certain int, err error) {
	pieces, err := f.exact.Check(p.Files, nil)
	if err != nil {
		return v, 0, err
	}
	c, err := f.count(p, l, landed)
	if err != nil {
		return v, 0, err
	}
	v = Verdict{Pieces: pieces, Added: c.added.share(), Removed: c.removed.share(), Names: c.names.share(), Moved: c.moved}
	v.State, v.Evidence = decide(pieces, c)
	certain = c.certain(v.State, pieces)
	for name := range c.moved {
		v.Evidence = append(v.Evidence, fmt.Sprintf("%s is not in the tree; %s was looked at", name, c.moved[name]))
	}
	slices.Sort(v.Evidence[min(1, len(v.Evidence)):])
	return v, certain, nil
}

func fromUpstream(p *patch.Patch) bool {
	return p.Origin.Kind == patch.Upstream || p.Origin.Kind == patch.Backport
}
