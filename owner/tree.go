package owner

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// maxTreeFile bounds MAINTAINERS and .mailmap of a tree.
const maxTreeFile = 16 << 20

// ParseTree makes an index of a kernel tree: its MAINTAINERS, its .mailmap and
// its files. Which file defines a function and which files make a module is taken
// from base, as far as the tree has those files too. The name, a tag or a folder,
// is what evidence cites.
func ParseTree(name string, tree fs.FS, base *Index) (*Index, error) {
	text, err := treeFile(tree, "MAINTAINERS")
	if err != nil {
		return nil, fmt.Errorf("%s: %w; name the top of a kernel tree or its git repository", name, err)
	}
	var mail Mailmap
	switch m, err := treeFile(tree, ".mailmap"); {
	case err == nil:
		if mail, err = ReadMailmap(bytes.NewReader(m)); err != nil {
			return nil, fmt.Errorf("%s: .mailmap: %w", name, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	x, err := ParseNamed(name+":MAINTAINERS", bytes.NewReader(text), mail)
	if err != nil {
		return nil, fmt.Errorf("%s: MAINTAINERS: %w", name, err)
	}
	if base != nil && base.sources != nil {
		x.sources = treeSources{base.sources, tree, name}
	}
	return x, nil
}

func treeFile(tree fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(tree, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if info.Size() > maxTreeFile {
		return nil, fmt.Errorf("read %s: %d bytes are too many", name, info.Size())
	}
	return fs.ReadFile(tree, name)
}

// treeSources is the knowledge of one release, narrowed to what a tree has.
type treeSources struct {
	base sources
	tree fs.FS
	name string
}

func (t treeSources) HasFile(path string) bool {
	info, err := fs.Stat(t.tree, path)
	return err == nil && !info.IsDir()
}

func (t treeSources) HasDir(path string) bool {
	info, err := fs.Stat(t.tree, path)
	return err == nil && info.IsDir()
}

// present drops the files that the tree has not. Where it has none of them the
// code was moved since, and the folder may still tell.
func (t treeSources) present(files []string) []string {
	kept := slices.DeleteFunc(slices.Clone(files), func(f string) bool { return !t.HasFile(f) })
	if len(kept) == 0 {
		return files
	}
	return kept
}

func (t treeSources) Definitions(function string) []string {
	return t.present(t.base.Definitions(function))
}

func (t treeSources) Modules(name string) [][]string {
	var out [][]string
	for _, files := range t.base.Modules(name) {
		out = append(out, t.present(files))
	}
	return out
}
