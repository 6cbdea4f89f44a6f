package cli

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/trace/event"
	taskusage "ringside/trace/usage"
)

func newTraceUsage(s Streams) *cobra.Command {
	var out output
	var name string
	most := 20
	c := &cobra.Command{
		Use:   "usage FILE",
		Short: "Say what tasks, CPUs and cgroups did with their time",
		Long: `Usage says of each task how long it ran, waited for a CPU, slept and was blocked,
how often it gave its CPU up, lost it, was woken and moved; of each CPU how busy it
was, and how that changed. It needs sched_switch; wake-ups are known with
sched_wakeup or sched_waking, cgroups with cgroup_attach_task.`,
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
			a := taskusage.New(f.Catalog)
			loss, err := b.Each(a.Wants, func(r *event.Record) bool { a.Add(r); return true })
			if err != nil {
				return usagef("%s: %w", args[0], err)
			}
			doc := render.TraceUsage{TraceHead: headOfTrace(render.TraceUsageSchemaID, f, b), Usage: a.Result()}
			first, last, events := a.Span()
			doc.Begin, doc.Span, doc.Events = first, time.Duration(last-first), events
			lose(&doc.TraceHead, loss)
			return out.show(s, doc, func(w io.Writer, st render.Style) error { return render.TraceUsageReport(w, doc, most, st) })
		},
	}
	out.flags(c, false)
	c.Flags().StringVar(&name, "buffer", "", "the trace instance `NAME`; default: the first with events")
	c.Flags().IntVar(&most, "top", most, "how many tasks are listed")
	return c
}
