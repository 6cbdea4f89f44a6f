package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ringside/crash"
	"ringside/internal/knownfix"
	"ringside/internal/render"
	"ringside/internal/triage"
	"ringside/owner"
)

// impacts orders what --fail-on compares.
var impacts = []string{"event", "warning", "error", "hang", "oops", "panic"}

func newTriage(s Streams) *cobra.Command {
	var (
		out         output
		failOn      string
		overlay     string
		tree        string
		from        symbolFlags
		maxExpanded int64
		each        bool
		history     historyFlags
	)
	c := &cobra.Command{
		Use:   "triage FILE|DIR|-...",
		Short: "Say what broke, where, whose it is and what to do next",
		Long: `Triage reads an artefact, recognises what it is by its content, and prints the
report a kernel engineer would write about it. It needs no server, no account,
no network and no debug packages.

Kernel logs are read from any transport: serial console, dmesg in all its
formats, /dev/kmsg, syslog, journalctl, netconsole, pstore, CI systems; plain
or compressed with gzip, xz, zstd or bzip2.

A kernel dump is read with nothing but the dump: what is wrong with the kernel
comes first, then what its log says. 'ringside vmcore' has the rest of it.

Stacks get file, line and inlined calls where symbols are at hand: --vmlinux,
--symbols, a debuginfod server that is named, or your own store (see 'ringside
symbol index'). Symbols of another build are refused, and the report says so.
With --tree the owners are those of the crashed kernel's own release.

With --history, a git repository, the kernel CNA's records or a file that 'patch index'
made, it says whether the crash is fixed already, by which change, and in which release.

A profile (perf.data, a folder of perf record --threads) or a trace (trace.dat)
is summed up: what the time went into, the longest waits and who caused them.
'ringside profile' and 'ringside trace' draw it.

A folder or an archive (tar, zip; sosreport, supportconfig, Android bugreport,
syzkaller work directory) is one report: its logs are found, and what several
of them tell is told once, with what the bundle says of its machine.`,
		Example: `  ringside triage console.log
  journalctl -k -b -1 -o json | ringside triage -
  ringside triage --markdown dmesg.txt.gz > report.md
  ringside triage sosreport-web17.tar.xz
  ringside triage --fail-on oops --json logs/ | jq .findings[0].title`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if failOn != "" && !slices.Contains(impacts, failOn) {
				return usagef("--fail-on %s: use one of %s", failOn, strings.Join(impacts, ", "))
			}
			folder := bundled
			if each {
				folder = walk
			}
			ins, cleanup, err := inputs(args, s, spooled, folder)
			defer cleanup()
			if err != nil {
				return err
			}
			o := triage.Options{Limits: limits(maxExpanded), Owners: func() (*owner.Index, error) { return ownerIndex(overlay) }}
			if tree != "" {
				o.Tree = func(release string) (*owner.Index, error) { return treeIndex(c.Context(), tree, release, overlay) }
			}
			if len(history.where) > 0 {
				list, err := history.open(c.Context(), s)
				if err != nil {
					return err
				}
				defer func() { _ = list.Close() }() // it was only read
				o.Fixes = func(r *crash.Report, idx *owner.Index) ([]knownfix.Fix, error) {
					return knownfix.Search(list.indexes(), knownfix.Crash(r, idx), knownfix.KernelOf(r.Kernel, r.Version), 3)
				}
			}
			o.Recording = from.recordings().summarize
			if o.Symbols, err = from.forTriage(s); err != nil {
				return usage(err)
			}
			var bad []error
			found := false
			err = out.write(s, func(w io.Writer, st render.Style) error {
				for i, in := range ins {
					res, err := triage.Run(c.Context(), in, o)
					if err != nil {
						bad = append(bad, err)
						if c.Context().Err() != nil {
							return c.Context().Err()
						}
						// A folder holds other things too.
						var unsupported *triage.UnsupportedError
						if len(ins) > 1 && errors.As(err, &unsupported) {
							fmt.Fprintln(s.Err, "ringside: "+render.Complaint(err.Error()))
							continue
						}
					}
					found = found || failOn != "" && reaches(res, failOn)
					if i > 0 && !out.json {
						fmt.Fprintln(w)
					}
					if err := renderTriage(w, res, out, st); err != nil {
						return err
					}
				}
				return nil
			})
			return verdict(s, err, bad, found)
		},
	}
	out.flags(c, true)
	c.Flags().StringVar(&failOn, "fail-on", "", "exit with 1 if a finding has this `IMPACT` or a graver one: "+strings.Join(impacts, ", "))
	c.Flags().StringVar(&overlay, "owners", os.Getenv("RINGSIDE_OWNERS"), "`FILE` in MAINTAINERS syntax whose entries win over the kernel's (env RINGSIDE_OWNERS)")
	from.register(c)
	history.flags(c, "history", "`WHERE` fixes are looked for: a git repository, the CNA's records, a file that 'patch index' made; may be repeated")
	c.Flags().StringVar(&tree, "tree", "", "`DIR` of a kernel tree or its git repository: owners are those of the crashed kernel's own release")
	c.Flags().BoolVar(&each, "each", false, "one report for each file of a folder")
	c.Flags().Int64Var(&maxExpanded, "max-expanded", 4096, "most `MiB` a compressed input may expand to")
	return c
}

func renderTriage(w io.Writer, res *triage.Result, out output, st render.Style) error {
	switch {
	case out.json:
		return render.JSON(w, res)
	case out.markdown:
		return render.Markdown(w, res)
	}
	return render.Terminal(w, res, st)
}

// reaches reports whether a finding is at least as grave as impact.
func reaches(res *triage.Result, impact string) bool {
	for _, f := range res.Findings {
		if slices.Index(impacts, f.Impact) >= slices.Index(impacts, impact) {
			return true
		}
	}
	return false
}

// verdict turns what happened to the inputs of a verb into its exit.
func verdict(s Streams, err error, bad []error, found bool) error {
	switch {
	case err != nil:
		return &exitError{exitInternal, err}
	case len(bad) > 0:
		return usage(errors.Join(bad...))
	case found:
		return &exitError{exitFinding, nil}
	}
	return nil
}

// ownerIndex is the built-in index with a team's own file over it.
func ownerIndex(overlay string) (*owner.Index, error) {
	idx, err := owner.Default()
	if err != nil {
		return nil, err
	}
	return withOverlay(idx, overlay)
}

func withOverlay(idx *owner.Index, overlay string) (*owner.Index, error) {
	if overlay == "" {
		return idx, nil
	}
	f, err := os.Open(overlay)
	if err != nil {
		return nil, fmt.Errorf("owners file: %w", err)
	}
	defer f.Close()
	o, err := owner.ParseNamed(overlay, f, nil)
	if err != nil {
		return nil, fmt.Errorf("owners file: %w", err)
	}
	return idx.WithOverlay(o), nil
}

// treeIndex is the index of a kernel tree at the source of a release, with a
// team's own file over it.
func treeIndex(ctx context.Context, dir, release, overlay string) (*owner.Index, error) {
	base, err := owner.Default()
	if err != nil {
		return nil, err
	}
	idx, _, err := triage.TreeOwners(ctx, dir, release, base)
	if err != nil {
		return nil, err
	}
	return withOverlay(idx, overlay)
}
