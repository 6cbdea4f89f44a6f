package kbuild

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"ringside/kbuild/gmake"
	"ringside/kconfig/dotconfig"
)

// A Problem is something in a Makefile that could not be evaluated, and where.
type Problem = gmake.Problem

// A Unit is one object that the build makes out of sources.
type Unit struct {
	// Source is what the compiler is given: a path in the tree, or of a generated file
	// the path that it will have there.
	Source string `json:"source"`
	Object string `json:"object"`
	// Targets are what the object is linked into: Vmlinux, modules by the path of their
	// .ko, or, of a Side unit, the image, as arch/x86/purgatory/purgatory.ro.
	Targets []string `json:"targets"`
	// Side says that the object is in neither vmlinux nor a module: it is part of the
	// boot code, a vDSO, a purgatory, or a table that the build derives headers from.
	Side bool `json:"side,omitempty"`
	// Generated says that the tree does not have Source; the build makes it of Inputs.
	Generated bool     `json:"generated,omitempty"`
	Inputs    []string `json:"inputs,omitempty"`
	// Unsure says that the Makefiles do not decide it without running a program.
	Unsure bool `json:"unsure,omitempty"`

	folders []string // whose Makefiles make it, with their flags
}

// Options are what besides the tree and the configuration decides a build.
type Options struct {
	// Arch is the folder of arch/ to build. Without it the configuration says.
	Arch string
	// Shell answers $(shell command) where the answer is known. Commands are never run.
	Shell func(command string) (string, bool)
}

// A Build is what a tree's Makefiles build under a configuration.
type Build struct {
	Arch   string
	Config *dotconfig.File
	// Units are in the order of their sources' names.
	Units []Unit
	// Problems are what could not be evaluated. What depends on it is Unsure or Unknown.
	Problems []Problem
	dirs     map[string]*visit // the folders that the build goes into

	tree    *tree
	opts    Options
	top     *top
	sources map[string][]int // source or input → units

	lazy   sync.Mutex
	reach  *closure
	traced map[string]*traced
	// redefines has the files in which the macro of a symbol is defined or undefined.
	redefines map[string][]string
}

// tree is what builds of one tree share.
type tree struct {
	fsys     fs.FS
	make     *gmake.Tree
	mu       sync.Mutex
	tops     []*top
	includes *scanner
}

// ErrNoArch is the error for a configuration that does not say its architecture.
var ErrNoArch = errors.New("the configuration does not say for which architecture it is: name it")

// Load evaluates the Makefiles of a kernel tree under a configuration.
func Load(fsys fs.FS, config *dotconfig.File, opts Options) (*Build, error) {
	t := &tree{fsys: fsys, make: gmake.NewTree(fsys)}
	t.includes = newScanner(fsys, t.make)
	return t.load(config, opts)
}

// With evaluates the same tree under another configuration. Only what depends on the
// symbols that differ is evaluated again.
func (b *Build) With(config *dotconfig.File) (*Build, error) {
	return b.tree.load(config, b.opts)
}

func (t *tree) load(config *dotconfig.File, opts Options) (*Build, error) {
	if !t.make.Exists("Makefile") || !t.make.Exists("scripts") {
		return nil, errors.New("this is no kernel tree: it has no Makefile or no scripts folder")
	}
	arch := opts.Arch
	if arch == "" {
		arch = dotconfig.SourceArch(config.MakeArch())
	}
	if arch == "" {
		return nil, ErrNoArch
	}
	if !t.make.Exists("arch/" + arch + "/Makefile") {
		return nil, fmt.Errorf("the tree has no arch/%s/Makefile", arch)
	}
	opts.Arch = arch
	b := &Build{Arch: arch, Config: config, tree: t, opts: opts, traced: map[string]*traced{}}
	t.mu.Lock()
	defer t.mu.Unlock()
	var err error
	if b.top, err = t.topFor(config, opts); err != nil {
		return nil, err
	}
	w := newWalk(b)
	w.run()
	w.finish()
	return b, nil
}

// Sources gives the files of the tree that are compiled into vmlinux, modules and vDSOs,
// which are the images that a kernel installs, and with side those of the other images
// too, each once and in order.
func (b *Build) Sources(side bool) []string {
	var out []string
	for i := range b.Units {
		u := &b.Units[i]
		if u.Generated || u.Unsure || !side && !u.Installed() || !compiled(u.Source) {
			continue
		}
		if n := len(out); n == 0 || out[n-1] != u.Source {
			out = append(out, u.Source)
		}
	}
	return out
}

// Installed says whether a unit is part of vmlinux, a module or a vDSO.
func (u *Unit) Installed() bool {
	return !u.Side || strings.Contains(path.Dir(u.Object), "vdso") && strings.HasSuffix(u.Object, ".o")
}

// compiled says whether a file is one that compilers are given.
func compiled(p string) bool {
	switch path.Ext(p) {
	case ".c", ".S", ".rs", ".s":
		return true
	}
	return false
}

// symbols keeps which symbols an evaluation asked for and what it was told.
type symbols map[string]string

// lookup gives a symbol as include/config/auto.conf has it.
func lookup(config *dotconfig.File, quote bool, name string) string {
	v, ok := config.Lookup(strings.TrimPrefix(name, "CONFIG_"))
	switch {
	case !ok || v.Unset || v.Text == "n" && !v.Quoted:
		return ""
	case v.Quoted && quote:
		return dotconfig.Quote(v.Text)
	}
	return v.Text
}

func (s symbols) hold(config *dotconfig.File, quote bool) bool {
	for name, value := range s {
		if lookup(config, quote, name) != value {
			return false
		}
	}
	return true
}

func sortUnits(units []Unit) {
	slices.SortFunc(units, func(a, b Unit) int {
		if c := strings.Compare(a.Source, b.Source); c != 0 {
			return c
		}
		return strings.Compare(a.Object, b.Object)
	})
}

// under joins a folder and a word of its Makefile; ok is false for what leaves the tree.
func under(dir, word string) (string, bool) {
	p := path.Join(dir, word)
	return p, p != ".." && !strings.HasPrefix(p, "../") && !strings.HasPrefix(p, "/")
}
