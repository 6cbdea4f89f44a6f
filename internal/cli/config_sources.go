package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/kbuild"
)

func newConfigSources(s Streams) *cobra.Command {
	var (
		out    output
		config string
		arch   string
		why    []string
		all    bool
		built  evidenceFlags
	)
	c := &cobra.Command{
		Use:   "sources [TREE] --config FILE",
		Short: "List the source files that a configuration compiles, and why",
		Long: `Sources evaluates a kernel tree's Makefiles under a .config and prints the path
of each source file that is compiled into vmlinux, a module or a vDSO, one a line.
With --all those of the other images follow: boot code, purgatory, offsets. Nothing is
run: a $(shell) in a Makefile is an unknown, and what depends on it is left out.

--why says of single files whether their code is in the build, in which module, and
which Makefile lines and symbols decide that. A header or an included .c file is in
the build if a compiled file reaches it through #include. Of lines, as FILE:10-20, it
says whether #if and #ifdef leave them to the compiler. The exit code is 1 where the
answer for one of them is not "compiled".

What a finished build says of itself is better than what Makefiles promise, and counts
where both are known: the build tree (--build), debug information (--debuginfo), the
modules that there are (--lib-modules). Where the Makefiles say otherwise it is told.`,
		Example: `  ringside config sources linux-6.1 --config /boot/config-6.1.0-25-amd64
  ringside config sources linux-6.1 --config .config --why fs/smb/server/smb2pdu.c
  ringside config sources linux-6.1 --config .config --why kernel/fork.c:2420-2431
  ringside config sources --build build/ --why include/net/sock.h
  ringside config sources linux-6.1 --config .config --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			tree := strings.Join(args, "")
			if err := built.sources(&tree, &config); err != nil {
				return err
			}
			if tree == "" {
				return usagef("which tree? Give the folder of the kernel's sources")
			}
			if config == "" {
				return usagef("--config FILE is needed: the .config of the build")
			}
			b, err := loadBuild(s, tree, config, arch)
			if err != nil {
				return err
			}
			doc := render.ConfigSources{Schema: render.ConfigSourcesSchemaID, Tree: tree, Arch: b.Arch, Config: config, Problems: nonNil(b.Problems)}
			e, err := built.read(s, b)
			if err != nil {
				return err
			}
			if len(why) > 0 {
				compiled := true
				for _, f := range why {
					p := e.Presence(f)
					if file, lines, ok := kbuild.CutLines(f); ok {
						p = e.Lines(file, lines)
					}
					compiled = compiled && p.State == kbuild.Compiled
					doc.Files = append(doc.Files, p)
				}
				err := out.show(s, doc, func(w io.Writer, st render.Style) error { return render.ConfigPresence(w, doc.Files, st) })
				if err == nil && !compiled {
					return &exitError{exitFinding, nil}
				}
				return err
			}
			for _, p := range b.Problems {
				fmt.Fprintf(s.Err, "ringside: %s\n", p)
			}
			list := b.Sources(all)
			if built.given() {
				list, doc.Contradictions = e.Sources(all), e.Contradictions()
				for _, p := range doc.Contradictions {
					fmt.Fprintf(s.Err, "ringside: %s: %s by what was built, %s by the Makefiles\n", p.Path, p.State, b.Presence(p.Path).State)
				}
			}
			if !out.json {
				return out.show(s, nil, func(w io.Writer, _ render.Style) error { return render.ConfigSourcesReport(w, list) })
			}
			for i := range b.Units {
				if u := &b.Units[i]; (all || u.Installed()) && (!built.given() || u.Generated || e.Presence(u.Source).State != kbuild.NotCompiled) {
					doc.Units = append(doc.Units, render.ConfigUnit{Unit: *u, Why: nonNil(b.Why(u))})
				}
			}
			return out.show(s, doc, nil)
		},
	}
	out.flags(c, false)
	built.flags(c)
	c.Flags().StringVar(&config, "config", "", "`FILE` of the configuration, plain or gzipped, or -")
	c.Flags().StringVar(&arch, "arch", "", "`ARCH` as a folder of arch/ is named; the configuration says it as a rule")
	c.Flags().StringArrayVar(&why, "why", nil, "say of `PATH[:LINES]` in the tree whether and why it is compiled (can be repeated)")
	c.Flags().BoolVar(&all, "all", false, "with boot code and other images that are not vmlinux, a module or a vDSO")
	return c
}

// loadBuild evaluates a kernel tree's Makefiles under a configuration.
func loadBuild(s Streams, tree, config, arch string) (*kbuild.Build, error) {
	if info, err := os.Stat(tree); err != nil {
		return nil, usage(err)
	} else if !info.IsDir() {
		return nil, usagef("%s is not a folder: give an unpacked kernel tree", tree)
	}
	c, err := readDotconfig(s, config)
	if err != nil {
		return nil, err
	}
	b, err := kbuild.Load(os.DirFS(tree), c, kbuild.Options{Arch: arch})
	if err != nil {
		return nil, usagef("%s: %w", tree, err)
	}
	return b, nil
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
