package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"ringside/artefact"
	"ringside/internal/recording"
	"ringside/internal/render"
	"ringside/trace/latency"
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
sysctls, I/O schedulers, mitigations – and what its counters say, joins it with
recordings of the host, and proposes changes: those with the most at stake first, each
with its evidence, its risk, the way back, and the experiment that would prove it.
It changes nothing.`,
		Example: `  ringside tune
  ringside probe run iolat --json -o iolat.json; ringside tune --with iolat.json
  perf record -a -g -- sleep 10; ringside tune --with perf.data
  ringside tune --root /mnt/host`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			state, err := tune.Read(os.DirFS(root))
			if err != nil {
				return usage(err)
			}
			seen, err := observed(c.Context(), reports)
			if err != nil {
				return usage(err)
			}
			doc := render.Tuning{Schema: render.TuningSchemaID, State: state, Proposals: tune.Advise(state, seen)}
			return out.show(s, doc, func(w io.Writer, st render.Style) error { return render.TuningReport(w, doc, st) })
		},
	}
	out.flags(c, false)
	c.Flags().StringVar(&root, "root", "/", "`DIR` with the /proc and /sys of the host")
	c.Flags().StringArrayVar(&reports, "with", nil, "`FILE` with a recording of this host: the report of a probe (probe run --json), perf.data or trace.dat; may be repeated")
	return c
}

// observed takes the measures out of recordings: reports of probes, profiles and
// traces.
func observed(ctx context.Context, paths []string) (tune.Observed, error) {
	seen := tune.Observed{}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		head := make([]byte, 4<<10)
		n, _ := io.ReadFull(f, head)
		f.Close()
		switch format := artefact.Sniff(head[:n]); format {
		case artefact.PerfData, artefact.TraceDat, artefact.TraceText:
			o := profileFlags{of: "samples"}
			s, err := o.summarize(ctx, path, format)
			if err != nil {
				return nil, err
			}
			observe(seen, path, s)
		default:
			if err := observeProbe(seen, path); err != nil {
				return nil, err
			}
		}
	}
	return seen, nil
}

// measures are the names that probes give to what traces have, too.
var measures = map[string]string{
	latency.RunQueue: "runq", latency.Block: "device", latency.IRQ: "irq", latency.SoftIRQ: "softirq", latency.Syscall: "syscalls", latency.Lock: "waits",
}

// observe takes the measures out of a profile or a trace.
func observe(seen tune.Observed, path string, s *recording.Summary) {
	if s.Profile != nil {
		for _, c := range s.Profile.Went.Costs {
			seen[c.ID] = tune.Measurement{Source: path, Count: uint64(max(0, c.Samples)), Span: s.Duration, Part: c.Share}
		}
	}
	if s.Trace != nil {
		for kind, l := range s.Trace.Kinds {
			if name, ok := measures[kind]; ok {
				seen[name] = tune.Measurement{Source: path, Count: l.N, P50: l.P50, P99: l.P99, Max: l.Max, Total: l.Total, Span: s.Duration}
			}
		}
	}
}

// observeProbe takes the measures out of the report of a probe.
func observeProbe(seen tune.Observed, path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var r render.ProbeReport
	if err := json.Unmarshal(b, &r); err != nil {
		return fmt.Errorf("%s is no recording and no report of a probe: %w", path, err)
	}
	if r.Schema != render.ProbeReportSchemaID {
		return fmt.Errorf("%s is not the report of a probe: make one with 'ringside probe run RECIPE --json'", path)
	}
	for _, t := range r.Tables {
		seen[t.Name] = tune.Measurement{Source: path, Count: t.Count, P50: t.P50, P99: t.P99, Max: t.Max, Total: t.Total, Span: r.Elapsed}
	}
	return nil
}
