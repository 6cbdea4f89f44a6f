package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/owner"
	"ringside/patch"
	"ringside/patch/apply"
	"ringside/patch/landed"
	"ringside/patch/stack"
)

func newPatchStack(s Streams) *cobra.Command {
	var out output
	var in stackFlags
	var history historyFlags
	var tree, on, name string
	var full bool
	c := &cobra.Command{
		Use:   "stack FILE|DIR|RANGE",
		Short: "Say where each patch of a stack stands, and what to do with it",
		Long: `Stack holds the patches of a stack against a source tree (--tree) and against histories
(--upstream), and says of each whether upstream has it, since when, whether it was taken
back or mended there, whether it still applies, how old it is and whose; and what to do:

  repair   a later fix is missing, upstream took it back, it does not apply
  drop     the tree has it
  rework   the tree has some of it, or upstream did it in another way
  send     nothing says that it was sent
  watch    it was sent, or comes with a later release
  keep     it says that it is not for upstream

The tree's content decides, not names: a patch counts as there if its lines are, or what
later changes have left of them. 'ringside push' sends the JSON to a server, which keeps
how the stack went. The number of patches that are not to be dropped is the
figure "patch stack size".`,
		Example: `  ringside patch stack debian/patches --tree linux-6.12
  ringside patch stack target/linux/generic --release 6.1 --tree linux-6.6 --markdown
  ringside patch stack --git linux v6.1..vendor-6.1 --upstream linux --full`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			st, err := in.read(c.Context(), s, args[0])
			if err != nil {
				return err
			}
			if name != "" {
				st.Name = name
			}
			report, err := standing(c.Context(), s, st, tree, on, &history)
			if err != nil {
				return err
			}
			return out.show(s, report, func(w io.Writer, style render.Style) error {
				if out.markdown {
					return render.StackMarkdown(w, report)
				}
				return render.StackReport(w, report, full, style)
			})
		},
	}
	out.flags(c, true)
	in.flags(c)
	history.flags(c, "upstream", "`WHERE` upstream's changes are: a git repository, a file that 'patch index' made, a folder of patches; may be repeated")
	c.Flags().StringVar(&name, "name", "", "`NAME` of the stack in the report, and in a server that it is pushed to")
	c.Flags().StringVar(&tree, "tree", "", "source `TREE` that the stack is to be held against")
	c.Flags().StringVar(&on, "date", "", "`DAY` that ages are counted to, as 2026-12-01 (default: today)")
	c.Flags().BoolVar(&full, "full", false, "list all patches, with the evidence")
	return c
}

// standing makes the report of a stack.
func standing(ctx context.Context, s Streams, st *patch.Stack, tree, on string, history *historyFlags) (_ *stack.Report, err error) {
	if tree == "" && len(history.where) == 0 {
		return nil, usagef("nothing to hold the stack against: give --tree a source tree or --upstream a history")
	}
	input := stack.Input{Stack: st, Tree: tree, Now: time.Now()}
	if on != "" {
		if input.Now, err = time.Parse(time.DateOnly, on); err != nil {
			return nil, usagef("--date: %w", err)
		}
	}
	if tree != "" {
		if input.TreeVersion, err = treeVersion(tree); err != nil {
			return nil, err
		}
		if input.Landed, err = landed.New(os.DirFS(tree)).Stack(st.Patches); err != nil {
			return nil, usage(err)
		}
		input.Apply = applied(apply.New(os.DirFS(tree)), st.Patches)
	}
	list, err := history.open(ctx, s)
	if err != nil {
		return nil, err
	}
	defer closing(&err, list.Close)
	input.Upstream = list.indexes()
	if input.Owners, err = ownersOf(); err != nil {
		return nil, err
	}
	report, err := stack.Build(input)
	if err != nil {
		return nil, usage(err)
	}
	return report, nil
}

// applied puts patches on a tree, one after the other.
func applied(tree *apply.Tree, patches []*patch.Patch) []stack.Applied {
	out := make([]stack.Applied, len(patches))
	for i, p := range patches {
		r := tree.Apply(p, apply.Options{})
		out[i] = stack.Applied{Outcome: r.Outcome.String(), Why: whyNot(&r)}
	}
	return out
}

// whyNot says in a line what keeps a patch from going on.
func whyNot(r *apply.Result) string {
	if r.Outcome != apply.Fail {
		return ""
	}
	if r.There {
		return "the tree has it already"
	}
	for i := range r.Files {
		f := &r.Files[i]
		if f.Err != nil {
			return fmt.Sprintf("%s: %s", f.Path, f.Err)
		}
		for k := range f.Hunks {
			if f.Hunks[k].Outcome == apply.Fail {
				return fmt.Sprintf("%s: %s", f.Path, f.Hunks[k].Why())
			}
		}
	}
	return ""
}

// ownersOf names the subsystems of files.
func ownersOf() (func([]string) []string, error) {
	idx, err := owner.Default()
	if err != nil {
		return nil, &exitError{exitInternal, err}
	}
	return func(paths []string) []string {
		var out []string
		seen := map[string]bool{}
		for _, p := range paths {
			for _, m := range idx.File(p) {
				if m.Subsystem != "THE REST" && !seen[m.Subsystem] {
					seen[m.Subsystem] = true
					out = append(out, m.Subsystem)
				}
				break // the most specific
			}
			if len(out) == 4 {
				break
			}
		}
		return out
	}, nil
}

var versionLine = regexp.MustCompile(`(?m)^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION)[ \t]*=[ \t]*(\S*)`)

// treeVersion reads which version a source tree is.
func treeVersion(tree string) (string, error) {
	f, err := os.Open(filepath.Join(tree, "Makefile"))
	if err != nil {
		return "", usagef("%s is no kernel's source tree: %w", tree, err)
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, _ := io.ReadFull(f, head)
	part := map[string]string{}
	for _, m := range versionLine.FindAllStringSubmatch(string(head[:n]), -1) {
		part[m[1]] = m[2]
	}
	if part["VERSION"] == "" {
		return "", usagef("%s is no kernel's source tree: its Makefile has no VERSION", tree)
	}
	v := part["VERSION"] + "." + part["PATCHLEVEL"]
	if sub := part["SUBLEVEL"]; sub != "" && sub != "0" {
		v += "." + sub
	}
	return v + part["EXTRAVERSION"], nil
}

func newPatchFixes(s Streams) *cobra.Command {
	var out output
	var in stackFlags
	var history historyFlags
	var fail bool
	c := &cobra.Command{
		Use:   "fixes FILE|DIR|RANGE --upstream WHERE",
		Short: "List the later fixes that a stack lacks",
		Long: `Fixes follows the Fixes: tags of upstream's history from the changes that a stack was
taken from, also through stable, and lists those that the stack lacks, with what takes
its changes back.`,
		Example: `  ringside patch fixes --upstream linux debian/patches
  ringside patch fixes --git linux v6.1..vendor-6.1 --upstream mainline.idx --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(history.where) == 0 {
				return usagef("fixes are looked for in a history: give --upstream a repository or an index")
			}
			st, err := in.read(c.Context(), s, args[0])
			if err != nil {
				return err
			}
			report, err := standing(c.Context(), s, st, "", "", &history)
			if err != nil {
				return err
			}
			doc := render.PatchFixesOf(report)
			err = out.show(s, doc, func(w io.Writer, style render.Style) error { return render.FixesReport(w, doc, style) })
			if err == nil && fail && len(doc.Missing) > 0 {
				return &exitError{exitFinding, nil}
			}
			return err
		},
	}
	out.flags(c, false)
	in.flags(c)
	c.Flags().BoolVar(&fail, "fail-missing", false, "exit with 1 if a fix is lacking")
	history.flags(c, "upstream", "`WHERE` upstream's changes are: a git repository, a file that 'patch index' made; may be repeated")
	return c
}
