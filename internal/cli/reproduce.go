package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"ringside/crash"
	"ringside/internal/labhost"
	"ringside/internal/render"
	"ringside/lab"
	"ringside/lab/reproduce"
)

func newReproduce(s Streams) *cobra.Command {
	var (
		store  labStore
		recipe labRecipe
		out    output
		o      reproduce.Options
		way    reproduceWay
		level  string
		keep   string
	)
	c := &cobra.Command{
		Use:   "reproduce [FINDING] [--kernel KERNEL (--how WAY | --source FILE.c | -- COMMAND...)]",
		Short: "Make the smallest recipe that shows a crash, and measure how often it does",
		Long: `Reproduce runs a recipe in the lab until the crash that is looked for is seen, leaves out
what it does not take, and measures how often the smallest recipe shows it.

FINDING is what is looked for:

  a run of the lab      its ID, or last: its recipe, and its crash
  a file with a record  the same; one with a recipe says only how
  a log with a crash    its crash; how to make it is said by --kernel and a way
  nothing               the first crash that comes

Only a crash whose signature agrees counts, at --level. Ends with 1 if it was not seen.`,
		Example: `  ringside reproduce last
  ringside reproduce crash.log --kernel linux-image.deb --source repro.c
  ringside reproduce --kernel linux-image.deb --how "labcrash.ko mode=flaky p=30" --markdown
  ringside reproduce crash.log --kernel linux-image.deb --root virtiofs -- ./reproducer.sh`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			findings, steps := stepOf(c, args)
			if len(findings) > 1 {
				return usagef("one FINDING at a time; got %q", findings)
			}
			if !slices.Contains(reproduce.Levels(), level) {
				return usagef("--level %q: %s are known", level, strings.Join(reproduce.Levels(), ", "))
			}
			o.Level = crash.Level(level)
			st, err := store.open()
			if err != nil {
				return err
			}
			defer closing(&err, st.Close)
			way.steps = steps
			r, target, err := way.finding(c.Context(), s, st, &recipe, findings, o.Level)
			if err != nil {
				return err
			}
			o.Progress = searching(s)
			res, err := reproduce.Search(c.Context(), *r, target, func(ctx context.Context, r lab.Recipe) (*lab.Record, error) {
				return st.Run(ctx, r, labhost.Options{Verb: "reproduce"})
			}, o)
			if err != nil {
				return hostError(err)
			}
			if o.Progress != nil {
				fmt.Fprint(s.Err, "\r\x1b[K")
			}
			if keep != "" && res.Reproduced {
				if err := (&output{path: keep}).write(s, func(w io.Writer, _ render.Style) error { return render.JSON(w, res.Recipe) }); err != nil {
					return err
				}
			}
			err = out.write(s, func(w io.Writer, style render.Style) error {
				switch {
				case out.json:
					return render.JSON(w, res)
				case out.markdown:
					return render.ReproduceMarkdown(w, res)
				}
				return render.Reproduce(w, res, style)
			})
			if err == nil && !res.Reproduced {
				err = &exitError{exitFinding, nil}
			}
			return err
		},
	}
	store.flags(c)
	recipe.flags(c)
	out.flags(c, true)
	f := c.Flags()
	f.StringVar(&way.kernel, "kernel", "", "`KERNEL` to crash: an image, a Debian package, a build tree")
	f.StringVar(&way.how, "how", "", "the `WAY` to crash it, as for lab crash: sysrq-c, lkdtm:TYPE, FILE.ko, a line for the shell")
	f.StringVar(&way.source, "source", "", "`FILE.c` of a reproducer, such as one of syzkaller's: it is compiled by cc")
	f.StringVar(&level, "level", "portable", "`LEVEL` of the signature that must agree: "+strings.Join(reproduce.Levels(), ", "))
	f.IntVar(&o.Find, "find", 20, "`N` runs at most until the crash is seen for the first time")
	f.IntVar(&o.Rate, "rate-runs", 20, "`N` runs that measure the rate of the smallest recipe")
	f.IntVar(&o.MaxRuns, "max-runs", 200, "`N` runs at most before the rate is measured")
	f.StringVar(&keep, "keep-recipe", "", "write the smallest recipe to `FILE`")
	_ = c.RegisterFlagCompletionFunc("level", cobra.FixedCompletions(reproduce.Levels(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// reproduceWay is how a crash is made.
type reproduceWay struct {
	kernel, how, source string
	steps               []lab.Step
}

// recipe makes a recipe of a kernel and a way.
func (y *reproduceWay) recipe(ctx context.Context, st *labhost.Store, l *labRecipe) (*lab.Recipe, error) {
	ways := 0
	for _, given := range []bool{y.how != "", y.source != "", len(y.steps) > 0} {
		if given {
			ways++
		}
	}
	if y.kernel == "" || ways != 1 {
		return nil, usagef("how is it made? Give --kernel, and one of --how, --source and a command after --")
	}
	steps := y.steps
	if y.how != "" {
		step, err := l.crashStep(y.how)
		if err != nil {
			return nil, err
		}
		steps = []lab.Step{step}
	}
	if y.source != "" {
		dir, err := os.MkdirTemp("", "ringside-reproduce-*")
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		program := filepath.Join(dir, "repro")
		if b, err := exec.CommandContext(ctx, "cc", "-static", "-O1", "-pthread", "-w", "-o", program, y.source).CombinedOutput(); err != nil {
			return nil, usagef("compile %s with cc: %w\n%s", y.source, err, bytes.TrimSpace(b))
		}
		l.files = append(l.files, program+":/repro")
		steps = []lab.Step{{Name: filepath.Base(y.source), Argv: []string{"sh", "-c", "/repro"}, Expect: "crash"}}
	}
	return l.make(st, y.kernel, steps)
}

// finding finds out what is looked for, and how it is made.
func (y *reproduceWay) finding(ctx context.Context, s Streams, st *labhost.Store, l *labRecipe, args []string, level crash.Level) (*lab.Recipe, *reproduce.Target, error) {
	if len(args) == 0 {
		r, err := y.recipe(ctx, st, l)
		return r, nil, err
	}
	name := args[0]
	b, err := readFinding(s, name)
	if errors.Is(err, os.ErrNotExist) {
		rec, err := st.Record(name)
		if err != nil {
			return nil, nil, usagef("%s is no file and no run of the lab: %w", name, err)
		}
		t, err := reproduce.TargetOf(&rec.Outcome, level)
		return &rec.Recipe, &t, usageOrNil(err)
	}
	if err != nil {
		return nil, nil, usage(err)
	}
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		var rec lab.Record
		if err := json.Unmarshal(b, &rec); err != nil {
			return nil, nil, usagef("%s: %w", name, err)
		}
		if rec.Schema == lab.RecordSchemaID {
			t, err := reproduce.TargetOf(&rec.Outcome, level)
			return &rec.Recipe, &t, usageOrNil(err)
		}
		r, err := readRecipe(Streams{In: bytes.NewReader(b)}, "-")
		return r, nil, err
	}
	doc, err := crash.Parse(ctx, bytes.NewReader(b), crash.Options{})
	if err != nil {
		return nil, nil, usagef("%s: %w", name, err)
	}
	if doc.Primary == nil {
		return nil, nil, usagef("there is no crash in %s: give a log with one, a recipe, or a run of the lab", name)
	}
	p := &doc.Reports[*doc.Primary]
	r, err := y.recipe(ctx, st, l)
	return r, &reproduce.Target{Title: p.Title, Signature: p.Signature, Level: level}, err
}

func usageOrNil(err error) error {
	if err == nil {
		return nil
	}
	return usage(err)
}

const maxFinding = 64 << 20

func readFinding(s Streams, name string) ([]byte, error) {
	in := s.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxFinding+1))
	if err == nil && len(b) > maxFinding {
		err = fmt.Errorf("%s has more than %d MiB: give the part with the crash", name, maxFinding>>20)
	}
	return b, err
}

// searching tells on a terminal how far a search is.
func searching(s Streams) func(reproduce.Progress) {
	f, ok := s.Err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func(p reproduce.Progress) {
		fmt.Fprintf(f, "\r\x1b[K%s: %d of %d runs show it, the recipe has %d parts", p.Stage, p.Hits, p.Runs, p.Parts)
	}
}
