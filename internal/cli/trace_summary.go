package cli

import (
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/trace/event"
)

func newTraceSummary(s Streams) *cobra.Command {
	var out output
	c := &cobra.Command{
		Use: "summary FILE", Short: "Count the events by type and CPU, and say what was lost", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			f, end, err := openTrace(args[0])
			if err != nil {
				return err
			}
			defer end()
			if _, err := buffer(f, ""); err != nil {
				return err
			}
			doc := render.TraceSummary{TraceHead: headOfTrace(render.TraceSummarySchemaID, f, &f.Buffers[0]), Compression: f.Compression}
			buffers, byEvent, byCPU := map[string]uint64{}, map[string]uint64{}, map[string]uint64{}
			last := uint64(0)
			for i := range f.Buffers {
				b := &f.Buffers[i]
				n, loss, err := b.Count()
				if err != nil {
					return usagef("%s: %w", args[0], err)
				}
				doc.Lost, doc.Gaps, doc.Problems = doc.Lost+loss.Events, doc.Gaps+loss.Gaps, append(doc.Problems, loss.Problems...)
				name := b.Name
				if name == "" {
					name = "top"
				}
				buffers[name] += 0
				if len(n.Counts) == 0 {
					continue
				}
				if doc.Events == 0 || n.First < doc.Begin {
					doc.Begin = n.First
				}
				last = max(last, n.Last)
				for _, x := range n.Counts {
					doc.Events += x.N
					buffers[name] += x.N
					byEvent[eventName(x.Format)] += x.N
					byCPU["CPU "+strconv.Itoa(x.CPU)] += x.N
				}
			}
			doc.Span = time.Duration(last - doc.Begin)
			doc.Buffers, doc.ByEvent, doc.ByCPU = render.NewTraceCounts(buffers), render.NewTraceCounts(byEvent), render.NewTraceCounts(byCPU)
			return out.show(s, doc, func(w io.Writer, st render.Style) error { return render.TraceSummaryReport(w, doc, st) })
		},
	}
	out.flags(c, false)
	return c
}

func eventName(f *event.Format) string {
	if f == nil {
		return "an event that is not described"
	}
	return f.System + ":" + f.Name
}
