package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"ringside/artefact"
	"ringside/internal/render"
	"ringside/ktest"
)

func newTest(s Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "test",
		Short: "Read what tests of kernels print, and compare runs",
		Long: `Test reads the results of KUnit, kselftest, LTP and others out of whatever they were
printed to, a console among other things, and holds runs against each other.

A run that was cut, or whose kernel died in the middle, never passes. Two tests of one name
are two tests.`,
	}
	c.AddCommand(newTestImport(s), newTestCompare(s), newTestFlakes(s))
	return c
}

// testNames are what is said of a run that it does not say itself.
type testNames struct{ name, kernel, arch, machine string }

func (n *testNames) flags(c *cobra.Command) {
	c.Flags().StringVar(&n.kernel, "kernel", "", "`RELEASE` that was tested, where the results do not say")
	c.Flags().StringVar(&n.arch, "arch", "", "`ARCH` of the machine")
	c.Flags().StringVar(&n.machine, "machine", "", "`NAME` of the machine or board")
}

func (n *testNames) apply(r *ktest.Run, in string) {
	for _, x := range []struct {
		to   *string
		from string
	}{{&r.Name, n.name}, {&r.Environment.Kernel, n.kernel}, {&r.Environment.Arch, n.arch}, {&r.Environment.Machine, n.machine}} {
		if x.from != "" {
			*x.to = x.from
		}
	}
	if r.Name == "" {
		r.Name = filepath.Base(in)
	}
}

func newTestImport(s Streams) *cobra.Command {
	var (
		out   output
		names testNames
		junit bool
		all   bool
		fail  bool
	)
	c := &cobra.Command{
		Use:   "import FILE|-...",
		Short: "Read results and say what they amount to",
		Long: `Import recognises by content: KTAP and TAP in all dialects (KUnit, kselftest, nested, with
printk's prefixes, among other output), LTP's text, kirk's JSON, JUnit, and the numbers of
stress-ng (YAML), fio and iperf3 (JSON). What does not add up is said: plans that are not
kept, parents that say ok while a child failed, a kernel that died in the middle.

With --json it prints a run (test-run.v1), which ringside push sends to a server and
ringside test compare reads; with --junit JUnit's XML. With --fail it ends with 1 unless all
runs passed.`,
		Example: `  ringside test import console.log
  ringside lab show last --file step-1.stdout | ringside test import -
  ringside test import results.xml --json -o run.json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 1 && (out.json || junit) {
				return usagef("--json and --junit write one run: give one file")
			}
			var bad []error
			passed := true
			for _, path := range args {
				run, err := readTests(s, path, &names)
				if err != nil {
					bad = append(bad, fmt.Errorf("%s: %w", path, err))
				}
				if run == nil {
					continue
				}
				passed = passed && (run.Status == ktest.Pass || run.Status == ktest.Skip)
				if err := out.write(s, func(w io.Writer, st render.Style) error {
					switch {
					case out.json:
						return render.JSON(w, run)
					case junit:
						return render.TestJUnit(w, run)
					case out.markdown:
						return render.TestRunMarkdown(w, run)
					}
					return render.TestRun(w, run, all, st)
				}); err != nil {
					return &exitError{exitInternal, err}
				}
			}
			return verdict(s, nil, bad, fail && !passed)
		},
	}
	out.flags(c, true)
	names.flags(c)
	c.Flags().StringVar(&names.name, "name", "", "`NAME` of the run; the file's if not given")
	c.Flags().BoolVar(&junit, "junit", false, "write JUnit's XML")
	c.Flags().BoolVar(&all, "all", false, "name all tests, not only those that speak against the run")
	c.Flags().BoolVar(&fail, "fail", false, "end with 1 unless all passed")
	return c
}

// readTests reads one input, compressed or not, or a run that was written with --json.
func readTests(s Streams, path string, names *testNames) (*ktest.Run, error) {
	var in io.ReadCloser
	if path == "-" {
		in = io.NopCloser(s.In)
	} else {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		in = f
	}
	defer in.Close()
	text, err := artefact.Open(in, artefact.Limits{})
	if err != nil {
		return nil, err
	}
	run, err := ktest.Read(text)
	if run != nil {
		names.apply(run, path)
	}
	return run, err
}

func newTestCompare(s Streams) *cobra.Command {
	var (
		out  output
		fail bool
	)
	c := &cobra.Command{
		Use:   "compare BASE NEW",
		Short: "Say which tests a new run breaks, mends, brings and lacks",
		Long: `Compare reads two runs, in any format that import reads, or as import --json wrote them.
With --fail it ends with 1 if a test regressed, is new and bad, or is gone.`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			var runs [2]*ktest.Run
			for i, path := range args {
				run, err := readTests(s, path, &testNames{})
				if err != nil {
					return usagef("%s: %w", path, err)
				}
				runs[i] = run
			}
			cmp := ktest.Compare(runs[0], runs[1])
			if err := out.show(s, cmp, func(w io.Writer, st render.Style) error { return render.TestComparison(w, cmp, st) }); err != nil {
				return err
			}
			if fail && cmp.Counts[ktest.Regressed]+cmp.Counts[ktest.NewBad]+cmp.Counts[ktest.Gone] > 0 {
				return &exitError{exitFinding, nil}
			}
			return nil
		},
	}
	out.flags(c, false)
	c.Flags().BoolVar(&fail, "fail", false, "end with 1 if something got worse")
	return c
}
