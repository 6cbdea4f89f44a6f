package cli

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/trace/event"
	"ringside/trace/report"
	"ringside/trace/tracedat"
)

func newTraceReport(s Streams) *cobra.Command {
	var out output
	var name string
	var only []string
	var opt report.Options
	c := &cobra.Command{
		Use:   "report FILE...",
		Short: "Print the events, one per line, as trace-cmd report does",
		Long: `Report prints the events of all buffers in the order of time, in the words of
their own formats: task, CPU, time, name, text. Several files, such as those of a
host and its guests, are merged; each line then begins with its file's name.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var files []*tracedat.File
			for _, path := range args {
				f, end, err := openTrace(path)
				if err != nil {
					return err
				}
				defer end()
				files = append(files, f)
			}
			r := eventReport{names: args, files: files, events: only, opt: opt}
			if err := r.choose(name); err != nil {
				return err
			}
			return out.write(s, func(w io.Writer, _ render.Style) error { return r.write(w, s.Err) })
		},
	}
	c.Flags().StringVarP(&out.path, "output", "o", "", "write to `FILE` instead of standard output")
	c.Flags().StringVar(&name, "buffer", "", "only the trace instance `NAME`")
	c.Flags().StringSliceVar(&only, "events", nil, "only these: a name, system:name or a system")
	c.Flags().BoolVar(&opt.Nanoseconds, "ns", false, "print nine digits of a second instead of six")
	c.Flags().BoolVarP(&opt.Latency, "latency", "l", false, "print the context of each event: interrupts off, rescheduling, kind of interrupt, preemption")
	c.Flags().BoolVarP(&opt.NoPlugins, "no-plugins", "N", false, "print every event in its kernel's words, not in those of trace-cmd's plugins")
	c.Flags().BoolVar(&opt.Fields, "fields", false, "print the events' fields, name=value, instead of their own words")
	return c
}

// An eventReport prints the events of recordings.
type eventReport struct {
	names  []string
	files  []*tracedat.File
	events []string
	opt    report.Options

	buffers []reportBuffer
	width   int // of the longest label; 0 where lines have none
}

// reportBuffer is a buffer of a report.
type reportBuffer struct {
	file  *tracedat.File
	buf   *tracedat.Buffer
	label string // what its lines begin with
	loss  tracedat.Loss
	err   error
}

// choose collects the buffers: all, those of files first, then instances; or the
// one of a name.
func (r *eventReport) choose(name string) error {
	if name != "" {
		if len(r.files) > 1 {
			return usagef("--buffer takes one recording")
		}
		b, err := buffer(r.files[0], name)
		r.buffers = []reportBuffer{{file: r.files[0], buf: b}}
		return err
	}
	var instances []reportBuffer
	for i, f := range r.files {
		for j := range f.Buffers {
			b := reportBuffer{file: f, buf: &f.Buffers[j], label: f.Buffers[j].Name}
			if b.label != "" {
				instances = append(instances, b)
				continue
			}
			if len(r.files) > 1 {
				b.label = filepath.Base(r.names[i])
			}
			r.buffers = append(r.buffers, b)
		}
	}
	r.buffers = append(r.buffers, instances...)
	for _, b := range r.buffers {
		r.width = max(r.width, len(b.label))
	}
	if len(r.buffers) == 0 && !slices.ContainsFunc(r.files, func(f *tracedat.File) bool { return f.Latency }) {
		return usagef("the recording has no events")
	}
	return nil
}

// label appends what a line of a buffer begins with.
func (r *eventReport) label(b []byte, label string) []byte {
	switch {
	case r.width == 0:
		return b
	case label == "":
		return fmt.Appendf(b, "%*s  ", r.width, "")
	}
	return fmt.Appendf(b, "%*s: ", r.width, label)
}

func (r *eventReport) write(w, warn io.Writer) error {
	out := bufio.NewWriterSize(w, 256<<10)
	for i, f := range r.files {
		label := ""
		if len(r.files) > 1 {
			label = string(r.label(nil, filepath.Base(r.names[i])))
		}
		fmt.Fprintf(out, "%scpus=%d\n", label, f.CPUs)
		if f.Latency { // what a tracer printed
			fmt.Fprintln(out, strings.Map(printable, f.Text))
		}
	}
	var streams []iter.Seq[*report.Event]
	var reports []*report.Report
	var labels [][]byte
	for i := range r.buffers {
		b := &r.buffers[i]
		streams = append(streams, b.stream(r.events))
		opt := r.opt
		opt.Ticks = b.buf.Ticks()
		reports = append(reports, report.New(b.file.Catalog, opt))
		labels = append(labels, r.label(nil, b.label))
	}
	var line []byte
	var failed error
	tracedat.Merge(streams, func(e *report.Event) uint64 { return e.Time }, func(i int, e *report.Event) bool {
		line = reports[i].Append(append(line[:0], labels[i]...), e)
		_, failed = out.Write(line)
		return failed == nil
	})
	var loss tracedat.Loss
	for _, b := range r.buffers {
		if failed == nil {
			failed = b.err
		}
		loss.Events, loss.Gaps, loss.Problems = loss.Events+b.loss.Events, loss.Gaps+b.loss.Gaps, append(loss.Problems, b.loss.Problems...)
	}
	if failed != nil {
		return failed
	}
	if loss.Events > 0 || loss.Gaps > 0 {
		fmt.Fprintf(warn, "ringside: %d events are missing in %d places\n", loss.Events, loss.Gaps)
	}
	for i, f := range r.files {
		loss.Problems = append(loss.Problems, f.Problems...)
		for _, host := range r.files {
			for _, g := range host.Guests {
				if f.TraceID != 0 && g.TraceID == f.TraceID && !f.Synced() {
					loss.Problems = append(loss.Problems, fmt.Sprintf("%s, guest %s: it does not say how far its clock is from its host's", r.names[i], g.Name))
				}
			}
		}
	}
	for _, rep := range reports {
		for _, err := range rep.Problems() {
			loss.Problems = append(loss.Problems, err.Error())
		}
	}
	for _, p := range loss.Problems {
		fmt.Fprintln(warn, "ringside:", p)
	}
	return out.Flush()
}

// printable leaves out what does not belong on a terminal.
func printable(c rune) rune {
	if c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
		return '?'
	}
	return c
}

// stream is the buffer's events, leaf functions joined.
func (b *reportBuffer) stream(events []string) iter.Seq[*report.Event] {
	var want func(int) bool
	if len(events) > 0 {
		want = wants(b.file, func(x event.Head) bool {
			return slices.Contains(events, x.Name) || slices.Contains(events, x.System+":"+x.Name) || slices.Contains(events, x.System)
		})
	}
	return func(yield func(*report.Event) bool) {
		goes := true
		add, flush := report.Leaves(b.file.Catalog, yield)
		b.loss, b.err = b.buf.Each(want, func(rec *event.Record) bool { goes = add(rec); return goes })
		if goes {
			flush()
		}
	}
}
