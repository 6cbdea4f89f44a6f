package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/kconfig"
	"ringside/kconfig/dotconfig"
)

func newConfigEval(s Streams) *cobra.Command {
	var out output
	var o treeFlags
	var path, mode string
	c := &cobra.Command{
		Use:   "eval TREE",
		Short: "Make a configuration, as make olddefconfig and its relatives do",
		Long: `Eval evaluates a configuration under the Kconfig files of a kernel tree and writes
the .config that conf would write, byte for byte. Nothing is built or run. What the
files ask the toolchain is answered by what the given configuration recorded, by a
file of answers, or with --run-shell by this machine; what nothing answers is assumed
and told on standard error.

Modes: ` + modeNames() + `.`,
		Example: `  ringside config eval linux --config /boot/config-6.1.0-25-amd64 --output .config
  ringside config eval linux --mode allmodconfig --arch arm64 --output .config
  ringside config eval linux --config .config --mode savedefconfig --output defconfig
  CROSS_COMPILE=aarch64-linux-gnu- ringside config eval linux --arch arm64 --config F --run-shell`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.tree = args[0]
			var f *dotconfig.File
			if path != "" {
				var err error
				if f, err = readDotconfig(s, path); err != nil {
					return err
				}
			} else if !strings.HasPrefix(mode, "all") {
				return usagef("--mode %s needs a configuration to begin with: give --config FILE", mode)
			}
			t, err := o.load(c.Context(), s, f)
			if err != nil {
				return err
			}
			made, err := t.Run(kconfig.Mode(mode), f)
			if err != nil {
				return usage(err)
			}
			doc := evaluation(made, f, mode)
			if err := writeEvaluation(s, &out, made, doc); err != nil {
				return err
			}
			if t.Incomplete {
				return usagef("the tree could not be read in full: what was written may lack symbols")
			}
			return nil
		},
	}
	out.flags(c, false)
	c.Flags().Lookup("json").Usage = "write a report as JSON to standard output; the schemas are in docs/schemas"
	c.Flags().StringVar(&path, "config", "", "the configuration `FILE` to begin with; - is standard input")
	c.Flags().StringVar(&mode, "mode", string(kconfig.OldDefConfig), "what to make")
	_ = c.RegisterFlagCompletionFunc("mode", cobra.FixedCompletions(strings.Split(modeNames(), ", "), cobra.ShellCompDirectiveNoFileComp))
	o.flags(c)
	return c
}

func modeNames() string {
	var names []string
	for _, m := range kconfig.Modes() {
		names = append(names, string(m))
	}
	return strings.Join(names, ", ")
}

// evaluation sums up what was made of a configuration.
func evaluation(c *kconfig.Config, f *dotconfig.File, mode string) render.ConfigEval {
	t := c.Tree()
	doc := render.ConfigEval{
		Schema: render.ConfigEvalSchemaID, Title: t.Title(), Mode: mode, Dialect: t.Dialect, Symbols: t.Len(), Files: t.Files(),
		Verdict: "complete", Diagnostics: t.Diagnostics, Warnings: c.Warnings, Unmet: c.Unmet(), Answers: c.Probes(),
		Changes: []dotconfig.Difference{},
	}
	if t.Incomplete {
		doc.Verdict = "incomplete"
	}
	if f != nil && mode != string(kconfig.ListNewConfig) && mode != string(kconfig.SaveDefConfig) {
		doc.Changes = dotconfig.Diff(f, c.File())
	}
	return doc
}

func writeEvaluation(s Streams, out *output, c *kconfig.Config, doc render.ConfigEval) error {
	body := func(w io.Writer, _ render.Style) error {
		switch kconfig.Mode(doc.Mode) {
		case kconfig.SaveDefConfig:
			return c.WriteDefconfig(w)
		case kconfig.ListNewConfig:
			return c.WriteNew(w)
		}
		return c.Write(w)
	}
	if out.json {
		if out.path != "" && out.path != "-" {
			if err := out.write(s, body); err != nil {
				return &exitError{exitInternal, err}
			}
		}
		report := output{json: true}
		return report.show(s, doc, nil)
	}
	if err := out.write(s, body); err != nil {
		return &exitError{exitInternal, err}
	}
	if err := render.ConfigEvalNotes(s.Err, doc, style(s.Err)); err != nil {
		return fmt.Errorf("write notes: %w", err)
	}
	return nil
}
