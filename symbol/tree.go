package symbol

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Tree is a folder in which a distribution's debug packages put their files,
// such as /usr/lib/debug, or a kernel's build folder.
type Tree struct {
	dir string

	mu      sync.Mutex
	modules map[string]map[string]string // folder of a release → module → path
}

// OpenTree returns the tree below a folder.
func OpenTree(dir string) *Tree { return &Tree{dir: filepath.Clean(dir)} }

// maxTreeFiles bounds how many files of a folder are looked at. A kernel with
// everything as a module has 6,000.
const maxTreeFiles = 100_000

// Find looks where packages put the file of a release.
func (t *Tree) Find(ctx context.Context, want Identity) (*File, error) {
	var names []string
	if id := ParseBuildID(want.BuildID); id != "" {
		names = append(names, filepath.Join(t.dir, ".build-id", id[:2], id[2:]+".debug"))
	}
	rel := want.Release
	switch {
	case want.Module == "" && safeName(rel):
		names = append(names,
			filepath.Join(t.dir, "boot", "vmlinux-"+rel),
			filepath.Join(t.dir, "vmlinux-"+rel),
			filepath.Join(t.dir, "lib", "modules", rel, "vmlinux"),
			filepath.Join(t.dir, "usr", "lib", "modules", rel, "vmlinux"),
			filepath.Join(t.dir, "lib", "modules", rel, "build", "vmlinux"),
			filepath.Join(t.dir, "usr", "lib", "debug", "boot", "vmlinux-"+rel),
			filepath.Join(t.dir, "usr", "lib", "debug", "lib", "modules", rel, "vmlinux"),
			filepath.Join(t.dir, "vmlinux"))
	case want.Module == "":
		names = append(names, filepath.Join(t.dir, "vmlinux"))
	default:
		var dirs []string
		if safeName(rel) {
			dirs = append(dirs,
				filepath.Join(t.dir, "lib", "modules", rel),
				filepath.Join(t.dir, "usr", "lib", "modules", rel),
				filepath.Join(t.dir, "usr", "lib", "debug", "lib", "modules", rel),
				filepath.Join(t.dir, rel))
		}
		// A build folder has its modules next to their sources.
		if _, err := os.Stat(filepath.Join(t.dir, "Module.symvers")); err == nil {
			dirs = append(dirs, t.dir)
		}
		for _, dir := range dirs {
			if name, ok := t.module(ctx, dir, want.Module); ok {
				names = append(names, name)
			}
		}
	}
	for _, name := range names {
		f, err := OpenPath(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return f, err
	}
	return nil, fmt.Errorf("%w: %s has no file for %s", ErrNotFound, t.dir, want.what())
}

// module finds a module's file below a folder, preferring the debug file.
func (t *Tree) module(ctx context.Context, dir, module string) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	files, ok := t.modules[dir]
	if !ok {
		files = map[string]string{}
		n := 0
		// Folders that cannot be read hold nothing for us.
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
			if n++; n > maxTreeFiles || ctx.Err() != nil {
				return fs.SkipAll
			}
			switch {
			case d == nil || d.IsDir():
			case strings.HasSuffix(path, ".ko.debug"):
				files[ModuleName(path)] = path
			case strings.HasSuffix(path, ".ko"), strings.HasSuffix(path, ".ko.xz"), strings.HasSuffix(path, ".ko.zst"), strings.HasSuffix(path, ".ko.gz"):
				if _, ok := files[ModuleName(path)]; !ok {
					files[ModuleName(path)] = path
				}
			}
			return nil
		})
		if t.modules == nil {
			t.modules = map[string]map[string]string{}
		}
		if ctx.Err() == nil {
			t.modules[dir] = files
		}
	}
	name, ok := files[module]
	return name, ok
}

// DebugFiles returns where the debug information of a stripped file may be:
// first by its build ID, then by the name that its .gnu_debuglink gives, as gdb
// looks for it. Roots are folders such as /usr/lib/debug.
func DebugFiles(path string, id Identity, roots []string) []string {
	var names []string
	if id.BuildID != "" {
		for _, root := range roots {
			names = append(names, filepath.Join(root, ".build-id", id.BuildID[:2], id.BuildID[2:]+".debug"))
		}
	}
	if link := id.DebugLink; link != "" && !strings.ContainsAny(link, "/\x00") {
		dir := filepath.Dir(path)
		names = append(names, filepath.Join(dir, link), filepath.Join(dir, ".debug", link))
		if abs, err := filepath.Abs(dir); err == nil {
			for _, root := range roots {
				names = append(names, filepath.Join(root, abs, link))
			}
		}
	}
	return names
}

// OpenDebug opens a file, or where it has no debug information the file that
// has: the one of the same build that [DebugFiles] finds.
func OpenDebug(path string, roots []string) (*File, error) {
	f, err := OpenPath(path)
	if err != nil || f.id.Lines {
		return f, err
	}
	var other error
	for _, name := range DebugFiles(path, f.id, roots) {
		d, err := OpenPath(name)
		if err != nil {
			continue
		}
		switch {
		case !d.id.Lines:
		case f.id.BuildID != "" && d.id.BuildID != f.id.BuildID:
			other = &MismatchError{File: name, What: "build ID", Has: cmpNone(d.id.BuildID), Want: f.id.BuildID}
		default:
			// The debug file may lack what the stripped one says about itself.
			if d.id.Release == "" {
				d.id.Release, d.id.Version = f.id.Release, f.id.Version
			}
			if d.id.Module == "" {
				d.id.Module = f.id.Module
			}
			f.Close()
			return d, nil
		}
		d.Close()
	}
	if other != nil {
		f.note("the debug file that was found is not used: %v", other)
	}
	return f, nil
}
