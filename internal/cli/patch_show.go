package cli

import (
	"io"

	"github.com/spf13/cobra"

	"ringside/internal/render"
)

func newPatchShow(s Streams) *cobra.Command {
	var out output
	var in stackFlags
	var full bool
	c := &cobra.Command{
		Use:   "show FILE|DIR|-...",
		Short: "Say what is in patches and where they say they come from",
		Long: `Show prints one line for each patch: its subject, where it says it comes from (the
trailers and markers that kernel trees use, Debian's and SUSE's headers, OpenWrt's
names), its author and size; and all that could not be read, with file and line. The
exit code is 1 where something could not be read.`,
		Example: `  ringside patch show debian/patches
  ringside patch show target/linux/generic --release 6.1
  ringside patch show --git linux v6.1..vendor-6.1
  b4 am -o - 20230101.1@example.org | ringside patch show - --json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			doc := render.PatchShow{Schema: render.PatchShowSchemaID, Stacks: []render.StackDoc{}}
			bad := false
			for _, arg := range args {
				stack, err := in.read(c.Context(), s, arg)
				if err != nil {
					return err
				}
				bad = bad || len(stack.Problems) > 0
				for _, p := range stack.Patches {
					bad = bad || len(p.Problems) > 0
				}
				doc.Stacks = append(doc.Stacks, render.StackOf(stack))
			}
			err := out.show(s, doc, func(w io.Writer, st render.Style) error {
				for _, d := range doc.Stacks {
					if err := render.PatchStack(w, d, full, st); err != nil {
						return err
					}
				}
				return nil
			})
			if err == nil && bad {
				return &exitError{exitFinding, nil}
			}
			return err
		},
	}
	out.flags(c, false)
	in.flags(c)
	c.Flags().BoolVar(&full, "full", false, "print the evidence of each origin and each file, too")
	return c
}
