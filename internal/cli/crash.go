package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"ringside/artefact"
	"ringside/crash"
	"ringside/internal/render"
	"ringside/internal/triage"
	"ringside/klog"
)

func newCrash(s Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "crash",
		Short: "Read the reports in kernel logs, and what identifies them",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newCrashParse(s), newCrashSignature(s), newCrashCompare(s), newCrashSimilar(s), newCrashWatch(s))
	return c
}

// parse reads one input as a kernel log. The document holds what could be read
// even when there is an error.
func parse(c *cobra.Command, in triage.Input) (*crash.Document, error) {
	f, err := in.Open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.Name, err)
	}
	defer f.Close()
	a, err := artefact.Open(f, artefact.Limits{})
	if err != nil {
		doc := crash.NewParser(crash.Options{}).Finish(klog.Stats{})
		doc.Input.Name = in.Name
		doc.Notes = append(doc.Notes, crash.Note{Text: "nothing of the input could be read: " + err.Error()})
		return doc, fmt.Errorf("%s: %w", in.Name, err)
	}
	if !a.Format.IsLog() && a.Format != artefact.Empty && a.Format != artefact.Binary {
		return nil, fmt.Errorf("%s: %w", in.Name, &triage.UnsupportedError{Format: a.Format})
	}
	doc, err := crash.Parse(c.Context(), a, crash.Options{})
	doc.Input.Name = in.Name
	if err != nil {
		return doc, fmt.Errorf("%s: %w", in.Name, err)
	}
	return doc, nil
}

// eachDocument parses every input and hands it to show; errors of inputs are
// collected, and what could be read is shown all the same.
func eachDocument(c *cobra.Command, s Streams, args []string, show func(*crash.Document) error) error {
	ins, cleanup, err := inputs(args, s, stream, walk)
	defer cleanup()
	if err != nil {
		return err
	}
	var bad []error
	for _, in := range ins {
		doc, err := parse(c, in)
		if err != nil {
			bad = append(bad, err)
		}
		if doc == nil {
			continue
		}
		if err := show(doc); err != nil {
			return &exitError{exitInternal, err}
		}
	}
	return verdict(s, nil, bad, false)
}

func newCrashParse(s Streams) *cobra.Command {
	var out output
	c := &cobra.Command{
		Use:   "parse FILE|DIR|-...",
		Short: "Print every report found in a log",
		Long: `Parse prints one line per report, or with --json one document per input with
every field and the bytes that it was read from.`,
		Example: "  ringside crash parse --json console.log | jq '.reports[].guilty'",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var inner error
			err := out.write(s, func(w io.Writer, st render.Style) error {
				inner = eachDocument(c, s, args, func(doc *crash.Document) error {
					if out.json {
						return render.JSON(w, doc)
					}
					return render.Reports(w, doc, st)
				})
				var e *exitError
				if errors.As(inner, &e) && e.code == exitInternal {
					return inner
				}
				return nil
			})
			if err != nil {
				return &exitError{exitInternal, err}
			}
			return inner
		},
	}
	out.flags(c, false)
	return c
}

func newCrashSignature(s Streams) *cobra.Command {
	var out output
	c := &cobra.Command{
		Use:   "signature FILE|DIR|-...",
		Short: "Print the signature of every report at its four levels",
		Long: `A signature identifies a crash at four levels, from the narrowest to the widest:

  exact     this build: functions with offsets and sizes
  stack     the functions of the stack, in order
  portable  survives compilers, architectures and rebuilds
  family    the kind's family and the guilty function`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var list []render.Signed
			inner := eachDocument(c, s, args, func(doc *crash.Document) error {
				for i := range doc.Reports {
					r := &doc.Reports[i]
					list = append(list, render.Signed{Input: doc.Input.Name, Report: i, Title: r.Title, Line: r.Lines.First, Signature: r.Signature})
				}
				return nil
			})
			err := out.write(s, func(w io.Writer, st render.Style) error {
				if out.json {
					return render.JSON(w, render.NewSignatures(list))
				}
				return render.SignatureList(w, list, st)
			})
			if err != nil {
				return &exitError{exitInternal, err}
			}
			return inner
		},
	}
	out.flags(c, false)
	return c
}

func newCrashCompare(s Streams) *cobra.Command {
	var (
		out     output
		at      recordAt
		reportA int
		reportB int
	)
	c := &cobra.Command{
		Use:   "compare A B",
		Short: "Say whether two logs show the same defect, and at which level",
		Long: `Compare takes the report that each log is about (or the ones named by --report-a
and --report-b, counted from 1) and says at which levels their signatures agree
and why: each thing that a signature is made from with both values and what the
difference means, and the two stacks side by side with the weight of each frame.
It exits with 1 if they differ at the portable level.`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			ins, cleanup, err := inputs(args, s, stream, walk)
			defer cleanup()
			if err != nil {
				return err
			}
			if len(ins) != 2 {
				return usagef("compare takes two files, not folders")
			}
			var rs [2]*crash.Report
			for i, want := range []int{reportA, reportB} {
				doc, err := parse(c, ins[i])
				if err != nil {
					return usage(err)
				}
				if rs[i], err = pick(doc, want); err != nil {
					return usagef("%s: %w", args[i], err)
				}
			}
			weights, err := at.weights(c.Context(), rs[0], rs[1])
			if err != nil {
				return usage(err)
			}
			cmp := crash.Compare(rs[0], rs[1], weights)
			err = out.write(s, func(w io.Writer, st render.Style) error {
				if out.json {
					return render.JSON(w, cmp)
				}
				both := render.Compared{NameA: args[0], NameB: args[1], A: rs[0], B: rs[1], Comparison: cmp}
				if out.markdown {
					return render.ComparisonMarkdown(w, both)
				}
				return render.Comparison(w, both, st)
			})
			if err != nil {
				return &exitError{exitInternal, err}
			}
			if !cmp.Portable {
				return &exitError{exitFinding, nil}
			}
			return nil
		},
	}
	out.flags(c, true)
	at.flags(c)
	c.Flags().IntVar(&reportA, "report-a", 0, "`N`umber of the report in A; 0 means the one that the log is about")
	c.Flags().IntVar(&reportB, "report-b", 0, "`N`umber of the report in B")
	return c
}

// pick returns report n of doc, counted from 1, or its primary one.
func pick(doc *crash.Document, n int) (*crash.Report, error) {
	switch {
	case n == 0 && doc.Primary == nil:
		return nil, errors.New("the log holds no report")
	case n == 0:
		return &doc.Reports[*doc.Primary], nil
	case n < 1 || n > len(doc.Reports):
		return nil, fmt.Errorf("there is no report %d; the log holds %d", n, len(doc.Reports))
	}
	return &doc.Reports[n-1], nil
}
