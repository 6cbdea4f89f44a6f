package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"ringside/internal/labhost"
	"ringside/internal/render"
	"ringside/lab"
)

func newLabRun(s Streams) *cobra.Command {
	var (
		store  labStore
		recipe labRecipe
		out    output
		from   string
		dry    bool
		show   bool
		cmds   []string
	)
	c := &cobra.Command{
		Use:   "run KERNEL -- COMMAND...",
		Short: "Boot a kernel and run a command in it",
		Long: `Run boots a kernel, runs a command in it, and brings back what it printed and returned.
What the command prints appears as it comes; at the end stands what became of the machine.

A bare command that busybox knows is busybox, where this host has a static one; others are
programs of this host, packed with their libraries. Several commands run one after the
other with --do, each a line of its own.

Ends with 1 if a command failed or the kernel died, hung or flooded its console, and with
3 if the machine could not be made.`,
		Example: `  ringside lab run linux-image.deb -- uname -a
  ringside lab run bzImage --do "dmesg -n 8" --do "cat /proc/cmdline"
  ringside lab run linux-image.deb --root virtiofs -- perf bench sched pipe
  ringside lab run linux-image.deb --dry-run -- true > recipe.json
  ringside lab run --recipe recipe.json`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			st, err := store.open()
			if err != nil {
				return err
			}
			defer closing(&err, st.Close)
			var r *lab.Recipe
			if from != "" {
				if len(args) > 0 {
					return usagef("--recipe says all: leave %q out", args)
				}
				if r, err = readRecipe(s, from); err != nil {
					return err
				}
			} else {
				kernels, steps := stepOf(c, args)
				kernel, err := oneKernel(c, kernels)
				if err != nil {
					return err
				}
				for _, line := range cmds {
					steps = append(steps, lab.Step{Argv: []string{"sh", "-c", line}})
				}
				if len(steps) == 0 {
					return usagef("what is to be run? Give a command after --, or use ringside lab boot")
				}
				if r, err = recipe.make(st, kernel, steps); err != nil {
					return err
				}
			}
			if dry {
				return out.write(s, func(w io.Writer, _ render.Style) error { return render.JSON(w, r) })
			}
			rec, err := st.Run(c.Context(), *r, labhost.Options{Verb: "run", Watch: watching(s, show, out.json)})
			if err != nil {
				return hostError(err)
			}
			if err := showEnd(&out, s, rec); err != nil {
				return err
			}
			return verdictOf(&rec.Outcome)
		},
	}
	store.flags(c)
	recipe.flags(c)
	out.flags(c, false)
	c.Flags().StringArrayVar(&cmds, "do", nil, "`LINE` for the guest's shell, one step each; may be repeated")
	c.Flags().StringVar(&from, "recipe", "", "run the recipe in `FILE` (or the one of a run's record)")
	c.Flags().BoolVar(&dry, "dry-run", false, "print the recipe and run nothing")
	c.Flags().BoolVar(&show, "console", false, "show the console as it comes, on standard error")
	return c
}

// showEnd says what became of a run whose commands have printed to standard output: on
// standard error, so that the output stays what the commands printed.
func showEnd(out *output, s Streams, rec *lab.Record) error {
	if out.json || out.path != "" {
		return showRun(out, s, rec)
	}
	return render.LabRun(s.Err, rec, style(s.Err))
}

func newLabBoot(s Streams) *cobra.Command {
	var (
		store  labStore
		recipe labRecipe
		out    output
		show   bool
	)
	c := &cobra.Command{
		Use:   "boot KERNEL",
		Short: "Boot a kernel, and switch it off",
		Long: `Boot answers whether a kernel boots, how long each phase took, and what it complained
about on the way. Ends with 1 if it did not come up and down again.`,
		Example: `  ringside lab boot linux-image-6.1.0-57-cloud-amd64.deb
  ringside lab boot bzImage --console`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			st, err := store.open()
			if err != nil {
				return err
			}
			defer closing(&err, st.Close)
			r, err := recipe.make(st, args[0], nil)
			if err != nil {
				return err
			}
			rec, err := st.Run(c.Context(), *r, labhost.Options{Verb: "boot", Watch: watching(s, show, out.json)})
			if err != nil {
				return hostError(err)
			}
			if err := showRun(&out, s, rec); err != nil {
				return err
			}
			return verdictOf(&rec.Outcome)
		},
	}
	store.flags(c)
	recipe.flags(c)
	out.flags(c, false)
	c.Flags().BoolVar(&show, "console", false, "show the console as it comes, on standard error")
	return c
}

func newLabCrash(s Streams) *cobra.Command {
	var (
		store  labStore
		recipe labRecipe
		out    output
		how    string
		show   bool
	)
	c := &cobra.Command{
		Use:   "crash KERNEL --how WAY",
		Short: "Crash a kernel on purpose, and keep what is left of it",
		Long: `Crash boots a kernel and crashes it: to see what a crash looks like, to test what takes
crashes in, or to make a vmcore. The ways:

  sysrq-c             a null pointer dereference by magic SysRq
  lkdtm:TYPE          what lkdtm can do (its module must be among the kernel's, or --module)
  FILE.ko [PARAMS]    loading a module of yours that crashes
  anything else       a line for the guest's shell

Ends with 0 if the kernel died, hung or reported a fault, and with 1 if it lived.`,
		Example: `  ringside lab crash linux-image.deb --how sysrq-c --vmcore
  ringside lab crash linux-image.deb --how "labcrash.ko mode=bug"`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			st, err := store.open()
			if err != nil {
				return err
			}
			defer closing(&err, st.Close)
			step, err := recipe.crashStep(how)
			if err != nil {
				return err
			}
			r, err := recipe.make(st, args[0], []lab.Step{step})
			if err != nil {
				return err
			}
			rec, err := st.Run(c.Context(), *r, labhost.Options{Verb: "crash", Watch: watching(s, show, out.json)})
			if err != nil {
				return hostError(err)
			}
			if err := showRun(&out, s, rec); err != nil {
				return err
			}
			switch rec.Outcome.Verdict {
			case lab.VerdictCrashed, lab.VerdictHung, lab.VerdictFlood:
				return nil
			case lab.VerdictOK, lab.VerdictFailed:
				return &exitError{exitFinding, nil}
			}
			return verdictOf(&rec.Outcome)
		},
	}
	store.flags(c)
	recipe.flags(c)
	out.flags(c, false)
	c.Flags().StringVar(&how, "how", "sysrq-c", "the `WAY` to crash it")
	c.Flags().BoolVar(&show, "console", false, "show the console as it comes, on standard error")
	return c
}

// crashStep is the step that crashes a kernel, and brings along what it needs.
func (l *labRecipe) crashStep(how string) (lab.Step, error) {
	shell := func(line string) lab.Step {
		return lab.Step{Name: how, Argv: []string{"sh", "-c", line}, Expect: "crash"}
	}
	file, params, _ := strings.Cut(how, " ")
	switch kind, what, _ := strings.Cut(how, ":"); {
	case how == "":
		return lab.Step{}, usagef("--how: say in which way; see --help")
	case how == "sysrq-c":
		return shell("echo c > /proc/sysrq-trigger"), nil
	case kind == "lkdtm":
		if !strings.Contains(strings.Join(l.modules, " "), "lkdtm") {
			l.modules = append(l.modules, "lkdtm")
		}
		return shell("echo " + what + " > /sys/kernel/debug/provoke-crash/DIRECT"), nil
	case strings.HasSuffix(file, ".ko"):
		if _, err := os.Stat(file); err != nil {
			return lab.Step{}, usage(err)
		}
		to := "/modules/" + filepath.Base(file)
		l.files = append(l.files, file+":"+to)
		return shell("insmod " + to + " " + params), nil
	}
	return shell(how), nil
}

func newLabShell(s Streams) *cobra.Command {
	var (
		store  labStore
		recipe labRecipe
	)
	c := &cobra.Command{
		Use:   "shell KERNEL [-- COMMAND...]",
		Short: "Boot a kernel and sit down at it",
		Long: `Shell boots a kernel and gives you a terminal in it: busybox's shell, or that of the root
with --root, or the command after --. The machine is gone when it ends.`,
		Example: `  ringside lab shell linux-image.deb
  ringside lab shell linux-image.deb --root virtiofs -- bash`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			in, ok := s.In.(*os.File)
			if !ok || !term.IsTerminal(int(in.Fd())) {
				return usagef("a shell needs a terminal; use ringside lab run for commands")
			}
			st, err := store.open()
			if err != nil {
				return err
			}
			defer closing(&err, st.Close)
			kernels, steps := stepOf(c, args)
			kernel, err := oneKernel(c, kernels)
			if err != nil {
				return err
			}
			if steps == nil {
				steps = []lab.Step{{Argv: []string{"sh", "-i"}}}
			}
			r, err := recipe.make(st, kernel, steps)
			if err != nil {
				return err
			}
			r.Terminal = true
			rec, err := atTerminal(c.Context(), s, in, st, r)
			if err != nil {
				return hostError(err)
			}
			return render.LabRun(s.Err, rec, style(s.Err))
		},
	}
	store.flags(c)
	recipe.flags(c)
	return c
}

// atTerminal runs a recipe with a person at its last step.
func atTerminal(ctx context.Context, s Streams, in *os.File, st *labhost.Store, r *lab.Recipe) (*lab.Record, error) {
	columns, rows, err := term.GetSize(int(in.Fd()))
	if err != nil {
		return nil, err
	}
	old, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, err
	}
	defer func() { _ = term.Restore(int(in.Fd()), old) }()
	resized, changed := make(chan [2]int, 1), make(chan os.Signal, 1)
	signal.Notify(changed, unix.SIGWINCH)
	defer signal.Stop(changed)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-changed:
				if c, r, err := term.GetSize(int(in.Fd())); err == nil {
					resized <- [2]int{r, c}
				}
			}
		}
	}()
	fmt.Fprintf(s.Err, "booting %s\r\n", r.Release)
	return st.Run(ctx, *r, labhost.Options{Verb: "shell", Watch: watching(s, false, false), Terminal: &lab.Terminal{Input: in, Rows: rows, Columns: columns, Resized: resized}})
}
