package kbuild

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"ringside/kbuild/gmake"
	"ringside/kconfig/dotconfig"
)

// top is the tree's top Makefile, evaluated: what it hands down to the folders.
type top struct {
	env   *gmake.Env // the Makefile's own, for its rules
	base  *gmake.Env // what a folder's Makefile sees
	deps  symbols
	quote bool // auto.conf has strings in quotes, as before 5.17
	arch  string

	roots    []root
	libs     map[string]bool // folders whose lib.a is linked into vmlinux
	problems []gmake.Problem
	folders  map[string][]*folder
}

// root is a folder where the build begins to descend.
type root struct {
	dir              string
	builtin, modules bool
}

// topFor evaluates the top Makefile, or gives the evaluation of another configuration
// that told it the same.
func (t *tree) topFor(config *dotconfig.File, opts Options) (*top, error) {
	quote := quotes(t.fsys)
	for _, o := range t.tops {
		if o.arch == opts.Arch && o.deps.hold(config, quote) {
			o.rebind(config)
			return o, nil
		}
	}
	o := &top{deps: symbols{}, quote: quote, arch: opts.Arch, libs: map[string]bool{}, folders: map[string][]*folder{}}
	o.env = gmake.New(t.make)
	o.env.Shell = opts.Shell
	o.rebind(config)
	for name, value := range map[string]string{
		"srctree": ".", "objtree": ".", "srcroot": ".", "sub_make_done": "1", "MAKECMDGOALS": "all",
		"ARCH": makeArch(opts.Arch, config), "SRCARCH": opts.Arch, "MAKE": "make", "CONFIG_SHELL": "sh", "Q": "@", "quiet": "quiet_",
		"KBUILD_VERBOSE": "0", "CROSS_COMPILE": "",
	} {
		o.env.Set(name, value)
	}
	if err := o.env.Read("Makefile"); err != nil {
		return nil, err
	}
	o.problems = o.env.Problems
	o.findRoots()
	o.base = o.env.Environment()
	for _, name := range []string{"scripts/Kbuild.include", "scripts/Makefile.compiler"} {
		if t.make.Exists(name) {
			if err := o.base.Read(name); err != nil {
				return nil, err
			}
		}
	}
	if len(o.roots) == 0 {
		return nil, fmt.Errorf("the top Makefile names no folder to build: is arch/%s complete?", opts.Arch)
	}
	t.tops = append(t.tops, o)
	return o, nil
}

// rebind lets the lookups of the top Makefile's variables go to a configuration.
func (o *top) rebind(config *dotconfig.File) {
	o.env.Config = func(name string) string {
		v := lookup(config, o.quote, name)
		o.deps[name] = v
		return v
	}
	if o.base != nil {
		o.base.Config = o.env.Config
	}
}

// findRoots reads what vmlinux and modules are made of: one folder "." whose Kbuild names
// all others since 6.1, lists in the Makefile before.
func (o *top) findRoots() {
	for _, list := range []string{"libs-y", "ARCH_LIB", "core-y", "drivers-y"} {
		words, _ := o.env.Words(list)
		for _, w := range words {
			if dir, ok := strings.CutSuffix(w.Text, "/"); ok && list != "core-y" && list != "drivers-y" {
				o.libs[clean(dir)] = true
			} else if dir, ok := strings.CutSuffix(w.Text, "/lib.a"); ok {
				o.libs[clean(dir)] = true
			}
		}
	}
	dirs, _ := o.env.Words("build-dirs")
	if d, _ := o.env.Words("build-dir"); len(d) > 0 {
		dirs = d
	}
	if len(dirs) == 0 {
		dirs, _ = o.env.Words("vmlinux-dirs")
	}
	// What is only in a -m list is visited for modules alone.
	builtin := map[string]bool{}
	for _, list := range []string{"core-y", "drivers-y", "libs-y", "init-y", "net-y", "virt-y", "KBUILD_VMLINUX_OBJS", "KBUILD_VMLINUX_INIT", "KBUILD_VMLINUX_MAIN", "KBUILD_VMLINUX_LIBS"} {
		words, _ := o.env.Words(list)
		for _, w := range words {
			for _, suffix := range []string{"/built-in.a", "/built-in.o", "/lib.a", "/"} {
				if dir, ok := strings.CutSuffix(w.Text, suffix); ok {
					builtin[clean(dir)] = true
					break
				}
			}
		}
	}
	for _, d := range dirs {
		dir := clean(d.Text)
		o.roots = append(o.roots, root{dir, builtin[dir] || dir == ".", true})
	}
}

func clean(p string) string {
	if c, ok := gmake.Clean(p); ok {
		return c
	}
	return p
}

// quotes says whether the tree's auto.conf has strings in quotes: those before 5.17 do.
func quotes(fsys fs.FS) bool {
	data, err := fs.ReadFile(fsys, "Makefile")
	if err != nil {
		return false
	}
	number := func(name string) int {
		_, rest, _ := strings.Cut("\n"+string(data[:min(len(data), 4096)]), "\n"+name)
		_, rest, _ = strings.Cut(rest, "=")
		line, _, _ := strings.Cut(rest, "\n")
		n, _ := strconv.Atoi(strings.TrimSpace(line))
		return n
	}
	version, patch := number("VERSION"), number("PATCHLEVEL")
	return version < 5 || version == 5 && patch < 17
}

// makeArch gives what make has as ARCH.
func makeArch(arch string, config *dotconfig.File) string {
	wide := config.Tristate("64BIT") == dotconfig.Yes
	switch {
	case arch == "x86" && wide:
		return "x86_64"
	case arch == "x86":
		return "i386"
	case arch == "sparc" && wide:
		return "sparc64"
	case arch == "sparc":
		return "sparc32"
	case arch == "parisc" && wide:
		return "parisc64"
	}
	return arch
}
