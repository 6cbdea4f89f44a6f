package cli

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"ringside/internal/recording"
	"ringside/internal/render"
	"ringside/trace/event"
	"ringside/trace/timeline"
)

func newTraceTimeline(s Streams) *cobra.Command {
	var out output
	var name, from, to string
	format := "html"
	var o timeline.Options
	c := &cobra.Command{
		Use:   "timeline FILE",
		Short: "Draw what CPUs and tasks did over time, as one HTML page; or for Perfetto and Chrome",
		Long: `Timeline writes one HTML page with everything in it: a row for each CPU with the
tasks that ran there, interrupts and softirqs above them; a row for each task with
what it did and waited for; and the longest waits, of which a click shows the place.
A page is bounded: what is too short for it is drawn merged, and said to be; --from
and --to show a window in full.

--format perfetto and --format chrome write all of the window for ui.perfetto.dev
and chrome://tracing.`,
		Example: `  ringside trace timeline trace.dat -o timeline.html
  ringside trace timeline trace.dat --from +1s --to +1.2s -o window.html
  ringside trace timeline trace.dat --format perfetto -o trace.pftrace`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if o.Slices < 1000 || o.Slices > 5_000_000 {
				return usagef("--slices takes 1000 to 5000000")
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
			if o.From, o.To, err = window(b, from, to); err != nil {
				return err
			}
			var export timeline.Exporter
			switch format {
			case "html":
			case "chrome":
				export = timeline.NewChrome(f.Catalog, o)
			case "perfetto":
				export = timeline.NewPerfetto(f.Catalog, f.Uname, o)
			default:
				return usagef("--format %s: use html, chrome or perfetto", format)
			}
			if export != nil {
				return out.write(s, func(w io.Writer, _ render.Style) error {
					export.Begin(w)
					loss, err := b.Each(export.Wants, func(r *event.Record) bool { return export.Add(r) })
					if err != nil {
						return usagef("%s: %w", args[0], err)
					}
					if loss.Events > 0 || loss.Gaps > 0 {
						fmt.Fprintf(s.Err, "ringside: %d events are missing in %d places\n", loss.Events, loss.Gaps)
					}
					return export.End()
				})
			}
			picture, err := recording.Timeline(c.Context(), f, b, o, filepath.Base(args[0]))
			if err != nil {
				return usagef("%s: %w", args[0], err)
			}
			if picture == nil {
				return usagef("%s has no events for a timeline: record sched:*, and irq:* where interrupts matter", args[0])
			}
			return out.write(s, func(w io.Writer, _ render.Style) error { return picture(w) })
		},
	}
	c.Flags().StringVarP(&out.path, "output", "o", "", "write to `FILE` instead of standard output")
	c.Flags().StringVar(&name, "buffer", "", "the trace instance `NAME`; default: the first with events")
	c.Flags().StringVar(&format, "format", format, "html, perfetto or chrome")
	windowFlags(c, &from, &to)
	c.Flags().IntVar(&o.Slices, "slices", 120_000, "how many slices a page holds")
	c.Flags().IntVar(&o.Worst, "worst", 5, "how many of the longest waits of each kind are marked")
	return c
}
