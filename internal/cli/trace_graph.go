package cli

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/trace/event"
	"ringside/trace/graph"
)

func newTraceGraph(s Streams) *cobra.Command {
	var out output
	var name string
	folded := false
	most := 30
	c := &cobra.Command{
		Use:   "graph FILE",
		Short: "Add up what the function tracers recorded: calls, total and own time, callers",
		Long: `Graph adds up what function_graph recorded: of each function how often it was
called, how long with and without what it calls, and from where. Of the function
tracer, which has no times, it counts functions and callers.`,
		Example: `  ringside trace graph trace.dat
  ringside trace graph trace.dat --folded -o calls.folded && ringside profile flame calls.folded -o calls.html`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if most < 1 {
				return usagef("--top takes 1 and above")
			}
			f, end, err := openTrace(args[0])
			if err != nil {
				return err
			}
			defer end()
			b, err := buffer(f, name)
			if err != nil {
				return err
			}
			a := graph.New(f.Catalog)
			loss, err := b.Each(a.Wants, func(r *event.Record) bool { a.Add(r); return true })
			if err != nil {
				return usagef("%s: %w", args[0], err)
			}
			doc := render.TraceGraph{TraceHead: headOfTrace(render.TraceGraphSchemaID, f, b), Graph: a.Result()}
			doc.Begin, doc.Span, doc.Events = a.First, time.Duration(a.Last-a.First), a.Events
			lose(&doc.TraceHead, loss)
			if folded {
				return out.write(s, func(w io.Writer, _ render.Style) error { return graph.WriteFolded(w, doc.Tree) })
			}
			return out.show(s, doc, func(w io.Writer, st render.Style) error { return render.TraceGraphReport(w, doc, most, st) })
		},
	}
	out.flags(c, false)
	c.Flags().StringVar(&name, "buffer", "", "the trace instance `NAME`; default: the first with events")
	c.Flags().BoolVar(&folded, "folded", false, "write folded stacks with own times in nanoseconds, for 'ringside profile flame'")
	c.Flags().IntVar(&most, "top", most, "how many functions are listed")
	c.MarkFlagsMutuallyExclusive("folded", "json")
	return c
}
