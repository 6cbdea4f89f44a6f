package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/profile"
	"ringside/profile/convert"
	"ringside/profile/flame"
	"ringside/profile/perfdata"
)

func newProfile(s Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "profile",
		Short: "Turn a recording into the answer: pictures, tables, other formats",
		Long: `Profile reads perf.data – a file, a pipe, compressed, a folder of --threads – and
what other tools write: folded stacks, pprof, speedscope, traces of Chrome and
Firefox, the text of perf script. Functions get their names here, from the objects and the kernel
that were recorded, checked by build ID; perf is not needed.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newProfileFlame(s), newProfileTop(s), newProfileTree(s), newProfileAnnotate(s), newProfileDiff(s), newProfileExport(s))
	return c
}

// load makes a profile of whatever path is.
func (o *profileFlags) load(ctx context.Context, path string) (*profile.Profile, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, usage(err)
	}
	if st.IsDir() {
		return o.loadPerfData(ctx, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, usage(err)
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := io.ReadFull(f, head)
	if perfdata.Sniff(head[:n]) {
		return o.loadPerfData(ctx, path)
	}
	p, format, err := convert.Read(io.MultiReader(bytes.NewReader(head[:n]), f))
	if err != nil {
		if format == convert.Folded {
			return nil, usagef("%s: it is no perf.data, and as folded stacks it has an error: %w", path, err)
		}
		return nil, usagef("%s: %w", path, err)
	}
	return p, nil
}

// chosen returns the index of the event that is asked for.
func (o *profileFlags) chosen(p *profile.Profile) (int, error) {
	if len(p.Events) == 0 {
		return -1, nil
	}
	if o.event == "" {
		best, most := 0, int64(-1)
		for i := range p.Events {
			if n, _ := p.Total(i); n > most {
				best, most = i, n
			}
		}
		return best, nil
	}
	i := slices.IndexFunc(p.Events, func(e profile.Event) bool { return e.Name == o.event })
	if i < 0 {
		var names []string
		for _, e := range p.Events {
			names = append(names, e.Name)
		}
		return 0, usagef("--event %s: the recording has %s", o.event, strings.Join(names, ", "))
	}
	return i, nil
}

// warn tells what a reader of the result should know.
func warnOf(s Streams, p *profile.Profile) {
	for _, l := range p.Losses {
		if l.Count < 0 {
			fmt.Fprintln(s.Err, "ringside: "+render.Complaint("lost: "+l.What))
			continue
		}
		fmt.Fprintln(s.Err, "ringside: "+render.Complaint(fmt.Sprintf("lost: %d %s", l.Count, l.What)))
	}
	const most = 8
	for i, w := range p.Warnings {
		if i == most {
			fmt.Fprintf(s.Err, "ringside: and %d more warnings\n", len(p.Warnings)-most)
			return
		}
		fmt.Fprintln(s.Err, "ringside: "+render.Complaint(w))
	}
}

// flameMemory is what drawing a picture keeps to, as long as that is enough.
const flameMemory = 120 << 20

// exportMemory is the same for what has room for every stack.
const exportMemory = 384 << 20

func newProfileFlame(s Streams) *cobra.Command {
	var o profileFlags
	var out output
	var title, format string
	c := &cobra.Command{
		Use:   "flame FILE",
		Short: "Draw a flame graph: one HTML page that needs nothing else",
		Long: `Flame draws a profile as one HTML page that opens anywhere. In it: search, zoom,
callers first, by module, by task, CPU, cgroup and window of time, a heat map of
fractions of seconds, a table, all by keyboard too. To a file that ends in .svg it
draws a still picture for documents and tickets.

With --of offcpu the weight is the time that tasks were off their CPU, by the stack
with which they left; with --of wakeup, the time they waited, by who woke them.
Both need sched:sched_switch (and sched:sched_wakeup) recorded with call chains.`,
		Example: `  perf record -F 99 -a -g -- sleep 10; ringside profile flame perf.data -o flame.html
  ringside profile flame --of offcpu sched.data -o offcpu.html`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if format == "" && strings.HasSuffix(out.path, ".svg") {
				format = "svg"
			}
			if !slices.Contains([]string{"", "html", "svg"}, format) {
				return usagef("--format %s: use html or svg", format)
			}
			// What is built are a few large tables without pointers, which cost the
			// collector next to nothing: it runs before they double the memory.
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(flameMemory))
			p, err := o.load(c.Context(), args[0])
			if err != nil {
				return err
			}
			event, err := o.chosen(p)
			if err != nil {
				return err
			}
			warnOf(s, p)
			if title == "" {
				title = filepath.Base(args[0])
				if event >= 0 {
					title = p.Events[event].Name + " – " + title
				}
			}
			draw := flame.Write
			if format == "svg" {
				draw = flame.WriteSVG
			}
			return out.write(s, func(w io.Writer, _ render.Style) error {
				return draw(w, p, flame.Options{Title: title, Event: event})
			})
		},
	}
	o.register(c)
	c.Flags().StringVarP(&out.path, "output", "o", "", "write to `FILE` instead of standard output")
	c.Flags().StringVar(&format, "format", "", "html, a page to work with; svg, a still picture for documents; default: by the name of the output, else html")
	c.Flags().StringVar(&title, "title", "", "`TEXT` above the picture")
	return c
}

func newProfileTop(s Streams) *cobra.Command {
	var o profileFlags
	var out output
	by := string(profile.ByFunction)
	most := 40
	c := &cobra.Command{
		Use:   "top FILE",
		Short: "List what has the most weight: functions, modules, tasks, CPUs, cgroups",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := o.load(c.Context(), args[0])
			if err != nil {
				return err
			}
			event, err := o.chosen(p)
			if err != nil {
				return err
			}
			rows, err := profile.Top(p, profile.By(by), event)
			if err != nil {
				return usage(err)
			}
			warnOf(s, p)
			doc := render.NewProfileTop(p, event, by, rows, most)
			return out.show(s, doc, func(w io.Writer, st render.Style) error { return render.ProfileTopTable(w, doc, st) })
		},
	}
	o.register(c)
	out.flags(c, false)
	c.Flags().StringVar(&by, "by", by, "one row for each function, module, task, cpu or cgroup")
	c.Flags().IntVarP(&most, "rows", "n", most, "how many rows; 0 is all")
	return c
}

func newProfileExport(s Streams) *cobra.Command {
	var o profileFlags
	var out output
	format := string(convert.Folded)
	var opt convert.Options
	all := false
	var names []string
	for _, f := range convert.Formats {
		names = append(names, string(f))
	}
	c := &cobra.Command{
		Use:   "export FILE",
		Short: "Write a profile in another tool's format: folded, pprof, speedscope, chrome, firefox, perf-script, ringside",
		Long: `Export writes what profile reads – perf.data, and every format that it writes – for
another tool:

  folded       a line per stack, "main;read;vfs_read 12": flame graph scripts
  pprof        go tool pprof, Pyroscope, Parca
  speedscope   speedscope.app
  chrome       chrome://tracing, Perfetto, the performance panel
  firefox      profiler.firefox.com
  perf-script  the text of perf script
  ringside     all of it with the names found here: to look at it, compare and keep
               it where the recorded programs are not`,
		Example: `  ringside profile export perf.data > stacks.folded
  ringside profile export --format pprof perf.data -o cpu.pb.gz && go tool pprof -top cpu.pb.gz
  ringside profile export --comm --weights perf.data`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(convert.Formats, convert.Format(format)) {
				return usagef("--format %s: use %s", format, strings.Join(names, ", "))
			}
			o.every = true
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(exportMemory))
			p, err := o.load(c.Context(), args[0])
			if err != nil {
				return err
			}
			if opt.Event = -1; !all {
				if opt.Event, err = o.chosen(p); err != nil {
					return err
				}
			}
			warnOf(s, p)
			return out.write(s, func(w io.Writer, _ render.Style) error {
				return convert.Write(w, p, convert.Format(format), opt)
			})
		},
	}
	o.register(c)
	c.Flags().StringVarP(&out.path, "output", "o", "", "write to `FILE` instead of standard output")
	c.Flags().StringVar(&format, "format", format, strings.Join(names, ", "))
	c.Flags().BoolVar(&all, "all-events", false, "write all events, not only the one with the most samples")
	c.Flags().BoolVar(&opt.Folded.Comm, "comm", false, "folded: begin each stack with its task")
	c.Flags().BoolVar(&opt.Folded.Weights, "weights", false, "folded: write weights (ns, cycles) instead of counts of samples")
	c.Flags().BoolVar(&opt.Folded.Suffixes, "suffixes", false, "folded: mark kernel frames _[k] and inlined ones _[i]")
	return c
}
