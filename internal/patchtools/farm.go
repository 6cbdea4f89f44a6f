package patchtools

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ringside/patch/diff"
)

// farm is a copy of a tree that is made of links: folders on the way to a file that
// changes are real, all else leads to the tree.
type farm struct {
	dir  string
	tree string
	real map[string]bool // folders of the farm that are real, relative
}

func newFarm(tree string) (*farm, error) {
	tree, err := filepath.Abs(tree)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "ringside-tree-")
	if err != nil {
		return nil, err
	}
	f := &farm{dir: dir, tree: tree, real: map[string]bool{}}
	return f, f.open(".")
}

func (f *farm) close() error { return os.RemoveAll(f.dir) }

// open makes a folder real: its entries are links.
func (f *farm) open(rel string) error {
	if f.real[rel] {
		return nil
	}
	if rel != "." {
		if err := f.open(path.Dir(rel)); err != nil {
			return err
		}
		if err := os.Remove(filepath.Join(f.dir, rel)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Mkdir(filepath.Join(f.dir, rel), 0o755); err != nil {
			return err
		}
	}
	f.real[rel] = true
	entries, err := os.ReadDir(filepath.Join(f.tree, rel))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a folder that a patch makes
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == ".git" {
			continue
		}
		if err := os.Symlink(filepath.Join(f.tree, rel, e.Name()), filepath.Join(f.dir, rel, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// put writes a file in place of its link; with gone it is taken away.
func (f *farm) put(name, content string, gone bool) error {
	if err := diff.CheckPath(name); err != nil {
		return err
	}
	if err := f.open(path.Dir(name)); err != nil {
		return err
	}
	at := filepath.Join(f.dir, name)
	if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if gone {
		return nil
	}
	return os.WriteFile(at, []byte(content), 0o644)
}

// copyBuild copies a build folder without what make makes anew.
func copyBuild(from string) (string, error) {
	if _, err := os.Stat(filepath.Join(from, ".config")); err != nil {
		return "", fmt.Errorf("%s is no configured build folder: %w", from, err)
	}
	if _, err := os.Stat(filepath.Join(from, "MAINTAINERS")); err == nil {
		return "", fmt.Errorf("%s is a source tree: give a build folder of its own (make O=DIR defconfig prepare)", from)
	}
	to, err := os.MkdirTemp("", "ringside-build-")
	if err != nil {
		return "", err
	}
	err = filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		at := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(at, 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			return nil // "source" leads to the tree; make makes it
		case !d.Type().IsRegular() || made(rel):
			return nil
		}
		return copyFile(name, at)
	})
	if err != nil {
		_ = os.RemoveAll(to)
		return "", err
	}
	return to, nil
}

// made tells whether a file is one that a build makes in quantity; those of the tools that
// builds need are not.
func made(rel string) bool {
	if strings.HasPrefix(rel, "scripts/") || strings.HasPrefix(rel, "tools/") {
		return false
	}
	base := path.Base(rel)
	return slices.Contains([]string{".o", ".ko", ".a", ".mod", ".order", ".symvers"}, path.Ext(base)) ||
		strings.HasPrefix(base, "vmlinux") && !strings.HasSuffix(base, ".lds") || strings.HasPrefix(base, ".tmp_") || strings.HasPrefix(base, "bzImage")
}

func copyFile(from, to string) (err error) {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, b, info.Mode().Perm()|0o200); err != nil {
		return err
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}
