package cli

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/trace/event"
	"ringside/trace/tracedat"
)

func newTraceReport(s Streams) *cobra.Command {
	var out output
	var name string
	var only []string
	c := &cobra.Command{
		Use:   "report FILE",
		Short: "Print the events, one per line, with their fields",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			f, end, err := openTrace(args[0])
			if err != nil {
				return err
			}
			defer end()
			b, err := buffer(f, name)
			if err != nil {
				return err
			}
			var want func(int) bool
			if len(only) > 0 {
				want = wants(f, func(x *event.Format) bool {
					return slices.Contains(only, x.Name) || slices.Contains(only, x.System+":"+x.Name) || slices.Contains(only, x.System)
				})
			}
			return out.write(s, func(w io.Writer, _ render.Style) error {
				bw := bufio.NewWriterSize(w, 256<<10)
				p := linePrinter{file: f, formats: map[*event.Format]lineFormat{}, comms: map[int]string{}}
				var line []byte
				var failed error
				loss, err := b.Each(want, func(r *event.Record) bool {
					line = p.append(line[:0], r)
					_, failed = bw.Write(line)
					return failed == nil
				})
				if err == nil {
					err = failed
				}
				if loss.Events > 0 || loss.Gaps > 0 {
					fmt.Fprintf(s.Err, "ringside: %d events are missing in %d places\n", loss.Events, loss.Gaps)
				}
				if err != nil {
					return err
				}
				return bw.Flush()
			})
		},
	}
	c.Flags().StringVarP(&out.path, "output", "o", "", "write to `FILE` instead of standard output")
	c.Flags().StringVar(&name, "buffer", "", "the trace instance `NAME`; default: the first with events")
	c.Flags().StringSliceVar(&only, "events", nil, "only these: a name, system:name or a system")
	return c
}

// A linePrinter writes events as lines: task, CPU, time, name, fields.
type linePrinter struct {
	file    *tracedat.File
	formats map[*event.Format]lineFormat
	comms   map[int]string
}

type lineFormat struct {
	name   string
	pid    event.Number
	fields *event.Printer
}

// append appends a line.
func (p *linePrinter) append(b []byte, r *event.Record) []byte {
	if r.Format == nil {
		b = fmt.Appendf(b, "%16s-%-6d [%03d] %6d.%09d: ", "?", 0, r.CPU, r.Time/1e9, r.Time%1e9)
		return fmt.Appendf(b, "unknown: % x\n", r.Data)
	}
	f, ok := p.formats[r.Format]
	if !ok {
		f = lineFormat{": " + r.Format.Name + ":", r.Format.Uint("common_pid"), event.NewPrinter(r.Format)}
		p.formats[r.Format] = f
	}
	pid := int(f.pid.Int(r.Data))
	comm, ok := p.comms[pid]
	if !ok {
		comm = fmt.Sprintf("%16s-%d", p.file.Catalog.Comm(pid), pid)
		if len(p.comms) < 1<<20 {
			p.comms[pid] = comm
		}
	}
	b = append(b, comm...)
	b = append(b, " ["...)
	b = appendPadded(b, uint64(r.CPU), 3, '0')
	b = append(b, "] "...)
	b = appendPadded(b, r.Time/1e9, 6, ' ')
	b = append(b, '.')
	b = appendPadded(b, r.Time%1e9, 9, '0')
	b = append(b, f.name...)
	return append(f.fields.Append(b, r.Data), '\n')
}

// appendPadded appends a number with what fills it up in front.
func appendPadded(b []byte, v uint64, width int, fill byte) []byte {
	var digits [20]byte
	d := strconv.AppendUint(digits[:0], v, 10)
	for n := len(d); n < width; n++ {
		b = append(b, fill)
	}
	return append(b, d...)
}
