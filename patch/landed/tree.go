package landed

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// tree has the files that were read, as the lines and names that are in them.
type tree struct {
	fsys  fs.FS
	files map[string]*file
	kept  int
	// byBase has all source files of the tree by their last name; it is made when a file
	// is not where it should be.
	byBase map[string][]string
}

type file struct {
	lines map[string]int
	names map[string]bool
}

const (
	maxKept  = 6 << 20 // lines
	maxFile  = 32 << 20
	maxMoved = 4
)

func newTree(fsys fs.FS) *tree { return &tree{fsys: fsys, files: map[string]*file{}} }

// file reads a file; nil if the tree has none of that name.
func (t *tree) file(name string) (*file, error) {
	if f, ok := t.files[name]; ok {
		return f, nil
	}
	st, err := fs.Stat(t.fsys, name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) || err == nil && (st.IsDir() || st.Size() > maxFile) {
		t.files[name] = nil
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for a patch in %s: %w", name, err)
	}
	text, err := fs.ReadFile(t.fsys, name)
	if err != nil {
		return nil, fmt.Errorf("look for a patch in %s: %w", name, err)
	}
	f := &file{lines: map[string]int{}, names: map[string]bool{}}
	for line := range strings.Lines(string(text)) {
		s := squeeze(line)
		f.lines[s]++
		eachName(s, func(name string) { f.names[name] = true })
	}
	if t.kept += len(f.lines); t.kept > maxKept {
		clear(t.files)
		t.kept = len(f.lines)
	}
	t.files[name] = f
	return f, nil
}

// moved gives the files that one may have become: those with its name in other folders,
// the nearest first. A name that many files have says nothing.
func (t *tree) moved(name string) []string {
	if f, err := t.file(name); f != nil || err != nil {
		return nil
	}
	if t.byBase == nil {
		t.byBase = map[string][]string{}
		_ = fs.WalkDir(t.fsys, ".", func(p string, d fs.DirEntry, err error) error {
			switch {
			case err != nil, d.IsDir() && d.Name() == ".git":
				return fs.SkipDir
			case d.Type().IsRegular():
				base := path.Base(p)
				t.byBase[base] = append(t.byBase[base], p)
			}
			return nil
		})
	}
	base := path.Base(name)
	if base == "Makefile" || base == "Kconfig" || base == "Kbuild" {
		return nil
	}
	list := t.byBase[base]
	if len(list) > maxMoved {
		return nil
	}
	return list
}
