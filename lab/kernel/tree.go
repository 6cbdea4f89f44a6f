package kernel

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Tree is a kernel in a folder: one that a package was unpacked to, an installed root, or
// a build tree.
type Tree struct {
	Image   string // its path in the folder
	Config  string // "" where there is none
	Release string // as the folder says it
	Modules string // folder of its modules, "" where there are none
	Build   bool   // a build tree: its modules lie beside their sources
}

// images are where build trees have what can be booted, the best first.
var images = []string{"arch/x86/boot/bzImage", "arch/arm64/boot/Image", "arch/arm64/boot/Image.gz", "vmlinux"}

// Find looks for a kernel in a folder. release chooses among several.
func Find(fsys fs.FS, release string) (Tree, error) {
	for _, image := range images {
		if _, err := fs.Stat(fsys, image); err != nil {
			continue
		}
		t := Tree{Image: image, Modules: ".", Build: true}
		if _, err := fs.Stat(fsys, ".config"); err == nil {
			t.Config = ".config"
		}
		if b, err := fs.ReadFile(fsys, "include/config/kernel.release"); err == nil {
			t.Release = strings.TrimSpace(string(b))
		}
		return t, nil
	}
	found, err := fs.Glob(fsys, "boot/vmlinuz-*")
	if err != nil {
		return Tree{}, err
	}
	more, err := fs.Glob(fsys, "boot/vmlinux-*")
	if err != nil {
		return Tree{}, err
	}
	found = append(found, more...)
	if release != "" {
		found = slices.DeleteFunc(found, func(name string) bool { _, r, _ := strings.Cut(path.Base(name), "-"); return r != release })
	}
	switch {
	case len(found) == 0:
		return Tree{}, errors.New("there is no kernel in it: neither a built arch/*/boot image nor boot/vmlinuz-*")
	case len(found) > 1:
		return Tree{}, fmt.Errorf("there are %d kernels in it: choose one with its release (%s)", len(found), strings.Join(found, ", "))
	}
	_, r, _ := strings.Cut(path.Base(found[0]), "-")
	t := Tree{Image: found[0], Release: r}
	if _, err := fs.Stat(fsys, "boot/config-"+r); err == nil {
		t.Config = "boot/config-" + r
	}
	for _, dir := range []string{"lib/modules/" + r, "usr/lib/modules/" + r} {
		if _, err := fs.Stat(fsys, dir); err == nil {
			t.Modules = dir
			break
		}
	}
	return t, nil
}

// Builtin tells which modules are part of the image itself, by their names with
// underscores.
func (t *Tree) Builtin(fsys fs.FS) (map[string]bool, error) {
	names := map[string]bool{}
	if t.Modules == "" {
		return names, nil
	}
	f, err := fsys.Open(path.Join(t.Modules, "modules.builtin"))
	if errors.Is(err, fs.ErrNotExist) {
		return names, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		names[moduleName(s.Text())] = true
	}
	return names, s.Err()
}
