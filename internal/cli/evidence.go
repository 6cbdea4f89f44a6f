package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ringside/kbuild"
	"ringside/kbuild/evidence"
)

// evidenceFlags are what a finished build says of itself.
type evidenceFlags struct {
	build   string
	debug   []string
	modules string
}

func (o *evidenceFlags) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.build, "build", "", "`DIR` in which the kernel was built (make O=): what was compiled and linked; it has the configuration, and knows its sources")
	f.StringArrayVar(&o.debug, "debuginfo", nil, "`PATH` of vmlinux with debug information, or a folder of it and the modules; may be repeated")
	f.StringVar(&o.modules, "lib-modules", "", "`DIR` like /lib/modules/RELEASE: which modules there are, and which are built in")
}

func (o *evidenceFlags) given() bool {
	return o.build != "" || len(o.debug) > 0 || o.modules != ""
}

// sources gives the tree and the configuration that a build tree knows of, where they
// were not given.
func (o *evidenceFlags) sources(tree, config *string) error {
	if o.build == "" {
		return nil
	}
	if *config == "" {
		*config = filepath.Join(o.build, ".config")
	}
	if *tree != "" {
		return nil
	}
	for _, dir := range []string{filepath.Join(o.build, "source"), o.build} {
		if _, err := os.Stat(filepath.Join(dir, "Kbuild")); err == nil {
			*tree = dir
			return nil
		}
	}
	return usagef("%s does not lead to the sources that it was built from: give their folder", o.build)
}

// read joins the evidence with what the Makefiles say. What it cannot prove is told on
// standard error.
func (o *evidenceFlags) read(s Streams, build *kbuild.Build) (*evidence.Evidence, error) {
	e := &evidence.Evidence{Build: build}
	if o.build != "" {
		t, err := evidence.ReadTree(os.DirFS(o.build), build.Exists)
		if err != nil {
			return nil, usagef("%s: %w", o.build, err)
		}
		if !t.Complete {
			fmt.Fprintf(s.Err, "ringside: %s: the build was not finished, so that it proves nothing of what is not in it: %s\n", o.build, t.Incomplete)
		}
		e.Tree = t
	}
	if o.modules != "" {
		m, err := evidence.ReadModules(os.DirFS(o.modules))
		if err != nil {
			return nil, usagef("%s: %w", o.modules, err)
		}
		if e.Modules = m; !m.Complete {
			fmt.Fprintf(s.Err, "ringside: %s: without modules.order and modules.builtin it may have some of the modules alone, and proves nothing of the others\n", o.modules)
		}
	}
	for _, path := range o.debug {
		if e.Debug == nil {
			e.Debug = &evidence.Debug{}
		}
		if err := readDebug(e.Debug, path); err != nil {
			return nil, err
		}
	}
	if e.Debug != nil {
		if m := e.Missing(); m != "" {
			fmt.Fprintf(s.Err, "ringside: the debug information lacks %s, so that it proves nothing of what is not in it\n", m)
		}
	}
	if list := e.Strange(); len(list) > 0 {
		fmt.Fprintf(s.Err, "ringside: %s has %s, which the configuration would not build: is it this kernel's?\n", o.modules, firstOf(list, 3))
	}
	return e, nil
}

func firstOf(list []string, n int) string {
	if len(list) <= n {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more modules", strings.Join(list[:n], ", "), len(list)-n)
}

// readDebug reads a file, or all files of a folder that are vmlinux or modules.
func readDebug(d *evidence.Debug, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return usage(err)
	}
	if !info.IsDir() {
		target, ok := evidence.TargetOf(filepath.ToSlash(path))
		if !ok {
			target = kbuild.Vmlinux
		}
		return addDebug(d, target, path)
	}
	seen := map[string]bool{}
	err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return usage(err)
		}
		target, ok := evidence.TargetOf(filepath.ToSlash(name))
		if !ok || !entry.Type().IsRegular() || seen[target] {
			return nil
		}
		seen[target] = true
		err = addDebug(d, target, name)
		if errors.Is(err, evidence.ErrNoDebug) { // one of many that is stripped
			return nil
		}
		return err
	})
	if err == nil && len(d.Targets()) == 0 {
		return usagef("%s: %w", path, evidence.ErrNoDebug)
	}
	return err
}

func addDebug(d *evidence.Debug, target, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return usage(err)
	}
	defer f.Close()
	if err := d.Add(target, f); err != nil {
		return usagef("%s: %w", path, err)
	}
	return nil
}
