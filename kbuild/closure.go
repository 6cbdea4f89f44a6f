package kbuild

import (
	"path"
	"slices"
	"strings"

	"ringside/kbuild/gmake"
)

// closure is which files the compiled sources reach through #include, whatever #if those
// stand under: a file outside of it cannot be in any object.
type closure struct {
	by      map[string]string   // file → one that includes it; "" for a unit's source
	users   map[string][]string // file → all that include it
	sure    map[string]bool     // reached from a unit that is surely compiled
	edges   map[string][]string // file → what it includes
	unfound map[string][]string // file → includes that only a folder's own flags can find
}

// flags are the folders in which a Makefile lets headers be looked for, and files that it
// has included before all others.
type flags struct {
	dirs   []string
	forced []string
}

// searchFlags reads -I, -isystem, -iquote, -idirafter and -include out of variables.
func searchFlags(env *gmake.Env, names []string) *flags {
	fl := &flags{}
	for _, n := range names {
		words := strings.Fields(env.Get(n))
		for i, w := range words {
			for _, opt := range []string{"-I", "-isystem", "-iquote", "-idirafter", "-include"} {
				v, ok := strings.CutPrefix(w, opt)
				if !ok {
					continue
				}
				if v == "" && i+1 < len(words) {
					v = words[i+1]
				}
				p, ok := gmake.Clean(v)
				if !ok {
					break
				}
				if opt == "-include" {
					fl.forced = append(fl.forced, p)
				} else if !slices.Contains(fl.dirs, p) {
					fl.dirs = append(fl.dirs, p)
				}
				break
			}
		}
	}
	return fl
}

// globalFlags are the variables that the top Makefile makes for all compilations.
var globalFlags = []string{"LINUXINCLUDE", "USERINCLUDE", "NOSTDINC_FLAGS", "KBUILD_CPPFLAGS", "KBUILD_CFLAGS", "KBUILD_AFLAGS", "KBUILD_CFLAGS_MODULE", "KBUILD_CFLAGS_KERNEL"}

// folderFlags gives the flags of a folder, with those that the folders above hand down.
func (b *Build) folderFlags(dir string) *flags {
	f := b.tree.folderFor(b.top, b.Config, dir)
	if f.flags != nil {
		return f.flags
	}
	var names []string
	for _, n := range f.env.Names() {
		if strings.Contains(n, "flags") || strings.Contains(n, "FLAGS") {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	fl := searchFlags(f.env, names)
	for up := dir; up != "."; {
		up = path.Dir(up)
		if v := b.dirs[up]; v != nil {
			g := b.tree.folderFor(b.top, b.Config, up)
			for _, d := range searchFlags(g.env, []string{"subdir-ccflags-y", "subdir-asflags-y", "KBUILD_CFLAGS", "KBUILD_AFLAGS"}).dirs {
				if !slices.Contains(fl.dirs, d) {
					fl.dirs = append(fl.dirs, d)
				}
			}
		}
	}
	f.flags = fl
	return fl
}

// closure gives the reached files, and finds them the first time.
func (b *Build) closure() *closure {
	b.lazy.Lock()
	defer b.lazy.Unlock()
	if b.reach == nil {
		b.tree.mu.Lock()
		b.reach = b.findClosure()
		b.tree.mu.Unlock()
	}
	return b.reach
}

type reacher struct {
	b      *Build
	c      *closure
	global []string
	macros []macroInclude
}

// A macroInclude is a file that includes what a macro says.
type macroInclude struct{ file, macro string }

func (b *Build) findClosure() *closure {
	c := &closure{by: map[string]string{}, users: map[string][]string{}, sure: map[string]bool{}, edges: map[string][]string{}, unfound: map[string][]string{}}
	r := &reacher{b: b, c: c}
	global := searchFlags(b.top.base, globalFlags)
	r.global = global.dirs
	for _, d := range []string{"arch/" + b.Arch + "/include", "include", "arch/" + b.Arch + "/include/uapi", "include/uapi"} {
		if !slices.Contains(r.global, d) {
			r.global = append(r.global, d)
		}
	}
	forced := append([]string{"include/linux/kconfig.h", "include/linux/compiler-version.h", "include/linux/compiler_types.h"}, global.forced...)
	// What modpost writes and has compiled, one for each module.
	forced = append(forced, "include/linux/module.h", "include/linux/build-salt.h", "include/linux/elfnote-lto.h", "include/linux/export-internal.h", "include/linux/vermagic.h")
	for _, sure := range []bool{true, false} {
		front := slices.Clone(forced)
		for _, u := range b.Units {
			if u.Unsure == sure {
				continue
			}
			if !u.Generated {
				front = append(front, u.Source)
			}
			front = append(front, u.Inputs...)
		}
		r.spread(front, sure)
		r.given(sure)
		r.own(sure)
	}
	return c
}

// spread follows includes from some files until nothing new is found.
func (r *reacher) spread(front []string, sure bool) {
	for _, f := range front {
		r.reached(f, "", sure)
	}
	front = slices.DeleteFunc(front, func(f string) bool { return !r.b.tree.make.Exists(f) })
	seen := map[string]bool{}
	for len(front) > 0 {
		r.b.tree.includes.prefetch(front)
		var next []string
		for _, f := range front {
			if seen[f] {
				continue
			}
			seen[f] = true
			next = append(next, r.expand(f, sure)...)
		}
		front = next
	}
}

// given follows the includes whose file is a macro's value that who includes the file gives
// it, as drbd does with <linux/genl_magic_func.h>.
func (r *reacher) given(sure bool) {
	done := map[macroInclude]bool{}
	for len(r.macros) > 0 {
		m := r.macros[0]
		r.macros = r.macros[1:]
		if done[m] {
			continue
		}
		done[m] = true
		var news []string
		for _, user := range r.c.users[m.file] {
			for _, inc := range r.b.tree.includes.valuesOf(user, m.macro) {
				for _, p := range r.find(user, inc, r.global) {
					if r.reached(p, m.file, sure) {
						news = append(news, p)
					}
				}
			}
		}
		r.spread(news, sure)
	}
}

// reached notes a file and says whether that is news.
func (r *reacher) reached(file, by string, sure bool) bool {
	if by != "" && !slices.Contains(r.c.edges[by], file) {
		r.c.edges[by] = append(r.c.edges[by], file)
		r.c.users[file] = append(r.c.users[file], by)
	}
	if _, ok := r.c.by[file]; ok {
		return false
	}
	r.c.by[file] = by
	r.c.sure[file] = sure
	return true
}

// expand gives the files that one includes and that are new.
func (r *reacher) expand(file string, sure bool) []string {
	var next []string
	for _, inc := range r.b.tree.includes.includes(file) {
		if inc.macro {
			r.macros = append(r.macros, macroInclude{file, inc.name})
			continue
		}
		found := r.find(file, inc, r.global)
		if len(found) == 0 {
			if !slices.Contains(r.c.unfound[file], inc.name) {
				r.c.unfound[file] = append(r.c.unfound[file], inc.name)
			}
			continue
		}
		for _, p := range found {
			if r.reached(p, file, sure) {
				next = append(next, p)
			}
		}
	}
	return next
}

// find gives the files that an include may mean. Two at once are possible where a
// generated header in between decides.
func (r *reacher) find(from string, inc include, dirs []string) []string {
	exists := r.b.tree.make.Exists
	if inc.quote {
		if p := path.Join(path.Dir(from), inc.name); exists(p) {
			return []string{p}
		}
	}
	for _, d := range dirs {
		if p := path.Join(d, inc.name); exists(p) {
			return []string{p}
		}
	}
	// asm/x.h that the architecture does not have is made to include asm-generic/x.h.
	if name, ok := strings.CutPrefix(inc.name, "asm/"); ok {
		var found []string
		for _, d := range []string{"include/asm-generic/", "include/uapi/asm-generic/"} {
			if exists(d + name) {
				found = append(found, d+name)
			}
		}
		return found
	}
	return nil
}

// own looks for the includes that were not found in the folders that the Makefiles of the
// sources add. Only files from which such an include can be reached are walked again.
func (r *reacher) own(sure bool) {
	type searched struct{ file, name string }
	for range 32 { // what is found may include more
		wanted := r.wanted()
		done := map[searched]bool{}
		known := map[searched][]string{}
		lookup := func(f, name, key string, dirs []string) []string {
			k := searched{name, key}
			found, ok := known[k]
			if !ok {
				found = r.find(f, include{name: name}, dirs)
				known[k] = found
			}
			return found
		}
		var news []string
		for i := range r.b.Units {
			u := &r.b.Units[i]
			if u.Unsure == sure {
				continue
			}
			dirs := r.unitDirs(u)
			if len(dirs) == 0 {
				continue
			}
			key := strings.Join(dirs, ":")
			stack := append([]string{u.Source}, u.Inputs...)
			for len(stack) > 0 {
				f := stack[len(stack)-1]
				stack = stack[:len(stack)-1]
				if !wanted[f] || done[searched{f, key}] {
					continue
				}
				done[searched{f, key}] = true
				for _, name := range r.c.unfound[f] {
					for _, p := range lookup(f, name, key, dirs) {
						if r.reached(p, f, sure) {
							news = append(news, p)
						}
					}
				}
				for _, p := range r.c.edges[f] {
					if wanted[p] {
						stack = append(stack, p)
					}
				}
			}
		}
		if len(news) == 0 {
			return
		}
		r.spread(news, sure)
	}
}

// unitDirs gives the folders in which the headers of an object are looked for: those of
// the Makefile that makes it, which may be another folder's.
func (r *reacher) unitDirs(u *Unit) []string {
	dir := path.Dir(u.Object)
	for r.b.dirs[dir] == nil && dir != "." { // sub/x.o, named by the folder above
		dir = path.Dir(dir)
	}
	fl := r.b.folderFlags(dir)
	r.spreadForced(fl)
	dirs := fl.dirs
	for _, f := range u.folders {
		if f == dir {
			continue
		}
		fl := r.b.folderFlags(f)
		r.spreadForced(fl)
		for _, d := range fl.dirs {
			if !slices.Contains(dirs, d) {
				dirs = append(slices.Clip(dirs), d)
			}
		}
	}
	return dirs
}

func (r *reacher) spreadForced(fl *flags) {
	for _, f := range fl.forced {
		if _, ok := r.c.by[f]; !ok && r.b.tree.make.Exists(f) {
			r.spread([]string{f}, true)
		}
	}
}

// wanted gives the files from which an include that was not found can be reached.
func (r *reacher) wanted() map[string]bool {
	wanted := map[string]bool{}
	var stack []string
	for f, names := range r.c.unfound {
		for _, n := range names {
			if !strings.HasPrefix(n, "generated/") && !strings.HasPrefix(n, "asm/") && !strings.HasPrefix(n, "std") {
				stack = append(stack, f)
				break
			}
		}
	}
	for len(stack) > 0 {
		f := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if wanted[f] {
			continue
		}
		wanted[f] = true
		stack = append(stack, r.c.users[f]...)
	}
	return wanted
}
