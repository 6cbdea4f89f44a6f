package cli

import (
	"io"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/kconfig"
	"ringside/kconfig/dotconfig"
	"ringside/kconfig/meaning"
)

func newConfigDiff(s Streams) *cobra.Command {
	var out output
	var o treeFlags
	c := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare two configurations",
		Long: `Diff prints the symbols in which two configurations differ. A symbol that a file
does not have is absent, which is not the same as n: absent symbols are those that
could not be set. What is known of a symbol's cost is printed with it; with --tree its
prompt, the kind of code that it brings in, and who can reach that code, too. The exit
code is 1 where the two differ.`,
		Example: `  ringside config diff /boot/config-6.1.0-25-amd64 /boot/config-6.1.0-26-amd64
  ringside config diff server.config appliance.config --tree linux
  ringside config diff /proc/config.gz .config --json`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := readDotconfig(s, args[0])
			if err != nil {
				return err
			}
			b, err := readDotconfig(s, args[1])
			if err != nil {
				return err
			}
			var tree *kconfig.Tree
			if o.tree != "" {
				if tree, err = o.load(c.Context(), s, b); err != nil {
					return err
				}
			}
			doc := render.ConfigDiff{
				Schema: render.ConfigDiffSchemaID, A: args[0], B: args[1],
				Differences: meaning.Builtin().Of(tree, dotconfig.Diff(a, b)),
			}
			err = out.show(s, doc, func(w io.Writer, st render.Style) error { return render.ConfigDiffReport(w, doc, st) })
			if err == nil && len(doc.Differences) > 0 {
				return &exitError{exitFinding, nil}
			}
			return err
		},
	}
	out.flags(c, false)
	c.Flags().StringVar(&o.tree, "tree", "", "kernel tree `DIR`: says what the symbols are")
	o.flags(c)
	return c
}

// readDotconfig reads a configuration, plain or gzipped, from a file or "-".
func readDotconfig(s Streams, path string) (*dotconfig.File, error) {
	in, err := s.open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	c, err := dotconfig.Parse(in)
	if err != nil {
		return nil, usagef("%s: %w", path, err)
	}
	return c, nil
}
