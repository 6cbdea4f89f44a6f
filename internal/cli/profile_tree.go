package cli

import (
	"io"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/profile"
)

func newProfileTree(s Streams) *cobra.Command {
	var o profileFlags
	var out output
	var opt profile.TreeOptions
	least := 1.0
	c := &cobra.Command{
		Use:   "tree FILE",
		Short: "Print who called whom, with the weight of each way",
		Example: `  ringside profile tree perf.data
  ringside profile tree --callers --focus native_queued_spin_lock_slowpath perf.data
  ringside profile tree --focus vfs_write --min 0.1 perf.data`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if least < 0 || least > 100 {
				return usagef("--min takes a percentage from 0 to 100")
			}
			p, err := o.load(c.Context(), args[0])
			if err != nil {
				return err
			}
			if opt.Event, err = o.chosen(p); err != nil {
				return err
			}
			warnOf(s, p)
			opt.MinShare = least / 100
			t := render.NewProfileTree(profile.CallTree(p, opt))
			t.Callers, t.Focus, t.Warnings = opt.Callers, opt.Focus, p.Warnings
			if opt.Event >= 0 {
				t.Event, t.Unit = p.Events[opt.Event].Name, p.Events[opt.Event].Unit
			}
			_, t.Weight = p.Total(opt.Event)
			return out.show(s, t, func(w io.Writer, st render.Style) error { return render.ProfileTreeText(w, t, st) })
		},
	}
	o.register(c)
	out.flags(c, false)
	c.Flags().BoolVar(&opt.Callers, "callers", false, "begin with what ran, and go on with who called it")
	c.Flags().StringVar(&opt.Focus, "focus", "", "only stacks with this `FUNCTION`, from it on")
	c.Flags().Float64Var(&least, "min", least, "leave out what weighs less than this `PERCENT` of the tree")
	c.Flags().IntVar(&opt.Depth, "depth", 0, "how deep the tree is; 0 is all")
	return c
}
