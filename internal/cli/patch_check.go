package cli

import (
	"bytes"
	"context"
	"debug/elf"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ringside/internal/patchtools"
	"ringside/internal/render"
	"ringside/owner"
	"ringside/patch"
	"ringside/patch/apply"
	"ringside/patch/check"
	"ringside/symbol/btf"
)

// checkFlags say what a review may ask.
type checkFlags struct {
	tree, target, policy, history, sender string
	tools                                 []string
	off                                   []string
	build                                 string
	before, after                         string
	rules                                 bool
}

func newPatchCheck(s Streams) *cobra.Command {
	var out output
	var in stackFlags
	var f checkFlags
	var format, failOn string
	c := &cobra.Command{
		Use:   "check FILE|DIR|-",
		Short: "Review patches as a maintainer would",
		Long: `Check reads patches and says what a maintainer would: of the message and its trailers
(submitting-patches, stable-kernel-rules), of the order of a series, of licences, exported
symbols, user space's interfaces, and of the bugs that changed functions get: locks that
stay held, sleeps under spinlocks, leaks, references, memory that is used after it was
freed.

With --tree each patch is applied in memory to what the ones before have left, and the
functions that it changes are read before and after: only what a patch brings is said.
--history names a repository to look up the commits that are named, --policy who has to
approve which area, --tools other tools to run on each patch (checkpatch, sparse,
coccinelle, smatch), --build a configured build folder in which the objects that each
step touches are built. Nothing of the tree is changed.

--rules lists the rules with the documents that they are from. The exit code is 1 where a
finding is at least as grave as --fail-on.`,
		Example: `  ringside patch check 0001-net-fix-leak.patch --tree linux
  ringside patch check outgoing/ --tree linux --history linux --tools checkpatch
  ringside patch check --git linux v6.12.. --policy rights.yaml --fail-on warning --format sarif -o review.sarif`,
		Args: func(c *cobra.Command, args []string) error {
			if f.rules {
				return cobra.NoArgs(c, args)
			}
			return cobra.ExactArgs(1)(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if f.rules {
				return out.write(s, func(w io.Writer, _ render.Style) error { return render.PatchRules(w, check.Rules()) })
			}
			limit := check.Severity(failOn)
			if failOn != "never" && limit != check.Error && limit != check.Warning && limit != check.Note {
				return usagef("--fail-on %s: want error, warning, note or never", failOn)
			}
			stack, err := in.read(c.Context(), s, args[0])
			if err != nil {
				return err
			}
			doc, err := f.review(c.Context(), stack)
			if err != nil {
				return err
			}
			if err := showReview(s, &out, format, doc); err != nil {
				return err
			}
			if failOn != "never" && doc.Worst(limit) {
				return &exitError{exitFinding, nil}
			}
			return nil
		},
	}
	out.flags(c, true)
	in.flags(c)
	c.Flags().StringVar(&f.tree, "tree", "", "source `TREE` that the patches are for")
	c.Flags().StringVar(&f.target, "for", "", "where the patches go: upstream, stable or downstream (default: what they say)")
	c.Flags().StringVar(&f.policy, "policy", "", "YAML `FILE` that says who has to approve which area")
	c.Flags().StringVar(&f.history, "history", "", "git repository `DIR` to look up commits in that are named")
	c.Flags().StringVar(&f.sender, "sender", "", "`WHO` sends the patches: \"Name <address>\"")
	c.Flags().StringSliceVar(&f.tools, "tools", nil, "other `TOOLS` to run: "+strings.Join(patchtools.Names(), ", ")+", or all")
	c.Flags().StringSliceVar(&f.off, "disable", nil, "`RULES` that are not to be asked")
	c.Flags().StringVar(&f.build, "build", "", "configured build `DIR` of the tree: objects that each step touches are built in a copy")
	c.Flags().StringVar(&f.before, "btf-before", "", "`VMLINUX` before the patches: types are compared")
	c.Flags().StringVar(&f.after, "btf-after", "", "`VMLINUX` after them")
	c.Flags().BoolVar(&f.rules, "rules", false, "list the rules")
	c.Flags().StringVar(&format, "format", "text", "`FORMAT` to write: text, json, markdown or sarif")
	c.Flags().StringVar(&failOn, "fail-on", "error", "`SEVERITY` from which the exit code is 1: error, warning, note or never")
	c.MarkFlagsMutuallyExclusive("format", "json")
	c.MarkFlagsMutuallyExclusive("format", "markdown")
	c.MarkFlagsRequiredTogether("btf-before", "btf-after")
	return c
}

func showReview(s Streams, out *output, format string, doc render.PatchCheck) error {
	switch format {
	case "text":
	case "json":
		out.json = true
	case "markdown":
		out.markdown = true
	case "sarif":
		return out.show(s, doc, func(w io.Writer, _ render.Style) error { return render.PatchAudit(doc).SARIF(w, "") })
	default:
		return usagef("--format %s: want text, json, markdown or sarif", format)
	}
	return out.show(s, doc, func(w io.Writer, st render.Style) error {
		if out.markdown {
			return render.PatchReviewMarkdown(w, doc)
		}
		return render.PatchReview(w, doc, st)
	})
}

// review asks all that is given.
func (f *checkFlags) review(ctx context.Context, stack *patch.Stack) (render.PatchCheck, error) {
	doc := render.PatchCheck{Schema: render.PatchCheckSchemaID, Stack: stack.Name, Tools: []render.ToolRun{}}
	o, err := f.options(ctx)
	if err != nil {
		return doc, err
	}
	tools, err := patchtools.Select(f.tools)
	if err != nil {
		return doc, usage(err)
	}
	doc.Report = check.Stack(stack, o)
	if f.before != "" {
		before, err := readBTF(f.before)
		if err != nil {
			return doc, err
		}
		after, err := readBTF(f.after)
		if err != nil {
			return doc, err
		}
		doc.Merge(check.Types(before, after))
	}
	for _, t := range tools {
		found, err := patchtools.Run(ctx, t, stack, patchtools.Where{Tree: f.tree, Build: f.build})
		run := render.ToolRun{Name: t, Ran: err == nil || len(found) > 0, Found: len(found)}
		if err != nil {
			run.Reason = err.Error()
		}
		doc.Tools = append(doc.Tools, run)
		doc.Merge(found)
	}
	if f.build != "" {
		if f.tree == "" {
			return doc, usagef("--build needs --tree, the source that the build folder belongs to")
		}
		found, err := patchtools.Build(ctx, stack, patchtools.Where{Tree: f.tree, Build: f.build})
		run := render.ToolRun{Name: "build", Ran: err == nil, Found: len(found)}
		if err != nil {
			run.Reason = err.Error()
		}
		doc.Tools = append(doc.Tools, run)
		doc.Merge(found)
	}
	return doc, nil
}

func (f *checkFlags) options(ctx context.Context) (check.Options, error) {
	o := check.Options{Target: check.Target(f.target), Disabled: f.off, Sender: person(f.sender)}
	switch o.Target {
	case "", check.Upstream, check.Stable, check.Downstream:
	default:
		return o, usagef("--for %s: want upstream, stable or downstream", f.target)
	}
	for _, id := range f.off {
		if check.RuleByID(id).Title == "" {
			return o, usagef("--disable %s: there is no such rule; --rules lists them", id)
		}
	}
	base, err := owner.Default()
	if err != nil {
		return o, &exitError{exitInternal, err}
	}
	o.Owners = base
	if f.tree != "" {
		if _, err := treeVersion(f.tree); err != nil {
			return o, err
		}
		o.Tree = apply.New(os.DirFS(f.tree))
		if idx, err := owner.ParseTree(f.tree, os.DirFS(f.tree), base); err == nil {
			o.Owners = idx
		}
	}
	if f.policy != "" {
		file, err := os.Open(f.policy)
		if err != nil {
			return o, usage(err)
		}
		defer file.Close()
		if o.Policy, err = check.ReadPolicy(file); err != nil {
			return o, usagef("%s: %w", f.policy, err)
		}
	}
	if f.history != "" {
		if _, err := git(ctx, f.history, nil, "rev-parse", "--git-dir"); err != nil {
			return o, err
		}
		o.Lookup = lookup(ctx, f.history)
	}
	return o, nil
}

// lookup asks a repository for commits; each once.
func lookup(ctx context.Context, dir string) func(string) (check.Commit, bool) {
	known := map[string]check.Commit{}
	return func(id string) (check.Commit, bool) {
		if strings.Trim(id, "0123456789abcdef") != "" {
			return check.Commit{}, false
		}
		c, ok := known[id]
		if !ok {
			if text, err := git(ctx, dir, nil, "log", "-1", "--format=%H %s", id, "--"); err == nil {
				c.ID, c.Subject, _ = strings.Cut(strings.TrimSpace(string(text)), " ")
			}
			known[id] = c
		}
		return c, c.ID != ""
	}
}

func person(s string) patch.Person {
	name, address, ok := strings.Cut(s, "<")
	if !ok {
		return patch.Person{Email: strings.TrimSpace(s)}
	}
	return patch.Person{Name: strings.TrimSpace(name), Email: strings.TrimRight(strings.TrimSpace(address), "> ")}
}

// readBTF reads the type information of a vmlinux, or a file that is nothing else.
func readBTF(name string) (*btf.Spec, error) {
	data, err := os.ReadFile(filepath.Clean(name))
	if err != nil {
		return nil, usage(err)
	}
	if f, err := elf.NewFile(bytes.NewReader(data)); err == nil {
		sec := f.Section(".BTF")
		if sec == nil {
			return nil, usagef("%s has no BTF: build with CONFIG_DEBUG_INFO_BTF", name)
		}
		if data, err = sec.Data(); err != nil {
			return nil, usagef("%s: .BTF: %w", name, err)
		}
	}
	spec, err := btf.Parse(data, nil)
	if err != nil {
		return nil, usagef("%s: %w", name, err)
	}
	return spec, nil
}
