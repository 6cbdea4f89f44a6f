package cli

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/kconfig"
	"ringside/kconfig/dotconfig"
)

// configFlags say which configuration is asked about, and under which tree.
type configFlags struct {
	treeFlags
	path string
}

func (o *configFlags) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.tree, "tree", "", "kernel tree `DIR`")
	c.Flags().StringVar(&o.path, "config", ".config", "the configuration `FILE`; - is standard input")
	_ = c.MarkFlagRequired("tree")
	o.treeFlags.flags(c)
}

// evaluate reads the configuration and the tree and evaluates one under the other.
func (o *configFlags) evaluate(ctx context.Context, s Streams) (*kconfig.Config, *dotconfig.File, error) {
	f, err := readDotconfig(s, o.path)
	if err != nil {
		return nil, nil, err
	}
	t, err := o.load(ctx, s, f)
	if err != nil {
		return nil, nil, err
	}
	c, err := t.Eval(f)
	if err != nil {
		return nil, nil, usage(err)
	}
	return c, f, nil
}

// bare takes CONFIG_ off a symbol's name.
func bare(name string) string { return strings.TrimPrefix(name, "CONFIG_") }

func newConfigWhy(s Streams) *cobra.Command {
	var out output
	var o configFlags
	c := &cobra.Command{
		Use:   "why SYMBOL",
		Short: "Say why a symbol has its value, and why it cannot have another",
		Long: `Why says what gave a symbol its value – the configuration, a default, a select, a
choice – with the place in the tree, and what keeps it from being set otherwise: the
chain of dependencies down to what could be changed.`,
		Example: `  ringside config why DEBUG_INFO_BTF --tree linux --config .config`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, _, err := o.evaluate(c.Context(), s)
			if err != nil {
				return err
			}
			why, err := cfg.Why(bare(args[0]))
			if err != nil {
				return usage(err)
			}
			doc := render.ConfigWhy{Schema: render.ConfigWhySchemaID, Why: why}
			return out.show(s, doc, func(w io.Writer, st render.Style) error { return render.ConfigWhyReport(w, doc, st) })
		},
	}
	out.flags(c, false)
	o.flags(c)
	return c
}

func newConfigSet(s Streams) *cobra.Command {
	var out output
	var o configFlags
	var write string
	c := &cobra.Command{
		Use:   "set SYMBOL=VALUE...",
		Short: "Find the smallest legal change that makes symbols have values",
		Long: `Set finds the smallest sets of changes to a configuration under which the given
symbols have the given values, verified by evaluating them, and prints all that
follows from each. Where there is none it says what stands against it. With --write
the first is written as a .config. The exit code is 1 where there is none.`,
		Example: `  ringside config set INIT_STACK_ALL_ZERO=y --tree linux --config .config
  ringside config set BPF_SYSCALL=n --tree linux --config .config --write .config.new`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var wanted []kconfig.Setting
			for _, a := range args {
				name, value, ok := strings.Cut(a, "=")
				if !ok {
					return usagef("%s: want SYMBOL=VALUE", a)
				}
				wanted = append(wanted, kconfig.Setting{Symbol: bare(name), Value: strings.Trim(value, `"`)})
			}
			cfg, _, err := o.evaluate(c.Context(), s)
			if err != nil {
				return err
			}
			answer, err := cfg.Solve(c.Context(), wanted...)
			if err != nil {
				return usage(err)
			}
			doc := render.ConfigSet{Schema: render.ConfigSetSchemaID, Answering: answer}
			if err := out.show(s, doc, func(w io.Writer, st render.Style) error { return render.ConfigSetReport(w, doc, st) }); err != nil {
				return err
			}
			if len(answer.Solutions) == 0 {
				return &exitError{exitFinding, nil}
			}
			if write == "" {
				return nil
			}
			if err := cfg.Set(answer.Solutions[0].Settings...); err != nil {
				return usage(err)
			}
			to := output{path: write}
			return to.write(s, func(w io.Writer, _ render.Style) error { return cfg.Write(w) })
		},
	}
	out.flags(c, false)
	o.flags(c)
	c.Flags().StringVar(&write, "write", "", "write the changed configuration to `FILE`")
	return c
}

func newConfigCheck(s Streams) *cobra.Command {
	var out output
	var o configFlags
	c := &cobra.Command{
		Use:   "check",
		Short: "Say which lines of a configuration do not hold under a tree, and why",
		Long: `Check evaluates a configuration under a kernel tree and reports the lines that do
not hold: symbols that the tree does not have, values that dependencies, selects or
ranges change, lines that are not valid, and symbols that are selected against their
dependencies. The exit code is 1 where there are any.`,
		Example: `  ringside config check --tree linux --config fragment.config
  ringside config check --tree linux-6.12 --config /boot/config-6.1.0-25-amd64 --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, f, err := o.evaluate(c.Context(), s)
			if err != nil {
				return err
			}
			doc := render.ConfigCheck{Schema: render.ConfigCheckSchemaID, Config: o.path, Title: cfg.Tree().Title(), Report: cfg.Check(f)}
			if err := out.show(s, doc, func(w io.Writer, st render.Style) error { return render.ConfigCheckReport(w, doc, st) }); err != nil {
				return err
			}
			if cfg.Tree().Incomplete {
				return usagef("the tree could not be read in full")
			}
			if !doc.Clean() {
				return &exitError{exitFinding, nil}
			}
			return nil
		},
	}
	out.flags(c, false)
	o.flags(c)
	return c
}
