package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"ringside/internal/dumpjob"
	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
)

// newAnalyseDump is the child of a server: it analyses the dump that it is given
// as its first open file. It is not for people.
func newAnalyseDump(s Streams) *cobra.Command {
	var (
		dir    string
		memory int64
	)
	c := &cobra.Command{
		Use:    dumpjob.Verb,
		Short:  "Analyse a dump for a server",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if dir == "" || memory <= 0 {
				return usagef("this verb is called by ringside serve; for a dump at hand there is ringside vmcore triage")
			}
			err := dumpjob.Run(c.Context(), dir, memory, s.In, func(ctx context.Context) (*kernel.Kernel, func(), error) {
				in, end, err := dumpInput(ctx, Streams{}, dumpjob.DumpFile)
				if err != nil {
					return nil, nil, err
				}
				in.Name = "dump" // whose name only the server knows
				var d dumpFlags
				return d.openInputs(ctx, []dump.Input{in}, []func(){end})
			})
			if e := (*exitError)(nil); err != nil && !errors.As(err, &e) {
				return &exitError{exitInternal, err}
			}
			return err
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "`DIR` for the results")
	c.Flags().Int64Var(&memory, "memory", 0, "how many `BYTES` of memory it may use")
	return c
}
