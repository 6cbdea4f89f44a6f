package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ringside/internal/render"
	"ringside/patch"
	"ringside/patch/diff"
	"ringside/patch/plan"
)

func newPatchPlan(s Streams) *cobra.Command {
	var out output
	var in stackFlags
	var stackArg, from, to, series, name string
	var all bool
	c := &cobra.Command{
		Use:   "rebase-plan STACK --from TREE --to TREE",
		Short: "Plan the way of a stack to a new base: what to drop, keep, adapt, decide",
		Long: `Rebase-plan takes a stack with the tree that it is on and the one that it is to go on,
and says of each patch: drop (the new base has it), keep (it goes on as it is), adapt
(with fuzz, or by a three-way merge: to be looked at) or conflict (a person has to
decide, with the lines of both sides); how much work that is, and which patches belong
together because they change the same files.

Sent to a server (ringside push), the plans of one --name show how far the way is, and
how many days it took. Trees are only read. --series writes what goes on into an empty folder, refreshed for
the new base; in its series file what conflicts is a comment. The exit code is 1 where
there are conflicts.`,
		Example: `  ringside patch rebase-plan debian/patches --from linux-6.1 --to linux-6.6
  ringside patch rebase-plan --stack target/linux/generic --release 6.1 --from linux-6.1.176 --to linux-6.6 --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				if stackArg != "" {
					return usagef("the stack is named twice")
				}
				stackArg = args[0]
			}
			if stackArg == "" || from == "" || to == "" {
				return usagef("a stack, --from and --to are needed: the patches, the tree that they are on, and the one that they are to go on")
			}
			stack, err := in.read(c.Context(), s, stackArg)
			if err != nil {
				return err
			}
			old, err := os.OpenRoot(from)
			if err != nil {
				return usage(err)
			}
			defer func() { _ = old.Close() }()
			now, err := os.OpenRoot(to)
			if err != nil {
				return usage(err)
			}
			defer func() { _ = now.Close() }()
			p, err := plan.Make(c.Context(), plan.Input{Patches: stack.Patches, From: old.FS(), To: now.FS()})
			if err != nil {
				return usage(err)
			}
			doc := render.PlanOf(p, from, to)
			doc.Stack, doc.Name = stackArg, name
			if name == "" {
				doc.Name = planName(stackArg, p.Version, to)
			}
			for _, x := range stack.Problems {
				doc.Problems = append(doc.Problems, render.StackProblemDoc(x))
			}
			if series != "" {
				if err := writeRefreshed(p, stackArg, series); err != nil {
					return err
				}
				doc.Series = series
			}
			err = out.show(s, doc, func(w io.Writer, st render.Style) error { return render.PatchPlanReport(w, doc, all, st) })
			if err == nil && doc.Conflict > 0 {
				return &exitError{exitFinding, nil}
			}
			return err
		},
	}
	out.flags(c, false)
	in.flags(c)
	c.Flags().StringVar(&stackArg, "stack", "", "the `STACK`, instead of as an argument")
	c.Flags().StringVar(&from, "from", "", "`TREE` that the stack is on")
	c.Flags().StringVar(&to, "to", "", "`TREE` that it is to go on")
	c.Flags().StringVar(&series, "series", "", "write what goes on, refreshed, into this empty `DIR`")
	c.Flags().StringVar(&name, "name", "", "what a server calls the way to the new base (default: the stack and the new base's version)")
	c.Flags().BoolVar(&all, "all", false, "list all patches")
	return c
}

// planName calls a way by its stack and its end.
func planName(stack, version, to string) string {
	if version == "" {
		version = filepath.Base(filepath.Clean(to))
	}
	if abs, err := filepath.Abs(stack); err == nil {
		stack = abs
	}
	return filepath.Base(stack) + " to " + version
}

// writeRefreshed writes the patches that go on with what they say above their diffs.
func writeRefreshed(p *plan.Plan, stack, dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return usage(err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
		return usagef("%s is not an empty folder", dir)
	}
	var names strings.Builder
	var errs []error
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Action == plan.Drop {
			continue
		}
		name := s.Patch.Name
		if diff.CheckPath(name) != nil || !strings.Contains(filepath.Base(name), ".") {
			name = diff.FileName(i+1, s.Patch.Subject)
		}
		if s.Action == plan.Conflict {
			fmt.Fprintf(&names, "# conflict, as if decided for the patch: %s\n", name)
		} else {
			names.WriteString(name + "\n")
		}
		file := filepath.Join(dir, name)
		text := preamble(s.Patch, stack) + s.Diff
		if s.Diff == "" {
			// It does not go on the old base: as it was.
			if old, err := os.ReadFile(filepath.Join(stack, s.Patch.File)); err == nil {
				text = string(old)
			}
		}
		errs = append(errs, os.MkdirAll(filepath.Dir(file), 0o777), os.WriteFile(file, []byte(text), 0o666))
	}
	errs = append(errs, os.WriteFile(filepath.Join(dir, "series"), []byte(names.String()), 0o666))
	if err := errors.Join(errs...); err != nil {
		return &exitError{exitInternal, err}
	}
	return nil
}

// preamble is what a patch's file has before its diff; of one that is no file of its own, a
// header made of what was read.
func preamble(p *patch.Patch, stack string) string {
	if text, err := os.ReadFile(filepath.Join(stack, p.File)); err == nil && p.Line == 1 && len(p.Files) > 0 {
		lines := strings.SplitAfter(string(text), "\n")
		if n := p.Files[0].Line - 1; n >= 0 && n <= len(lines) {
			return strings.Join(lines[:n], "")
		}
	}
	var b strings.Builder
	if p.Author.String() != "" {
		fmt.Fprintf(&b, "From: %s\n", p.Author)
	}
	subject := strings.Join(append(append([]string{}, p.Tags...), p.Subject), " ")
	fmt.Fprintf(&b, "Subject: %s\n\n%s\n---\n", subject, p.Body)
	return b.String()
}
