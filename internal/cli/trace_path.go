package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/trace/event"
	"ringside/trace/path"
	"ringside/trace/tracedat"
)

func newTracePath(s Streams) *cobra.Command {
	var out output
	var name, task, from, to string
	most := 30
	c := &cobra.Command{
		Use:   "path FILE",
		Short: "Follow wake-ups back: a task's critical path, and who wakes whom most often",
		Long: `Path says why something took as long as it did. While a task sleeps, what counts
is what the one did who woke it in the end: he ran, waited for a CPU, or slept until
somebody woke him. With --task that is followed back through the window, so that
each nanosecond has one cause. Without, the most frequent chains of wake-ups are
listed. It needs sched_switch and sched_wakeup or sched_waking; irq:* name the
interrupts that wake.`,
		Example: `  ringside trace path trace.dat --task nginx --from 1405.25 --to 1405.30
  ringside trace path trace.dat --task 4711 --from +200ms --to +1s`,
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
			var o path.Options
			if o.From, o.To, err = window(b, from, to); err != nil {
				return err
			}
			a := path.New(f.Catalog, o)
			loss, err := b.Each(a.Wants, func(r *event.Record) bool { a.Add(r); return true })
			if err != nil {
				return usagef("%s: %w", args[0], err)
			}
			a.Finish()
			doc := render.TracePath{TraceHead: headOfTrace(render.TracePathSchemaID, f, b), Chains: a.Chains(most)}
			first, last, events := a.Span()
			doc.Begin, doc.Span, doc.Events = first, time.Duration(last-first), events
			lose(&doc.TraceHead, loss)
			if a.Dropped > 0 {
				doc.Problems = append(doc.Problems, fmt.Sprintf("%d changes of tasks are not looked at: narrow the window with --from and --to", a.Dropped))
			}
			if task != "" {
				p, err := a.Find(task)
				if err != nil {
					return usagef("--task %s: %w", task, err)
				}
				doc.Path = &p
			}
			return out.show(s, doc, func(w io.Writer, st render.Style) error { return render.TracePathReport(w, doc, most, st) })
		},
	}
	out.flags(c, false)
	c.Flags().StringVar(&name, "buffer", "", "the trace instance `NAME`; default: the first with events")
	c.Flags().StringVar(&task, "task", "", "the task whose path is followed: a `NAME` or a number")
	windowFlags(c, &from, &to)
	c.Flags().IntVar(&most, "top", most, "how many causes, segments and chains are listed")
	return c
}

// windowFlags adds --from and --to.
func windowFlags(c *cobra.Command, from, to *string) {
	c.Flags().StringVar(from, "from", "", "begin at this `TIME`: seconds as reports print them, or +200ms after the first event")
	c.Flags().StringVar(to, "to", "", "end at this `TIME`")
}

// window reads --from and --to.
func window(b *tracedat.Buffer, from, to string) (begin, end uint64, err error) {
	if from == "" && to == "" {
		return 0, 0, nil
	}
	first := uint64(0)
	if _, err := b.Each(nil, func(r *event.Record) bool { first = r.Time; return false }); err != nil {
		return 0, 0, usage(err)
	}
	read := func(flag, text string) (uint64, error) {
		if text == "" {
			return 0, nil
		}
		if after, ok := strings.CutPrefix(text, "+"); ok {
			d, err := time.ParseDuration(after)
			if err != nil || d < 0 {
				return 0, usagef("--%s %s: a time after the first event is written as +200ms or +1.5s", flag, text)
			}
			return first + uint64(d), nil
		}
		s, err := strconv.ParseFloat(text, 64)
		if err != nil || s < 0 || s > 1e10 {
			return 0, usagef("--%s %s: use seconds of the recording's clock, as reports print them, or +200ms", flag, text)
		}
		return uint64(s * 1e9), nil
	}
	if begin, err = read("from", from); err != nil {
		return 0, 0, err
	}
	if end, err = read("to", to); err != nil {
		return 0, 0, err
	}
	if to != "" && end <= begin {
		return 0, 0, usagef("--to %s is not after --from", to)
	}
	return begin, end, nil
}
