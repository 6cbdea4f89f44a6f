package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/patch/apply"
)

func newPatchApply(s Streams) *cobra.Command {
	var out output
	var in stackFlags
	var tree, changed string
	var all bool
	c := &cobra.Command{
		Use:   "apply FILE|DIR|-... --tree TREE",
		Short: "Say what would become of patches on a tree, without touching it",
		Long: `Apply puts patches on a tree in memory, in their order, and says of each whether it
goes on clean, with fuzz, or fails, as GNU patch -p1 would. Of one that fails it says
which lines of the tree differ from those that the patch expects, or that the tree has
its change already. A patch that fails changes nothing for the next ones.

The tree is only read. --changed writes the files that differ after all patches into
an empty folder. The exit code is 1 where a patch fails.`,
		Example: `  ringside patch apply debian/patches --tree linux-6.1
  ringside patch apply target/linux/generic --release 6.1 --tree linux-6.1.176 --json
  ringside patch apply --git linux v6.1..vendor-6.1 --tree linux-6.6`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if tree == "" {
				return usagef("--tree is missing: the tree that the patches go on")
			}
			doc, t, err := applyStacks(c.Context(), s, &in, args, tree)
			if err != nil {
				return err
			}
			if changed != "" {
				if err := writeChanges(t, changed); err != nil {
					return err
				}
			}
			err = out.show(s, doc, func(w io.Writer, st render.Style) error { return render.PatchApplication(w, doc, all, st) })
			if err == nil && (doc.Fail > 0 || len(doc.Problems) > 0) {
				return &exitError{exitFinding, nil}
			}
			return err
		},
	}
	out.flags(c, false)
	in.flags(c)
	c.Flags().StringVar(&tree, "tree", "", "source `TREE` that the patches go on; it is only read")
	c.Flags().StringVar(&changed, "changed", "", "write the files that the patches change into this empty `DIR`")
	c.Flags().BoolVar(&all, "all", false, "list the patches that go on clean, too")
	return c
}

// applyStacks reads the stacks and puts them on one tree in memory.
func applyStacks(ctx context.Context, s Streams, in *stackFlags, args []string, tree string) (render.PatchApply, *apply.Tree, error) {
	doc := render.PatchApply{Schema: render.PatchApplySchemaID, Tree: tree, Patches: []render.PatchApplied{}}
	root, err := os.OpenRoot(tree)
	if err != nil {
		return doc, nil, usage(err)
	}
	t := apply.New(root.FS())
	o := *in
	if o.git == "" && o.strip < 0 {
		o.strip = 1
	}
	for _, arg := range args {
		stack, err := o.read(ctx, s, arg)
		if err != nil {
			return doc, nil, err
		}
		results, err := t.Stack(ctx, stack.Patches, apply.Options{})
		if err != nil {
			return doc, nil, err
		}
		doc.Add(stack, results)
	}
	return doc, t, nil
}

// writeChanges writes what patches have made of files into an empty folder.
func writeChanges(t *apply.Tree, dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return usage(err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
		return usagef("%s is not an empty folder", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return usage(err)
	}
	defer func() { _ = root.Close() }()
	changes, err := t.Changes()
	if err != nil {
		return &exitError{exitInternal, err}
	}
	for _, c := range changes {
		if c.Deleted {
			continue
		}
		mode := os.FileMode(0o666)
		if c.Mode == "100755" {
			mode = 0o777
		}
		if err := root.MkdirAll(path.Dir(c.Path), 0o777); err != nil {
			return &exitError{exitInternal, err}
		}
		if err := root.WriteFile(c.Path, []byte(c.Content), mode); err != nil {
			return &exitError{exitInternal, fmt.Errorf("write what has changed: %w", err)}
		}
	}
	return nil
}
