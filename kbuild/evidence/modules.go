package evidence

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Modules is a set of modules, as /lib/modules/RELEASE has it.
type Modules struct {
	modules map[string]bool // by their paths in the tree, as fs/ext4/ext4.ko
	builtin map[string]bool
	// Complete says that a list of all modules was there. A package may hold some of a
	// kernel's modules alone.
	Complete bool
}

// ErrNoModules is the error for a folder that is no set of modules.
var ErrNoModules = errors.New("no set of modules: it should have modules.order, as /lib/modules/RELEASE has")

// maxModules bounds how many are read; Debian's kernels have 4,100.
const maxModules = 1 << 18

// ReadModules reads a folder like /lib/modules/RELEASE, or the top of a build tree.
func ReadModules(fsys fs.FS) (*Modules, error) {
	m := &Modules{modules: map[string]bool{}, builtin: map[string]bool{}}
	var err error
	m.Complete, err = m.list(fsys, "modules.order", func(line string) {
		if p, ok := moduleOf(strings.TrimSpace(line)); ok {
			m.modules[p] = true
		}
	})
	if err != nil {
		return nil, err
	}
	all, err := m.list(fsys, "modules.dep", func(line string) {
		name, _, _ := strings.Cut(line, ":")
		if p, ok := moduleOf(name); ok && strings.HasPrefix(name, "kernel/") {
			m.modules[p] = true
		}
	})
	if err != nil {
		return nil, err
	}
	builtin, err := m.list(fsys, "modules.builtin", func(line string) {
		if p, ok := moduleOf(strings.TrimSpace(line)); ok {
			m.builtin[p] = true
		}
	})
	if err != nil {
		return nil, err
	}
	m.Complete = (m.Complete || all) && builtin
	// Modules that were added to the set and are on no list.
	err = fs.WalkDir(fsys, "kernel", func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name == "kernel":
			return fs.SkipAll
		case err != nil:
			return err
		case d.IsDir():
			return nil
		case len(m.modules) > maxModules:
			return fmt.Errorf("more than %d modules", maxModules)
		}
		// A build tree has sources in kernel/, too, and its modules are on its list.
		if p, ok := moduleOf(name); ok && !all && strings.Contains(p, "/") && strings.Contains(path.Base(name), ".ko") && !strings.HasSuffix(name, ".cmd") {
			m.modules[p] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(m.modules)+len(m.builtin) == 0 {
		return nil, ErrNoModules
	}
	return m, nil
}

// list reads a file a line at a time; false if there is none.
func (m *Modules) list(fsys fs.FS, name string, take func(line string)) (bool, error) {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	n := 0
	for in.Scan() {
		if n++; n > maxModules {
			return false, fmt.Errorf("%s: more than %d lines", name, maxModules)
		}
		if line := in.Text(); line != "" {
			take(line)
		}
	}
	if err := in.Err(); err != nil {
		return false, fmt.Errorf("%s:%d: %w", name, n+1, err)
	}
	return true, nil
}

// Len is how many modules there are.
func (m *Modules) Len() int { return len(m.modules) }
