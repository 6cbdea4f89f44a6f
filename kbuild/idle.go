package kbuild

import (
	"io/fs"
	"strings"
)

// Idle says whether the tree has a folder of which the build has nothing: no file in it or
// below is compiled, or included by one that is, as far as the Makefiles can tell.
func (b *Build) Idle(dir string) bool {
	dir = strings.Trim(dir, "/")
	if dir == "" || len(b.Problems) > 0 && b.doubtful(dir) {
		return false
	}
	if info, err := fs.Stat(b.tree.fsys, dir); err != nil || !info.IsDir() {
		return false
	}
	below := dir + "/"
	for i := range b.Units {
		u := &b.Units[i]
		if strings.HasPrefix(u.Source, below) || strings.HasPrefix(u.Object, below) {
			return false
		}
		for _, in := range u.Inputs {
			if strings.HasPrefix(in, below) {
				return false
			}
		}
	}
	for file := range b.closure().by {
		if strings.HasPrefix(file, below) {
			return false
		}
	}
	return true
}

// doubtful says whether something in a folder could not be evaluated.
func (b *Build) doubtful(dir string) bool {
	for _, p := range b.Problems {
		if strings.HasPrefix(p.File, dir+"/") {
			return true
		}
	}
	return false
}
