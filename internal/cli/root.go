// Package cli is the command line: one file per verb, each of which turns flags
// into a call of a library or service and renders what comes back.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"ringside/internal/render"
)

// Streams are the standard streams of a command.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// The exit codes of every verb.
const (
	exitDone     = 0
	exitFinding  = 1 // a finding at or above the asked threshold
	exitUsage    = 2 // bad usage or input
	exitInternal = 3
)

// exitError carries an exit code with an error. An error without text has been
// reported already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usage(err error) error { return &exitError{exitUsage, err} }

func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }

// closing ends what a verb has opened. Where the verb did well, that it could
// not be ended in order is what is wrong with it.
func closing(err *error, end func() error) {
	if cerr := end(); cerr != nil {
		*err = errors.Join(*err, &exitError{exitInternal, cerr})
	}
}

// Main runs the command line args and returns the exit code.
func Main(ctx context.Context, args []string, s Streams) int {
	root := New(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	var e *exitError
	if !errors.As(err, &e) {
		// What cobra itself finds wrong is usage: flags, arguments, verbs.
		e = &exitError{exitUsage, err}
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(s.Err, "ringside: "+render.Complaint(text))
	}
	return e.code
}

// New builds the command tree.
func New(s Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "ringside",
		Short: "The workbench and system of record of a kernel team",
		Long: `Ringside turns kernel logs into owned, deduplicated, evidence-backed findings.

  ringside triage console.log     what broke, where, whose it is, what to do
  ringside demo                   the web interface with a seeded data set
  ringside serve                  the system of record for a team`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
	}
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.AddCommand(
		newTriage(s), newCrash(s), newSymbol(s), newOwner(s), newVmcore(s), newProfile(s), newTrace(s), newProbe(s), newTune(s), newBisect(s), newLab(s), newReproduce(s), newTest(s), newBoot(s), newConfig(s), newCVE(s), newPatch(s), newSignature(s), newPush(s), newAnalyseDump(s), newAnalyseRecording(s), newServe(s), newDemo(s), newVersion(s), newMan(),
	)
	root.InitDefaultCompletionCmd()
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%w; see '%s --help'", err, c.CommandPath())
	})
	return root
}

// output is where a verb writes, after its --output flag.
type output struct {
	path     string
	json     bool
	markdown bool
}

func (o *output) flags(c *cobra.Command, markdown bool) {
	c.Flags().StringVarP(&o.path, "output", "o", "", "write to `FILE` instead of standard output")
	c.Flags().BoolVar(&o.json, "json", false, "write JSON; the schemas are in docs/schemas")
	if markdown {
		c.Flags().BoolVar(&o.markdown, "markdown", false, "write Markdown to paste into a tracker or a mail")
		c.MarkFlagsMutuallyExclusive("json", "markdown")
	}
}

// write opens the destination, calls fill and closes it; a file appears only
// when fill succeeded.
func (o *output) write(s Streams, fill func(w io.Writer, st render.Style) error) error {
	if o.path == "" || o.path == "-" {
		if err := fill(s.Out, style(s.Out)); err != nil {
			return fmt.Errorf("write output: %w", err)
		}
		return nil
	}
	if special(o.path) {
		f, err := os.OpenFile(o.path, os.O_WRONLY, 0)
		if err != nil {
			return usagef("open output: %w", err)
		}
		if err := errors.Join(fill(f, render.Style{}), f.Close()); err != nil {
			return fmt.Errorf("write %s: %w", o.path, err)
		}
		return nil
	}
	f, err := os.CreateTemp(dirOf(o.path), ".ringside-*")
	if err != nil {
		return usagef("create output: %w", err)
	}
	defer os.Remove(f.Name())
	if err := errors.Join(fill(f, render.Style{}), f.Chmod(0o644), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", o.path, err)
	}
	if err := os.Rename(f.Name(), o.path); err != nil {
		return fmt.Errorf("write %s: %w", o.path, err)
	}
	return nil
}

// special tells whether a path is a device or a pipe. It is written to: another file put in
// its place would take /dev/null from the whole machine.
func special(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

func dirOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i+1]
	}
	return "."
}

// style finds out how the destination can be written to.
func style(w io.Writer) render.Style {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return render.Style{Color: os.Getenv("CLICOLOR_FORCE") == "1"}
	}
	st := render.Style{Color: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil {
		st.Width = min(width, 140)
	}
	return st
}
