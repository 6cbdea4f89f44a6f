package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ringside/internal/labhost"
	"ringside/internal/render"
	"ringside/kconfig/dotconfig"
	"ringside/ktest"
	"ringside/lab"
)

func newLabTest(s Streams) *cobra.Command {
	var (
		store  labStore
		recipe labRecipe
		out    output
		suite  string
		cmds   []string
		all    bool
		list   bool
	)
	c := &cobra.Command{
		Use:   "test KERNEL [--suite NAME] [-- COMMAND...]",
		Short: "Boot a kernel, run tests in it, and read their results",
		Long: `Test runs a suite, or a command that prints results in any format that ringside test import
reads, in a machine of the kernel. A machine that died or hung is a run that did not pass,
whatever had passed before. Ends with 1 unless all passed.

--list names the suites; kselftest:DIR runs the programs of a folder of the guest's.`,
		Example: `  ringside lab test linux-image.deb --suite fio
  ringside lab test bzImage --suite kunit
  ringside lab test linux-image.deb --root virtiofs --suite kselftest:/usr/lib/kselftests/timers
  ringside lab test linux-image.deb --file ./mytest:/mytest -- /mytest`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			if list {
				return out.show(s, render.TestSuites{Schema: render.TestSuitesSchemaID, Suites: ktest.Suites()}, func(w io.Writer, st render.Style) error {
					return render.TestSuiteList(w, ktest.Suites(), st)
				})
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
			for _, line := range cmds {
				steps = append(steps, lab.Step{Argv: []string{"sh", "-c", line}})
			}
			var tests ktest.Suite
			if suite != "" {
				var ok bool
				if tests, ok = ktest.FindSuite(suite); !ok {
					return usagef("there is no suite %q: ringside lab test --list names them", suite)
				}
				if err := recipe.take(st, kernel, &tests); err != nil {
					return err
				}
				for _, argv := range tests.Steps {
					steps = append(steps, lab.Step{Name: tests.Name, Argv: argv})
				}
			}
			if len(steps) == 0 && !tests.Console {
				return usagef("what is to be tested? Give --suite NAME, or a command after --")
			}
			r, err := recipe.make(st, kernel, steps)
			if err != nil {
				return err
			}
			rec, err := st.Run(c.Context(), *r, labhost.Options{Verb: "test", Watch: lab.Watch{}})
			if err != nil {
				return hostError(err)
			}
			run, err := testsOf(st, rec, tests.Console)
			if err != nil {
				return hostError(err)
			}
			if run.Name = suite; suite == "" {
				run.Name = strings.Join(steps[0].Argv, " ")
			}
			if err := out.write(s, func(w io.Writer, style render.Style) error {
				switch {
				case out.json:
					return render.JSON(w, run)
				case out.markdown:
					return render.TestRunMarkdown(w, run)
				}
				return render.TestRun(w, run, all, style)
			}); err != nil {
				return &exitError{exitInternal, err}
			}
			if err := render.LabRun(s.Err, rec, style(s.Err)); err != nil {
				return err
			}
			if run.Status != ktest.Pass && run.Status != ktest.Skip {
				return &exitError{exitFinding, nil}
			}
			return nil
		},
	}
	store.flags(c)
	recipe.flags(c)
	out.flags(c, true)
	c.Flags().StringVar(&suite, "suite", "", "`NAME` of a suite")
	c.Flags().StringArrayVar(&cmds, "do", nil, "`LINE` for the guest's shell, one step each; may be repeated")
	c.Flags().BoolVar(&all, "all", false, "name all tests, not only those that speak against the run")
	c.Flags().BoolVar(&list, "list", false, "list the suites and run nothing")
	return c
}

// take makes a recipe fit for a suite, and says what the kernel lacks for it.
func (l *labRecipe) take(st *labhost.Store, path string, tests *ktest.Suite) error {
	l.cmdline = append(l.cmdline, tests.Cmdline...)
	l.with = append(l.with, tests.With...)
	if len(tests.Needs) == 0 {
		return nil
	}
	k, err := st.Kernel(path, l.release)
	if err != nil {
		return usage(err)
	}
	if k.Config == "" {
		return nil // nothing is known of it: the run tells
	}
	f, err := os.Open(k.Config)
	if err != nil {
		return hostError(err)
	}
	defer f.Close()
	config, err := dotconfig.Parse(f)
	if err != nil {
		return usage(err)
	}
	if missing := tests.Needed(config.Text); len(missing) > 0 {
		return usagef("this kernel cannot run %s: it is built without %s", tests.Name, strings.Join(missing, ", "))
	}
	return nil
}

// testsOf reads the results of a run's steps, or of its console.
func testsOf(st *labhost.Store, rec *lab.Record, console bool) (*ktest.Run, error) {
	run := &ktest.Run{At: rec.Began, Environment: ktest.Environment{Kernel: rec.Recipe.Release, Arch: rec.Recipe.Arch, Machine: "qemu " + rec.Machine.Accel, Cmdline: strings.Join(rec.Recipe.Cmdline, " ")}}
	add := func(name, what string) error {
		f, err := os.Open(filepath.Join(st.Folder(rec.ID), name))
		if os.IsNotExist(err) {
			return nil // the step printed nothing
		}
		if err != nil {
			return err
		}
		defer f.Close()
		part, err := ktest.Read(f)
		if part == nil {
			return nil // output that is no test's: the step's status speaks
		}
		if err != nil {
			run.Problems = append(run.Problems, ktest.Problem{Text: what + ": " + err.Error(), Severe: true})
		}
		run.Format = part.Format
		run.Tests = append(run.Tests, part.Tests...)
		run.Metrics = append(run.Metrics, part.Metrics...)
		run.Problems = append(run.Problems, part.Problems...)
		run.Totals.Missing += part.Totals.Missing
		return nil
	}
	if console {
		if err := add(rec.Outcome.Console.File, "the console"); err != nil {
			return nil, err
		}
	}
	for i := range rec.Outcome.Steps {
		x := &rec.Outcome.Steps[i]
		before := len(run.Tests) + len(run.Metrics)
		if err := add(x.Stdout.File, fmt.Sprintf("step %d", i+1)); err != nil {
			return nil, err
		}
		if len(run.Tests)+len(run.Metrics) > before && !x.Failed() {
			continue
		}
		t := ktest.Result{Name: strings.Join(x.Argv, " "), Status: ktest.Pass, Took: x.Took.Seconds()}
		switch {
		case !x.Done:
			t.Status, t.Reason = ktest.Crashed, "it never returned"
		case x.Error != "":
			t.Status, t.Reason = ktest.Error, x.Error
		case x.Failed():
			t.Status, t.Reason = ktest.Fail, fmt.Sprintf("it returned %d", x.Exit)
		}
		run.Tests = append(run.Tests, t)
	}
	if o := &rec.Outcome; o.Verdict != lab.VerdictOK && o.Verdict != lab.VerdictFailed {
		run.Problems = append(run.Problems, ktest.Problem{Text: "the machine " + string(o.Verdict) + ": " + o.Reason, Severe: true})
	}
	return run.Judge(), nil
}
