package kbuild

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"ringside/kbuild/gmake"
)

// Limits of one walk: a kernel has some 5,000 folders and 40,000 objects.
const (
	maxDirs  = 20000
	maxUnits = 400000
	maxChain = 64 // rules from a target to its sources
)

// visit is how the build descends into a folder.
type visit struct {
	dir              string
	builtin, modules bool // its obj-y go into vmlinux; its obj-m become modules
	side             string
	unsure           bool // the way to it has a condition that is not decided
	goals            map[string]bool
	linked           bool   // the goals are linked into vmlinux
	from             string // the folder whose Makefile names it
}

// walk descends as make would, without an order.
type walk struct {
	b        *Build
	visits   map[string]*visit
	queue    []string
	queued   map[string]bool
	units    map[string]*Unit // by object and source
	problems map[gmake.Problem]bool
	busy     map[string]bool      // targets being resolved
	makes    map[string]bool      // files that a folder's patterns can make, "file\x00dir"
	chain    int                  // nested questions whether they can
	using    map[*gmake.Rule]bool // patterns in the chain
	done     map[string]bool      // targets resolved for a target, "target\x00dir\x00image"
	at       string               // folder whose Makefile is followed
}

func newWalk(b *Build) *walk {
	return &walk{
		b: b, visits: map[string]*visit{}, queued: map[string]bool{}, units: map[string]*Unit{},
		problems: map[gmake.Problem]bool{}, busy: map[string]bool{}, done: map[string]bool{}, makes: map[string]bool{}, using: map[*gmake.Rule]bool{},
	}
}

func (w *walk) run() {
	for _, r := range w.b.top.roots {
		w.descend(visit{dir: r.dir, builtin: r.builtin, modules: r.modules})
	}
	w.topGoals()
	w.linked()
	for len(w.queue) > 0 {
		dir := w.queue[0]
		w.queue = w.queue[1:]
		w.queued[dir] = false
		w.folder(w.visits[dir])
	}
}

// descend notes that the build goes into a folder. One that is already known may be
// gone into in one more way, and is walked again.
func (w *walk) descend(v visit) {
	old, known := w.visits[v.dir]
	switch {
	case !known:
		if len(w.visits) >= maxDirs {
			w.problem(gmake.Problem{File: v.from, Text: "too many folders; the rest is not evaluated"})
			return
		}
		if _, ok := w.b.tree.makefileOf(v.dir); !ok {
			if !v.unsure {
				w.problem(gmake.Problem{File: v.from, Text: fmt.Sprintf("the folder %s has no Makefile", v.dir)})
			}
			return
		}
		n := v
		n.goals = maps.Clone(v.goals)
		w.visits[v.dir] = &n
	default:
		grown := false
		for g := range v.goals {
			if !old.goals[g] {
				if old.goals == nil {
					old.goals = map[string]bool{}
				}
				old.goals[g], grown = true, true
			}
		}
		more := v.builtin && !old.builtin || v.modules && !old.modules || old.unsure && !v.unsure || old.side != "" && v.side == ""
		if !more && !grown {
			return
		}
		old.builtin = old.builtin || v.builtin
		old.modules = old.modules || v.modules
		old.unsure = old.unsure && v.unsure
		old.linked = old.linked || v.linked
		if v.side == "" {
			old.side = ""
		}
	}
	if !w.queued[v.dir] {
		w.queued[v.dir] = true
		w.queue = append(w.queue, v.dir)
	}
}

func (w *walk) problem(p gmake.Problem) {
	if len(w.problems) < 2000 {
		w.problems[p] = true
	}
}

// folder reads one folder as scripts/Makefile.build would.
func (w *walk) folder(v *visit) {
	f := w.b.tree.folderFor(w.b.top, w.b.Config, v.dir)
	for _, p := range f.env.Problems {
		w.problem(p)
	}
	down := func(words []gmake.Word, builtin, modules bool) {
		for _, word := range words {
			dir, ok := under(v.dir, word.Text)
			if !ok {
				continue
			}
			w.descend(visit{
				dir: dir, builtin: builtin, modules: modules, side: v.side,
				unsure: v.unsure || word.Maybe, from: v.dir,
			})
		}
	}
	down(f.dirY, v.builtin, v.modules)
	down(f.dirM, false, v.modules)
	down(f.subdirs, false, false)

	if v.builtin {
		for _, o := range f.objY {
			w.object(f, o, link{target: w.image(v, Vmlinux), side: v.side != "", unsure: v.unsure})
		}
	}
	if v.modules && v.side == "" {
		for _, o := range f.objM {
			if stem, ok := strings.CutSuffix(o.Text, ".o"); ok {
				w.object(f, o, link{target: path.Join(v.dir, stem+".ko"), module: true, unsure: v.unsure})
			}
		}
	}
	library := link{target: w.image(v, Vmlinux), side: v.side != "", unsure: v.unsure}
	if !w.b.top.libs[v.dir] {
		library = link{target: path.Join(v.dir, "lib.a"), side: true, unsure: v.unsure}
	}
	for _, o := range f.libY {
		w.object(f, o, library)
	}
	for _, o := range f.extra {
		w.extra(f, v, o)
	}
	for g := range v.goals {
		l := link{target: g, side: true, unsure: v.unsure}
		if v.linked && strings.HasSuffix(g, ".o") {
			l = link{target: Vmlinux}
		}
		w.resolve(f, g, l)
	}
}

func (w *walk) image(v *visit, otherwise string) string {
	if v.side != "" {
		return v.side
	}
	return otherwise
}

// extra is a word of extra-y or always-y. Objects there were the head of vmlinux before
// 6.1; all else is made besides.
func (w *walk) extra(f *folder, v *visit, word gmake.Word) {
	target, ok := under(f.dir, word.Text)
	if !ok || f.host[target] {
		return
	}
	l := link{target: target, side: true, unsure: v.unsure || word.Maybe}
	if strings.HasSuffix(word.Text, ".o") && v.side == "" && v.builtin && w.head(target) {
		l = link{target: Vmlinux, unsure: v.unsure || word.Maybe}
	}
	w.resolve(f, target, l)
}

// head says whether an object of extra-y is the head of vmlinux.
func (w *walk) head(target string) bool {
	words, _ := w.b.top.env.Words("head-y")
	for _, h := range words {
		if clean(h.Text) == target {
			return true
		}
	}
	return len(words) == 0 && strings.Contains(path.Base(target), "head")
}

// link is what an object becomes part of.
type link struct {
	target string
	module bool
	side   bool
	unsure bool
}

// object adds an object of a list, or what it is linked of.
func (w *walk) object(f *folder, word gmake.Word, l link) {
	l.unsure = l.unsure || word.Maybe
	w.component(f, word.Text, l, 0)
}

func (w *walk) component(f *folder, word string, l link, depth int) {
	target, ok := under(f.dir, word)
	if !ok || !strings.HasSuffix(word, ".o") {
		if ok && strings.HasSuffix(word, ".a") {
			w.resolve(f, target, l)
		}
		return
	}
	c, composite := f.parts[strings.TrimSuffix(word, ".o")]
	// A part with a source of its own is not looked up again: only obj-y and obj-m are.
	if composite && depth <= 8 && (depth == 0 || !w.hasSource(target)) {
		words := c.words
		if l.module {
			words = slices.Concat(words, c.module)
		}
		for _, p := range words {
			pl := l
			pl.unsure = l.unsure || p.Maybe
			if p.Text == word { // dim-y := dim.o net_dim.o: its own source is one of them
				w.resolve(f, target, pl)
				continue
			}
			w.component(f, p.Text, pl, depth+1)
		}
		return
	}
	w.resolve(f, target, l)
}

func (w *walk) hasSource(object string) bool {
	stem := strings.TrimSuffix(object, ".o")
	for _, ext := range []string{".c", ".S", ".rs"} {
		if w.b.tree.make.Exists(stem + ext) {
			return true
		}
	}
	return false
}

func (w *walk) unit(u Unit, l link) {
	key := u.Object + "\x00" + u.Source
	old, ok := w.units[key]
	if !ok {
		if len(w.units) >= maxUnits {
			w.problem(gmake.Problem{File: u.Object, Text: "too many objects; the rest is not evaluated"})
			return
		}
		u.Targets = []string{l.target}
		u.Side, u.Unsure, u.folders = l.side, l.unsure, []string{w.at}
		w.units[key] = &u
		return
	}
	if !slices.Contains(old.folders, w.at) {
		old.folders = append(old.folders, w.at)
	}
	if old.Side && !l.side { // it is in the kernel after all
		old.Targets = nil
	}
	if l.side && !old.Side {
		return
	}
	old.Side = l.side
	old.Unsure = old.Unsure && l.unsure
	if !slices.Contains(old.Targets, l.target) {
		old.Targets = append(old.Targets, l.target)
	}
}

// finish hands the result to the build.
func (w *walk) finish() {
	b := w.b
	b.dirs = w.visits
	b.Units = make([]Unit, 0, len(w.units))
	for _, u := range w.units {
		slices.Sort(u.Targets)
		b.Units = append(b.Units, *u)
	}
	sortUnits(b.Units)
	b.sources = make(map[string][]int, len(b.Units))
	for i := range b.Units {
		u := &b.Units[i]
		b.sources[u.Source] = append(b.sources[u.Source], i)
		for _, in := range u.Inputs {
			if in != u.Source {
				b.sources[in] = append(b.sources[in], i)
			}
		}
	}
	b.Problems = append(slices.Clone(b.top.problems), slices.Collect(maps.Keys(w.problems))...)
	slices.SortFunc(b.Problems, func(x, y gmake.Problem) int {
		if c := strings.Compare(x.File, y.File); c != 0 {
			return c
		}
		if x.Line != y.Line {
			return x.Line - y.Line
		}
		return strings.Compare(x.Text, y.Text)
	})
}
