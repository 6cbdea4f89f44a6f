package cli

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"ringside/profile/resolve"
	"ringside/symbol"
)

// lineFile is the debug information of an object.
type lineFile struct{ f *symbol.File }

func (x lineFile) Lines(addr uint64) []resolve.Line {
	found, err := x.f.Lines(addr)
	if err != nil && len(found) == 0 {
		return nil
	}
	list := make([]resolve.Line, len(found))
	for i, l := range found {
		file := l.Path
		if file == "" {
			file = l.File
		}
		list[i] = resolve.Line{Function: l.Function, File: file, Line: l.Line, Inline: l.Inline}
	}
	return list
}

// debugLines opens the debug information of an object that was mapped: its own, or
// that of the debug file of the same build. Files stay open until the program
// ends.
func (o *profileFlags) debugLines(path, id string) (resolve.Lines, error) {
	roots := append([]string{}, o.dirs...)
	roots = append(roots, debugRoot)
	switch {
	case path == "[kernel.kallsyms]":
		if o.vmlinux == "" {
			return nil, fs.ErrNotExist
		}
		path = o.vmlinux
	case strings.HasPrefix(path, "/"):
		path = filepath.Join(o.sysroot, path)
	default:
		return nil, fs.ErrNotExist
	}
	f, err := symbol.OpenDebug(path, roots)
	if err != nil {
		return nil, err
	}
	if have := f.Identity().BuildID; id != "" && have != "" && strings.TrimRight(have, "0") != strings.TrimRight(id, "0") {
		f.Close()
		return nil, fmt.Errorf("%s has build ID %s, recorded was %s", path, have, id)
	}
	return lineFile{f}, nil
}
