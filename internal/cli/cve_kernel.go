package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ringside/artefact"
	"ringside/kbuild"
	"ringside/kbuild/moved"
	"ringside/kconfig/dotconfig"
	"ringside/vuln"
	"ringside/vuln/changelog"
	"ringside/vuln/commitref"
	"ringside/vuln/modules"
	"ringside/vuln/ranges"
)

// kernelFlags are what is known of a kernel.
type kernelFlags struct {
	tree, config, base string
	arch, fixes        string
	changelogs         []string
	commits            []string
	loaded             []string
	modprobe           []string
	aliases            string

	file  *dotconfig.File // what config says
	build *kbuild.Build   // what tree builds under it
	built evidenceFlags
	lines func(file string, s kbuild.Span) kbuild.Presence // which lines are compiled
}

func (k *kernelFlags) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&k.base, "base", "", "upstream `VERSION` that the kernel is built from, where its release does not say it")
	f.StringVar(&k.tree, "tree", "", "`DIR` with the kernel's sources")
	f.StringVar(&k.config, "config", "", "`FILE` with its configuration, plain or gzipped")
	f.StringVar(&k.arch, "arch", "", "`FOLDER` of the tree's arch/ that the configuration is for, where it does not say it")
	f.StringArrayVar(&k.changelogs, "changelog", nil, "`FILE` with the distribution's changelog (Debian's or RPM's); may be repeated")
	f.StringArrayVar(&k.commits, "commits", nil, "`FILE` or folder that refers to upstream commits: a log of git, a stack of patches; may be repeated")
	f.StringVar(&k.fixes, "fixes", "", "`DIR` with patches of fixes, or a clone of the stable tree: look for them in --tree")
	f.StringArrayVar(&k.loaded, "modules", nil, "`FILE` with lsmod of a host that runs it; repeated, those of a fleet")
	f.StringArrayVar(&k.modprobe, "modprobe", nil, "`FILE` or folder of modprobe.d; may be repeated")
	k.built.flags(c)
	f.StringVar(&k.aliases, "aliases", "", "`FILE` modules.alias of the kernel: what would load a module")
}

// kernel reads all that was given. The argument is a release or a tree, or empty.
func (k *kernelFlags) kernel(ctx context.Context, s Streams, arg string) (vuln.Kernel, error) {
	out := vuln.Kernel{Release: arg, Inputs: map[string]string{}}
	if info, err := os.Stat(arg); arg != "" && err == nil && info.IsDir() {
		if k.tree != "" && filepath.Clean(k.tree) != filepath.Clean(arg) {
			return out, usagef("two trees: %s and --tree %s", arg, k.tree)
		}
		k.tree, out.Release = arg, ""
	} else if strings.ContainsRune(arg, '/') {
		return out, usagef("%s is no folder; give a kernel's release as uname -r prints it, or its source tree", arg)
	}
	if err := k.built.sources(&k.tree, &k.config); err != nil {
		return out, err
	}
	for _, read := range []func(context.Context, *vuln.Kernel) error{k.readConfig, k.readChangelogs, k.readBase, k.readCommits, k.readModules, k.readBuild} {
		if err := read(ctx, &out); err != nil {
			return out, err
		}
	}
	return out, k.readEvidence(s, &out)
}

// withFeed reads the feed and all that was given of a kernel.
func (k *kernelFlags) withFeed(ctx context.Context, s Streams, arg string, f *feedFlags) (*vuln.Database, vuln.Kernel, error) {
	out, err := k.kernel(ctx, s, arg)
	if err != nil {
		return nil, out, err
	}
	db, err := f.open(ctx, s)
	if err != nil {
		return nil, out, err
	}
	return db, out, k.readFixes(ctx, db, &out)
}

// readBase finds the upstream version: what the user says, the tree, the changelog, the
// head of the configuration, the release – in this order, since the later may be vague.
func (k *kernelFlags) readBase(_ context.Context, out *vuln.Kernel) error {
	var found []ranges.Span
	take := func(s ranges.Span, err error) error {
		if err == nil {
			found = append(found, s)
		}
		return err
	}
	if k.base != "" {
		if err := take(ranges.Release(k.base)); err != nil {
			return usagef("--base: %w", err)
		}
	}
	if k.tree != "" {
		text, err := readSmall(filepath.Join(k.tree, "Makefile"))
		if err != nil {
			return usagef("%s is no kernel tree: %w", k.tree, err)
		}
		if err := take(ranges.Makefile(text)); err != nil {
			return usagef("%s: %w", k.tree, err)
		}
	}
	for _, c := range out.Claims {
		if log, ok := c.(*changelog.Log); ok {
			_ = take(ranges.Release(log.Version)) // a package may count otherwise than the kernel
		}
	}
	if k.file != nil {
		if release := k.file.Release(); release != "" {
			_ = take(ranges.Release(release))
			if out.Release == "" && k.tree == "" {
				out.Release = release
			}
		}
	}
	if out.Release != "" {
		err := take(ranges.Release(out.Release))
		if err != nil && len(found) == 0 {
			return usage(err)
		}
	}
	if len(found) == 0 {
		return usagef("which kernel? give its release as uname -r prints it, its source tree, or --base")
	}
	out.Base = found[0]
	for _, s := range found {
		if s.Exact() {
			out.Base = s
			break
		}
	}
	// A base that contradicts the release is a mistake that nobody would notice in the
	// verdicts.
	for _, s := range found {
		if s.From.Branch() != out.Base.From.Branch() && s.To.Branch() != out.Base.To.Branch() {
			return usagef("the kernel is %s by one and %s by another of what was given: which one is it? Give --base alone, or files of the same kernel", out.Base, s)
		}
	}
	if out.Release == "" {
		out.Release = out.Base.String()
	}
	return nil
}

// maxText is how much of a changelog, log or list is read.
const maxText = 512 << 20

// expand opens a text and notes its hash among the kernel's inputs.
func expand(path, what string, inputs map[string]string, read func(io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return usage(err)
	}
	defer f.Close()
	a, err := artefact.Open(f, artefact.Limits{MaxExpanded: maxText})
	if err != nil {
		return usagef("%s: %w", path, err)
	}
	h := sha256.New()
	if err := read(io.TeeReader(a, h)); err != nil {
		return usage(err)
	}
	if _, err := io.Copy(h, a); err != nil {
		return usagef("%s: %w", path, err)
	}
	if old := inputs[what]; old != "" {
		h.Write([]byte(old))
	}
	inputs[what] = hex.EncodeToString(h.Sum(nil)[:8])
	return nil
}

// each calls read for a file, or for every file of a folder.
func each(path, what string, inputs map[string]string, read func(name string, r io.Reader) error) error {
	return filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return usage(err)
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case !d.Type().IsRegular() && name != path:
			return nil
		case d.IsDir():
			return nil
		}
		return expand(name, what, inputs, func(r io.Reader) error { return read(name, r) })
	})
}

func (k *kernelFlags) readChangelogs(_ context.Context, out *vuln.Kernel) error {
	for _, path := range k.changelogs {
		err := expand(path, "changelog", out.Inputs, func(r io.Reader) error {
			log, err := changelog.Parse(path, r, out.Release)
			if err == nil {
				out.Claims = append(out.Claims, log)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (k *kernelFlags) readCommits(_ context.Context, out *vuln.Kernel) error {
	if len(k.commits) == 0 {
		return nil
	}
	set := &commitref.Set{}
	for _, path := range k.commits {
		if err := each(path, "commits", out.Inputs, set.Read); err != nil {
			return err
		}
	}
	if set.Len() == 0 {
		return usagef("%s refers to no commit: give the output of git log, or patches that say where they come from", strings.Join(k.commits, ", "))
	}
	out.Claims = append(out.Claims, set)
	return nil
}

func (k *kernelFlags) readModules(_ context.Context, out *vuln.Kernel) error {
	if len(k.loaded) == 0 {
		if len(k.modprobe) > 0 || k.aliases != "" {
			return usagef("--modprobe and --aliases need --modules: without the modules that are loaded nothing can be said of them")
		}
		return nil
	}
	state := &modules.State{}
	for _, path := range k.loaded {
		if err := each(path, "modules", out.Inputs, state.ReadLoaded); err != nil {
			return err
		}
	}
	for _, path := range k.modprobe {
		if err := each(path, "modprobe", out.Inputs, state.ReadModprobe); err != nil {
			return err
		}
	}
	if k.aliases != "" {
		err := expand(k.aliases, "aliases", out.Inputs, func(r io.Reader) error { return state.ReadAliases(k.aliases, r) })
		if err != nil {
			return err
		}
	}
	out.Modules = state
	return nil
}

// readConfig reads the configuration: its head tells the kernel, all of it what is built.
func (k *kernelFlags) readConfig(_ context.Context, out *vuln.Kernel) error {
	if k.config == "" {
		return nil
	}
	return expand(k.config, "config", out.Inputs, func(r io.Reader) (err error) {
		if k.file, err = dotconfig.Parse(r); err != nil {
			return fmt.Errorf("%s: %w", k.config, err)
		}
		return nil
	})
}

// readBuild evaluates the tree's Makefiles under the configuration. A configuration
// without a tree, or a tree without one, says nothing of what is compiled.
func (k *kernelFlags) readBuild(_ context.Context, out *vuln.Kernel) error {
	if k.file == nil || k.tree == "" {
		return nil
	}
	build, err := kbuild.Load(os.DirFS(k.tree), k.file, kbuild.Options{Arch: k.arch})
	if errors.Is(err, kbuild.ErrNoArch) {
		return usagef("%s: %w with --arch", k.config, err)
	}
	if err != nil {
		return usagef("%s: %w", k.tree, err)
	}
	k.build, k.lines = build, build.Lines
	out.Presence, out.Idle, out.Moved = build.Presence, build.Idle, k.moved
	out.Inputs["tree"] = out.Base.String()
	out.Inputs["arch"] = build.Arch
	return nil
}

// moved gives the names that a file has in the tree instead of its own.
func (k *kernelFlags) moved(file string) (names []string, whole bool) {
	return moved.Names(file, func(name string) bool {
		_, err := os.Stat(filepath.Join(k.tree, filepath.FromSlash(name)))
		return err == nil
	})
}

// readEvidence takes what a finished build says over what its Makefiles do.
func (k *kernelFlags) readEvidence(s Streams, out *vuln.Kernel) error {
	if !k.built.given() {
		return nil
	}
	if k.build == nil {
		return usagef("what was built is held against the sources: give --tree and --config")
	}
	e, err := k.built.read(s, k.build)
	if err != nil {
		return err
	}
	out.Presence, out.Idle, k.lines = e.Presence, e.Idle, e.Lines
	out.Inputs["built"] = e.Digest()
	return nil
}
