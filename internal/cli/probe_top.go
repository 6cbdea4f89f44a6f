package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"ringside/internal/render"
	"ringside/probe"
	"ringside/probe/aggregate"
)

// healthRecipe is the recipe that top shows live.
const healthRecipe = "health"

// topper is one run of probe top.
type topper struct {
	out   output
	once  bool
	every time.Duration
	rows  int
}

func newProbeTop(s Streams) *cobra.Command {
	t := topper{every: time.Second, rows: 6}
	c := &cobra.Command{
		Use:   "top",
		Short: "Show live what tasks, CPUs, disks and interrupts wait for",
		Long: `Top shows, anew each second, what is measured inside the kernel: waiting for a CPU,
running on one, block requests, interrupts and softirqs, with percentiles and the
tasks of the most time; what the kernel counts; its pressures; and what this view
costs itself. A task is counted when it leaves its CPU.

With --once, with --json, or where the output is no terminal, one interval is shown.
Where this kernel does not let programs measure, the counters are shown alone.`,
		Example: `  ringside probe top
  ringside probe top --once --every 10s --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if t.every < 100*time.Millisecond || t.every > time.Hour || t.rows < 1 {
				return usagef("--every takes 100ms to 1h, --rows 1 or more")
			}
			return t.run(c.Context(), s)
		},
	}
	t.out.flags(c, false)
	c.Flags().BoolVar(&t.once, "once", false, "show one interval and end")
	c.Flags().DurationVar(&t.every, "every", t.every, "the interval")
	c.Flags().IntVarP(&t.rows, "rows", "n", t.rows, "how many tasks, devices and interrupts of each kind")
	return c
}

// errShown ends a view that is shown once.
var errShown = errors.New("shown")

func (t *topper) run(ctx context.Context, s Streams) error {
	live := !t.once && !t.out.json && t.out.path == "" && style(s.Out).Width > 0
	root := os.DirFS("/")
	kernel := kernelRelease()
	var before probe.Counters
	var begin time.Time
	var own time.Duration
	without := ""
	see := func(tables []probe.Table, spent time.Duration) error {
		after, now, used := probe.ReadCounters(root), time.Now(), ownTime()
		doc := render.NewProbeTop(kernel, now, now.Sub(begin), runtime.NumCPU(), tables, before, after)
		doc.Spent, doc.Own, doc.Without = spent, used-own, without
		before, begin, own = after, now, used
		show := func(w io.Writer, st render.Style) error { return render.ProbeTopScreen(w, doc, t.rows, st) }
		if !live {
			if err := t.out.show(s, doc, show); err != nil {
				return err
			}
			return errShown
		}
		var screen bytes.Buffer
		if err := show(&screen, style(s.Out)); err != nil {
			return err
		}
		// What was there is overwritten, each line to its end, and not blanked
		// first: that would flicker.
		lines := strings.Split(strings.TrimSuffix(screen.String(), "\n"), "\n")
		if f, ok := s.Out.(*os.File); ok {
			if _, height, err := term.GetSize(int(f.Fd())); err == nil && height > 0 {
				lines = lines[:min(len(lines), height)]
			}
		}
		text := "\x1b[H" + strings.Join(lines, "\x1b[K\r\n") + "\x1b[J"
		_, err := io.WriteString(s.Out, text)
		return err
	}
	if live {
		// The other screen, without a cursor, and without wrapping long lines.
		if _, err := io.WriteString(s.Out, "\x1b[?1049h\x1b[?25l\x1b[?7l"); err != nil {
			return err
		}
		defer fmt.Fprint(s.Out, "\x1b[?7h\x1b[?25h\x1b[?1049l")
	}
	tick := time.NewTicker(t.every)
	defer tick.Stop()
	begun := func() <-chan time.Time {
		tick.Reset(t.every)
		before, begin, own = probe.ReadCounters(root), time.Now(), ownTime()
		return tick.C
	}
	err := t.watch(ctx, begun, see, &without)
	if errors.Is(err, errShown) {
		return nil
	}
	return err
}

// watch measures in the kernel where that is possible, and otherwise only counts.
func (t *topper) watch(ctx context.Context, begun func() <-chan time.Time, see func([]probe.Table, time.Duration) error, without *string) error {
	list, err := probe.Builtin()
	if err != nil {
		return &exitError{exitInternal, err}
	}
	i := slices.IndexFunc(list, func(r *probe.Recipe) bool { return r.Name == healthRecipe })
	if i < 0 {
		return &exitError{exitInternal, fmt.Errorf("there is no recipe %s", healthRecipe)}
	}
	m, end, _ := engines("") // each says for itself what it lacks
	defer end()
	choice, err := probe.Choose(list[i], m, probe.EBPF)
	if err == nil {
		if e, ok := choice.Engine.(*aggregate.Engine); ok {
			return e.Watch(ctx, choice.Capture, begun, see)
		}
		err = errors.New("this build has no such engine")
	}
	*without = strings.Join(strings.Fields(err.Error()), " ")
	tick := begun()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
		}
		if err := see(nil, 0); err != nil {
			return err
		}
	}
}

// ownTime is the CPU time that this process has taken.
func ownTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func kernelRelease() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "Linux"
	}
	return "Linux " + unix.ByteSliceToString(u.Release[:])
}
