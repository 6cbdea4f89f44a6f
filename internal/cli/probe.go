package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/probe"
	"ringside/probe/aggregate"
	"ringside/probe/perfevent"
	"ringside/probe/tracefs"
	"ringside/profile"
	"ringside/profile/flame"
)

func newProbe(s Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "probe",
		Short: "Ask the running kernel: recipes that record, summarise and draw",
		Long: `Probe answers questions about the kernel that runs here. A recipe says what it
answers, what it costs and how it is recorded; the best way that this kernel allows
is taken, and what spoke against the others is said. Nothing needs to be installed.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newProbeList(s), newProbeDoctor(s), newProbeRun(s))
	return c
}

// recipes reads the recipes that come with Ringside and those of a folder,
// which win.
func recipes(dir string) ([]*probe.Recipe, error) {
	list, err := probe.Builtin()
	if err != nil {
		return nil, &exitError{exitInternal, err}
	}
	if dir == "" {
		return list, nil
	}
	own, err := probe.Catalogue(os.DirFS(dir))
	if err != nil {
		return nil, usagef("--recipes %s: %w", dir, err)
	}
	for _, r := range own {
		list = slices.DeleteFunc(list, func(x *probe.Recipe) bool { return x.Name == r.Name })
		list = append(list, r)
	}
	return list, nil
}

func newProbeList(s Streams) *cobra.Command {
	var out output
	var dir string
	c := &cobra.Command{
		Use: "list", Short: "List the recipes: what each answers and what it costs", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			list, err := recipes(dir)
			if err != nil {
				return err
			}
			doc := render.ProbeRecipes{Schema: render.ProbeRecipesSchemaID}
			for _, r := range list {
				doc.Recipes = append(doc.Recipes, *r)
			}
			return out.show(s, doc, func(w io.Writer, st render.Style) error { return render.ProbeRecipeList(w, doc, st) })
		},
	}
	out.flags(c, false)
	c.Flags().StringVar(&dir, "recipes", "", "`DIR` with recipes of your own, one YAML file each")
	return c
}

// engines are the ways to record that this machine has. Without tracefs, whose
// error is returned, those who would use it say so.
func engines() (m map[string]probe.Engine, end func(), noTracefs error) {
	root := os.DirFS("/")
	tree, err := tracefs.Attach()
	m = map[string]probe.Engine{
		probe.PerfEvent: &perfevent.Engine{Root: root, Tree: tree},
		probe.Command:   commandEngine{},
	}
	if err != nil {
		m[probe.Tracefs], m[probe.EBPF] = unable{err}, unable{err}
		return m, func() {}, err
	}
	m[probe.Tracefs] = &tracefs.Engine{Tree: tree, Spool: func() (tracefs.Spool, error) {
		f, err := os.CreateTemp("", "ringside-trace-*")
		if err != nil {
			return nil, err
		}
		// It is gone when it is closed, whatever happens.
		return f, os.Remove(f.Name())
	}}
	m[probe.EBPF] = &aggregate.Engine{Tree: tree}
	return m, func() { _ = tree.Close() }, nil
}

// unable is an engine that cannot do anything here.
type unable struct{ why error }

func (u unable) Check(probe.Capture) error { return u.why }

func (u unable) Capture(context.Context, probe.Capture, probe.Session) (*probe.Recording, error) {
	return nil, u.why
}

// commandEngine records with a program that is installed.
type commandEngine struct{}

func (commandEngine) Check(c probe.Capture) error {
	if _, err := exec.LookPath(c.Argv[0]); err != nil {
		return fmt.Errorf("%s is not installed", c.Argv[0])
	}
	return nil
}

func (commandEngine) Capture(ctx context.Context, c probe.Capture, s probe.Session) (*probe.Recording, error) {
	out, ok := s.Out.(*os.File)
	if !ok {
		return nil, errors.New("a program records into a file only")
	}
	begin := time.Now()
	length := time.Second
	if deadline, ok := ctx.Deadline(); ok {
		length = max(length, time.Until(deadline).Round(time.Second))
	}
	argv := make([]string, len(c.Argv))
	for i, a := range c.Argv {
		argv[i] = strings.NewReplacer("{out}", out.Name(), "{seconds}", strconv.Itoa(int(length.Seconds()))).Replace(a)
	}
	// The program ends by itself, a little after the deadline; when the user
	// ends it, it is asked to as he would.
	run := exec.CommandContext(context.WithoutCancel(ctx), argv[0], argv[1:]...)
	text, err := run.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(string(text)))
	}
	st, err := out.Stat()
	if err != nil {
		return nil, err
	}
	return &probe.Recording{Format: c.Makes, Progress: probe.Progress{Elapsed: time.Since(begin), Bytes: st.Size()}}, nil
}

func newProbeDoctor(s Streams) *cobra.Command {
	var out output
	var dir string
	c := &cobra.Command{
		Use: "doctor", Short: "Say what this kernel allows, how each recipe would be recorded, and why not better", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			list, err := recipes(dir)
			if err != nil {
				return err
			}
			m, end, noTracefs := engines()
			defer end()
			doc := render.ProbeDoctor{Schema: render.ProbeDoctorSchemaID, Checks: probe.Examine(os.DirFS("/")), Recipes: probe.Available(list, m)}
			check := probe.Check{What: "trace events (tracefs)", OK: noTracefs == nil, Says: "yes"}
			if noTracefs != nil {
				check.Says = noTracefs.Error()
			}
			doc.Checks = append([]probe.Check{check}, doc.Checks...)
			for _, tool := range []string{"perf", "trace-cmd", "bpftrace"} {
				path, err := exec.LookPath(tool)
				check := probe.Check{What: tool, OK: err == nil, Says: path}
				if err != nil {
					check.Says = "not installed; nothing here needs it"
				}
				doc.Checks = append(doc.Checks, check)
			}
			return out.show(s, doc, func(w io.Writer, st render.Style) error { return render.ProbeDoctorReport(w, doc, st) })
		},
	}
	out.flags(c, false)
	c.Flags().StringVar(&dir, "recipes", "", "`DIR` with recipes of your own, one YAML file each")
	return c
}

// prober is one run of a recipe.
type prober struct {
	profile profileFlags
	out     output
	recipes string
	length  time.Duration
	pid     int
	with    string
	dir     string
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
	if p.length == 0 {
		p.length = time.Duration(r.For)
	}
	m, end, _ := engines() // each says for itself what it lacks
	defer end()
	choice, err := probe.Choose(r, m, p.with)
	if err != nil {
		return usage(err)
	}
	begin := time.Now()
	rec, path, err := p.record(c.Context(), s, r, choice)
	if err != nil {
		return usagef("%s with %s: %w", r.Name, choice.Capture.With, err)
	}
	doc := render.NewProbeReport(r, choice, rec, begin)
	if path != "" {
		doc.Files = append(doc.Files, render.ProbeFile{What: "the recording, " + rec.Format, Path: path})
	}
	if err := p.show(context.WithoutCancel(c.Context()), r, rec, path, &doc); err != nil {
		return err
	}
	return p.out.show(s, doc, func(w io.Writer, st render.Style) error { return render.ProbeReportText(w, doc, st) })
}

// record records, with the progress on standard error.
func (p *prober) record(ctx context.Context, s Streams, r *probe.Recipe, choice *probe.Choice) (rec *probe.Recording, path string, err error) {
	session := probe.Session{PID: p.pid}
	if format := choice.Capture.Format(); format != probe.Tables {
		if p.dir == "" {
			p.dir = r.Name + "-" + time.Now().Format("20060102-150405")
		}
		if err := os.MkdirAll(p.dir, 0o755); err != nil {
			return nil, "", err
		}
		path = filepath.Join(p.dir, format)
		f, err := os.Create(path)
		if err != nil {
			return nil, "", err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
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

// show makes the views of the recipe that fit what was recorded.
func (p *prober) show(ctx context.Context, r *probe.Recipe, rec *probe.Recording, path string, doc *render.ProbeReport) error {
	profiles := map[string]*profile.Profile{}
	for _, v := range r.Show {
		if !v.Shows(rec.Format) || v.View == probe.ViewTables || v.View == probe.ViewRecording {
			continue
		}
		of := v.Of
		if of == "" {
			of = "samples"
		}
		pr := profiles[of]
		if pr == nil {
			o := p.profile
			o.of = of
			var err error
			if pr, err = o.load(ctx, path); err != nil {
				return err
			}
			profiles[of] = pr
			for _, w := range pr.Warnings {
				if !slices.Contains(doc.Notes, w) {
					doc.Notes = append(doc.Notes, w)
				}
			}
		}
		event, err := p.profile.chosen(pr)
		if err != nil {
			return err
		}
		if v.View == probe.ViewTop {
			rows, err := profile.Top(pr, profile.ByFunction, event)
			if err != nil {
				return &exitError{exitInternal, err}
			}
			doc.Top = append(doc.Top, render.NewProfileTop(pr, event, string(profile.ByFunction), rows, 15))
			continue
		}
		page := output{path: filepath.Join(p.dir, "flame-"+of+".html")}
		err = page.write(Streams{}, func(w io.Writer, _ render.Style) error {
			return flame.Write(w, pr, flame.Options{Title: r.Title + " – " + of, Event: event})
		})
		if err != nil {
			return &exitError{exitInternal, err}
		}
		doc.Files = append(doc.Files, render.ProbeFile{What: "flame graph of " + of, Path: page.path})
	}
	return nil
}
