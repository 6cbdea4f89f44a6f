// Package present tells whether a change is in a source tree already, by the tree's
// content: not by names of commits, which a backport changes, nor by versions, which a
// vendor's tree does not have.
//
// A diff is cut into changes: stretches of removed and added lines with the lines around
// them. A change is in the tree where its lines after the change are found in one piece;
// it is not where its lines before the change are. Blanks do not count. As much of the
// context must fit as can; where none fits, the added lines alone have to be found, in
// one piece and characteristic enough.
//
// The verdict about the diff is careful in one direction: a fix that is said to be in the
// tree and is not is the costliest mistake. Fixed needs every change that could be
// decided to be in the tree, and most of them decided.
package present

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"ringside/patch/diff"
)

// A State is what a tree has of a change.
type State uint8

// The states.
const (
	Unknown State = iota
	Fixed         // the change is in the tree
	Unfixed       // the tree is as it was before the change
)

// String gives the state's name.
func (s State) String() string { return [...]string{"unknown", "fixed", "unfixed"}[min(s, 2)] }

// A Change is one stretch of a diff, and what the tree has of it.
type Change struct {
	File  string // where it was looked for
	Line  int    // of the tree's file, where it was found; 0 if nowhere
	Hunk  int    // line of its hunk in the diff
	State State
	// Context is how many lines around it fit on each side, -1 where the added lines
	// alone were found.
	Context int
	// Begin and Count are the changed lines as the tree has them, without context: those
	// that are added where it is Fixed, those that are removed where it is not. Count is 0
	// where the tree has nothing of them, and the change is before Begin.
	Begin, Count int
	// Places is at how many places of the file the lines could be.
	Places int
	// Directive says that a changed line is one of the preprocessor.
	Directive bool
	Why       string

	weight int // characters that it adds or removes
}

// A Result is what a tree has of a diff.
type Result struct {
	State   State
	Changes []Change
	// Missing are files of the diff that the tree does not have.
	Missing []string
}

// A Finder looks for a diff's changes in one tree. It keeps the files that it has read;
// it is not safe for use by several goroutines.
type Finder struct {
	fsys  fs.FS
	files map[string]*source
	kept  int
	// Moved gives the other names that a file may have in the tree; nil looks nowhere
	// else.
	Moved func(file string) []string
}

// maxKept bounds the lines of files that are kept.
const maxKept = 4 << 20

// New prepares looking for changes in a tree.
func New(fsys fs.FS) *Finder { return &Finder{fsys: fsys, files: map[string]*source{}} }

// Check tells whether a diff's changes are in the tree. Where only is not nil, only files
// in it are looked at: a fix may come with others in one diff.
func (f *Finder) Check(files []diff.File, only []string) (Result, error) {
	var r Result
	for i := range files {
		d := &files[i]
		if d.Err != nil || d.Binary || only != nil && !slices.Contains(only, d.New) && !slices.Contains(only, d.Old) || !code(d.Path()) {
			continue
		}
		if err := f.file(d, &r); err != nil {
			return r, err
		}
	}
	r.State = verdict(r.Changes)
	return r, nil
}

// code tells whether a file's content says something about a fix: a change of
// documentation comes and goes without it.
func code(name string) bool {
	switch path.Ext(name) {
	case ".c", ".h", ".S", ".s", ".rs", ".y", ".l", ".dts", ".dtsi", ".lds":
		return true
	}
	base := path.Base(name)
	return strings.HasPrefix(base, "Kconfig") || base == "Makefile" || base == "Kbuild"
}

func (f *Finder) file(d *diff.File, r *Result) error {
	var names []string
	for _, n := range []string{d.New, d.Old} {
		if n != "" && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	if f.Moved != nil {
		names = append(names, f.Moved(d.Path())...)
	}
	for _, name := range names {
		src, err := f.source(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if d.Op == diff.Delete {
			r.Changes = append(r.Changes, Change{File: name, Hunk: d.Line, State: Unfixed, Why: "the change deletes this file", weight: 1})
			return nil
		}
		for i := range d.Hunks {
			for _, g := range groups(&d.Hunks[i]) {
				c := g.find(src)
				c.File = name
				r.Changes = append(r.Changes, c)
			}
		}
		return nil
	}
	r.Missing = append(r.Missing, d.Path())
	return nil
}

// verdict sums the changes up, by how much of the text each is. Lines that are as before
// the change with little context around them may be others of the same kind: they keep
// the diff from being called fixed where they are a third of what is.
func verdict(changes []Change) State {
	var fixed, unfixed, doubtful, total int
	for i := range changes {
		c := &changes[i]
		total += c.weight
		switch {
		case c.State == Fixed:
			fixed += c.weight
		case c.State == Unfixed && c.Context >= 2:
			unfixed += c.weight
		case c.State == Unfixed:
			doubtful += c.weight
		}
	}
	switch {
	case total == 0:
		return Unknown
	case unfixed*20 >= fixed && unfixed > 0, doubtful*3 >= fixed && doubtful > 0:
		return Unfixed
	case fixed*2 > total:
		return Fixed
	}
	return Unknown
}

// source is a file as its lines without blanks.
type source struct {
	lines []string
	index map[string][]int
}

func (f *Finder) source(name string) (*source, error) {
	if s, ok := f.files[name]; ok {
		if s == nil {
			return nil, fs.ErrNotExist
		}
		return s, nil
	}
	text, err := fs.ReadFile(f.fsys, name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		f.files[name] = nil
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("look for a change in %s: %w", name, err)
	}
	s := newSource(string(text))
	if f.kept += len(s.lines); f.kept > maxKept {
		clear(f.files)
		f.kept = len(s.lines)
	}
	f.files[name] = s
	return s, nil
}

func newSource(text string) *source {
	s := &source{index: map[string][]int{}}
	for line := range strings.Lines(text) {
		l := squeeze(line)
		s.index[l] = append(s.index[l], len(s.lines))
		s.lines = append(s.lines, l)
	}
	return s
}

// squeeze makes one blank of each run of blanks, and none at the ends.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// find returns where a sequence of lines begins; at most maxFound places.
func (s *source) find(seq []string) []int {
	if len(seq) == 0 {
		return nil
	}
	// The rarest line finds the places.
	best, at := -1, 0
	for i, l := range seq {
		n := len(s.index[l])
		if n == 0 {
			return nil
		}
		if best < 0 || n < best {
			best, at = n, i
		}
	}
	var out []int
	for _, p := range s.index[seq[at]] {
		if begin := p - at; begin >= 0 && begin+len(seq) <= len(s.lines) && slices.Equal(s.lines[begin:begin+len(seq)], seq) {
			if out = append(out, begin); len(out) == maxFound {
				break
			}
		}
	}
	return out
}

const maxFound = 64

// maxContext is how many lines around a change are looked at.
const maxContext = 3

// group is one stretch of changed lines.
type group struct {
	hunk           int
	start          int // line of the file before the change, by the diff
	before, after  []string
	removed, added []string
	// next and prev are the lines on the other side of what belongs to neighbouring
	// changes: context that exists only before, or only after, them.
	weight int
}

// groups cuts a hunk into stretches. The context of one may hold lines that another one
// adds or removes: it ends there.
func groups(h *diff.Hunk) []group {
	var out []group
	lines := h.Lines
	old := h.OldStart
	for i := 0; i < len(lines); {
		if lines[i].Op == ' ' {
			i++
			old++
			continue
		}
		g := group{hunk: h.Line, start: old}
		for k := i - 1; k >= 0 && lines[k].Op == ' ' && len(g.before) < maxContext; k-- {
			g.before = append(g.before, squeeze(lines[k].Text))
		}
		slices.Reverse(g.before)
		for ; i < len(lines) && lines[i].Op != ' '; i++ {
			l := squeeze(lines[i].Text)
			g.weight += len(l)
			if lines[i].Op == '-' {
				g.removed = append(g.removed, l)
				old++
			} else {
				g.added = append(g.added, l)
			}
		}
		for k := i; k < len(lines) && lines[k].Op == ' ' && len(g.after) < maxContext; k++ {
			g.after = append(g.after, squeeze(lines[k].Text))
		}
		if slices.Equal(g.removed, g.added) || g.weight == 0 {
			continue // only blanks changed
		}
		out = append(out, g)
	}
	return out
}

// find looks for the change with as much context as fits.
func (g *group) find(s *source) Change {
	c := Change{Hunk: g.hunk, Directive: g.directive(), weight: g.weight}
	for n := maxContext; n >= 1; n-- {
		before, after := g.before[max(0, len(g.before)-n):], g.after[:min(n, len(g.after))]
		if len(before) < n && len(after) < n && n > 1 {
			continue // there is no more context than with the next n
		}
		if g.decide(&c, s, before, after, n) {
			return c
		}
	}
	for _, side := range [][2][]string{{g.before[max(0, len(g.before)-2):], nil}, {nil, g.after[:min(2, len(g.after))]}} {
		if len(side[0])+len(side[1]) == 2 && telling(slices.Concat(side[0], side[1])) && g.decide(&c, s, side[0], side[1], 0) {
			return c
		}
	}
	// Without context only lines that tell something count.
	c.Context = -1
	post, pre := s.find(g.added), s.find(g.removed)
	switch {
	case len(post) > 0 && telling(g.added) && len(pre) == 0:
		c.State, c.Why = Fixed, "the lines that it adds are here, in one piece"
		c.at(post, post[0], 0, len(g.added))
	case len(pre) > 0 && telling(g.removed) && len(post) == 0:
		c.State, c.Why = Unfixed, "the lines that it removes are here, in one piece"
		c.at(pre, pre[0], 0, len(g.removed))
	default:
		c.Why = "neither what it adds nor what it removes is here in one piece"
	}
	return c
}

// decide looks for the lines before and after the change within some context.
func (g *group) decide(c *Change, s *source, before, after []string, n int) bool {
	post := s.find(slices.Concat(before, g.added, after))
	pre := s.find(slices.Concat(before, g.removed, after))
	// What only adds has its lines before the change also behind it, and what only
	// removes the other way round, where the context repeats itself.
	if len(g.removed) == 0 && len(post) > 0 {
		pre = nil
	}
	if len(g.added) == 0 && len(pre) > 0 {
		post = nil
	}
	c.Context = n
	switch {
	case len(post) > 0 && len(pre) == 0:
		if len(g.added) == 0 && !telling(slices.Concat(before, after)) {
			return false // braces that lie together say nothing
		}
		c.State, c.Why = Fixed, "what it makes of these lines is here"
		c.at(post, nearest(post, g.start), len(before), len(g.added))
		return true
	case len(pre) > 0 && len(post) == 0:
		if len(g.removed) == 0 && !telling(slices.Concat(before, after)) {
			return false
		}
		c.State, c.Why = Unfixed, "these lines are as before it"
		c.at(pre, nearest(pre, g.start), len(before), len(g.removed))
		return true
	case len(pre) > 0 && len(post) > 0:
		// Both are there, as where the same is done in several places.
		p, q := nearest(pre, g.start), nearest(post, g.start)
		c.State, c.Line, c.Why = Unknown, min(p, q)+1, "the lines before and after it are both here"
		return n == 1
	}
	return false
}

// at notes where a sequence of lines was found, of which the changed ones begin after some
// of context.
func (c *Change) at(places []int, place, context, count int) {
	c.Line, c.Places = place+1, len(places)
	c.Begin, c.Count = place+context+1, count
}

// directive tells whether a changed line is one of the preprocessor, or may be.
func (g *group) directive() bool {
	for _, l := range slices.Concat(g.removed, g.added) {
		if strings.HasPrefix(l, "#") || strings.HasPrefix(l, "/*") && strings.Contains(l, "#") {
			return true
		}
	}
	return false
}

func nearest(places []int, line int) int {
	best := places[0]
	for _, p := range places {
		if abs(p-line) < abs(best-line) {
			best = p
		}
	}
	return best
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// telling tells whether lines are characteristic: more than braces, breaks and returns.
func telling(lines []string) bool {
	letters := 0
	for _, l := range lines {
		switch l {
		case "return;", "return 0;", "return ret;", "return err;", "return -EINVAL;", "break;", "continue;", "else", "} else {", "goto out;":
			continue
		}
		for _, r := range l {
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
				letters++
			}
		}
	}
	return letters >= 12
}
