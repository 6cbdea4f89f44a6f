package backport

import (
	"context"
	"slices"
	"strings"

	"ringside/gitrepo"
	"ringside/patch/diff"
	"ringside/patch/equiv"
)

// past is the history between the target's base and the commits, by the files that each
// commit changes.
type past struct {
	run     *run
	built   bool
	n       int
	missing int
	order   map[gitrepo.ID]int // the latest first
	commits []*gitrepo.Commit
	byFile  map[string][]int // places in commits
	files   []int            // how many files each commit changes
}

// wide is how many files a commit changes that is too large to come along: a release in
// one commit, a change of the whole tree.
const wide = 300

// build goes through the history once.
func (h *past) build(ctx context.Context) error {
	if h.built {
		return nil
	}
	h.built = true
	h.order, h.byFile = map[gitrepo.ID]int{}, map[string][]int{}
	var not []gitrepo.ID
	if !h.run.Base.IsZero() {
		not = append(not, h.run.Base)
	}
	var failed error
	missing, err := h.run.rd.Log(ctx, h.run.Commits, not, func(c, parent *gitrepo.Commit) bool {
		h.n++
		at := len(h.commits)
		h.order[c.ID] = at
		h.commits, h.files = append(h.commits, c), append(h.files, 0)
		if len(c.Parents) == 1 && parent != nil {
			list, err := h.run.rd.Changes(parent.Tree, c.Tree)
			if err != nil {
				failed = err
				return false
			}
			h.files[at] = len(list)
			for _, x := range list {
				h.byFile[x.Path] = append(h.byFile[x.Path], at)
			}
		}
		return h.n < h.run.Limit
	})
	h.missing = missing
	if err == nil {
		err = failed
	}
	return err
}

// wanted is what is looked for in the history.
type wanted struct {
	lines   map[string]Need // that the target lacks
	removed map[string]Need // that the target has and the source has not
	file    *Need
}

// wants collects what is in the way of a file's change. Lines that are everywhere say
// nothing.
func (f *FilePick) wants() wanted {
	w := wanted{lines: map[string]Need{}, removed: map[string]Need{}}
	if f.base != nil && f.before == nil && f.State == Conflict {
		w.file = &Need{Kind: NeedFile, File: f.From, Text: f.From}
		return w
	}
	for _, c := range f.Conflicts {
		for _, l := range c.Base {
			if telling(l) && !slices.Contains(c.Ours, l) {
				w.lines[l] = Need{NeedLine, f.Path, c.Line, strings.TrimRight(l, "\r\n")}
			}
		}
		for _, l := range c.Ours {
			if telling(l) && !slices.Contains(c.Base, l) && !slices.Contains(c.Theirs, l) {
				w.removed[l] = Need{NeedRemoval, f.Path, c.Line, strings.TrimRight(l, "\r\n")}
			}
		}
	}
	return w
}

// telling tells whether a line is characteristic of a place.
func telling(l string) bool {
	l = strings.TrimSpace(l)
	if len(l) < 4 {
		return false
	}
	switch l {
	case "break;", "return;", "return 0;", "continue;", "else", "} else {", "default:", "return ret;", "#endif", "#else", "{", "}", "};", "});":
		return false
	}
	return strings.ContainsFunc(l, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' })
}

// find looks for the commits that fill what a pick wants, the latest of each before the
// commit itself.
func (r *run) find(ctx context.Context, p *Pick) ([]Prerequisite, error) {
	if err := r.past.build(ctx); err != nil {
		return nil, err
	}
	before, ok := r.past.order[p.Commit.ID]
	if !ok {
		before = -1
	}
	found := map[int][]Need{}
	for i := range p.Files {
		f := &p.Files[i]
		if f.State != Conflict {
			continue
		}
		w := f.wants()
		name := f.From
		if f.old != "" {
			name = f.old
		}
		if err := r.blame(ctx, name, before, w, found); err != nil {
			return nil, err
		}
	}
	return r.gather(found), nil
}

func (r *run) gather(found map[int][]Need) []Prerequisite {
	var places []int
	for at := range found {
		places = append(places, at)
	}
	slices.Sort(places)
	slices.Reverse(places) // the oldest first
	var out []Prerequisite
	for _, at := range places {
		out = append(out, Prerequisite{r.past.commits[at], found[at]})
	}
	return out
}

// blame follows a file back through the history, also to the names that it had, and finds
// where the wanted lines came from and went.
func (r *run) blame(ctx context.Context, name string, before int, w wanted, found map[int][]Need) error {
	for hops := 0; name != "" && hops < 10; hops++ {
		next, at := "", 0
		for _, i := range r.past.byFile[name] {
			if err := ctx.Err(); err != nil {
				return err
			}
			if i <= before {
				continue
			}
			if len(w.lines)+len(w.removed) == 0 && w.file == nil {
				return nil
			}
			d, err := r.one(i, name)
			if err != nil {
				return err
			}
			if d == nil {
				continue
			}
			if w.file != nil {
				if d.base == nil || d.old != d.path {
					found[i] = append(found[i], *w.file)
					w.file = nil
				}
			} else {
				w.match(d, func(n Need) { found[i] = append(found[i], n) })
			}
			if d.old != "" && d.old != name {
				next, at = d.old, i
			}
		}
		name, before = next, at
	}
	return nil
}

// match takes what a commit's change of a file fills.
func (w *wanted) match(d *change, got func(Need)) {
	var base, now string
	if d.base != nil {
		base = d.base.text
	}
	if d.now != nil {
		now = d.now.text
	}
	x, y := split(base), split(now)
	for _, e := range diff.Lines(x, y) {
		for _, l := range y[e.B:e.BEnd] {
			if n, ok := w.lines[l]; ok && !slices.Contains(x[e.A:e.AEnd], l) {
				got(n)
				delete(w.lines, l)
			}
		}
		for _, l := range x[e.A:e.AEnd] {
			if n, ok := w.removed[l]; ok && !slices.Contains(y[e.B:e.BEnd], l) {
				got(n)
				delete(w.removed, l)
			}
		}
	}
}

func split(text string) []string {
	var out []string
	for l := range strings.Lines(text) {
		out = append(out, l)
	}
	return out
}

// later finds what the history says of the steps after them.
func (r *run) later(ctx context.Context, plan *Plan) error {
	if r.Head.IsZero() {
		return nil
	}
	steps := map[string]*Step{}
	var not []gitrepo.ID
	for i := range plan.Steps {
		s := &plan.Steps[i]
		steps[s.Commit.ID.String()] = s
		not = append(not, s.Commit.Parents...)
	}
	n := 0
	_, err := r.rd.Log(ctx, []gitrepo.ID{r.Head}, not, func(c, _ *gitrepo.Commit) bool {
		fixes, reverts := equiv.References(c.Message)
		for k, list := range [][]string{fixes, reverts} {
			for _, id := range list {
				for full, s := range steps {
					if len(id) >= 8 && strings.HasPrefix(full, id) && steps[c.ID.String()] == nil {
						s.Later = append(s.Later, Later{c, k == 1})
					}
				}
			}
		}
		n++
		return n < r.Limit
	})
	return err
}
