package exposure

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"ringside/inventory"
	"ringside/kbuild"
	"ringside/kconfig"
	"ringside/kconfig/baseline"
	"ringside/kconfig/dotconfig"
	"ringside/vuln/ranges"
)

// Sources are what an inventory is made of.
type Sources struct {
	Tree    fs.FS
	Config  []byte // text of the configuration
	Release string // as uname -r prints it; "" takes it from the configuration
	Arch    string // a folder of arch/; "" takes it from the configuration
	// Changelog is the text of the distribution's changelog, "" without one.
	Changelog string
	// Built gives what says where a file's code is, where something better is known than
	// the Makefiles. It may be nil.
	Built func(b *kbuild.Build) (presence func(file string) kbuild.Presence, err error)
	// Wanted says for which files it matters what could be switched off; nil means all.
	Wanted func(file string) bool
	// Reduce asks for what could be switched off.
	Reduce bool
	// Progress is told how far the search for that is. It may be nil.
	Progress func(done, of int)
	// Baselines are what the configuration is held to.
	Baselines []*baseline.Policy
	Now       time.Time
}

// Make makes an inventory.
func Make(ctx context.Context, s Sources) (*inventory.Inventory, error) {
	c, err := dotconfig.Parse(strings.NewReader(string(s.Config)))
	if err != nil {
		return nil, fmt.Errorf("the configuration: %w", err)
	}
	b, err := kbuild.Load(s.Tree, c, kbuild.Options{Arch: s.Arch})
	if err != nil {
		return nil, err
	}
	presence := b.Presence
	if s.Built != nil {
		if presence, err = s.Built(b); err != nil {
			return nil, err
		}
	}
	makeArch := c.MakeArch()
	if dotconfig.SourceArch(makeArch) != b.Arch {
		makeArch = b.Arch // the caller knows better
	}
	v := &inventory.Inventory{Release: s.Release, Arch: machine(b.Arch, c), MadeAt: s.Now.UTC().Truncate(time.Second), Config: string(s.Config), Changelog: s.Changelog}
	if v.Release == "" {
		v.Release = c.Release()
	}
	if text, err := fs.ReadFile(s.Tree, "Makefile"); err == nil {
		if base, err := ranges.Makefile(text); err == nil && base.Exact() {
			v.Upstream = base.From.String()
		}
	}
	if n := len(b.Problems); n > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("%d places of the Makefiles could not be evaluated, the first: %s; what depends on them is undetermined", n, b.Problems[0]))
	}
	if v.Files, err = presences(ctx, s.Tree, presence); err != nil {
		return nil, err
	}
	v.Modules = modulesOf(b)
	k, err := kconfig.Parse(ctx, s.Tree, kconfig.Options{Env: kconfig.KernelEnv(s.Tree, makeArch)})
	if err != nil {
		v.Notes = append(v.Notes, "the Kconfig files cannot be read, so nothing is said of what could be switched off: "+err.Error())
		return v, nil //nolint:nilerr // the inventory says it
	}
	config, err := k.Eval(c)
	if err != nil {
		return nil, fmt.Errorf("evaluate the configuration: %w", err)
	}
	if v.Baselines, err = audit(ctx, s.Baselines, b.Arch, config, c, s.Now); err != nil {
		return nil, err
	}
	if s.Reduce {
		if v.Reductions, err = reductions(ctx, s, config, b); err != nil {
			return nil, err
		}
	}
	return v, ctx.Err()
}

// machine is what the record calls an architecture, by the folder of arch/: the names are
// those that crash gives a kernel's reports, so that both are of one kernel.
func machine(arch string, c *dotconfig.File) string {
	wide := c.Tristate("64BIT") == dotconfig.Yes
	switch {
	case arch == "x86" && wide:
		return "x86_64"
	case arch == "x86":
		return "i386"
	case arch == "riscv" && wide:
		return "riscv64"
	case arch == "s390":
		return "s390x"
	case arch == "loongarch":
		return "loongarch64"
	}
	return arch
}

// judged tells whether a record may name a file for what it does to a build.
func judged(name string) bool {
	switch path.Ext(name) {
	case ".c", ".h", ".S", ".s", ".rs", ".y", ".l", ".dts", ".dtsi":
		return true
	}
	base := path.Base(name)
	return base == "Makefile" || base == "Kbuild" || strings.HasPrefix(base, "Kconfig")
}

// presences are what is known of all files of the tree that records may name.
func presences(ctx context.Context, tree fs.FS, presence func(string) kbuild.Presence) ([]kbuild.Presence, error) {
	var out []kbuild.Presence
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case d.IsDir() && (name == "Documentation" || name == ".git"):
			return fs.SkipDir
		case d.IsDir() || !judged(name):
			return nil
		}
		p := presence(name)
		if p.State == kbuild.Compiled {
			p.Why = nil // the targets say enough, and the chains are most of the size
		}
		out = append(out, p)
		return nil
	})
	slices.SortFunc(out, func(a, b kbuild.Presence) int { return strings.Compare(a.Path, b.Path) })
	return out, err
}

func modulesOf(b *kbuild.Build) []string {
	seen := map[string]bool{}
	for i := range b.Units {
		for _, t := range b.Units[i].Targets {
			if strings.HasSuffix(t, ".ko") {
				seen[t] = true
			}
		}
	}
	out := make([]string, 0, len(seen))
	for t := range seen {
		out = append(out, t)
	}
	slices.Sort(out)
	return out
}

// reductions tries each symbol that a compiled file depends on: what goes with it by the
// rules of Kconfig, and which files are not compiled then. What cannot be switched off
// because something selects it has no effect, and is left out. Only files that are
// compiled by themselves are looked at: which sources include a header or another .c file
// is not followed, so that a record that names one is never promised to go.
func reductions(ctx context.Context, s Sources, config *kconfig.Config, b *kbuild.Build) ([]inventory.Reduction, error) {
	compiled := sources(b)
	gates := map[string]bool{}
	for i := range b.Units {
		u := &b.Units[i]
		if u.Installed() && (s.Wanted == nil || s.Wanted(u.Source)) {
			for _, name := range kbuild.Symbols(b.Why(u)) {
				gates[name] = true
			}
		}
	}
	names := make([]string, 0, len(gates))
	for name := range gates {
		names = append(names, name)
	}
	slices.Sort(names)
	var out []inventory.Reduction
	for i, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if s.Progress != nil {
			s.Progress(i, len(names))
		}
		off := kconfig.Setting{Symbol: name, Value: "n"}
		changes, err := config.WhatIf(off)
		if err != nil || !goes(changes, name) {
			continue
		}
		less := config.Clone()
		if err := less.Set(off); err != nil {
			continue // no user can set it
		}
		without, err := b.With(less.File())
		if err != nil {
			return nil, fmt.Errorf("the build without %s: %w", name, err)
		}
		r := inventory.Reduction{Symbol: name}
		if sym, ok := config.Tree().Lookup(name); ok {
			r.Prompt = sym.Prompt()
		}
		for _, c := range changes {
			if c.Symbol != name && (c.Old == "y" || c.Old == "m") {
				r.Off = append(r.Off, c.Symbol)
			}
		}
		stays := sources(without)
		for f := range compiled {
			if judged(f) && !stays[f] {
				r.Files = append(r.Files, f)
			}
		}
		if len(r.Files) > 0 {
			slices.Sort(r.Files)
			out = append(out, r)
		}
	}
	return out, nil
}

// goes tells whether a symbol is n after a change.
func goes(changes []kconfig.Change, name string) bool {
	return slices.ContainsFunc(changes, func(c kconfig.Change) bool { return c.Symbol == name && c.New != "y" && c.New != "m" })
}

// sources are the files of the tree that a build compiles.
func sources(b *kbuild.Build) map[string]bool {
	out := map[string]bool{}
	for i := range b.Units {
		if u := &b.Units[i]; !u.Generated {
			out[u.Source] = true
		}
	}
	return out
}

// errNoRelease is the error for an inventory that nobody could find again.
var errNoRelease = errors.New("which kernel is it? Its release, as uname -r prints it on the hosts, is needed: give --release")

// CheckRelease is an error where the release is not known.
func CheckRelease(v *inventory.Inventory) error {
	if v.Release == "" {
		return errNoRelease
	}
	return nil
}
