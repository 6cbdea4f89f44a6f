package kbuild

import (
	"path"
	"slices"
	"strings"

	"ringside/kbuild/gmake"
	"ringside/kconfig/dotconfig"
)

// folder is one folder's Makefile, evaluated, with what Kbuild reads of it. It holds for
// every configuration that answers the lookups in deps alike.
type folder struct {
	dir  string
	env  *gmake.Env
	deps symbols

	objY, objM []gmake.Word // objects only; a module's that are built in are taken out
	libY       []gmake.Word
	dirY, dirM []gmake.Word // folders named in obj-y, obj-m
	subdirs    []gmake.Word // named in subdir-y, subdir-m
	extra      []gmake.Word // extra-y, always-y
	vague      bool         // a list has words of which nothing is known

	parts map[string]composite // objects that are linked of others, by their stem
	host  map[string]bool      // programs for the building machine, and their objects

	rules    map[string][]*gmake.Rule // by target
	patterns []*gmake.Rule
	flags    *flags
}

type composite struct {
	words  []gmake.Word
	module []gmake.Word // of stem-m: only where the object is a module
}

// The lists that a folder's Makefile finds empty.
var emptied = []string{
	"obj-y", "obj-m", "obj-", "lib-y", "lib-m", "lib-", "always-y", "always-m", "targets", "subdir-y", "subdir-m",
	"EXTRA_AFLAGS", "EXTRA_CFLAGS", "EXTRA_CPPFLAGS", "EXTRA_LDFLAGS", "asflags-y", "ccflags-y", "rustflags-y",
	"cppflags-y", "ldflags-y", "subdir-asflags-y", "subdir-ccflags-y", "extra-y", "extra-m", "always", "hostprogs",
}

// makefileOf gives the path of a folder's Makefile: Kbuild goes before Makefile.
func (t *tree) makefileOf(dir string) (string, bool) {
	for _, name := range []string{"Kbuild", "Makefile"} {
		if p := path.Join(dir, name); t.make.Exists(p) {
			return p, true
		}
	}
	return path.Join(dir, "Makefile"), false
}

// folderFor evaluates a folder's Makefile.
func (t *tree) folderFor(o *top, config *dotconfig.File, dir string) *folder {
	for _, f := range o.folders[dir] {
		if f.deps.hold(config, o.quote) {
			f.bind(o, config)
			return f
		}
	}
	f := &folder{dir: dir, deps: symbols{}, parts: map[string]composite{}, host: map[string]bool{}, rules: map[string][]*gmake.Rule{}}
	f.env = t.folderEnv(o, dir)
	f.bind(o, config)
	makefile, _ := t.makefileOf(dir)
	if err := f.env.Read(makefile); err != nil {
		f.env.Problems = append(f.env.Problems, gmake.Problem{File: makefile, Text: err.Error()})
	}
	f.lists()
	f.index()
	o.folders[dir] = append(o.folders[dir], f)
	return f
}

// folderEnv gives the environment that scripts/Makefile.build makes for a folder.
func (t *tree) folderEnv(o *top, dir string) *gmake.Env {
	env := o.base.Child()
	env.Define("obj", dir)
	env.Define("src", dir)
	env.Define("kbuild-file", path.Join(dir, "Makefile"))
	for _, name := range emptied {
		env.Define(name, "")
	}
	return env
}

func (f *folder) bind(o *top, config *dotconfig.File) {
	f.env.Config = func(name string) string {
		v := lookup(config, o.quote, name)
		f.deps[name] = v
		return v
	}
}

func (f *folder) words(names ...string) []gmake.Word {
	var all []gmake.Word
	for _, n := range names {
		words, vague := f.env.Words(n)
		f.vague = f.vague || vague
		for _, w := range words {
			w.Text = strings.TrimPrefix(w.Text, "./")
			if f.dir != "." {
				w.Text = strings.TrimPrefix(w.Text, f.dir+"/")
			}
			all = append(all, w)
		}
	}
	return all
}

// lists reads the lists as scripts/Makefile.lib does.
func (f *folder) lists() {
	y, m := f.words("obj-y"), f.words("obj-m")
	sure := map[string]bool{}
	for _, w := range y {
		sure[w.Text] = sure[w.Text] || !w.Maybe
	}
	m = slices.DeleteFunc(m, func(w gmake.Word) bool { return sure[w.Text] })
	f.libY = slices.DeleteFunc(f.words("lib-y", "lib-m"), func(w gmake.Word) bool { return sure[w.Text] })
	f.objY, f.dirY = folders(y)
	f.objM, f.dirM = folders(m)
	f.subdirs = f.words("subdir-y", "subdir-m")
	f.extra = f.words("extra-y", "extra-m", "always-y", "always-m", "always", "dtb-y", "head-y")
	for _, w := range f.words("hostprogs", "hostprogs-y", "hostprogs-m", "always-hostprogs", "hostprogs-always-y", "hostprogs-always-m", "userprogs", "userprogs-always-y", "userprogs-always-m") {
		f.host[path.Join(f.dir, w.Text)] = true
		for _, o := range f.words(w.Text+"-objs", w.Text+"-cxxobjs") {
			f.host[path.Join(f.dir, o.Text)] = true
		}
	}
	for _, w := range slices.Concat(f.objY, f.objM, f.libY) {
		f.part(w.Text, 0)
	}
}

// folders divides a list into objects and folders.
func folders(words []gmake.Word) (objects, dirs []gmake.Word) {
	for _, w := range words {
		if strings.HasSuffix(w.Text, "/") {
			dirs = append(dirs, w)
		} else {
			objects = append(objects, w)
		}
	}
	return objects, dirs
}

// part finds what an object is linked of: foo-objs, foo-y and foo-m. That foo- alone has
// words makes it a composite of nothing.
func (f *folder) part(object string, depth int) {
	stem, ok := strings.CutSuffix(object, ".o")
	if _, known := f.parts[stem]; !ok || known || depth > 8 {
		return
	}
	c := composite{words: f.words(stem+"-objs", stem+"-y"), module: f.words(stem + "-m")}
	if len(c.words)+len(c.module) == 0 && len(f.words(stem+"-")) == 0 {
		return
	}
	f.parts[stem] = c
	for _, w := range slices.Concat(c.words, c.module) {
		f.part(w.Text, depth+1)
	}
}

// index makes the rules findable.
func (f *folder) index() {
	for _, r := range f.env.Rules {
		pattern := false
		for _, t := range r.Targets {
			if strings.Contains(t, "%") {
				pattern = true
				continue
			}
			t = clean(t)
			f.rules[t] = append(f.rules[t], r)
		}
		if pattern {
			f.patterns = append(f.patterns, r)
		}
	}
}
