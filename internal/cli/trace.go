package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/trace/event"
	"ringside/trace/ftracetext"
	"ringside/trace/latency"
	"ringside/trace/tracedat"
)

func newTrace(s Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "trace",
		Short: "Read trace.dat: latencies with their story, critical paths, utilisation, timeline",
		Long: `Trace reads what trace-cmd record and 'ringside probe run' write: trace.dat of
version 6 and 7, compressed or not, with instances. trace-cmd is not needed. The
text that tracefs or trace-cmd report prints is read too, as far as it goes.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newTraceLatency(s), newTraceSummary(s), newTraceReport(s), newTraceUsage(s), newTracePath(s), newTraceGraph(s), newTraceTimeline(s))
	return c
}

// openTrace opens a recording. Text of ftrace or of trace-cmd report is made into
// one, in a file that nobody else sees.
func openTrace(path string) (*tracedat.File, func(), error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, nil, usage(err)
	}
	f, end, err := readTrace(r)
	if err != nil {
		r.Close()
		return nil, nil, usagef("%s: %w", path, err)
	}
	return f, func() { end(); r.Close() }, nil
}

func readTrace(r *os.File) (*tracedat.File, func(), error) {
	head := make([]byte, 64<<10)
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	if !ftracetext.Is(head[:n]) {
		st, err := r.Stat()
		if err != nil {
			return nil, nil, err
		}
		f, err := tracedat.Open(r, st.Size())
		return f, func() {}, err
	}
	made, err := os.CreateTemp("", "ringside-*.dat")
	if err != nil {
		return nil, nil, err
	}
	end := func() { made.Close(); os.Remove(made.Name()) }
	f, err := fromText(r, made)
	if err != nil {
		end()
		return nil, nil, err
	}
	return f, end, nil
}

func fromText(text io.Reader, made *os.File) (*tracedat.File, error) {
	stats, err := ftracetext.Convert(made, text)
	if err != nil {
		return nil, err
	}
	st, err := made.Stat()
	if err != nil {
		return nil, err
	}
	f, err := tracedat.Open(made, st.Size())
	if err == nil && stats.Others > 0 {
		f.Problems = append(f.Problems, fmt.Sprintf("%d lines are no events", stats.Others))
	}
	return f, err
}

// buffer finds a buffer by its name; without one, the first that has events.
func buffer(f *tracedat.File, name string) (*tracedat.Buffer, error) {
	var names []string
	for i := range f.Buffers {
		b := &f.Buffers[i]
		used := slices.ContainsFunc(b.CPUs, func(c tracedat.CPU) bool { return c.Size > 0 })
		if name == "" && used || name != "" && b.Name == name {
			return b, nil
		}
		names = append(names, strconv.Quote(b.Name))
	}
	if name == "" {
		return nil, usagef("the recording has no events")
	}
	return nil, usagef("--buffer %s: the recording has %s", name, strings.Join(names, ", "))
}

func headOfTrace(schema string, f *tracedat.File, b *tracedat.Buffer) render.TraceHead {
	return render.TraceHead{Schema: schema, Kernel: f.Uname, Clock: b.Clock, Buffer: b.Name, Problems: slices.Clone(f.Problems)}
}

// lose says in a head what a buffer does not have.
func lose(h *render.TraceHead, loss tracedat.Loss) {
	h.Lost, h.Gaps, h.Problems = loss.Events, loss.Gaps, append(h.Problems, loss.Problems...)
}

// wants makes a filter by number out of one by name.
func wants(f *tracedat.File, want func(event.Head) bool) func(int) bool {
	ids := map[int]bool{}
	for _, h := range f.Catalog.Heads() {
		ids[h.ID] = want(h)
	}
	return func(id int) bool { return ids[id] }
}

// latencyGC lets the heap grow to some 25 MB before it is collected.
const latencyGC = 500

func newTraceLatency(s Streams) *cobra.Command {
	var out output
	var name string
	var kinds []string
	worst := 10
	c := &cobra.Command{
		Use:   "latency FILE",
		Short: "Percentiles of waits for a CPU, interrupts, requests, system calls, locks; the longest with their story",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			// What lives is a few megabytes, and what is allocated does not grow with the
			// recording: collecting it early is a tenth of the work.
			defer debug.SetGCPercent(debug.SetGCPercent(latencyGC))
			for _, k := range kinds {
				if !slices.Contains(latency.Kinds, k) {
					return usagef("--kind %s: use %s", k, strings.Join(latency.Kinds, ", "))
				}
			}
			if worst < 0 || worst > 1000 {
				return usagef("--worst takes 0 to 1000")
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
			a := latency.New(f.Catalog, latency.Options{Worst: max(worst, 1)})
			loss, err := b.Each(a.Wants, a.Take)
			if err != nil {
				return usagef("%s: %w", args[0], err)
			}
			doc := render.TraceLatency{TraceHead: headOfTrace(render.TraceLatencySchemaID, f, b), Kinds: a.Result()}
			doc.Begin, doc.Span, doc.Events = a.First, time.Duration(a.Last-a.First), a.Events
			lose(&doc.TraceHead, loss)
			for k, l := range doc.Kinds {
				if len(kinds) > 0 && !slices.Contains(kinds, k) {
					delete(doc.Kinds, k)
				} else if worst == 0 {
					l.Worst = nil
					doc.Kinds[k] = l
				}
			}
			return out.show(s, doc, func(w io.Writer, st render.Style) error { return render.TraceLatencyReport(w, doc, st) })
		},
	}
	out.flags(c, false)
	c.Flags().StringVar(&name, "buffer", "", "the trace instance `NAME`; default: the first with events")
	c.Flags().StringSliceVar(&kinds, "kind", nil, "only these: "+strings.Join(latency.Kinds, ", "))
	c.Flags().IntVar(&worst, "worst", worst, "how many of the longest are told")
	return c
}
