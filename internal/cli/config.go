package cli

import "github.com/spf13/cobra"

func newConfig(s Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Evaluate, compare, explain and audit kernel configurations",
		Long: `Config reads a kernel tree's Kconfig files and evaluates a .config under them as
the kernel's own scripts/kconfig/conf does, without building or running anything:
$(shell) in a tree is executed only where that is asked for.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(configVerbs(s)...)
	return c
}

// configVerbs are the verbs about Kconfig; others about configurations join them here.
func configVerbs(s Streams) []*cobra.Command {
	return []*cobra.Command{
		newConfigEval(s), newConfigDiff(s), newConfigSources(s),
		newConfigWhy(s), newConfigSet(s), newConfigCheck(s), newConfigHardening(s), newConfigBaseline(s),
	}
}
