package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"ringside/kbuild"
)

// Tree is what the files that Kbuild leaves in a build tree say: for each object what the
// compiler opened, and what it was linked into.
type Tree struct {
	objects []object
	files   map[string][]int // file of the source tree → objects
	// Complete says that the build was finished: vmlinux is there with the list of its
	// objects, and each module on the list of modules.
	Complete bool
	// Why it is not.
	Incomplete string
}

type object struct {
	name    string // in the build tree
	targets []string
}

// ErrNoBuild is the error for a folder in which nothing was built.
var ErrNoBuild = errors.New("no build tree: nothing in it has a .o.cmd file; give the folder of make O=")

// Bounds of what is read.
const (
	maxCommand = 8 << 20 // of one .cmd file
	maxObjects = 1 << 18
	maxArchive = 256 << 20
)

// ReadTree reads a build tree. exists tells whether the source tree has a file: names in
// the build tree may be absolute, and of a folder that has another name by now.
func ReadTree(fsys fs.FS, exists func(file string) bool) (*Tree, error) {
	t := &Tree{files: map[string][]int{}}
	index := map[string]int{}
	known := map[string]string{} // as written → in the tree
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		switch {
		case d.IsDir() && (name == "scripts" || name == "tools" || base == ".git"): // programs for the build
			return fs.SkipDir
		case d.IsDir() || !strings.HasPrefix(base, ".") || !strings.HasSuffix(base, ".o.cmd"):
			return nil
		case len(t.objects) >= maxObjects:
			return fmt.Errorf("more than %d objects", maxObjects)
		}
		o := path.Join(path.Dir(name), strings.TrimSuffix(base[1:], ".cmd"))
		data, err := small(fsys, name, maxCommand)
		if err != nil {
			return err
		}
		deps := dependencies(data)
		if len(deps) == 0 || !ofKernel(data) {
			return nil // linked out of others, or a program for the build
		}
		n := len(t.objects)
		t.objects = append(t.objects, object{name: o})
		index[o] = n
		for _, dep := range deps {
			file, ok := known[dep]
			if !ok {
				file = within(dep, exists)
				known[dep] = file
			}
			if file != "" {
				t.files[file] = append(t.files[file], n)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(t.objects) == 0 {
		return nil, ErrNoBuild
	}
	t.link(fsys, index)
	return t, nil
}

// ofKernel says whether a command compiles for the kernel: programs that the build needs
// are made the same way, without the macro.
func ofKernel(command []byte) bool {
	line, _, _ := bytes.Cut(command, []byte("\n"))
	return bytes.Contains(line, []byte("-D__KERNEL__")) || bytes.Contains(line, []byte("rustc"))
}

// within gives a file's name in the source tree, "" for one that is not of it.
func within(name string, exists func(string) bool) string {
	if !path.IsAbs(name) && !strings.HasPrefix(name, "..") {
		// Made by the build, or of a tree in which it was built.
		if name = path.Clean(name); exists(name) {
			return name
		}
		return ""
	}
	file, _ := inTree(name, exists)
	return file
}

// small reads a file of a bounded size.
func small(fsys fs.FS, name string, limit int64) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes: it is not what Kbuild writes", name, info.Size())
	}
	return fs.ReadFile(fsys, name)
}

// dependencies gives the files of "deps_x := …" and "source_x := …".
func dependencies(data []byte) (list []string) {
	deps := false
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		if bytes.HasPrefix(line, []byte("source_")) {
			if _, file, ok := bytes.Cut(line, []byte(":= ")); ok {
				list = append(list, string(file))
			}
			continue
		}
		if bytes.HasPrefix(line, []byte("deps_")) {
			deps = true
			_, line, _ = bytes.Cut(line, []byte(":="))
		}
		if !deps {
			continue
		}
		more := bytes.HasSuffix(line, []byte("\\"))
		line = bytes.TrimSpace(bytes.TrimSuffix(line, []byte("\\")))
		if len(line) > 0 && !bytes.HasPrefix(line, []byte("$(")) {
			for _, word := range bytes.Fields(line) {
				list = append(list, string(word))
			}
		}
		deps = more
	}
	return list
}

// link says what the objects ended up in.
func (t *Tree) link(fsys fs.FS, index map[string]int) {
	for i := range t.objects {
		// What modpost has compiled is linked last, and is on no list.
		o := &t.objects[i]
		if m, ok := strings.CutSuffix(o.name, ".mod.o"); ok {
			o.targets = []string{m + ".ko"}
		} else if strings.HasPrefix(o.name, ".vmlinux.") {
			o.targets = []string{kbuild.Vmlinux}
		}
	}
	into := func(o, target string) bool {
		i, ok := index[path.Clean(o)]
		if ok && !slices.Contains(t.objects[i].targets, target) {
			t.objects[i].targets = append(t.objects[i].targets, target)
		}
		return ok
	}
	in := 0
	for _, archive := range []string{"vmlinux.a", "built-in.a"} {
		data, err := small(fsys, archive, maxArchive)
		if err != nil {
			continue
		}
		for _, o := range members(data) {
			if into(o, kbuild.Vmlinux) {
				in++
			}
		}
		break
	}
	// Before 6.2 libraries are linked beside the archive, and which of their objects is in
	// is the linker's choice.
	_ = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil //nolint:nilerr // what cannot be read is not linked
		case d.IsDir() && (name == "scripts" || name == "tools" || name == "usr" || d.Name() == ".git"):
			return fs.SkipDir
		case d.Name() == "lib.a" && !strings.Contains(name, "/stub/") && !strings.Contains(name, "libstub"):
			if data, err := small(fsys, name, maxArchive); err == nil {
				for _, o := range members(data) {
					if !into(o, kbuild.Vmlinux) {
						into(path.Join(path.Dir(name), path.Base(o)), kbuild.Vmlinux)
					}
				}
			}
		case strings.HasSuffix(d.Name(), ".mod"):
			data, err := small(fsys, name, maxCommand)
			if err != nil {
				return nil //nolint:nilerr // as above
			}
			// The first line, or all lines, are objects; symbols follow in some versions.
			for _, word := range strings.Fields(string(data)) {
				if strings.HasSuffix(word, ".o") {
					if !into(word, strings.TrimSuffix(name, ".mod")+".ko") {
						into(path.Join(path.Dir(name), path.Base(word)), strings.TrimSuffix(name, ".mod")+".ko")
					}
				}
			}
		}
		return nil
	})
	t.finished(fsys, in)
}

// finished decides whether what is not in the build tree is not in the build.
func (t *Tree) finished(fsys fs.FS, in int) {
	if in == 0 {
		t.Incomplete = "it has no vmlinux.a or built-in.a with objects"
		return
	}
	if _, err := fs.Stat(fsys, "vmlinux"); err != nil {
		t.Incomplete = "vmlinux was not linked"
		return
	}
	data, err := small(fsys, "modules.order", maxCommand)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if config, err := small(fsys, ".config", maxCommand); err != nil || bytes.Contains(config, []byte("\nCONFIG_MODULES=y")) {
			t.Incomplete = "its modules were not built: there is no modules.order"
			return
		}
	case err != nil:
		t.Incomplete = err.Error()
		return
	}
	for line := range strings.Lines(string(data)) {
		m := strings.TrimPrefix(strings.TrimSpace(line), "kernel/")
		if m == "" {
			continue
		}
		_, err := fs.Stat(fsys, strings.TrimSuffix(strings.TrimSuffix(m, ".o"), ".ko")+".ko")
		if err != nil && !strings.HasPrefix(m, "/") {
			// Older lists have the prefix for modules of the kernel's own folder, too.
			if _, err = fs.Stat(fsys, strings.TrimSpace(line)); err != nil {
				t.Incomplete = m + " was not built"
				return
			}
		}
	}
	t.Complete = true
}

// members gives the names of an archive's objects; ar's thin form has names alone.
func members(data []byte) (names []string) {
	rest, thin := bytes.CutPrefix(data, []byte("!<thin>\n"))
	if !thin {
		var ok bool
		if rest, ok = bytes.CutPrefix(data, []byte("!<arch>\n")); !ok {
			return nil
		}
	}
	var long []byte
	for len(rest) >= 60 && len(names) < maxObjects {
		head := rest[:60]
		size, err := strconv.ParseUint(strings.TrimSpace(string(head[48:58])), 10, 40)
		if err != nil {
			return names
		}
		rest = rest[60:]
		name := strings.TrimRight(string(head[:16]), " ")
		special := name == "/" || name == "//" || name == "/SYM64/"
		if special || !thin {
			if size > uint64(len(rest)) {
				return names
			}
			if name == "//" {
				long = rest[:size]
			}
			rest = rest[min(size+size%2, uint64(len(rest))):]
		}
		if special {
			continue
		}
		if at, err := strconv.ParseUint(strings.TrimPrefix(name, "/"), 10, 40); err == nil && strings.HasPrefix(name, "/") {
			if at >= uint64(len(long)) {
				return names
			}
			n, _, _ := bytes.Cut(long[at:], []byte("\n"))
			name = string(n)
		}
		names = append(names, strings.TrimSuffix(name, "/"))
	}
	return names
}
