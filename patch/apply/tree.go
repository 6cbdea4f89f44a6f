package apply

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// maxFile is the largest file that is patched.
const maxFile = 64 << 20

// file is a file of the tree as its lines.
type file struct {
	lines []string
	noEOL bool
	mode  string // octal as git has it; empty for a plain file
	text  string // what lines point into, as long as nothing was changed
	dirty bool
}

func newFile(text, mode string) *file {
	f := &file{text: text, mode: mode, noEOL: text != "" && !strings.HasSuffix(text, "\n")}
	f.lines = make([]string, 0, strings.Count(text, "\n")+1)
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		f.lines = append(f.lines, line)
		text = rest
	}
	return f
}

// content gives the file as text.
func (f *file) content() string {
	if !f.dirty {
		return f.text
	}
	f.text = strings.Join(f.lines, "\n")
	if len(f.lines) > 0 && !f.noEOL {
		f.text += "\n"
	}
	f.dirty = false
	return f.text
}

func (f *file) empty() bool { return len(f.lines) == 0 && f.text == "" }

// A Tree is a tree in memory on top of one that is only read. It is an fs.FS: what
// patches have changed, the rest from below. It is not safe for use by several goroutines.
type Tree struct {
	base  fs.FS
	files map[string]*file // nil where a file was deleted
	dirs  map[string]error // what is known of folders below
}

// New makes a tree on top of one.
func New(base fs.FS) *Tree {
	return &Tree{base: base, files: map[string]*file{}, dirs: map[string]error{}}
}

// ErrRefused says that a path must not be written to.
var ErrRefused = errors.New("refused")

// folder finds out whether files may lie in a folder: no part of it is a link or a file.
func (t *Tree) folder(dir string) error {
	if dir == "." {
		return nil
	}
	if err, ok := t.dirs[dir]; ok {
		return err
	}
	err := t.folder(path.Dir(dir))
	if err == nil {
		info, serr := fs.Lstat(t.base, dir)
		switch {
		case errors.Is(serr, fs.ErrNotExist):
		case serr != nil:
			err = serr
		case info.Mode()&fs.ModeSymlink != 0:
			err = fmt.Errorf("%w: %s is a symbolic link in the tree", ErrRefused, dir)
		case !info.IsDir():
			err = fmt.Errorf("%w: %s is no folder in the tree", ErrRefused, dir)
		}
	}
	t.dirs[dir] = err
	return err
}

// load reads a file of the tree below.
func (t *Tree) load(name string) (*file, error) {
	if err := t.folder(path.Dir(name)); err != nil {
		return nil, err
	}
	info, err := fs.Lstat(t.base, name)
	if err != nil {
		return nil, err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, fmt.Errorf("%w: %s is a symbolic link in the tree", ErrRefused, name)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%w: %s is no file in the tree", ErrRefused, name)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrRefused, name, maxFile)
	}
	in, err := t.base.Open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var b strings.Builder
	b.Grow(int(info.Size()))
	if _, err := io.Copy(&b, io.LimitReader(in, maxFile)); err != nil {
		return nil, err
	}
	mode := "100644"
	if info.Mode()&0o111 != 0 {
		mode = "100755"
	}
	return newFile(b.String(), mode), nil
}

// get gives a file; fs.ErrNotExist where there is none.
func (t *Tree) get(name string) (*file, error) {
	if f, ok := t.files[name]; ok {
		if f == nil {
			return nil, fs.ErrNotExist
		}
		return f, nil
	}
	f, err := t.load(name)
	if errors.Is(err, fs.ErrNotExist) {
		t.files[name] = nil
		return nil, fs.ErrNotExist
	}
	if err == nil {
		t.files[name] = f
	}
	return f, err
}

// A Change is a file that differs from the tree below.
type Change struct {
	Path    string
	Deleted bool
	Mode    string
	Content string
}

// Changes lists the files that differ from the tree below, by their paths.
func (t *Tree) Changes() ([]Change, error) {
	var out []Change
	for name, f := range t.files {
		old, err := t.load(name)
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, err
		case f == nil && err == nil:
			out = append(out, Change{Path: name, Deleted: true})
		case f != nil && (err != nil || old.text != f.content() || old.mode != f.mode):
			out = append(out, Change{Path: name, Mode: f.mode, Content: f.content()})
		}
	}
	slices.SortFunc(out, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// Open opens a file as the patches have left it.
func (t *Tree) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	f, ok := t.files[name]
	if !ok {
		return t.base.Open(name)
	}
	if f == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &opened{Reader: bytes.NewReader([]byte(f.content())), name: path.Base(name), f: f}, nil
}

// opened is an open file; it is its own FileInfo.
type opened struct {
	*bytes.Reader
	name string
	f    *file
}

func (o *opened) Stat() (fs.FileInfo, error) { return o, nil }
func (o *opened) Close() error               { return nil }
func (o *opened) Name() string               { return o.name }
func (o *opened) Size() int64                { return int64(len(o.f.content())) }
func (o *opened) ModTime() time.Time         { return time.Time{} }
func (o *opened) IsDir() bool                { return false }
func (o *opened) Sys() any                   { return nil }
func (o *opened) Mode() fs.FileMode {
	if o.f.mode == "100755" {
		return 0o755
	}
	return 0o644
}

// Put sets a file, as somebody who solves a conflict would. A mode that is empty is that
// of the file before.
func (t *Tree) Put(c Change) {
	if c.Deleted {
		t.files[c.Path] = nil
		return
	}
	mode := c.Mode
	if mode == "" {
		mode = "100644"
		if f, err := t.get(c.Path); err == nil {
			mode = f.mode
		}
	}
	t.files[c.Path] = newFile(c.Content, mode)
}
