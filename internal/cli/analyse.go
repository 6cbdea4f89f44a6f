package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"ringside/artefact"
	"ringside/internal/child"
	"ringside/internal/dumpjob"
	"ringside/internal/recording"
	"ringside/internal/recordingjob"
	"ringside/vmcore/dump"
	"ringside/vmcore/kernel"
)

// newAnalyseDump is the child of a server: it analyses the dump that it is given
// as its first open file. It is not for people.
func newAnalyseDump(s Streams) *cobra.Command {
	return analyse(dumpjob.Verb, "Analyse a dump for a server", "ringside vmcore triage", func(ctx context.Context, dir string, memory int64) error {
		return dumpjob.Run(ctx, dir, memory, s.In, func(ctx context.Context) (*kernel.Kernel, func(), error) {
			in, end, err := dumpInput(ctx, Streams{}, child.File)
			if err != nil {
				return nil, nil, err
			}
			in.Name = "dump" // whose name only the server knows
			var d dumpFlags
			return d.openInputs(ctx, []dump.Input{in}, []func(){end})
		})
	})
}

// newAnalyseRecording is the same for a profile or a trace.
func newAnalyseRecording(s Streams) *cobra.Command {
	return analyse(recordingjob.Verb, "Analyse a recording for a server", "ringside triage", func(ctx context.Context, dir string, memory int64) error {
		return recordingjob.Run(ctx, dir, memory, s.In, func(ctx context.Context) (recording.Opened, error) {
			path, end, err := expanded(ctx, child.File)
			if err != nil {
				return recording.Opened{}, err
			}
			r, err := openRecording(ctx, path)
			if err != nil {
				end()
				return r, err
			}
			inner := r.End
			r.End = func() {
				if inner != nil {
					inner()
				}
				end()
			}
			return r, nil
		})
	})
}

// analyse is a hidden verb that a server runs.
func analyse(verb, short, instead string, run func(ctx context.Context, dir string, memory int64) error) *cobra.Command {
	var (
		dir    string
		memory int64
	)
	c := &cobra.Command{
		Use: verb, Short: short, Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if dir == "" || memory <= 0 {
				return usagef("this verb is called by ringside serve; for a file at hand there is %s", instead)
			}
			err := run(c.Context(), dir, memory)
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

// openRecording opens whatever recording a file is.
func openRecording(ctx context.Context, path string) (recording.Opened, error) {
	f, err := formatOf(path)
	if err != nil {
		return recording.Opened{}, err
	}
	var o symbolFlags
	return o.recordings().open(ctx, path, f)
}

// formatOf recognises a file.
func formatOf(path string) (artefact.Format, error) {
	r, err := fileInput(path).Open()
	if err != nil {
		return artefact.Empty, err
	}
	defer r.Close()
	a, err := artefact.Open(r, artefact.Limits{})
	if err != nil {
		return artefact.Empty, err
	}
	return a.Format, nil
}
