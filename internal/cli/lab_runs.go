package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"ringside/internal/labhost"
	"ringside/internal/render"
	"ringside/lab"
)

func newLabRerun(s Streams) *cobra.Command {
	var (
		store labStore
		out   output
		show  bool
		times int
	)
	c := &cobra.Command{
		Use:   "rerun ID|last",
		Short: "Repeat a run, from its exact recipe",
		Long: `Rerun runs the recipe of a run again, and says what is not as it was: another QEMU,
another accelerator, another host. With --times it says how often what came of it.

Ends as lab run does; with --times, with 1 if the verdicts differ or any is not ok.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			st, err := store.open()
			if err != nil {
				return err
			}
			defer closing(&err, st.Close)
			first, err := st.Record(args[0])
			if err != nil {
				return usage(err)
			}
			if times < 1 {
				return usagef("--times %d: once at least", times)
			}
			var list []lab.Record
			bad := false
			for range times {
				rec, err := rerun(c, s, st, first, times > 1 || out.json, show)
				if err != nil {
					return hostError(err)
				}
				list = append(list, *rec)
				bad = bad || rec.Outcome.Verdict != lab.VerdictOK
				if rec.Outcome.Verdict == lab.VerdictInterrupted {
					break
				}
			}
			if times == 1 {
				if err := showEnd(&out, s, &list[0]); err != nil {
					return err
				}
				return verdictOf(&list[0].Outcome)
			}
			if err := out.show(s, render.LabRuns{Schema: render.LabRunsSchemaID, Runs: list}, func(w io.Writer, style render.Style) error {
				return render.LabTable(w, list, style)
			}); err != nil {
				return err
			}
			if bad {
				return &exitError{exitFinding, nil}
			}
			return nil
		},
	}
	store.flags(c)
	out.flags(c, false)
	c.Flags().IntVar(&times, "times", 1, "how often")
	c.Flags().BoolVar(&show, "console", false, "show the console as it comes, on standard error")
	return c
}

// rerun repeats a run and notes what has changed since.
func rerun(c *cobra.Command, s Streams, st *labhost.Store, first *lab.Record, quiet, show bool) (*lab.Record, error) {
	a, err := st.Accelerator(c.Context(), first.Recipe.Arch, first.Recipe.Accel)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	var differs []string
	for _, d := range []struct{ what, was, is string }{{"QEMU", first.Machine.QEMU, a.QEMU}, {"accelerator", first.Machine.Accel, a.Accel}, {"host", first.Machine.Host, host}} {
		if d.was != d.is {
			differs = append(differs, fmt.Sprintf("%s %s, was %s", d.what, d.is, d.was))
		}
	}
	return st.Run(c.Context(), first.Recipe, labhost.Options{Verb: first.Verb, Rerun: first.ID, Differs: differs, Watch: watching(s, show, quiet)})
}

func newLabList(s Streams) *cobra.Command {
	var (
		store   labStore
		out     output
		verdict string
		limit   int
	)
	c := &cobra.Command{
		Use:   "list",
		Short: "List runs, the newest first",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) (err error) {
			st, err := store.open()
			if err != nil {
				return err
			}
			defer closing(&err, st.Close)
			all, err := st.Runs()
			if err != nil {
				return hostError(err)
			}
			list := []lab.Record{}
			for i := range all {
				if (verdict == "" || string(all[i].Outcome.Verdict) == verdict) && (limit == 0 || len(list) < limit) {
					list = append(list, all[i])
				}
			}
			return out.show(s, render.LabRuns{Schema: render.LabRunsSchemaID, Runs: list}, func(w io.Writer, style render.Style) error {
				return render.LabTable(w, list, style)
			})
		},
	}
	store.flags(c)
	out.flags(c, false)
	c.Flags().StringVar(&verdict, "verdict", "", "only runs with this `VERDICT`: ok, failed, crashed, hung, flood, infra, interrupted")
	c.Flags().IntVar(&limit, "limit", 50, "at most `N` runs; 0 is all")
	return c
}

func newLabShow(s Streams) *cobra.Command {
	var (
		store labStore
		out   output
		file  string
	)
	c := &cobra.Command{
		Use:   "show ID|last",
		Short: "Show a run: what became of it, and what it was made of",
		Long: `Show prints a run's record. With --file it prints one of its files instead: console.log,
step-1.stdout, collected.tar, vmcore.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) (err error) {
			st, err := store.open()
			if err != nil {
				return err
			}
			defer closing(&err, st.Close)
			rec, err := st.Record(args[0])
			if err != nil {
				return usage(err)
			}
			if file == "" {
				return showRun(&out, s, rec)
			}
			f, err := os.Open(filepath.Join(st.Folder(rec.ID), filepath.Base(file)))
			if err != nil {
				return usage(err)
			}
			defer f.Close()
			return out.write(s, func(w io.Writer, _ render.Style) error {
				_, err := io.Copy(w, f)
				return err
			})
		},
	}
	store.flags(c)
	out.flags(c, false)
	c.Flags().StringVar(&file, "file", "", "print this `FILE` of the run")
	return c
}

func newLabAdd(s Streams) *cobra.Command {
	var store labStore
	c := &cobra.Command{
		Use:   "add FILE...",
		Short: "Add contents to the store, for recipes that come from elsewhere",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) (err error) {
			st, err := store.open()
			if err != nil {
				return err
			}
			defer closing(&err, st.Close)
			for _, name := range args {
				content, err := st.AddFile(name)
				if err != nil {
					return usage(err)
				}
				if _, err := fmt.Fprintf(s.Out, "%s  %s\n", content.SHA256, name); err != nil {
					return err
				}
			}
			return nil
		},
	}
	store.flags(c)
	return c
}

func newLabDoctor(s Streams) *cobra.Command {
	var (
		store labStore
		out   output
		again bool
	)
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say how machines are run on this host, and why",
		Long: `Doctor boots a canary, the smallest kernel that does what every kernel does in its first
second, with each accelerator that this host seems to have. What runs it is used. The
answer is kept until QEMU, the host's kernel or /dev/kvm change; --again asks anew.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			st, err := store.open()
			if err != nil {
				return err
			}
			defer closing(&err, st.Close)
			if again {
				if err := st.Forget(); err != nil {
					return hostError(err)
				}
			}
			d := render.LabDoctor{Schema: render.LabDoctorSchemaID, Machines: []lab.Accelerator{}, Missing: []string{}}
			for _, arch := range []string{"x86_64", "arm64"} {
				a, err := st.Accelerator(c.Context(), arch, "auto")
				if err != nil {
					d.Missing = append(d.Missing, arch+": "+err.Error())
					continue
				}
				d.Machines = append(d.Machines, *a)
			}
			if err := out.show(s, d, func(w io.Writer, style render.Style) error { return render.LabDoctorReport(w, &d, style) }); err != nil {
				return err
			}
			if len(d.Machines) == 0 {
				return &exitError{exitFinding, nil}
			}
			return nil
		},
	}
	store.flags(c)
	out.flags(c, false)
	c.Flags().BoolVar(&again, "again", false, "ask the canary again")
	return c
}
