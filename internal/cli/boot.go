package cli

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"ringside/artefact"
	"ringside/bringup"
	"ringside/internal/render"
)

func newBoot(s Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "boot",
		Short: "Read logs of boots, as somebody does who brings a board up",
		Long: `Boot reads the console of a boot: how far it came and when, which initcalls and probes took
their time, which devices and drivers did not come together and why. The times need
initcall_debug and loglevel=8 on the kernel's command line; the troubles do not.`,
	}
	c.AddCommand(newBootReport(s), newBootCompare(s))
	return c
}

// readBoot reads one log.
func readBoot(s Streams, path string) (*bringup.Report, error) {
	in := io.NopCloser(s.In)
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, usage(err)
		}
		in = f
	}
	defer in.Close()
	text, err := artefact.Open(in, artefact.Limits{})
	if err != nil {
		return nil, usagef("%s: %w", path, err)
	}
	r, err := bringup.Read(text)
	if err != nil {
		return nil, usagef("%s: %w", path, err)
	}
	r.Name = path
	return r, nil
}

func newBootReport(s Streams) *cobra.Command {
	var (
		out output
		all bool
	)
	c := &cobra.Command{
		Use:   "report FILE|-",
		Short: "Say how a boot went",
		Example: `  ringside boot report console.log
  ringside lab boot linux-image.deb --append "initcall_debug loglevel=8"; ringside lab show last --file console.log | ringside boot report -`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := readBoot(s, args[0])
			if err != nil {
				return err
			}
			return out.show(s, r, func(w io.Writer, st render.Style) error { return render.BootReport(w, r, all, st) })
		},
	}
	out.flags(c, false)
	c.Flags().BoolVar(&all, "all", false, "name all calls and troubles")
	return c
}

func newBootCompare(s Streams) *cobra.Command {
	var (
		out  output
		base []string
		all  bool
		fail bool
	)
	c := &cobra.Command{
		Use:   "compare --base FILE... NEW...",
		Short: "Say what differs between boots, and what a difference in time is made of",
		Long: `Compare holds boots against boots: which initcalls and probes take longer by more than they
differ among boots of one kind, what returns an error now, which troubles are new or gone.
Several boots of each side make it less easily fooled. With --fail it ends with 1 if
something got slower, fails or is new.`,
		Example: `  ringside boot compare --base old-1.log --base old-2.log new-1.log new-2.log`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(base) == 0 {
				return usagef("name at least one boot to compare with: --base FILE")
			}
			var sides [2][]*bringup.Report
			for i, paths := range [][]string{base, args} {
				for _, path := range paths {
					r, err := readBoot(s, path)
					if err != nil {
						return err
					}
					sides[i] = append(sides[i], r)
				}
			}
			cmp := bringup.Compare(sides[0], sides[1])
			if err := out.show(s, cmp, func(w io.Writer, st render.Style) error { return render.BootComparison(w, cmp, all, st) }); err != nil {
				return err
			}
			if fail && len(cmp.Slower)+len(cmp.Failing)+len(cmp.Appeared) > 0 {
				return &exitError{exitFinding, nil}
			}
			return nil
		},
	}
	out.flags(c, false)
	c.Flags().StringArrayVar(&base, "base", nil, "`FILE` with a boot to compare with; may be repeated")
	c.Flags().BoolVar(&all, "all", false, "name all calls and troubles")
	c.Flags().BoolVar(&fail, "fail", false, "end with 1 if something got worse")
	return c
}
