package gitrepo

import (
	"bytes"
	"fmt"
)

// A Change is one file that differs between two trees. An ID is zero where the file is
// not there.
type Change struct {
	Path             string
	Old, New         ID
	OldMode, NewMode uint32
}

const maxDepth = 256

// Changes lists the files that differ between two trees, by name. A zero ID is an empty
// tree. Submodules are among them, with what they point to.
func (rd *Reader) Changes(before, after ID) ([]Change, error) {
	w := changeWalk{rd: rd}
	if err := w.trees("", before, after, 0); err != nil {
		return w.out, err
	}
	return w.out, nil
}

type changeWalk struct {
	rd  *Reader
	out []Change
}

func (w *changeWalk) tree(id ID) ([]byte, error) {
	if id.IsZero() {
		return nil, nil
	}
	kind, data, err := w.rd.Object(id)
	if err == nil && kind != TreeKind {
		err = fmt.Errorf("object %s is no tree: %w", id, ErrCorrupt)
	}
	return data, err
}

type treeEntry struct {
	mode uint32
	name []byte
	id   ID
}

func (e *treeEntry) isTree() bool { return e.mode&0o170000 == ModeTree }

func (w *changeWalk) trees(dir string, before, after ID, depth int) error {
	if before == after {
		return nil
	}
	if depth > maxDepth {
		return fmt.Errorf("%s: folders nest deeper than %d: %w", dir, maxDepth, ErrCorrupt)
	}
	a, err := w.tree(before)
	if err != nil {
		return err
	}
	b, err := w.tree(after)
	if err != nil {
		return err
	}
	var x, y treeEntry
	haveX, haveY := false, false
	step := func(t *[]byte, e *treeEntry) (bool, error) {
		if len(*t) == 0 {
			return false, nil
		}
		var ok bool
		e.mode, e.name, e.id, *t, ok = nextEntry(*t)
		if !ok {
			return false, fmt.Errorf("%s/: a tree is cut off: %w", dir, ErrCorrupt)
		}
		return true, nil
	}
	for {
		if !haveX {
			if haveX, err = step(&a, &x); err != nil {
				return err
			}
		}
		if !haveY {
			if haveY, err = step(&b, &y); err != nil {
				return err
			}
		}
		switch {
		case !haveX && !haveY:
			return nil
		case haveX && haveY && x.id == y.id && x.mode == y.mode && bytes.Equal(x.name, y.name):
			haveX, haveY = false, false
			continue
		}
		var c int
		switch {
		case !haveX:
			c = 1
		case !haveY:
			c = -1
		default:
			c = compareEntries(&x, &y)
		}
		var one, two treeEntry
		if c <= 0 {
			one, haveX = x, false
		}
		if c >= 0 {
			two, haveY = y, false
		}
		if err := w.entry(dir, one, two, depth); err != nil {
			return err
		}
	}
}

// compareEntries puts entries in git's order, where a folder's name ends with a slash.
func compareEntries(x, y *treeEntry) int {
	n := min(len(x.name), len(y.name))
	if c := bytes.Compare(x.name[:n], y.name[:n]); c != 0 {
		return c
	}
	end := func(e *treeEntry) int {
		switch {
		case len(e.name) > n:
			return int(e.name[n])
		case e.isTree():
			return '/'
		}
		return 0
	}
	return end(x) - end(y)
}

// entry notes what became of one name: old is without a name where there was none.
func (w *changeWalk) entry(dir string, old, now treeEntry, depth int) error {
	name := old.name
	if name == nil {
		name = now.name
	}
	path := string(name)
	if dir != "" {
		path = dir + "/" + path
	}
	oldTree, newTree := ID{}, ID{}
	c := Change{Path: path}
	if old.isTree() {
		oldTree = old.id
	} else {
		c.Old, c.OldMode = old.id, old.mode
	}
	if now.isTree() {
		newTree = now.id
	} else {
		c.New, c.NewMode = now.id, now.mode
	}
	if !c.Old.IsZero() || !c.New.IsZero() {
		w.out = append(w.out, c)
	}
	return w.trees(path, oldTree, newTree, depth+1)
}

// File finds a file of a tree by its path.
func (rd *Reader) File(tree ID, path string) (id ID, mode uint32, err error) {
	w := changeWalk{rd: rd}
	rest := []byte(path)
	for {
		data, err := w.tree(tree)
		if err != nil {
			return ID{}, 0, err
		}
		name, more, deeper := bytes.Cut(rest, []byte("/"))
		found := false
		for len(data) > 0 && !found {
			var e treeEntry
			var ok bool
			if e.mode, e.name, e.id, data, ok = nextEntry(data); !ok {
				return ID{}, 0, fmt.Errorf("tree %s is cut off: %w", tree, ErrCorrupt)
			}
			if !bytes.Equal(e.name, name) {
				continue
			}
			if !deeper {
				return e.id, e.mode, nil
			}
			if !e.isTree() {
				return ID{}, 0, fmt.Errorf("%s: %w", path, ErrMissing)
			}
			tree, found = e.id, true
		}
		if !found {
			return ID{}, 0, fmt.Errorf("%s: %w", path, ErrMissing)
		}
		rest = more
	}
}
