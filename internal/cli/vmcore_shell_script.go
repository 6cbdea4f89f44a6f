package cli

import (
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/vmcore/script"
)

func newVmcoreScript(s Streams) *cobra.Command {
	var d dumpFlags
	var out output
	c := &cobra.Command{
		Use: "script FILE.star DUMP... [-- ARGUMENT...]", Short: "Run an analyser of your own over a dump", Args: cobra.MinimumNArgs(2),
		Long: `Script runs a program in Starlark over the objects of a dump: its tasks, modules,
locks, lists and structures. It can print and report findings, and touches nothing
else. The exit code is 1 if it reported any.`,
		Example: "  ringside vmcore script examples/vmcore/open_files.star vmcore\n  ringside vmcore script examples/vmcore/waiters.star vmcore -- klab_a",
		RunE: func(c *cobra.Command, args []string) error {
			files, rest := args[1:], []string(nil)
			if n := c.ArgsLenAtDash(); n >= 0 {
				if n < 2 {
					return usagef("a script and a dump are wanted before --")
				}
				files, rest = args[1:n], args[n:]
			}
			src, err := os.ReadFile(args[0])
			if err != nil {
				return usage(err)
			}
			k, end, err := d.open(c.Context(), s, files)
			if err != nil {
				return err
			}
			defer end()
			r, err := script.Run(c.Context(), k, args[0], src, script.Options{Args: rest})
			show := out.show(s, r, func(w io.Writer, st render.Style) error { return render.VmcoreScript(w, r, st) })
			if err != nil {
				return errors.Join(usage(err), show)
			}
			if show == nil && len(r.Findings) > 0 {
				return &exitError{exitFinding, nil}
			}
			return show
		},
	}
	d.flags(c)
	out.flags(c, false)
	return c
}
