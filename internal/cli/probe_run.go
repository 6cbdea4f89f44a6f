package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/probe"
)

// prober is one run of a recipe.
type prober struct {
	profile profileFlags
	out     output
	recipes string
	length  time.Duration
	pid     int
	with    string
	dir     string
	from    string
}

func newProbeRun(s Streams) *cobra.Command {
	var p prober
	c := &cobra.Command{
		Use:   "run RECIPE",
		Short: "Record a recipe here and now, and report what it says",
		Long: `Run records what a recipe asks for, with the best way that this kernel allows, and
prints a report. Recordings and pictures go to a folder; interrupt it and what was
recorded so far is reported.`,
		Example: `  ringside probe run runqlat --for 30s
  ringside probe run off-cpu -d /tmp/off`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return p.run(c, s, args[0]) },
	}
	p.out.flags(c, false)
	p.profile.of = "samples"
	c.Flags().StringVar(&p.recipes, "recipes", "", "`DIR` with recipes of your own, one YAML file each")
	c.Flags().DurationVar(&p.length, "for", 0, "how long to record; default: what the recipe says")
	c.Flags().IntVar(&p.pid, "pid", 0, "record only this process and what it starts")
	c.Flags().StringVar(&p.with, "with", "", "`ENGINE` to record with: perf_event, tracefs, ebpf or command")
	c.Flags().StringVar(&p.from, "from", "", "a kernel log in `FILE` (- is standard input) for recipes that read one, instead of this machine's")
	c.Flags().StringVarP(&p.dir, "dir", "d", "", "`DIR` for recordings and pictures; default: the recipe's name and the time, made here")
	return c
}

func (p *prober) run(c *cobra.Command, s Streams, name string) error {
	list, err := recipes(p.recipes)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(r *probe.Recipe) bool { return r.Name == name })
	if i < 0 {
		return usagef("there is no recipe %s; 'ringside probe list' lists them", name)
	}
	r := list[i]
	if p.pid < 0 || p.length < 0 {
		return usagef("--pid and --for take what is above zero")
	}
	if p.dir == "" {
		p.dir = r.Name + "-" + time.Now().Format("20060102-150405")
	}
	if p.length == 0 {
		p.length = time.Duration(r.For)
	}
	m, end, _ := engines(p.from) // each says for itself what it lacks
	defer end()
	choice, err := probe.Choose(r, m, p.with)
	if err != nil {
		return usage(err)
	}
	// Before anything is recorded, that it can be kept.
	_, missing := os.Stat(p.dir)
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return usagef("--dir: %w", err)
	}
	begin := time.Now()
	rec, path, err := p.record(c.Context(), s, r, choice)
	if err != nil {
		if missing != nil {
			_ = os.Remove(p.dir) // it is empty, or has what others have put there
		}
		return usagef("%s with %s: %w", r.Name, choice.Capture.With, err)
	}
	doc := render.NewProbeReport(r, choice, rec, begin)
	if path != "" {
		doc.Files = append(doc.Files, render.ProbeFile{What: "the recording, " + rec.Format, Path: path})
	}
	if err := p.show(context.WithoutCancel(c.Context()), r, rec, path, &doc); err != nil {
		return err
	}
	doc.Conclude()
	// The page is written last: where it is, all it links to is complete.
	doc.Files = append(doc.Files, render.ProbeFile{What: "this report as a page", Path: filepath.Join(p.dir, reportPage)})
	if err := p.writePage(doc); err != nil {
		return err
	}
	return p.out.show(s, doc, func(w io.Writer, st render.Style) error { return render.ProbeReportText(w, doc, st) })
}

// record records, with the progress on standard error.
func (p *prober) record(ctx context.Context, s Streams, r *probe.Recipe, choice *probe.Choice) (rec *probe.Recording, path string, err error) {
	session := probe.Session{PID: p.pid}
	if format := choice.Capture.Format(); format != probe.Tables {
		path = filepath.Join(p.dir, format)
		// What has the recording's name is complete.
		f, failed := os.Create(path + ".part")
		if failed != nil {
			return nil, "", failed
		}
		defer func() {
			if err = errors.Join(err, f.Close()); err == nil {
				err = os.Rename(f.Name(), path)
			}
			if err != nil {
				err = errors.Join(err, os.Remove(f.Name()))
			}
		}()
		session.Out = f
	}
	live := style(s.Err).Width > 0
	session.Progress = func(g probe.Progress) {
		if live {
			fmt.Fprintf(s.Err, "\r%s: %s of %s, %d events, %d KiB ", r.Name, g.Elapsed.Round(100*time.Millisecond), p.length, g.Events, g.Bytes>>10)
		}
	}
	// An interrupt ends the recording, not the report.
	ctx, cancel := context.WithTimeout(ctx, p.length)
	defer cancel()
	rec, err = choice.Engine.Capture(ctx, choice.Capture, session)
	if live {
		fmt.Fprintln(s.Err)
	}
	return rec, path, err
}

// reportPage is the file of the report's page.
const reportPage = "report.html"

func (p *prober) writePage(doc render.ProbeReport) error {
	page := output{path: filepath.Join(p.dir, reportPage)}
	doc.Files = doc.Files[:len(doc.Files)-1] // it does not link to itself
	return page.write(Streams{}, func(w io.Writer, _ render.Style) error { return render.ProbePage(w, doc) })
}
