package cli

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"ringside/internal/knownfix"
	"ringside/internal/render"
	"ringside/owner"
	"ringside/patch/equiv"
)

func newPatchKnownFix(s Streams) *cobra.Command {
	var out output
	var history historyFlags
	var ask equiv.Crash
	var kernel string
	var limit, report int
	c := &cobra.Command{
		Use:   "known-fix [LOG|-] --index WHERE",
		Short: "Say whether a crash is fixed already, where, and in which release",
		Long: `Known-fix takes what a kernel log shows of a crash – the functions on its stack, their
files, what went wrong – and looks for changes that mend such a thing: that change the
function, name it in their message, touch its file, or speak of the same fault. It says
which releases have the change, whether the stable line of the kernel that crashed is
among them, and what later mended or took back the change itself.

The index is a git repository, a file that 'patch index' made, a kernel.org ChangeLog,
or the kernel CNA's records, which know the fixes of CVEs in every stable line.`,
		Example: `  ringside patch known-fix console.log --index linux
  ringside patch known-fix - --index vulns < dmesg.txt
  ringside patch known-fix --function nft_rbtree_gc_elem --kernel 6.1.50 --index vulns`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if len(history.where) == 0 {
				return usagef("nothing to search: give --index a repository, the kernel CNA's records or what 'patch index' made")
			}
			idx, err := owner.Default()
			if err != nil {
				return &exitError{exitInternal, err}
			}
			doc := render.KnownFixes{Schema: render.KnownFixSchemaID, Searched: history.where, Kernel: kernel, Fixes: []knownfix.Fix{}}
			k := knownfix.KernelOf(kernel, "")
			if len(args) == 1 {
				ins, cleanup, err := inputs(args, s, stream, walk)
				defer cleanup()
				if err != nil {
					return err
				}
				if len(ins) != 1 {
					return usagef("%s: one log is asked about at a time", args[0])
				}
				log, err := parse(c, ins[0])
				if err != nil {
					return usage(err)
				}
				r, err := pick(log, report)
				if err != nil {
					return usagef("%s: %w", args[0], err)
				}
				doc.Crash = r.Title
				of := knownfix.Crash(r, idx)
				ask.Functions = append(ask.Functions, of.Functions...)
				ask.Files = append(ask.Files, of.Files...)
				ask.Text += of.Text
				if kernel == "" {
					doc.Kernel = r.Kernel
					k = knownfix.KernelOf(r.Kernel, r.Version)
				}
			}
			if len(ask.Functions)+len(ask.Files) == 0 {
				return usagef("nothing to ask about: give a kernel log, --function or --file")
			}
			if doc.Crash == "" {
				doc.Crash = strings.Join(append(append([]string{}, ask.Functions...), ask.Files...), ", ")
			}
			doc.Functions, doc.Files = ask.Functions, ask.Files
			list, err := history.open(c.Context(), s)
			if err != nil {
				return err
			}
			defer closing(&err, list.Close)
			found, err := knownfix.Search(list.indexes(), ask, k, limit)
			if err != nil {
				return usage(err)
			}
			doc.Fixes = append(doc.Fixes, found...)
			return out.show(s, doc, func(w io.Writer, st render.Style) error { return render.KnownFixReport(w, doc, st) })
		},
	}
	out.flags(c, false)
	history.flags(c, "index", "`WHERE` fixes are looked for: a git repository, the CNA's records, a ChangeLog, a file that 'patch index' made; may be repeated")
	f := c.Flags()
	f.StringSliceVar(&ask.Functions, "function", nil, "`FUNCTION` that failed; may be repeated, the guilty first")
	f.StringSliceVar(&ask.Files, "file", nil, "source `FILE` that it is in")
	f.StringVar(&ask.Text, "symptom", "", "`WORDS` of what goes wrong, as \"use-after-free\"")
	f.StringVar(&kernel, "kernel", "", "`RELEASE` of the kernel that crashed (default: what the log says)")
	f.IntVarP(&limit, "matches", "n", 5, "how many changes to show")
	f.IntVar(&report, "report", 0, "`N`umber of the report in the log; 0 means the one that the log is about")
	return c
}
