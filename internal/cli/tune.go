package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/tune"
)

func newTune(s Streams) *cobra.Command {
	var out output
	var root string
	var reports []string
	c := &cobra.Command{
		Use:   "tune",
		Short: "Propose changes to this host, where its counters show that something is lost",
		Long: `Tune reads how a host is set up – interrupts, queues, NUMA, governors, cgroups,
sysctls, I/O schedulers, mitigations – and what its counters say, joins it with the
reports of probes, and proposes changes: those with the most at stake first, each
with its evidence, its risk, the way back, and the experiment that would prove it.
It changes nothing.`,
		Example: `  ringside tune
  ringside probe run iolat --json -o iolat.json; ringside tune --with iolat.json
  ringside tune --root /mnt/host`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			state, err := tune.Read(os.DirFS(root))
			if err != nil {
				return usage(err)
			}
			seen, err := observed(reports)
			if err != nil {
				return usage(err)
			}
			doc := render.Tuning{Schema: render.TuningSchemaID, State: state, Proposals: tune.Advise(state, seen)}
			return out.show(s, doc, func(w io.Writer, st render.Style) error { return render.TuningReport(w, doc, st) })
		},
	}
	out.flags(c, false)
	c.Flags().StringVar(&root, "root", "/", "`DIR` with the /proc and /sys of the host")
	c.Flags().StringArrayVar(&reports, "with", nil, "`FILE` with the report of a probe (probe run --json); may be repeated")
	return c
}

// observed takes the measures out of the reports of probes.
func observed(reports []string) (tune.Observed, error) {
	seen := tune.Observed{}
	for _, path := range reports {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var r render.ProbeReport
		if err := json.Unmarshal(b, &r); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if r.Schema != render.ProbeReportSchemaID {
			return nil, fmt.Errorf("%s is not the report of a probe: make one with 'ringside probe run RECIPE --json'", path)
		}
		for _, t := range r.Tables {
			seen[t.Name] = tune.Measurement{Source: path, Count: t.Count, P50: t.P50, P99: t.P99, Max: t.Max, Total: t.Total, Span: r.Elapsed}
		}
	}
	return seen, nil
}
