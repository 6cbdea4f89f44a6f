package kbuild

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"ringside/kbuild/gmake"
)

// whyNot looks for the reason that a file is not compiled. proved is false where the
// Makefiles have none: then something in them was not understood.
func (b *Build) whyNot(file string) (why []Step, proved bool) {
	dir := path.Dir(file)
	switch ext := path.Ext(file); ext {
	case ".c", ".S", ".s", ".rs":
		if b.hostProgram(file) {
			return []Step{{File: file, Text: "a program that runs where the kernel is built"}}, false
		}
		if why, proved = b.objectNot(strings.TrimSuffix(file, ext)+".o", 0); len(why) > 0 {
			return why, proved
		}
		if s, ok := b.computed(strings.TrimSuffix(file, ext) + ".o"); ok {
			return []Step{s}, true
		}
		if s, ok := b.includedElsewhere(file); ok {
			return s, true
		}
	}
	if b.dirs[dir] == nil {
		if s, ok := b.dirNot(dir, 0); ok {
			return s, true
		}
	}
	if path.Ext(file) == ".h" || path.Ext(file) == ".inc" {
		return []Step{{File: file, Text: "no source that is compiled includes it, directly or through others"}}, true
	}
	return []Step{{File: file, Text: "no Makefile was found that names it"}}, false
}

// foreign answers for folders that no build of this architecture goes into.
func (b *Build) foreign(dir string) (Step, bool) {
	if rest, ok := strings.CutPrefix(dir+"/", "arch/"); ok {
		arch, _, _ := strings.Cut(rest, "/")
		if arch != "" && arch != b.Arch && !b.enters("arch/"+arch) {
			return Step{File: dir, Text: fmt.Sprintf("the build is for %s, not %s", b.Arch, arch)}, true
		}
	}
	first, _, _ := strings.Cut(dir, "/")
	switch first {
	case "tools", "Documentation", "LICENSES":
		if !b.enters(first) {
			return Step{File: dir, Text: "no Makefile of the kernel goes into " + first + "/"}, true
		}
	}
	return Step{}, false
}

// enters says whether the build goes into a folder or one below it.
func (b *Build) enters(dir string) bool {
	for d := range b.dirs {
		if d == dir || strings.HasPrefix(d, dir+"/") {
			return true
		}
	}
	return false
}

func (b *Build) hostProgram(file string) bool {
	if strings.HasPrefix(file, "scripts/") {
		return true
	}
	dir := path.Dir(file)
	if b.dirs[dir] == nil {
		return false
	}
	b.tree.mu.Lock()
	defer b.tree.mu.Unlock()
	f := b.tree.folderFor(b.top, b.Config, dir)
	stem := strings.TrimSuffix(file, path.Ext(file))
	return f.host[stem] || f.host[stem+".o"]
}

// objectNot finds the assignments that name an object, in its folder's Makefile and those
// above, and why none of them builds it.
func (b *Build) objectNot(object string, depth int) (why []Step, proved bool) {
	if depth > 8 {
		return nil, false
	}
	for dir := path.Dir(object); ; dir = path.Dir(dir) {
		t := b.trace(dir)
		named := false
		for _, i := range t.byWord[object] {
			a := &t.assigns[i]
			if a.Name == "targets" || strings.HasPrefix(a.Name, "CFLAGS") || strings.HasPrefix(a.Name, "clean-files") {
				continue
			}
			steps, ok := b.assignNot(t, a, object, depth)
			if !ok {
				return append(why, steps...), false
			}
			if !named {
				why = steps
			}
			named = true
		}
		if named {
			return why, true
		}
		if dir == "." {
			break
		}
	}
	for _, dir := range b.mentioning(path.Dir(object)) {
		t := b.trace(dir)
		for n, i := range t.byWord[object] {
			steps, ok := b.assignNot(t, &t.assigns[i], object, depth+1)
			if !ok {
				return steps, false
			}
			if n == 0 {
				why = steps
			}
		}
		if len(why) > 0 {
			return why, true
		}
	}
	return nil, false
}

// mentioning gives the folders of the architecture whose Makefiles name another folder,
// as arch/x86/kvm does with virt/kvm.
func (b *Build) mentioning(dir string) []string {
	var dirs []string
	for name := range b.tree.make.List("arch/" + b.Arch) {
		d := "arch/" + b.Arch + "/" + name
		if makefile, ok := b.tree.makefileOf(d); ok {
			data, err := fs.ReadFile(b.tree.fsys, makefile)
			if err == nil && strings.Contains(string(data), dir+"/") {
				dirs = append(dirs, d)
			}
		}
	}
	slices.Sort(dirs)
	return dirs
}

// assignNot says why one assignment does not build an object.
func (b *Build) assignNot(t *traced, a *gmake.Assign, object string, depth int) ([]Step, bool) {
	if s, fails := b.condition(a); fails {
		return []Step{s}, true
	}
	own := b.step(a)
	if s, ok := b.replaced(t, a); ok {
		return []Step{s}, true
	}
	switch {
	case strings.HasPrefix(a.Name, "hostprogs") || strings.HasPrefix(a.Name, "userprogs"):
		return []Step{own}, true
	case list(t.dir, a.Name):
		steps, ok := b.dirNot(t.dir, depth+1)
		return append(steps, own), ok
	}
	// A variable of parts: why is the whole not built? Or one that others are made of.
	if whole := wholeOf(a.Name); whole != "" && path.Join(t.dir, whole) != object {
		if steps, ok := b.objectNot(path.Join(t.dir, whole), depth+1); len(steps) > 0 {
			return append(steps, own), ok
		}
	}
	users, failed := 0, []Step(nil)
	for i := range t.assigns {
		u := &t.assigns[i]
		if u == a || !mentions(u.Raw, a.Name) {
			continue
		}
		users++
		steps, ok := b.assignNotUsed(t, u, object, depth+1)
		if !ok {
			return []Step{own}, false
		}
		failed = steps
	}
	if users > 0 {
		return append(failed, own), true
	}
	steps, ok := b.dirNot(t.dir, depth+1)
	return append(steps, own), ok
}

// computed looks for a word with a variable in it, as entry_$(BITS).o, that would be the
// object if the variable had another value.
func (b *Build) computed(object string) (Step, bool) {
	dir := path.Dir(object)
	t := b.trace(dir)
	for i := range t.assigns {
		a := &t.assigns[i]
		if !list(dir, a.Name) && wholeOf(a.Name) == "" {
			continue
		}
		_, right, _ := strings.Cut(a.Raw, "=")
		for _, w := range strings.Fields(right) {
			before, rest, ok := strings.Cut(w, "$(")
			_, after, closed := strings.Cut(rest, ")")
			base := path.Base(object)
			if !ok || !closed || strings.Contains(after, "$") || before == "" || len(base) <= len(before)+len(after) {
				continue
			}
			if strings.HasPrefix(base, before) && strings.HasSuffix(base, after) && strings.HasSuffix(after, ".o") {
				return Step{File: a.File, Line: a.Line, Text: w + " is another object in this build", Symbol: symbolIn(w)}, true
			}
		}
	}
	return Step{}, false
}

// replaced says whether a later assignment, which is made, takes the value's place.
func (b *Build) replaced(t *traced, a *gmake.Assign) (Step, bool) {
	after := false
	for i := range t.assigns {
		o := &t.assigns[i]
		switch {
		case o == a:
			after = true
		case after && o.Name == a.Name && (o.Op == "=" || o.Op == ":=") && !o.Dead && !mentions(o.Raw, a.Name):
			if _, fails := b.condition(o); !fails && !unsure(o) {
				return b.step(o), true
			}
		}
	}
	return Step{}, false
}

func unsure(a *gmake.Assign) bool {
	for _, c := range a.Conds {
		if c.Unsure {
			return true
		}
	}
	return false
}

// assignNotUsed is assignNot for an assignment whose right side has the variable.
func (b *Build) assignNotUsed(t *traced, a *gmake.Assign, object string, depth int) ([]Step, bool) {
	if depth > 8 {
		return nil, false
	}
	return b.assignNot(t, a, object, depth)
}

func mentions(raw, name string) bool {
	_, right, ok := strings.Cut(raw, "=")
	return ok && (strings.Contains(right, "$("+name+")") || strings.Contains(right, "${"+name+"}") || strings.Contains(right, "$("+name+":"))
}

// dirNot says why the build does not go into a folder, or not for vmlinux.
func (b *Build) dirNot(dir string, depth int) ([]Step, bool) {
	if depth > 24 || dir == "." {
		return nil, false
	}
	v := b.dirs[dir]
	if v != nil && v.builtin && v.modules {
		return nil, false
	}
	if s, ok := b.foreign(dir); ok {
		return []Step{s}, true
	}
	for up := path.Dir(dir); ; up = path.Dir(up) {
		t := b.trace(up)
		var first []Step
		named := false
		for _, i := range t.byWord[dir] {
			a := &t.assigns[i]
			s, fails := b.condition(a)
			var steps []Step
			switch {
			case fails:
				steps = []Step{s}
			case v != nil: // for modules alone: its obj-y are nowhere
				steps = []Step{b.step(a)}
			default:
				above, ok := b.dirNot(up, depth+1)
				if !ok {
					return nil, false
				}
				steps = append(above, b.step(a))
			}
			if !named {
				first = steps
			}
			named = true
		}
		if named {
			return first, true
		}
		if up == "." {
			break
		}
	}
	if v != nil {
		return nil, false
	}
	// Nothing names it: then what holds for the folder above holds for it, else no
	// Makefile goes there at all.
	if steps, ok := b.dirNot(path.Dir(dir), depth+1); ok {
		return steps, true
	}
	if _, has := b.tree.makefileOf(dir); has {
		return []Step{{File: dir, Text: "no Makefile that this build reads goes into it"}}, true
	}
	return nil, false
}

// includedElsewhere answers for a source that others of its folder or the one above
// include: none of those is compiled, or the closure had it.
func (b *Build) includedElsewhere(file string) ([]Step, bool) {
	dir, base := path.Split(file)
	dir = path.Clean(dir)
	for _, d := range []string{dir, path.Dir(dir)} {
		for name := range b.tree.make.List(d) {
			other := path.Join(d, name)
			if !code(other) || other == file {
				continue
			}
			for _, inc := range b.tree.includes.includes(other) {
				if path.Base(inc.name) == base && path.Join(d, inc.name) == file {
					return []Step{{File: other, Text: "includes " + base + ", and is not compiled"}}, true
				}
			}
		}
	}
	return nil, false
}
