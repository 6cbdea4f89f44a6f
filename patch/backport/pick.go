package backport

import (
	"path"
	"slices"
	"strings"

	"ringside/gitrepo"
	"ringside/patch/merge"
)

// A State is what becomes of a commit, or of its change of a file, on the target.
type State string

// The states.
const (
	Clean    State = "clean"    // it goes on
	Merged   State = "merged"   // it goes on; the target differs around it
	There    State = "there"    // the target has it already
	Conflict State = "conflict" // a person has to decide
)

// A FilePick is what becomes of a commit's change of one file.
type FilePick struct {
	Path  string // in the target
	From  string // in the commit, where that is another name
	State State
	// Why says what is in the way, or that the file has moved.
	Why       string
	Conflicts []merge.Conflict

	before, after *file  // in the target
	old           string // the name before, if the commit renames it
	base, theirs  *file
}

// A Pick is a commit put on the target.
type Pick struct {
	Commit *gitrepo.Commit
	State  State
	Files  []FilePick
}

// change is what a commit does to a file; renames are found by content.
type change struct {
	old, path string // one is empty where the file is added or deleted
	base, now *file
}

// changes lists what a commit changes.
func (r *run) changes(c *gitrepo.Commit) ([]change, error) {
	if out, ok := r.known[c.ID]; ok {
		return out, nil
	}
	var parent gitrepo.ID
	if len(c.Parents) > 0 {
		p, err := r.rd.Commit(c.Parents[0])
		if err != nil {
			return nil, err
		}
		parent = p.Tree
	}
	list, err := r.rd.Changes(parent, c.Tree)
	if err != nil {
		return nil, err
	}
	var out, gone, come []change
	for _, x := range list {
		var d change
		if d.base, err = blob(r.rd, x.Old, x.OldMode); err != nil {
			return nil, err
		}
		if d.now, err = blob(r.rd, x.New, x.NewMode); err != nil {
			return nil, err
		}
		switch {
		case d.base == nil && d.now == nil: // a submodule
		case d.base == nil:
			d.path = x.Path
			come = append(come, d)
		case d.now == nil:
			d.old = x.Path
			gone = append(gone, d)
		default:
			d.old, d.path = x.Path, x.Path
			out = append(out, d)
		}
	}
	// A file that is gone and one that has come with half of its content are one.
	for i := range come {
		best, at := half, -1
		for k := range gone {
			if gone[k].base != nil && gone[k].base.text != "" {
				if s := similar(gone[k].base.text, come[i].now.text); s >= best {
					best, at = s, k
				}
			}
		}
		if at >= 0 {
			come[i].old, come[i].base = gone[at].old, gone[at].base
			gone[at].base = nil
		}
		out = append(out, come[i])
	}
	for _, g := range gone {
		if g.base != nil {
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b change) int { return strings.Compare(a.old+a.path, b.old+b.path) })
	size := 0
	for i := range out {
		size += out[i].size()
	}
	if size > maxKept/8 {
		return out, nil
	}
	if r.kept += size; r.kept > maxKept {
		clear(r.known)
		r.kept = size
	}
	r.known[c.ID] = out
	return out, nil
}

// maxKept bounds the contents of commits that are kept.
const maxKept = 256 << 20

func (d *change) size() (n int) {
	for _, f := range []*file{d.base, d.now} {
		if f != nil {
			n += len(f.text)
		}
	}
	return n
}

// maxGone is how many files a commit may delete for one of them to be looked for under
// another name.
const maxGone = 64

// one is what a commit of the history does to one file, which is not read in full: a
// commit may be as large as a release.
func (r *run) one(at int, name string) (*change, error) {
	c := r.past.commits[at]
	if out, ok := r.known[c.ID]; ok {
		for i := range out {
			if out[i].path == name {
				return &out[i], nil
			}
		}
		return nil, nil
	}
	p, err := r.rd.Commit(c.Parents[0])
	if err != nil {
		return nil, err
	}
	d := &change{path: name}
	if d.now, err = readBlob(r.rd, c.Tree, name); err != nil || d.now == nil {
		return nil, err
	}
	if d.base, err = readBlob(r.rd, p.Tree, name); err != nil {
		return nil, err
	}
	if d.base != nil {
		d.old = name
		return d, nil
	}
	list, err := r.rd.Changes(p.Tree, c.Tree)
	if err != nil {
		return nil, err
	}
	best, gone := half, 0
	for _, x := range list {
		if !x.New.IsZero() || path.Ext(x.Path) != path.Ext(name) {
			continue
		}
		if gone++; gone > maxGone {
			break
		}
		f, err := blob(r.rd, x.Old, x.OldMode)
		if err != nil || f == nil {
			continue
		}
		if s := similar(f.text, d.now.text); s >= best {
			best, d.old, d.base = s, x.Path, f
		}
	}
	return d, nil
}

// pick puts a commit on a state, which it changes where all goes on.
func (r *run) pick(s *state, c *gitrepo.Commit) (Pick, error) {
	p := Pick{Commit: c, State: There}
	list, err := r.changes(c)
	if err != nil {
		return p, err
	}
	for i := range list {
		f, err := r.pickFile(s, c, &list[i])
		if err != nil {
			return p, err
		}
		p.Files = append(p.Files, f)
	}
	for i := range p.Files {
		switch x := p.Files[i].State; {
		case x == Conflict || p.State == Conflict:
			p.State = Conflict
		case x == Merged || p.State == Merged:
			p.State = Merged
		case x == Clean:
			p.State = Clean
		}
	}
	if p.State == Conflict {
		return p, nil
	}
	for i := range p.Files {
		f := &p.Files[i]
		if f.State == There {
			continue
		}
		if f.old != "" && f.old != f.Path {
			s.files[f.old] = nil
		}
		s.files[f.Path] = f.after
	}
	return p, nil
}

// pickFile merges the change of one file.
func (r *run) pickFile(s *state, c *gitrepo.Commit, d *change) (FilePick, error) {
	f := FilePick{Path: d.path, From: d.path, base: d.base, theirs: d.now}
	if f.Path == "" {
		f.Path, f.From = d.old, d.old
	}
	name := d.old
	if name == "" { // the commit adds it
		ours, err := s.get(d.path)
		if err != nil {
			return f, err
		}
		f.before, f.after = ours, d.now
		switch {
		case ours == nil:
			f.State = Clean
		case ours.text == d.now.text:
			f.State = There
		default:
			m := merge.Three("", ours.text, d.now.text)
			f.State, f.Conflicts, f.Why = Conflict, m.Conflicts, "the target has another file of this name"
		}
		return f, nil
	}
	ours, err := s.get(name)
	if err != nil {
		return f, err
	}
	moved := ""
	if ours == nil {
		if d.now == nil {
			f.State = There // it is not there to be deleted
			return f, nil
		}
		if d.path != name { // renamed already
			if ours, err = s.get(d.path); err != nil {
				return f, err
			}
			if ours != nil {
				moved = d.path
			}
		}
		if ours == nil {
			others, err := r.others(c, name)
			if err != nil {
				return f, err
			}
			moved, ours = s.moved(name, d.base, others)
		}
		if ours == nil {
			f.State, f.Why = Conflict, "the target does not have this file"
			return f, nil
		}
		f.Path, f.Why = moved, "it is "+moved+" in the target"
	}
	f.before = ours
	switch {
	case d.now == nil: // the commit deletes it
		f.Path = name
		if moved != "" {
			f.Path = moved
		}
		if ours.text != d.base.text {
			f.State, f.Why = Conflict, "the commit deletes a file that the target has changed"
		} else {
			f.State = Clean
		}
		return f, nil
	case d.path != name && moved == "":
		f.old = name
		if there, err := s.get(d.path); err != nil {
			return f, err
		} else if there != nil {
			f.State, f.Why = Conflict, "the target has a file of the new name already"
			return f, nil
		}
	}
	return f.merge(d, ours), nil
}

// merge joins a change with what the target has.
func (f FilePick) merge(d *change, ours *file) FilePick {
	mode := ours.mode
	if d.base.mode != d.now.mode {
		mode = d.now.mode
	}
	switch {
	case ours.text == d.base.text:
		f.State = Clean
		f.after = &file{d.now.text, mode}
	case binary(ours.text) || binary(d.base.text) || binary(d.now.text):
		f.State, f.Why = Conflict, "it is binary, and the target's differs"
		if ours.text == d.now.text {
			f.State, f.Why = There, ""
		}
		return f
	default:
		m := merge.Three(d.base.text, ours.text, d.now.text)
		f.after = &file{m.Text, mode}
		f.Conflicts = m.Conflicts
		if f.State = Merged; len(m.Conflicts) > 0 {
			f.State = Conflict
			return f
		}
	}
	if f.after.text == ours.text && mode == ours.mode && f.old == "" {
		f.State = There
	}
	return f
}

func binary(s string) bool { return strings.IndexByte(s[:min(len(s), 8000)], 0) >= 0 }

// others are the files of the target that the source does not have just before a commit:
// where a file may be that has another name there.
func (r *run) others(c *gitrepo.Commit, name string) ([]string, error) {
	var root gitrepo.ID
	if len(c.Parents) > 0 {
		p, err := r.rd.Commit(c.Parents[0])
		if err != nil {
			return nil, err
		}
		root = p.Tree
	}
	var out []string
	if r.Target.fsys == nil {
		list, err := r.rd.Changes(root, r.Target.root)
		if err != nil {
			return nil, err
		}
		for _, x := range list {
			if x.Old.IsZero() {
				out = append(out, x.Path)
			}
		}
		return out, nil
	}
	if _, err := r.Target.list(); err != nil {
		return nil, err
	}
	for _, n := range r.Target.bases[path.Base(name)] {
		f, err := readBlob(r.rd, root, n)
		if err != nil {
			return nil, err
		}
		if f == nil {
			out = append(out, n)
		}
	}
	return out, nil
}
