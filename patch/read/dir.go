package read

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"ringside/patch"
)

// ErrChoose says that a folder has stacks for several releases.
var ErrChoose = errors.New("there are stacks for several releases")

// ErrEmpty says that a folder has no patches.
var ErrEmpty = errors.New("no patches: neither a series nor files named *.patch, *.diff, *.mbox or *.eml")

// seriesNames are where a series lies below a folder, the first that is there.
var seriesNames = []string{"series", "series.conf", "debian/patches/series", "patches/series"}

// Dir reads a folder: by its series, or all patches in the order of their names. Where a
// folder has only folders, OpenWrt's come in the order in which they are applied: backport,
// pending, hack, and then patches.
func Dir(fsys fs.FS, o Options) (*patch.Stack, error) {
	for _, name := range seriesNames {
		if info, err := fs.Stat(fsys, name); err == nil && info.Mode().IsRegular() {
			return Series(fsys, name, o)
		}
	}
	dirs, err := layers(fsys, o)
	if err != nil {
		return nil, err
	}
	s := &builder{Stack: patch.Stack{Name: "."}}
	if dirs == nil {
		dirs = []string{"."}
	}
	for _, dir := range dirs {
		files, err := patches(fsys, dir)
		if err != nil {
			s.problem(dir, 0, "%s", err)
		}
		for _, name := range files {
			if err := s.file(fsys, name, listed{}, o); err != nil {
				if !errors.Is(err, errMissing) {
					return &s.Stack, err
				}
				s.problem(name, 0, "%s", err)
			}
		}
	}
	if len(s.Patches)+len(s.Problems)+len(s.Covers) == 0 {
		return nil, ErrEmpty
	}
	return &s.Stack, nil
}

var layer = regexp.MustCompile(`^(backport|pending|hack|patches)(?:-(\d[0-9.]*))?$`)

// order is that in which OpenWrt applies its folders.
var order = map[string]int{"backport": 0, "pending": 1, "hack": 2, "patches": 3}

// layers gives OpenWrt's folders in their order; nil if there are none.
func layers(fsys fs.FS, o Options) ([]string, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("read the stack: %w", err)
	}
	type found struct {
		name, kind, release string
	}
	var all []found
	var releases []string
	for _, e := range entries {
		if m := layer.FindStringSubmatch(e.Name()); m != nil && e.IsDir() && (o.Release == "" || m[2] == o.Release || m[2] == "") {
			all = append(all, found{e.Name(), m[1], m[2]})
			if m[2] != "" && !slices.Contains(releases, m[2]) {
				releases = append(releases, m[2])
			}
		}
	}
	if len(releases) > 1 {
		return nil, fmt.Errorf("%w: %s; choose one", ErrChoose, strings.Join(releases, ", "))
	}
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(order[a.kind], order[b.kind]) })
	var out []string
	for _, f := range all {
		out = append(out, f.name)
	}
	return out, nil
}

// endings are those of files that hold patches.
var endings = []string{".patch", ".diff", ".mbox", ".mbx", ".eml", ".mail"}

const maxFiles = 200000

// patches lists the patch files below a folder in the order of their paths.
func patches(fsys fs.FS, dir string) (list []string, err error) {
	err = fs.WalkDir(fsys, dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == ".pc"):
			return fs.SkipDir
		case len(list) >= maxFiles:
			return fmt.Errorf("the folder has more than %d patches", maxFiles)
		case !d.IsDir() && slices.Contains(endings, path.Ext(name)):
			list = append(list, name)
		}
		return nil
	})
	return list, err
}

// readFile reads a file of a stack, if it is not too large.
func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("it is no file")}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxMessage+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxMessage {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("it has more than %d bytes", maxMessage)}
	}
	return data, nil
}
